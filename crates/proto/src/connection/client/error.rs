//! Why a client's connection did not start, or ended.

use std::time::Duration;

use crate::protocol_version::ProtocolVersion;

/// Why a start failed, or why a connection ended although nobody stopped it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The application stopped the connection before it had started.
    #[error("the connection was stopped before it had started; start it again when it is wanted")]
    Stopped,
    /// The negotiation request failed.
    #[error("the server did not answer the negotiation; see that the address is right and the server runs")]
    NegotiationFailed,
    /// The server refused the client.
    #[error("the server refuses this client: {reason}")]
    Refused {
        /// What it said.
        reason: Box<str>,
    },
    /// One server sent the client to the next without end.
    #[error("{redirects} servers in a row sent the client elsewhere; let one of them accept it")]
    TooManyRedirects {
        /// How many there were.
        redirects: u8,
    },
    /// The server speaks a version that this client does not.
    #[error("the server speaks protocol {offered}, this client {lowest} to {highest}; update the older one")]
    Version {
        /// The server's version.
        offered: ProtocolVersion,
        /// The lowest this client speaks.
        lowest: ProtocolVersion,
        /// The highest.
        highest: ProtocolVersion,
    },
    /// No transport worked.
    #[error("no transport could be started; see that a proxy on the way lets long answers or polls through")]
    NoTransport,
    /// The transport worked and the start request failed: no other transport is tried then.
    #[error("the server did not answer the start request as it should; its log says why, or a proxy does")]
    StartFailed,
    /// The transport connection broke while the start request was on its way.
    #[error("the transport connection was lost before the start was complete; start again")]
    LostWhileStarting,
    /// More messages came before the start was complete than a client keeps.
    #[error("more than {limit} messages came before the start was complete; answer the start request sooner")]
    TooMuchTooSoon {
        /// How many are kept.
        limit: usize,
    },
    /// The client could not reconnect in time.
    #[error("the connection could not be re-established within {within:?}; start a new one after a pause")]
    TimedOut {
        /// The server's disconnect timeout.
        within: Duration,
    },
    /// The process did not run for longer than the server waits, because the machine slept, say.
    #[error(
        "this client did not run for {slept:?}, and the server waits for {window:?}; start a new connection"
    )]
    Slept {
        /// How long it did not run.
        slept: Duration,
        /// How long it may be silent.
        window: Duration,
    },
    /// The server ended the connection.
    #[error("the server ended the connection{}{}", if reason.is_some() { ": " } else { "" }, reason.as_deref().unwrap_or_default())]
    EndedByServer {
        /// What it said, if it said something.
        reason: Option<Box<str>>,
    },
}

/// Why something could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendRefusal {
    /// The connection is not started.
    #[error("the connection is disconnected; start it before sending")]
    Disconnected,
    /// The start is not complete.
    #[error("the connection has not finished connecting; wait for its start to complete before sending")]
    Connecting,
    /// The one channel of this transport is being re-established.
    #[error("the WebSocket is being re-established; send again once the connection has reconnected")]
    Reconnecting,
}
