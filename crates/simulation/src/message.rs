//! What travels: through the log, and over the network.

use heliostat_bus::Payload;
use heliostat_proto::connection::Opening;
use heliostat_proto::connection::client::{Frame, Place, StartAnswer, Turn};

/// The number of a client process.
pub(crate) type ClientNumber = usize;
/// The number of a server.
pub(crate) type ServerNumber = usize;
/// The number of a SignalR connection: what its id is in the real world.
pub(crate) type ConnectionNumber = usize;
/// The number of a transport connection in the network.
pub(crate) type WireNumber = usize;
/// The number of a group.
pub(crate) type Group = u8;

/// What the log carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its place among everything that was ever accepted by a log of the simulation, from 1 on.
    pub(crate) order: u64,
    pub(crate) body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Message,
    Initialize,
    Join(Group),
    Leave(Group),
}

impl Payload for Entry {
    fn bytes(&self) -> usize {
        100
    }

    fn is_command(&self) -> bool {
        self.body != Body::Message
    }
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    All,
    Group(Group),
    Connection(ConnectionNumber),
}

/// A message as the client gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The published message of this order.
    Message(u64),
    /// The result of this call.
    Result(u32),
}

/// Something on its way. Everything between one client and the servers goes over the client's path.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Negotiate(Turn),
    Start(Turn, ConnectionNumber),
    Abort(ConnectionNumber),
    /// A call by a request of its own.
    Call(u32),
    Negotiated(Turn, ConnectionNumber),
    StartAnswered(Turn, StartAnswer),
    CallAnswered(u32),
    CallFailed(u32),

    // The rest travels on one wire, in order.
    Open {
        wire: WireNumber,
        how: Opening,
        place: Place,
    },
    ClosedByClient(WireNumber),
    CallOn(WireNumber, u32),
    Pong(WireNumber),
    Opened(WireNumber),
    Says(WireNumber, Frame<Received>),
    Ping(WireNumber),
    ClosedByServer(WireNumber),
}

impl Packet {
    /// The wire it travels on, if it is not a request of its own.
    pub(crate) fn wire(&self) -> Option<WireNumber> {
        match *self {
            Self::Open { wire, .. }
            | Self::ClosedByClient(wire)
            | Self::CallOn(wire, _)
            | Self::Pong(wire)
            | Self::Opened(wire)
            | Self::Says(wire, _)
            | Self::Ping(wire)
            | Self::ClosedByServer(wire) => Some(wire),
            Self::Negotiate(_)
            | Self::Start(..)
            | Self::Abort(_)
            | Self::Call(..)
            | Self::Negotiated(..)
            | Self::StartAnswered(..)
            | Self::CallAnswered(_)
            | Self::CallFailed(_) => None,
        }
    }
}
