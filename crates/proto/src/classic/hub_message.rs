//! What a client of hubs finds in a message: the answer to a call, news of its progress, or a call of one of its
//! functions.
//!
//! 5.2 says how to tell them apart: `P` is progress, `I` an answer, anything else a call.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A message of a server's hub, borrowed from its JSON.
#[derive(Debug)]
pub enum HubMessage<'a> {
    /// A call is over.
    Answer(HubAnswer<'a>),
    /// A call goes on.
    Progress {
        /// Which call, as text.
        id: Cow<'a, str>,
        /// What its method reports.
        value: &'a RawValue,
        /// What it changed in the caller's state.
        state: Map<String, Value>,
    },
    /// The server calls a function of the client.
    Call(IncomingCall<'a>),
}

/// The answer to a call.
#[derive(Debug)]
pub struct HubAnswer<'a> {
    /// Which call, as text. `None` if the call had no id.
    pub id: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Result<Option<&'a RawValue>, HubFailure<'a>>,
    /// What the method changed in the caller's state.
    pub state: Map<String, Value>,
}

/// The error of a call.
#[derive(Debug)]
pub struct HubFailure<'a> {
    /// What the server says.
    pub text: Cow<'a, str>,
    /// Whether the application meant its clients to see it (`H`), and with what data (`D`).
    pub kind: HubFailureKind,
    /// Where it happened, if the server shows that.
    pub trace: Option<Cow<'a, str>>,
}

/// Whether an error was meant for clients.
#[derive(Clone, Debug, PartialEq)]
pub enum HubFailureKind {
    /// Something went wrong.
    Unexpected,
    /// The application refused.
    HubError {
        /// What else it says.
        data: Option<Value>,
    },
}

/// A call of a client's function.
#[derive(Debug)]
pub struct IncomingCall<'a> {
    /// The hub as the server declares it. Compares without case.
    pub hub: Cow<'a, str>,
    /// The function. Compares without case.
    pub method: Cow<'a, str>,
    /// Its arguments, still JSON.
    pub arguments: Vec<&'a RawValue>,
    /// What the running method changed in the caller's state.
    pub state: Map<String, Value>,
}

/// Why a message is none of a hub.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubMessageError {
    /// It is no object, or a member has another type.
    #[error("the message is none of a hub: {0}; is this the address of hubs, or of a raw connection?")]
    NotAHubMessage(#[from] serde_json::Error),
    /// It has neither `I` nor `P`, nor hub and method.
    #[error("the message names no hub or no method; is this the address of hubs, or of a raw connection?")]
    NoName,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "I", borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(rename = "P", borrow, default)]
    progress: Option<WireProgress<'a>>,
    #[serde(rename = "R", borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(rename = "E", borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(rename = "H", borrow, default)]
    hub: Option<&'a RawValue>,
    #[serde(rename = "M", borrow, default)]
    method: Option<Text<'a>>,
    #[serde(rename = "A", borrow, default)]
    arguments: Option<Vec<&'a RawValue>>,
    #[serde(rename = "S", default)]
    state: Option<Map<String, Value>>,
    #[serde(rename = "D", borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(rename = "T", borrow, default)]
    trace: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WireProgress<'a> {
    #[serde(rename = "I", borrow)]
    id: &'a RawValue,
    #[serde(rename = "D", borrow)]
    value: &'a RawValue,
}

impl<'a> HubMessage<'a> {
    /// Reads one message: an element of `M`, the text of a [`Frame::Result`](crate::connection::client::Frame), or
    /// the answer to a send request.
    ///
    /// # Errors
    ///
    /// [`HubMessageError`] if it is not a message of a hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_proto::classic::HubMessage;
    ///
    /// let HubMessage::Answer(answer) = HubMessage::decode(r#"{"R":[1,2],"I":"7"}"#)? else { panic!() };
    /// assert_eq!(answer.id.as_deref(), Some("7"));
    /// assert_eq!(answer.outcome.unwrap().unwrap().get(), "[1,2]");
    /// # Ok::<_, heliostat_proto::classic::HubMessageError>(())
    /// ```
    pub fn decode(json: &'a str) -> Result<Self, HubMessageError> {
        if !json.trim_ascii_start().starts_with('{') {
            let error = serde::de::Error::custom("it does not begin with a brace");
            return Err(HubMessageError::NotAHubMessage(error));
        }
        let mut wire: Wire<'a> = serde_json::from_str(json)?;
        let state = wire.state.take().unwrap_or_default();
        if let Some(WireProgress { id, value }) = wire.progress {
            return Ok(Self::Progress { id: id_of(id).unwrap_or_default(), value, state });
        }
        if let Some(id) = wire.id {
            let outcome = wire.outcome();
            return Ok(Self::Answer(HubAnswer { id: id_of(id), outcome, state }));
        }
        let (Some(hub), Some(Text(method))) = (wire.hub, wire.method) else {
            return Err(HubMessageError::NoName);
        };
        let Ok(Text(hub)) = serde_json::from_str(hub.get()) else { return Err(HubMessageError::NoName) };
        Ok(Self::Call(IncomingCall { hub, method, arguments: wire.arguments.unwrap_or_default(), state }))
    }
}

impl<'a> Wire<'a> {
    fn outcome(&mut self) -> Result<Option<&'a RawValue>, HubFailure<'a>> {
        let Some(error) = self.error else { return Ok(self.result) };
        let kind = match self.hub {
            Some(mark) if mark.get() == "true" => {
                let data = self.data.and_then(|data| serde_json::from_str(data.get()).ok());
                HubFailureKind::HubError { data }
            }
            Some(_) | None => HubFailureKind::Unexpected,
        };
        Err(HubFailure { text: text_or_json(error), kind, trace: self.trace.take().map(|Text(text)| text) })
    }
}

/// Reads a text without copying it, unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text_or_json(json: &RawValue) -> Cow<'_, str> {
    serde_json::from_str(json.get()).map_or(Cow::Borrowed(json.get()), |Text(text)| text)
}

/// 7.3: servers send ids as texts; a number means the same.
fn id_of(json: &RawValue) -> Option<Cow<'_, str>> {
    (json.get() != "null").then(|| text_or_json(json))
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::classic::{
        ClientInvocation, Failure, FailureKind, HubResult, InvocationId, Outcome, Progress,
    };

    fn answer(json: &str) -> HubAnswer<'_> {
        match HubMessage::decode(json).unwrap() {
            HubMessage::Answer(answer) => answer,
            other @ (HubMessage::Progress { .. } | HubMessage::Call(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn cp_163_a_result_without_r_is_nothing() {
        assert!(answer(r#"{"I":"0"}"#).outcome.unwrap().is_none());
        assert!(answer(r#"{"I":"0","R":null}"#).outcome.unwrap().is_none());
        assert_eq!(answer(r#"{"I":7,"R":false}"#).id.as_deref(), Some("7"));
        assert_eq!(answer(r#"{"I":null,"R":1}"#).id, None);
    }

    #[test]
    fn an_error_says_whether_it_was_meant_for_clients() {
        let failure = answer(r#"{"I":"4","H":true,"E":"room is full","D":{"max":20}}"#).outcome.unwrap_err();
        assert_eq!(failure.text, "room is full");
        assert_eq!(failure.kind, HubFailureKind::HubError { data: Some(json!({"max": 20})) });
        let failure = answer(r#"{"I":"3","E":"failed","T":"at line 1","S":{"a":1}}"#).outcome.unwrap_err();
        assert_eq!((failure.kind, failure.trace.as_deref()), (HubFailureKind::Unexpected, Some("at line 1")));
    }

    #[test]
    fn a_call_of_a_function_has_names_arguments_and_state() {
        let json = r#"{"H":"ChatHub","M":"addMessage","A":["ann",{"x":1}],"S":{"unread":4}}"#;
        let HubMessage::Call(call) = HubMessage::decode(json).unwrap() else { panic!() };
        assert_eq!((&*call.hub, &*call.method), ("ChatHub", "addMessage"));
        assert_eq!(
            call.arguments.iter().map(|json| json.get()).collect::<Vec<_>>(),
            ["\"ann\"", r#"{"x":1}"#]
        );
        assert_eq!(call.state["unread"], json!(4));
        let HubMessage::Call(call) = HubMessage::decode(r#"{"H":"h","M":"m"}"#).unwrap() else { panic!() };
        assert!(call.arguments.is_empty());
    }

    #[test]
    fn what_is_no_message_of_a_hub_is_refused() {
        for json in
            ["1", "\"text\"", "[]", "null", "", r#"{"H":"h"}"#, r#"{"M":"m"}"#, r#"{"H":1,"M":"m"}"#, "{}"]
        {
            assert!(HubMessage::decode(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_decoder_panic(text: String, json in r#"[{}\[\]":,IPREHMASDT0-9]{0,40}"#) {
            let _ = HubMessage::decode(&text);
            let _ = HubMessage::decode(&json);
        }

        #[test]
        fn answers_and_progress_that_a_server_writes_are_read_back(id: String, value: Vec<String>, text: String, is_meant: bool) {
            let id_written = InvocationId::new(&id);
            let mut out = Vec::new();
            HubResult { id: id_written, state: None, outcome: Outcome::Returned(&value) }.encode(&mut out).unwrap();
            let read = answer(std::str::from_utf8(&out).unwrap());
            prop_assert_eq!(read.id.as_deref(), Some(id.as_str()));
            let read: Vec<String> = serde_json::from_str(read.outcome.unwrap().unwrap().get()).unwrap();
            prop_assert_eq!(&read, &value);

            out.clear();
            let kind = if is_meant { FailureKind::HubError { data: None } } else { FailureKind::Unexpected };
            let outcome = Outcome::Failed(Failure { text: &text, kind, trace: None });
            HubResult::<()> { id: id_written, state: None, outcome }.encode(&mut out).unwrap();
            let failure = answer(std::str::from_utf8(&out).unwrap()).outcome.unwrap_err();
            prop_assert_eq!(&*failure.text, text.as_str());
            prop_assert_eq!(failure.kind != HubFailureKind::Unexpected, is_meant);

            out.clear();
            Progress { id: id_written, value: &value }.encode(&mut out).unwrap();
            let HubMessage::Progress { id: read, value: json, .. } = HubMessage::decode(std::str::from_utf8(&out).unwrap()).unwrap() else { panic!() };
            prop_assert_eq!(&*read, id.as_str());
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(json.get()).unwrap(), value);
        }

        #[test]
        fn every_call_that_a_server_writes_is_read_back(hub: String, method: String, arguments: Vec<String>) {
            let mut out = Vec::new();
            ClientInvocation { hub: &hub, method: &method, arguments: &arguments, state: None }.encode(&mut out).unwrap();
            let HubMessage::Call(call) = HubMessage::decode(std::str::from_utf8(&out).unwrap()).unwrap() else { panic!() };
            prop_assert_eq!((&*call.hub, &*call.method), (hub.as_str(), method.as_str()));
            let read: Vec<String> = call.arguments.iter().map(|json| serde_json::from_str(json.get()).unwrap()).collect();
            prop_assert_eq!(read, arguments);
        }
    }
}
