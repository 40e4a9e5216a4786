//! A client that keeps the protocol: negotiates, opens channels, remembers its cursor and its groups token.

use std::time::Duration;

use heliostat::TransportKind;
use serde_json::Value;

use crate::{
    client::{Answer, Ask, Exchange, Frame, Piece, Socket},
    site::Site,
};

/// All four transports.
pub(crate) const ALL: [TransportKind; 4] = [
    TransportKind::WebSockets,
    TransportKind::ServerSentEvents,
    TransportKind::ForeverFrame,
    TransportKind::LongPolling,
];
/// The transports whose receive request stays open.
pub(crate) const STREAMS: [TransportKind; 3] =
    [TransportKind::WebSockets, TransportKind::ServerSentEvents, TransportKind::ForeverFrame];
/// Those of them that are HTTP responses.
pub(crate) const HTTP_STREAMS: [TransportKind; 2] =
    [TransportKind::ServerSentEvents, TransportKind::ForeverFrame];
/// Every client generation that the server tells apart; `None` sends no `clientProtocol`.
pub(crate) const VERSIONS: [Option<&str>; 6] =
    [None, Some("1.3"), Some("1.4"), Some("1.5"), Some("2.0"), Some("2.1")];

/// How long a client waits for what must come at once. With stopped time it costs nothing.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long a client goes through responses for the one that it wants.
const SEARCH: Duration = Duration::from_secs(100);

/// A SignalR connection, seen from the client.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) site: Site,
    base: String,
    pub(crate) version: Option<String>,
    pub(crate) kind: TransportKind,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) cursor: Option<String>,
    pub(crate) groups_token: Option<String>,
    /// Goes with every request.
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    user: Option<String>,
}

impl Session {
    /// Negotiates with protocol 2.1.
    pub(crate) async fn new(site: &Site, base: &str, kind: TransportKind) -> Self {
        Self::of_version(site, base, kind, Some("2.1")).await
    }

    pub(crate) async fn of_version(
        site: &Site,
        base: &str,
        kind: TransportKind,
        version: Option<&str>,
    ) -> Self {
        let session = Self {
            site: site.clone(),
            base: base.to_owned(),
            version: version.map(str::to_owned),
            kind,
            id: String::new(),
            token: String::new(),
            cursor: None,
            groups_token: None,
            query: Vec::new(),
            headers: Vec::new(),
            user: None,
        };
        session.negotiate().await
    }

    /// As this user.
    pub(crate) async fn of_user(site: &Site, base: &str, kind: TransportKind, user: &str) -> Self {
        let mut session = Self::new(site, base, kind).await;
        session.user = Some(user.to_owned());
        session.negotiate().await
    }

    async fn negotiate(mut self) -> Self {
        let answer = self.site.ask(&self.bare("negotiate")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let answer = answer.json();
        self.id = answer["ConnectionId"].as_str().expect("an id").to_owned();
        self.token = answer["ConnectionToken"].as_str().expect("a token").to_owned();
        self
    }

    /// With one more query parameter on every request.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more header on every request.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same connection, asked for at another server.
    pub(crate) fn at(&self, site: &Site) -> Self {
        Self { site: site.clone(), ..self.clone() }
    }

    /// The same connection over another transport.
    pub(crate) fn over(&self, kind: TransportKind) -> Self {
        Self { kind, ..self.clone() }
    }

    fn bare(&self, command: &str) -> Ask {
        let mut ask = Ask::get(&format!("{}/{command}", self.base));
        if let Some(version) = &self.version {
            ask = ask.with("clientProtocol", version);
        }
        for (name, value) in &self.query {
            ask = ask.with(name, value);
        }
        for (name, value) in &self.headers {
            ask = ask.header(name, value);
        }
        match &self.user {
            Some(user) => ask.header("X-User", user),
            None => ask,
        }
    }

    /// A request of this connection with everything that belongs to it.
    pub(crate) fn command(&self, command: &str) -> Ask {
        self.bare(command).with("transport", self.kind.as_str()).with("connectionToken", &self.token)
    }

    /// A receive request.
    pub(crate) fn receive(&self, command: &str) -> Ask {
        let mut ask = self.command(command);
        if self.kind == TransportKind::ForeverFrame {
            ask = ask.with("frameId", "1");
        }
        if let Some(cursor) = &self.cursor {
            ask = ask.with("messageId", cursor);
        }
        if let Some(token) = &self.groups_token {
            ask = ask.with("groupsToken", token);
        }
        ask
    }

    pub(crate) async fn ask(&self, command: &str) -> Answer {
        self.site.ask(&self.command(command)).await
    }

    /// Opens a transport connection; the answer instead if it is refused.
    pub(crate) async fn try_open(&self, command: &str) -> Result<Channel, Answer> {
        self.try_open_as(&self.receive(command)).await
    }

    /// The same with a receive request of one's own.
    pub(crate) async fn try_open_as(&self, ask: &Ask) -> Result<Channel, Answer> {
        let carrier = match self.kind {
            TransportKind::WebSockets => Carrier::Socket(self.site.socket(ask).await?),
            TransportKind::ServerSentEvents | TransportKind::ForeverFrame | TransportKind::LongPolling => {
                let exchange = self.site.open(ask).await;
                if exchange.head.status != 200 {
                    return Err(exchange.whole().await);
                }
                Carrier::Body { exchange, text: String::new() }
            }
        };
        Ok(Channel { session: self.clone(), carrier, began: false })
    }

    pub(crate) async fn open(&self, command: &str) -> Channel {
        let opened = self.try_open(command).await;
        opened.unwrap_or_else(|answer| panic!("{command} was refused: {answer:?}"))
    }

    /// Connects, waits for the init message, starts.
    pub(crate) async fn begin(&self) -> Channel {
        let mut channel = self.open("connect").await;
        channel.until_initialized().await;
        if self.version.as_deref().is_some_and(|version| version >= "1.4") {
            let answer = self.ask("start").await;
            assert_eq!(answer.status(), 200, "{answer:?}");
        }
        channel
    }

    /// `/send` with a form.
    pub(crate) async fn post(&self, data: &str) -> Answer {
        self.site.ask(&self.command("send").by("POST").form(&[("data", data)])).await
    }

    pub(crate) async fn abort(&self) {
        let answer = self.site.ask(&self.command("abort").by("POST")).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, ""));
    }
}

/// One thing that a client hears on a channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// What comes before the first response.
    Preamble(String),
    KeepAlive,
    /// A persistent response, or over WebSockets a hub result.
    Json(Value),
    /// The end of the response, or the close frame with its code.
    End(Option<u16>),
    /// The connection broke off.
    Cut,
}

/// A transport connection, seen from the client.
pub(crate) struct Channel {
    pub(crate) session: Session,
    carrier: Carrier,
    /// Whether the preamble is through.
    began: bool,
}

enum Carrier {
    Socket(Socket),
    Body { exchange: Exchange, text: String },
}

impl Channel {
    /// The next thing, whatever it is. Remembers cursor and groups token.
    pub(crate) async fn hear(&mut self) -> Heard {
        let heard = match &mut self.carrier {
            Carrier::Socket(socket) => match socket.frame().await {
                Frame::Text(text) if text == "{}" => Heard::KeepAlive,
                Frame::Text(text) => {
                    Heard::Json(serde_json::from_str(&text).expect("one JSON value per frame"))
                }
                Frame::Close(code) => Heard::End(code),
                Frame::Gone => Heard::Cut,
                Frame::Pong => panic!("nobody sent a ping"),
            },
            Carrier::Body { exchange, text } => loop {
                if let Some(heard) = take_from(text, self.session.kind, &mut self.began) {
                    break heard;
                }
                match exchange.piece().await {
                    Piece::Bytes(bytes) => {
                        text.push_str(std::str::from_utf8(&bytes).expect("whole characters"))
                    }
                    Piece::End => {
                        assert_eq!(text, "", "nothing is left over at the end");
                        break Heard::End(None);
                    }
                    Piece::Cut => break Heard::Cut,
                }
            },
        };
        if let Heard::Json(response) = &heard {
            if let Some(cursor) = response["C"].as_str() {
                self.session.cursor = Some(cursor.to_owned());
            }
            if let Some(token) = response["G"].as_str() {
                self.session.groups_token = Some(token.to_owned());
            }
        }
        heard
    }

    /// The next thing, which must come without a timer.
    pub(crate) async fn hear_soon(&mut self) -> Heard {
        let kind = self.session.kind;
        tokio::time::timeout(PATIENCE, self.hear()).await.unwrap_or_else(|_| panic!("{kind:?}: nothing came"))
    }

    /// The next response or result, past keep-alives and, with polls, past the ends of answered ones.
    pub(crate) async fn json(&mut self) -> Value {
        let kind = self.session.kind;
        loop {
            match self.hear_soon().await {
                Heard::Json(response) => return response,
                Heard::Preamble(_) | Heard::KeepAlive => {}
                Heard::End(None) if kind == TransportKind::LongPolling => {
                    *self = self.session.open("poll").await;
                }
                ended @ (Heard::End(_) | Heard::Cut) => panic!("{kind:?}: {ended:?} instead of a response"),
            }
        }
    }

    pub(crate) async fn until_initialized(&mut self) -> Value {
        self.until("S").await
    }

    /// The next response that has this key.
    pub(crate) async fn until(&mut self, key: &str) -> Value {
        let search = async {
            loop {
                let response = self.json().await;
                if response.get(key).is_some() {
                    return response;
                }
            }
        };
        // Idle polls are answered too, so a search needs an end of its own.
        let found = tokio::time::timeout(SEARCH, search).await;
        found.unwrap_or_else(|_| panic!("no response with {key} came"))
    }

    /// So many messages, from as many responses as they come in.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<Value> {
        let mut messages = Vec::new();
        let gather = async {
            while messages.len() < count {
                let response = self.json().await;
                messages.extend(response["M"].as_array().into_iter().flatten().cloned());
            }
        };
        let gathered = tokio::time::timeout(SEARCH, gather).await;
        assert!(gathered.is_ok(), "only {} of {count} messages came", messages.len());
        messages
    }

    /// Everything up to the end.
    pub(crate) async fn rest(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        loop {
            let heard = self.hear_soon().await;
            let over = matches!(heard, Heard::End(_) | Heard::Cut);
            all.push(heard);
            if over {
                return all;
            }
        }
    }

    /// What is heard within this time.
    pub(crate) async fn during(&mut self, time: Duration) -> Vec<Heard> {
        let until = tokio::time::Instant::now() + time;
        let mut all = Vec::new();
        while let Ok(heard) = tokio::time::timeout_at(until, self.hear()).await {
            let over = matches!(heard, Heard::End(_) | Heard::Cut);
            all.push(heard);
            if over {
                break;
            }
        }
        all
    }

    /// Sends a message the way this transport does.
    pub(crate) async fn send(&mut self, data: &str) {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.send(data).await,
            Carrier::Body { .. } => {
                let answer = self.session.post(data).await;
                assert_eq!(answer.status(), 200, "{answer:?}");
            }
        }
    }

    /// The same without waiting for an answer: it may need this channel to be listened to.
    pub(crate) async fn order(&mut self, data: &str) {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.send(data).await,
            Carrier::Body { .. } => {
                let (session, data) = (self.session.clone(), data.to_owned());
                tokio::spawn(async move { session.post(&data).await });
            }
        }
    }

    /// Orders a change of groups and waits until the client holds the new token.
    pub(crate) async fn change_groups(&mut self, order: &str) -> Value {
        self.order(order).await;
        self.until("G").await
    }

    /// The WebSocket under it.
    pub(crate) fn socket(&mut self) -> &mut Socket {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket,
            Carrier::Body { .. } => panic!("{:?} has no socket", self.session.kind),
        }
    }

    /// The head of the receive request's answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        match &self.carrier {
            Carrier::Socket(socket) => socket.head.header(name),
            Carrier::Body { exchange, .. } => exchange.head.header(name),
        }
    }

    /// The client dies: its physical connection goes without a word.
    pub(crate) fn vanish(self) -> Session {
        self.session
    }
}

/// The first whole thing in `text`.
fn take_from(text: &mut String, kind: TransportKind, began: &mut bool) -> Option<Heard> {
    match kind {
        TransportKind::WebSockets => None,
        TransportKind::ServerSentEvents => {
            let end = text.find("\n\n")? + 2;
            let event: String = text.drain(..end).collect();
            let data =
                event.strip_prefix("data: ").expect("an event is a data line").trim_end_matches("\n\n");
            assert!(!data.contains('\n'), "an event is one line: {event:?}");
            Some(match data {
                "initialized" => {
                    *began = true;
                    Heard::Preamble(event.clone())
                }
                "{}" => Heard::KeepAlive,
                json => Heard::Json(serde_json::from_str(json).expect("an event is JSON")),
            })
        }
        TransportKind::ForeverFrame if !*began => {
            const BODY: &str = "<body>\r\n";
            let end = text.find(BODY)? + BODY.len();
            *began = true;
            Some(Heard::Preamble(text.drain(..end).collect()))
        }
        TransportKind::ForeverFrame => {
            const KEEP_ALIVE: &str = "<script>r(c, {});</script>\n\n";
            if text.starts_with(KEEP_ALIVE) {
                text.drain(..KEEP_ALIVE.len());
                return Some(Heard::KeepAlive);
            }
            let end = text.find(");</script>\r\n")?;
            let element: String = text.drain(..end + ");</script>\r\n".len()).collect();
            let json = element[..end].strip_prefix("<script>r(c, ").expect("a message is a script element");
            Some(Heard::Json(serde_json::from_str(json).expect("a message is JSON")))
        }
        TransportKind::LongPolling if text.starts_with(' ') => {
            text.remove(0);
            Some(Heard::KeepAlive)
        }
        TransportKind::LongPolling if text.is_empty() => None,
        TransportKind::LongPolling => {
            let response = serde_json::from_str(text).ok()?;
            text.clear();
            Some(Heard::Json(response))
        }
    }
}
