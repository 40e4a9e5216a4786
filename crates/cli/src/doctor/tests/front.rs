//! What can stand in front of a server: a proxy with one fault, or an answer that has nothing to do with SignalR.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use heliostat::{EndpointOptions, KeepAlive, Server, Timeouts, hub};
use http::{Response, StatusCode};
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::listener::{Limits, Listener};

/// Long enough that a busy machine does not look like a slow server.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// One thing that goes wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Hop-by-hop headers are dropped, as an old proxy does.
    StripsUpgrade,
    /// Answers are passed on when they are complete.
    Buffers,
    /// After the first message, nothing more is passed on.
    FallsSilent,
    /// Streams are cut soon after they were opened.
    Cuts,
    /// Requests whose first line has this and more bytes are refused.
    LimitsUrl(usize),
    /// Everything is cut this long after it began.
    CutsAfter(Duration),
    /// Requests whose path ends so are never answered.
    Hangs(&'static str),
    /// Requests whose path ends so are answered with this.
    Answers(&'static str, &'static str),
}

struct QuietHub;

#[hub]
impl QuietHub {}

/// A server in order.
pub(super) fn server(keep_alive: KeepAlive, options: EndpointOptions) -> Server {
    let timeouts = Timeouts::unchecked_for_tests(Duration::from_secs(12), keep_alive, Duration::from_secs(5))
        .with_transport_connect(Duration::from_secs(3))
        .unwrap();
    Server::builder().timeouts(timeouts).hub(QuietHub).map_hubs("/signalr", options).build().unwrap()
}

/// Serves it on a port of its own, until the test ends.
pub(super) fn serve(server: &Server) -> SocketAddr {
    let patience = Duration::from_secs(30);
    let limits = Limits { connections: 100, header: patience, unacknowledged: patience };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
    let address = listener.address().unwrap();
    let service = server.service();
    let not_found = || Response::builder().status(StatusCode::NOT_FOUND).body(Bytes::new().into());
    let others = move |_| service_fn(move |_| ready(not_found()));
    tokio::spawn(async move { listener.serve(service, others, std::future::pending()).await.count() });
    address
}

/// A proxy before these servers, which take turns.
pub(super) async fn front(servers: Vec<SocketAddr>, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let servers = Arc::new(servers);
    tokio::spawn(async move {
        for turn in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let upstream = servers[turn % servers.len()];
            tokio::spawn(pass_on(stream, upstream, fault));
        }
    });
    address
}

/// One request, and then the connection closes.
async fn pass_on(mut client: TcpStream, server: SocketAddr, fault: Fault) {
    let Some((head, rest)) = head(&mut client).await else { return };
    let line = head.lines().next().unwrap_or_default();
    let path = line.split([' ', '?']).nth(1).unwrap_or_default();
    let mut answer = None;
    if let Fault::Answers(suffix, text) = fault {
        answer = Some(text).filter(|_| path.ends_with(suffix));
    } else if let Fault::LimitsUrl(limit) = fault {
        let refusal = "HTTP/1.1 414 URI Too Long\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n";
        answer = Some(refusal).filter(|_| line.len() >= limit);
    }
    if let Fault::Hangs(suffix) = fault
        && path.ends_with(suffix)
    {
        return std::future::pending().await;
    }
    if let Some(answer) = answer {
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let upgrades = head.to_ascii_lowercase().contains("upgrade: websocket") && fault != Fault::StripsUpgrade;
    let mut forwarded = String::new();
    for line in head.lines() {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if upgrades || !matches!(name.as_str(), "connection" | "upgrade") {
            forwarded.push_str(line);
            forwarded.push_str("\r\n");
        }
    }
    forwarded.push_str(if upgrades { "\r\n" } else { "Connection: close\r\n\r\n" });
    let mut upstream = TcpStream::connect(server).await.unwrap();
    upstream.write_all(forwarded.as_bytes()).await.unwrap();
    upstream.write_all(&rest).await.unwrap();
    relay(client, upstream, fault).await;
}

/// TLS before a server, with a certificate that nobody vouches for.
pub(super) async fn tls_front(server: SocketAddr) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Whoever does not trust the certificate hangs up.
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut upstream = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    address
}

async fn head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Some((String::from_utf8(bytes).unwrap(), rest));
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn relay(client: TcpStream, upstream: TcpStream, fault: Fault) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = upstream.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let down = async {
        let (mut held, mut is_silent) = (Vec::new(), false);
        let mut buffer = [0; 4096];
        loop {
            let limit = if fault == Fault::Cuts { KEEP_ALIVE * 3 / 4 } else { Duration::from_secs(30) };
            let read = tokio::time::timeout(limit, from_server.read(&mut buffer)).await;
            let Ok(Ok(read @ 1..)) = read else { break };
            let bytes = &buffer[..read];
            if fault == Fault::Buffers {
                held.extend_from_slice(bytes);
            } else if !is_silent {
                to_client.write_all(bytes).await.unwrap_or(());
            }
            is_silent |= fault == Fault::FallsSilent && bytes.windows(5).any(|part| part == b"\"S\":1");
        }
        let _ = to_client.write_all(&held).await;
        let _ = to_client.shutdown().await;
    };
    let life = if let Fault::CutsAfter(life) = fault { life } else { Duration::from_secs(60) };
    // Whoever ends first ends the other: a WebSocket's client or a stream's server.
    tokio::select! { () = up => {} () = down => {} () = tokio::time::sleep(life) => {} }
}
