//! A server at work, and the roads to it.

use std::{net::SocketAddr, time::Duration};

use heliostat::{HeliostatService, Http1, LenientStream, Server, User};
use http_body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_service::Service;

use crate::client::{Answer, Ask, Exchange, Line, Socket};

/// Bytes under way in memory, one direction.
const IN_FLIGHT: usize = 64 * 1024;
/// How long an answer may take; with stopped time no time at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server at work. Cheap to clone: all clones are the same site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) server: Server,
    road: Road,
}

/// Who speaks HTTP on a TCP connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Host {
    /// hyper, as any application would use it.
    Any,
    /// Heliostat's own, which takes endless responses over.
    Ours,
    /// The same with nothing between it and the server, whose requests it then reads by itself.
    OursAlone,
    /// Heliostat's own after it has left the conversation to its library, because there was something unusual in it.
    OursWithLibrary,
}

pub(crate) const HOSTS: [Host; 4] = [Host::Any, Host::Ours, Host::OursAlone, Host::OursWithLibrary];

/// How bytes get there.
#[derive(Clone, Copy, Debug)]
enum Road {
    /// Through memory: the clock may be stopped.
    Memory,
    Tcp(SocketAddr, Host),
}

impl Site {
    /// Reached through memory.
    pub(crate) fn in_memory(server: Server) -> Self {
        Self { server, road: Road::Memory }
    }

    /// Reached over TCP on this machine.
    pub(crate) async fn on_tcp(server: Server, host: Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match host {
                    Host::Any => serve(serving.clone(), stream),
                    Host::Ours | Host::OursWithLibrary => serve_directly(serving.clone(), stream),
                    Host::OursAlone => serve_alone(&serving, stream),
                }
            }
        });
        Self { server, road: Road::Tcp(address, host) }
    }

    pub(crate) async fn dial(&self) -> Line {
        match self.road {
            Road::Memory => self.dial_narrow(IN_FLIGHT),
            Road::Tcp(address, host) => {
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                if matches!(host, Host::OursWithLibrary) {
                    say_something_unusual(&mut stream).await;
                }
                Box::new(stream)
            }
        }
    }

    /// A line through memory that holds only so many bytes.
    pub(crate) fn dial_narrow(&self, bytes: usize) -> Line {
        let (ours, theirs) = tokio::io::duplex(bytes);
        serve(self.server.clone(), theirs);
        Box::new(ours)
    }

    /// The whole answer.
    pub(crate) async fn ask(&self, ask: &Ask) -> Answer {
        let whole = async { self.open(ask).await.whole().await };
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or_else(|_| panic!("no whole answer to {ask:?}"))
    }

    /// The answer as soon as its head is there.
    pub(crate) async fn open(&self, ask: &Ask) -> Exchange {
        let line = self.dial().await;
        let begun = tokio::time::timeout(PATIENCE, Exchange::begin(line, ask)).await;
        begun.ok().flatten().unwrap_or_else(|| panic!("no answer to {ask:?}"))
    }

    pub(crate) async fn socket(&self, ask: &Ask) -> Result<Socket, Answer> {
        let line = self.dial().await;
        tokio::time::timeout(PATIENCE, Socket::open(line, ask)).await.expect("an answer to the upgrade")
    }

    /// The status of the answer to a request that is given in full; `None` if the server only hangs up.
    pub(crate) async fn status_of(&self, request: &[u8]) -> Option<u16> {
        let line = self.dial().await;
        let begun = tokio::time::timeout(PATIENCE, Exchange::begin_with(line, request)).await;
        begun.expect("an answer or an end").map(|exchange| exchange.head.status)
    }

    /// A counter by SignalR's name for it.
    pub(crate) fn counter(&self, name: &str) -> i64 {
        let metrics = self.server.metrics();
        let found = metrics.iter().find(|(other, _)| *other == name);
        found.unwrap_or_else(|| panic!("there is no counter '{name}'")).1
    }
}

/// Asks for a head, and reads it.
async fn say_something_unusual(stream: &mut TcpStream) {
    stream.write_all(b"HEAD /unusual HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the server reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("the server answers"));
    }
}

/// Serves one physical connection, as an application would: an authentication layer, then SignalR.
fn serve(server: Server, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(application(server));
    let io = TokioIo::new(LenientStream::new(stream));
    tokio::spawn(async move {
        // A client that goes away in the middle is what many tests are about.
        _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades().await;
    });
}

fn serve_directly(server: Server, stream: TcpStream) {
    let service = service_fn(application(server));
    tokio::spawn(async move {
        _ = Http1::default().serve(stream, service, std::future::pending()).await;
    });
}

fn serve_alone(server: &Server, stream: TcpStream) {
    let (service, others) = (server.service(), service_fn(application(server.clone())));
    tokio::spawn(async move {
        _ = Http1::default().serve_server(stream, service, others, std::future::pending()).await;
    });
}

fn application<B>(
    server: Server,
) -> impl Fn(http::Request<B>) -> <HeliostatService as Service<http::Request<B>>>::Future
where
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let heliostat = server.service();
    move |mut request: http::Request<B>| {
        if let Some(user) = authenticated(request.headers()) {
            request.extensions_mut().insert(user);
        }
        heliostat.clone().call(request)
    }
}

/// The tests' authentication: the header `X-User` is believed.
fn authenticated(headers: &http::HeaderMap) -> Option<User> {
    headers.get("x-user").and_then(|name| name.to_str().ok()).map(User::new)
}
