//! A WebSocket: asked for by an HTTP request like any other, so that proxies, TLS, cookies and headers are alike.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Text, error::CapacityError};

use super::{News, Opener, Reporter, Unwanted};
use crate::driver::{Outgoing, Whose};
use crate::error::RequestError;
use crate::exchange::accepted;

/// Whoever closes waits so long for the server to close too.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);
/// How much is read at once. A quiet connection needs little.
const READ_BUFFER: usize = 4 * 1024;

type Socket = WebSocketStream<reqwest::Upgraded>;

pub(super) async fn run(opener: Opener, outgoing: mpsc::UnboundedReceiver<Outgoing>, reporter: Reporter) {
    let mut outgoing = outgoing;
    let socket = tokio::select! {
        socket = open(&opener) => socket,
        // The driver closes it while it opens.
        None = outgoing.recv() => return,
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return drop(reporter.tell(News::Lost(error)).await),
    };
    if reporter.tell(News::Opened).await.is_err() {
        return;
    }
    let limit = opener.session.longest_message();
    let (mut sink, mut stream) = socket.split();
    let lost = tokio::select! {
        lost = read(&mut stream, &reporter, limit) => lost,
        lost = write(&mut sink, &mut outgoing) => lost,
    };
    match lost {
        Some(error) => drop(reporter.tell(News::Lost(error)).await),
        None => {
            let farewell = async {
                let _ = sink.close().await;
                while let Some(Ok(_)) = stream.next().await {}
            };
            let _ = timeout(FAREWELL_LIMIT, farewell).await;
        }
    }
}

async fn open(opener: &Opener) -> Result<Socket, RequestError> {
    let key = generate_key();
    let request = opener
        .request(Method::GET)
        .await?
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let answer = request.send().await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let answer = accepted(answer).await?;
        return Err(RequestError::NotAWebSocket(format!("it answered {}", answer.status()).into()));
    }
    let accepts = answer.headers().get(SEC_WEBSOCKET_ACCEPT).map(http::HeaderValue::as_bytes);
    if accepts != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(RequestError::NotAWebSocket("its answer belongs to another request".into()));
    }
    let longest = opener.session.longest_message();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest));
    Ok(WebSocketStream::from_raw_socket(answer.upgrade().await?, Role::Client, Some(config)).await)
}

/// Tells what comes; why it is over, or nothing if nobody wants to know.
async fn read(stream: &mut SplitStream<Socket>, reporter: &Reporter, limit: usize) -> Option<RequestError> {
    loop {
        let told = match stream.next().await {
            Some(Ok(Text::Text(text))) => reporter.tell_frame(&text).await,
            Some(Ok(Text::Binary(bytes))) => reporter.tell_frame(&String::from_utf8_lossy(&bytes)).await,
            Some(Ok(Text::Ping(_) | Text::Pong(_) | Text::Frame(_))) => Ok(()),
            Some(Ok(Text::Close(_))) | None => return Some(RequestError::Ended),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                return Some(RequestError::TooLong { limit });
            }
            Some(Err(error)) => return Some(RequestError::WebSocket(Arc::new(error))),
        };
        if let Err(Unwanted) = told {
            return None;
        }
    }
}

/// Writes what is to be sent; why it is over, or nothing if the driver closes it.
async fn write(
    sink: &mut SplitSink<Socket, Text>,
    outgoing: &mut mpsc::UnboundedReceiver<Outgoing>,
) -> Option<RequestError> {
    while let Some(Outgoing { text, whose, permit }) = outgoing.recv().await {
        if let Err(error) = sink.send(Text::text(text.as_ref())).await {
            return Some(RequestError::WebSocket(Arc::new(error)));
        }
        drop(permit);
        if let Whose::Sender(done) = whose {
            // Whoever does not wait any more need not know.
            let _ = done.send(Ok(()));
        }
    }
    None
}
