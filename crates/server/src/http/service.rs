//! The only way in: a tower service that finds the endpoint, checks the request in the order of spec 2.5, and hands it on.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use heliostat_proto::{frame::jsonp::Callback, parameters::Parameters};
use http::{HeaderValue, StatusCode};
use http_body::Body;

use super::{
    answer::{Answer, bare, refusal, silent},
    cross_origin::{self, CrossOrigin},
    head::Head,
    intake::{form, form_of, without_body},
    request::{Request, RequestHead},
    upgrade::Upgrade,
    visit::{Visit, is_one_of_many},
};
use crate::{
    application::{Admission, Refusal},
    begun::Begun,
    endpoint::Jsonp,
    metrics::Counter,
    server::{Core, Endpoint, Server},
    trace,
    transport::response_body::ResponseBody,
};

/// Serves SignalR over HTTP/1.1. Made by [`Server::service`] and [`Server::nested`].
///
/// # Examples
/// ```
/// use heliostat::Server;
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut service = Server::builder().build()?.service();
/// let ping = http::Request::get("/signalr/ping").body(String::new())?;
/// assert_eq!(service.call(ping).await?.status(), http::StatusCode::OK);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct HeliostatService {
    server: Server,
    /// The one endpoint behind a host that strips its path; otherwise all, by their full paths.
    nested: Option<usize>,
}

impl HeliostatService {
    pub(crate) const fn new(server: Server, nested: Option<usize>) -> Self {
        Self { server, nested }
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

    /// Which endpoint, by its place.
    pub(crate) fn endpoint(&self, path: &str) -> Option<usize> {
        self.nested.or_else(|| {
            self.server.mapped.endpoints.iter().position(|endpoint| below(&endpoint.path, path).is_some())
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
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let Some(endpoint) = self.endpoint(parts.uri.path()) else {
            return Box::pin(std::future::ready(Ok(unmapped().into())));
        };
        match self.arrive(endpoint, Head::of(&mut parts)) {
            Arrived::Answered(answer) => Box::pin(std::future::ready(Ok((*answer).into()))),
            Arrived::Asks(exchange) => {
                let service = self.clone();
                Box::pin(async move { Ok(service.serve(exchange, body).await.into()) })
            }
        }
    }
}

/// What becomes of a request before its body is read.
pub(crate) enum Arrived {
    Answered(Box<Answer>),
    Asks(Exchange),
}

impl HeliostatService {
    /// Begins to answer a request that is there as a whole.
    pub(crate) fn begin(&self, exchange: Exchange, body: &[u8]) -> Begun<Answer> {
        exchange.begin(self, form_of(body, &self.server.core.settings))
    }

    /// The same of one whose head came to this once before.
    pub(crate) fn begin_again(&self, resolved: &Resolved, body: &[u8]) -> Begun<Answer> {
        self.begin(Exchange { resolved: resolved.clone(), upgrade: None }, body)
    }

    /// Looks at the head of a request.
    pub(crate) fn arrive(&self, endpoint: usize, mut head: Head<'_>) -> Arrived {
        let endpoints = &self.server.mapped.endpoints;
        let Some(Endpoint { options, .. }) = endpoints.get(endpoint) else {
            return Arrived::Answered(Box::new(unmapped()));
        };
        let allow = match cross_origin::judge(options, &head.method, &head.headers) {
            CrossOrigin::Preflight(answer) => return Arrived::Answered(answer),
            CrossOrigin::Foreign => {
                let answer = refusal(StatusCode::FORBIDDEN, "this origin may not connect here");
                return Arrived::Answered(Box::new(seen_off(&self.server.core, None, answer)));
            }
            CrossOrigin::Serve(allow) => allow.map(Box::new),
        };
        let upgrade = Upgrade::take(&head.headers, &mut head.extensions);
        if head.extensions.is_empty() {
            // An empty map keeps the room of what was taken out, for as long as the connection lives.
            head.extensions = http::Extensions::new();
        }
        let head = Arc::new(without_body(head, &self.server.core.settings));
        Arrived::Asks(Exchange { resolved: Resolved { endpoint, allow, head }, upgrade })
    }

    async fn serve<B>(&self, exchange: Exchange, body: B) -> Answer
    where
        B: Body<Data: Send> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let form = if body.is_end_stream() {
            Ok(Parameters::default())
        } else {
            form(body, &self.server.core.settings).await
        };
        exchange.begin(self, form).end().await
    }
}

/// A request that is to be answered. It lives in the future of the answer, of which there is one per request, so it is small.
pub(crate) struct Exchange {
    resolved: Resolved,
    upgrade: Option<Upgrade>,
}

/// What the head of a request comes to.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// Its place among the server's endpoints.
    endpoint: usize,
    /// The origin that may read the answer.
    allow: Option<Box<HeaderValue>>,
    head: Arc<RequestHead>,
}

impl Exchange {
    /// For a request with the same head, if another one is likely to come on the same physical connection.
    pub(crate) fn again(&self) -> Option<Resolved> {
        let head = &self.resolved.head;
        // What else comes with a request is not in its bytes.
        let is_said = self.upgrade.is_none() && head.extensions.is_empty();
        (is_said && is_one_of_many(head.command)).then(|| self.resolved.clone())
    }

    /// Begins to answer; with this `form` the request is whole.
    fn begin(mut self, service: &HeliostatService, form: Result<Parameters, Box<Answer>>) -> Begun<Answer> {
        let allow = self.resolved.allow.take();
        let begun = match form {
            Ok(form) => self.answer(service, form),
            Err(answer) => Begun::Done(*answer),
        };
        let core = &service.server.core;
        match begun {
            Begun::Done(answer) => Begun::Done(seen_off(core, allow, answer)),
            Begun::Waits(work) => {
                let core = Arc::clone(core);
                Begun::Waits(Box::pin(async move { seen_off(&core, allow, work.await) }))
            }
        }
    }

    fn answer(self, service: &HeliostatService, form: Parameters) -> Begun<Answer> {
        let Self { resolved: Resolved { endpoint: index, head, .. }, upgrade } = self;
        let request = Arc::new(Request { head, form });
        let Some(endpoint) = service.server.mapped.endpoints.get(index) else {
            return Begun::Done(unmapped());
        };
        let callback = match callback(endpoint, &request) {
            Ok(callback) => callback,
            Err(answer) => return Begun::Done(*answer),
        };
        let is_known = request.user().is_some();
        let gate = Gate { index, upgrade, callback, is_known };
        match endpoint.application.admit(request) {
            Begun::Done(admission) => gate.pass(service, admission),
            Begun::Waits(admission) => {
                let service = service.clone();
                Begun::Waits(Box::pin(async move { gate.pass(&service, admission.await).end().await }))
            }
        }
    }
}

/// Where a request waits until it is admitted, or is not.
struct Gate {
    index: usize,
    upgrade: Option<Upgrade>,
    callback: Option<Callback>,
    /// Whether its user has a name.
    is_known: bool,
}

impl Gate {
    fn pass(
        self,
        HeliostatService { server, nested }: &HeliostatService,
        admission: Result<Arc<dyn Admission>, Refusal>,
    ) -> Begun<Answer> {
        let Self { index, upgrade, callback, is_known } = self;
        let Some(endpoint) = server.mapped.endpoints.get(index) else { return Begun::Done(unmapped()) };
        let stripped = nested.map(|_| &*endpoint.path);
        Begun::Done(match admission {
            Ok(admission) => {
                return Visit { server, endpoint, index, stripped, callback, admission }.serve(upgrade);
            }
            Err(Refusal::NotAuthorized) if is_known => bare(StatusCode::FORBIDDEN),
            Err(Refusal::NotAuthorized) => bare(StatusCode::UNAUTHORIZED),
            Err(Refusal::Malformed(why)) => refusal(StatusCode::BAD_REQUEST, why),
            Err(Refusal::UnknownHub(why)) => {
                server.core.counters.error(Counter::ErrorsHubResolutionTotal);
                refusal(StatusCode::BAD_REQUEST, why)
            }
        })
    }
}

/// An answer on its way out: refusals are counted, and this origin may read it.
fn seen_off(core: &Core, allow: Option<Box<HeaderValue>>, answer: Answer) -> Answer {
    if answer.status.is_client_error() || answer.status.is_server_error() {
        note_refused(core, answer.status);
    }
    match allow {
        Some(origin) => cross_origin::allow(answer, *origin),
        None => answer,
    }
}

#[cold]
fn note_refused(core: &Core, status: StatusCode) {
    core.counters.increment(Counter::RequestsRefusedTotal);
    tracing::debug!(target: trace::PERSISTENT_CONNECTION, status = status.as_u16(), "a request was refused");
}

/// No endpoint here: the host's affair, so none of our headers.
#[cold]
fn unmapped() -> Answer {
    silent(StatusCode::NOT_FOUND)
}

/// Spec 2.7: before everything else, and everywhere (D-3).
fn callback(endpoint: &Endpoint, request: &Request) -> Result<Option<Callback>, Box<Answer>> {
    match (request.query("callback").filter(|name| !name.is_empty()), endpoint.options.jsonp) {
        (None, _) => Ok(None),
        (Some(_), Jsonp::Off) => {
            let answer = bare(StatusCode::FORBIDDEN)
                .saying(|headers| _ = headers.remove(http::header::X_CONTENT_TYPE_OPTIONS));
            Err(Box::new(answer))
        }
        (Some(name), Jsonp::On) => Callback::parse(name)
            .map(Some)
            .map_err(|error| Box::new(refusal(StatusCode::BAD_REQUEST, format!("callback: {error}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one per request, and the system's allocator has pieces of up to 1,032 bytes at hand.
    #[test]
    fn the_future_of_an_answer_is_small() {
        let service = Server::builder().build().unwrap().service();
        let (mut parts, ()) = http::Request::get("/signalr/ping").body(()).unwrap().into_parts();
        let Arrived::Asks(exchange) = service.arrive(0, Head::of(&mut parts)) else {
            panic!("nothing speaks against it")
        };
        let future = service.serve(exchange, http_body_util::Full::new(bytes::Bytes::new()));
        assert!(size_of_val(&future) < 960, "{} bytes", size_of_val(&future));
    }
}
