//! Every point in which this server differs from the original on purpose, with the reason.
//!
//! An entry rewrites the recording into what is expected instead, before it is replayed. So nothing is skipped: the difference
//! itself is asserted, and so is everything around it.

use serde_json::{Value, json};

use crate::{
    purpose::{self, Command},
    recording::{Direction, Ended, Exchange, Frame, Opcode, Recording},
};

struct Difference {
    /// Names of recordings; one `*` stands for any text.
    recordings: &'static [&'static str],
    /// Why a client is not worse off.
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
        recordings: &["cors/corsall-preflight", "cors/corsjsonp-preflight"],
        why: "a preflight has no content: 204; the middleware in front of the original said 200",
        instead: |recording| last(recording).response.status = Some(204),
    },
    Difference {
        recordings: &[
            "extra/onconnected-throws-*",
            "send-errors/raw-throw",
            "send-errors/raw-throw-longpolling",
        ],
        why: "the application failed: 500 as in the original, whose host dropped the headers that SignalR had set",
        instead: |recording| {
            let failed =
                recording.exchanges.iter_mut().filter(|exchange| exchange.response.status == Some(500));
            failed.for_each(|exchange| exchange.response.headers.push(nosniff()));
        },
    },
    Difference {
        recordings: &["negotiate/upper-case-path"],
        why: "`Url` is the path as it was asked for without the command, whatever its case; the original left the command in",
        instead: |recording| replace(last(recording), "/signalr/NEGOTIATE", "/SignalR"),
    },
    Difference {
        recordings: &["reconnect/buffer-overflow-serverSentEvents"],
        why: "exactly as many messages are kept as the setting says; the original kept a few more",
        instead: |recording| {
            keep_messages(&mut recording.exchanges[5], &["down64", "down65", "down66", "down67"])
        },
    },
    Difference {
        recordings: &["reconnect/future-messageid-serverSentEvents", "reconnect/future-messageid-webSockets"],
        why: "a cursor beyond the last message means \"from now on\"; the original sent everything its process had ever kept",
        instead: |recording| {
            let reconnect = the_last(recording, Command::Reconnect);
            only_after(reconnect);
        },
    },
    Difference {
        recordings: &["reconnect/future-messageid-longPolling"],
        why: "the same over long polling: the poll is held until there is something new",
        instead: |recording| {
            let sent_at = the_last(recording, Command::Send).t_ms;
            let reconnect = the_last(recording, Command::Reconnect);
            reconnect.response.body =
                Some(response(&[json!({ "H": "oracle", "M": "message", "A": ["after"] })]));
            reconnect.response.ended_at_ms = sent_at - reconnect.t_ms;
        },
    },
    Difference {
        recordings: &[
            "longpolling/poll-after-abort",
            "reconnect/after-abort-sse",
            "timing/client-vanishes-serverSentEvents",
        ],
        why: "D-1: a client that comes back after its OnDisconnected is told to stop, and no callback runs again",
        instead: told_to_stop,
    },
    Difference {
        recordings: &["timing/server-shutdown"],
        why: "a poll under way is told to reconnect (T) when the server stops, no new one is held, and no method is called any more; \
              the recording host had told SignalR's services about the shutdown, but not its requests",
        instead: |recording| {
            let polls: Vec<usize> = positions(recording, Command::Poll);
            recording.exchanges[polls[0]].response.body =
                Some(json!({ "C": "d-1-1", "T": 1, "M": [] }).to_string());
            let send = positions(recording, Command::Send)[0];
            for index in [polls[1], send] {
                let refused = &mut recording.exchanges[index];
                refuse(refused);
                refused.response.status = Some(503);
                refused.response.ended_by = Ended::ServerEnd;
                refused.response.ended_at_ms = 0;
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

/// Rewrites the recording where this server differs. Returns the reasons.
pub(crate) fn apply(recording: &mut Recording) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    for difference in DIFFERENCES {
        if difference.recordings.iter().any(|pattern| matches(pattern, &recording.name)) {
            (difference.instead)(recording);
            reasons.push(difference.why);
        }
    }
    reasons
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

fn positions(recording: &Recording, command: Command) -> Vec<usize> {
    let exchanges = recording.exchanges.iter().enumerate();
    exchanges
        .filter(|(_, exchange)| Command::of(&exchange.request) == command)
        .map(|(index, _)| index)
        .collect()
}

fn the_last(recording: &mut Recording, command: Command) -> &mut Exchange {
    let place = *positions(recording, command).last().expect("the recording has such a request");
    &mut recording.exchanges[place]
}

fn nosniff() -> (String, String) {
    ("X-Content-Type-Options".to_owned(), "nosniff".to_owned())
}

fn refuse(exchange: &mut Exchange) {
    exchange.response.status = Some(400);
    exchange.response.headers = vec![nosniff()];
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
    refuse(the_last(recording, Command::Send));
}

/// The call is answered with this result.
fn answer(recording: &mut Recording, result: &Value) {
    let response = &mut the_last(recording, Command::Send).response;
    response.body = Some(result.to_string());
    response.chunks.clear();
}

fn a_time_keeps_its_offset(recording: &mut Recording) {
    for exchange in &mut recording.exchanges {
        replace(exchange, "2020-01-02T01:04:05+00:00", "2020-01-02T03:04:05+02:00");
    }
}

/// Puts another text in the place of one, wherever the server sent it.
fn replace(exchange: &mut Exchange, old: &str, new: &str) {
    let frames = exchange.frames.iter_mut().filter_map(|frame| frame.data.as_mut());
    let chunks = exchange.response.chunks.iter_mut().map(|(_, chunk)| chunk);
    for text in exchange.response.body.iter_mut().chain(frames).chain(chunks) {
        *text = text.replace(old, new);
    }
}

/// A persistent response with these messages.
fn response(messages: &[Value]) -> String {
    json!({ "C": "d-1-1", "M": messages }).to_string()
}

/// Takes the messages with these texts out of an event stream.
fn keep_messages(exchange: &mut Exchange, without: &[&str]) {
    for text in without {
        let message = format!(r#"{{"H":"oracle","M":"message","A":["{text}"]}},"#);
        replace(exchange, &message, "");
    }
}

/// Of the messages of a receive channel only the last one is left, `after`; results of calls stay.
fn only_after(exchange: &mut Exchange) {
    let messages = |text: &str| text.contains(r#""M":[{"#);
    let last_chunk = exchange.response.chunks.iter().rposition(|(_, chunk)| messages(chunk));
    let mut place = 0;
    exchange.response.chunks.retain(|(_, chunk)| {
        place += 1;
        last_chunk == Some(place - 1) || !messages(chunk)
    });
    let is_message =
        |frame: &Frame| frame.dir == Direction::Recv && frame.data.as_deref().is_some_and(messages);
    let last_frame = exchange.frames.iter().rposition(is_message);
    let mut place = 0;
    exchange.frames.retain(|frame| {
        place += 1;
        last_frame == Some(place - 1) || !is_message(frame)
    });
    exchange.response.body = Some(exchange.response.chunks.iter().map(|(_, chunk)| chunk.as_str()).collect());
}

/// The last receive request is answered with one frame that stops clients of every version.
fn told_to_stop(recording: &mut Recording) {
    let place = recording.exchanges.iter().rposition(|exchange| Command::of(&exchange.request).receives());
    let exchange = &mut recording.exchanges[place.expect("the recording has a receive request")];
    let stop = json!({ "C": "d-1-1", "D": 1, "E": "a reason", "M": [] });
    let is_stream = purpose::is_stream(&exchange.request);
    exchange.response.body =
        Some(if is_stream { format!("data: initialized\n\ndata: {stop}\n\n") } else { stop.to_string() });
    exchange.response.chunks.clear();
    exchange.response.ended_by = Ended::ServerEnd;
    let events = recording.events.get_or_insert_default();
    let ended = events
        .iter()
        .position(|line| line.contains(" OnDisconnected "))
        .map_or(events.len(), |place| place + 1);
    events.truncate(ended);
}

/// The server answers the last frame with a close frame of its own, and nothing else.
fn closes_with(recording: &mut Recording, code: u16) {
    let sockets = recording.exchanges.iter_mut().filter(|exchange| purpose::is_web_socket(exchange));
    for exchange in sockets {
        let t_ms = exchange.response.ended_at_ms;
        let close = Frame { t_ms, dir: Direction::Recv, op: Opcode::Close, data: None, code: Some(code) };
        let place =
            exchange.frames.iter().position(|frame| frame.t_ms > t_ms).unwrap_or(exchange.frames.len());
        exchange.frames.insert(place, close);
        exchange.response.ended_by = Ended::ServerConnectionClosed;
    }
}
