//! The WebSocket handshake of RFC 6455, section 4.2, and nothing more: no sub-protocol, no extension (spec 6.2).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use super::answer::{Answer, answer};
use crate::transport::response_body::ResponseBody;

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    accept: HeaderValue,
    pub(crate) on_upgrade: OnUpgrade,
}

impl Upgrade {
    /// `None` if the request does not ask for a WebSocket, or the host cannot give one.
    pub(crate) fn take(parts: &mut Parts) -> Option<Self> {
        let headers = &parts.headers;
        let asks = lists(headers, &header::UPGRADE, "websocket")
            && lists(headers, &header::CONNECTION, "upgrade")
            && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?;
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
        let on_upgrade = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { accept, on_upgrade })
    }

    /// The answer that lets the socket begin.
    pub(crate) fn switch(&self) -> Answer {
        let mut answer = answer(StatusCode::SWITCHING_PROTOCOLS, None, ResponseBody::switch());
        let headers = answer.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        answer
    }
}

/// Whether a header that holds a comma-separated list names `token`.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}
