//! What a connection's events are as entries of the conversation.

use heliostat_client::{Event, State};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::entry::What;
use super::wire::Wire;

/// What came from the server, as far as it is not the answer to a call, which has an entry of its own.
#[derive(Deserialize)]
struct Received {
    #[serde(rename = "H")]
    hub: Option<String>,
    #[serde(rename = "M")]
    method: Option<String>,
    #[serde(rename = "A")]
    arguments: Option<Vec<Box<RawValue>>>,
}

/// The answer to a call, or progress of one. Its other members have names of calls and mean something else.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "I")]
    _id: IgnoredAny,
}

/// The entry about an event, or nothing if another entry tells it.
pub(crate) fn told(connection: &Wire, event: Event) -> Option<What> {
    Some(match event {
        Event::StateChanged { to, .. } => What::State(name_of(to).to_owned()),
        Event::Received(message) => received(message.json())?,
        Event::ConnectionSlow => What::Slow,
        Event::Reconnected | Event::Restarted => connected(connection),
        Event::Error(error) => What::Error(error.to_string()),
        Event::Closed { error } => What::Closed { error: error.map(|error| error.to_string()) },
        Event::Restarting { attempt, after } => {
            What::Error(format!("starts again in {:.1} s, attempt {attempt}", after.as_secs_f64()))
        }
        // Both are told by the state that they come with.
        Event::Starting | Event::Reconnecting => return None,
        _ => return None,
    })
}

fn received(json: &str) -> Option<What> {
    let raw = || RawValue::from_string(json.to_owned()).ok().map(What::Raw);
    // A list would be read as the members in their order.
    if !json.trim_start().starts_with('{') {
        return raw();
    }
    if serde_json::from_str::<Answer>(json).is_ok() {
        return None;
    }
    match serde_json::from_str(json) {
        Ok(Received { hub: Some(hub), method: Some(method), arguments }) => {
            Some(What::Message { hub, method, arguments: arguments.unwrap_or_default() })
        }
        _ => raw(),
    }
}

/// The entry about a connection that can be used.
pub(crate) fn connected(connection: &Wire) -> What {
    What::Connected {
        id: connection.connection_id().unwrap_or_default(),
        transport: connection.transport().map_or("", |kind| kind.as_str()).to_owned(),
    }
}

pub(crate) const fn name_of(state: State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Connected => "connected",
        State::Reconnecting => "reconnecting",
        State::Disconnected => "disconnected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_server_are_told_apart_from_answers_and_from_anything_else() {
        let call = received(r#"{"H":"ChatHub","M":"message","A":["a", 1.50],"S":{}}"#).unwrap();
        assert!(matches!(&call, What::Message { hub, method, arguments }
            if hub == "ChatHub" && method == "message" && arguments[1].get() == "1.50"));
        assert!(
            matches!(received(r#"{"H":"h","M":"m"}"#), Some(What::Message { arguments, .. }) if arguments.is_empty())
        );
        // In an answer, H says that an error is meant for callers.
        for answer in
            [r#"{"I":"1","H":true,"E":"no"}"#, r#"{"I":"1","R":5}"#, r#"{"P":{"I":"1","D":5},"I":"P|1"}"#]
        {
            assert!(received(answer).is_none(), "{answer}");
        }
        for raw in [r#""text""#, "[1]", r#"{"H":1}"#, "{}"] {
            assert!(matches!(received(raw), Some(What::Raw(value)) if value.get() == raw), "{raw}");
        }
    }
}
