//! Accepts physical connections and speaks HTTP/1.1 on them, tuned for many that are idle most of the time.
//!
//! Promises: never more connections than allowed (further ones wait in the system's queue); a peer that does not finish
//! its request head, or vanishes without a word, loses its connection; stopping lets running answers finish.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use heliostat::{HeliostatService, Http1, Http1Error, RequestBody, ResponseBody};
use http::{Request, Response};
use hyper::service::Service;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::operations::Peer;

/// Connections that the system may keep for us until we accept them: enough for a few thousand clients that come back
/// in the same second. The system may allow fewer.
const BACKLOG: u32 = 4096;

/// The longest request head. Groups tokens travel in the query string and grow with the number of groups.
const MAX_HEAD: usize = 64 * 1024;

/// How long to pause when there is no room or the system has no more sockets for us, so that the loop does not spin.
const BREATHER: Duration = Duration::from_millis(100);

/// Whether an accepted socket has the options of the one that listens, for certain; then they need not be set for each.
const INHERITS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What a listener may spend on its peers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Physical connections at once.
    pub(crate) connections: u32,
    /// How long a peer may take for the head of its next request, which is also how long it may idle between two.
    pub(crate) header: Duration,
    /// How long bytes may stay unacknowledged before the peer counts as gone.
    pub(crate) unacknowledged: Duration,
}

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(
        "{0} is in use: another program (or another heliostat) listens there; stop it, or choose another with --listen"
    )]
    InUse(SocketAddr),
    #[error(
        "{0} is not an address of this machine; use 127.0.0.1 for this machine only or 0.0.0.0 for all its addresses"
    )]
    NotOurs(SocketAddr),
    #[error(
        "{0} is not allowed for this user; ports below 1024 often are not, choose one above with --listen"
    )]
    NotAllowed(SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    limits: Limits,
}

impl Listener {
    pub(crate) fn bind(address: SocketAddr, limits: Limits) -> Result<Self, BindError> {
        let open = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A restart must not wait for the old connections' last packets.
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            if INHERITS {
                tune(SockRef::from(&socket), limits)?;
            }
            socket.listen(BACKLOG)
        };
        match open() {
            Ok(tcp) => Ok(Self { tcp, limits }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(BindError::InUse(address)),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(BindError::NotOurs(address)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(BindError::NotAllowed(address))
            }
            Err(error) => Err(BindError::Other(address, error)),
        }
    }

    /// The address in use, with the port the system chose if it was asked to.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until `stop` is done; then the socket is closed and nothing new is accepted. What is not for `server` is answered by a service of
    /// which each physical connection has its own, since it knows who is at the other end.
    pub(crate) async fn serve<S>(
        self,
        server: HeliostatService,
        others_for: impl Fn(Peer) -> S + Send + Sync + 'static,
        stop: impl Future<Output = ()>,
    ) -> Remaining
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Http1Error>,
    {
        let connections = TaskTracker::new();
        let (stopping, stopped) = watch::channel(());
        // A task, because only those run where new connections are noticed: whoever waits in `block_on` is another thread, to be woken
        // for each of them and to wake a worker in its turn.
        let service_for = move |peer| (server.clone(), others_for(peer));
        let accepting = self.accept_all(service_for, connections.clone(), stopped);
        let accepting = AbortOnDropHandle::new(tokio::spawn(accepting));
        stop.await;
        accepting.abort();
        // Only then is the socket closed.
        _ = accepting.await;
        Remaining { connections, stopping }
    }

    /// Accepts for ever. May be dropped at any time: whoever has been accepted is in `connections` by then.
    async fn accept_all<S>(
        self,
        service_for: impl Fn(Peer) -> (HeliostatService, S),
        connections: TaskTracker,
        stopped: watch::Receiver<()>,
    ) where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Http1Error>,
    {
        let http = Http1 { header_timeout: self.limits.header, max_head: MAX_HEAD };
        loop {
            self.room(|| connections.len() as u64).await;
            let (stream, peer) = self.accept().await;
            connections.spawn(speak_http(stream, service_for(peer), http, stopped.clone()));
        }
    }

    /// Waits until one more connection is allowed.
    async fn room(&self, taken: impl Fn() -> u64) {
        let limit = u64::from(self.limits.connections);
        if taken() < limit {
            return;
        }
        tracing::warn!(limit, "the limit of physical connections is reached; new ones wait until one closes");
        while taken() >= limit {
            tokio::time::sleep(BREATHER).await;
        }
    }

    async fn accept(&self) -> (TcpStream, Peer) {
        loop {
            match self.tcp.accept().await {
                Ok((stream, address)) if INHERITS => return (stream, Peer(address)),
                Ok((stream, address)) => match tune(SockRef::from(&stream), self.limits) {
                    Ok(()) => return (stream, Peer(address)),
                    // The peer is gone again.
                    Err(error) => tracing::debug!(%error, "a new physical connection could not be prepared"),
                },
                Err(error) if is_about_one_peer(&error) => {
                    tracing::debug!(%error, "a physical connection ended before it was accepted");
                }
                Err(error) => {
                    tracing::warn!(%error, "no new physical connection can be accepted at the moment");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }
}

/// Small messages leave at once, and a peer that vanished silently is noticed.
fn tune(socket: SockRef<'_>, limits: Limits) -> io::Result<()> {
    let limit = limits.unacknowledged;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(limit).with_interval(limit / 3))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(limit))?;
    Ok(())
}

fn is_about_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn speak_http<S>(
    stream: TcpStream,
    (server, others): (HeliostatService, S),
    http: Http1,
    mut stopped: watch::Receiver<()>,
) -> impl Future<Output = ()>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Http1Error>,
{
    // The other end is dropped when the server stops.
    let stop = async move { _ = stopped.changed().await };
    // No `async` block: it would keep room for the future twice.
    http.serve_server(stream, server, others, stop).map(|served| {
        if let Err(error) = served {
            tracing::debug!(%error, "a physical connection ended with an error");
        }
    })
}

/// The connections that are left when a listener has stopped: those that speak HTTP, streams and WebSockets.
#[derive(Debug)]
#[must_use = "connections go on until `asked_to_close`"]
pub(crate) struct Remaining {
    connections: TaskTracker,
    stopping: watch::Sender<()>,
}

impl Remaining {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.connections.len()
    }

    /// Tells all connections to close after the answer they are giving, and waits until they have. Streams and WebSockets are not told: the
    /// server's shutdown ends them.
    pub(crate) async fn asked_to_close(self) {
        drop(self.stopping);
        self.connections.close();
        self.connections.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::pin::pin;

    use bytes::Bytes;
    use heliostat::{EndpointOptions, Server};
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use crate::demo::echo::EchoConnection;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    const PATIENCE: Duration = Duration::from_secs(5);

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: JoinHandle<Remaining>,
    }

    fn start(connections: u32, header: Duration) -> Running {
        start_with(connections, header, &Server::builder().build().unwrap())
    }

    fn start_server(connections: u32) -> (Server, Running) {
        let server =
            Server::builder().map("/echo", EchoConnection, EndpointOptions::default()).build().unwrap();
        let running = start_with(connections, PATIENCE, &server);
        (server, running)
    }

    /// A server, and a page beside it.
    fn start_with(connections: u32, header: Duration, server: &Server) -> Running {
        let page = |_| {
            service_fn(|_| async {
                Ok::<_, Infallible>(Response::new(ResponseBody::from(Bytes::from_static(b"hi"))))
            })
        };
        let limits = Limits { connections, header, unacknowledged: Duration::from_secs(30) };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
        let address = listener.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let served = tokio::spawn(listener.serve(server.service(), page, stopped));
        Running { address, stop, served }
    }

    /// Sends one request and reads to the end of the answer's body.
    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(REQUEST).await.unwrap();
        hear(stream, "hi").await
    }

    /// Reads to these words.
    async fn hear(stream: &mut TcpStream, last: &str) -> String {
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).ends_with(last) {
            let read = stream.read_buf(&mut heard).await.unwrap();
            assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&heard));
        }
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// Something in the target that the host leaves to its library, as old clients write it, or nothing.
    const UNUSUAL: [&str; 2] = ["", "&unusual=\""];

    async fn open_web_socket(address: SocketAddr, unusual: &str) -> TcpStream {
        let mut negotiating = TcpStream::connect(address).await.unwrap();
        let negotiate = b"GET /echo/negotiate HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        negotiating.write_all(negotiate).await.unwrap();
        let mut negotiated = String::new();
        negotiating.read_to_string(&mut negotiated).await.unwrap();
        let token = negotiated.split("\"ConnectionToken\":\"").nth(1).unwrap().split('"').next().unwrap();
        let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let target =
            format!("/echo/connect?transport=webSockets&clientProtocol=2.1&connectionToken={token}{unusual}");
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n\r\n");
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        hear(&mut socket, "\"S\":1,\"M\":[]}").await;
        socket
    }

    #[tokio::test]
    async fn a_connection_above_the_limit_waits_until_another_closes() {
        let running = start(1, PATIENCE);
        let mut first = TcpStream::connect(running.address).await.unwrap();
        ask(&mut first).await;
        let mut second = TcpStream::connect(running.address).await.unwrap();
        let mut answer = pin!(ask(&mut second));
        assert!(tokio::time::timeout(Duration::from_millis(100), answer.as_mut()).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(PATIENCE, answer).await.unwrap().starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_peer_that_never_finishes_its_request_head_is_cut_off() {
        let running = start(10, Duration::from_millis(50));
        let mut slow = TcpStream::connect(running.address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn stopping_closes_idle_connections_and_accepts_no_new_ones() {
        let running = start(10, PATIENCE);
        let mut idle = TcpStream::connect(running.address).await.unwrap();
        ask(&mut idle).await;
        running.stop.send(()).unwrap();
        let remaining = running.served.await.unwrap();
        assert_eq!(remaining.count(), 1);
        assert!(TcpStream::connect(running.address).await.is_err());
        tokio::time::timeout(PATIENCE, remaining.asked_to_close()).await.unwrap();
        assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_web_socket_is_one_connection_until_it_ends() {
        for unusual in UNUSUAL {
            let (_server, running) = start_server(2);
            let socket = open_web_socket(running.address, unusual).await;
            let ping = async || {
                let mut stream = TcpStream::connect(running.address).await.unwrap();
                stream.write_all(b"GET /echo/ping HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
                hear(&mut stream, "\"pong\" }").await;
                stream
            };
            let _second = tokio::time::timeout(PATIENCE, ping()).await.expect("room for one more");
            let mut third = pin!(ping());
            assert!(tokio::time::timeout(Duration::from_millis(100), third.as_mut()).await.is_err());
            drop(socket);
            tokio::time::timeout(PATIENCE, third).await.expect("room again");
        }
    }

    #[tokio::test]
    async fn a_web_socket_that_remains_is_ended_by_the_server_and_not_by_stopping() {
        const CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xE8];
        for unusual in UNUSUAL {
            let (server, running) = start_server(10);
            let mut socket = open_web_socket(running.address, unusual).await;
            running.stop.send(()).unwrap();
            let remaining = running.served.await.unwrap();
            assert_eq!(remaining.count(), 1);
            let mut closed = pin!(remaining.asked_to_close());
            assert!(tokio::time::timeout(Duration::from_millis(100), closed.as_mut()).await.is_err());
            let ended = async { tokio::join!(server.shutdown(), closed) };
            tokio::time::timeout(PATIENCE, ended).await.expect("the server ends it");
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
            assert!(rest.ends_with(CLOSE), "{rest:?}");
        }
    }

    #[tokio::test]
    async fn whoever_is_accepted_is_tuned() {
        let limit = Duration::from_secs(20);
        let limits = Limits { connections: 1, header: PATIENCE, unacknowledged: limit };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
        let client = TcpStream::connect(listener.address().unwrap()).await.unwrap();
        let (stream, Peer(address)) = listener.accept().await;
        assert_eq!(address, client.local_addr().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), limit);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(limit));
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused_with_what_to_do() {
        let running = start(1, PATIENCE);
        let limits = Limits { connections: 1, header: PATIENCE, unacknowledged: PATIENCE };
        let error = Listener::bind(running.address, limits).unwrap_err().to_string();
        assert!(error.contains("in use") && error.contains("--listen"), "{error}");
        let error = Listener::bind(([192, 0, 2, 1], 0).into(), limits).unwrap_err().to_string();
        assert!(error.contains("not an address of this machine"), "{error}");
    }
}
