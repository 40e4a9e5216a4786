//! What holds for a client's connection whatever happens to it in whatever order and at whatever time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use heliostat_proto::connection::client::{
    Answer, ClientConnection, ClientError, ClientSettings, Effect, Event, Frame, Input, Open, Phase,
    Response, Signal, StartAnswer, Terms, Turn,
};
use heliostat_proto::connection::{LinkId, Opening, Timeouts};
use heliostat_proto::transport_kind::TransportKind;
use proptest::prelude::*;

/// What may happen next, before it is known which link is open.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop,
    Negotiated(bool),
    StartAnswered(StartAnswer),
    Opened(u64),
    Lost(u64),
    KeepAlive(u64),
    Response(u64, Signal),
    Wait(Duration),
    TickWhenDue,
    /// Waits until just before something is due and ticks.
    TickTooEarly,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let age = || prop_oneof![8 => Just(0u64), 1 => 0u64..4];
    let signal = prop_oneof![
        8 => Just(Signal::None),
        5 => Just(Signal::Initialized),
        2 => Just(Signal::Reconnect),
        1 => Just(Signal::Stop(None)),
    ];
    let answer = prop_oneof![6 => Just(StartAnswer::Started), 1 => Just(StartAnswer::Failed)];
    let step = prop_oneof![
        4 => Just(Step::Start),
        1 => Just(Step::Stop),
        4 => prop::bool::weighted(0.9).prop_map(Step::Negotiated),
        4 => answer.prop_map(Step::StartAnswered),
        3 => age().prop_map(Step::Opened),
        3 => age().prop_map(Step::Lost),
        2 => age().prop_map(Step::KeepAlive),
        10 => (age(), signal).prop_map(|(age, signal)| Step::Response(age, signal)),
        3 => (0u64..20_000).prop_map(|milliseconds| Step::Wait(Duration::from_millis(milliseconds))),
        5 => Just(Step::TickWhenDue),
        2 => Just(Step::TickTooEarly),
    ];
    prop::collection::vec(step, 0..80)
}

fn transports() -> impl Strategy<Value = Vec<TransportKind>> {
    prop::sample::subsequence(TransportKind::ALL.to_vec(), 0..=4)
}

/// Watches a machine from outside, knows only what went in and what came out, and objects.
struct Witness {
    machine: ClientConnection<u64>,
    now: Instant,
    turn: Option<Turn>,
    /// The transport connection that was opened last and is not over yet.
    open: Option<Open>,
    over: BTreeSet<LinkId>,
    newest: u64,
    phase: Phase,
    starts_owed: u64,
    /// The number of the next message the server says.
    next_message: u64,
    /// Messages that were said on a live link and not delivered yet.
    undelivered: Vec<u64>,
    reconnecting_since: Option<Instant>,
    is_closed: bool,
}

impl Witness {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(transports: Vec<TransportKind>) -> Self {
        let now = Instant::now();
        let settings = ClientSettings { transports, ..ClientSettings::default() };
        Self {
            machine: ClientConnection::new(settings, now),
            now,
            turn: None,
            open: None,
            over: BTreeSet::new(),
            newest: 0,
            phase: Phase::Disconnected,
            starts_owed: 0,
            next_message: 0,
            undelivered: Vec::new(),
            reconnecting_since: None,
            is_closed: true,
        }
    }

    fn step(&mut self, step: &Step) {
        let link = |age: &u64| LinkId::new(self.newest.saturating_sub(*age));
        match step {
            Step::Start => self.handle(Input::Start),
            Step::Stop => self.handle(Input::Stop),
            Step::Negotiated(well) => {
                let answer =
                    if *well { Answer::Welcome(Terms::of(&Timeouts::default())) } else { Answer::Failed };
                if let Some(turn) = self.turn {
                    self.handle(Input::Negotiated(turn, answer));
                }
            }
            Step::StartAnswered(answer) => {
                if let Some(turn) = self.turn {
                    self.handle(Input::StartAnswered(turn, *answer));
                }
            }
            Step::Opened(age) => self.handle(Input::Opened(link(age))),
            Step::Lost(age) => self.handle(Input::Lost(link(age))),
            Step::KeepAlive(age) => self.handle(Input::Received(link(age), Frame::KeepAlive)),
            Step::Response(age, signal) => {
                self.next_message += 1;
                let cursor = Some(format!("d-1-{:X}", self.next_message).into());
                let (signal, messages) = (signal.clone(), vec![self.next_message]);
                let response = Response { cursor, signal, messages, ..Response::default() };
                self.handle(Input::Received(link(age), Frame::Response(response)));
            }
            Step::Wait(duration) => self.now += *duration,
            Step::TickWhenDue => {
                self.now = self.machine.poll_timeout().map_or(self.now, |due| due.max(self.now));
                self.handle(Input::Tick);
                assert!(self.machine.poll_timeout().is_none_or(|due| due > self.now), "it must come to rest");
            }
            Step::TickTooEarly => {
                let just_before = self.machine.poll_timeout().map(|due| due - Duration::from_nanos(1));
                if let Some(early) = just_before.filter(|early| *early >= self.now) {
                    self.now = early;
                    self.machine.handle(Input::Tick, early);
                    assert_eq!(self.machine.poll_effect(), None, "nothing was due");
                }
            }
        }
    }

    fn handle(&mut self, input: Input<u64>) {
        self.note(&input);
        self.machine.handle(input, self.now);
        while let Some(effect) = self.machine.poll_effect() {
            self.check(effect);
        }
        assert_eq!(self.machine.phase(), self.phase, "each change was told");
        assert_eq!(self.machine.link(), self.open.as_ref().map(|open| open.link));
        assert_eq!(self.machine.poll_timeout().is_none(), self.turn.is_none() || self.is_at_rest());
        if self.phase == Phase::Connected {
            assert!(self.undelivered.is_empty(), "{:?} were kept back", self.undelivered);
        }
    }

    /// Only an answer of the network is waited for, or nothing at all.
    fn is_at_rest(&self) -> bool {
        self.phase == Phase::Disconnected
            || self.phase == Phase::Connecting && self.machine.transport().is_none()
    }

    /// What the input itself says.
    fn note(&mut self, input: &Input<u64>) {
        let carries = |link: &LinkId| self.open.as_ref().is_some_and(|open| open.link == *link);
        match input {
            Input::Lost(link) if carries(link) => self.close(*link),
            Input::Received(link, Frame::Response(response)) if carries(link) => {
                if !matches!(response.signal, Signal::Stop(_)) {
                    self.undelivered.extend(&response.messages);
                }
                if self.open.as_ref().unwrap().kind == TransportKind::LongPolling {
                    self.close(*link);
                }
            }
            Input::Start => self.starts_owed += 1,
            Input::Stop | Input::Negotiated(..) | Input::Opened(_) | Input::Received(..) => {}
            Input::Lost(_) | Input::StartAnswered(..) | Input::Tick => {}
        }
    }

    fn close(&mut self, link: LinkId) {
        assert_eq!(self.open.take().map(|open| open.link), Some(link));
        assert!(self.over.insert(link), "{link} was over before");
    }

    fn check(&mut self, effect: Effect<u64>) {
        match effect {
            Effect::Negotiate(turn, _) => self.turn = Some(turn),
            Effect::Open(open) => {
                assert!(self.open.is_none(), "two at a time");
                assert!(open.link.get() > self.newest);
                self.newest = open.link.get();
                let connects = open.how == Opening::ConnectDelayed;
                assert!(!connects || open.place.cursor.is_none());
                self.open = Some(open);
            }
            Effect::Close(link) => self.close(link),
            Effect::Deliver(message) => {
                assert_eq!(self.undelivered.first(), Some(&message), "in the order in which they came");
                self.undelivered.remove(0);
            }
            Effect::CompleteStart | Effect::FailStart(_) => self.starts_owed = 0,
            Effect::Raise(event) => self.check_event(&event),
            Effect::SendStart(..) | Effect::FailPending => {}
            Effect::SendAbort(_) => assert!(!self.is_closed),
        }
    }

    fn check_event(&mut self, event: &Event) {
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.phase);
                assert_ne!(from, to);
                self.is_closed = false;
                self.phase = *to;
                self.reconnecting_since = (*to == Phase::Reconnecting).then_some(self.now);
            }
            Event::ConnectionSlow => assert_eq!(self.phase, Phase::Connected),
            Event::Reconnecting => assert_eq!(self.phase, Phase::Reconnecting),
            Event::Reconnected => assert_eq!(self.phase, Phase::Connected),
            Event::Error(ClientError::TimedOut { within }) => {
                assert!(self.now >= self.reconnecting_since.unwrap() + *within, "given up too early");
            }
            Event::Error(_) => {}
            Event::Closed => {
                assert_eq!((self.phase, self.is_closed), (Phase::Disconnected, false));
                assert!(self.open.is_none(), "a transport connection is still open");
                assert_eq!(self.starts_owed, 0, "a start was not answered");
                self.is_closed = true;
                self.undelivered.clear();
            }
        }
    }
}

proptest! {
    /// CP-122, CP-229, CP-232, CP-237: starts are answered, messages come in order, each link is over once, events
    /// follow changes of state, nobody is given up early, nothing happens after the end.
    #[test]
    fn the_promises_of_a_client_hold_whatever_happens(transports in transports(), steps in steps()) {
        let mut witness = Witness::new(transports);
        for step in &steps {
            witness.step(step);
        }
        witness.step(&Step::Stop);
        prop_assert!(witness.is_closed);
        prop_assert_eq!(witness.starts_owed, 0);
    }

    /// CP-225, CP-226: whenever the server is heard, a watched client never waits longer than the keep-alive timeout.
    #[test]
    fn no_client_waits_longer_than_the_keep_alive_timeout(
        pauses in prop::collection::vec(0u64..25_000, 1..30),
    ) {
        let mut witness = Witness::new(vec![TransportKind::ServerSentEvents]);
        for step in [
            Step::Start,
            Step::Negotiated(true),
            Step::Response(0, Signal::Initialized),
            Step::StartAnswered(StartAnswer::Started),
        ] {
            witness.step(&step);
        }
        for pause in pauses {
            let heard_at = witness.now;
            let until = witness.now + Duration::from_millis(pause);
            while witness.machine.poll_timeout().is_some_and(|due| due <= until) {
                witness.step(&Step::TickWhenDue);
                let is_silent = witness.now >= heard_at + Duration::from_secs(20);
                prop_assert_eq!(witness.phase == Phase::Reconnecting, is_silent);
            }
            if witness.phase == Phase::Reconnecting {
                break;
            }
            witness.now = until;
            witness.step(&Step::KeepAlive(0));
        }
    }
}
