//! WebSockets: the only transport with both directions on one socket.
//!
//! Whoever has news writes it: [`Socket::pump`] takes what is due for this link and hands it to the kernel at once, on the publisher's
//! own thread. Only if the kernel's buffer is full does the link's task wait for it. If two threads meet, the second rings and goes
//! on; the first looks for rings before it leaves ([`Doorbell`]).
//!
//! The library (tungstenite) reads: masking, fragments, control frames, UTF-8, closing. Our own frames are framed once and shared,
//! so they bypass it, except while it still has a control frame of its own to finish.

use std::{
    fmt,
    io::{Read, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use heliostat_proto::connection::Input;
use hyper::upgrade::Upgraded;
use tungstenite::{
    Error, Message, Utf8Bytes, WebSocket,
    error::CapacityError,
    protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};

use super::{
    Framing, Link,
    doorbell::Doorbell,
    io::Io,
    link::{End, Says},
};
use crate::{application::Received, trace};

/// tungstenite's default of 128 KiB per socket would be thirty times the memory budget (design 7).
const READ_BUFFER: usize = 1024;
/// A write buffer that grew beyond this is given back when it is empty, in bytes.
const KEEP_BACKLOG: usize = 4 * 1024;
/// Calls of one connection that may run at once. Beyond it the socket is not read: the client is slowed down, nobody else.
const MAX_CONCURRENT_CALLS: usize = 128;
/// An empty ping: every client answers by itself, and no application hears of it.
const PING: &[u8] = &[0x89, 0x00];
/// What an idle client gets: two frames, one write.
const KEEP_ALIVE_AND_PING: &[u8] = b"\x81\x02{}\x89\x00";
/// How long the client may take to answer our close frame (spec 6.2).
const CLOSE_WITHIN: Duration = Duration::from_millis(250);
/// How long the client may take to read what was on its way when the server ended the socket. Who does not read is cut off.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(5);

/// One WebSocket.
pub(crate) struct Socket {
    /// Rung when there may be something to write.
    state: Doorbell<State>,
    /// Hub results, framed, on their way out.
    replies: Mutex<Vec<Bytes>>,
    running_calls: AtomicUsize,
}

struct State {
    socket: WebSocket<Io>,
    /// Framed bytes that the kernel has not taken yet.
    backlog: BytesMut,
    phase: Phase,
    /// The library has a control frame of its own half written.
    library_is_writing: bool,
    /// Whether the link's task knows that the server wants the socket to end.
    end_is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last word has been said; what follows is the close frame.
    Ending,
    /// The close frame is out; the client may answer it.
    Closing,
    /// The close frame is out because the client broke the protocol: what it still sends is not looked at.
    Draining,
    Broken,
}

/// What the link's task learnt from the socket.
#[derive(Debug)]
enum News {
    Text(Utf8Bytes),
    /// The client broke the protocol.
    Violation(CloseFrame),
    /// The socket is of no more use.
    Gone,
    /// The server wants the socket to end; what is due may take a while.
    Ending,
    /// Our own end is through.
    Ended,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// Carries one WebSocket until it ends. Runs as a task of its own.
pub(crate) async fn carry(link: Arc<Link>, upgraded: Upgraded, max_message: Option<usize>) {
    let socket = Arc::new(Socket::new(upgraded, max_message));
    link.attach_socket(&socket);
    let link = CloseOnDrop(link);
    let link = &link.0;
    socket.pump(link);
    let mut limit = Limit::default();
    while !limit.is_over() {
        let news = std::future::poll_fn(|context| socket.poll(link, context));
        match limit.wait_for(news).await {
            News::Text(text) if !limit.is_closed && !link.is_dismissed() => {
                dispatch(link, &socket, &text).await;
            }
            News::Text(_) => {}
            News::Ending => limit.tighten(LAST_WORD_WITHIN),
            News::Violation(frame) => {
                link.core.counters.transport_error();
                socket.close(link, frame);
                limit.close();
            }
            News::Ended => {
                socket.close(link, CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() });
                limit.close();
            }
            News::Gone => break,
        }
    }
}

/// How long a socket may still live once it is to end, whatever its client does.
#[derive(Debug, Default)]
struct Limit {
    at: Option<tokio::time::Instant>,
    /// Our close frame is out: what the client says now is not heard.
    is_closed: bool,
}

impl Limit {
    /// To be asked each time: a client that never stops talking would keep a mere timeout from ever being looked at.
    fn is_over(&self) -> bool {
        self.at.is_some_and(|at| at <= tokio::time::Instant::now())
    }

    async fn wait_for(&self, news: impl Future<Output = News>) -> News {
        match self.at {
            None => news.await,
            Some(at) => tokio::time::timeout_at(at, news).await.unwrap_or(News::Gone),
        }
    }

    fn tighten(&mut self, within: Duration) {
        let at = tokio::time::Instant::now() + within;
        self.at = Some(self.at.map_or(at, |earlier| earlier.min(at)));
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.tighten(CLOSE_WITHIN);
    }
}

/// However the task ends, even by a bug: its transport connection is over then.
struct CloseOnDrop(Arc<Link>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(Input::Lost(self.0.id));
    }
}

/// For a client whose connection is over: one frame, then the end.
pub(crate) async fn say_and_close(upgraded: Upgraded, frame: &[u8], max_message: Option<usize>) {
    let mut state = State::new(upgraded, max_message);
    state.backlog.extend_from_slice(frame);
    let finished = std::future::poll_fn(|context| {
        state.socket.get_mut().wake_with(context.waker());
        let mut backlog = std::mem::take(&mut state.backlog);
        state.write(&mut backlog);
        state.backlog = backlog;
        if state.backlog.is_empty() && state.phase == Phase::Open {
            state.close(CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() });
        }
        match state.read(|| {}) {
            Some(News::Gone) => Poll::Ready(()),
            _ if state.phase == Phase::Broken => Poll::Ready(()),
            _ => Poll::Pending,
        }
    });
    _ = tokio::time::timeout(CLOSE_WITHIN, finished).await;
}

/// Hands one message to the application. Its synchronous part runs here, so messages begin in their order (CP-133); if it has to
/// wait it goes on by itself and the socket is read on.
async fn dispatch(link: &Arc<Link>, socket: &Arc<Socket>, text: &str) {
    link.core.counters.connection_messages_sent_total.increment();
    link.record.traffic.read(text.len());
    if link.record.callbacks.is_connecting() {
        socket.running_calls.fetch_add(MAX_CONCURRENT_CALLS, Ordering::AcqRel);
        link.record.callbacks.connected().await;
        socket.running_calls.fetch_sub(MAX_CONCURRENT_CALLS, Ordering::AcqRel);
    }
    let mut work = link.admission.received(link.context(), text);
    socket.running_calls.fetch_add(1, Ordering::AcqRel);
    let mut context = Context::from_waker(Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(received) => finish(link, socket, received),
        Poll::Pending => {
            let (link, socket) = (Arc::clone(link), Arc::clone(socket));
            tokio::spawn(async move {
                let received = work.await;
                finish(&link, &socket, received);
                socket.pump(&link);
            });
        }
    }
}

fn finish(link: &Arc<Link>, socket: &Socket, received: Received) {
    if socket.running_calls.fetch_sub(1, Ordering::AcqRel) == MAX_CONCURRENT_CALLS {
        link.wake();
    }
    match received {
        Received::Reply(json) => socket.reply(Framing::WebSocket.framed(&json)),
        Received::Nothing => {}
        // Spec 2.10, row 21: dropped, without an answer; the socket stays.
        Received::Malformed(why) => {
            link.core.counters.requests_refused_total.increment();
            trace::transport_refused(link.kind, link.record.id, why);
        }
        Received::Failed(failure) => {
            tracing::debug!(target: trace::CONNECTION, connection = %link.record.id, %failure, "a handler failed");
        }
    }
}

impl Socket {
    fn new(upgraded: Upgraded, max_message: Option<usize>) -> Self {
        Self {
            state: Doorbell::new(State::new(upgraded, max_message)),
            replies: Mutex::default(),
            running_calls: AtomicUsize::new(0),
        }
    }

    /// Writes whatever is due, unless another thread is at it: then that one does.
    pub(crate) fn pump(&self, link: &Arc<Link>) {
        self.state.ring(|state| self.write_due(state, link));
    }

    /// Whether the client is not read at the moment, so that its silence means nothing.
    pub(crate) fn holds_back(&self) -> bool {
        self.running_calls.load(Ordering::Acquire) >= MAX_CONCURRENT_CALLS
    }

    /// Queues a reply; the next [`Socket::pump`] writes it.
    fn reply(&self, frame: Bytes) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
    }

    fn write_due(&self, state: &mut State, link: &Link) {
        if state.phase == Phase::Ending {
            state.write_backlog();
        }
        while state.phase == Phase::Open && state.write_backlog() {
            let replies = std::mem::take(&mut *self.replies.lock().unwrap_or_else(PoisonError::into_inner));
            let due = link.due();
            if due.end == End::Yes {
                state.phase = Phase::Ending;
            }
            if due.bytes.is_some() || !replies.is_empty() {
                let frames = replies.iter().chain(&due.bytes);
                let says = if replies.is_empty() { due.says } else { Says::Something };
                link.wrote(frames.map(Bytes::len).sum(), says);
            }
            let last = match (due.bytes, link.takes_ping()) {
                (None, false) => None,
                (Some(bytes), false) => Some(bytes),
                (None, true) => Some(Bytes::from_static(PING)),
                (Some(_), true) if due.says == Says::Nothing => Some(Bytes::from_static(KEEP_ALIVE_AND_PING)),
                (Some(bytes), true) => Some([&*bytes, PING].concat().into()),
            };
            match last {
                None if replies.is_empty() => break,
                Some(frames) if replies.is_empty() => state.send(frames),
                last => {
                    replies.iter().chain(&last).for_each(|frame| state.backlog.extend_from_slice(frame));
                }
            }
        }
        // What comes after the last word, or after a broken socket, is the task's business.
        let said_all = state.phase == Phase::Ending && state.backlog.is_empty();
        if said_all || state.phase == Phase::Broken {
            link.wake();
        }
    }

    /// The link's own task: reads, and finishes writing what the kernel could not take.
    fn poll(&self, link: &Arc<Link>, context: &mut Context<'_>) -> Poll<News> {
        link.register(context.waker());
        let look = |state: &mut State| self.look(state, link, context);
        // News that came while we looked is written first: what was read may keep this task busy for long.
        let Look { news, ended, broken } = self.state.hold(look, |state| self.write_due(state, link));
        if news.is_none() {
            // Everything that was read has been handed on: its replies leave together.
            self.pump(link);
        }
        match news {
            Some(news) => Poll::Ready(news),
            None if broken => Poll::Ready(News::Gone),
            None if ended => Poll::Ready(News::Ended),
            None => Poll::Pending,
        }
    }

    fn look(&self, state: &mut State, link: &Arc<Link>, context: &mut Context<'_>) -> Look {
        state.socket.get_mut().wake_with(context.waker());
        let news = if link.is_ending() && !std::mem::replace(&mut state.end_is_known, true) {
            Some(News::Ending)
        } else {
            let read = if self.holds_back() { None } else { state.read(|| link.heard()) };
            state.flush_library();
            read
        };
        let ended = state.phase == Phase::Ending && state.backlog.is_empty();
        Look { news, ended, broken: state.phase == Phase::Broken }
    }

    fn close(&self, link: &Arc<Link>, frame: CloseFrame) {
        self.state.hold(|state| state.close(frame), |state| self.write_due(state, link));
    }
}

/// What the link's task found when it had the socket to itself.
struct Look {
    news: Option<News>,
    /// The last word has gone out.
    ended: bool,
    broken: bool,
}

impl State {
    fn new(upgraded: Upgraded, max_message: Option<usize>) -> Self {
        let (io, read) = Io::new(upgraded);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(max_message)
            .max_frame_size(max_message);
        Self {
            socket: WebSocket::from_partially_read(io, read, Role::Server, Some(config)),
            backlog: BytesMut::new(),
            phase: Phase::Open,
            library_is_writing: false,
            end_is_known: false,
        }
    }

    fn close(&mut self, frame: CloseFrame) {
        if matches!(self.phase, Phase::Closing | Phase::Draining | Phase::Broken) {
            return;
        }
        self.phase = if frame.code == CloseCode::Normal { Phase::Closing } else { Phase::Draining };
        let closed = self.socket.close(Some(frame));
        self.note(closed);
    }

    /// Writes frames, or keeps what the kernel does not take.
    fn send(&mut self, mut frames: Bytes) {
        self.write(&mut frames);
        self.backlog.extend_from_slice(&frames);
    }

    /// Whether nothing is left over.
    fn write_backlog(&mut self) -> bool {
        self.flush_library();
        if self.library_is_writing {
            return false;
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        self.write(&mut backlog);
        let finished = backlog.is_empty();
        if !finished || backlog.capacity() <= KEEP_BACKLOG {
            self.backlog = backlog;
        }
        finished && self.phase != Phase::Broken
    }

    fn write(&mut self, bytes: &mut impl Buf) {
        while bytes.has_remaining() && self.phase != Phase::Broken {
            match self.socket.get_mut().write(bytes.chunk()) {
                Ok(0) => self.phase = Phase::Broken,
                Ok(count) => bytes.advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => self.phase = Phase::Broken,
            }
        }
    }

    fn flush_library(&mut self) {
        if self.phase != Phase::Broken {
            let flushed = self.socket.flush();
            self.note(flushed);
        }
    }

    fn note(&mut self, result: Result<(), Error>) {
        self.library_is_writing = false;
        match result {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.library_is_writing = true;
            }
            Err(_) => self.phase = Phase::Broken,
        }
    }

    /// The next whole message, if one has arrived. Whatever arrives, `heard` is told.
    fn read(&mut self, heard: impl Fn()) -> Option<News> {
        if self.phase == Phase::Draining {
            return self.drain();
        }
        loop {
            let read = self.socket.read();
            if read.is_ok() {
                heard();
            }
            return match read {
                Ok(Message::Text(text)) => Some(News::Text(text)),
                Ok(Message::Binary(_)) => Some(violation(CloseCode::Unsupported, "text messages only")),
                // Answering them is the library's business; after a close it will say that the connection is closed.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_)) => continue,
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    Some(violation(CloseCode::Size, "the message is too long"))
                }
                Err(_) => {
                    self.phase = Phase::Broken;
                    Some(News::Gone)
                }
            };
        }
    }

    /// Throws away what a client still sends after it broke the protocol. To close with unread data would reset the connection and
    /// take our close frame along.
    fn drain(&mut self) -> Option<News> {
        let mut waste = [0; 1024];
        loop {
            match self.socket.get_mut().read(&mut waste) {
                Ok(1..) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Ok(0) | Err(_) => {
                    self.phase = Phase::Broken;
                    return Some(News::Gone);
                }
            }
        }
    }
}

fn violation(code: CloseCode, reason: &'static str) -> News {
    News::Violation(CloseFrame { code, reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_client_gets_its_keep_alive_and_a_ping() {
        let keep_alive = Framing::WebSocket.keep_alive().unwrap();
        assert_eq!(KEEP_ALIVE_AND_PING, [keep_alive, PING].concat());
    }
}
