//! The form of entries in recordings and for scripts: one JSON object a line.
//!
//! It is part of what talk promises: keys are only ever added. `at` is in seconds since the beginning; values that came from the server
//! stand as they came.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry::{Entry, Failure, FailureKind, What};

/// The version of the form. A reader takes files of this version and below.
pub(crate) const VERSION: u32 = 1;

/// Why a line is not an entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("'{what}' needs a '{field}'")]
    Missing { what: String, field: &'static str },
    #[error("nothing is known of '{0}'")]
    Unknown(String),
    #[error("its time is no time: {0}")]
    Time(f64),
    #[error("it is of version {0}, and this program reads up to {VERSION}; use a newer one")]
    Version(u32),
}

/// The form on the line. All members in one place, because raw JSON can only be read into a plain struct.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Form {
    at: f64,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hubs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<FailureKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<f64>,
}

impl Entry {
    /// The entry as one line, without its end.
    pub(crate) fn to_json(&self) -> String {
        let form = Form { at: seconds(self.at), ..Form::from(self.what.clone()) };
        // Every part has a JSON form; a form of nothing would still be a line.
        serde_json::to_string(&form).unwrap_or_default()
    }

    pub(crate) fn parse(line: &str) -> Result<Self, EntryError> {
        let form: Form = serde_json::from_str(line)?;
        let at = Duration::try_from_secs_f64(form.at).map_err(|_| EntryError::Time(form.at))?;
        Ok(Self { at, what: form.read()? })
    }
}

/// With microseconds, which is more than a network needs.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

impl From<What> for Form {
    fn from(what: What) -> Self {
        let form = |what: &str| Self { what: what.to_owned(), ..Self::default() };
        let coming = |what| Self { direction: Some("in".to_owned()), ..form(what) };
        let going = |what| Self { direction: Some("out".to_owned()), ..form(what) };
        match what {
            What::Begin { version, url, time } => {
                Self { version: Some(version), url: Some(url), time: Some(time), ..form("begin") }
            }
            What::Hubs(hubs) => Self { hubs: Some(hubs), ..form("hubs") },
            What::State(state) => Self { state: Some(state), ..form("state") },
            What::Connected { id, transport } => {
                Self { connection: Some(id), transport: Some(transport), ..form("connected") }
            }
            What::Call { id, hub, method, arguments } => Self {
                id: Some(id),
                hub: Some(hub),
                method: Some(method),
                arguments: Some(arguments),
                ..going("call")
            },
            What::Result { id, value, took } => {
                Self { id: Some(id), value: Some(value), took: Some(seconds(took)), ..coming("result") }
            }
            What::Failed { id, failure, took } => Self {
                id: Some(id),
                kind: Some(failure.kind),
                text: Some(failure.message),
                data: failure.data,
                took: Some(seconds(took)),
                ..coming("failed")
            },
            What::Progress { id, value } => Self { id: Some(id), value: Some(value), ..coming("progress") },
            What::Message { hub, method, arguments } => {
                Self { hub: Some(hub), method: Some(method), arguments: Some(arguments), ..coming("message") }
            }
            What::Raw(value) => Self { value: Some(value), ..coming("raw") },
            What::RawSent(text) => Self { text: Some(text), ..going("raw") },
            What::Slow => form("slow"),
            What::Error(text) => Self { text: Some(text), ..form("error") },
            What::Closed { error } => Self { text: error, ..form("closed") },
            What::Note(text) => Self { text: Some(text), ..form("note") },
        }
    }
}

impl Form {
    fn read(self) -> Result<What, EntryError> {
        let what = self.what;
        let name = what.clone();
        let missing = |field| EntryError::Missing { what: name.clone(), field };
        let took = || Duration::try_from_secs_f64(self.took.unwrap_or_default()).unwrap_or_default();
        Ok(match (what.as_str(), self.direction.as_deref()) {
            ("begin", _) => {
                let version = self.version.ok_or_else(|| missing("version"))?;
                if version > VERSION {
                    return Err(EntryError::Version(version));
                }
                What::Begin {
                    version,
                    url: self.url.unwrap_or_default(),
                    time: self.time.unwrap_or_default(),
                }
            }
            ("hubs", _) => What::Hubs(self.hubs.unwrap_or_default()),
            ("state", _) => What::State(self.state.ok_or_else(|| missing("state"))?),
            ("connected", _) => What::Connected {
                id: self.connection.unwrap_or_default(),
                transport: self.transport.unwrap_or_default(),
            },
            ("call", _) => What::Call {
                id: self.id.unwrap_or_default(),
                hub: self.hub.ok_or_else(|| missing("hub"))?,
                method: self.method.ok_or_else(|| missing("method"))?,
                arguments: self.arguments.unwrap_or_default(),
            },
            ("result", _) => What::Result {
                id: self.id.ok_or_else(|| missing("id"))?,
                value: value(self.value),
                took: took(),
            },
            ("failed", _) => What::Failed {
                id: self.id.ok_or_else(|| missing("id"))?,
                took: took(),
                failure: Failure {
                    kind: self.kind.ok_or_else(|| missing("kind"))?,
                    message: self.text.unwrap_or_default(),
                    data: self.data,
                },
            },
            ("progress", _) => {
                What::Progress { id: self.id.ok_or_else(|| missing("id"))?, value: value(self.value) }
            }
            ("message", _) => What::Message {
                hub: self.hub.ok_or_else(|| missing("hub"))?,
                method: self.method.ok_or_else(|| missing("method"))?,
                arguments: self.arguments.unwrap_or_default(),
            },
            ("raw", Some("out")) => What::RawSent(self.text.ok_or_else(|| missing("text"))?),
            ("raw", _) => What::Raw(value(self.value)),
            ("slow", _) => What::Slow,
            ("error", _) => What::Error(self.text.unwrap_or_default()),
            ("closed", _) => What::Closed { error: self.text },
            ("note", _) => What::Note(self.text.unwrap_or_default()),
            _ => return Err(EntryError::Unknown(what)),
        })
    }
}

/// `null` is read like nothing, and means itself.
fn value(value: Option<Box<RawValue>>) -> Box<RawValue> {
    value.unwrap_or_else(|| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    /// One of each kind.
    fn every() -> Vec<What> {
        let took = Duration::from_millis(4);
        let failure = |kind, data| Failure { kind, message: "room is full".into(), data };
        vec![
            What::Begin {
                version: VERSION,
                url: "http://h/signalr".into(),
                time: "2026-11-21T12:00:00Z".into(),
            },
            What::Hubs(vec!["ChatHub".into()]),
            What::State("connected".into()),
            What::Connected { id: "5f0e".into(), transport: "webSockets".into() },
            What::Call {
                id: 1,
                hub: "ChatHub".into(),
                method: "say".into(),
                arguments: vec![raw("1.50"), raw("{\"b\":1, \"a\":2}")],
            },
            What::Result { id: 1, value: raw("12345678901234567890123"), took },
            What::Result { id: 1, value: raw("null"), took },
            What::Failed {
                id: 2,
                failure: failure(FailureKind::Hub, Some(serde_json::json!({ "max": 20 }))),
                took,
            },
            What::Failed { id: 3, failure: failure(FailureKind::Timeout, None), took },
            What::Progress { id: 3, value: raw("null") },
            What::Message { hub: "ChatHub".into(), method: "message".into(), arguments: vec![raw("\"a\"")] },
            What::Raw(raw("[1]")),
            What::RawSent("a".into()),
            What::Slow,
            What::Error("e".into()),
            What::Closed { error: None },
            What::Closed { error: Some("why".into()) },
            What::Note("n".into()),
        ]
    }

    #[test]
    fn entries_are_lines_that_read_back_as_they_were() {
        let mut lines = String::new();
        for (index, what) in (0_u32..).zip(every()) {
            let at = Duration::from_millis(1_500) * index;
            let line = Entry { at, what }.to_json();
            assert_eq!(Entry::parse(&line).unwrap().to_json(), line);
            lines += &line;
            lines.push('\n');
        }
        insta::assert_snapshot!(lines, @r#"
        {"at":0.0,"what":"begin","version":1,"url":"http://h/signalr","time":"2026-11-21T12:00:00Z"}
        {"at":1.5,"what":"hubs","hubs":["ChatHub"]}
        {"at":3.0,"what":"state","state":"connected"}
        {"at":4.5,"what":"connected","transport":"webSockets","connection":"5f0e"}
        {"at":6.0,"what":"call","direction":"out","id":1,"hub":"ChatHub","method":"say","arguments":[1.50,{"b":1, "a":2}]}
        {"at":7.5,"what":"result","direction":"in","id":1,"value":12345678901234567890123,"took":0.004}
        {"at":9.0,"what":"result","direction":"in","id":1,"value":null,"took":0.004}
        {"at":10.5,"what":"failed","direction":"in","id":2,"kind":"hub","text":"room is full","data":{"max":20},"took":0.004}
        {"at":12.0,"what":"failed","direction":"in","id":3,"kind":"timeout","text":"room is full","took":0.004}
        {"at":13.5,"what":"progress","direction":"in","id":3,"value":null}
        {"at":15.0,"what":"message","direction":"in","hub":"ChatHub","method":"message","arguments":["a"]}
        {"at":16.5,"what":"raw","direction":"in","value":[1]}
        {"at":18.0,"what":"raw","direction":"out","text":"a"}
        {"at":19.5,"what":"slow"}
        {"at":21.0,"what":"error","text":"e"}
        {"at":22.5,"what":"closed"}
        {"at":24.0,"what":"closed","text":"why"}
        {"at":25.5,"what":"note","text":"n"}
        "#);
    }

    #[test]
    fn what_is_no_entry_is_refused_with_the_reason() {
        let refusal = |line| Entry::parse(line).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("{\"at\":0,\"what\":\"call\",\"hub\":\"a\"}"), @"'call' needs a 'method'");
        insta::assert_snapshot!(refusal("{\"at\":-1,\"what\":\"slow\"}"), @"its time is no time: -1");
        insta::assert_snapshot!(refusal("{\"at\":0,\"what\":\"tea\"}"), @"nothing is known of 'tea'");
        insta::assert_snapshot!(refusal("{\"what\":\"begin\",\"version\":2}"), @"it is of version 2, and this program reads up to 1; use a newer one");
    }

    #[test]
    fn members_that_came_later_are_no_obstacle() {
        assert!(Entry::parse("{\"at\":1,\"what\":\"slow\",\"mood\":\"grim\"}").is_ok());
    }
}
