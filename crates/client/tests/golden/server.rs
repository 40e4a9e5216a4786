//! Says what the original server said, and notes whatever the client does otherwise than recorded.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt, stream};
use heliostat_client::TransportKind;
use heliostat_proto::parameters::Parameters;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use crate::conversation::{Conversation, Receive};

/// A server with one conversation to have.
pub(crate) struct Replay {
    address: std::net::SocketAddr,
    script: Arc<Script>,
    task: AbortHandle,
}

struct Script {
    conversation: Conversation,
    /// How many messages of the client have come.
    sent: watch::Sender<usize>,
    /// Receive requests, the ids of calls as recorded and as sent, and what was seen.
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    receives: usize,
    ids: Vec<(String, String)>,
    seen: Vec<String>,
    mistakes: Vec<String>,
}

impl Replay {
    pub(crate) async fn of(conversation: Conversation) -> Self {
        let script = Arc::new(Script { conversation, sent: watch::Sender::new(0), state: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }).abort_handle();
        Self { address, script, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.script.state.lock().unwrap().seen.clone()
    }

    /// Everything that was recorded has happened, and nothing else.
    pub(crate) fn finish(&self, name: &str) {
        let state = self.script.state.lock().unwrap();
        assert!(state.mistakes.is_empty(), "{name}: {:#?}", state.mistakes);
        let conversation = &self.script.conversation;
        assert_eq!(*self.script.sent.borrow(), conversation.sends.len(), "{name}: {:?}", state.seen);
        assert_eq!(
            state.seen.iter().any(|seen| seen == "abort"),
            conversation.is_aborted,
            "{name}: {:?}",
            state.seen
        );
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let command = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let query = Parameters::from_query(request.uri().query().unwrap_or_default());
    script.state.lock().unwrap().seen.push(command.clone());
    let json = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    match command.as_str() {
        "negotiate" => (json, script.conversation.negotiation.clone()).into_response(),
        "start" => (json, script.conversation.start.clone()).into_response(),
        "abort" => StatusCode::OK.into_response(),
        "send" => {
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let body = script.take(Parameters::from_form(&body).get("data").unwrap_or_default());
            (json, body.unwrap_or_default()).into_response()
        }
        "connect" | "reconnect" | "poll" => match script.next_receive(&command, &query) {
            Some(receive) => receive_on(script, receive, request).await,
            // Whatever comes after the recording waits for the end.
            None => std::future::pending().await,
        },
        other => {
            script.mistake(format!("an unexpected request: {other}"));
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

impl Script {
    fn mistake(&self, what: String) {
        self.state.lock().unwrap().mistakes.push(what);
    }

    /// The next message of the client; what is to be answered to the request that carries it.
    fn take(&self, text: &str) -> Option<String> {
        let number = *self.sent.borrow();
        let Some(expected) = self.conversation.sends.get(number) else {
            self.mistake(format!("an unexpected message: {text}"));
            return None;
        };
        match &expected.call {
            None if text == expected.text => {}
            None => self.mistake(format!("sent {text} instead of {}", expected.text)),
            Some(call) => {
                let (mut ours, mut theirs): (Value, Value) =
                    (serde_json::from_str(text).unwrap(), call.clone());
                let (id, recorded) = (ours["I"].take(), theirs["I"].take());
                // Recorded by hand: clients leave out a state that is empty.
                if theirs["S"].as_object().is_some_and(serde_json::Map::is_empty) {
                    theirs.as_object_mut().unwrap().remove("S");
                }
                if ours != theirs {
                    self.mistake(format!("called {ours} instead of {theirs}"));
                }
                self.state.lock().unwrap().ids.push((recorded.to_string(), id.as_str().unwrap().to_owned()));
            }
        }
        let body = expected.body.as_deref().map(|body| self.renumbered(body));
        self.sent.send_modify(|sent| *sent += 1);
        body
    }

    /// A text of the server with the client's own numbers of its calls.
    fn renumbered(&self, text: &str) -> String {
        self.state.lock().unwrap().ids.iter().fold(text.to_owned(), |text, (recorded, id)| {
            text.replace(&format!("\"I\":\"{recorded}\""), &format!("\"I\":\"{id}\""))
                .replace(&format!("\"I\":\"P|{recorded}\""), &format!("\"I\":\"P|{id}\""))
        })
    }

    fn next_receive(&self, command: &str, query: &Parameters) -> Option<Receive> {
        let mut state = self.state.lock().unwrap();
        let receive = self.conversation.receives.get(state.receives)?.clone();
        state.receives += 1;
        let (cursor, token) = (query.get("messageId"), query.get("groupsToken"));
        let ours = (command, cursor, token);
        let theirs = (receive.command.as_str(), receive.cursor.as_deref(), receive.groups_token.as_deref());
        if ours != theirs {
            state.mistakes.push(format!("asked {ours:?} instead of {theirs:?}"));
        }
        Some(receive)
    }

    async fn wait_for(&self, messages: usize) {
        self.sent.subscribe().wait_for(|sent| *sent >= messages).await.unwrap();
    }
}

async fn receive_on(script: Arc<Script>, receive: Receive, request: Request) -> Response {
    match script.conversation.kind {
        TransportKind::WebSockets => web_socket(script, receive, request),
        TransportKind::LongPolling => {
            let Some((after, text)) = receive.pieces.last().cloned() else {
                script.wait_for(receive.cut_after.unwrap_or(usize::MAX)).await;
                return StatusCode::BAD_GATEWAY.into_response();
            };
            script.wait_for(after).await;
            ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], script.renumbered(&text))
                .into_response()
        }
        TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
            let pieces = receive.pieces.into_iter().map(Some).chain([None]);
            let body = stream::iter(pieces).then(move |piece| {
                let script = Arc::clone(&script);
                async move {
                    match piece {
                        Some((after, text)) => {
                            script.wait_for(after).await;
                            Bytes::from(script.renumbered(&text))
                        }
                        None => {
                            script.wait_for(receive.cut_after.unwrap_or(usize::MAX)).await;
                            Bytes::new()
                        }
                    }
                }
            });
            let body = Body::from_stream(body.map(Ok::<_, Infallible>));
            ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
        }
    }
}

fn web_socket(script: Arc<Script>, receive: Receive, mut request: Request) -> Response {
    let key = request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes().to_vec();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(socket) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(socket), Role::Server, None).await;
        let (mut sink, mut stream) = socket.split();
        let say = async {
            for (after, text) in receive.pieces {
                script.wait_for(after).await;
                sink.send(Message::text(script.renumbered(&text))).await.unwrap();
            }
            script.wait_for(receive.cut_after.unwrap_or(usize::MAX)).await;
        };
        let listen = async {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message {
                    script.take(&text);
                }
            }
        };
        tokio::select! { () = say => {}, () = listen => {} }
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, "Upgrade".parse().unwrap());
    headers.insert(header::UPGRADE, "websocket".parse().unwrap());
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key).parse().unwrap());
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
