//! A host for plain TCP: HTTP/1.1, until a response turns out to be an endless stream or a WebSocket.
//!
//! Any hyper host can serve SignalR. This one knows what SignalR's clients mostly ask: short requests are [read and answered](conversation)
//! without buffers of their own, and everything else goes to [hyper](library). In both ways the socket of an endless response is taken
//! away from HTTP when its beginning is written, so that publishers write to it directly: a third less CPU time per delivery than waking a
//! task for each. The head of a WebSocket is kept back until there is something to say on it, which is at once: one write instead of two.
//!
//! Promise: one physical connection is one future from beginning to end. When HTTP is over, what spoke it is dropped, and the same future
//! carries the stream or the WebSocket.

pub(crate) mod again;
mod alarm;
pub(crate) mod answer_head;
mod beside;
mod conversation;
mod desk;
pub(crate) mod library;
mod poll_answer;
mod prepared;
mod request_body;
pub(crate) mod short_request;
mod wire;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::service::Service;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;

pub(crate) use self::desk::{Claim, Desk};
pub use self::request_body::RequestBody;
use self::{
    beside::Beside,
    conversation::{Outcome, converse},
};
use crate::{
    ahead,
    http::service::HeliostatService,
    transport::{Link, handover::Chunking, passage::Socket, response_body::ResponseBody, streams},
};

/// Serves HTTP/1.1 on one TCP socket, and what it becomes: the cheapest way for WebSockets, event streams and forever frames.
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

/// Longer than any connection, and short enough to be added to any time.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Default for Http1 {
    fn default() -> Self {
        Self { header_timeout: Duration::from_secs(30), max_head: 64 * 1024 }
    }
}

impl Http1 {
    /// Serves until the client closes, or a response was the last. When `stop` is done, the present answer is the last.
    ///
    /// Streams and WebSockets are carried to their end by the same future, and end when it is dropped. They are not ended by `stop`, which is
    /// dropped with HTTP before; [`Server::shutdown`](crate::Server::shutdown) does that. So who waits for physical connections to end after
    /// `stop` waits for these as well, and shuts the server down at the same time.
    ///
    /// # Errors
    /// If the client broke the protocol or the connection.
    pub fn serve<S>(
        self,
        stream: TcpStream,
        service: S,
        stop: impl Future<Output = ()>,
    ) -> impl Future<Output = Result<(), Http1Error>>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
        S::Error: Into<Http1Error>,
    {
        self.begin(stream, Beside { server: None, others: service }, stop)
    }

    /// The same for a server and `others` beside it, who get what is for none of its endpoints. Nobody but the server sees the requests that
    /// are for it, and that makes them cheaper: they never become [`Request`]s. So where a layer is to see them first, say to find out who
    /// the user is, put it in front of the server's service and [serve](Self::serve) that.
    ///
    /// # Examples
    /// ```no_run
    /// # use bytes::Bytes;
    /// # async fn f(listener: tokio::net::TcpListener, server: heliostat::Server) -> Result<(), heliostat::Http1Error> {
    /// use heliostat::{Http1, RequestBody, ResponseBody};
    /// use http::{Request, Response};
    ///
    /// let page = hyper::service::service_fn(|_: Request<RequestBody>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(ResponseBody::from(Bytes::from_static(b"hello"))))
    /// });
    /// let (stream, _) = listener.accept().await?;
    /// Http1::default().serve_server(stream, server.service(), page, std::future::pending()).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the client broke the protocol or the connection.
    pub fn serve_server<S>(
        self,
        stream: TcpStream,
        server: HeliostatService,
        others: S,
        stop: impl Future<Output = ()>,
    ) -> impl Future<Output = Result<(), Http1Error>>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
        S::Error: Into<Http1Error>,
    {
        self.begin(stream, Beside { server: Some(server), others }, stop)
    }

    fn begin<S>(
        self,
        stream: TcpStream,
        service: Beside<S>,
        stop: impl Future<Output = ()>,
    ) -> impl Future<Output = Result<(), Http1Error>>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
        S::Error: Into<Http1Error>,
    {
        Serving::Http(Box::pin(converse_first(self.possible(), stream, service, stop)))
    }

    /// As far as they can be kept to.
    fn possible(self) -> Self {
        Self {
            header_timeout: self.header_timeout.min(LONGEST_TIMEOUT),
            max_head: self.max_head.max(LEAST_HEAD),
        }
    }
}

/// The life of a physical connection.
///
/// Written by hand, so that an idle WebSocket keeps no room for what was before it.
pub(crate) enum Serving<H> {
    /// On the heap, so that it is gone when HTTP is over, and is not moved about with the task before.
    Http(Pin<Box<H>>),
    Stream(BoxFuture<'static, ()>),
    Socket(Socket),
    Over,
}

impl<H: Future<Output = Result<End, Http1Error>>> Future for Serving<H> {
    type Output = Result<(), Http1Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Self::Http(http) = this {
            // A task that was just woken has not been here for long.
            ahead::fetch(&**http);
        }
        let end = loop {
            match this {
                Self::Http(http) => match ready!(http.as_mut().poll(context)) {
                    Ok(End::Stream(streaming)) => *this = Self::Stream(Box::pin(streams::carry(streaming))),
                    Ok(End::Socket(socket)) => *this = Self::Socket(socket),
                    Ok(End::Closed) => break Ok(()),
                    Err(error) => break Err(error),
                },
                Self::Stream(stream) => break ready!(stream.as_mut().poll(context).map(Ok)),
                Self::Socket(socket) => break ready!(Pin::new(socket).poll(context).map(Ok)),
                Self::Over => break Ok(()),
            }
        };
        *this = Self::Over;
        Poll::Ready(end)
    }
}

/// Speaks HTTP to its end: by ourselves as long as requests are usual, then with the library.
async fn converse_first<S>(
    limits: Http1,
    stream: TcpStream,
    service: Beside<S>,
    stop: impl Future<Output = ()>,
) -> Result<End, Http1Error>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    let mut stop = pin!(Stop { asked: stop, is_done: false });
    match converse(limits, stream, &service, stop.as_mut()).await? {
        Outcome::Over => Ok(End::Closed),
        Outcome::Stream(streaming) => Ok(End::Stream(streaming)),
        Outcome::Socket(socket) => Ok(End::Socket(socket)),
        // Rare, so its room is not kept for everybody.
        Outcome::Unusual(socket, read) => {
            Box::pin(library::serve(limits, (socket, read), service, stop)).await
        }
    }
}

pin_project! {
    /// Whether to stop, as often as somebody wants to know: the conversation may hear of it, and the library after it.
    struct Stop<F> {
        #[pin]
        asked: F,
        is_done: bool,
    }
}

impl<F: Future<Output = ()>> Future for Stop<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        *this.is_done = *this.is_done || this.asked.poll(context).is_ready();
        if *this.is_done { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// How HTTP ends on a connection.
pub(crate) enum End {
    Closed,
    /// The rest of the response is this stream's.
    Stream(Streaming),
    Socket(Socket),
}

/// An endless response that HTTP has begun.
pub(crate) struct Streaming {
    pub(crate) link: Arc<Link>,
    pub(crate) socket: TcpStream,
    pub(crate) chunking: Chunking,
    /// What of the beginning has not been sent yet.
    pub(crate) unsent: BytesMut,
}
