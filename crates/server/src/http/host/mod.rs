//! A host for plain TCP: HTTP/1.1, until a response turns out to be an endless stream or a WebSocket.
//!
//! Any hyper host can serve SignalR. This one knows what SignalR's clients mostly ask: short requests are [read and answered](conversation)
//! without buffers of their own, and everything else goes to [hyper](library). In both ways the socket of an endless response is taken
//! away from HTTP when its beginning is written, so that publishers write to it directly: a third less CPU time per delivery than waking a
//! task for each. The head of a WebSocket is kept back until there is something to say on it, which is at once: one write instead of two.

mod answer_head;
mod conversation;
pub(crate) mod library;
mod request_body;
mod short_request;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use bytes::BytesMut;
use http::{Request, Response};
use hyper::service::Service;
use tokio::net::TcpStream;

use self::conversation::{Outcome, converse};
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
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
        S::Error: Into<Http1Error>,
    {
        // On the heap, so that what waits for an idle stream's end is small.
        let http = Box::pin(async move {
            let mut stop = pin!(stop);
            match converse(self, stream, &service, stop.as_mut()).await? {
                Outcome::Over => Ok(End::Closed),
                Outcome::Stream(streaming) => Ok(End::Stream(streaming)),
                // Rare, so its room is not kept for everybody.
                Outcome::Unusual(socket, read) => {
                    Box::pin(library::serve(self, (socket, read), service, stop)).await
                }
            }
        });
        match http.await? {
            End::Stream(streaming) => streams::carry(streaming).await,
            End::Closed => {}
        }
        Ok(())
    }

    const fn most_in_head(&self) -> usize {
        if self.max_head < LEAST_HEAD { LEAST_HEAD } else { self.max_head }
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
