//! The steps of the client in the order in which it takes them.

use crate::{
    purpose::{self, Command},
    recording::{Direction, Ended, Recording},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends the request of this exchange.
    Request(usize),
    /// Begins the loop of polls of which this exchange is the first.
    BeginLoop(usize),
    /// Sends this frame over the WebSocket of this exchange.
    Frame(usize, usize),
    /// Drops the connection of this exchange or loop, once everything has arrived that arrived in the recording.
    Close(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// When the step was taken in the recording.
    pub(crate) at: u64,
    pub(crate) step: Step,
}

/// Frames go before requests of the same millisecond, ends after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Frame,
    Request,
    FrameAfterStart,
    Close,
}

pub(crate) fn plan(recording: &Recording) -> Vec<Planned> {
    let mut ranked: Vec<(Rank, Planned)> = Vec::new();
    let mut early = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let at = exchange.t_ms;
        let start = if recording.is_loop_poll(exchange) { loop_start(recording, index) } else { index };
        if !recording.is_loop_poll(exchange) {
            ranked.push((Rank::Request, Planned { at, step: Step::Request(index) }));
        } else if start == index {
            ranked.push((Rank::Request, Planned { at, step: Step::BeginLoop(index) }));
        }
        ranked.extend(frames(recording, index));
        let closes = matches!(exchange.response.ended_by, Ended::Client | Ended::ClientTimeout);
        let close = Planned { at: at + exchange.response.ended_at_ms, step: Step::Close(start) };
        match dropped_before(recording, index) {
            Some(next) if closes => early.push((close, next)),
            Some(_) | None if closes => ranked.push((Rank::Close, close)),
            Some(_) | None => {}
        }
    }
    ranked.sort_by_key(|(rank, planned)| (planned.at, *rank));
    let mut steps: Vec<Planned> = ranked.into_iter().map(|(_, planned)| planned).collect();
    for (close, next) in early {
        let place =
            steps.iter().position(|planned| planned.step == Step::Request(next)).unwrap_or(steps.len());
        let at = steps.get(place).map_or(close.at, |planned| planned.at);
        steps.insert(place, Planned { at, ..close });
    }
    steps
}

/// The frames the client sends; none before the socket was asked for and the connection was started.
fn frames(recording: &Recording, index: usize) -> impl Iterator<Item = (Rank, Planned)> {
    let exchange = &recording.exchanges[index];
    let started = start_of(recording, index).map_or(exchange.t_ms, |start| recording.exchanges[start].t_ms);
    let sent = exchange.frames.iter().enumerate().filter(|(_, frame)| frame.dir == Direction::Send);
    sent.map(move |(place, frame)| {
        let at = exchange.t_ms + frame.t_ms;
        let step = Step::Frame(index, place);
        if at <= started {
            (Rank::FrameAfterStart, Planned { at: started, step })
        } else {
            (Rank::Frame, Planned { at, step })
        }
    })
}

/// The exchange that starts the connection to which this one belongs.
pub(crate) fn start_of(recording: &Recording, index: usize) -> Option<usize> {
    let token = purpose::token(&recording.exchanges[index].request);
    recording.exchanges.iter().position(|exchange| {
        Command::of(&exchange.request) == Command::Start && purpose::token(&exchange.request) == token
    })
}

/// The first poll of the loop to which this poll belongs. A loop ends where the connection is connected again.
pub(crate) fn loop_start(recording: &Recording, index: usize) -> usize {
    let token = purpose::token(&recording.exchanges[index].request);
    let mut start = index;
    for earlier in (0..index).rev() {
        let exchange = &recording.exchanges[earlier];
        if purpose::token(&exchange.request) != token || !Command::of(&exchange.request).receives() {
            continue;
        }
        if !recording.is_loop_poll(exchange) {
            break;
        }
        start = earlier;
    }
    start
}

/// The polls of a loop, given its first.
pub(crate) fn polls_of(recording: &Recording, start: usize) -> impl Iterator<Item = usize> {
    (start..recording.exchanges.len()).filter(move |&index| {
        recording.is_loop_poll(&recording.exchanges[index]) && loop_start(recording, index) == start
    })
}

/// Where a connection was lost on purpose so that it would be reconnected: before the first thing that happens meanwhile.
fn dropped_before(recording: &Recording, index: usize) -> Option<usize> {
    if recording.group() != "reconnect" {
        return None;
    }
    let token = purpose::token(&recording.exchanges[index].request);
    let later = || recording.exchanges.iter().enumerate().skip(index + 1);
    let reconnect = later().find(|(_, exchange)| {
        matches!(Command::of(&exchange.request), Command::Connect | Command::Reconnect)
            && purpose::token(&exchange.request) == token
    })?;
    let meanwhile = later().find(|(_, exchange)| {
        exchange.label.as_deref().is_some_and(|label| label.starts_with("server-side"))
    });
    Some(meanwhile.map_or(reconnect.0, |(place, _)| place.min(reconnect.0)))
}
