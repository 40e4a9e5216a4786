//! Receive requests: connect, reconnect and poll become a transport connection.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use heliostat_bus::{CursorError, TopicName};
use heliostat_proto::{
    connection::{Input, Opening},
    frame::{forever_frame::FrameId, jsonp::Callback},
    id::ConnectionId,
    protocol_version::StopSignal,
    route::Command,
    transport_kind::TransportKind,
};
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};

use super::{
    answer::{Answer, JAVASCRIPT, JSON, answer, bare, refusal},
    request::Request,
    upgrade::Upgrade,
};
use crate::{
    application::Admission,
    connection::{Arrival, Outcome, Record},
    protect::GroupsToken,
    server::{Core, Endpoint},
    trace,
    transport::{
        Framing, GroupsRead, Initializes, Link, LinkSeed,
        response_body::ResponseBody,
        stop_response,
        web_sockets::{self, Carrier},
    },
};

/// A receive request that has passed every check but those of its transport.
#[derive(Debug)]
pub(crate) struct Receive<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) request: Arc<Request>,
    pub(crate) id: ConnectionId,
    pub(crate) kind: TransportKind,
    pub(crate) command: Command,
    pub(crate) callback: Option<Callback>,
    pub(crate) upgrade: Option<Upgrade>,
}

impl Receive<'_> {
    /// Opens the transport connection and answers with it.
    pub(crate) async fn serve(self) -> Answer {
        let core = self.core;
        if core.stopping.is_cancelled() || core.refuses(self.id) {
            return shutting_down();
        }
        let framing = match self.framing() {
            Ok(framing) => framing,
            Err(answer) => return *answer,
        };
        if self.kind == TransportKind::WebSockets && self.upgrade.is_none() {
            return refusal(
                StatusCode::BAD_REQUEST,
                "this is not a WebSocket request: it asks for no upgrade",
            );
        }
        let start = match core.bus.start_from(self.request.query_or_form("messageId")) {
            Ok(start) => start,
            // Another server's cursor is news, not a mistake (CP-051).
            Err(CursorError::Foreign) => heliostat_bus::Start::Unknown,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, format!("messageId: {error}")),
        };
        let record = core.record(self.id);
        if record.is_over() {
            return self.stop(&record, &framing);
        }
        record.traffic.heard(core);
        let groups = GroupsToken::open(&core.protector, self.id, self.request.query_or_form("groupsToken"));
        let seed = LinkSeed {
            connection: self.id,
            kind: self.kind,
            framing: framing.clone(),
            admission: Arc::clone(&self.admission),
            request: Arc::clone(&self.request),
            topics: self.topics(&record),
            groups: GroupsRead {
                prefix: self.endpoint.application.group_prefix(),
                names: self.admission.rejoining_groups(groups).into_iter().collect(),
            },
            initializes: if self.command == Command::Connect { Initializes::Yes } else { Initializes::No },
            start,
        };
        let opening = self.opening();
        let arrival = Arrival { seed, opening, endpoint: Arc::clone(&self.endpoint.path) };
        match record.open(core, arrival) {
            Some(link) => self.carry(link, opening, &record).await,
            None => self.stop(&record, &framing),
        }
    }

    /// What it reads besides its groups.
    fn topics(&self, record: &Record) -> Vec<TopicName> {
        let user = self.core.user_id(&self.request);
        let mut topics = self.admission.topics(user.as_ref());
        topics.push(record.topic.clone());
        topics
    }

    fn opening(&self) -> Opening {
        match (self.command, self.kind) {
            (Command::Connect, _) if self.request.protocol_version.has_delayed_start() => {
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
                let id = FrameId::parse(self.request.query("frameId").unwrap_or_default());
                Framing::ForeverFrame(
                    id.map_err(|error| Box::new(refusal(StatusCode::BAD_REQUEST, error.to_string())))?,
                )
            }
        })
    }

    async fn carry(self, link: Arc<Link>, opening: Opening, record: &Arc<Record>) -> Answer {
        if opening == Opening::ConnectDelayed {
            link.publish_initialize();
        }
        if let Some(upgrade) = self.upgrade.filter(|_| self.kind == TransportKind::WebSockets) {
            let answer = upgrade.switch();
            tokio::spawn(socket(link, opening, upgrade.on_upgrade));
            return answer;
        }
        let (callback, kind) = (self.callback, self.kind);
        // From here on, dropping the body (because the client went away) ends the transport connection.
        let body = ResponseBody::stream(Arc::clone(&link));
        if opening == Opening::ConnectAtOnce {
            // These clients take the first byte for the start (D-6); the answer waits for `connected`.
            if record.callbacks.connected().await == Outcome::Failed {
                return bare(StatusCode::INTERNAL_SERVER_ERROR);
            }
            link.publish_initialize();
        }
        stream_answer(kind, callback.as_ref(), body)
    }

    /// The connection is over and the client does not know: D-1.
    fn stop(self, record: &Record, framing: &Framing) -> Answer {
        match (self.request.protocol_version.understands_stop(), self.kind) {
            (StopSignal::Refusal, _) => {
                refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one")
            }
            (StopSignal::Frame, TransportKind::WebSockets) => self.stop_socket(record, framing),
            (StopSignal::Frame, kind) => {
                let pieces =
                    framing.preamble().into_iter().chain([stop_response(self.core, record, framing)]);
                stream_answer(kind, self.callback.as_ref(), ResponseBody::pieces(pieces))
            }
        }
    }
}

impl Receive<'_> {
    fn stop_socket(self, record: &Record, framing: &Framing) -> Answer {
        let Some(upgrade) = self.upgrade else { return bare(StatusCode::BAD_REQUEST) };
        let answer = upgrade.switch();
        let (last, max) =
            (stop_response(self.core, record, framing), self.core.settings.max_incoming_message);
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.on_upgrade.await {
                web_sockets::say_and_close(upgraded, &last, max).await;
            }
        });
        answer
    }
}

/// A WebSocket on its way from HTTP to its carrier, and from then on.
///
/// One task for both, written by hand, so that an idle socket keeps no room for the way.
pub(crate) enum Socket {
    Expected(Expected),
    Carried(Carrier),
    /// It never came.
    Gone,
}

/// A socket that HTTP has not handed over yet.
pub(crate) struct Expected {
    link: Arc<Link>,
    opening: Opening,
    upgrade: OnUpgrade,
}

/// The task of the WebSocket that HTTP will hand over for `link`.
pub(crate) const fn socket(link: Arc<Link>, opening: Opening, upgrade: OnUpgrade) -> Socket {
    Socket::Expected(Expected { link, opening, upgrade })
}

impl Future for Socket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Carried(carrier) => return Pin::new(carrier).poll(context),
                Self::Expected(Expected { upgrade, .. }) => {
                    let upgraded = ready!(Pin::new(upgrade).poll(context));
                    if let Self::Expected(expected) = std::mem::replace(this, Self::Gone) {
                        *this = expected.arrived(upgraded);
                    }
                }
                Self::Gone => return Poll::Ready(()),
            }
        }
    }
}

impl Expected {
    fn arrived(self, upgraded: hyper::Result<Upgraded>) -> Socket {
        let Self { link, opening, .. } = self;
        match upgraded {
            Ok(upgraded) => {
                if opening == Opening::ConnectAtOnce {
                    tokio::spawn(initialize_when_connected(Arc::clone(&link)));
                }
                let max = link.core.settings.max_incoming_message;
                Socket::Carried(web_sockets::carry(link, upgraded, max))
            }
            Err(error) => {
                trace::transport_refused(link.kind, link.record.id, error);
                link.close(Input::Lost(link.id));
                Socket::Gone
            }
        }
    }
}

/// Clients without a start request hear of a failed `connected` by the end of their socket.
async fn initialize_when_connected(link: Arc<Link>) {
    match link.record.callbacks.connected().await {
        Outcome::Failed => link.fault(),
        Outcome::NotDue | Outcome::Pending | Outcome::Succeeded => link.publish_initialize(),
    }
}

fn stream_answer(kind: TransportKind, callback: Option<&Callback>, body: ResponseBody) -> Answer {
    let content_type = match (kind, callback) {
        (TransportKind::ServerSentEvents, _) => "text/event-stream",
        (TransportKind::ForeverFrame, _) => "text/html; charset=UTF-8",
        (TransportKind::LongPolling | TransportKind::WebSockets, None) => JSON,
        (TransportKind::LongPolling | TransportKind::WebSockets, Some(_)) => JAVASCRIPT,
    };
    answer(StatusCode::OK, Some(content_type), body)
}

/// The client will try again, by then perhaps at another server.
pub(crate) fn shutting_down() -> Answer {
    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, "this server is shutting down; connect again");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
