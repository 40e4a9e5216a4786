//! What is not a short exchange: hyper speaks HTTP, until a response turns out to be an endless stream or a WebSocket.
//!
//! When the beginning of an event stream has been written the socket is taken back from hyper ([`Handover`]), so that publishers write to
//! it directly, and hyper's buffers are given back while the stream is idle. The handover asks for our own body type, so no layer can have
//! changed the bytes. A WebSocket's socket hyper gives up itself, and it goes on in the same task. Its head is kept back until there is
//! something to say on it, which is at once: one write instead of two.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use heliostat_proto::connection::Input;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, UpgradeableConnection},
    service::Service,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{End, Http1, Http1Error, RequestBody, Streaming};
use crate::{
    http::{lenient::LenientStream, upgrade::TakesSockets},
    transport::{
        Link,
        handover::{Chunking, Handover},
        response_body::ResponseBody,
    },
};

/// Goes on with what was `read` from the socket and not answered, until the client closes or a response was the last.
pub(super) async fn serve<S>(
    limits: Http1,
    (stream, read): (TcpStream, Bytes),
    service: S,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<End, Http1Error>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    let handover = Arc::new(Handover::default());
    let io = HttpStream::new(LenientStream::after(stream, &read), Arc::clone(&handover));
    let service = Offering { service, handover: Arc::clone(&handover) };
    // On the heap, so that what waits for an idle stream's end is small.
    let mut http = Box::new(
        Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limits.max_head)
            // Answers are short: to put one together costs less than to have the kernel do it.
            .writev(false)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades(),
    );
    let given = tokio::select! {
        biased;
        given = given_up(&mut http, &handover) => given?,
        () = stop => {
            Pin::new(&mut *http).graceful_shutdown();
            given_up(&mut http, &handover).await?
        }
    };
    let Some((link, chunking)) = given else {
        return Ok(handover.take_socket().map_or(End::Closed, End::Socket));
    };
    Ok(match socket_of(*http) {
        Some(socket) => End::Stream(Streaming { link, socket, chunking, unsent: BytesMut::new() }),
        None => {
            link.close(Input::Lost(link.id));
            End::Closed
        }
    })
}

/// Waits until the library has nothing more to do: for an endless response that goes on without it, or because HTTP is over.
async fn given_up<S>(
    http: &mut Http<S>,
    handover: &Handover,
) -> Result<Option<(Arc<Link>, Chunking)>, hyper::Error>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    poll_fn(|context| match Pin::new(&mut *http).poll(context) {
        Poll::Ready(end) => Poll::Ready(end.map(|()| None)),
        Poll::Pending => match handover.take() {
            Some(rest) => Poll::Ready(Ok(Some(rest))),
            None => Poll::Pending,
        },
    })
    .await
}

/// What the client sent after its request is lost here: no answer to it could follow an endless response.
fn socket_of<S>(http: Http<S>) -> Option<TcpStream>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    let (stream, _) = http.into_parts()?.io.into_inner().into_parts();
    let (socket, _) = stream.into_parts();
    Some(socket)
}

type Http<S> = UpgradeableConnection<TokioIo<HttpStream>, Offering<S>>;

/// Offers every endless response of the service, and every WebSocket, to the handover.
#[derive(Debug)]
struct Offering<S> {
    service: S,
    handover: Arc<Handover>,
}

impl<S> Service<Request<Incoming>> for Offering<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Offer<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let chunking = match (request.method(), request.version()) {
            (&Method::HEAD, _) => None,
            (_, Version::HTTP_11) => Some(Chunking::PerFrame),
            (_, Version::HTTP_10) => Some(Chunking::None),
            _ => None,
        };
        let is_whole = request.body().is_end_stream();
        // A copy: the application may have WebSockets of its own.
        let upgrade = request.extensions().get::<OnUpgrade>().cloned();
        if upgrade.is_some() {
            request.extensions_mut().insert(TakesSockets);
        }
        let future = self.service.call(request.map(RequestBody::of_library));
        Offer { future, handover: Arc::clone(&self.handover), chunking, upgrade, is_whole }
    }
}

pin_project! {
    /// A response on its way; `chunking` says how its stream would go on and `upgrade` brings its socket, if they can, and `is_whole` says
    /// whether all of its request is read.
    struct Offer<F> {
        #[pin]
        future: F,
        handover: Arc<Handover>,
        chunking: Option<Chunking>,
        upgrade: Option<OnUpgrade>,
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
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(upgrade) = this.upgrade.take()
            && let Some(passage) = response.body_mut().take_passage()
        {
            this.handover.expect_socket(passage, upgrade);
            // If there is nothing left to read, hyper gives the socket up in the same turn in which it writes the head.
            if *this.is_whole {
                this.handover.switches();
            }
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
    fn new(stream: LenientStream<TcpStream>, handover: Arc<Handover>) -> Self {
        Self { stream, handover, last_words: BytesMut::new() }
    }

    /// The stream, and what has been written and must go out before anything else.
    pub(crate) fn into_parts(self) -> (LenientStream<TcpStream>, BytesMut) {
        (self.stream, self.last_words)
    }

    fn keep(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.last_words.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
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
            return self.keep(bytes);
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handover.flushed();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
