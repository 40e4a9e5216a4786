//! What a server knows of one connection: a record with everything in it, or when all is over, a tombstone.
//!
//! A record may be over too, while its last transport connection ends: whoever asks finds no difference.

use std::{sync::Arc, time::Instant};

use heliostat_proto::id::ConnectionId;

use super::{Event, Farewell, Record, Tombstone};
use crate::{inspection::ConnectionInfo, server::Core};

/// What a server knows of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Record(Arc<Record>),
    Tombstone(Arc<Tombstone>),
}

impl Known {
    /// The connection; if it is over, what its client is to read.
    pub(crate) fn living(self) -> Result<Arc<Record>, Farewell> {
        match self {
            Self::Record(record) if record.is_over() => Err(record.farewell()),
            Self::Record(record) => Ok(record),
            Self::Tombstone(tombstone) => Err(tombstone.farewell()),
        }
    }

    /// All that is known of one that lives, or whose end is not over.
    pub(crate) fn record(self) -> Option<Arc<Record>> {
        match self {
            Self::Record(record) => Some(record),
            Self::Tombstone(_) => None,
        }
    }

    /// Whether it is unknown again, and will not be found any more in a moment.
    pub(crate) fn is_forgotten(&self) -> bool {
        match self {
            Self::Record(record) => record.is_forgotten(),
            Self::Tombstone(_) => false,
        }
    }

    /// For whoever inspects the server; `None` if there is nothing to say yet or any more.
    pub(crate) fn info(&self, core: &Core, id: ConnectionId) -> Option<ConnectionInfo> {
        match self {
            Self::Record(record) => record.info(core),
            Self::Tombstone(tombstone) => Some(tombstone.info(core, id)),
        }
    }

    /// When it began, how many events are forgotten, and what happened lately.
    pub(crate) fn history(&self, core: &Core) -> (Instant, u32, Vec<Event>) {
        match self {
            Self::Record(record) => record.history(),
            Self::Tombstone(tombstone) => tombstone.history(core),
        }
    }
}
