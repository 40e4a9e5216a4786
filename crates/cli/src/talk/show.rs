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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::entry::Failure;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn shown(what: What) -> String {
        let entry = Entry { at: Duration::ZERO, what };
        draw(&entry, "12:00:00.000", &Paper::plain(None)).unwrap_or_else(|| "(nothing)".to_owned())
    }

    #[test]
    fn a_conversation_is_shown_one_line_each() {
        let (hub, took) = ("chatHub".to_owned(), Duration::from_micros(1_340));
        let failure = Failure {
            kind: FailureKind::Hub,
            message: "room is full".into(),
            data: Some(serde_json::json!({ "max": 20 })),
        };
        let lost = Failure { kind: FailureKind::Connection, message: "it broke".into(), data: None };
        let said = [
            What::Hubs(vec!["chatHub".into(), "news".into()]),
            What::State("connecting".into()),
            What::State("connected".into()),
            What::Connected { id: "5f0e2c1a".into(), transport: "webSockets".into() },
            What::Call {
                id: 1,
                hub: hub.clone(),
                method: "say".into(),
                arguments: vec![raw("\"lobby\""), raw("1.50")],
            },
            What::Message { hub, method: "message".into(), arguments: vec![raw("{\"b\": 1}")] },
            What::Progress { id: 1, value: raw("50") },
            What::Result { id: 1, value: raw("null"), took },
            What::Failed { id: 2, failure, took },
            What::Failed { id: 3, failure: lost, took: took * 1_000 },
            What::Slow,
            What::State("reconnecting".into()),
            What::Closed { error: None },
            What::Closed { error: Some("the server is gone".into()) },
        ];
        insta::assert_snapshot!(said.map(shown).join("\n"), @r#"
        12:00:00.000 · hubs: chatHub, news
        12:00:00.000 · connecting …
        (nothing)
        12:00:00.000 · connected over webSockets as 5f0e2c1a
        12:00:00.000 → #1 chatHub.say("lobby", 1.50)
        12:00:00.000 ← chatHub.message({"b": 1})
        12:00:00.000 … #1 50
        12:00:00.000 = #1 null  (1.3 ms)
        12:00:00.000 ✗ #2 room is full {"max":20}  (1.3 ms)
        12:00:00.000 ✗ #3 connection: it broke  (1.3 s)
        12:00:00.000 ! the connection is slow: nothing was heard for a while
        12:00:00.000 · reconnecting …
        12:00:00.000 · closed
        12:00:00.000 · closed: the server is gone
        "#);
    }

    #[test]
    fn what_a_server_sends_can_neither_steer_the_terminal_nor_fill_it() {
        assert!(!shown(What::Error("\u{1b}[2J\r\nok".into())).contains(['\u{1b}', '\n', '\r']));
        let long = format!("\"{}\"", "é".repeat(LONGEST + 9));
        let shown = shown(What::Raw(raw(&long)));
        assert!(shown.ends_with("… (11 more characters; --record and --json have them)"), "{shown}");
    }
}
