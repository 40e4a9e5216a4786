//! The writing side of a WebSocket, which many threads share.
//!
//! Whoever has news writes it: [`Socket::pump`] takes what is due for this link and hands it to the kernel at once, on the publisher's
//! own thread. If two threads meet, the second rings and goes on; the first looks for rings before it leaves ([`Doorbell`]). What the
//! kernel does not take waits for the link's task, and while something waits nobody else tries: a stalled reader costs a publisher nothing.
//!
//! A call's result goes out after what the call has published before (CP-168): results are taken first and written last.

use std::{
    fmt,
    io::ErrorKind,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    Framing, Link, Now,
    doorbell::Doorbell,
    io::{Output, write_now},
    link::{Due, End, More, Says},
};

/// Results of calls that may wait for a client that does not read them, in bytes. Beyond it, its next calls are not read either.
pub(super) const MOST_WAITING: usize = 64 * 1024;
/// Calls of one connection that may run at once. Beyond it the socket is not read: the client is slowed down, nobody else.
const MAX_CONCURRENT_CALLS: usize = 128;
/// An empty ping: every client answers by itself, and no application hears of it.
const PING: &[u8] = &[0x89, 0x00];
/// What an idle client gets: two frames, one write.
const KEEP_ALIVE_AND_PING: &[u8] = b"\x81\x02{}\x89\x00";
const PONG: u8 = 0x8A;
const CLOSE: u8 = 0x88;
/// The status of a close that is nobody's fault.
pub(super) const NORMAL: u16 = 1000;

/// Where a publisher writes.
pub(crate) struct Socket {
    /// Rung when there may be something to write.
    out: Doorbell<Out>,
    /// What only this client gets, framed: results of its calls, answers to its pings.
    replies: Mutex<Vec<u8>>,
    running_calls: AtomicUsize,
}

/// What is on its way to the client.
struct Out {
    /// None before there is a socket, and when there is none any more.
    output: Option<Output>,
    /// Framed bytes that the kernel has not taken yet.
    backlog: BytesMut,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// HTTP has not handed the socket over yet.
    Before,
    Open,
    /// The last word has been said; what follows is the close frame.
    Ending,
    /// The close frame has been said too.
    Closed,
    Broken,
}

/// How far the socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The kernel has everything.
    Done,
    /// There will be more when it has room.
    Behind,
    /// The kernel has everything, and nothing more will be said but the close frame.
    SaidAll,
    Broken,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

impl Socket {
    /// A socket that HTTP has not handed over yet.
    pub(super) fn new() -> Self {
        let out = Out { output: None, backlog: BytesMut::new(), phase: Phase::Before };
        Self { out: Doorbell::new(out), replies: Mutex::default(), running_calls: AtomicUsize::new(0) }
    }

    /// From now on `output` is written to, beginning with what HTTP has left `unsent`. Whoever opens it looks for what is due.
    pub(super) fn open(&self, link: &Link, output: Output, unsent: BytesMut) {
        let open = |out: &mut Out| {
            (out.output, out.backlog, out.phase) = (Some(output), unsent, Phase::Open);
            if out.is_behind() {
                // What is due already goes out with it.
                _ = self.write_next(out, link, &Now::of(&link.core));
            }
        };
        // Who rang before could not write anything.
        self.out.hold(open, |_| ());
    }

    /// The task has ended: nothing can be written any more.
    pub(super) fn abandon(&self) {
        self.out.hold(Out::break_off, |_| ());
    }

    /// Writes whatever is due, unless another thread is at it: then that one does.
    pub(super) fn pump(&self, link: &Link, now: &Now) {
        self.out.ring(|out| self.write_due(out, link, now));
    }

    /// The same for the link's task, which is woken when the socket can go on.
    pub(super) fn poll_pump(&self, link: &Link, context: &mut Context<'_>) -> Progress {
        let now = Now::of(&link.core);
        let write = |out: &mut Out| {
            out.poll_flush(context);
            self.write_due(out, link, &now);
            out.progress()
        };
        self.out.hold(write, |out| self.write_due(out, link, &now))
    }

    /// Says the close frame, after which nothing is said.
    pub(super) fn close(&self, code: Option<u16>, reason: &str) {
        let close = |out: &mut Out| {
            if matches!(out.phase, Phase::Open | Phase::Ending) {
                out.phase = Phase::Closed;
                let code = code.map(u16::to_be_bytes);
                let mut frame = Vec::new();
                encode_control(
                    &mut frame,
                    CLOSE,
                    &[code.as_ref().map_or(&[], |code| &code[..]), reason.as_bytes()],
                );
                out.send(&frame);
            }
        };
        // Whoever rings now comes too late.
        self.out.hold(close, |_| ());
    }

    /// Whether the client is not read at the moment, so that its silence means nothing.
    pub(crate) fn holds_back(&self) -> bool {
        self.running_calls.load(Ordering::Acquire) >= MAX_CONCURRENT_CALLS
    }

    /// Whether the client leaves too much unread to be given more.
    pub(super) fn is_full(&self) -> bool {
        self.lock_replies().len() > MOST_WAITING
    }

    /// Until [`open_to_calls`](Self::open_to_calls) the client is not read.
    pub(super) fn shut_to_calls(&self) {
        self.running_calls.fetch_add(MAX_CONCURRENT_CALLS, Ordering::AcqRel);
    }

    pub(super) fn open_to_calls(&self) {
        self.running_calls.fetch_sub(MAX_CONCURRENT_CALLS, Ordering::AcqRel);
    }

    /// A call begins.
    pub(super) fn begin_call(&self) {
        self.running_calls.fetch_add(1, Ordering::AcqRel);
    }

    /// A call has ended.
    pub(super) fn end_call(&self, link: &Link) {
        if self.running_calls.fetch_sub(1, Ordering::AcqRel) == MAX_CONCURRENT_CALLS {
            link.wake();
        }
    }

    /// Queues the result of a call; the next [`Socket::pump`] writes it.
    pub(super) fn reply(&self, json: Vec<u8>) {
        let mut replies = self.lock_replies();
        if replies.is_empty() {
            *replies = Framing::WebSocket.framed(json);
        } else {
            Framing::WebSocket.encode(&mut replies, &json);
        }
    }

    /// Answers a ping, before anything that comes after it is answered.
    pub(super) fn pong(&self, link: &Link, payload: &[u8]) {
        encode_control(&mut self.lock_replies(), PONG, &[payload]);
        link.notify();
    }

    fn lock_replies(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is due, as far as the kernel takes it.
    fn write_due(&self, out: &mut Out, link: &Link, now: &Now) {
        if out.phase != Phase::Open || out.is_behind() {
            return;
        }
        let mut more = More::Yes;
        while more == More::Yes && out.phase == Phase::Open && !out.is_behind() {
            more = self.write_next(out, link, now);
        }
        // What comes after the last word, or must wait, is the task's business.
        if out.progress() != Progress::Done {
            link.wake();
        }
    }

    /// Writes one piece of what is due. Says whether there may be another.
    fn write_next(&self, out: &mut Out, link: &Link, now: &Now) -> More {
        // Before the log is looked at: what a call has published stands in it when its result is here.
        let mut replies = std::mem::take(&mut *self.lock_replies());
        if replies.len() > MOST_WAITING {
            // Perhaps the task has just seen them, and the client is not read for it.
            link.wake();
        }
        let due = link.due();
        let more = due.more;
        if more == More::Yes && !replies.is_empty() {
            self.put_back(std::mem::take(&mut replies));
        }
        if due.end == End::Yes {
            out.phase = Phase::Ending;
        }
        out.send_all(link, due, &replies, now);
        more
    }

    fn put_back(&self, mut first: Vec<u8>) {
        let mut replies = self.lock_replies();
        first.append(&mut replies);
        *replies = first;
    }
}

impl Out {
    fn send_all(&mut self, link: &Link, due: Due, replies: &[u8], now: &Now) {
        let Due { bytes, says, .. } = due;
        let size = bytes.as_ref().map_or(0, Bytes::len) + replies.len();
        if size > 0 {
            link.wrote(size, if replies.is_empty() { says } else { Says::Something }, now);
        }
        let pings = link.takes_ping();
        match (bytes, replies.is_empty(), pings) {
            (None, true, false) => {}
            (Some(bytes), true, false) => self.send(&bytes),
            (None, false, false) => self.send(replies),
            (None, true, true) => self.send(PING),
            (Some(_), true, true) if says == Says::Nothing => self.send(KEEP_ALIVE_AND_PING),
            (bytes, _, pings) => {
                let ping = if pings { PING } else { &[] };
                self.send(&[bytes.as_deref().unwrap_or_default(), replies, ping].concat());
            }
        }
    }

    /// Writes bytes, or keeps what the kernel does not take.
    fn send(&mut self, mut bytes: &[u8]) {
        if let Some(output) = self.output.as_mut().filter(|_| self.backlog.is_empty())
            && write_now(&mut bytes, |bytes| output.try_write(bytes)).is_err()
        {
            self.break_off();
        }
        if self.output.is_some() {
            self.backlog.extend_from_slice(bytes);
        }
    }

    /// Writes what was left over; if it must wait again, the task of `context` is woken.
    fn poll_flush(&mut self, context: &mut Context<'_>) {
        while let Some(output) = &mut self.output
            && !self.backlog.is_empty()
        {
            match output.poll_write(context, &self.backlog) {
                Poll::Ready(Ok(count @ 1..)) => self.backlog.advance(count),
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Poll::Ready(Ok(0) | Err(_)) => self.break_off(),
                Poll::Pending => return,
            }
        }
        // A buffer is needed only by those who do not keep up.
        self.backlog = BytesMut::new();
        if let Some(output) = &mut self.output
            && matches!(output.poll_flush(context), Poll::Ready(Err(_)))
        {
            self.break_off();
        }
    }

    fn break_off(&mut self) {
        (self.phase, self.backlog) = (Phase::Broken, BytesMut::new());
        if let Some(output) = self.output.take() {
            output.let_go();
        }
    }

    fn is_behind(&self) -> bool {
        !self.backlog.is_empty() || self.output.as_ref().is_some_and(Output::is_behind)
    }

    fn progress(&self) -> Progress {
        match self.phase {
            Phase::Broken => Progress::Broken,
            _ if self.is_behind() => Progress::Behind,
            Phase::Ending => Progress::SaidAll,
            Phase::Before | Phase::Open | Phase::Closed => Progress::Done,
        }
    }
}

/// A control frame of some parts, which are short together.
fn encode_control(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) {
    const MOST: usize = 125;
    let payload = parts.iter().flat_map(|part| part.iter()).copied().take(MOST);
    out.push(first);
    out.push(u8::try_from(payload.clone().count()).unwrap_or_default());
    out.extend(payload);
}

/// One message and the close frame, for whoever writes them itself.
pub(super) fn farewell(frame: &[u8]) -> Vec<u8> {
    let mut out = frame.to_vec();
    encode_control(&mut out, CLOSE, &[&NORMAL.to_be_bytes()]);
    out
}
