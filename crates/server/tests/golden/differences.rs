//! Every point in which this server differs from the original on purpose, with the reason.
//!
//! An entry rewrites the recording into what is expected instead, before it is replayed. So nothing is skipped: the difference
//! itself is asserted, and so is everything around it.

use serde_json::{Value, json};

use crate::recording::{Direction, Ended, Exchange, Frame, Opcode, Recording};

struct Difference {
    /// Names of recordings; one `*` stands for any text.
    recordings: &'static [&'static str],
    /// Why a client is not worse off.
    #[expect(dead_code, reason = "for the reader")]
    why: &'static str,
    instead: fn(&mut Recording),
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        recordings: &[
            "negotiate/hub-connectiondata-object",
            "negotiate/hub-duplicate-hubs",
            "negotiate/hub-malformed-connectiondata",
            "negotiate/hub-null-name",
            "negotiate/hub-unknown-hub",
            "errors/hub-*-malformed-connectiondata",
            "errors/hub-*-unknown-hub",
        ],
        why: "D-11: the client's mistake is answered with 400 and a reason; in the original an exception left the pipeline",
        instead: refused_with_a_reason,
    },
    Difference {
        recordings: &["negotiate/jsonp-callback-*"],
        why: "D-3 and D-11: a callback that is no identifier is refused with 400 before it gets into a script",
        instead: refused_with_a_reason,
    },
    Difference {
        recordings: &["errors/foreverframe-frameid-*"],
        why: "D-11: a frame id that is no number is the client's mistake: 400",
        instead: refused_with_a_reason,
    },
    Difference {
        recordings: &[
            "send-errors/args-not-array",
            "send-errors/empty-data",
            "send-errors/empty-object",
            "send-errors/id-object",
            "send-errors/json-*",
            "send-errors/malformed-json",
            "send-errors/longpolling-malformed-json",
            "send-errors/missing-hub",
            "send-errors/missing-method",
            "send-errors/no-body",
            "send-errors/no-data-field",
            "send-errors/raw-no-data",
            "send-errors/state-not-object",
            "send-errors/unknown-hub",
            "extra/send-content-type-json",
            "extra/send-get-data-in-query",
            "extra/send-multipart",
            "extra/send-post-data-in-query",
        ],
        why: "D-11: a message that is no invocation is the client's mistake: 400",
        instead: refused_with_a_reason,
    },
    Difference {
        recordings: &[
            "send-errors/comment-in-json",
            "send-errors/single-quoted-json",
            "send-errors/trailing-garbage",
            "send-errors/lowercase-keys",
            "extra/send-duplicate-data-field",
        ],
        why: "the original's JSON reader took what is not JSON; no client sends it, and a strict reader leaves less to attack",
        instead: refused_although_once_accepted,
    },
    Difference {
        recordings: &[
            "send-errors/arg-bool-for-string",
            "send-errors/arg-number-for-string",
            "send-errors/arg-numeric-string",
        ],
        why: "arguments are read as the types they are declared with, not converted from others",
        instead: |recording| answer(recording, &json!({ "I": "0", "E": "wrong type" })),
    },
    Difference {
        recordings: &["extra/send-bad-utf8"],
        why: "what is no UTF-8 becomes U+FFFD, as everywhere on the web; the original's runtime kept the escapes as text",
        instead: |recording| answer(recording, &json!({ "R": "\u{FFFD}\u{FFFD}", "I": "0" })),
    },
    Difference {
        recordings: &["invoke/values-*"],
        why: "a time comes back as the application writes it; the original's runtime rewrote it to local time",
        instead: a_time_keeps_its_offset,
    },
    Difference {
        recordings: &["negotiate/raw-unauthorized-anonymous"],
        why: "SignalR answers 401; in the recording a login page in front of it turned that into a redirect",
        instead: |recording| {
            let response = &mut last(recording).response;
            response.status = Some(401);
            response.headers.retain(|(name, _)| name != "Location");
        },
    },
    Difference {
        recordings: &["session/start-with-protocol-1.2-*"],
        why: "D-12: OnConnected runs once per connection, however often start is sent",
        instead: |recording| {
            let events = recording.events.get_or_insert_default();
            if let Some(second) = events.iter().rposition(|line| line.contains(" OnConnected ")) {
                events.remove(second);
            }
        },
    },
    Difference {
        recordings: &["timing/ws-too-big"],
        why: "D-13: the client is told with 1009 why its message was refused; in the recording the socket was dropped",
        instead: |recording| closes_with(recording, 1009),
    },
    Difference {
        recordings: &["timing/ws-ping-and-binary"],
        why: "the client is told with 1003 that binary messages are not understood; in the recording the socket was dropped",
        instead: |recording| closes_with(recording, 1003),
    },
];

/// Rewrites the recording where this server differs.
pub(crate) fn apply(recording: &mut Recording) {
    for difference in DIFFERENCES {
        if difference.recordings.iter().any(|pattern| matches(pattern, &recording.name)) {
            (difference.instead)(recording);
        }
    }
}

/// The patterns that match no recording.
pub(crate) fn unused(names: &[String]) -> Vec<&'static str> {
    let patterns = DIFFERENCES.iter().flat_map(|difference| difference.recordings).copied();
    patterns.filter(|pattern| !names.iter().any(|name| matches(pattern, name))).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((front, back)) => {
            name.len() >= front.len() + back.len() && name.starts_with(front) && name.ends_with(back)
        }
        None => pattern == name,
    }
}

fn last(recording: &mut Recording) -> &mut Exchange {
    recording.exchanges.last_mut().expect("a recording has exchanges")
}

/// The exchange that carries the call the recording is about.
fn the_send(recording: &mut Recording) -> &mut Exchange {
    let send = |exchange: &&mut Exchange| {
        crate::purpose::Command::of(&exchange.request) == crate::purpose::Command::Send
    };
    recording.exchanges.iter_mut().find(send).expect("the recording has a send")
}

fn refuse(exchange: &mut Exchange) {
    exchange.response.status = Some(400);
    exchange.response.headers = vec![("X-Content-Type-Options".to_owned(), "nosniff".to_owned())];
    exchange.response.body = Some("a reason".to_owned());
    exchange.response.chunks.clear();
}

/// Each 500 becomes a 400 that says why.
fn refused_with_a_reason(recording: &mut Recording) {
    for exchange in recording.exchanges.iter_mut().filter(|exchange| exchange.response.status == Some(500)) {
        refuse(exchange);
    }
}

fn refused_although_once_accepted(recording: &mut Recording) {
    refuse(the_send(recording));
}

/// The call is answered with this result.
fn answer(recording: &mut Recording, result: &Value) {
    let response = &mut the_send(recording).response;
    response.body = Some(result.to_string());
    response.chunks.clear();
}

fn a_time_keeps_its_offset(recording: &mut Recording) {
    let (local, original) = ("2020-01-02T01:04:05+00:00", "2020-01-02T03:04:05+02:00");
    for exchange in &mut recording.exchanges {
        let frames = exchange.frames.iter_mut().filter_map(|frame| frame.data.as_mut());
        let chunks = exchange.response.chunks.iter_mut().map(|(_, chunk)| chunk);
        for text in exchange.response.body.iter_mut().chain(frames).chain(chunks) {
            *text = text.replace(local, original);
        }
    }
}

/// The server answers the last frame with a close frame of its own, and nothing else.
fn closes_with(recording: &mut Recording, code: u16) {
    let sockets = recording.exchanges.iter_mut().filter(|exchange| crate::purpose::is_web_socket(exchange));
    for exchange in sockets {
        let t_ms = exchange.response.ended_at_ms;
        let close = Frame { t_ms, dir: Direction::Recv, op: Opcode::Close, data: None, code: Some(code) };
        let place =
            exchange.frames.iter().position(|frame| frame.t_ms > t_ms).unwrap_or(exchange.frames.len());
        exchange.frames.insert(place, close);
        exchange.response.ended_by = Ended::ServerConnectionClosed;
    }
}
