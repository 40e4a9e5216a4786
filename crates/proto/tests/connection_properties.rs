//! What holds for a SignalR connection whatever happens to it in whatever order and at whatever time.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heliostat_proto::connection::{
    Admission, Effect, Ending, Input, KeepAlive, LinkId, Opening, Reason, ServerConnection, Timeouts,
};
use heliostat_proto::transport_kind::TransportKind;
use proptest::prelude::*;

/// What may happen next, before it is known which link is open.
#[derive(Clone, Debug)]
enum Step {
    Open(TransportKind, Opening),
    OpenAgain,
    News(fn(LinkId) -> Input, Age),
    Plain(Input),
    Wait(Duration),
    /// The clock of the next input was read that long ago.
    Lag(Duration),
    /// Waits until something is due and ticks.
    TickWhenDue,
    /// Waits until just before something is due and ticks.
    TickTooEarly,
}

/// How old the link is that news is about: 0 is the one opened last.
type Age = u64;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        Just(TransportKind::WebSockets),
        Just(TransportKind::ServerSentEvents),
        Just(TransportKind::ForeverFrame),
        Just(TransportKind::LongPolling),
    ];
    let how = prop_oneof![
        Just(Opening::ConnectDelayed),
        Just(Opening::ConnectAtOnce),
        Just(Opening::Reconnect),
        Just(Opening::Poll),
    ];
    let news: [fn(LinkId) -> Input; 4] = [Input::Wrote, Input::Heard, Input::Answered, Input::Lost];
    let step = prop_oneof![
        5 => (kind, how).prop_map(|(kind, how)| Step::Open(kind, how)),
        1 => Just(Step::OpenAgain),
        9 => (prop::sample::select(news.to_vec()), prop_oneof![3 => Just(0), 1 => 0u64..4])
            .prop_map(|(news, age)| Step::News(news, age)),
        3 => Just(Step::Plain(Input::Started)),
        2 => Just(Step::Plain(Input::Tick)),
        1 => prop::sample::select(&[Input::Aborted, Input::Disconnect, Input::MessagesLost][..])
            .prop_map(Step::Plain),
        1 => prop::sample::select(&[Input::Moved, Input::Leave, Input::ShuttingDown, Input::Tick][..])
            .prop_map(Step::Plain),
        4 => (0u64..40_000).prop_map(|milliseconds| Step::Wait(Duration::from_millis(milliseconds))),
        1 => (0u64..9_000).prop_map(|milliseconds| Step::Lag(Duration::from_millis(milliseconds))),
        5 => Just(Step::TickWhenDue),
        2 => Just(Step::TickTooEarly),
    ];
    prop::collection::vec(step, 0..60)
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let keep_alive = prop_oneof![
        3 => Just(None),
        1 => Just(Some(KeepAlive::Off)),
        1 => Just(Some(KeepAlive::Every(Duration::from_secs(2)))),
    ];
    (6u64..60, keep_alive, 1u64..120, 0u64..10, 0u64..10).prop_map(
        |(disconnect, keep_alive, connection, threshold, delay)| {
            let timeouts = Timeouts::new(Duration::from_secs(disconnect)).unwrap();
            let keep_alive = keep_alive.unwrap_or(timeouts.keep_alive());
            let timeouts = timeouts.with_keep_alive(keep_alive).unwrap();
            let timeouts = timeouts.with_connection(Duration::from_secs(connection)).unwrap();
            let timeouts = timeouts.with_disconnect_threshold(Duration::from_secs(threshold)).unwrap();
            timeouts.with_long_poll_delay(Duration::from_secs(delay)).unwrap()
        },
    )
}

/// The transport connection that a witness saw opened last and not yet over.
#[derive(Clone, Copy)]
struct Carrier {
    link: LinkId,
    kind: TransportKind,
    opened_at: Instant,
    written_at: Instant,
    heard_at: Instant,
    /// When its client was asked whether it is there, unless it was heard since.
    asked_at: Option<Instant>,
    /// Since when its client counts as away, if it does.
    silent_since: Option<Instant>,
}

/// Watches a machine from outside, knows only what went in and what came out, and objects.
struct Witness {
    machine: ServerConnection,
    timeouts: Timeouts,
    now: Instant,
    lag: Duration,
    /// The latest time the machine has heard of.
    heard: Instant,
    opened: u64,
    carrier: Option<Carrier>,
    over: BTreeSet<LinkId>,
    callbacks: Vec<Effect>,
    adopted: bool,
    /// Its client was asked to go on elsewhere: that is no end.
    left: bool,
    /// Nobody may be given up before this.
    patience: Instant,
    forgotten: bool,
}

impl Witness {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        Self {
            machine: ServerConnection::new(Arc::new(timeouts.clone()), now),
            patience: now + timeouts.disconnect(),
            timeouts,
            now,
            lag: Duration::ZERO,
            heard: now,
            opened: 0,
            carrier: None,
            over: BTreeSet::new(),
            callbacks: Vec::new(),
            adopted: false,
            left: false,
            forgotten: false,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open(kind, how) => {
                self.opened += 1;
                self.handle(Input::Opened { link: LinkId::new(self.opened), kind, how });
            }
            Step::OpenAgain => {
                if let Some(Carrier { link, kind, .. }) = self.carrier {
                    self.handle(Input::Opened { link, kind, how: Opening::Reconnect });
                }
            }
            Step::News(news, age) => self.handle(news(LinkId::new(self.opened.saturating_sub(age)))),
            Step::Plain(input) => self.handle(input),
            Step::Wait(duration) => self.now += duration,
            Step::Lag(duration) => self.lag = duration,
            Step::TickWhenDue => {
                self.now = self.machine.poll_timeout().map_or(self.now, |due| due.max(self.now));
                self.handle(Input::Tick);
            }
            Step::TickTooEarly => {
                let just_before = self.machine.poll_timeout().map(|due| due - Duration::from_nanos(1));
                if let Some(early) = just_before.filter(|early| *early >= self.now) {
                    self.now = early;
                    let before = *self.machine.state();
                    self.handle(Input::Tick);
                    assert_eq!(*self.machine.state(), before, "nothing was due");
                }
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let before = self.machine.admits();
        let at = self.now - std::mem::take(&mut self.lag);
        self.heard = self.heard.max(at);
        self.machine.handle(input, at);
        let effects: Vec<Effect> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        assert!(effects.len() <= 3, "{effects:?}");
        match before {
            Admission::Welcome => self.note(input, at, &effects),
            Admission::Ended => {
                if let Input::Opened { link, .. } = input {
                    assert_eq!(effects, [Effect::End(link, Ending::Disconnected)]);
                }
            }
            Admission::Forgotten => assert!(effects.is_empty(), "{effects:?} after Forget"),
        }
        for effect in effects {
            self.check(effect, input);
        }
        self.check_deadlines(input);
    }

    /// What the input itself says about the carrier.
    fn note(&mut self, input: Input, at: Instant, effects: &[Effect]) {
        let carries = |id| self.carrier.is_some_and(|carrier| carrier.link == id);
        match input {
            Input::Wrote(id) if carries(id) => {
                let wrote = |carrier: Carrier| Carrier { written_at: carrier.written_at.max(at), ..carrier };
                self.carrier = self.carrier.map(wrote);
            }
            Input::Heard(id) if carries(id) => {
                let is_news = |carrier: &Carrier| at > carrier.heard_at;
                let heard = |carrier: Carrier| Carrier {
                    heard_at: at,
                    asked_at: carrier.asked_at.filter(|asked_at| *asked_at > at),
                    silent_since: None,
                    ..carrier
                };
                let is_back = self.carrier.is_some_and(|old| is_news(&old) && old.silent_since.is_some());
                assert!(effects.iter().eq(is_back.then_some(&Effect::NoteHeardAgain(id))), "{effects:?}");
                self.carrier = self.carrier.map(|old| if is_news(&old) { heard(old) } else { old });
            }
            Input::Lost(id) | Input::Answered(id) if carries(id) => self.detach(id),
            Input::Opened { link, kind, how } if !carries(link) => {
                let replaced = self.carrier.map(|old| Effect::End(old.link, Ending::Replaced));
                let ends = effects.iter().filter(|effect| matches!(effect, Effect::End(..)));
                assert!(ends.eq(replaced.as_ref()), "{effects:?}");
                self.over.extend(self.carrier.map(|old| old.link));
                self.adopted |= how == Opening::Poll && link.get() == 1 && self.callbacks.is_empty();
                let now = self.heard;
                self.carrier = Some(Carrier {
                    link,
                    kind,
                    opened_at: now,
                    written_at: now,
                    heard_at: now,
                    asked_at: None,
                    silent_since: None,
                });
            }
            Input::Started if self.opened == 0 && self.callbacks.is_empty() => {
                self.patience = self.heard + self.timeouts.longest_grace();
            }
            Input::Opened { .. } | Input::Started | Input::Wrote(_) | Input::Heard(_) => {}
            Input::Answered(_) | Input::Lost(_) => {}
            Input::Aborted | Input::Disconnect | Input::MessagesLost | Input::Moved | Input::Leave => {}
            Input::ShuttingDown | Input::Tick => {}
        }
    }

    fn detach(&mut self, id: LinkId) {
        let carrier = self.carrier.take().expect("something carried it");
        assert!(self.over.insert(id), "{id} was over before");
        self.patience = carrier.silent_since.unwrap_or(self.heard) + self.timeouts.grace(carrier.kind);
    }

    fn check(&mut self, effect: Effect, input: Input) {
        match effect {
            Effect::RaiseConnected => self.callbacks.push(effect),
            Effect::RaiseReconnected => {
                assert!(matches!(input, Input::Opened { how: Opening::Reconnect, .. }));
                self.callbacks.push(effect);
            }
            Effect::RaiseDisconnected(reason) => {
                assert!(self.adopted || !self.callbacks.is_empty(), "the application knew nothing of it");
                assert!(self.carrier.is_none(), "a transport connection is still open");
                assert_ne!(input, Input::Leave, "a client that moves is not gone");
                let timed_out = reason == Reason::TimedOut;
                assert!(!timed_out || self.heard >= self.patience, "given up within the grace");
                let leaves_tombstone = self.machine.admits() == Admission::Ended;
                assert!(
                    !timed_out || leaves_tombstone == (self.opened > 0),
                    "a tombstone where it never was"
                );
                self.callbacks.push(effect);
            }
            Effect::SendKeepAlive(link) => {
                let carrier = self.carrier.as_mut().expect("something carries it");
                assert_eq!(link, carrier.link);
                let KeepAlive::Every(every) = self.timeouts.keep_alive() else { panic!("they are off") };
                assert!(self.heard >= carrier.written_at + every, "too early");
                carrier.written_at = self.heard;
            }
            Effect::SendPing(link) => self.check_ping(link),
            Effect::NoteSilent(link) => self.check_silence(link),
            Effect::NoteHeardAgain(_) => assert!(matches!(input, Input::Heard(_))), // seen in `note`
            Effect::End(_, Ending::Replaced) if matches!(input, Input::Opened { .. }) => {} // seen in `note`
            Effect::End(link, ending) => self.check_end(link, ending, input),
            Effect::Forget => {
                assert!(self.carrier.is_none(), "a transport connection is still open");
                self.left = input == Input::Leave;
                self.forgotten = true;
            }
        }
    }

    fn check_ping(&mut self, link: LinkId) {
        let carrier = self.carrier.as_mut().expect("something carries it");
        assert_eq!((link, carrier.kind), (carrier.link, TransportKind::WebSockets));
        let KeepAlive::Every(every) = self.timeouts.keep_alive() else { panic!("they are off") };
        match carrier.asked_at {
            None => {
                let goes_with_keep_alive = carrier.written_at == self.heard;
                assert!(goes_with_keep_alive || self.heard >= carrier.heard_at + every, "too early");
            }
            Some(at) => {
                let silent_from = (at + every).max(carrier.heard_at + every * 2);
                assert!(self.heard > silent_from + self.timeouts.beat(), "asked twice");
            }
        }
        carrier.asked_at = Some(self.heard);
    }

    fn check_silence(&mut self, link: LinkId) {
        let carrier = self.carrier.as_mut().expect("something carries it");
        assert_eq!((link, carrier.kind), (carrier.link, TransportKind::WebSockets));
        let KeepAlive::Every(every) = self.timeouts.keep_alive() else { panic!("they are off") };
        assert_eq!(carrier.silent_since, None, "that is known");
        let asked_at = carrier.asked_at.expect("whoever was not asked owes no answer");
        let silent_from = (asked_at + every).max(carrier.heard_at + every * 2);
        assert!(self.heard >= silent_from, "it has time to answer");
        assert_eq!(self.machine.away_since(), Some(silent_from));
        carrier.silent_since = Some(silent_from);
    }

    fn check_end(&mut self, link: LinkId, ending: Ending, input: Input) {
        if let Input::Opened { link: late, .. } = input {
            assert_eq!((link, ending), (late, Ending::Disconnected), "a late client is told to stop");
            assert!(self.over.insert(link), "{link} was over before");
            return;
        }
        let carrier = self.carrier.expect("only what carries can be ended");
        assert_eq!(link, carrier.link);
        if ending == Ending::ConnectionTimeout {
            assert!(self.heard >= carrier.opened_at + self.timeouts.connection());
            let is_poll = carrier.kind == TransportKind::LongPolling;
            assert!(is_poll || self.timeouts.keep_alive() == KeepAlive::Off, "streams are kept alive");
        }
        if ending == Ending::Silent {
            let since = carrier.silent_since.expect("its client was heard");
            assert!(self.heard >= since + self.timeouts.grace(carrier.kind), "it may still be heard again");
        }
        self.detach(link);
    }

    /// What the machine asks to be woken for.
    fn check_deadlines(&self, input: Input) {
        let due = self.machine.poll_timeout();
        assert_eq!(due.is_none(), self.forgotten);
        assert_eq!(self.machine.state().link().map(|link| link.id), self.carrier.map(|carrier| carrier.link));
        if input == Input::Tick {
            assert!(due.is_none_or(|due| due > self.heard), "a driver that ticks must come to rest");
        }
        if let (Some(carrier), KeepAlive::Every(every)) = (self.carrier, self.timeouts.keep_alive()) {
            assert!(due.is_some_and(|due| due <= carrier.written_at + every), "the keep-alive would be late");
            let answer_by = |asked_at: Instant| (asked_at + every).max(carrier.heard_at + every * 2);
            let pulse = carrier.asked_at.map_or(carrier.heard_at + every, answer_by);
            let until = carrier.silent_since.map(|since| since + self.timeouts.grace(carrier.kind));
            let pulse = until.unwrap_or(pulse);
            let is_watched = carrier.kind == TransportKind::WebSockets;
            assert!(!is_watched || due.is_some_and(|due| due <= pulse), "the silence would last too long");
        }
        if self.carrier.is_none() && self.machine.admits() == Admission::Welcome {
            assert!(due.is_some_and(|due| due >= self.patience), "would be given up within the grace");
        }
    }

    /// What must be true of the whole story once nothing more can come.
    fn check_story(&self) {
        assert!(self.forgotten);
        let is = |what: &Effect| self.callbacks.iter().filter(|callback| *callback == what).count();
        assert!(is(&Effect::RaiseConnected) <= 1, "{:?}", self.callbacks);
        let connected = self.callbacks.iter().position(|callback| *callback == Effect::RaiseConnected);
        assert!(connected.is_none_or(|position| position == 0), "{:?}", self.callbacks);
        let ends: Vec<usize> = (self.callbacks.iter().enumerate())
            .filter_map(|(index, callback)| matches!(callback, Effect::RaiseDisconnected(_)).then_some(index))
            .collect();
        let must_end = !self.left && (self.adopted || !self.callbacks.is_empty());
        let expected = if must_end { vec![self.callbacks.len() - 1] } else { vec![] };
        assert_eq!(ends, expected, "{:?}", self.callbacks);
    }
}

proptest! {
    /// CP-005, CP-006, CP-008, CP-214, CP-217, CP-220, CP-222: connected at most once and first, disconnected
    /// at most once and last and not within the grace, every link over exactly once, keep-alives in time,
    /// nothing after the end.
    #[test]
    fn the_promises_hold_whatever_happens(timeouts in timeouts(), steps in steps()) {
        let mut witness = Witness::new(timeouts);
        for step in &steps {
            witness.step(step);
        }
        witness.lag = Duration::ZERO;
        if let Some(carrier) = witness.carrier {
            witness.handle(Input::Lost(carrier.link));
        }
        for _ in 0..2 {
            witness.step(&Step::TickWhenDue);
        }
        witness.check_story();
    }

    /// However its client is heard, and whatever is written: the client of a WebSocket counts as away exactly from two
    /// keep-alives after it was heard for the last time until it is heard again, and is given up when the grace is over.
    #[test]
    fn a_silent_client_is_away_two_keep_alives_after_it_was_heard_until_it_is_heard(
        pauses in prop::collection::vec((0u64..25_000, any::<bool>()), 1..30),
    ) {
        let mut witness = Witness::new(Timeouts::default());
        witness.step(&Step::Open(TransportKind::WebSockets, Opening::ConnectAtOnce));
        let mut last_heard = witness.now;
        for (pause, heard) in pauses {
            let until = witness.now + Duration::from_millis(pause);
            while witness.machine.poll_timeout().is_some_and(|due| due <= until) {
                witness.step(&Step::TickWhenDue);
            }
            witness.now = until;
            let away_from = last_heard + Duration::from_secs(20);
            let over_from = away_from + Duration::from_secs(35);
            prop_assert_eq!(witness.machine.away_since(), Some(away_from).filter(|from| (*from..over_from).contains(&until)));
            prop_assert_eq!(witness.carrier.is_none(), until >= over_from);
            if witness.carrier.is_none() {
                break;
            }
            let news = if heard { Input::Heard } else { Input::Wrote };
            witness.step(&Step::News(news, 0));
            last_heard = if heard { until } else { last_heard };
        }
    }

    /// An idle connection is looked at once in a keep-alive, and then written to once.
    #[test]
    fn an_idle_web_socket_needs_one_look_and_one_write_in_a_keep_alive(delay in 0u64..5_000, active in 0u64..40_000) {
        let delay = Duration::from_millis(delay);
        let mut witness = Witness::new(Timeouts::default());
        witness.step(&Step::Open(TransportKind::WebSockets, Opening::ConnectAtOnce));
        witness.step(&Step::Wait(Duration::from_millis(active)));
        witness.step(&Step::News(Input::Wrote, 0));
        let mut ticks = Vec::new();
        while ticks.len() < 10 {
            witness.step(&Step::TickWhenDue);
            ticks.push(witness.now);
            witness.step(&Step::Wait(delay));
            witness.step(&Step::News(Input::Heard, 0));
            witness.now -= delay;
        }
        let settled: Vec<Duration> = ticks.windows(2).skip(3).map(|pair| pair[1] - pair[0]).collect();
        prop_assert_eq!(settled, vec![Duration::from_secs(10); 6]);
    }

    /// Whatever is written when, a driver that ticks on time never lets a link be silent for longer than a
    /// keep-alive.
    #[test]
    fn cp_214_no_link_is_silent_for_longer_than_a_keep_alive(
        pauses in prop::collection::vec(0u64..25_000, 1..30),
    ) {
        let mut witness = Witness::new(Timeouts::default());
        witness.step(&Step::Open(TransportKind::ServerSentEvents, Opening::ConnectAtOnce));
        let mut last_bytes = witness.now;
        for pause in pauses {
            let until = witness.now + Duration::from_millis(pause);
            while let Some(due) = witness.machine.poll_timeout().filter(|due| *due <= until) {
                witness.step(&Step::TickWhenDue);
                prop_assert_eq!(due - last_bytes, Duration::from_secs(10));
                last_bytes = due;
            }
            witness.now = until;
            witness.step(&Step::News(Input::Wrote, 0));
            last_bytes = until;
        }
    }
}
