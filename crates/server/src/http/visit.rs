//! What an admitted request asks for, and the last checks of spec 2.5 before it gets it: its transport and its token.

use std::sync::Arc;

use heliostat_proto::{
    connection::Input,
    frame::jsonp::Callback,
    id::ConnectionId,
    negotiate::{PONG, STARTED},
    route::{self, Command},
    transport_kind::TransportKind,
};
use http::StatusCode;

use super::{
    answer::{Answer, Content, answer, bare, json, refusal},
    negotiate::Question,
    receive::{Receive, shutting_down},
    request::Request,
    sent::Sent,
    upgrade::Upgrade,
};
use crate::{
    ahead::{self, Lines},
    application::Admission,
    begun::Begun,
    connection::{Known, Outcome, Owner},
    protect::{ConnectionToken, ConnectionTokenError},
    server::{Endpoint, Server},
    transport::response_body::ResponseBody,
};

/// A request that may be here.
pub(super) struct Visit<'a> {
    pub(super) server: &'a Server,
    pub(super) endpoint: &'a Endpoint,
    /// Its place among the server's endpoints.
    pub(super) index: usize,
    /// What a host in front has taken from the path.
    pub(super) stripped: Option<&'a str>,
    pub(super) callback: Option<Callback>,
    pub(super) admission: Arc<dyn Admission>,
}

impl Visit<'_> {
    pub(super) fn serve(self, upgrade: Option<Upgrade>) -> Begun<Answer> {
        let core = &self.server.core;
        let command = self.request().head.command;
        match command {
            Command::Script => {
                if let Some(script) = self.endpoint.scripts.of(&self.url(), &*self.endpoint.application) {
                    let body = ResponseBody::whole(script);
                    return Begun::Done(answer(StatusCode::OK, Content::JavaScript, body));
                }
            }
            Command::Negotiate if self.server.is_leaving() => return Begun::Done(shutting_down()),
            Command::Negotiate => {
                let question = Question {
                    core,
                    options: &self.endpoint.options,
                    request: self.request(),
                    url: &self.url(),
                    callback: self.callback.as_ref(),
                };
                return Begun::Done(question.answer());
            }
            Command::Ping => return Begun::Done(json(PONG.as_bytes(), self.callback.as_ref())),
            Command::Connect
            | Command::Start
            | Command::Reconnect
            | Command::Poll
            | Command::Send
            | Command::Abort
            | Command::Base => {}
        }
        let is_one_of_many = is_one_of_many(command);
        if is_one_of_many {
            ahead::follow();
        }
        let (kind, id) = match self.identify() {
            Ok(identified) => identified,
            Err(answer) => return Begun::Done(*answer),
        };
        if is_one_of_many {
            ahead::note(Lines::of(&*self.admission));
            self.request().note();
        }
        match command {
            Command::Start => self.start(id),
            Command::Send => self.send(id, kind),
            Command::Abort => Begun::Done(self.abort(id)),
            Command::Connect
            | Command::Reconnect
            | Command::Poll
            | Command::Base
            | Command::Script
            | Command::Negotiate
            | Command::Ping => {
                let receive = Receive {
                    core,
                    group_prefix: self.endpoint.application.group_prefix(),
                    endpoint: self.index,
                    admission: self.admission,
                    id,
                    kind,
                    callback: self.callback,
                    upgrade,
                };
                receive.serve()
            }
        }
    }

    fn request(&self) -> &Arc<Request> {
        self.admission.request()
    }

    /// The public path that clients come back to: what they asked for, without the command.
    fn url(&self) -> String {
        let base = route::base_of(self.request().path());
        match self.stripped {
            Some(path) => format!("{path}{}", base.trim_end_matches('/')),
            None => base.to_owned(),
        }
    }

    /// Spec 2.5, steps 6 to 8: the transport first, then the token (CP-042).
    fn identify(&self) -> Result<(TransportKind, ConnectionId), Box<Answer>> {
        let kind = self.request().transport().filter(|kind| self.endpoint.options.transports.contains(*kind));
        let kind = kind.ok_or_else(|| {
            let offered: Vec<_> =
                self.endpoint.options.transports.iter().map(TransportKind::as_str).collect();
            Box::new(refusal(
                StatusCode::BAD_REQUEST,
                format!(
                    "the parameter `transport` is missing or unknown here; use one of: {}",
                    offered.join(", ")
                ),
            ))
        })?;
        if let Some(id) = self.request().head.connection.get() {
            return Ok((kind, *id));
        }
        let token =
            self.request().query("connectionToken").filter(|token| !token.is_empty()).ok_or_else(|| {
                Box::new(refusal(
                    StatusCode::BAD_REQUEST,
                    "the parameter `connectionToken` is missing; take it from the answer to negotiate",
                ))
            })?;
        let open = match kind {
            // Its messages bring no token.
            TransportKind::WebSockets => ConnectionToken::open,
            TransportKind::ServerSentEvents | TransportKind::ForeverFrame | TransportKind::LongPolling => {
                ConnectionToken::open_again
            }
        };
        match open(&self.server.core.protector, token, self.request().user_name()) {
            Ok(token) => {
                let head = &self.request().head;
                // The others come once.
                if is_one_of_many(head.command) {
                    _ = head.connection.set(token.id);
                }
                Ok((kind, token.id))
            }
            Err(error @ ConnectionTokenError::Unreadable) => {
                Err(Box::new(refusal(StatusCode::BAD_REQUEST, error.to_string())))
            }
            Err(error @ ConnectionTokenError::OtherUser) => {
                Err(Box::new(refusal(StatusCode::FORBIDDEN, error.to_string())))
            }
        }
    }

    /// Spec 5.6: the answer waits for `connected`.
    fn start(self, id: ConnectionId) -> Begun<Answer> {
        let core = &self.server.core;
        if core.stopping.is_set() || core.refuses(id) {
            return Begun::Done(shutting_down());
        }
        let Ok(record) = core.record(id) else {
            return Begun::Done(refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one"));
        };
        record.traffic.heard(core, core.now());
        record.start(core, Owner { admission: self.admission, endpoint: self.index });
        let callback = self.callback;
        match record.callbacks.outcome() {
            Outcome::Pending => Begun::Waits(Box::pin(async move {
                started(record.callbacks.connected().await, callback.as_ref())
            })),
            outcome @ (Outcome::NotDue | Outcome::Succeeded | Outcome::Failed) => {
                Begun::Done(started(outcome, callback.as_ref()))
            }
        }
    }

    /// Spec 2.6: answered at once, whether anybody is there or not.
    fn abort(&self, id: ConnectionId) -> Answer {
        let core = &self.server.core;
        if let Some(record) = core.registry.find(id).and_then(Known::record) {
            record.handle(core, Input::Aborted);
        }
        answer(StatusCode::OK, Content::PlainText, ResponseBody::empty())
    }

    /// Spec 6.6: may land on any server, whether or not it holds the receive request.
    fn send(self, id: ConnectionId, kind: TransportKind) -> Begun<Answer> {
        let core = &self.server.core;
        if core.stopping.is_set() {
            return Begun::Done(shutting_down());
        }
        if kind == TransportKind::WebSockets {
            return Begun::Done(refusal(
                StatusCode::BAD_REQUEST,
                "over WebSockets, send on the socket: this is not a WebSocket request",
            ));
        }
        let Ok(record) = core.registry.find(id).map(Known::living).transpose() else {
            return Begun::Done(refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one"));
        };
        let Self { callback, admission, .. } = self;
        let sent = Sent { core: Arc::clone(core), id, record, kind, callback, admission };
        Begun::with(Box::pin(sent.answer()))
    }
}

/// Of these the next one will come on the same physical connection.
pub(super) const fn is_one_of_many(command: Command) -> bool {
    matches!(command, Command::Poll | Command::Send)
}

/// What a client hears that asked to start.
fn started(connected: Outcome, callback: Option<&Callback>) -> Answer {
    match connected {
        Outcome::Failed => bare(StatusCode::INTERNAL_SERVER_ERROR),
        Outcome::NotDue | Outcome::Pending | Outcome::Succeeded => json(STARTED.as_bytes(), callback),
    }
}
