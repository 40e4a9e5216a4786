//! Receive requests: connect, reconnect and poll become a transport connection.

use std::sync::Arc;

use bytes::Bytes;
use heliostat_bus::{CursorError, TopicName};
use heliostat_proto::{
    connection::Opening,
    frame::{forever_frame::FrameId, jsonp::Callback},
    id::ConnectionId,
    protocol_version::StopSignal,
    route::Command,
    transport_kind::TransportKind,
};
use http::{HeaderValue, StatusCode, header};

use super::{
    answer::{Answer, Content, answer, bare, refusal},
    request::Request,
    upgrade::Upgrade,
};
use crate::{
    application::Admission,
    begun::Begun,
    connection::{Arrival, Farewell, Outcome, Record},
    protect::GroupsToken,
    server::Core,
    transport::{
        Framing, GroupsRead, Initializes, Link, LinkSeed, ReaderSeed,
        passage::Passage,
        response_body::{Prompt, ResponseBody},
        stop_response,
    },
};

/// A receive request that has passed every check but those of its transport.
#[derive(Debug)]
pub(crate) struct Receive<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) group_prefix: &'static str,
    /// Its place among the server's endpoints.
    pub(crate) endpoint: usize,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) id: ConnectionId,
    pub(crate) kind: TransportKind,
    pub(crate) callback: Option<Callback>,
    pub(crate) upgrade: Option<Upgrade>,
}

impl Receive<'_> {
    /// Opens the transport connection and answers with it, old clients not before they are connected.
    pub(crate) fn serve(self) -> Begun<Answer> {
        match self.open() {
            Ok(begun) => begun,
            Err(answer) => Begun::Done(answer),
        }
    }

    fn open(self) -> Result<Begun<Answer>, Answer> {
        let core = self.core;
        if core.stopping.is_set() || core.refuses(self.id) {
            return Err(shutting_down());
        }
        let framing = self.framing().map_err(|answer| *answer)?;
        if self.kind == TransportKind::WebSockets && self.upgrade.is_none() {
            return Err(refusal(
                StatusCode::BAD_REQUEST,
                "this is not a WebSocket request: it asks for no upgrade",
            ));
        }
        let start = match core.bus.start_from(self.request().query_or_form("messageId")) {
            Ok(start) => start,
            // Another server's cursor is news, not a mistake (CP-051).
            Err(CursorError::Foreign) => heliostat_bus::Start::Unknown,
            Err(error) => return Err(refusal(StatusCode::BAD_REQUEST, format!("messageId: {error}"))),
        };
        let record = match core.record(self.id) {
            Ok(record) => record,
            Err(farewell) => return Err(self.stop(&farewell, &framing)),
        };
        let groups = GroupsToken::open(&core.protector, self.id, self.request().query_or_form("groupsToken"));
        let reader = ReaderSeed {
            connection: self.id,
            framing: framing.clone(),
            groups: GroupsRead {
                prefix: self.group_prefix,
                names: self.admission.rejoining_groups(groups).into_iter().collect(),
            },
            initializes: if self.command() == Command::Connect { Initializes::Yes } else { Initializes::No },
        };
        let seed = LinkSeed {
            kind: self.kind,
            admission: Arc::clone(&self.admission),
            topics: self.topics(&record),
            start,
            came_at: core.now(),
            reader,
        };
        let opening = self.opening();
        let arrival = Arrival { seed, opening, endpoint: self.endpoint };
        match record.open(core, arrival) {
            Some(link) => Ok(self.carry(link, opening, record, framing.preamble())),
            None => Err(self.stop(&record.farewell(), &framing)),
        }
    }

    fn request(&self) -> &Request {
        self.admission.request()
    }

    fn command(&self) -> Command {
        self.request().head.command
    }

    /// What it reads besides its groups.
    fn topics(&self, record: &Record) -> Vec<TopicName> {
        let user = self.core.user_id(self.request());
        let mut topics = self.admission.topics(user.as_ref());
        topics.push(record.topic.clone());
        topics
    }

    fn opening(&self) -> Opening {
        match (self.command(), self.kind) {
            (Command::Connect, _) if self.request().protocol_version().has_delayed_start() => {
                Opening::ConnectDelayed
            }
            (Command::Connect, _) => Opening::ConnectAtOnce,
            (Command::Reconnect, _) => Opening::Reconnect,
            // Spec 2.2, last row: clients of 1.0 poll and reconnect at the bare path.
            (_, TransportKind::LongPolling) => Opening::Poll,
            (
                _,
                TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame,
            ) => Opening::Reconnect,
        }
    }

    fn framing(&self) -> Result<Framing, Box<Answer>> {
        Ok(match self.kind {
            TransportKind::WebSockets => Framing::WebSocket,
            TransportKind::ServerSentEvents => Framing::EventStream,
            TransportKind::LongPolling => self.callback.clone().map_or(Framing::LongPolling, Framing::Jsonp),
            TransportKind::ForeverFrame => {
                let id = FrameId::parse(self.request().query("frameId").unwrap_or_default());
                Framing::ForeverFrame(
                    id.map_err(|error| Box::new(refusal(StatusCode::BAD_REQUEST, error.to_string())))?,
                )
            }
        })
    }

    fn carry(
        self,
        link: Arc<Link>,
        opening: Opening,
        record: Arc<Record>,
        preamble: Option<Bytes>,
    ) -> Begun<Answer> {
        if opening == Opening::ConnectDelayed {
            link.publish_initialize();
        }
        if let Some(upgrade) = self.upgrade.filter(|_| self.kind == TransportKind::WebSockets) {
            return Begun::Done(upgrade.switch(Passage::to_link(link, opening)));
        }
        let (callback, kind) = (self.callback, self.kind);
        // From here on, dropping the body (because the client went away) ends the transport connection.
        let body = |link| ResponseBody::stream(link, preamble, prompt(opening));
        if opening != Opening::ConnectAtOnce {
            return Begun::Done(stream_answer(kind, callback.as_ref(), body(link)));
        }
        let body = body(Arc::clone(&link));
        // These clients take the first byte for the start (D-6); the answer waits for `connected`.
        Begun::Waits(Box::pin(async move {
            if record.callbacks.connected().await == Outcome::Failed {
                return bare(StatusCode::INTERNAL_SERVER_ERROR);
            }
            link.publish_initialize();
            stream_answer(kind, callback.as_ref(), body)
        }))
    }

    /// The connection is over and the client does not know: D-1.
    fn stop(self, farewell: &Farewell, framing: &Framing) -> Answer {
        match (self.request().protocol_version().understands_stop(), self.kind) {
            (StopSignal::Refusal, _) => {
                refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one")
            }
            (StopSignal::Frame, TransportKind::WebSockets) => self.stop_socket(farewell, framing),
            (StopSignal::Frame, kind) => {
                let pieces =
                    framing.preamble().into_iter().chain([stop_response(self.core, farewell, framing)]);
                stream_answer(kind, self.callback.as_ref(), ResponseBody::pieces(pieces))
            }
        }
    }
}

impl Receive<'_> {
    fn stop_socket(self, farewell: &Farewell, framing: &Framing) -> Answer {
        let Some(upgrade) = self.upgrade else { return bare(StatusCode::BAD_REQUEST) };
        let last = stop_response(self.core, farewell, framing);
        upgrade.switch(Passage::to_farewell(last, self.core.settings.max_incoming_message))
    }
}

/// A .NET client that reconnects counts itself connected when its poll's answer begins (spec 6.5).
const fn prompt(opening: Opening) -> Prompt {
    match opening {
        Opening::Reconnect => Prompt::Yes,
        Opening::ConnectAtOnce | Opening::ConnectDelayed | Opening::Poll => Prompt::No,
    }
}

fn stream_answer(kind: TransportKind, callback: Option<&Callback>, body: ResponseBody) -> Answer {
    let content = match (kind, callback) {
        (TransportKind::ServerSentEvents, _) => Content::EventStream,
        (TransportKind::ForeverFrame, _) => Content::Html,
        (TransportKind::LongPolling | TransportKind::WebSockets, None) => Content::Json,
        (TransportKind::LongPolling | TransportKind::WebSockets, Some(_)) => Content::JavaScript,
    };
    answer(StatusCode::OK, content, body)
}

/// The client will try again, by then perhaps at another server.
pub(crate) fn shutting_down() -> Answer {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "this server is shutting down; connect again")
        .saying(|headers| _ = headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")))
}
