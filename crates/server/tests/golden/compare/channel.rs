//! A receive channel: one stream, one socket, or a chain of polls, whose batches may fall differently every time.

use super::{Findings, answer, names::Names, place, stream};
use crate::{
    delivery::Delivered,
    purpose::{self, Command},
    recording::{Exchange, Recording},
    replay::Replayed,
};

#[derive(Debug)]
pub(super) struct Channel {
    /// The receive request that opens the channel, unless it begins with a loop of polls.
    opening: Option<usize>,
    /// The polls of the loop, if there is one.
    polls: Vec<usize>,
}

/// The receive channels of a recording. A loop of polls goes on where its connect or reconnect left off.
pub(super) fn channels(recording: &Recording) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        if recording.is_loop_poll(exchange) {
            let token = purpose::token(&exchange.request);
            let own = channels.iter_mut().rev().find(|channel| {
                let first = channel.opening.or(channel.polls.first().copied()).unwrap_or(index);
                purpose::token(&recording.exchanges[first].request) == token
            });
            match own {
                Some(channel) => channel.polls.push(index),
                None => channels.push(Channel { opening: None, polls: vec![index] }),
            }
        } else if purpose::delivers(exchange) || purpose::is_held(exchange) {
            channels.push(Channel { opening: Some(index), polls: Vec::new() });
        }
    }
    channels
}

impl Channel {
    pub(super) fn compare(
        &self,
        recording: &Recording,
        replayed: &Replayed,
        names: &Names,
        findings: &mut Findings,
    ) {
        let places: Vec<usize> = self.opening.iter().chain(&self.polls).copied().collect();
        let Some(&first) = places.first() else { return };
        let last = places.last().copied().unwrap_or(first);
        let expected: Vec<&Exchange> = places.iter().map(|&index| &recording.exchanges[index]).collect();
        let actual: Vec<&Exchange> = places.iter().flat_map(|&index| &replayed.exchanges[index]).collect();
        if !self.polls.is_empty() {
            findings.at(format!("[{first}..{last}] the polls"));
            self.compare_polls(recording, replayed, findings);
        }
        findings.at(format!("{}: what arrived", place(first, &recording.exchanges[first])));
        let is_connect = Command::of(&recording.exchanges[first].request) == Command::Connect;
        let delivered = |exchanges: &[&Exchange]| -> Vec<Delivered> {
            exchanges
                .iter()
                .filter(|exchange| purpose::delivers(exchange))
                .map(|exchange| Delivered::of(exchange))
                .collect()
        };
        stream::Comparison { request: &recording.exchanges[first].request, is_connect, names }.compare(
            &delivered(&expected),
            &delivered(&actual),
            findings,
        );
    }

    /// Each poll is answered like the recorded ones; the last one ends as the recorded last one does.
    fn compare_polls(&self, recording: &Recording, replayed: &Replayed, findings: &mut Findings) {
        let expected: Vec<&Exchange> = self.polls.iter().map(|&index| &recording.exchanges[index]).collect();
        let actual: Vec<&Exchange> =
            self.polls.iter().flat_map(|&index| &replayed.exchanges[index]).collect();
        let answered = expected.iter().find(|exchange| !purpose::is_held(exchange));
        let (Some(last_expected), Some(last_actual)) = (expected.last(), actual.last()) else {
            return findings.add("no poll was made");
        };
        for (number, exchange) in actual.iter().enumerate() {
            if let Some(answered) = answered.filter(|_| !purpose::is_held(exchange)) {
                answer::compare(answered, exchange, findings);
            }
            let is_last = number + 1 == actual.len();
            findings.require(is_last || exchange.response.ended_by.by_server(), || {
                format!("poll {number} ended {:?}", exchange.response.ended_by)
            });
        }
        let (expected, actual) = (purpose::is_held(last_expected), purpose::is_held(last_actual));
        findings.equal("whether the last poll was held without an answer", expected, actual);
        let by_server = |exchange: &Exchange| exchange.response.ended_by.by_server();
        findings.equal(
            "whether the server ended the last poll",
            by_server(last_expected),
            by_server(last_actual),
        );
    }
}
