//! What happened, in words: the timelines of the founding document as text.
//!
//! `C` is a client, `S` a server, `~` the network. A simulation keeps only the last lines, and makes text of them
//! only if somebody wants to read it.

use std::collections::VecDeque;
use std::fmt;

use heliostat_proto::connection::client::{Event, Phase, SendRefusal};
use heliostat_proto::connection::{Ending, Reason};
use heliostat_proto::transport_kind::TransportKind;

use crate::clock::Time;
use crate::message::{ClientNumber, ConnectionNumber, Group, ServerNumber, Target, WireNumber};

/// A failing simulation shows so many lines at most.
const KEPT: usize = 400;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Time,
    pub(crate) who: Who,
    pub(crate) what: What,
}

/// Who did it, or to whom it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Client(ClientNumber),
    Server(ServerNumber),
    Network,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Event(Event),
    Started,
    StartFailed,
    Delivered(Box<str>),
    DeliveredOrder(u64),
    CallRefused(SendRefusal),
    CallSent(u32),
    CallAnswered(u32),
    CallFailed(u32),
    Opens(TransportKind, WireNumber),
    Connected(ConnectionNumber),
    Reconnected(ConnectionNumber),
    Disconnected(ConnectionNumber, Reason),
    Called(u32),
    Lost(ConnectionNumber, u64),
    Gap(ConnectionNumber),
    Misses(ConnectionNumber),
    HearsAgain(ConnectionNumber),
    Refused(ConnectionNumber),
    Ends(WireNumber, Ending),
    Forgets(ConnectionNumber),
    Publishes(Target, u64),
    Joins(ConnectionNumber, Group),
    Leaves(ConnectionNumber, Group),
    Cut(WireNumber),
    Notices(WireNumber),
    Down,
    Up,
    Pauses,
    Resumes,
    Dies,
    Restarts,
    ShutsDown,
}

/// The last lines of what happened.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    lines: VecDeque<Line>,
    /// How many lines there were before those kept.
    skipped: usize,
}

impl Timeline {
    pub(crate) fn push(&mut self, line: Line) {
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
            self.skipped += 1;
        }
        self.lines.push_back(line);
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.lines.clear();
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped > 0 {
            writeln!(f, "({} lines before)", self.skipped)?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, who, what } = self;
        write!(f, "{:>10.3}s  {who}: {what}", at.since_start().as_secs_f64())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(f, "C{number}"),
            Self::Server(number) => write!(f, "S{number}"),
            Self::Network => f.write_str("~"),
        }
    }
}

/// The names of events are those that the official clients give them.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => show_event(event, f),
            Self::Started => f.write_str("started"),
            Self::StartFailed => f.write_str("start failed"),
            Self::Delivered(text) => write!(f, "received {text:?}"),
            Self::DeliveredOrder(order) => write!(f, "received #{order}"),
            Self::CallRefused(refusal) => write!(f, "call refused: {refusal}"),
            Self::CallSent(call) => write!(f, "calls ({call})"),
            Self::CallAnswered(call) => write!(f, "result of call {call}"),
            Self::CallFailed(call) => write!(f, "call {call} failed"),
            Self::Opens(kind, wire) => write!(f, "opens {kind} (wire {wire})"),
            Self::Connected(connection) => write!(f, "OnConnected of {connection}"),
            Self::Reconnected(connection) => write!(f, "OnReconnected of {connection}"),
            Self::Disconnected(connection, reason) => write!(f, "OnDisconnected({reason:?}) of {connection}"),
            Self::Called(call) => write!(f, "runs call {call}"),
            Self::Lost(connection, count) => write!(f, "reports {count} lost to {connection}"),
            Self::Gap(connection) => write!(f, "reports a gap of {connection}"),
            Self::Misses(connection) => write!(f, "counts the silent client of {connection} as away"),
            Self::HearsAgain(connection) => write!(f, "hears the client of {connection} again"),
            Self::Refused(connection) => write!(f, "tells the late client of {connection} to stop"),
            Self::Ends(wire, ending) => write!(f, "ends wire {wire}: {ending:?}"),
            Self::Forgets(connection) => write!(f, "forgets connection {connection}"),
            Self::Publishes(target, order) => write!(f, "publishes #{order} to {target:?}"),
            Self::Joins(connection, group) => write!(f, "adds connection {connection} to group {group}"),
            Self::Leaves(connection, group) => {
                write!(f, "removes connection {connection} from group {group}")
            }
            Self::Cut(wire) => write!(f, "wire {wire} is cut"),
            Self::Notices(wire) => write!(f, "notices that wire {wire} is gone"),
            Self::Down => f.write_str("interrupted"),
            Self::Up => f.write_str("works again"),
            Self::Pauses => f.write_str("pauses"),
            Self::Resumes => f.write_str("runs again"),
            Self::Dies => f.write_str("dies"),
            Self::Restarts => f.write_str("starts anew"),
            Self::ShutsDown => f.write_str("shuts down"),
        }
    }
}

fn show_event(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::StateChanged { from, to } => write!(f, "{} -> {}", name(*from), name(*to)),
        Event::ConnectionSlow => f.write_str("connectionSlow"),
        Event::Reconnecting => f.write_str("reconnecting"),
        Event::Reconnected => f.write_str("reconnected"),
        Event::Error(error) => write!(f, "error: {error}"),
        Event::Closed => f.write_str("disconnected"),
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Connected => "connected",
        Phase::Reconnecting => "reconnecting",
        Phase::Disconnected => "disconnected",
    }
}
