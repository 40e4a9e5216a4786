//! Event streams and forever frames whose socket is ours alone: publishers write them as they write WebSockets.
//!
//! The head and the first bytes went out through the HTTP library, which then gave the socket up ([`Handover`](super::handover)). From
//! there on every frame is one HTTP chunk, made once and shared by all readers; a publisher hands it to the kernel on its own thread,
//! and the stream's task sleeps until the client goes away, the kernel's buffer was full, or the server ends the stream. An idle stream
//! has no HTTP library's buffers any more.
//!
//! A response that somebody else carries (another host, TLS, a layer that changes bodies) goes on as a
//! [`ResponseBody`](super::response_body::ResponseBody): the same bytes, at the price of a wake-up each.

use std::{
    fmt,
    io::ErrorKind,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use heliostat_proto::connection::Input;
use tokio::{net::TcpStream, time::timeout};

use super::{
    Link, Now,
    doorbell::Doorbell,
    framing::LAST_CHUNK,
    handover::Chunking,
    io::{try_write, write_now},
    link::{Carrier, Due, End, More},
};
use crate::http::host::Streaming;

/// A write buffer that grew beyond this is given back when it is empty, in bytes.
const KEEP_BACKLOG: usize = 4 * 1024;
/// How long the client may take to read what was on its way when the server ended the stream. Who does not read is cut off.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(5);

/// One stream's socket.
pub(crate) struct Stream {
    /// Rung when there may be something to write.
    out: Doorbell<Out>,
    socket: TcpStream,
    chunking: Chunking,
}

/// What is on its way to the client.
struct Out {
    /// Framed bytes that the kernel has not taken yet. While there are any, only the stream's task writes.
    backlog: BytesMut,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last word has been said.
    Ending,
    Broken,
}

/// Why the stream's task has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// The server wants the stream to end; what is due may take a while.
    Ending,
    /// The client is gone, or has everything.
    Over,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Carries a stream to its end. The head of the response is out, or is the first of what is unsent.
pub(crate) async fn carry(streaming: Streaming) {
    let Streaming { link, socket, chunking, unsent } = streaming;
    let link = CloseOnDrop(link);
    let link = &*link.0;
    if chunking == Chunking::PerFrame {
        link.begin_chunks();
    }
    let out = Doorbell::new(Out { backlog: unsent, phase: Phase::Open });
    let stream = Arc::new(Stream { out, socket, chunking });
    link.attach(Carrier::Stream(Arc::clone(&stream)));
    if stream.next(link, News::Ending).await == News::Ending {
        _ = timeout(LAST_WORD_WITHIN, stream.next(link, News::Over)).await;
    }
}

/// However the task ends, even by a bug: its transport connection is over then.
struct CloseOnDrop(Arc<Link>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(Input::Lost(self.0.id));
    }
}

impl Stream {
    /// Writes whatever is due, unless another thread is at it: then that one does.
    pub(super) fn pump(&self, link: &Link, now: &Now) {
        self.out.ring(|out| self.write_due(out, link, now));
    }

    fn write_due(&self, out: &mut Out, link: &Link, now: &Now) {
        // The task knows already.
        if !out.is_open() {
            return;
        }
        let mut more = More::Yes;
        while more == More::Yes && out.is_open() {
            let due = link.due();
            more = due.more;
            if let Some(bytes) = &due.bytes {
                link.wrote(bytes.len(), due.says, now);
            }
            self.say(out, due);
        }
        // A full or broken socket, and what comes after the last word, is the task's business.
        if !out.is_open() {
            link.wake();
        }
    }

    /// Writes what is due, or keeps what the kernel does not take.
    fn say(&self, out: &mut Out, due: Due) {
        let mut frames = due.bytes.unwrap_or_default();
        if due.end == End::Yes {
            out.phase = Phase::Ending;
            if self.chunking == Chunking::PerFrame {
                frames = [&*frames, LAST_CHUNK].concat().into();
            }
        }
        out.note(self.write(&mut frames));
        out.backlog.extend_from_slice(&frames);
    }

    /// Hands over as much as the kernel takes now.
    fn write(&self, bytes: &mut impl Buf) -> Result<(), Broken> {
        write_now(bytes, |bytes| try_write(&self.socket, bytes)).map_err(|_| Broken)
    }

    /// The stream's own task: notices that the client is gone, and finishes writing what the kernel could not take.
    async fn next(&self, link: &Link, awaited: News) -> News {
        std::future::poll_fn(|context| {
            link.register(context.waker());
            let now = Now::of(&link.core);
            let work = |out: &mut Out| {
                out.note(self.poll_read(context));
                let written = self.poll_backlog(&mut out.backlog, context);
                out.note(written);
                self.write_due(out, link, &now);
                out.is_over()
            };
            if self.out.hold(work, |out| self.write_due(out, link, &now)) {
                Poll::Ready(News::Over)
            } else if awaited == News::Ending && link.is_ending() {
                Poll::Ready(News::Ending)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Finishes what waits for room in the kernel's buffer.
    fn poll_backlog(&self, backlog: &mut BytesMut, context: &mut Context<'_>) -> Result<(), Broken> {
        while !backlog.is_empty() && self.socket.poll_write_ready(context).is_ready() {
            self.write(backlog)?;
        }
        if backlog.is_empty() && backlog.capacity() > KEEP_BACKLOG {
            *backlog = BytesMut::new();
        }
        Ok(())
    }

    /// Nothing is expected from the client but its end. What it says is thrown away, since to close a socket with unread bytes would take
    /// our last word along.
    fn poll_read(&self, context: &mut Context<'_>) -> Result<(), Broken> {
        let mut waste = [0; 256];
        while self.socket.poll_read_ready(context).is_ready() {
            match self.socket.try_read(&mut waste) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Ok(0) | Err(_) => return Err(Broken),
            }
        }
        Ok(())
    }
}

/// The socket is of no more use.
struct Broken;

impl Out {
    fn note(&mut self, result: Result<(), Broken>) {
        if result.is_err() {
            self.phase = Phase::Broken;
        }
    }

    /// Whether the kernel has everything and may get more.
    fn is_open(&self) -> bool {
        self.phase == Phase::Open && self.backlog.is_empty()
    }

    /// Whether nothing more can be done for the client.
    fn is_over(&self) -> bool {
        self.phase == Phase::Broken || (self.phase == Phase::Ending && self.backlog.is_empty())
    }
}
