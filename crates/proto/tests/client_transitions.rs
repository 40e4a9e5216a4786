//! Every state of a client's connection with every input, as one table that is read in review.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use heliostat_proto::connection::client::{
    Answer, ClientConnection, ClientSettings, Effect, Event, Frame, Input, Open, Place, Response, Signal,
    StartAnswer, Terms, Turn,
};
use heliostat_proto::connection::{LinkId, Timeouts};
use heliostat_proto::transport_kind::TransportKind::{self, LongPolling, ServerSentEvents, WebSockets};

type Message = &'static str;

/// A machine in the state under test.
struct Case {
    name: &'static str,
    machine: ClientConnection<Message>,
    start: Instant,
    turn: Turn,
    link: LinkId,
}

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Disconnected,
    Negotiating,
    Connecting,
    Starting,
    Connected,
    Reconnecting,
    TryingAgain,
}

impl Case {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(name: &'static str, kind: TransportKind, stage: Stage) -> Self {
        let start = Instant::now();
        let mut settings = ClientSettings::default();
        settings.transports.retain(|usual| *usual == kind || *usual == LongPolling);
        let mut machine = ClientConnection::new(settings, start);
        machine.handle(Input::Start, start);
        let turn = drain(&mut machine).iter().find_map(turn_of).unwrap();
        let mut case = Self { name, machine, start, turn, link: LinkId::new(0) };
        if stage == Stage::Disconnected {
            case.feed(Input::Stop);
        }
        if stage >= Stage::Connecting {
            case.feed(Input::Negotiated(turn, Answer::Welcome(Terms::of(&Timeouts::default()))));
        }
        if stage >= Stage::Starting {
            case.feed(Input::Received(case.link, initialized()));
        }
        if stage >= Stage::Connected {
            case.feed(Input::StartAnswered(turn, StartAnswer::Started));
        }
        if stage >= Stage::Reconnecting {
            case.feed(Input::Lost(case.link));
        }
        if stage == Stage::TryingAgain {
            case.start = case.machine.poll_timeout().unwrap();
            case.feed(Input::Tick);
        }
        case
    }

    fn feed(&mut self, input: Input<Message>) {
        self.machine.handle(input, self.start);
        let opened = drain(&mut self.machine).iter().filter_map(opened).next_back();
        self.link = opened.unwrap_or(self.link);
    }

    /// One line of the table: the state that follows (`.` if it is the same) and the effects.
    fn row(&self, (name, input, after): (&str, Input<Message>, Duration)) -> String {
        let mut machine = self.machine.clone();
        machine.handle(input, self.start + after);
        let effects: Vec<String> = drain(&mut machine).iter().map(show).collect();
        let next = self.describe(&machine);
        let next = if next == self.describe(&self.machine) { ".".to_owned() } else { next };
        format!("  {name:<26} {next:<40} {}", effects.join(", ")).trim_end().to_owned()
    }

    fn describe(&self, machine: &ClientConnection<Message>) -> String {
        let due = match machine.poll_timeout() {
            Some(due) => format!("due {:.1?}", due - self.start),
            None => "due never".to_owned(),
        };
        let link = machine.link().map_or_else(String::new, |link| format!(" on {link}"));
        format!("{:?}{link}, {due}", machine.phase())
    }
}

fn drain(machine: &mut ClientConnection<Message>) -> Vec<Effect<Message>> {
    std::iter::from_fn(|| machine.poll_effect()).collect()
}

fn turn_of(effect: &Effect<Message>) -> Option<Turn> {
    if let Effect::Negotiate(turn, _) = effect { Some(*turn) } else { None }
}

fn opened(effect: &Effect<Message>) -> Option<LinkId> {
    if let Effect::Open(open) = effect { Some(open.link) } else { None }
}

fn show(effect: &Effect<Message>) -> String {
    match effect {
        Effect::Open(Open { link, kind, how, place: Place { cursor, .. } }) => {
            let cursor = cursor.as_deref().unwrap_or("nowhere");
            format!("Open {link} {kind} {how:?} from {cursor}")
        }
        Effect::Negotiate(..) => "Negotiate".to_owned(),
        Effect::SendStart(..) => "SendStart".to_owned(),
        Effect::Raise(Event::StateChanged { from, to }) => format!("{from:?} to {to:?}"),
        Effect::Raise(event) => format!("{event:?}"),
        Effect::Close(_) | Effect::SendAbort(_) | Effect::FailPending | Effect::CompleteStart => {
            format!("{effect:?}")
        }
        Effect::FailStart(_) | Effect::Deliver(_) => format!("{effect:?}"),
    }
}

fn initialized() -> Frame<Message> {
    let cursor = Some("d-1-0".into());
    Frame::Response(Response { signal: Signal::Initialized, cursor, ..Response::default() })
}

fn signals(signal: Signal) -> Frame<Message> {
    Frame::Response(Response { signal, ..Response::default() })
}

fn cases() -> Vec<Case> {
    vec![
        Case::new("Disconnected", WebSockets, Stage::Disconnected),
        Case::new("Negotiating", WebSockets, Stage::Negotiating),
        Case::new("Connecting", WebSockets, Stage::Connecting),
        Case::new("Connecting, the last transport", LongPolling, Stage::Connecting),
        Case::new("Starting", WebSockets, Stage::Starting),
        Case::new("Starting (longPolling)", LongPolling, Stage::Starting),
        Case::new("Connected", WebSockets, Stage::Connected),
        Case::new("Connected (serverSentEvents)", ServerSentEvents, Stage::Connected),
        Case::new("Connected (longPolling)", LongPolling, Stage::Connected),
        Case::new("Reconnecting", WebSockets, Stage::Reconnecting),
        Case::new("Reconnecting (serverSentEvents)", ServerSentEvents, Stage::Reconnecting),
        Case::new("Reconnecting, under way (serverSentEvents)", ServerSentEvents, Stage::TryingAgain),
        Case::new("Reconnecting, under way (longPolling)", LongPolling, Stage::TryingAgain),
    ]
}

fn inputs(case: &Case) -> Vec<(&'static str, Input<Message>, Duration)> {
    let (soon, link, turn) = (Duration::from_secs(1), case.link, case.turn);
    let due = case.machine.poll_timeout().map_or(soon, |due| due - case.start);
    let welcome = Answer::Welcome(Terms::of(&Timeouts::default()));
    let messages = Response { messages: vec!["hello"], cursor: Some("d-1-1".into()), ..Response::default() };
    vec![
        ("Start", Input::Start, soon),
        ("Stop", Input::Stop, soon),
        ("Negotiated, welcome", Input::Negotiated(turn, welcome), soon),
        ("Negotiated, failed", Input::Negotiated(turn, Answer::Failed), soon),
        ("Opened", Input::Opened(link), soon),
        ("Opened, another link", Input::Opened(LinkId::new(99)), soon),
        ("Received {}", Input::Received(link, Frame::KeepAlive), soon),
        ("Received I", Input::Received(link, Frame::Result("result")), soon),
        ("Received M", Input::Received(link, Frame::Response(messages)), soon),
        ("Received S", Input::Received(link, initialized()), soon),
        ("Received T", Input::Received(link, signals(Signal::Reconnect)), soon),
        ("Received E", Input::Received(link, signals(Signal::Stop(None))), soon),
        ("Received, another link", Input::Received(LinkId::new(99), initialized()), soon),
        ("Lost", Input::Lost(link), soon),
        ("Lost, another link", Input::Lost(LinkId::new(99)), soon),
        ("StartAnswered, started", Input::StartAnswered(turn, StartAnswer::Started), soon),
        ("StartAnswered, failed", Input::StartAnswered(turn, StartAnswer::Failed), soon),
        ("Tick, early", Input::Tick, due.saturating_sub(Duration::from_nanos(1))),
        ("Tick, due", Input::Tick, due),
        ("Tick after 21s", Input::Tick, Duration::from_secs(21)),
        ("Tick after 1000s", Input::Tick, Duration::from_secs(1000)),
    ]
}

#[test]
fn every_state_of_a_client_decides_about_every_input() {
    let mut table = String::new();
    for case in cases() {
        writeln!(table, "{} = {}", case.name, case.describe(&case.machine)).unwrap();
        for input in inputs(&case) {
            writeln!(table, "{}", case.row(input)).unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
