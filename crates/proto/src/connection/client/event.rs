//! What an application hears of its connection.

use super::{ClientError, SendRefusal};
use crate::connection::LinkId;
use crate::transport_kind::TransportKind;

/// News for the application, as the official clients name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `stateChanged`
    StateChanged {
        /// The state it left.
        from: Phase,
        /// The state it is in.
        to: Phase,
    },
    /// `connectionSlow`: nothing was heard for two thirds of the time after which the connection counts as lost.
    ConnectionSlow,
    /// `reconnecting`
    Reconnecting,
    /// `reconnected`
    Reconnected,
    /// `error`; it is also the last error from now on.
    Error(ClientError),
    /// `disconnected` or `Closed`: it is over, until the next start.
    Closed,
}

/// The state of a connection as applications know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `connecting`
    Connecting,
    /// `connected`
    Connected,
    /// `reconnecting`
    Reconnecting,
    /// `disconnected`
    Disconnected,
}

/// How something can be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// On this transport connection.
    On(LinkId),
    /// By a request of its own, whose answer brings the result.
    ByRequest(TransportKind),
    /// Not at all.
    Refused(SendRefusal),
}
