//! What happens to a SignalR connection.

use crate::connection::LinkId;
use crate::transport_kind::TransportKind;

/// What happened to a SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A receive request was accepted: the first news about this transport connection, which carries the
    /// SignalR connection from now on.
    Opened {
        /// A number that no other transport connection of this SignalR connection has had.
        link: LinkId,
        /// What was opened.
        kind: TransportKind,
        /// What the client asked for.
        how: Opening,
    },
    /// The client sent its start request (since 1.4).
    Started,
    /// Bytes went out on this transport connection. May be told late, with the time at which they went out.
    Wrote(LinkId),
    /// Something came from the client on this transport connection: a message, or the answer to a ping. May
    /// be told late, with the time at which it came, but before the next [`Tick`](Self::Tick).
    Heard(LinkId),
    /// This long poll was completed in the normal way; the client will poll again.
    Answered(LinkId),
    /// The physical connection under this transport connection is gone, or its client closed it.
    Lost(LinkId),
    /// The client stopped.
    Aborted,
    /// The application wants the client to go.
    Disconnect,
    /// The application wants the client to go because messages to it were lost.
    MessagesLost,
    /// This server is being emptied, and the client is to go on elsewhere, under the same id.
    Leave,
    /// Another server carries the connection now.
    Moved,
    /// This server ends.
    ShuttingDown,
    /// Time passed; see [`ServerConnection::poll_timeout`](super::ServerConnection::poll_timeout).
    Tick,
}

/// What a client that opens a transport connection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// To connect; a start request will follow (since 1.4).
    ConnectDelayed,
    /// To connect; no start request will follow (below 1.4).
    ConnectAtOnce,
    /// To go on after a loss.
    Reconnect,
    /// To go on with the next long poll.
    Poll,
}
