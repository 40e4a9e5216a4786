//! Event streams, forever frames and polls: a response body that pulls from its link.
//!
//! The body is polled by whoever owns the HTTP connection. It asks the link for the next bytes each time, so a client that does not
//! read costs nothing: its body is not polled, nothing is taken from the bus, nothing is buffered here. Where the owner allows it, an
//! endless body is only the beginning of the response, and [`streams`](super::streams) go on with the rest.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use heliostat_proto::{connection::Input, transport_kind::TransportKind};
use http_body::{Body, Frame, SizeHint};

use super::{
    Link, Now,
    handover::{Chunking, Handover},
    link::{End, Says, Step},
    passage::Passage,
};

/// The body of every response that Heliostat gives.
#[derive(Debug)]
pub struct ResponseBody(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Option<Bytes>),
    /// No body: the socket becomes a WebSocket, and its new owner writes what HTTP has left. A host of ours brings the socket.
    Switch(Option<Box<Passage>>),
    Stream(StreamBody),
    /// A few prepared pieces: a refusal in the form of a stream.
    Pieces(VecDeque<Bytes>),
}

/// Whether a client waits for the answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    Yes,
    No,
}

#[derive(Debug)]
struct StreamBody {
    link: Arc<Link>,
    preamble: Option<Bytes>,
    ended: bool,
    prompt: Prompt,
    /// Who may go on without this body.
    offered: Option<(Arc<Handover>, Chunking)>,
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    /// What follows the head is a WebSocket: `passage`, unless it gets its socket another way.
    pub(crate) fn switch(passage: Option<Passage>) -> Self {
        Self(Kind::Switch(passage.map(Box::new)))
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty())))
    }

    pub(crate) fn pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self(Kind::Pieces(pieces.into_iter().collect()))
    }

    /// A response that lives as long as its link. Dropping it before its end means that the client is gone.
    pub(crate) fn stream(link: Arc<Link>, preamble: Option<Bytes>, prompt: Prompt) -> Self {
        Self(Kind::Stream(StreamBody { link, preamble, ended: false, prompt, offered: None }))
    }

    /// If a WebSocket of ours follows the head of this response, and its host is to bring the socket: whose it is.
    pub(crate) fn take_passage(&mut self) -> Option<Passage> {
        match &mut self.0 {
            Kind::Switch(passage) => passage.take().map(|passage| *passage),
            Kind::Whole(_) | Kind::Stream(_) | Kind::Pieces(_) => None,
        }
    }

    /// If this is an endless response: from the moment that `handover` knows of, it goes on without this body. Says whether it is.
    pub(crate) fn offer(&mut self, handover: &Arc<Handover>, chunking: Chunking) -> bool {
        match &mut self.0 {
            Kind::Stream(stream) if stream.is_endless() => {
                stream.offered = Some((Arc::clone(handover), chunking));
                true
            }
            Kind::Stream(_) | Kind::Whole(_) | Kind::Switch(_) | Kind::Pieces(_) => false,
        }
    }
}

/// How a host of ours goes on with a response.
pub(crate) enum Course {
    /// It is all there.
    Whole(Bytes),
    /// The answer to a poll comes when there is one.
    Poll(Arc<Link>, Prompt),
    /// The link writes, beginning with these bytes.
    Endless(Arc<Link>, Option<Bytes>),
    Socket(Passage),
}

impl ResponseBody {
    pub(crate) fn into_course(mut self) -> Course {
        match &mut self.0 {
            Kind::Whole(bytes) => Course::Whole(bytes.take().unwrap_or_default()),
            Kind::Pieces(pieces) => Course::Whole(Vec::from(std::mem::take(pieces)).concat().into()),
            Kind::Switch(passage) => {
                passage.take().map_or_else(|| Course::Whole(Bytes::new()), |passage| Course::Socket(*passage))
            }
            Kind::Stream(stream) if stream.is_endless() => {
                let (link, preamble) = stream.give_up();
                Course::Endless(link, preamble)
            }
            Kind::Stream(stream) => Course::Poll(stream.give_up().0, stream.prompt),
        }
    }

    /// The next bytes, or the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take()),
            Kind::Switch(_) => Poll::Ready(None),
            Kind::Pieces(pieces) => Poll::Ready(pieces.pop_front()),
            Kind::Stream(stream) => stream.poll(context),
        }
    }
}

impl StreamBody {
    fn is_endless(&self) -> bool {
        self.link.kind != TransportKind::LongPolling
    }

    /// From here on the link goes on without this body.
    fn give_up(&mut self) -> (Arc<Link>, Option<Bytes>) {
        self.ended = true;
        let preamble = self.preamble.take();
        if let Some(bytes) = &preamble {
            self.wrote(bytes, Says::Something);
        }
        (Arc::clone(&self.link), preamble)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = self.next(context);
        if let Some((handover, chunking)) = &self.offered {
            match next {
                Poll::Ready(_) => handover.body_speaks(),
                Poll::Pending => handover.body_waits(&self.link, *chunking),
            }
        }
        next
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.link.register_body(context.waker());
        if let Some(bytes) = self.preamble.take() {
            self.wrote(&bytes, Says::Something);
            return Poll::Ready(Some(bytes));
        }
        match self.link.kind {
            TransportKind::LongPolling => self.poll_answer(),
            TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
                self.poll_stream()
            }
        }
    }

    /// An endless response: everything that is due, joined.
    fn poll_stream(&mut self) -> Poll<Option<Bytes>> {
        let due = self.link.due();
        if let Some(bytes) = &due.bytes {
            self.wrote(bytes, due.says);
        }
        if due.end == End::Yes {
            self.end(Input::Lost(self.link.id));
        }
        match due.bytes {
            None if !self.ended => Poll::Pending,
            bytes => Poll::Ready(bytes),
        }
    }

    /// A poll: keep-alive spaces, then exactly one response.
    fn poll_answer(&mut self) -> Poll<Option<Bytes>> {
        match self.link.step() {
            Step::KeepAlive(bytes) => {
                self.wrote(&bytes, Says::Nothing);
                Poll::Ready(Some(bytes))
            }
            Step::Send(bytes) | Step::SendAndEnd(bytes) => {
                self.wrote(&bytes, Says::Something);
                self.end(Input::Answered(self.link.id));
                Poll::Ready(Some(bytes))
            }
            Step::End => {
                self.end(Input::Lost(self.link.id));
                Poll::Ready(None)
            }
            Step::Wait => Poll::Pending,
        }
    }

    fn wrote(&self, bytes: &Bytes, says: Says) {
        self.link.wrote(bytes.len(), says, &Now::of(&self.link.core));
    }

    fn end(&mut self, input: Input) {
        self.ended = true;
        self.link.close(input);
    }
}

impl Drop for StreamBody {
    /// The HTTP connection dropped the response: the client is gone, or it was never sent.
    fn drop(&mut self) {
        let goes_on = self.offered.as_ref().is_some_and(|(handover, _)| handover.is_taken());
        if !self.ended && !goes_on {
            self.link.close(Input::Lost(self.link.id));
        }
    }
}

impl From<Bytes> for ResponseBody {
    /// A whole body, for pages that are served beside SignalR.
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.poll_piece(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Switch(_) => true,
            Kind::Pieces(pieces) => pieces.is_empty(),
            Kind::Stream(stream) => stream.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Switch(_) => SizeHint::with_exact(0),
            Kind::Pieces(_) | Kind::Stream(_) => SizeHint::default(),
        }
    }
}
