//! Decides whether a replay is the recorded conversation.
//!
//! What varies from run to run (ids, tokens, cursors, batch borders, times) is not compared; everything a client can rely on
//! is.

mod answer;
mod channel;
mod events;
mod json;
mod names;
mod stream;
mod timing;

use crate::{
    purpose, query,
    recording::{Exchange, Recording},
    replay::Replayed,
};

pub(crate) use events::expected_count;
use names::Names;

/// What was found, in the reader's words.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    place: String,
    lines: Vec<String>,
}

impl Findings {
    /// What follows is about this part of the recording.
    fn at(&mut self, place: String) {
        self.place = place;
    }

    fn add(&mut self, finding: impl AsRef<str>) {
        self.lines.push(format!("{}: {}", self.place, finding.as_ref()));
    }

    /// Notes that two things that should be equal are not.
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: T, actual: T) {
        if expected != actual {
            self.add(format!("{what}\n      expected {expected:?}\n      got      {actual:?}"));
        }
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "whether something holds is what this is about")]
    fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }
}

/// Everything that is not as recorded; nothing if the replay agrees.
pub(crate) fn compare(recording: &Recording, replayed: &Replayed) -> Vec<String> {
    let mut findings = Findings::default();
    let names = Names::of(recording, replayed);
    for channel in channel::channels(recording) {
        channel.compare(recording, replayed, &names, &mut findings);
    }
    for (index, expected) in recording.exchanges.iter().enumerate() {
        if recording.is_loop_poll(expected) {
            continue;
        }
        findings.at(place(index, expected));
        let [actual] = replayed.exchanges[index].as_slice() else {
            findings.add("was not replayed");
            continue;
        };
        answer::compare(expected, actual, &mut findings);
        end(expected, actual, &mut findings);
        if !purpose::delivers(expected) && !purpose::is_held(expected) {
            answer::compare_body(expected, actual, &names, &mut findings);
        }
    }
    events::compare(recording, replayed, &names, &mut findings);
    timing::compare(recording, replayed, &mut findings);
    findings.lines
}

/// Who ended it.
fn end(expected: &Exchange, actual: &Exchange, findings: &mut Findings) {
    let by_server = expected.response.ended_by.by_server();
    findings.require(by_server == actual.response.ended_by.by_server(), || {
        let expected = if by_server { "end" } else { "keep open" };
        format!("the server had to {expected} it, but it ended {:?}", actual.response.ended_by)
    });
}

/// How a reader finds an exchange in the file.
fn place(index: usize, exchange: &Exchange) -> String {
    let label = exchange.label.as_deref().unwrap_or_default();
    format!("[{index}] {label} {} {}", exchange.request.method, query::path_of(&exchange.request.url))
}
