//! A server of ours and whatever is beside it, as one service.
//!
//! A request for one of the server's endpoints never becomes one of a library's types if our host has read it itself: its headers are packed
//! from where they lie, and its target is not checked a second time. Most requests are such.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::service::Service;
use pin_project_lite::pin_project;

use super::{Http1Error, RequestBody, again::Again, prepared::Prepared, short_request::ShortRequest};
use crate::{
    begun::Begun,
    http::{
        answer::Answer,
        service::{Arrived, HeliostatService, Resolved},
    },
    transport::response_body::ResponseBody,
};

/// Who answers on one physical connection.
#[derive(Debug)]
pub(super) struct Beside<S> {
    /// Unless something stands in front of it that wants to see its requests first.
    pub(super) server: Option<HeliostatService>,
    pub(super) others: S,
}

/// A head that was read before.
pub(super) type KnownHead = Again<Resolved>;

/// An answer that comes.
pub(super) enum Asked<F> {
    /// It is there.
    Done(Prepared),
    /// The server's.
    Waits(BoxFuture<'static, Answer>),
    Others(F),
}

impl<S> Beside<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    /// Begins to answer, and says what to keep in mind for the next request. `None` if it is no request that a library would make one of.
    pub(super) fn ask(&self, short: &ShortRequest<'_>) -> Option<(Asked<S::Future>, Option<KnownHead>)> {
        if let Some(server) = &self.server
            && let Some(target) = short.path_and_query()
            && let Some(endpoint) = server.endpoint(target.0)
        {
            return Some(match server.arrive(endpoint, short.head(target)) {
                Arrived::Answered(answer) => (Asked::Done(Prepared::from(*answer)), None),
                Arrived::Asks(exchange) => {
                    let known = exchange.again().and_then(|resolved| Again::of(short, resolved));
                    (begun(server.begin(exchange, short.body)), known)
                }
            });
        }
        Some((Asked::Others(self.others.call(short.request()?)), None))
    }

    /// The same for a request with a known head.
    pub(super) fn ask_again(&self, known: &KnownHead, body: &[u8]) -> Option<Asked<S::Future>> {
        Some(begun(self.server.as_ref()?.begin_again(&known.came_to, body)))
    }
}

fn begun<F>(begun: Begun<Answer>) -> Asked<F> {
    match begun {
        Begun::Done(answer) => Asked::Done(Prepared::from(answer)),
        Begun::Waits(answer) => Asked::Waits(answer),
    }
}

impl<S> Service<Request<RequestBody>> for Beside<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    type Response = Response<ResponseBody>;
    type Error = Http1Error;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        match &self.server {
            Some(server) if server.serves(request.uri().path()) => {
                Answering::Server { answer: tower_service::Service::call(&mut server.clone(), request) }
            }
            Some(_) | None => Answering::Others { answer: self.others.call(request) },
        }
    }
}

pin_project! {
    /// The answer to a request that the library has read.
    #[project = Project]
    pub(super) enum Answering<F> {
        Server { answer: <HeliostatService as tower_service::Service<Request<RequestBody>>>::Future },
        Others { #[pin] answer: F },
    }
}

impl<F, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<ResponseBody>, E>>,
    E: Into<Http1Error>,
{
    type Output = Result<Response<ResponseBody>, Http1Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Server { answer } => answer.as_mut().poll(context).map_err(Into::into),
            Project::Others { answer } => answer.poll(context).map_err(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::LazyLock, time::Duration};

    use super::*;
    use hyper::service::service_fn;
    use hyper_util::service::TowerToHyperService;
    use proptest::{collection::vec, prelude::*, sample::select};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use crate::{Cors, EndpointOptions, Http1, Jsonp, Server, Settings, hub, protect::ConnectionToken};

    const PATIENCE: Duration = Duration::from_secs(10);

    #[derive(Debug)]
    struct Quiet;

    #[hub]
    impl Quiet {}

    /// One for all, so that its tokens are good everywhere.
    static SERVER: LazyLock<Server> = LazyLock::new(|| {
        let options = EndpointOptions {
            jsonp: Jsonp::On,
            cors: Cors::allow(["http://a.example"]),
            ..EndpointOptions::default()
        };
        let settings = Settings { max_incoming_message: Some(8), ..Settings::default() };
        Server::builder().settings(settings).hub(Quiet).map_hubs("/signalr", options).build().unwrap()
    });

    fn server() -> Server {
        SERVER.clone()
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    /// What the client hears up to the end of its connection, without the time of day.
    async fn heard(mut client: TcpStream, text: &str) -> Vec<String> {
        _ = client.write_all(text.as_bytes()).await;
        let mut heard = Vec::new();
        _ = tokio::time::timeout(PATIENCE, client.read_to_end(&mut heard)).await.expect("an end");
        let heard = String::from_utf8_lossy(&heard).into_owned();
        heard.split("\r\n").filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect()
    }

    async fn heard_through_a_layer(text: &str) -> Vec<String> {
        let (client, stream) = pair().await;
        let service = TowerToHyperService::new(server().service());
        tokio::spawn(Http1::default().serve(stream, service, std::future::pending()));
        heard(client, text).await
    }

    async fn heard_directly(text: &str) -> Vec<String> {
        let (client, stream) = pair().await;
        let others = TowerToHyperService::new(server().service());
        tokio::spawn(Http1::default().serve_server(
            stream,
            server().service(),
            others,
            std::future::pending(),
        ));
        heard(client, text).await
    }

    fn requests() -> impl Strategy<Value = String> {
        let (_, token) = ConnectionToken::issue(&SERVER.core.protector, "").unwrap();
        let known =
            format!("/signalr/send?transport=serverSentEvents&connectionToken={}", token.replace('+', "%2B"));
        let method = select(vec!["GET", "POST", "OPTIONS", "PUT"]);
        let target = select(
            vec![
                &known,
                &known,
                "/signalr/ping",
                "/SignalR/ping?callback=f",
                "/signalr/ping?callback=1",
                "/signalr/ping#x",
                "/signalr/ping?callback=\"",
                "/signalr/hubs?a=%22",
                "/signalr/abort?transport=longPolling",
                "/signalr/send?transport=longPolling&connectionToken=x",
                "/signalr/ping?connectionData=[%7B%22name%22:%22nobody%22%7D]",
                "/signalr/?x",
                "/signalry",
                "/",
            ]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
        );
        let header = select(vec![
            "Host: x",
            "ORIGIN: http://a.example",
            "origin: http://b.example",
            "Origin: \u{e9}",
            "Access-Control-Request-Method: POST",
            "access-control-request-headers: X-A",
            "Upgrade: websocket",
            "Connection: Upgrade",
        ]);
        // None comes in pieces: a library may answer before it has read the last one, and closes then.
        let body = select(vec![0, 3, 9]);
        let letters = vec(select(vec!["data=x&y=", "data=y&y=", "date={}&", "data={}&"]), 1..4);
        let request = (method, target, vec(header, 0..4), body, letters).prop_map(
            |(method, target, headers, body, letters)| {
                let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
                let one = |letters: &str| {
                    let body = letters.chars().chain(std::iter::repeat('z')).take(body).collect::<String>();
                    let length = if body.is_empty() {
                        String::new()
                    } else {
                        format!("Content-Length: {}\r\n", body.len())
                    };
                    format!("{method} {target} HTTP/1.1\r\n{headers}{length}\r\n{body}")
                };
                // The same again, with other bodies.
                letters.into_iter().map(one).collect::<String>()
            },
        );
        vec(request, 1..3)
            .prop_map(|requests| format!("{}GET / HTTP/1.1\r\nConnection: close\r\n\r\n", requests.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Nobody can tell by the answers whether a request came to the server as one of a library's.
        #[test]
        fn any_requests_are_answered_as_through_a_service(text in requests()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (ours, services) = runtime.block_on(async {
                (heard_directly(&text).await, heard_through_a_layer(&text).await)
            });
            prop_assert_eq!(ours, services, "{:?}", text);
        }
    }

    #[tokio::test]
    async fn what_is_for_no_endpoint_goes_to_the_others_whoever_has_read_it() {
        for unusual in ["", "X-Long: ", "Transfer-Encoding: chunked"] {
            let (client, stream) = pair().await;
            let others = service_fn(|request: Request<RequestBody>| async move {
                Ok::<_, Infallible>(Response::new(ResponseBody::whole(request.uri().path().to_owned())))
            });
            let host = Http1::default();
            tokio::spawn(host.serve_server(stream, server().service(), others, std::future::pending()));
            let unusual = match unusual {
                "" => String::new(),
                "X-Long: " => format!("X-Long: {}\r\n", "x".repeat(9000)),
                other => format!("{other}\r\n"),
            };
            let end = if unusual.starts_with("Transfer") { "0\r\n\r\n" } else { "" };
            let text = format!(
                "POST /page HTTP/1.1\r\n{unusual}\r\n{end}GET /signalr/ping HTTP/1.1\r\nConnection: close\r\n\r\n"
            );
            let heard = heard(client, &text).await.join("\n");
            assert!(heard.contains("\n/pageHTTP/1.1 200 OK") && heard.contains("pong"), "{heard}");
        }
    }
}
