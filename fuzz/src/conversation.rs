//! Whatever is asked, and however it is cut, our host answers as hyper alone would: nobody can tell who has read a request, nor who has
//! written what came to be said later.
//!
//! Below `/s` is a server of SignalR, so a conversation may become a stream, polls or a WebSocket; each message is echoed, and when nothing
//! more comes there is news for all. Elsewhere each request is told what was understood of it. `TOKEN` stands for a connection token.
//!
//! hyper gets the same pieces, because it is not indifferent to them: it tells the beginning of HTTP/2 from nonsense only if it is whole.
//!
//! The sockets are pairs of the kernel, without addresses. Time stands still as long as anybody has work, so "nothing more comes" takes none.

use std::{
    convert::Infallible,
    net::TcpStream as Socket,
    os::{fd::OwnedFd, unix::net::UnixStream},
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use heliostat::{
    Connection, EndpointOptions, Failure, Http1, KeyRing, LenientStream, PersistentConnection, ResponseBody,
    Server,
    fuzzing::{answer_body, build},
};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Body, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};
use tower_service::Service;

/// The name of each server's log, by which clients name the places in it: `d-E70C4-1`.
const EPOCH: u32 = 0xE_70C4;
/// Where SignalR is.
const PATH: &str = "/s";
/// Follows everything, so that each head has an end: of one without, hyper itself makes different things, depending on how it is cut.
const LAST: &[u8] = b"\r\n\r\nGET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
/// Passes when nobody has anything to do.
const MOMENT: Duration = Duration::from_millis(1);
/// Longer than any answer takes, and shorter than any time limit.
const SILENCE: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3600);
/// The first bytes of frames.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
/// How the message ends that tells a client that it is there.
const FIRST_MESSAGE: &[u8] = b"\"S\":1,\"M\":[]}";
/// What a client is told that broke the protocol (RFC 6455, 7.4.1).
const REFUSALS: [u16; 4] = [1002, 1003, 1007, 1009];

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    thread_local! {
        static WORLD: World = World::new();
    }
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let bytes = [bytes, LAST].concat();
    let cut = usize::from(cut).min(bytes.len());
    let pieces = bytes.split_at(cut).into();
    let (ours, hypers) = WORLD.with(|world| {
        world.runtime.block_on(async {
            (heard_from_us(world.site(), pieces).await, heard_from_hyper(world.site(), pieces).await)
        })
    });
    assert_eq!(ours, hypers);
}

/// What all conversations have in common.
struct World {
    runtime: Runtime,
    keys: KeyRing,
    /// Good for any server with these keys.
    token: String,
}

/// One conversation's server, which has had no other.
struct Site {
    server: Server,
    token: String,
}

/// An answer that is being made.
type Answering = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

/// Says what it hears, some of it later.
struct Echo;

impl PersistentConnection for Echo {
    async fn connected(&self, connection: &Connection) -> Result<(), Failure> {
        match connection.request().query("connected") {
            Some("slow") => sleep(MOMENT).await,
            Some("fail") => return Err(Failure::new("told to")),
            _ => {}
        }
        Ok(())
    }

    async fn received(&self, connection: &Connection, data: &str) -> Result<(), Failure> {
        if data.starts_with("slow") {
            sleep(MOMENT).await;
        }
        Ok(connection.send(data)?)
    }
}

impl World {
    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let mut world = Self { runtime, keys: KeyRing::random().expect("a key"), token: String::new() };
        let negotiate = Request::get("/s/negotiate?clientProtocol=2.1").body(answer_body(Vec::new()));
        let body = world.runtime.block_on(async {
            let answer = world.site().server.service().call(negotiate.expect("a request")).await;
            answer.expect("an answer").into_body().collect().await.expect("a body").to_bytes()
        });
        let negotiated: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        // Nothing else in it means something else in a URL.
        world.token = negotiated["ConnectionToken"].as_str().expect("a token").replace('+', "%2B");
        world
    }

    fn site(&self) -> Site {
        let server = Server::builder().keys(self.keys.clone()).map(PATH, Echo, EndpointOptions::default());
        Site { server: build(server, EPOCH).expect("a server"), token: self.token.clone() }
    }
}

impl Site {
    fn service<B>(&self) -> impl Fn(Request<B>) -> Answering + use<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let signalr = self.server.service();
        move |request| {
            if signalr.serves(request.uri().path()) {
                signalr.clone().call(request)
            } else {
                Box::pin(answer(request))
            }
        }
    }

    fn filled_in(&self, piece: &[u8]) -> Vec<u8> {
        replaced(piece, b"TOKEN", self.token.as_bytes())
    }

    /// What the client hears, answer by answer.
    async fn heard(&self, mut client: TcpStream, pieces: [&[u8]; 2]) -> Vec<Answer> {
        for piece in pieces {
            // Who has refused something does not read the rest.
            _ = client.write_all(&self.filled_in(piece)).await;
            sleep(MOMENT).await;
        }
        self.server.persistent(PATH).expect("it is mapped").broadcast("news").expect("a text");
        let mut heard = Vec::new();
        // The end, or silence.
        _ = timeout(SILENCE, client.read_to_end(&mut heard)).await;
        let (mut rest, mut answers) = (&*heard, Vec::new());
        while !rest.is_empty() {
            answers.push(Answer::take(&mut rest));
        }
        answers
    }
}

fn replaced(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(what) {
            all.extend_from_slice(with);
            rest = after;
        } else {
            all.push(*first);
            rest = after;
        }
    }
    all
}

/// What a client makes of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    /// Status and headers without their order, without the time of day and without how the body is delimited.
    head: Vec<String>,
    body: String,
    end: End,
}

/// Whether a client knows that there is no more.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Told,
    Open,
}

impl Answer {
    fn take(rest: &mut &[u8]) -> Self {
        let head = taken(rest, b"\r\n\r\n").unwrap_or_else(|| std::mem::take(rest));
        let head = String::from_utf8_lossy(head).into_owned();
        let value = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
        let (body, end) = if let Some(length) = value("content-length: ") {
            let length = length.parse().unwrap_or(usize::MAX);
            let (body, end) =
                if length <= rest.len() { (length, End::Told) } else { (rest.len(), End::Open) };
            let (body, after) = rest.split_at(body);
            *rest = after;
            (body.to_vec(), end)
        } else if value("transfer-encoding: ").is_some() {
            unchunked(rest)
        } else if value("HTTP/1.1 100").is_some() {
            (Vec::new(), End::Told)
        } else {
            (unframed(std::mem::take(rest)), End::Open)
        };
        let delimits = ["date: ", "content-length: ", "transfer-encoding: "];
        let is_said = |line: &&str| !delimits.iter().any(|name| line.starts_with(name));
        let mut head: Vec<_> = head.split("\r\n").filter(is_said).map(str::to_owned).collect();
        if end == End::Open {
            // An answer without an end is the last in any case; our host says so.
            head.retain(|line| line != "connection: close");
        }
        head.sort_unstable();
        let body = String::from_utf8_lossy(&body).into_owned();
        // Each server invents others.
        let body = if body.contains("\"ConnectionToken\"") { "(negotiated)".to_owned() } else { body };
        Self { head, body, end }
    }
}

/// What stands before `end`, and that; neither if it never comes.
fn taken<'a>(rest: &mut &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = rest.windows(end.len()).position(|window| window == end)?;
    let (before, after) = rest.split_at(at);
    *rest = after.strip_prefix(end)?;
    Some(before)
}

fn unchunked(rest: &mut &[u8]) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    while let Some(size) = taken(rest, b"\r\n") {
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk has a size");
        let (chunk, after) = rest.split_at_checked(size + 2).expect("a chunk is whole");
        *rest = after;
        let Some(chunk) = chunk.strip_suffix(b"\r\n") else { panic!("a chunk has an end") };
        if chunk.is_empty() {
            return (body, End::Told);
        }
        body.extend_from_slice(chunk);
    }
    (body, End::Open)
}

/// The frames of a WebSocket, each on a line of its own.
///
/// Who breaks the protocol is sent away at once, and what was on its way then may reach it or not: nobody promises it anything any more. So
/// of such a client's messages none is told. Nor is the first message of one that closes: it may do so with the very bytes that ask for the
/// socket.
fn unframed(bytes: &[u8]) -> Vec<u8> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let [first, length, after @ ..] = rest {
        let (length, after) = match (length, after) {
            (126, [high, low, after @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), after),
            (short, after) => (usize::from(*short), after),
        };
        let (payload, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        frames.push((*first, payload));
        rest = after;
    }
    if let Some((CLOSE, status)) = frames.last().copied() {
        let is_refused = REFUSALS.iter().any(|refusal| status.starts_with(&refusal.to_be_bytes()));
        frames.retain(|(first, payload)| *first != TEXT || !is_refused && !payload.ends_with(FIRST_MESSAGE));
    }
    frames
        .iter()
        .flat_map(|(first, payload)| [format!("{first:x} ").as_bytes(), payload, b"\n"].concat())
        .collect()
}

async fn heard_from_us(site: Site, pieces: [&[u8]; 2]) -> Vec<Answer> {
    let (client, server) = pair();
    let limits = Http1 { header_timeout: LIMIT, ..Http1::default() };
    let serving = tokio::spawn(limits.serve(server, service_fn(site.service()), std::future::pending()));
    let heard = site.heard(client, pieces).await;
    serving.abort();
    heard
}

async fn heard_from_hyper(site: Site, pieces: [&[u8]; 2]) -> Vec<Answer> {
    let (client, server) = pair();
    let io = TokioIo::new(LenientStream::new(server));
    let serving = tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(io, service_fn(site.service()))
            .with_upgrades(),
    );
    let heard = site.heard(client, pieces).await;
    serving.abort();
    heard
}

/// Says all that was understood.
async fn answer<B>(request: Request<B>) -> Result<Response<ResponseBody>, Infallible>
where
    B: Body<Data = Bytes>,
{
    let (head, body) = request.into_parts();
    let mut understood = format!("{} {}\r\n", head.method, head.uri);
    for (name, value) in &head.headers {
        understood.push_str(&format!("{name}={}\r\n", value.as_bytes().escape_ascii()));
    }
    match body.collect().await {
        Ok(body) => understood.push_str(&body.to_bytes().escape_ascii().to_string()),
        Err(_) => understood.push_str("(broken)"),
    }
    Ok(Response::new(answer_body(understood.into_bytes())))
}

fn pair() -> (TcpStream, TcpStream) {
    let (client, server) = UnixStream::pair().expect("two sockets");
    (tcp(client), tcp(server))
}

/// The same calls read and write it.
fn tcp(socket: UnixStream) -> TcpStream {
    socket.set_nonblocking(true).expect("a socket that does not block");
    TcpStream::from_std(Socket::from(OwnedFd::from(socket))).expect("a runtime")
}
