//! Whatever is asked, and however it is cut, our host answers as hyper alone would: nobody can tell who has read a request.
//!
//! hyper gets the same pieces, because it is not indifferent to them: it tells the beginning of HTTP/2 from nonsense only if it is whole.
//!
//! The sockets are pairs of the kernel, without addresses. Time stands still as long as anybody has work, so "nothing more comes" takes none.

use std::{
    convert::Infallible,
    net::TcpStream as Socket,
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::Duration,
};

use bytes::Bytes;
use heliostat::{Http1, LenientStream, ResponseBody, fuzzing::answer_body};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Body, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};

/// Follows everything, so that each head has an end: of one without, hyper itself makes different things, depending on how it is cut.
const LAST: &[u8] = b"\r\n\r\nGET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
/// Longer than any answer takes, and shorter than any time limit.
const SILENCE: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3600);

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    }
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let bytes = [bytes, LAST].concat();
    let cut = usize::from(cut).min(bytes.len());
    let pieces = bytes.split_at(cut).into();
    let (ours, hypers) = RUNTIME.with(|runtime| {
        runtime.block_on(async { (heard_from_us(pieces).await, heard_from_hyper(pieces).await) })
    });
    assert_eq!(ours, hypers);
}

async fn heard_from_us(pieces: [&[u8]; 2]) -> Vec<Vec<String>> {
    let (client, server) = pair();
    let limits = Http1 { header_timeout: LIMIT, ..Http1::default() };
    let serving = tokio::spawn(limits.serve(server, service_fn(answer), std::future::pending()));
    let heard = heard(client, pieces).await;
    serving.abort();
    heard
}

async fn heard_from_hyper(pieces: [&[u8]; 2]) -> Vec<Vec<String>> {
    let (client, server) = pair();
    let io = TokioIo::new(LenientStream::new(server));
    let serving =
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer)));
    let heard = heard(client, pieces).await;
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

/// What the client hears: the lines of each answer without their order, and without the time of day.
async fn heard(mut client: TcpStream, pieces: [&[u8]; 2]) -> Vec<Vec<String>> {
    for piece in pieces {
        // Who has refused something does not read the rest.
        _ = client.write_all(piece).await;
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
    let mut heard = Vec::new();
    // The end, or silence.
    _ = timeout(SILENCE, client.read_to_end(&mut heard)).await;
    let heard = String::from_utf8_lossy(&heard);
    let answers = heard.split("HTTP/1.1 ").map(|answer| {
        let mut lines: Vec<_> =
            answer.split("\r\n").filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    });
    answers.collect()
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
