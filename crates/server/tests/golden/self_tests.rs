//! A comparison that never complains proves nothing: recordings must agree with themselves, and changed ones must not.

use serde_json::Value;

use crate::{
    compare, corrections,
    delivery::Delivered,
    differences,
    purpose::{self, Command, Transport, strip_jsonp},
    recording::{self, Exchange, Recording},
    replay::{Preparation, Replayed},
};

/// The tests with their names.
pub(crate) fn all() -> Vec<(&'static str, fn())> {
    vec![
        ("self/every_recording_agrees_with_itself", every_recording_agrees_with_itself),
        ("self/a_lost_message_is_noticed", a_lost_message_is_noticed),
        ("self/a_doubled_message_is_noticed", a_doubled_message_is_noticed),
        ("self/messages_that_changed_places_are_noticed", messages_that_changed_places_are_noticed),
        ("self/another_status_is_noticed", another_status_is_noticed),
        ("self/a_missing_header_is_noticed", a_missing_header_is_noticed),
        ("self/another_result_is_noticed", another_result_is_noticed),
        ("self/a_lost_groups_token_is_noticed", a_lost_groups_token_is_noticed),
        ("self/a_stream_that_does_not_end_is_noticed", a_stream_that_does_not_end_is_noticed),
        ("self/a_lost_callback_is_noticed", a_lost_callback_is_noticed),
        ("self/an_unescaped_forever_frame_answer_is_noticed", an_unescaped_forever_frame_answer_is_noticed),
        ("self/other_batches_make_no_difference", other_batches_make_no_difference),
        (
            "self/seventy_eight_recordings_need_a_hidden_negotiation",
            seventy_eight_recordings_need_a_hidden_negotiation,
        ),
        ("self/every_difference_is_about_a_recording", every_difference_is_about_a_recording),
        ("self/all_469_recordings_are_there", all_469_recordings_are_there),
    ]
}

fn recordings() -> impl Iterator<Item = Recording> {
    recording::all_names().into_iter().map(|name| {
        let mut recording = Recording::load(&name);
        corrections::correct(&mut recording);
        recording
    })
}

fn one(name: &str) -> (Recording, Replayed) {
    let recording = Recording::load(name);
    let replayed = Replayed::from_recording(&recording);
    (recording, replayed)
}

/// What is asked of us but not of the original: it left `<` and `>` alone in a few answers that are read inside a page, the
/// text of its scripts is not recorded, and once it initialised a connection that was being reconnected.
const OURS_ALONE: [&str; 3] = ["is not escaped for a page", "the script has no", "S where none belongs"];

fn every_recording_agrees_with_itself() {
    for recording in recordings() {
        let findings = compare::compare(&recording, &Replayed::from_recording(&recording));
        let findings: Vec<_> =
            findings.iter().filter(|finding| !OURS_ALONE.iter().any(|ours| finding.contains(ours))).collect();
        assert!(findings.is_empty(), "{}: {findings:#?}", recording.name);
    }
}

/// Changes each recording that can be changed that way; every change must be noticed.
fn noticed(least: usize, change: impl Fn(&mut Replayed) -> bool) {
    let mut changed = 0;
    for recording in recordings() {
        let mut replayed = Replayed::from_recording(&recording);
        if change(&mut replayed) {
            changed += 1;
            let findings = compare::compare(&recording, &replayed);
            assert!(!findings.is_empty(), "the change of {} was not noticed", recording.name);
        }
    }
    assert!(changed >= least, "only {changed} recordings could be changed that way");
}

/// Changes the responses of the first receive channel that has something to change.
fn change_response(replayed: &mut Replayed, change: fn(&mut Value) -> bool) -> bool {
    replayed.exchanges.iter_mut().flatten().filter(|exchange| purpose::delivers(exchange)).any(|exchange| {
        let responses: Vec<Value> =
            Delivered::of(exchange).responses().map(|(_, response)| response.clone()).collect();
        responses.iter().any(|response| {
            let mut changed = response.clone();
            change(&mut changed) && rewrite(exchange, response, &changed)
        })
    })
}

/// Puts another response in the place of one, in body, pieces and frames.
fn rewrite(exchange: &mut Exchange, old: &Value, new: &Value) -> bool {
    let same = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| value == *old);
    for frame in &mut exchange.frames {
        if frame.data.as_deref().is_some_and(same) {
            frame.data = Some(new.to_string());
            return true;
        }
    }
    if purpose::is_web_socket(exchange) {
        return false;
    }
    let escaped = new.to_string().replace('<', "\\u003c").replace('>', "\\u003e");
    let put = |text: &str| -> Option<String> {
        let start = text
            .match_indices(r#"{"C":"#)
            .map(|(at, _)| at)
            .find(|&at| prefix(&text[at..]).is_some_and(same))?;
        let length = prefix(&text[start..])?.len();
        Some(format!("{}{escaped}{}", &text[..start], &text[start + length..]))
    };
    let Some(body) = put(exchange.response.text()) else { return false };
    exchange.response.body = Some(body);
    for (_, piece) in &mut exchange.response.chunks {
        if let Some(changed) = put(piece) {
            *piece = changed;
        }
    }
    true
}

/// The JSON value a text begins with.
fn prefix(text: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.next()?.ok()?;
    text.get(..values.byte_offset())
}

fn messages(response: &mut Value) -> Option<&mut Vec<Value>> {
    response.get_mut("M")?.as_array_mut().filter(|messages| !messages.is_empty())
}

fn a_lost_message_is_noticed() {
    noticed(90, |replayed| {
        change_response(replayed, |response| messages(response).and_then(Vec::pop).is_some())
    });
}

fn a_doubled_message_is_noticed() {
    noticed(90, |replayed| {
        change_response(replayed, |response| {
            messages(response).is_some_and(|messages| {
                let last = messages.last().cloned();
                messages.extend(last);
                true
            })
        })
    });
}

fn messages_that_changed_places_are_noticed() {
    noticed(5, |replayed| {
        change_response(replayed, |response| {
            messages(response).is_some_and(|messages| {
                let before = messages.clone();
                messages.reverse();
                before != *messages
            })
        })
    });
}

fn another_status_is_noticed() {
    noticed(400, |replayed| {
        let last = replayed.exchanges.iter_mut().flatten().next_back();
        last.is_some_and(|exchange| {
            exchange.response.status.replace(418).is_some() && !purpose::is_held(exchange)
        })
    });
}

fn a_missing_header_is_noticed() {
    noticed(300, |replayed| {
        let first = replayed.exchanges.iter_mut().flatten().next();
        first.filter(|exchange| !purpose::is_held(exchange)).is_some_and(|exchange| {
            let before = exchange.response.headers.len();
            exchange.response.headers.retain(|(name, _)| name != "X-Content-Type-Options");
            exchange.response.headers.len() < before
        })
    });
}

fn another_result_is_noticed() {
    noticed(60, |replayed| {
        replayed.exchanges.iter_mut().flatten().any(|exchange| {
            let (callback, json) = strip_jsonp(exchange.response.text());
            let Some(result) = callback.is_none().then(|| serde_json::from_str::<Value>(json).ok()).flatten()
            else {
                return false;
            };
            let is_result = Command::of(&exchange.request) == Command::Send && result.get("R").is_some();
            if is_result {
                let mut changed = result;
                changed["R"] = Value::String("something else".to_owned());
                exchange.response.body = Some(changed.to_string());
                exchange.response.chunks.clear();
            }
            is_result
        })
    });
}

fn a_lost_groups_token_is_noticed() {
    noticed(50, |replayed| {
        change_response(replayed, |response| {
            response.as_object_mut().is_some_and(|response| response.remove("G").is_some())
        })
    });
}

fn a_stream_that_does_not_end_is_noticed() {
    noticed(100, |replayed| {
        let streams =
            replayed.exchanges.iter_mut().flatten().filter(|exchange| purpose::is_stream(&exchange.request));
        streams.into_iter().any(|exchange| {
            let ended = exchange.response.ended_by.by_server();
            exchange.response.ended_by = recording::Ended::ClientTimeout;
            ended
        })
    });
}

fn a_lost_callback_is_noticed() {
    noticed(90, |replayed| {
        let last =
            replayed.events.iter().rposition(|(_, line)| line.contains(" On") && !line.contains("Rejoining"));
        last.map(|place| replayed.events.remove(place)).is_some()
    });
}

fn an_unescaped_forever_frame_answer_is_noticed() {
    let (recording, mut replayed) = one("session/foreverFrame-2.1");
    let sends = replayed.exchanges.iter_mut().flatten();
    let send = sends.into_iter().find(|exchange| {
        Command::of(&exchange.request) == Command::Send
            && Transport::of(&exchange.request) == Some(Transport::ForeverFrame)
    });
    let send = send.expect("the recording has a send");
    send.response.body = Some(send.response.text().replace("\\u003c", "<"));
    send.response.chunks.clear();
    assert!(!compare::compare(&recording, &replayed).is_empty());
}

fn other_batches_make_no_difference() {
    let (recording, mut replayed) = one("broadcast/burst-sse");
    let stream =
        replayed.exchanges.iter_mut().flatten().find(|exchange| purpose::is_stream(&exchange.request));
    let stream = stream.expect("the recording has a stream");
    let mut all: Vec<Value> = Vec::new();
    for (_, response) in Delivered::of(stream).responses().skip(1) {
        all.extend(response["M"].as_array().expect("a response has messages").iter().cloned());
    }
    let one_by_one = all.iter().map(|message| format!("data: {{\"C\":\"d-1-1\",\"M\":[{message}]}}\n\n"));
    let head = stream.response.chunks[..2].iter().map(|(_, piece)| piece.clone());
    let body: String = head.chain(one_by_one).chain(["data: {}\n\n".to_owned()]).collect();
    stream.response.chunks.clear();
    stream.response.body = Some(body);
    assert_eq!(compare::compare(&recording, &replayed), Vec::<String>::new());
}

fn seventy_eight_recordings_need_a_hidden_negotiation() {
    assert_eq!(recordings().filter(|recording| Preparation::of(recording).is_some()).count(), 78);
}

fn every_difference_is_about_a_recording() {
    assert_eq!(differences::unused(&recording::all_names()), Vec::<&str>::new());
}

fn all_469_recordings_are_there() {
    assert_eq!(recording::all_names().len(), 469);
}
