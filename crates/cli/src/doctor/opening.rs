//! The request that opens a receive channel, and what kept it from opening.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use heliostat::TransportKind;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::channel::{Channel, Decoder, Wrapping};
use super::site::{Answer, Site};
use super::unreachable::Unreachable;

/// How long the body of a refusal may take; its status says most.
const REFUSAL: Duration = Duration::from_secs(2);

/// How much of it is read.
const LONGEST_REFUSAL: usize = 4096;

/// Why a channel did not open.
#[derive(Debug)]
pub(super) enum NotOpened {
    Unreachable(Unreachable),
    /// Another status, or another kind of content, than the transport has.
    Refused(Answer),
    /// The status says that it opened, and the headers do not fit.
    Malformed(String),
}

/// An open channel and the head of the answer that opened it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) channel: Channel,
    pub(super) headers: HeaderMap,
}

/// Opens the receive channel of a streaming transport.
pub(super) async fn open(site: &Site, kind: TransportKind, token: &str) -> Result<Opened, NotOpened> {
    if kind == TransportKind::WebSockets {
        return open_socket(site, token, None).await;
    }
    let (wrapping, content) = if kind == TransportKind::ForeverFrame {
        (Wrapping::ForeverFrame, "text/html")
    } else {
        (Wrapping::EventStream, "text/event-stream")
    };
    let parameters =
        [("transport", kind.as_str()), ("connectionToken", token), ("frameId", "1"), ("tid", "1")];
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(content))]);
    let opened = site.open(Method::GET, site.url("connect", &parameters), headers).await;
    let mut response = opened.map_err(NotOpened::Unreachable)?;
    let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if response.status() != StatusCode::OK || !said.unwrap_or_default().starts_with(content) {
        return Err(NotOpened::Refused(refusal(&mut response).await));
    }
    let headers = response.headers().clone();
    Ok(Opened { channel: Channel::Stream(response, Decoder::new(wrapping)), headers })
}

/// Upgrades to a WebSocket, perhaps as a page from elsewhere would.
pub(super) async fn open_socket(
    site: &Site,
    token: &str,
    origin: Option<&HeaderValue>,
) -> Result<Opened, NotOpened> {
    let parameters = [("transport", "webSockets"), ("connectionToken", token), ("tid", "1")];
    let key = BASE64_STANDARD.encode(fastrand::u128(..).to_be_bytes());
    let mut headers = HeaderMap::from_iter([
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    ]);
    headers.extend(HeaderValue::try_from(&key).map(|key| (header::SEC_WEBSOCKET_KEY, key)));
    headers.extend(origin.map(|origin| (header::ORIGIN, origin.clone())));
    let opened = site.open(Method::GET, site.url("connect", &parameters), headers).await;
    let mut response = opened.map_err(NotOpened::Unreachable)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(NotOpened::Refused(refusal(&mut response).await));
    }
    let headers = response.headers().clone();
    let accepts = derive_accept_key(key.as_bytes());
    for (name, expected) in [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_ACCEPT, &accepts)] {
        if let Some(wrong) = difference(&headers, name, expected) {
            return Err(NotOpened::Malformed(wrong));
        }
    }
    let upgraded = response.upgrade().await;
    let upgraded = upgraded.map_err(|error| NotOpened::Unreachable(Unreachable::of(&error)))?;
    let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    Ok(Opened { channel: Channel::Socket(Box::new(socket)), headers })
}

fn difference(headers: &HeaderMap, name: HeaderName, expected: &str) -> Option<String> {
    let said = headers.get(&name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (!said.eq_ignore_ascii_case(expected))
        .then(|| format!("the header {name} says '{said}' and not '{expected}'"))
}

/// The beginning of an answer that is a refusal.
async fn refusal(response: &mut reqwest::Response) -> Answer {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= LONGEST_REFUSAL {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(REFUSAL, read).await;
    let headers = response.headers().clone();
    Answer { status: response.status(), headers, body: body.into(), took: Duration::ZERO }
}
