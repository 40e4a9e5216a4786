//! The client against recordings of the original server.
//!
//! A replaying server says what ASP.NET SignalR 2.4 said, when it said it; the client makes the recorded calls. What it asks, what its
//! calls bring and what its application hears must be what was recorded (CP-258).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to stop"
)]

mod conversation;
#[expect(dead_code, reason = "the server's tests need more of it")]
#[path = "../../../server/tests/golden/recording.rs"]
mod recording;
mod server;

use std::time::Duration;

use conversation::{Conversation, Send};
use heliostat_client::{Connection, Event, HubConnection, InvokeError, Transport};
use heliostat_proto::classic::{HubMessage, decode_frame};
use heliostat_proto::connection::client::Frame;
use heliostat_proto::negotiate::{AnswerError, NegotiateAnswer};
use recording::{Direction, Opcode, Recording, all_names};
use serde_json::Value;
use server::Replay;
use tokio::time::timeout;

/// Longer than any conversation takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const TRANSPORTS: [&str; 3] = ["webSockets", "serverSentEvents", "longPolling"];

/// All recordings of these groups and kinds that a client of our version could have made, one after the other.
async fn replay_all(kinds: &[&str]) {
    let mut replayed = 0;
    for name in all_names().iter().filter(|name| kinds.iter().any(|kind| name.starts_with(kind))) {
        let is_ours = TRANSPORTS.iter().any(|transport| name.contains(transport));
        let is_older = ["-1.2", "-1.3"].iter().any(|version| name.ends_with(version));
        if is_ours && !is_older {
            replay(name).await;
            replayed += 1;
        }
    }
    assert!(replayed > 2, "{kinds:?}: {replayed}");
}

async fn replay(name: &str) {
    let conversation = Conversation::of(&Recording::load(name));
    let server = Replay::of(conversation.clone()).await;
    match timeout(PATIENCE, converse(name, &conversation, &server)).await {
        Ok(()) => server.finish(name),
        Err(_) => panic!("{name}: the conversation does not end; the server has seen {:?}", server.seen()),
    }
}

async fn converse(name: &str, conversation: &Conversation, server: &Replay) {
    let builder = HubConnection::builder(&server.url(&conversation.path))
        .no_proxy()
        .transport(Transport::Only(conversation.kind))
        .reconnect_delay(Duration::from_millis(20));
    let connection = builder.build().unwrap();
    for hub in &conversation.hubs {
        connection.hub(hub).unwrap();
    }
    let raw = Connection::builder(&server.url(&conversation.path))
        .no_proxy()
        .transport(Transport::Only(conversation.kind))
        .reconnect_delay(Duration::from_millis(20))
        .build()
        .unwrap();
    let connection_of_any_kind: &Connection = if conversation.is_raw { &raw } else { &connection };
    let mut events = connection_of_any_kind.events();
    connection_of_any_kind.start().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut heard: Vec<Value> = Vec::new();
    let mut is_back = false;
    for send in &conversation.sends {
        while send.after_reconnect && !is_back {
            let event = events.next().await.unwrap();
            is_back = matches!(event, Event::Reconnected);
            hear(&mut heard, &event);
        }
        match &send.call {
            None => raw.send(send.text.as_str()).await.unwrap_or_else(|error| panic!("{name}: {error}")),
            Some(_) => call(name, &connection, send).await,
        }
    }
    while heard.len() < conversation.messages.len() {
        hear(&mut heard, &events.next().await.unwrap());
    }
    let ours: Vec<Value> = heard.into_iter().map(without_id).collect();
    let theirs: Vec<Value> = conversation.messages.iter().cloned().map(without_id).collect();
    assert_eq!(ours, theirs, "{name}: what the application hears");
    connection_of_any_kind.stop().await;
    assert!(connection_of_any_kind.last_error().is_none(), "{name}");
}

/// Makes a recorded call with the recorded state, and compares what it brings.
async fn call(name: &str, connection: &HubConnection, send: &Send) {
    let call = send.call.as_ref().unwrap();
    let hub = connection.hub(call["H"].as_str().unwrap()).unwrap();
    for key in hub.state().all().keys() {
        hub.state().remove(key);
    }
    for (key, value) in call.get("S").and_then(Value::as_object).into_iter().flatten() {
        hub.state().set(key, value).unwrap();
    }
    let result = hub.invoke::<Value>(call["M"].as_str().unwrap(), &call["A"]).await;
    let Some(answer) = &send.answer else { return };
    let text = |key: &str| answer[key].as_str().map(Box::from);
    match result {
        Ok(value) => assert_eq!((&value, None), (&answer["R"], answer.get("E")), "{name}: {call}"),
        Err(InvokeError::Failed { message, .. }) => {
            assert_eq!((Some(message), None), (text("E"), answer.get("H")), "{name}: {call}");
        }
        Err(InvokeError::Hub { message, data }) => {
            assert_eq!((Some(message), data.as_ref()), (text("E"), answer.get("D")), "{name}: {call}");
        }
        Err(error) => panic!("{name}: {call}: {error}"),
    }
    for (key, value) in answer.get("S").and_then(Value::as_object).into_iter().flatten() {
        assert_eq!(hub.state().all().get(key), Some(value), "{name}: the state after {call}");
    }
}

/// Messages that stood in a delivery: whatever is no answer.
fn hear(heard: &mut Vec<Value>, event: &Event) {
    if let Event::Received(message) = event {
        let message: Value = message.parse().unwrap();
        if message.get("I").is_none() || message.get("P").is_some() {
            heard.push(message);
        }
    }
}

/// Calls are numbered by each client in its own way.
fn without_id(mut message: Value) -> Value {
    if let Some(progress) = message.get_mut("P") {
        return progress["D"].take();
    }
    message
}

#[tokio::test]
async fn cp_258_whole_sessions_with_hubs_are_as_recorded() {
    replay_all(&["session/webSockets", "session/serverSentEvents", "session/longPolling"]).await;
}

#[tokio::test]
async fn cp_258_whole_sessions_without_hubs_are_as_recorded() {
    replay_all(&["session/raw-"]).await;
}

#[tokio::test]
async fn cp_258_values_errors_state_and_progress_are_as_recorded() {
    replay_all(&["invoke/values", "invoke/errors", "invoke/state", "invoke/progress"]).await;
}

#[tokio::test]
async fn cp_231_cp_258_a_reconnect_shows_the_recorded_place_and_brings_what_was_missed() {
    replay_all(&["reconnect/with-messageid"]).await;
}

#[tokio::test]
async fn cp_122_cp_258_what_connected_sends_is_heard_after_the_start() {
    replay_all(&["extra/onconnected-sends", "extra/onconnected-adds-groups", "extra/onconnected-slow"]).await;
}

#[test]
fn cp_121_every_frame_and_every_message_that_was_ever_recorded_is_understood() {
    let (mut frames, mut messages) = (0, 0);
    for name in all_names() {
        for exchange in &Recording::load(&name).exchanges {
            let from_server = exchange
                .frames
                .iter()
                .filter(|frame| frame.dir == Direction::Recv && frame.op == Opcode::Text);
            let mut texts: Vec<String> = from_server.filter_map(|frame| frame.data.clone()).collect();
            if exchange
                .response
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/event-stream"))
            {
                let events = exchange
                    .response
                    .text()
                    .split("\n\n")
                    .filter_map(|event| event.trim().strip_prefix("data: "));
                texts.extend(
                    events.filter(|text| *text != "initialized" && text.ends_with('}')).map(str::to_owned),
                );
            }
            for text in texts {
                frames += 1;
                let frame = decode_frame(&text).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
                let inner = match frame {
                    Frame::KeepAlive => Vec::new(),
                    Frame::Result(result) => vec![result],
                    Frame::Response(response) => response.messages,
                };
                for message in inner.iter().filter(|message| {
                    message.get().starts_with("{\"") && exchange.request.url.starts_with("/signalr")
                }) {
                    messages += 1;
                    HubMessage::decode(message.get())
                        .unwrap_or_else(|error| panic!("{name}: {message}: {error}"));
                }
            }
        }
    }
    assert!(frames > 500 && messages > 200, "{frames} frames, {messages} messages");
}

#[test]
fn every_recorded_answer_to_negotiate_is_understood() {
    let mut answers = 0;
    for name in all_names() {
        for exchange in &Recording::load(&name).exchanges {
            let body = exchange.response.text();
            let is_negotiation =
                exchange.request.url.split('?').next().is_some_and(|path| path.ends_with("/negotiate"));
            if is_negotiation && exchange.response.status == Some(200) && body.starts_with('{') {
                answers += 1;
                match NegotiateAnswer::decode(body.as_bytes()) {
                    Ok(NegotiateAnswer::Welcome(welcome)) => {
                        assert_eq!(welcome.connection_id.len(), 36, "{name}")
                    }
                    // These answers were the application's own, some of them to clients that cannot read them.
                    Ok(NegotiateAnswer::Redirect(_) | NegotiateAnswer::Refused(_))
                    | Err(AnswerError::Missing { .. }) => {
                        assert!(name.starts_with("negotiate/app-"), "{name}");
                    }
                    Err(AnswerError::Core) => assert_eq!(name, "negotiate/app-aspnetcore-signalr"),
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
    }
    assert!(answers > 200, "{answers}");
}
