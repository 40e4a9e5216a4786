//! Every state of a SignalR connection with every input, as one table that is read in review.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heliostat_proto::connection::{
    Effect, Input, KeepAlive, LinkId, Opening, ServerConnection, Stage, State, Timeouts,
};
use heliostat_proto::transport_kind::TransportKind;

const OTHER: LinkId = LinkId::new(1);
const THIS: LinkId = LinkId::new(2);
const NEXT: LinkId = LinkId::new(3);

/// A machine in the state under test.
struct Case {
    name: &'static str,
    machine: ServerConnection,
    start: Instant,
}

impl Case {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(name: &'static str, timeouts: Timeouts, inputs: &[Input]) -> Self {
        let start = Instant::now();
        let mut machine = ServerConnection::new(Arc::new(timeouts), start);
        for input in inputs {
            machine.handle(*input, start);
        }
        while machine.poll_effect().is_some() {}
        Self { name, machine, start }
    }

    /// The same when it was time to do something.
    fn once_ticked(mut self) -> Self {
        let start = self.machine.poll_timeout().unwrap_or(self.start);
        self.machine.handle(Input::Tick, start);
        while self.machine.poll_effect().is_some() {}
        Self { start, ..self }
    }

    /// One line of the table: the state that follows (`.` if it is the same) and the effects.
    fn row(&self, (name, input, after): (&str, Input, Duration)) -> String {
        let mut machine = self.machine.clone();
        machine.handle(input, self.start + after);
        let effects: Vec<Effect> = std::iter::from_fn(|| machine.poll_effect()).collect();
        let next =
            if machine.state() == self.machine.state() { ".".to_owned() } else { self.describe(&machine) };
        let effects: Vec<String> = effects.iter().map(|effect| format!("{effect:?}")).collect();
        format!("  {name:<28} {next:<50} {}", effects.join(", ")).trim_end().to_owned()
    }

    fn describe(&self, machine: &ServerConnection) -> String {
        let due = match machine.poll_timeout() {
            Some(due) => format!("due {:?}", due - self.start),
            None => "due never".to_owned(),
        };
        match machine.state() {
            State::Awaited { .. } => format!("Awaited, {due}"),
            State::Attached { stage, link } => {
                format!("Attached {stage:?} {} {:?}, {due}", link.id, link.kind)
            }
            State::Silent { stage, link } => format!("Silent {stage:?} {} {:?}, {due}", link.id, link.kind),
            State::Detached { stage, .. } => format!("Detached {stage:?}, {due}"),
            State::Ended { reason, .. } => format!("Ended {reason:?}, {due}"),
            State::Forgotten => "Forgotten".to_owned(),
            unknown => panic!("{unknown:?} is missing in this table"),
        }
    }
}

fn opened(link: LinkId, kind: TransportKind, how: Opening) -> Input {
    Input::Opened { link, kind, how }
}

fn attached(stage: Stage, kind: TransportKind) -> Vec<Input> {
    match stage {
        Stage::Initializing => vec![opened(THIS, kind, Opening::ConnectDelayed)],
        Stage::Adopted => vec![opened(THIS, kind, Opening::Poll)],
        Stage::Announced => vec![Input::Started],
        Stage::Started => vec![opened(THIS, kind, Opening::ConnectAtOnce)],
    }
}

fn detached(stage: Stage) -> Vec<Input> {
    let mut inputs = attached(stage, TransportKind::WebSockets);
    inputs.push(Input::Lost(THIS));
    inputs
}

fn cases() -> Vec<Case> {
    use TransportKind::{LongPolling, WebSockets};
    let usual = Timeouts::default;
    let silent = || Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap();
    let started = |kind| attached(Stage::Started, kind);
    vec![
        Case::new("Awaited", usual(), &[]),
        Case::new("Attached Initializing", usual(), &attached(Stage::Initializing, WebSockets)),
        Case::new("Attached Adopted (longPolling)", usual(), &attached(Stage::Adopted, LongPolling)),
        Case::new("Attached Started", usual(), &started(WebSockets)),
        Case::new("Attached Started, asked whether it is there", usual(), &started(WebSockets)).once_ticked(),
        Case::new("Silent Initializing", usual(), &attached(Stage::Initializing, WebSockets))
            .once_ticked()
            .once_ticked(),
        Case::new("Silent Started", usual(), &started(WebSockets)).once_ticked().once_ticked(),
        Case::new("Attached Started (longPolling)", usual(), &started(LongPolling)),
        Case::new("Attached Started (no keep-alive)", silent(), &started(WebSockets)),
        Case::new("Attached Started (longPolling, no keep-alive)", silent(), &started(LongPolling)),
        Case::new("Detached Initializing", usual(), &detached(Stage::Initializing)),
        Case::new("Detached Adopted", usual(), &detached(Stage::Adopted)),
        Case::new("Detached Announced", usual(), &[Input::Started]),
        Case::new("Detached Started", usual(), &detached(Stage::Started)),
        Case::new("Ended", usual(), &[started(WebSockets), vec![Input::Aborted]].concat()),
        Case::new("Forgotten", usual(), &[Input::ShuttingDown]),
    ]
}

fn inputs(case: &Case) -> Vec<(&'static str, Input, Duration)> {
    let open = |how| opened(NEXT, TransportKind::ServerSentEvents, how);
    let again = opened(THIS, TransportKind::ServerSentEvents, Opening::Reconnect);
    let soon = Duration::from_secs(1);
    let due = case.machine.poll_timeout().map_or(soon, |due| due - case.start);
    vec![
        ("Opened ConnectDelayed", open(Opening::ConnectDelayed), soon),
        ("Opened ConnectAtOnce", open(Opening::ConnectAtOnce), soon),
        ("Opened Reconnect", open(Opening::Reconnect), soon),
        ("Opened Poll", open(Opening::Poll), soon),
        ("Opened, the same again", again, soon),
        ("Started", Input::Started, soon),
        ("Wrote, this link", Input::Wrote(THIS), soon),
        ("Wrote, another link", Input::Wrote(OTHER), soon),
        ("Heard, this link", Input::Heard(THIS), soon),
        ("Heard, another link", Input::Heard(OTHER), soon),
        ("Answered, this link", Input::Answered(THIS), soon),
        ("Answered, another link", Input::Answered(OTHER), soon),
        ("Lost, this link", Input::Lost(THIS), soon),
        ("Lost, another link", Input::Lost(OTHER), soon),
        ("Aborted", Input::Aborted, soon),
        ("Disconnect", Input::Disconnect, soon),
        ("MessagesLost", Input::MessagesLost, soon),
        ("Moved", Input::Moved, soon),
        ("Leave", Input::Leave, soon),
        ("ShuttingDown", Input::ShuttingDown, soon),
        ("Tick, early", Input::Tick, due.saturating_sub(Duration::from_nanos(1))),
        ("Tick, due", Input::Tick, due),
        ("Tick, very late", Input::Tick, Duration::from_secs(1000)),
    ]
}

#[test]
fn every_state_decides_about_every_input() {
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
