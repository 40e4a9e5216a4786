//! One SignalR connection as its client sees it: what happens to it goes in, what has to be done comes out.
//!
//! It exists so that a client in any language, over any HTTP library, can have the lifetime of the official
//! ones: negotiate, try the transports in turn, start, watch the keep-alives, reconnect with its place in the
//! log, give up in time. The durations are the server's ([`Terms`]).
//!
//! Promises, whatever comes in whatever order:
//! - A start is answered exactly once: by [`Effect::CompleteStart`] or [`Effect::FailStart`].
//! - [`Event::Closed`] comes exactly once after every start, as its last event; each change of state is told
//!   before the event that belongs to it.
//! - A transport connection that was opened is over exactly once: closed by an [`Effect::Close`], reported as
//!   [`Input::Lost`], or, for a poll, answered.
//! - Messages are delivered in the order in which they came, and not before the connection has started.
//! - The place of the last message that was delivered is what a reconnect shows the server.
//!
//! ```
//! use std::time::Instant;
//! use heliostat_proto::connection::client::{
//!     Answer, ClientConnection, ClientSettings, Effect, Event, Frame, Input, Phase, Response, Signal,
//!     StartAnswer, Terms,
//! };
//! use heliostat_proto::connection::Timeouts;
//!
//! # #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
//! let now = Instant::now();
//! let mut client = ClientConnection::new(ClientSettings::default(), now);
//! client.handle(Input::Start, now);
//! client.poll_effect(); // the event that it is connecting
//! let Some(Effect::Negotiate(turn, None)) = client.poll_effect() else { panic!() };
//!
//! client.handle(Input::Negotiated(turn, Answer::Welcome(Terms::of(&Timeouts::default()))), now);
//! let Some(Effect::Open(open)) = client.poll_effect() else { panic!() };
//! assert_eq!(open.kind.as_str(), "webSockets");
//!
//! let initialized = Response { signal: Signal::Initialized, messages: vec!["hello"], ..Response::default() };
//! client.handle(Input::Received(open.link, Frame::Response(initialized)), now);
//! client.handle(Input::StartAnswered(turn, StartAnswer::Started), now);
//! let effects: Vec<_> = std::iter::from_fn(|| client.poll_effect()).collect();
//! assert_eq!(effects.last(), Some(&Effect::CompleteStart));
//! assert!(effects.contains(&Effect::Deliver("hello")));
//! assert_eq!(client.phase(), Phase::Connected);
//! ```

mod connect;
mod error;
mod event;
mod frame;
mod link;
mod reconnect;
mod state;
mod terms;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use error::{ClientError, SendRefusal};
pub use event::{Event, Phase, Sending};
pub use frame::{Frame, Response, Signal};
use reconnect::Urgency;
pub use state::Place;
use state::{Attempt, State};
pub use terms::{Answer, ClientSettings, Redirect, Terms, WebSockets};

use super::link::LinkId;
use super::server::Opening;
use crate::transport_kind::TransportKind;

/// What happened to a client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<M> {
    /// The application wants to be connected.
    Start,
    /// The application wants to be connected no more.
    Stop,
    /// The negotiation of this turn is over.
    Negotiated(Turn, Answer),
    /// This transport connection is open: a WebSocket's handshake is done, the first bytes of a stream or the head
    /// of a poll's answer have come.
    Opened(LinkId),
    /// This came on this transport connection. A poll is answered, and thereby over, by a [`Frame::Response`].
    Received(LinkId, Frame<M>),
    /// This transport connection failed, or ended, or its request was refused.
    Lost(LinkId),
    /// The start request of this turn is over.
    StartAnswered(Turn, StartAnswer),
    /// Time passed; see [`ClientConnection::poll_timeout`].
    Tick,
}

/// Which start of the connection: answers to requests of an earlier one are old news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(u64);

/// What came of a start request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartAnswer {
    /// The server says that the connection is started.
    Started,
    /// It says anything else, or nothing.
    Failed,
}

/// Something the driver must do, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an effect nobody carries out is a lost message"]
pub enum Effect<M> {
    /// Ask for a connection, at the address of the application or at this one.
    Negotiate(Turn, Option<Redirect>),
    /// Open a transport connection.
    Open(Open),
    /// Close this transport connection, which may still be opening. News about it is ignored from now on.
    Close(LinkId),
    /// Send the start request.
    SendStart(Turn, TransportKind),
    /// Tell the server, over a request of its own, that the client has stopped. Nothing waits for the answer.
    SendAbort(TransportKind),
    /// Calls whose answer is still out will get none.
    FailPending,
    /// The start is complete; also told to who starts what is started.
    CompleteStart,
    /// The start failed.
    FailStart(ClientError),
    /// Tell the application.
    Raise(Event),
    /// Give this message to the application.
    Deliver(M),
}

/// A transport connection to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The number by which it is known from now on.
    pub link: LinkId,
    /// What to open.
    pub kind: TransportKind,
    /// What to ask for.
    pub how: Opening,
    /// What to show the server; empty when connecting.
    pub place: Place,
}

/// So many messages are kept before the start is complete. A server sends some when an application greets its
/// clients in groups; thousands mean that the start request is stuck.
const EARLY_MESSAGES: usize = 10_000;
/// So many servers may send a client to the next (3.4).
const REDIRECTS: u8 = 100;
/// The time that tells a sleep from a busy machine is cut in so many beats; each is a tick.
const BEATS: u32 = 10;

/// The client's machine for one SignalR connection.
///
/// Feed it with [`handle`](Self::handle), then drain [`poll_effect`](Self::poll_effect), then see to it that
/// [`Input::Tick`] comes by [`poll_timeout`](Self::poll_timeout). `M` is the type of messages, which only pass
/// through.
#[derive(Clone, Debug)]
pub struct ClientConnection<M> {
    state: State<M>,
    settings: ClientSettings,
    // The latest time heard of, which is also when this client was last known to run.
    now: Instant,
    turn: u64,
    links: u64,
    last_error: Option<ClientError>,
    // Drained after each input; besides some ten effects it holds the messages that one input released.
    effects: VecDeque<Effect<M>>,
}

/// Whether the server is told that the client has stopped.
#[derive(Clone, Copy)]
enum Farewell {
    Abort,
    Silence,
}

impl<M> ClientConnection<M> {
    /// A connection that is not started.
    #[must_use]
    pub fn new(settings: ClientSettings, now: Instant) -> Self {
        let effects = VecDeque::new();
        Self { state: State::Disconnected, settings, now, turn: 0, links: 0, last_error: None, effects }
    }

    /// Something happened at `now`. Afterwards drain [`poll_effect`](Self::poll_effect).
    pub fn handle(&mut self, input: Input<M>, now: Instant) {
        let idle = now.saturating_duration_since(self.now);
        self.now = self.now.max(now);
        let state = std::mem::replace(&mut self.state, State::Disconnected);
        self.state = match self.sleep(&state, &input, idle) {
            Some(error) => {
                let state =
                    if matches!(input, Input::Lost(_)) { state.without_link(self.now) } else { state };
                self.end(state, Some(error), Farewell::Silence)
            }
            None => self.next(state, input),
        };
    }

    /// What to do next, until there is nothing left.
    pub fn poll_effect(&mut self) -> Option<Effect<M>> {
        self.effects.pop_front()
    }

    /// When to call `handle(Input::Tick, …)` if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Connected { session, .. } => {
                let beat = self.now + session.terms.reconnect_window() / BEATS;
                Some(self.state.due().map_or(beat, |due| due.min(beat)))
            }
            State::Disconnected
            | State::Negotiating { .. }
            | State::Connecting(_)
            | State::Starting { .. }
            | State::Reconnecting { .. } => self.state.due(),
        }
    }

    /// The state as applications know it.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// The transport that carries the connection, or is to carry it next.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.state.session().map(|session| session.kind)
    }

    /// The transport connection that is open or being opened.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        self.state.link()
    }

    /// What a reconnect would show the server.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.state.session().map(|session| &session.place)
    }

    /// What went wrong last since the last start, if something did: tells a deliberate stop from a failure.
    #[must_use]
    pub fn last_error(&self) -> Option<&ClientError> {
        self.last_error.as_ref()
    }

    /// How something can be sent now.
    #[must_use]
    pub fn sending(&self) -> Sending {
        match &self.state {
            State::Disconnected => Sending::Refused(SendRefusal::Disconnected),
            State::Negotiating { .. } | State::Connecting(_) | State::Starting { .. } => {
                Sending::Refused(SendRefusal::Connecting)
            }
            State::Connected { session, carrier } => match (session.kind, carrier.link()) {
                (TransportKind::WebSockets, Some(link)) => Sending::On(link),
                (kind, _) => Sending::ByRequest(kind),
            },
            // 6.6: the request has a channel of its own, and its answer brings the result.
            State::Reconnecting { session, .. } => match session.kind {
                TransportKind::WebSockets => Sending::Refused(SendRefusal::Reconnecting),
                kind @ (TransportKind::ServerSentEvents
                | TransportKind::ForeverFrame
                | TransportKind::LongPolling) => Sending::ByRequest(kind),
            },
        }
    }

    /// All transitions. A new state or input stops the build here until someone decides.
    fn next(&mut self, state: State<M>, input: Input<M>) -> State<M> {
        use Input::{Lost, Negotiated, Opened, Received, Start, StartAnswered, Stop, Tick};
        use State::{Connected, Disconnected, Negotiating, Reconnecting, Starting};
        match (state, input) {
            (Disconnected, Start) => self.start(),
            // 9.6: who starts twice gets the answer to the first, or what is there.
            (state @ (Negotiating { .. } | State::Connecting(_) | Starting { .. }), Start) => state,
            (state @ (Connected { .. } | Reconnecting { .. }), Start) => {
                self.effects.push_back(Effect::CompleteStart);
                state
            }

            (state @ (State::Connecting(_) | Starting { .. }), Stop) => {
                self.end(state, None, Farewell::Abort)
            }
            (state @ (Connected { .. } | Reconnecting { .. }), Stop) => {
                self.end(state, None, Farewell::Abort)
            }
            // Nobody has given it a connection that could be aborted.
            (state @ Negotiating { .. }, Stop) => self.end(state, None, Farewell::Silence),

            (Negotiating { redirects }, Negotiated(turn, answer)) if turn.0 == self.turn => {
                self.negotiated(redirects, answer)
            }

            (State::Connecting(connecting), Received(link, frame))
                if connecting.attempt.link() == Some(link) =>
            {
                self.receive_while_connecting(connecting, frame)
            }
            (State::Connecting(connecting), Lost(link)) if connecting.attempt.link() == Some(link) => {
                self.try_next(connecting)
            }
            (State::Connecting(connecting), Tick) => self.tick_while_connecting(connecting),

            (Starting { session, carrier, early }, Received(link, frame)) if carrier.link() == Some(link) => {
                self.receive_while_starting(session, carrier, (early, frame))
            }
            (Starting { session, carrier, early }, StartAnswered(turn, answer)) if turn.0 == self.turn => {
                self.started(session, carrier, (early, answer))
            }
            (state @ Starting { .. }, Lost(link)) if state.link() == Some(link) => {
                self.end(state.without_link(self.now), Some(ClientError::LostWhileStarting), Farewell::Abort)
            }
            (state @ Starting { .. }, Tick) => self.tick_while_starting(state),

            (Connected { session, carrier }, Opened(link)) if carrier.link() == Some(link) => {
                Connected { session, carrier: carrier.heard(self.now) }
            }
            (Connected { session, carrier }, Received(link, frame)) if carrier.link() == Some(link) => {
                self.receive(session, carrier, frame)
            }
            (Connected { session, carrier }, Lost(link)) if carrier.link() == Some(link) => {
                self.reconnect(session, Urgency::OfItsKind)
            }
            (Connected { session, carrier }, Tick) => self.tick_while_connected(session, carrier),

            (Reconnecting { session, attempt, .. }, Opened(link)) if attempt.link() == Some(link) => {
                let carrier = self.reconnected(&session, link);
                Connected { session, carrier }
            }
            (Reconnecting { session, attempt, until }, Received(link, frame))
                if attempt.link() == Some(link) =>
            {
                self.receive_while_reconnecting(session, (link, until), frame)
            }
            (Reconnecting { session, attempt, until }, Lost(link)) if attempt.link() == Some(link) => {
                let attempt = Attempt::Waiting { until: self.now + self.settings.reconnect_delay };
                Reconnecting { session, attempt, until }
            }
            (state @ Reconnecting { .. }, Tick) => self.tick_while_reconnecting(state),

            // News that comes too early or too late is normal on a network: it changes nothing.
            (state @ Disconnected, Stop | Tick)
            | (state @ Negotiating { .. }, Tick)
            | (state, Negotiated(..) | Opened(_) | Received(..) | Lost(_) | StartAnswered(..)) => state,
        }
    }
}

/// Endings.
impl<M> ClientConnection<M> {
    /// 9.4: a machine that slept finds a connection that the server has long given up. Whoever hears from the
    /// server all the same has not.
    fn sleep(&self, state: &State<M>, input: &Input<M>, idle: Duration) -> Option<ClientError> {
        let State::Connected { session, carrier } = state else { return None };
        let looks = match input {
            Input::Tick => true,
            Input::Lost(link) => carrier.link() == Some(*link),
            Input::Start | Input::Stop | Input::Opened(_) | Input::Received(..) => false,
            Input::Negotiated(..) | Input::StartAnswered(..) => false,
        };
        let window = session.terms.reconnect_window();
        (looks && idle > window).then_some(ClientError::Slept { slept: idle, window })
    }

    fn end(&mut self, state: State<M>, error: Option<ClientError>, farewell: Farewell) -> State<M> {
        self.effects.extend(state.link().map(Effect::Close));
        if let Some(error) = error.clone() {
            self.last_error = Some(error.clone());
            self.effects.push_back(Effect::Raise(Event::Error(error)));
        }
        if let (Farewell::Abort, Some(session)) = (farewell, state.session()) {
            self.effects.push_back(Effect::SendAbort(session.kind));
        }
        match state {
            State::Disconnected => {}
            State::Negotiating { .. } | State::Connecting(_) | State::Starting { .. } => {
                self.effects.push_back(Effect::FailStart(error.unwrap_or(ClientError::Stopped)));
            }
            State::Connected { .. } | State::Reconnecting { .. } => {
                self.effects.push_back(Effect::FailPending)
            }
        }
        self.change(state.phase(), Phase::Disconnected);
        self.effects.push_back(Effect::Raise(Event::Closed));
        State::Disconnected
    }

    fn change(&mut self, from: Phase, to: Phase) {
        self.effects.push_back(Effect::Raise(Event::StateChanged { from, to }));
    }
}
