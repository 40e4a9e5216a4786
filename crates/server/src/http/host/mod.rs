//! A host for plain TCP: HTTP/1.1 by hyper, until a response turns out to be an endless stream.
//!
//! Any hyper host can serve SignalR. This one can also take a socket back from hyper when the beginning of an event stream has been
//! written ([`Handover`]), so that publishers write to it directly: a third less CPU time per delivery than waking a task for each,
//! and hyper's buffers are given back while the stream is idle. It asks for our own body type, so no layer can have changed the bytes.
//!
//! And it keeps the head of a WebSocket back until there is something to say on it, which is at once: one write instead of two.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use heliostat_proto::connection::Input;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, UpgradeableConnection},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::lenient::LenientStream;
use crate::transport::{
    Link,
    handover::{Chunking, Handover},
    response_body::ResponseBody,
    streams,
};

/// Serves HTTP/1.1 on one TCP socket, the cheapest way for event streams and forever frames.
///
/// # Examples
/// ```no_run
/// # async fn f(listener: tokio::net::TcpListener, server: heliostat::Server) -> Result<(), heliostat::Http1Error> {
/// use hyper_util::service::TowerToHyperService;
///
/// let (stream, _) = listener.accept().await?;
/// stream.set_nodelay(true)?;
/// let service = TowerToHyperService::new(server.service());
/// heliostat::Http1::default().serve(stream, service, std::future::pending()).await
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Http1 {
    /// How long a client may take for the head of its next request, and so also how long it may idle between two. Default: 30 s.
    pub header_timeout: Duration,
    /// The longest request head, in bytes. Groups tokens travel in it. Default: 64 KiB; less than 8 KiB counts as 8 KiB.
    pub max_head: usize,
}

/// Why a connection ended otherwise than planned: mostly, because the client vanished.
pub type Http1Error = Box<dyn std::error::Error + Send + Sync>;

/// hyper's own minimum, in bytes.
const LEAST_HEAD: usize = 8 * 1024;

impl Default for Http1 {
    fn default() -> Self {
        Self { header_timeout: Duration::from_secs(30), max_head: 64 * 1024 }
    }
}

impl Http1 {
    /// Serves until the client closes, or a response was the last. When `stop` is done, the present answer is the last.
    ///
    /// Streams and WebSockets are not ended by `stop`; [`Server::shutdown`](crate::Server::shutdown) does that.
    ///
    /// # Errors
    /// If the client broke the protocol or the connection.
    pub async fn serve<S>(
        self,
        stream: TcpStream,
        service: S,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Http1Error>
    where
        S: Service<Request<Incoming>, Response = Response<ResponseBody>>,
        S::Error: Into<Http1Error>,
    {
        let handover = Arc::new(Handover::default());
        let io = HttpStream::new(stream, Arc::clone(&handover));
        let service = Offering { service, handover: Arc::clone(&handover) };
        // On the heap, so that what waits for an idle stream's end is small.
        let mut http = Box::new(
            Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.header_timeout)
                .max_buf_size(self.max_head.max(LEAST_HEAD))
                // Answers are short: to put one together costs less than to have the kernel do it.
                .writev(false)
                .serve_connection(TokioIo::new(io), service)
                .with_upgrades(),
        );
        let end = {
            let mut stop = pin!(stop);
            tokio::select! {
                biased;
                end = end_of(&mut http, &handover) => end?,
                () = &mut stop => {
                    Pin::new(&mut *http).graceful_shutdown();
                    end_of(&mut http, &handover).await?
                }
            }
        };
        match end {
            End::Handover(link, chunking) => match socket_of(*http) {
                Some(socket) => streams::carry(link, socket, chunking).await,
                None => link.close(Input::Lost(link.id)),
            },
            End::Closed => drop(http),
        }
        Ok(())
    }
}

/// How HTTP ends on a connection.
enum End {
    /// Closed, or handed over to a WebSocket.
    Closed,
    /// The rest of the response is this link's.
    Handover(Arc<Link>, Chunking),
}

async fn end_of<S>(http: &mut Http<S>, handover: &Handover) -> Result<End, hyper::Error>
where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    poll_fn(|context| match Pin::new(&mut *http).poll(context) {
        Poll::Ready(end) => Poll::Ready(end.map(|()| End::Closed)),
        Poll::Pending => match handover.take() {
            Some((link, chunking)) => Poll::Ready(Ok(End::Handover(link, chunking))),
            None => Poll::Pending,
        },
    })
    .await
}

/// What the client sent after its request is lost here: no answer to it could follow an endless response.
fn socket_of<S>(http: Http<S>) -> Option<TcpStream>
where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    let (stream, _) = http.into_parts()?.io.into_inner().into_parts();
    let (socket, _) = stream.into_parts();
    Some(socket)
}

type Http<S> = UpgradeableConnection<TokioIo<HttpStream>, Offering<S>>;

/// Offers every endless response of the service to the handover.
#[derive(Debug)]
struct Offering<S> {
    service: S,
    handover: Arc<Handover>,
}

impl<S> Service<Request<Incoming>> for Offering<S>
where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Offer<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let chunking = match (request.method(), request.version()) {
            (&Method::HEAD, _) => None,
            (_, Version::HTTP_11) => Some(Chunking::PerFrame),
            (_, Version::HTTP_10) => Some(Chunking::None),
            _ => None,
        };
        let is_whole = request.body().is_end_stream();
        Offer { future: self.service.call(request), handover: Arc::clone(&self.handover), chunking, is_whole }
    }
}

pin_project! {
    /// A response on its way; `chunking` says how its stream would go on, if it can, and `is_whole` whether all of its request is read.
    struct Offer<F> {
        #[pin]
        future: F,
        handover: Arc<Handover>,
        chunking: Option<Chunking>,
        is_whole: bool,
    }
}

impl<F, E> Future for Offer<F>
where
    F: Future<Output = Result<Response<ResponseBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(context))?;
        // If there is nothing left to read, hyper gives the socket up in the same turn in which it writes the head.
        if *this.is_whole
            && response.status() == StatusCode::SWITCHING_PROTOCOLS
            && response.body().is_switch()
        {
            this.handover.switches();
        }
        if let Some(chunking) = this.chunking.filter(|_| is_plain(response.headers()))
            && response.body_mut().offer(this.handover, chunking)
        {
            // No other answer can follow this one.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// Whether the bytes of the body go out as they are, framed as the version says.
fn is_plain(headers: &HeaderMap) -> bool {
    ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONTENT_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// The stream under hyper: lets old clients' request lines through, notes when hyper has nothing more to write, and keeps hyper's last
/// words for a WebSocket.
#[derive(Debug)]
pub(crate) struct HttpStream {
    stream: LenientStream<TcpStream>,
    handover: Arc<Handover>,
    last_words: BytesMut,
}

impl HttpStream {
    fn new(stream: TcpStream, handover: Arc<Handover>) -> Self {
        Self { stream: LenientStream::new(stream), handover, last_words: BytesMut::new() }
    }

    /// The stream, and what has been written and must go out before anything else.
    pub(crate) fn into_parts(self) -> (LenientStream<TcpStream>, BytesMut) {
        (self.stream, self.last_words)
    }

    fn keep<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> Poll<io::Result<usize>> {
        let before = self.last_words.len();
        pieces.for_each(|piece| self.last_words.extend_from_slice(piece));
        Poll::Ready(Ok(self.last_words.len() - before))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.handover.is_switching() {
            return self.keep(std::iter::once(bytes));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.handover.is_switching() {
            return self.keep(bytes.iter().map(|bytes| &**bytes));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handover.flushed();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
