//! The only way in: a tower service that finds the endpoint, checks the request in the order of spec 2.5, and hands it on.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use heliostat_proto::{
    frame::{forever_frame, jsonp::Callback},
    negotiate::{PONG, STARTED},
    route::{self, Command},
    transport_kind::TransportKind,
};
use http::{HeaderValue, StatusCode, request::Parts};
use http_body::Body;
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, JAVASCRIPT, JSON, answer, bare, json, refusal},
    cross_origin::{self, CrossOrigin},
    intake::{form, too_large, without_body},
    negotiate::Question,
    receive::{Receive, shutting_down},
    request::Request,
    upgrade::Upgrade,
};
use crate::{
    application::{Admission, Context as CallbackContext, Holder, Received, Refusal},
    connection::{Known, Outcome, Owner},
    endpoint::Jsonp,
    metrics::Counter,
    protect::{ConnectionToken, ConnectionTokenError},
    server::{Endpoint, Server},
    trace,
    transport::response_body::ResponseBody,
};

/// Serves SignalR over HTTP/1.1. Made by [`Server::service`] and [`Server::nested`].
#[derive(Clone, Debug)]
pub struct HeliostatService(Arc<Serves>);

/// What a service serves. Shared as a whole: every request holds it, and a count that all threads change is dear.
#[derive(Debug)]
struct Serves {
    server: Server,
    /// The one endpoint behind a host that strips its path; otherwise all, by their full paths.
    nested: Option<usize>,
}

impl HeliostatService {
    pub(crate) fn new(server: Server, nested: Option<usize>) -> Self {
        Self(Arc::new(Serves { server, nested }))
    }

    /// Whether an endpoint answers at `path`, for a host that has other pages beside it and wants to ask only one of them.
    ///
    /// # Examples
    /// ```
    /// # fn f(service: &heliostat::HeliostatService, request: &http::Request<()>) {
    /// if service.serves(request.uri().path()) {
    ///     // Pass the request on.
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.endpoint(path).is_some()
    }

    /// What [`call`](tower_service::Service::call) does, for a host that has the service only by reference.
    ///
    /// # Examples
    /// ```
    /// # async fn f(service: &heliostat::HeliostatService, request: http::Request<http_body_util::Full<bytes::Bytes>>) {
    /// let answer = service.answer(request).await;
    /// # }
    /// ```
    pub fn answer<B>(&self, request: http::Request<B>) -> Answering
    where
        B: Body<Data: Send> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        match self.arrive(parts) {
            Arrived::Answered(answer) => Box::pin(std::future::ready(Ok(*answer))),
            Arrived::Asks(exchange) => Box::pin(async move { Ok(exchange.serve(body).await) }),
        }
    }

    /// Which endpoint, by its place.
    fn endpoint(&self, path: &str) -> Option<usize> {
        let Serves { server, nested } = &*self.0;
        nested.or_else(|| {
            server.mapped.endpoints.iter().position(|endpoint| below(&endpoint.path, path).is_some())
        })
    }
}

/// What follows `base` in `path`, if `base` is a whole-segment prefix of it, whatever the case (spec 2.1).
fn below<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(base.len())?;
    // Compared at once first: nearly all clients write it as the server does.
    let is_it = head == base || head.eq_ignore_ascii_case(base);
    (is_it && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

impl<B> tower_service::Service<http::Request<B>> for HeliostatService
where
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.answer(request)
    }
}

/// An answer that is being made. There are no errors: what is wrong with a request is said in its answer.
type Answering = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// What becomes of a request before its body is read.
enum Arrived {
    Answered(Box<Answer>),
    Asks(Exchange),
}

impl HeliostatService {
    fn arrive(&self, mut parts: Parts) -> Arrived {
        let Some(endpoint) = self.endpoint(parts.uri.path()) else {
            return Arrived::Answered(Box::new(unmapped()));
        };
        let server = &self.0.server;
        let Some(Endpoint { options, .. }) = server.mapped.endpoints.get(endpoint) else {
            return Arrived::Answered(Box::new(unmapped()));
        };
        let allow = match cross_origin::judge(options, &parts.method, &parts.headers) {
            CrossOrigin::Preflight(answer) => return Arrived::Answered(answer),
            CrossOrigin::Foreign => {
                let answer = refusal(StatusCode::FORBIDDEN, "this origin may not connect here");
                return Arrived::Answered(Box::new(seen_off(server, answer)));
            }
            CrossOrigin::Serve(allow) => allow.map(Box::new),
        };
        let upgrade = Upgrade::take(&mut parts);
        if parts.extensions.is_empty() {
            // An empty map keeps the room of what was taken out, for as long as the connection lives.
            parts.extensions = http::Extensions::new();
        }
        let request = Arc::new(without_body(parts, &server.core.settings));
        Arrived::Asks(Exchange { service: self.clone(), endpoint, allow, upgrade, request })
    }
}

/// A request that is to be answered. It lives in the future of the answer, of which there is one per request, so it is small.
struct Exchange {
    service: HeliostatService,
    /// Its place among the server's endpoints.
    endpoint: usize,
    /// The origin that may read the answer.
    allow: Option<Box<HeaderValue>>,
    upgrade: Option<Upgrade>,
    /// Nobody else has it until it is whole.
    request: Arc<Request>,
}

impl Exchange {
    async fn serve<B>(mut self, body: B) -> Answer
    where
        B: Body<Data: Send> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let answer = match self.read(body).await {
            Ok(()) => self.service.0.answer(self.endpoint, self.request, self.upgrade).await,
            Err(answer) => *answer,
        };
        let mut answer = seen_off(&self.service.0.server, answer);
        if let Some(origin) = self.allow {
            cross_origin::allow(&mut answer, *origin);
        }
        answer
    }

    /// The body is a form, whatever its content type says (spec 2.3).
    async fn read<B>(&mut self, body: B) -> Result<(), Box<Answer>>
    where
        B: Body<Data: Send> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Ok(());
        }
        let form = form(body, &self.service.0.server.core.settings).await?;
        if let Some(request) = Arc::get_mut(&mut self.request) {
            request.form = form;
        }
        Ok(())
    }
}

impl Serves {
    async fn answer(&self, index: usize, request: Arc<Request>, upgrade: Option<Upgrade>) -> Answer {
        let Self { server, nested } = self;
        let Some(endpoint) = server.mapped.endpoints.get(index) else { return unmapped() };
        let callback = match callback(endpoint, &request) {
            Ok(callback) => callback,
            Err(answer) => return *answer,
        };
        let is_known = request.user().is_some();
        let admission = match endpoint.application.admit(request).end().await {
            Ok(admission) => admission,
            Err(Refusal::NotAuthorized) if is_known => return bare(StatusCode::FORBIDDEN),
            Err(refused) => return not_admitted(server, refused),
        };
        let stripped = nested.map(|_| &*endpoint.path);
        Visit { server, endpoint, index, stripped, callback, admission }.serve(upgrade).await
    }
}

/// For a user who is not known.
fn not_admitted(server: &Server, why: Refusal) -> Answer {
    match why {
        Refusal::NotAuthorized => bare(StatusCode::UNAUTHORIZED),
        Refusal::Malformed(why) => refusal(StatusCode::BAD_REQUEST, why),
        Refusal::UnknownHub(why) => {
            server.core.counters.error(Counter::ErrorsHubResolutionTotal);
            refusal(StatusCode::BAD_REQUEST, why)
        }
    }
}

/// An answer on its way out: refusals are counted.
fn seen_off(server: &Server, answer: Answer) -> Answer {
    if answer.status().is_client_error() || answer.status().is_server_error() {
        server.core.counters.increment(Counter::RequestsRefusedTotal);
        tracing::debug!(target: trace::PERSISTENT_CONNECTION, status = answer.status().as_u16(), "a request was refused");
    }
    answer
}

/// No endpoint here: the host's affair, so none of our headers.
fn unmapped() -> Answer {
    let mut answer = http::Response::new(ResponseBody::empty());
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

/// Spec 2.7: before everything else, and everywhere (D-3).
fn callback(endpoint: &Endpoint, request: &Request) -> Result<Option<Callback>, Box<Answer>> {
    match (request.query("callback").filter(|name| !name.is_empty()), endpoint.options.jsonp) {
        (None, _) => Ok(None),
        (Some(_), Jsonp::Off) => {
            let mut answer = bare(StatusCode::FORBIDDEN);
            answer.headers_mut().remove(http::header::X_CONTENT_TYPE_OPTIONS);
            Err(Box::new(answer))
        }
        (Some(name), Jsonp::On) => Callback::parse(name)
            .map(Some)
            .map_err(|error| Box::new(refusal(StatusCode::BAD_REQUEST, format!("callback: {error}")))),
    }
}

/// A request that may be here.
struct Visit<'a> {
    server: &'a Server,
    endpoint: &'a Endpoint,
    /// Its place among the server's endpoints.
    index: usize,
    /// What a host in front has taken from the path.
    stripped: Option<&'a str>,
    callback: Option<Callback>,
    admission: Arc<dyn Admission>,
}

impl Visit<'_> {
    async fn serve(self, upgrade: Option<Upgrade>) -> Answer {
        let core = &self.server.core;
        let command = Command::of(self.request().path());
        match command {
            Command::Script => {
                if let Some(script) = self.endpoint.scripts.of(&self.url(), &*self.endpoint.application) {
                    return answer(StatusCode::OK, Some(JAVASCRIPT), ResponseBody::whole(script));
                }
            }
            Command::Negotiate if self.server.is_leaving() => return shutting_down(),
            Command::Negotiate => {
                let question = Question {
                    core,
                    options: &self.endpoint.options,
                    request: self.request(),
                    url: &self.url(),
                    callback: self.callback.as_ref(),
                };
                return question.answer();
            }
            Command::Ping => return json(PONG.as_bytes(), self.callback.as_ref()),
            Command::Connect
            | Command::Start
            | Command::Reconnect
            | Command::Poll
            | Command::Send
            | Command::Abort
            | Command::Base => {}
        }
        let (kind, token) = match self.identify() {
            Ok(identified) => identified,
            Err(answer) => return *answer,
        };
        match command {
            Command::Start => self.start(&token).await,
            Command::Send => self.send(&token, kind).await,
            Command::Abort => self.abort(&token),
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
                    id: token.id,
                    kind,
                    command,
                    callback: self.callback,
                    upgrade,
                };
                receive.serve().end().await
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
    fn identify(&self) -> Result<(TransportKind, ConnectionToken), Box<Answer>> {
        let kind = self.request().transport.filter(|kind| self.endpoint.options.transports.contains(*kind));
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
            Ok(token) => Ok((kind, token)),
            Err(error @ ConnectionTokenError::Unreadable) => {
                Err(Box::new(refusal(StatusCode::BAD_REQUEST, error.to_string())))
            }
            Err(error @ ConnectionTokenError::OtherUser) => {
                Err(Box::new(refusal(StatusCode::FORBIDDEN, error.to_string())))
            }
        }
    }

    /// Spec 5.6: the answer waits for `connected`.
    async fn start(&self, token: &ConnectionToken) -> Answer {
        let core = &self.server.core;
        if core.stopping.is_set() || core.refuses(token.id) {
            return shutting_down();
        }
        let Ok(record) = core.record(token.id) else {
            return refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one");
        };
        record.traffic.heard(core, core.now());
        record.start(core, Owner { admission: Arc::clone(&self.admission), endpoint: self.index });
        match record.callbacks.connected().await {
            Outcome::Failed => bare(StatusCode::INTERNAL_SERVER_ERROR),
            Outcome::NotDue | Outcome::Pending | Outcome::Succeeded => {
                json(STARTED.as_bytes(), self.callback.as_ref())
            }
        }
    }

    /// Spec 2.6: answered at once, whether anybody is there or not.
    fn abort(&self, token: &ConnectionToken) -> Answer {
        let core = &self.server.core;
        if let Some(record) = core.registry.find(token.id).and_then(Known::record) {
            record.handle(core, heliostat_proto::connection::Input::Aborted);
        }
        answer(StatusCode::OK, Some("text/plain"), ResponseBody::empty())
    }

    /// Spec 6.6: may land on any server, whether or not it holds the receive request.
    async fn send(&self, token: &ConnectionToken, kind: TransportKind) -> Answer {
        let core = &self.server.core;
        if core.stopping.is_set() {
            return shutting_down();
        }
        if kind == TransportKind::WebSockets {
            return refusal(
                StatusCode::BAD_REQUEST,
                "over WebSockets, send on the socket: this is not a WebSocket request",
            );
        }
        let Ok(record) = core.registry.find(token.id).map(Known::living).transpose() else {
            return refusal(StatusCode::FORBIDDEN, "this connection has ended; start a new one");
        };
        // Spec 2.4: a form field, except for JSONP, which has no form.
        let data = match (&self.callback, kind) {
            (Some(_), TransportKind::LongPolling) => {
                self.request().query("data").or_else(|| self.request().form("data"))
            }
            _ => self.request().form("data"),
        };
        let Some(data) = data else {
            return refusal(
                StatusCode::BAD_REQUEST,
                "the form field `data` is missing; put the message there",
            );
        };
        if let Some(max) = core.settings.max_incoming_message.filter(|max| data.len() > *max) {
            return too_large(max);
        }
        core.counters.increment(Counter::ConnectionMessagesSentTotal);
        let context = match &record {
            Some(record) => {
                record.traffic.heard(core, core.now());
                record.traffic.read(data.len());
                record.callbacks.connected().await;
                record.context(core, self.request())
            }
            None => CallbackContext {
                id: token.id,
                request: Arc::clone(self.request()),
                core: Arc::clone(core),
                holder: Holder::AnotherServer(CancellationToken::new()),
            },
        };
        let received = self.admission.received(context, data).end().await;
        // The result takes another way than the progress reports before it, and must not overtake them (CP-168).
        if let (Some(record), Received::Reply { after: Some(last), .. }) = (&record, &received) {
            record.reads(*last).await;
        }
        self.reply(received, kind)
    }

    fn reply(&self, received: Received, kind: TransportKind) -> Answer {
        match received {
            Received::Reply { json: body, .. } if kind == TransportKind::ForeverFrame => {
                let mut escaped = Vec::with_capacity(body.len());
                forever_frame::escape_html_json(&mut escaped, &body);
                answer(StatusCode::OK, Some(JSON), ResponseBody::whole(escaped))
            }
            Received::Reply { json: body, .. } => match self.callback.as_ref() {
                Some(callback) if kind == TransportKind::LongPolling => json(&body, Some(callback)),
                Some(_) | None => answer(StatusCode::OK, Some(JSON), ResponseBody::whole(body)),
            },
            Received::Nothing => bare(StatusCode::OK),
            Received::Malformed(why) => refusal(StatusCode::BAD_REQUEST, why),
            Received::Failed(failure) => {
                tracing::debug!(target: trace::PERSISTENT_CONNECTION, %failure, "a handler failed on a message");
                bare(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one per request, and the system's allocator has pieces of up to 1,032 bytes at hand.
    #[test]
    fn the_future_of_an_answer_is_small() {
        let service = Server::builder().build().unwrap().service();
        let (parts, ()) = http::Request::get("/signalr/ping").body(()).unwrap().into_parts();
        let Arrived::Asks(exchange) = service.arrive(parts) else { panic!("nothing speaks against it") };
        let future = exchange.serve(http_body_util::Full::new(bytes::Bytes::new()));
        assert!(size_of_val(&future) < 960, "{} bytes", size_of_val(&future));
    }
}
