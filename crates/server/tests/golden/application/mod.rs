//! The application behind the recordings: what every hub, persistent connection, fixed answer and bench hook does, written
//! against the public API alone.

mod argument;
mod authentication;
mod event_log;
mod fixed_answers;
mod hubs;
mod oracle_hub;
mod persistent_connections;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use heliostat::{
    Cors, DetailedErrors, EndpointOptions, Http1, JavaScriptProxies, Jsonp, KeepAlive, MessageBuffer,
    RequestBody, ResponseBody, Server, Settings, Timeouts, TransportKind, TransportSet,
};
use http::{Request, Response};
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tower_service::Service;

pub(crate) use event_log::EventLog;

/// A running application, set up as one process of the recordings was.
#[derive(Debug)]
pub(crate) struct Application {
    server: Server,
    pub(crate) events: Arc<EventLog>,
}

/// What a recording says about the process it was made with, e.g. `keepAlive=2,disconnectTimeout=6,connectionTimeout=5`.
#[derive(Clone, Debug)]
struct Setup {
    timeouts: Timeouts,
    settings: Settings,
    transports: TransportSet,
}

impl Application {
    /// Listens on a free port of this machine. `began` is the zero of the event times.
    pub(crate) async fn start(label: &str, began: Instant) -> (Arc<Self>, SocketAddr) {
        let events = Arc::new(EventLog::new(began));
        let server = server(Setup::parse(label), &events);
        let application = Arc::new(Self { server, events });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a local port is free");
        let address = listener.local_addr().expect("a listener has an address");
        tokio::spawn(Arc::clone(&application).serve(listener));
        (application, address)
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            stream.set_nodelay(true).expect("a TCP connection takes its options");
            let application = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(move |request| Arc::clone(&application).answer(request));
                // Clients of the recordings vanish; that is no error of the application.
                _ = Http1::default().serve(stream, service, std::future::pending()).await;
            });
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        if let Some(answer) = fixed_answers::answer(&request) {
            return Ok(answer);
        }
        if let Some(answer) = self.bench_hook(&request) {
            return Ok(answer);
        }
        let request = match authentication::authenticate(request) {
            Ok(request) => request,
            Err(refusal) => return Ok(*refusal),
        };
        self.server.service().call(request).await
    }

    /// What the test bench asks for between the requests of the clients.
    fn bench_hook(&self, request: &Request<RequestBody>) -> Option<Response<ResponseBody>> {
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/oracle/broadcast" => self.broadcast(query),
            "/oracle/shutdown" => {
                let server = self.server.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    server.shutdown().await;
                });
            }
            _ => return None,
        }
        Some(Response::new(full("ok")))
    }

    fn broadcast(&self, query: &str) {
        let everyone = self.server.hub_named("oracle").expect("the hub is added").clients().all();
        let text = crate::query::value(query, "m").unwrap_or_default();
        let texts: Vec<String> = match crate::query::value(query, "n").and_then(|count| count.parse().ok()) {
            Some(count) => (0..count).map(|number: u32| format!("{text}{number}")).collect(),
            None => vec![text],
        };
        for text in texts {
            everyone.invoke("message", (text,)).expect("a text can be sent");
        }
    }
}

impl Setup {
    fn parse(label: &str) -> Self {
        let words = || label.split(',').map(|word| word.split_once('=').unwrap_or((word, "")));
        let number = |name: &str| {
            words().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
        };
        let seconds = |name: &str| number(name).map(Duration::from_secs);
        let keep_alive = match (words().any(|word| word == ("keepAlive", "none")), seconds("keepAlive")) {
            (true, _) => KeepAlive::Off,
            (false, every) => KeepAlive::Every(every.unwrap_or(Duration::from_secs(10))),
        };
        let timeouts = Timeouts::new(seconds("disconnectTimeout").unwrap_or(Duration::from_secs(30)))
            .and_then(|timeouts| timeouts.with_keep_alive(keep_alive))
            .and_then(|timeouts| match seconds("connectionTimeout") {
                Some(connection) => timeouts.with_connection(connection),
                None => Ok(timeouts),
            });
        let mut settings =
            Settings { long_poll_delay: seconds("longPollDelay").unwrap_or_default(), ..Settings::default() };
        if let Some(messages) = number("bufferSize") {
            let messages = usize::try_from(messages).expect("a small number");
            settings.message_buffer = MessageBuffer { messages, ..MessageBuffer::default() };
        }
        let no_web_sockets = words().any(|word| word == ("no-websockets", ""));
        let transports = if no_web_sockets {
            TransportSet::all().without(TransportKind::WebSockets)
        } else {
            TransportSet::all()
        };
        Self { timeouts: timeouts.expect("the recorded settings are legal"), settings, transports }
    }

    fn options(&self) -> EndpointOptions {
        EndpointOptions { transports: self.transports, ..EndpointOptions::default() }
    }
}

fn server(setup: Setup, events: &Arc<EventLog>) -> Server {
    let plain = setup.options();
    let detailed = EndpointOptions { detailed_errors: DetailedErrors::On, ..setup.options() };
    let cors = EndpointOptions { cors: Cors::AnyOrigin, ..detailed.clone() };
    let jsonp = EndpointOptions { jsonp: Jsonp::On, ..plain.clone() };
    let no_script = EndpointOptions { javascript_proxies: JavaScriptProxies::Off, ..plain.clone() };
    let builder = Server::builder()
        .timeouts(setup.timeouts.clone())
        .settings(setup.settings.clone())
        .map_hubs("/signalr", detailed)
        .map_hubs("/signalr2/test", plain.clone())
        .map_hubs("/nojs", no_script)
        .map_hubs("/jsonp/signalr", jsonp)
        .map_hubs("/corsall/signalr", cors.clone())
        .map_hubs("/corsjsonp/signalr", EndpointOptions { jsonp: Jsonp::On, ..cors })
        .map_hubs("/basicauth/signalr", plain.clone());
    let builder = hubs::add(builder, events);
    persistent_connections::map(builder, &plain, events).build().expect("the parts fit together")
}

fn full(text: impl Into<Bytes>) -> ResponseBody {
    ResponseBody::from(text.into())
}
