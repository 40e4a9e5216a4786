//! A long-polling client, as plain as can be: it negotiates, connects, starts, polls in the background and sends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use heliostat::{ConnectionId, HeliostatService, Server, User};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tower_service::Service;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connected client.
pub(crate) struct Client {
    wire: Wire,
    pub(crate) id: ConnectionId,
    messages: mpsc::UnboundedReceiver<Value>,
    place: Arc<Mutex<Place>>,
    polling: JoinHandle<()>,
}

/// How to reach the server as one user with one list of hubs.
#[derive(Clone)]
pub(crate) struct Wire {
    service: HeliostatService,
    path: String,
    hubs: String,
    user: Option<User>,
    token: String,
}

impl Wire {
    pub(crate) fn new(server: &Server, hubs: &[&str]) -> Self {
        let hubs = hubs.iter().map(|hub| json!({ "name": hub })).collect::<Vec<_>>();
        let hubs = escape(&Value::from(hubs).to_string());
        Self { service: server.service(), path: "/signalr".into(), hubs, user: None, token: String::new() }
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    pub(crate) fn with_user(mut self, user: User) -> Self {
        self.user = Some(user);
        self
    }

    /// One request; returns what stands in its answer.
    pub(crate) async fn ask(&self, command: &str, form: Option<&str>) -> (StatusCode, String) {
        let url = format!(
            "{}/{command}?transport=longPolling&clientProtocol=2.0&connectionToken={}&connectionData={}",
            self.path, self.token, self.hubs
        );
        let mut request = Request::builder().uri(url);
        if form.is_some() {
            request =
                request.method(Method::POST).header("content-type", "application/x-www-form-urlencoded");
        }
        let mut request = request.body(Full::<Bytes>::from(form.unwrap_or_default().to_owned())).unwrap();
        if let Some(user) = &self.user {
            request.extensions_mut().insert(user.clone());
        }
        let answer = self.service.clone().call(request).await.unwrap();
        let status = answer.status();
        let body = timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn negotiate(&mut self) -> Value {
        let (status, body) = self.ask("negotiate", None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        self.token = escape(answer["ConnectionToken"].as_str().unwrap());
        answer
    }

    /// Negotiates, connects and starts.
    pub(crate) async fn connect(mut self) -> Client {
        let negotiated = self.negotiate().await;
        let id = ConnectionId::parse(negotiated["ConnectionId"].as_str().unwrap()).unwrap();
        let (status, first) = self.ask("connect", Some("")).await;
        assert_eq!(status, StatusCode::OK, "{first}");
        let first: Value = serde_json::from_str(first.trim()).unwrap();
        let (status, started) = self.ask("start", None).await;
        assert_eq!(status, StatusCode::OK, "{started}");
        let (sender, messages) = mpsc::unbounded_channel();
        let place = Arc::new(Mutex::new(Place::default()));
        place.lock().unwrap().note(&first);
        let polling = tokio::spawn(self.clone().listen("poll", Arc::clone(&place), sender));
        Client { wire: self, id, messages, place, polling }
    }

    /// Polls until the server says that it is over; the first request is `command`.
    async fn listen(
        self,
        mut command: &'static str,
        place: Arc<Mutex<Place>>,
        messages: mpsc::UnboundedSender<Value>,
    ) {
        loop {
            let form = place.lock().unwrap().form();
            let (status, body) = self.ask(command, Some(&form)).await;
            command = "poll";
            let Ok(delivery) = serde_json::from_str::<Value>(body.trim()) else { return };
            place.lock().unwrap().note(&delivery);
            for message in delivery["M"].as_array().into_iter().flatten() {
                let _ = messages.send(message.clone());
            }
            if status != StatusCode::OK || delivery["T"] == 1 || delivery["D"] == 1 {
                return;
            }
        }
    }

    pub(crate) async fn send(&self, call: &Value) -> (StatusCode, String) {
        self.ask("send", Some(&format!("data={}", escape(&call.to_string())))).await
    }
}

/// Where the client is in the stream.
#[derive(Default)]
struct Place {
    cursor: String,
    groups_token: Option<String>,
}

impl Place {
    fn note(&mut self, delivery: &Value) {
        if let Some(cursor) = delivery["C"].as_str() {
            self.cursor = cursor.into();
        }
        if let Some(token) = delivery["G"].as_str() {
            self.groups_token = Some(token.into());
        }
    }

    fn form(&self) -> String {
        let groups = self.groups_token.as_deref().map(|token| format!("&groupsToken={}", escape(token)));
        format!("messageId={}{}", escape(&self.cursor), groups.unwrap_or_default())
    }
}

impl Client {
    pub(crate) async fn connect(server: &Server, hubs: &[&str]) -> Self {
        Wire::new(server, hubs).connect().await
    }

    /// Calls a method and returns the whole hub result.
    pub(crate) async fn invoke(&self, hub: &str, method: &str, arguments: Value) -> Value {
        self.send(&json!({ "H": hub, "M": method, "A": arguments, "I": 0 })).await
    }

    pub(crate) async fn send(&self, call: &Value) -> Value {
        let (status, body) = self.wire.send(call).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.messages.recv()).await.unwrap().unwrap()
    }

    /// The first argument of each call of `method` that comes before a call of it with `last`.
    pub(crate) async fn heard_before(&mut self, last: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let message = self.next().await;
            if message["A"][0] == last {
                return heard;
            }
            heard.push(message["A"][0].clone());
        }
    }

    /// Loses its transport connection and comes back.
    pub(crate) fn reconnect(&mut self) {
        self.polling.abort();
        let (sender, messages) = mpsc::unbounded_channel();
        self.messages = messages;
        self.polling = tokio::spawn(self.wire.clone().listen("reconnect", Arc::clone(&self.place), sender));
    }

    /// Stops cleanly, as a client does.
    pub(crate) async fn stop(self) {
        let (status, _) = self.wire.ask("abort", Some("")).await;
        assert_eq!(status, StatusCode::OK);
    }

    /// Stops polling in the background; returns the form of the next poll.
    pub(crate) fn pause(&self) -> String {
        self.polling.abort();
        self.place.lock().unwrap().form()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

/// Everything but letters and digits as `%XX`.
pub(crate) fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
