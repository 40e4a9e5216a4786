//! One exchange while it happens.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
};

use super::{
    body::Body,
    head::{self, Head},
    web_socket::{self, Reader},
};
use crate::recording::{Direction, Ended, Exchange, Frame, Opcode, Request, Response};

/// Rings whenever anything happened on any exchange.
#[derive(Clone, Debug)]
pub(crate) struct Changes(watch::Sender<u64>);

impl Changes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(crate) fn ring(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until `condition` holds; `false` if it still does not when the time is over.
    pub(crate) async fn until(&self, limit: Duration, condition: impl Fn() -> bool) -> bool {
        let mut changes = self.0.subscribe();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            changes.mark_unchanged();
            if condition() {
                return true;
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                return condition();
            }
        }
    }
}

/// What the client does with a running exchange.
#[derive(Debug)]
pub(crate) enum Order {
    /// Sends a WebSocket frame.
    Frame(Frame),
    /// Drops the TCP connection without a word.
    Drop,
}

/// A running exchange. It is written down as it goes.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    inner: Arc<Inner>,
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    changes: Changes,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    exchange: Exchange,
    content: Vec<u8>,
    /// How many bytes of the content are in pieces already.
    noted: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    Asking,
    Asked,
    HasHead,
    Over,
}

impl Live {
    /// Sends the request. It is on its way when this returns, the answer is collected in the background.
    pub(crate) async fn begin(server: SocketAddr, request: Request, changes: &Changes) -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        let response = Response {
            status: None,
            headers: Vec::new(),
            body: None,
            ended_at_ms: 0,
            ended_by: Ended::Client,
            chunks: Vec::new(),
        };
        let bytes = head::encode(&request);
        let exchange = Exchange { label: None, t_ms: 0, request, response, frames: Vec::new() };
        let state = Mutex::new(State { exchange, content: Vec::new(), noted: 0, phase: Phase::Asking });
        let inner = Arc::new(Inner { began: Instant::now(), changes: changes.clone(), state });
        let mut stream = TcpStream::connect(server).await.expect("the server under test listens");
        stream.set_nodelay(true).expect("a TCP connection takes its options");
        stream.write_all(&bytes).await.expect("the server under test reads the request");
        inner.update(|state| state.phase = Phase::Asked);
        tokio::spawn(Arc::clone(&inner).run(stream, received));
        Self { inner, orders }
    }

    pub(crate) fn order(&self, order: Order) {
        if let Order::Frame(frame) = &order {
            let t_ms = self.inner.elapsed();
            self.inner.state().exchange.frames.push(Frame { t_ms, ..frame.clone() });
        }
        // An exchange that is over takes no orders: a frame then goes into a dead socket.
        let _ = self.orders.send(order);
    }

    pub(crate) fn began(&self) -> Instant {
        self.inner.began
    }

    pub(crate) fn has_head(&self) -> bool {
        self.inner.state().phase >= Phase::HasHead
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner.state().phase == Phase::Over
    }

    /// What has been written down so far.
    pub(crate) fn so_far(&self) -> Exchange {
        let state = self.inner.state();
        let mut exchange = state.exchange.clone();
        exchange.response.body = Some(String::from_utf8_lossy(&state.content).into_owned());
        exchange
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while writing down an exchange")
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changes.ring();
    }

    async fn run(self: Arc<Self>, mut stream: TcpStream, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut answer = Answer::Head(Vec::new());
        let mut buffer = vec![0; 16 * 1024];
        let ended = loop {
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break Ended::ServerConnectionClosed,
                    Ok(count) => {
                        let complete = self.read(&mut answer, &buffer[..count]);
                        // Sending into a connection that the server has dropped changes nothing.
                        let _ = stream.write_all(&answer.take_replies()).await;
                        if complete {
                            break Ended::ServerEnd;
                        }
                    }
                },
                order = orders.recv() => match order {
                    Some(Order::Frame(frame)) => {
                        answer.sends(&frame);
                        // Whether the server still reads shows in what it sends.
                        let _ = stream.write_all(&web_socket::encode(&frame)).await;
                    }
                    Some(Order::Drop) | None => break Ended::Client,
                },
            }
        };
        drop(stream);
        let at = self.elapsed();
        self.update(|state| {
            state.exchange.response.ended_at_ms = at;
            state.exchange.response.ended_by = ended;
            state.phase = Phase::Over;
        });
    }

    /// Takes in what came. Returns whether the answer is complete.
    fn read(&self, answer: &mut Answer, bytes: &[u8]) -> bool {
        let at = self.elapsed();
        let mut complete = false;
        self.update(|state| complete = answer.take(bytes, at, state));
        complete
    }
}

/// How far the answer has been read.
#[derive(Debug)]
enum Answer {
    Head(Vec<u8>),
    Body(Body, Vec<u8>),
    WebSocket(Socket),
}

#[derive(Debug, Default)]
struct Socket {
    reader: Reader,
    /// What the protocol obliges the client to answer: pongs and the close frame.
    replies: Vec<u8>,
    is_closing: bool,
}

impl Answer {
    /// Takes in what came. Returns whether the answer is complete.
    fn take(&mut self, bytes: &[u8], at: u64, state: &mut State) -> bool {
        match self {
            Self::Head(read) => {
                read.extend_from_slice(bytes);
                let Some(head) = Head::take(read) else { return false };
                let rest = std::mem::take(read);
                *self = if head.status == 101 {
                    Self::WebSocket(Socket::default())
                } else {
                    Self::Body(Body::of(&head), Vec::new())
                };
                state.exchange.response.status = Some(head.status);
                state.exchange.response.headers = head.headers;
                state.phase = Phase::HasHead;
                self.take(&rest, at, state)
            }
            Self::Body(body, read) => {
                read.extend_from_slice(bytes);
                let complete = body.take(read, &mut state.content);
                state.note_piece(at);
                complete
            }
            Self::WebSocket(socket) => {
                socket.reader.push(bytes);
                while let Some(frame) = socket.reader.next(at) {
                    socket.receives(&frame);
                    state.exchange.frames.push(frame);
                }
                false
            }
        }
    }

    fn sends(&mut self, frame: &Frame) {
        if let Self::WebSocket(socket) = self {
            socket.is_closing |= frame.op == Opcode::Close;
        }
    }

    fn take_replies(&mut self) -> Vec<u8> {
        match self {
            Self::WebSocket(socket) => std::mem::take(&mut socket.replies),
            Self::Head(_) | Self::Body(..) => Vec::new(),
        }
    }
}

impl Socket {
    fn receives(&mut self, frame: &Frame) {
        let op = match frame.op {
            Opcode::Ping => Opcode::Pong,
            Opcode::Close if !self.is_closing => Opcode::Close,
            Opcode::Close | Opcode::Text | Opcode::Binary | Opcode::Pong => return,
        };
        self.is_closing |= op == Opcode::Close;
        self.replies.extend(web_socket::encode(&Frame { dir: Direction::Send, op, ..frame.clone() }));
    }
}

impl State {
    /// Writes down what has been added to the content as one piece. A character that is still incomplete waits for its rest.
    fn note_piece(&mut self, at: u64) {
        let added = self.content.get(self.noted..).unwrap_or_default();
        let whole = match std::str::from_utf8(added) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&added[..error.valid_up_to()]).unwrap_or_default(),
        };
        if !whole.is_empty() {
            self.noted += whole.len();
            self.exchange.response.chunks.push((at, whole.to_owned()));
        }
    }
}
