//! One payload, encoded once per wire format and shared by all its readers.
//!
//! The cursor in a delivery is the number of its last message (not the reader's place), so a delivery that carries exactly one
//! message is byte for byte the same for everyone on the same transport. It is built by the first reader that needs it and kept
//! beside the message; every other reader costs one reference count.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use heliostat_bus::Payload;
use heliostat_proto::{id::ConnectionId, name::HubName};
use tokio::sync::mpsc;

/// What travels through the log.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and each is in an `Arc` of its own")]
pub(crate) enum Outgoing {
    /// For clients.
    Message(Encoded),
    /// For the transport connection that reads it.
    Command(Command),
}

/// One message for clients: JSON that was serialised once.
#[derive(Debug)]
pub(crate) struct Encoded {
    json: Bytes,
    except: Box<[ConnectionId]>,
    /// Whose call it is, if not everybody who reads it wants it.
    of: Option<HubName>,
    frames: [OnceLock<Bytes>; Format::COUNT],
}

/// The wire formats that a single message's delivery is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    WebSocket,
    EventStream,
    EventStreamChunk,
    ForeverFrame,
    ForeverFrameChunk,
    LongPolling,
}

impl Format {
    const COUNT: usize = 6;
}

/// A change that the reading transport connection makes to itself (spec 5.7). It never reaches the client as a message.
#[derive(Debug)]
pub(crate) enum Command {
    /// The next delivery says that the connection is initialised (`S`).
    Initialize,
    /// From here on the connection reads this group too.
    AddToGroup { group: String, acknowledge: Acknowledge },
    /// From here on it does not.
    RemoveFromGroup { group: String, acknowledge: Acknowledge },
}

/// Tells whoever waits that the command has been carried out.
///
/// A command can be read more than once (replay after a reconnect), so this is a channel and not a one-shot: the first reader
/// wakes the waiter, later ones find nobody.
pub(crate) type Acknowledge = mpsc::Sender<()>;

impl Outgoing {
    pub(crate) fn message(json: Bytes, except: &[ConnectionId]) -> Arc<Self> {
        Self::call(json, except, None)
    }

    /// A call of this hub, in a topic that its readers read for other hubs as well.
    pub(crate) fn call(json: Bytes, except: &[ConnectionId], of: Option<HubName>) -> Arc<Self> {
        Arc::new(Self::Message(Encoded { json, except: except.into(), of, frames: Default::default() }))
    }
}

impl Encoded {
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// Whether this connection, which `hears` some hubs, is meant.
    pub(crate) fn is_for(&self, id: ConnectionId, hears: impl FnOnce(&HubName) -> bool) -> bool {
        !self.except.contains(&id) && self.of.as_ref().is_none_or(hears)
    }

    /// The whole delivery of this one message in `format`, made by `build` if nobody has needed it yet.
    pub(crate) fn frame(&self, format: Format, build: impl FnOnce() -> Bytes) -> Bytes {
        let slot = match format {
            Format::WebSocket => &self.frames[0],
            Format::EventStream => &self.frames[1],
            Format::EventStreamChunk => &self.frames[2],
            Format::ForeverFrame => &self.frames[3],
            Format::ForeverFrameChunk => &self.frames[4],
            Format::LongPolling => &self.frames[5],
        };
        slot.get_or_init(build).clone()
    }
}

impl Payload for Outgoing {
    /// The payload and one encoded copy of it: most messages are kept for one transport.
    fn bytes(&self) -> usize {
        const OVERHEAD: usize = 160;
        match self {
            Self::Message(message) => 2 * message.json.len() + OVERHEAD,
            Self::Command(Command::Initialize) => OVERHEAD,
            Self::Command(Command::AddToGroup { group, .. } | Command::RemoveFromGroup { group, .. }) => {
                group.len() + OVERHEAD
            }
        }
    }

    fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}
