//! What a peer can do wrong, as one type for whoever only wants to answer "your request broke this rule".
//!
//! Each error lives next to the rule it is about; this gathers them. All of them are the peer's fault. Their texts
//! are for logs and for developers of clients; they may repeat what the client sent, so an answer that a browser
//! might show should carry a text of its own.

use crate::classic::InvocationError;
use crate::connection_data::ConnectionDataError;
use crate::frame::forever_frame::FrameIdError;
use crate::frame::jsonp::CallbackError;
use crate::id::ConnectionIdError;
use crate::transport_kind::TransportKindError;

/// A rule of the protocol that a peer broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The `transport` parameter.
    #[error(transparent)]
    Transport(#[from] TransportKindError),
    /// The id inside a connection token.
    #[error(transparent)]
    ConnectionId(#[from] ConnectionIdError),
    /// The `connectionData` parameter.
    #[error(transparent)]
    ConnectionData(#[from] ConnectionDataError),
    /// The `callback` parameter.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The `frameId` parameter.
    #[error(transparent)]
    FrameId(#[from] FrameIdError),
    /// A call of a hub method.
    #[error(transparent)]
    Invocation(#[from] InvocationError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_a_peer_says_the_same_through_the_common_type() {
        fn check(error: impl Into<ProtocolError> + ToString) {
            let text = error.to_string();
            assert_eq!(error.into().to_string(), text);
        }
        check(crate::transport_kind::TransportKind::parse("x").unwrap_err());
        check(crate::id::ConnectionId::parse("x").unwrap_err());
        check(crate::connection_data::parse(Some("x")).unwrap_err());
        check(crate::frame::jsonp::Callback::parse("1").unwrap_err());
        check(crate::frame::forever_frame::FrameId::parse("x").unwrap_err());
        check(crate::classic::HubInvocation::parse("x").unwrap_err());
    }
}
