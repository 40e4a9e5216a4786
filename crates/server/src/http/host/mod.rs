//! A host for plain TCP: HTTP/1.1, until a response turns out to be an endless stream or a WebSocket.
//!
//! Any hyper host can serve SignalR. This one knows what SignalR's clients mostly ask: short requests are [read and answered](conversation)
//! without buffers of their own, and everything else goes to [hyper](library). In both ways the socket of an endless response is taken
//! away from HTTP when its beginning is written, so that publishers write to it directly: a third less CPU time per delivery than waking a
//! task for each. The head of a WebSocket is kept back until there is something to say on it, which is at once: one write instead of two.

mod alarm;
mod answer_head;
mod conversation;
pub(crate) mod library;
mod poll_answer;
mod request_body;
mod short_request;
mod wire;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use http::{Request, Response};
use hyper::service::Service;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;

use self::conversation::{Outcome, converse};
pub(crate) use self::poll_answer::PollAnswer;
pub use self::request_body::RequestBody;
use crate::transport::{Link, handover::Chunking, response_body::ResponseBody, streams};

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
    /// Streams and WebSockets are not ended by `stop`; [`Server::shutdown`](crate::Server::shutdown) does that.
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
        // On the heap and made here, so that the task that carries it is small, whatever it carries, and is not moved about with it.
        let http = Box::pin(converse_first(self.possible(), stream, service, stop));
        async move {
            match http.await? {
                End::Stream(streaming) => Box::pin(streams::carry(streaming)).await,
                End::Closed => {}
            }
            Ok(())
        }
    }

    /// As far as they can be kept to.
    fn possible(self) -> Self {
        Self {
            header_timeout: self.header_timeout.min(LONGEST_TIMEOUT),
            max_head: self.max_head.max(LEAST_HEAD),
        }
    }
}

/// Speaks HTTP to its end: by ourselves as long as requests are usual, then with the library.
async fn converse_first<S>(
    limits: Http1,
    stream: TcpStream,
    service: S,
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
enum End {
    /// Closed, or handed over to a WebSocket.
    Closed,
    /// The rest of the response is this stream's.
    Stream(Streaming),
}

/// An endless response that HTTP has begun.
pub(crate) struct Streaming {
    pub(crate) link: Arc<Link>,
    pub(crate) socket: TcpStream,
    pub(crate) chunking: Chunking,
    /// What of the beginning has not been sent yet.
    pub(crate) unsent: BytesMut,
}
