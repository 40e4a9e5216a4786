//! A client calls a hub method.
//!
//! Two kinds of fault are kept apart, because clients see them apart. A message that is no call at all breaks the
//! *request* ([`InvocationError`]). A call that cannot be carried out (an unknown method, arguments nested too
//! deeply) is still a call, and its answer is an error *result*.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json::{ObjectWriter, nesting};

/// How deeply an argument or the state may be nested. The same as the original; it bounds the recursion of every
/// deserialiser behind.
pub const MAX_DEPTH: usize = 20;

/// How long the JSON of the caller's state may be, in UTF-16 units as the original counts. State travels with every
/// single call, so it is meant for a handful of small values.
pub const MAX_STATE_UNITS: usize = 4096;

/// A call of a hub method. Neither the hub nor the method is known to exist.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::HubInvocation;
///
/// let call = HubInvocation::parse(r#"{"H":"chathub","M":"Send","A":["ann",1],"I":0}"#)?;
/// assert_eq!((call.hub.as_str(), call.method.as_str()), ("chathub", "Send"));
/// assert_eq!(call.arguments.unwrap().len(), 2);
/// # Ok::<_, heliostat_proto::classic::InvocationError>(())
/// ```
#[derive(Debug)]
pub struct HubInvocation {
    /// The hub as the client wrote it.
    pub hub: String,
    /// The method as the client wrote it.
    pub method: String,
    /// The arguments, each still JSON. [`TooDeep`] makes the answer an error result.
    pub arguments: Result<Vec<Box<RawValue>>, TooDeep>,
    /// What the answer must carry.
    pub id: InvocationId,
    /// The state that the client keeps for this hub; empty if it sent none.
    pub state: Map<String, Value>,
}

/// Which call an answer belongs to: a number or a text of the client's choice, echoed as text.
///
/// No official client leaves it out; if one does, the answer says null, as the original's does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationId(Option<Box<str>>);

impl InvocationId {
    /// An id that consists of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Some(text.into()))
    }

    /// The id of a call that has none.
    #[must_use]
    pub const fn absent() -> Self {
        Self(None)
    }

    /// The text to echo, if the client sent any.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn write(&self, object: &mut ObjectWriter<'_>, key: &str) {
        match self.as_str() {
            Some(text) => object.text(key, text),
            None => object.raw(key, "null"),
        }
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().unwrap_or("(none)"))
    }
}

/// An argument that is nested more deeply than [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {index} is nested more than {MAX_DEPTH} levels deep; send it flatter, or as text")]
pub struct TooDeep {
    /// Which argument, counted from 0.
    pub index: usize,
}

/// Why a message is not a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvocationError {
    /// Classic protocol, section 7.2: a call is one JSON object.
    #[error("the message is not a JSON object: {0}; send {{\"H\":hub,\"M\":method,\"A\":[…],\"I\":id}}")]
    NotAnObject(#[source] serde_json::Error),
    /// Classic protocol, section 7.2: `H` names the hub.
    #[error("the call does not name its hub; send it as the text \"H\"")]
    NoHub,
    /// Classic protocol, section 7.2: `M` names the method.
    #[error("the call does not name its method; send it as the text \"M\"")]
    NoMethod,
    /// Classic protocol, section 7.2: `A` is an array.
    #[error("the arguments are not an array; send \"A\":[…], or leave it out if there are none")]
    ArgumentsNotAnArray,
    /// Classic protocol, section 7.2: `I` is a number or a text.
    #[error("the invocation id is neither a number nor a text; send \"I\" as one of them")]
    BadId,
    /// Classic protocol, section 7.2: `S` is an object.
    #[error("the state is not an object; send \"S\":{{…}}, or leave it out if there is none")]
    StateNotAnObject,
    /// Classic protocol, section 7.7: state is small.
    #[error(
        "the state has {units} characters, more than {MAX_STATE_UNITS}; keep less in it, or pass arguments"
    )]
    StateTooLong {
        /// How long it is, in UTF-16 units.
        units: usize,
    },
    /// Classic protocol, section 7.12: arguments and state are at most 20 deep.
    #[error("the state is nested more than {MAX_DEPTH} levels deep; keep it flat")]
    StateTooDeep,
}

/// A call with nothing understood but the names of its members, which are compared exactly.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "H", borrow, default)]
    hub: Option<&'a RawValue>,
    #[serde(rename = "M", borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(rename = "A", borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(rename = "I", borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(rename = "S", borrow, default)]
    state: Option<&'a RawValue>,
}

impl HubInvocation {
    /// Reads a call from one message of a client.
    ///
    /// # Errors
    ///
    /// An [`InvocationError`] that says which rule was broken. There is nobody to send a result to then.
    pub fn parse(text: &str) -> Result<Self, InvocationError> {
        // A struct may be read from an array as well, which is not what clients may do.
        if !text.trim_ascii_start().starts_with('{') {
            let error = serde::de::Error::custom("it does not begin with a brace");
            return Err(InvocationError::NotAnObject(error));
        }
        let wire: Wire<'_> = serde_json::from_str(text).map_err(InvocationError::NotAnObject)?;
        Ok(Self {
            hub: text_of(wire.hub).ok_or(InvocationError::NoHub)?,
            method: text_of(wire.method).ok_or(InvocationError::NoMethod)?,
            arguments: arguments_of(wire.arguments)?,
            id: id_of(wire.id)?,
            state: state_of(wire.state)?,
        })
    }
}

fn text_of(json: Option<&RawValue>) -> Option<String> {
    serde_json::from_str::<String>(json?.get()).ok().filter(|text| !text.is_empty())
}

fn arguments_of(json: Option<&RawValue>) -> Result<Result<Vec<Box<RawValue>>, TooDeep>, InvocationError> {
    let Some(json) = json else { return Ok(Ok(Vec::new())) };
    let arguments: Vec<Box<RawValue>> =
        serde_json::from_str(json.get()).map_err(|_| InvocationError::ArgumentsNotAnArray)?;
    Ok(match arguments.iter().position(|argument| is_too_deep(argument)) {
        Some(index) => Err(TooDeep { index }),
        None => Ok(arguments),
    })
}

fn id_of(json: Option<&RawValue>) -> Result<InvocationId, InvocationError> {
    let Some(json) = json.map(RawValue::get) else { return Ok(InvocationId::absent()) };
    match json.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|_| InvocationError::BadId)?;
            Ok(InvocationId(Some(text.into())))
        }
        Some(b'-' | b'0'..=b'9') => Ok(InvocationId::new(json)),
        _ => Err(InvocationError::BadId),
    }
}

fn state_of(json: Option<&RawValue>) -> Result<Map<String, Value>, InvocationError> {
    let Some(json) = json else { return Ok(Map::new()) };
    let units = json.get().encode_utf16().count();
    if units > MAX_STATE_UNITS {
        return Err(InvocationError::StateTooLong { units });
    }
    if is_too_deep(json) {
        return Err(InvocationError::StateTooDeep);
    }
    serde_json::from_str(json.get()).map_err(|_| InvocationError::StateNotAnObject)
}

/// Whether a value is nested more deeply than [`MAX_DEPTH`].
#[must_use]
pub fn is_too_deep(json: &RawValue) -> bool {
    // Without that many brackets it cannot be, and counting them is much cheaper than following them.
    let brackets = json.get().bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    brackets > MAX_DEPTH && nesting(json.get()) > MAX_DEPTH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(text: &str) -> HubInvocation {
        HubInvocation::parse(text).unwrap()
    }

    fn refusal(text: &str) -> String {
        HubInvocation::parse(text).unwrap_err().to_string()
    }

    fn with(member: &str) -> String {
        format!(r#"{{"H":"oracle","M":"Echo","A":["x"],"I":0{member}}}"#)
    }

    fn id(json: &str) -> InvocationId {
        call(&format!(r#"{{"H":"oracle","M":"Echo","I":{json}}}"#)).id
    }

    #[test]
    fn the_calls_of_both_families_of_clients_are_read() {
        let browser = call(r#"{"H":"chathub","M":"Send","A":["ann",{"x":1}],"I":0,"S":{"userName":"ann"}}"#);
        assert_eq!((browser.hub.as_str(), browser.method.as_str()), ("chathub", "Send"));
        let arguments: Vec<_> = browser.arguments.unwrap().iter().map(|json| json.get().to_owned()).collect();
        assert_eq!(arguments, [r#""ann""#, r#"{"x":1}"#]);
        assert_eq!(browser.state["userName"], "ann");
        let dot_net = call(r#"{"I":"0","H":"ChatHub","M":"Send","A":["ann",{"X":1}]}"#);
        assert_eq!((dot_net.id, dot_net.state.len()), (InvocationId::new("0"), 0));
    }

    #[test]
    fn cp_162_the_id_may_be_a_number_or_a_text_and_is_echoed_as_text() {
        for (json, text) in [("0", "0"), ("\"abc\"", "abc"), ("12345678901", "12345678901"), ("1.5", "1.5")] {
            assert_eq!(id(json).as_str(), Some(text));
        }
        assert_eq!(id("-1").to_string(), "-1");
    }

    #[test]
    fn an_absent_or_null_id_stays_absent() {
        assert_eq!(call(r#"{"H":"oracle","M":"Echo"}"#).id, InvocationId::absent());
        assert_eq!(id("null"), InvocationId::absent());
        assert_eq!(id("null").to_string(), "(none)");
    }

    #[test]
    fn absent_and_null_arguments_and_state_are_none() {
        for text in [r#"{"H":"h","M":"m","I":0}"#, r#"{"H":"h","M":"m","A":null,"I":0,"S":null}"#] {
            let call = call(text);
            assert!(call.arguments.unwrap().is_empty() && call.state.is_empty());
        }
    }

    #[test]
    fn members_nobody_knows_are_ignored() {
        assert_eq!(call(&with(r#","Z":[1,{"H":"no"}]"#)).hub, "oracle");
    }

    #[test]
    fn cp_048_what_is_no_call_is_refused_with_the_rule_it_broke() {
        for text in ["", "{", "[1,2]", "null", "\"x\"", "5", r#"{"H":"oracle","M":"#, r#"{'H':'oracle'}"#] {
            assert!(matches!(HubInvocation::parse(text), Err(InvocationError::NotAnObject(_))), "{text}");
        }
        assert!(matches!(
            HubInvocation::parse(&format!("{}xyz", with(""))),
            Err(InvocationError::NotAnObject(_))
        ));
        let refusals = [
            refusal("{}"),
            refusal(r#"{"M":"Echo","A":["x"],"I":0}"#),
            refusal(r#"{"h":"oracle","m":"Echo","a":["x"],"i":0}"#),
            refusal(r#"{"H":"oracle","A":["x"],"I":0}"#),
            refusal(r#"{"H":"oracle","M":"","I":0}"#),
            refusal(r#"{"H":"oracle","M":"Echo","A":"x","I":0}"#),
            refusal(r#"{"H":"oracle","M":"Echo","A":["x"],"I":{"a":1}}"#),
            refusal(r#"{"H":"oracle","M":"Echo","A":["x"],"I":true}"#),
            refusal(&with(r#","S":5"#)),
        ];
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        the call does not name its hub; send it as the text "H"
        the call does not name its hub; send it as the text "H"
        the call does not name its hub; send it as the text "H"
        the call does not name its method; send it as the text "M"
        the call does not name its method; send it as the text "M"
        the arguments are not an array; send "A":[…], or leave it out if there are none
        the invocation id is neither a number nor a text; send "I" as one of them
        the invocation id is neither a number nor a text; send "I" as one of them
        the state is not an object; send "S":{…}, or leave it out if there is none
        "#);
        insta::assert_snapshot!(refusal("[1,2]"), @r#"the message is not a JSON object: it does not begin with a brace; send {"H":hub,"M":method,"A":[…],"I":id}"#);
    }

    #[test]
    fn cp_171_arguments_nested_deeper_than_20_make_the_answer_an_error() {
        let arguments = |depth: usize| {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            call(&format!(r#"{{"H":"oracle","M":"EchoAny","A":[1,{nested}],"I":0}}"#)).arguments
        };
        // Recordings send-errors/nesting-19 (accepted) and deep-nesting (an error result).
        assert_eq!(arguments(19).unwrap().len(), 2);
        assert_eq!(arguments(20).unwrap().len(), 2);
        assert_eq!(arguments(21).unwrap_err(), TooDeep { index: 1 });
        assert_eq!(arguments(10_000).unwrap_err(), TooDeep { index: 1 });
        let flat =
            call(&format!(r#"{{"H":"h","M":"m","A":["{}",[{}0]]}}"#, "[".repeat(99), "[],".repeat(99)));
        assert_eq!(flat.arguments.unwrap().len(), 2);
        insta::assert_snapshot!(TooDeep { index: 1 }, @"argument 1 is nested more than 20 levels deep; send it flatter, or as text");
    }

    #[test]
    fn cp_182_state_above_4096_utf_16_units_is_refused() {
        let state = |letters: usize| with(&format!(r#","S":{{"a":"{}"}}"#, "😀".repeat(letters)));
        // The rest of the state takes 8 units and each letter 2.
        assert_eq!(call(&state(2044)).state.len(), 1);
        insta::assert_snapshot!(refusal(&state(2045)), @"the state has 4098 characters, more than 4096; keep less in it, or pass arguments");
    }

    #[test]
    fn state_nested_deeper_than_20_is_refused() {
        let state = |depth: usize| {
            let nested = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
            with(&format!(r#","S":{{"a":{nested}}}"#))
        };
        assert_eq!(call(&state(20)).state.len(), 1);
        assert!(matches!(HubInvocation::parse(&state(21)), Err(InvocationError::StateTooDeep)));
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused() {
        assert!(matches!(
            HubInvocation::parse(&with(r#","H":"other""#)),
            Err(InvocationError::NotAnObject(_))
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(
            bytes: Vec<u8>,
            json in "[\\[\\]{}\":,\\\\HMAIS0-9e.-]{0,60}",
            value in "(\"[a-z\\\\\"]{0,5}\"|[0-9.eE+-]{0,6}|\\[\\]|\\{\\}|null|true)",
        ) {
            let _ = HubInvocation::parse(&String::from_utf8_lossy(&bytes));
            let _ = HubInvocation::parse(&json);
            for key in ["H", "M", "A", "I", "S"] {
                let _ = HubInvocation::parse(&format!(r#"{{"{key}":{value}}}"#));
                let _ = HubInvocation::parse(&with(&format!(r#","{key}":{value}"#)));
            }
        }

        #[test]
        fn every_well_formed_call_is_read_back(
            hub in "\\PC{1,8}", method in "\\PC{1,8}", id in "\\PC{0,8}", arguments: Vec<String>,
        ) {
            let text = serde_json::json!({ "H": hub, "M": method, "A": arguments, "I": id }).to_string();
            let call = call(&text);
            prop_assert_eq!((call.hub, call.method), (hub, method));
            prop_assert_eq!(call.id.as_str(), Some(id.as_str()));
            let read: Vec<String> =
                call.arguments.unwrap().iter().map(|json| serde_json::from_str(json.get()).unwrap()).collect();
            prop_assert_eq!(read, arguments);
        }
    }
}
