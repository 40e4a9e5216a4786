//! A conversation as a person reads it: the time of day, a sign for the direction, and what happened, one line each.

use std::time::Duration;

use serde_json::value::RawValue;

use super::entry::{Entry, FailureKind, What};
use crate::terminal::{Ink, Paper, harmless};

/// The longest value that is shown whole, in characters. Recordings and `--json` have all of it.
const LONGEST: usize = 2_000;

/// The lines of an entry, without the end of the last. Nothing for entries that are only of interest to programs.
pub(crate) fn draw(entry: &Entry, clock: &str, paper: &Paper) -> Option<String> {
    let (ink, sign, text) = match &entry.what {
        What::Begin { .. } => return None,
        What::Hubs(hubs) if hubs.is_empty() => return None,
        What::Hubs(hubs) => (Ink::Quiet, "·", format!("hubs: {}", hubs.join(", "))),
        // What belongs to it is told by itself.
        What::State(state) if matches!(state.as_str(), "connected" | "disconnected") => return None,
        What::State(state) => {
            (if state == "reconnecting" { Ink::Warning } else { Ink::Quiet }, "·", format!("{state} …"))
        }
        What::Connected { id, transport } => (Ink::Good, "·", format!("connected over {transport} as {id}")),
        What::Call { id, hub, method, arguments } => {
            (Ink::Outgoing, "→", format!("#{id} {hub}.{method}({})", list(arguments)))
        }
        What::Result { id, value, took } => {
            (Ink::Good, "=", format!("#{id} {}{}", value.get(), after(*took)))
        }
        What::Failed { id, failure, took } => {
            let data = failure.data.as_ref().map(|data| format!(" {data}")).unwrap_or_default();
            let kind = match failure.kind {
                FailureKind::Hub => "",
                FailureKind::Refused => "refused: ",
                FailureKind::Connection => "connection: ",
                FailureKind::Timeout => "timeout: ",
                FailureKind::Usage => "mistake: ",
            };
            (Ink::Bad, "✗", format!("#{id} {kind}{}{data}{}", failure.message, after(*took)))
        }
        What::Progress { id, value } => (Ink::Quiet, "…", format!("#{id} {}", value.get())),
        What::Message { hub, method, arguments } => {
            (Ink::Incoming, "←", format!("{hub}.{method}({})", list(arguments)))
        }
        What::Raw(value) => (Ink::Incoming, "←", value.get().to_owned()),
        What::RawSent(text) => (Ink::Outgoing, "→", text.clone()),
        What::Slow => (Ink::Warning, "!", "the connection is slow: nothing was heard for a while".to_owned()),
        What::Error(text) => (Ink::Warning, "!", text.clone()),
        What::Closed { error: None } => (Ink::Quiet, "·", "closed".to_owned()),
        What::Closed { error: Some(error) } => (Ink::Bad, "·", format!("closed: {error}")),
        What::Note(text) => return Some(note(text)),
    };
    Some(format!("{} {} {}", paper.paint(Ink::Quiet, clock), paper.paint(ink, sign), cut(&harmless(&text))))
}

/// Answers to commands keep their lines.
fn note(text: &str) -> String {
    text.trim_end().lines().map(|line| harmless(line).into_owned()).collect::<Vec<_>>().join("\n")
}

fn list(arguments: &[Box<RawValue>]) -> String {
    arguments.iter().map(|argument| argument.get()).collect::<Vec<_>>().join(", ")
}

/// How long an answer took, for those who wonder.
fn after(took: Duration) -> String {
    let milliseconds = took.as_secs_f64() * 1e3;
    if milliseconds < 1e3 {
        format!("  ({milliseconds:.1} ms)")
    } else {
        format!("  ({:.1} s)", milliseconds / 1e3)
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => {
            let (shown, rest) = text.split_at(end);
            format!("{shown}… ({} more characters; --record and --json have them)", rest.chars().count())
        }
    }
}
