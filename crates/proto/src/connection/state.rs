//! The states of a SignalR connection as one server sees it, each holding only what is true in it.
//!
//! ```text
//!             Opened                        Started | Opened
//! Awaited ------------> Attached(stage) ---------------------> Attached(later stage)
//!    |                    |       ^
//!    | Started      Lost, |       | Opened
//!    |          Answered, |       |
//!    |         timed out  v       |
//!    +-----------------> Detached(stage) --- grace over, Aborted, Disconnect ---> Ended ---> Forgotten
//! ```
//!
//! Every state leads to [`State::Forgotten`] as soon as there is nothing to remember: the connection moved to
//! another server, this server ends, or a client is given up that never started here. [`Stage`] only moves
//! forward, [`State::Ended`] is left only for [`State::Forgotten`], and that is never left.

use std::time::Instant;

use super::link::Link;
use super::server::Reason;
use super::timeouts::Timeouts;

/// What one server knows about a SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The record exists and nothing has come yet.
    Awaited {
        /// When nobody waits any longer.
        until: Instant,
    },
    /// A transport connection carries it.
    Attached {
        /// What the application knows.
        stage: Stage,
        /// What carries it.
        link: Link,
    },
    /// No transport connection carries it, and its client may still come back.
    Detached {
        /// What the application knows.
        stage: Stage,
        /// When it was last carried, or started here without being carried.
        since: Instant,
        /// When the client is given up.
        until: Instant,
    },
    /// It is over. What remains is a tombstone, so that a client that comes back too late is told so.
    Ended {
        /// Why.
        reason: Reason,
        /// When the tombstone may go.
        until: Instant,
    },
    /// Nothing is known about it any more, and nothing that happens here has an effect.
    Forgotten,
}

impl State {
    /// The transport connection that carries the SignalR connection now.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        match self {
            Self::Attached { link, .. } => Some(link),
            Self::Awaited { .. } | Self::Detached { .. } | Self::Ended { .. } | Self::Forgotten => None,
        }
    }

    /// When something is due if nothing happens before.
    pub(super) fn due(&self, timeouts: &Timeouts) -> Option<Instant> {
        match self {
            Self::Attached { link, .. } => link.due(timeouts),
            Self::Awaited { until } | Self::Detached { until, .. } | Self::Ended { until, .. } => {
                Some(*until)
            }
            Self::Forgotten => None,
        }
    }
}

/// What the application has been told about a SignalR connection, or is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// A client is connecting. The application knows nothing of it and is not told if it goes away again.
    Initializing,
    /// A long-polling client that must have started on another server goes on here. The application has been
    /// told nothing here, and is told of the end.
    Adopted,
    /// The application has been told that the connection is there.
    Started,
}
