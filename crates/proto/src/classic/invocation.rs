//! A client calls a hub method.
//!
//! Two kinds of fault are kept apart, because clients see them apart. A message that is no call at all breaks the
//! *request* ([`InvocationError`]). A call that cannot be carried out (an unknown method, arguments nested too
//! deeply) is still a call, and its answer is an error *result*.

mod usual;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::json::{ObjectWriter, has_reserved_name, nesting, scan::Place};

/// How deeply an argument or the state may be nested. The same as the original; it bounds the recursion of every
/// deserialiser behind.
pub const MAX_DEPTH: usize = 20;

/// How long the JSON of the caller's state may be, in UTF-16 units as the original counts. State travels with every
/// single call, so it is meant for a handful of small values.
pub const MAX_STATE_UNITS: usize = 4096;

/// A call of a hub method. Neither the hub nor the method is known to exist.
///
/// It owns one copy of its message, and everything else is a place in it: reading a call costs one allocation,
/// however many arguments it has.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::HubInvocation;
///
/// let call = HubInvocation::parse(r#"{"H":"chathub","M":"Send","A":["ann",1],"I":0}"#)?;
/// assert_eq!((call.hub(), call.method()), ("chathub", "Send"));
/// assert_eq!(call.arguments()?.collect::<Vec<_>>(), [r#""ann""#, "1"]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HubInvocation {
    text: Text,
    hub: Place,
    method: Place,
    arguments: Result<SmallVec<[Place; INLINE]>, TooDeep>,
    id: Option<Place>,
    /// The state that the client keeps for this hub, if it sent any.
    pub state: Option<Map<String, Value>>,
}

/// The places of so many arguments need no memory of their own.
const INLINE: usize = 4;

/// The message as it came, and behind it the plain form of what was written with escapes in it.
#[derive(Debug)]
struct Text(String);

/// Which call an answer belongs to: a number or a text of the client's choice, echoed as text.
///
/// No official client leaves it out; if one does, the answer says null, as the original's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvocationId<'a>(Option<&'a str>);

impl<'a> InvocationId<'a> {
    /// An id that consists of this text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(Some(text))
    }

    /// The id of a call that has none.
    #[must_use]
    pub const fn absent() -> Self {
        Self(None)
    }

    /// The text to echo, if the client sent any.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        self.0
    }

    pub(super) fn write(self, object: &mut ObjectWriter<'_>, key: &str) {
        match self.0 {
            Some(text) => object.text(key, text),
            None => object.raw(key, "null"),
        }
    }
}

impl fmt::Display for InvocationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("(none)"))
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
    /// An object that serde_json would take for something else. The original has no such names; refusing the whole
    /// call keeps what was checked and what is read the same.
    #[error(
        "an object in the message has a member whose name begins with \"$serde_json::private::\"; name it differently"
    )]
    ReservedName,
}

/// A call with nothing understood but the names of its members, which are compared exactly.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "H", borrow, default)]
    hub: Option<&'a RawValue>,
    #[serde(rename = "M", borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(rename = "A", borrow, default)]
    arguments: Arguments<'a>,
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
    pub fn parse(message: &str) -> Result<Self, InvocationError> {
        usual::read(message).map_or_else(|| Self::parse_any(message), Ok)
    }

    /// Reads whatever a call may look like, and says what is wrong with a message that is none.
    fn parse_any(message: &str) -> Result<Self, InvocationError> {
        // A struct may be read from an array as well, which is not what clients may do.
        if !message.trim_ascii_start().starts_with('{') {
            let error = serde::de::Error::custom("it does not begin with a brace");
            return Err(InvocationError::NotAnObject(error));
        }
        let wire: Wire<'_> = serde_json::from_str(message).map_err(InvocationError::NotAnObject)?;
        if has_reserved_name(message) {
            return Err(InvocationError::ReservedName);
        }
        let mut text = Text(message.to_owned());
        Ok(Self {
            hub: name_of(wire.hub, message, &mut text).ok_or(InvocationError::NoHub)?,
            method: name_of(wire.method, message, &mut text).ok_or(InvocationError::NoMethod)?,
            arguments: wire.arguments.places(message)?,
            id: id_of(wire.id, message, &mut text)?,
            state: wire.state.map(|json| state_of(json.get())).transpose()?,
            text,
        })
    }

    /// The hub as the client wrote it.
    #[must_use]
    pub fn hub(&self) -> &str {
        self.text.at(self.hub)
    }

    /// The method as the client wrote it.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text.at(self.method)
    }

    /// The arguments, each still JSON.
    ///
    /// # Errors
    ///
    /// [`TooDeep`] makes the answer an error result.
    pub fn arguments(&self) -> Result<impl ExactSizeIterator<Item = &str>, TooDeep> {
        match &self.arguments {
            Ok(places) => Ok(places.iter().map(|place| self.text.at(*place))),
            Err(too_deep) => Err(*too_deep),
        }
    }

    /// One of the arguments, counted from 0.
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.arguments.as_ref().ok()?.get(index).map(|place| self.text.at(*place))
    }

    /// What the answer must carry.
    #[must_use]
    pub fn id(&self) -> InvocationId<'_> {
        InvocationId(self.id.map(|place| self.text.at(place)))
    }
}

impl Text {
    fn at(&self, place: Place) -> &str {
        self.0.get(place.start..place.end).unwrap_or_default()
    }

    /// Keeps a text that does not stand in the message as it is.
    fn keep(&mut self, text: &str) -> Place {
        let start = self.0.len();
        self.0.push_str(text);
        Place { start, end: self.0.len() }
    }
}

impl Place {
    /// Where `part` stands in `message`, of which it is a slice.
    fn of(part: &str, message: &str) -> Self {
        let start = part.as_ptr().addr().saturating_sub(message.as_ptr().addr());
        Self { start, end: start + part.len() }
    }
}

/// The arguments as they stand in the message.
#[derive(Default)]
enum Arguments<'a> {
    #[default]
    None,
    Array(SmallVec<[&'a RawValue; INLINE]>),
    NotAnArray,
}

impl Arguments<'_> {
    fn places(&self, message: &str) -> Result<Result<SmallVec<[Place; INLINE]>, TooDeep>, InvocationError> {
        let arguments = match self {
            Self::None => return Ok(Ok(SmallVec::new())),
            Self::Array(arguments) => arguments,
            Self::NotAnArray => return Err(InvocationError::ArgumentsNotAnArray),
        };
        Ok(match arguments.iter().position(|argument| is_too_deep(argument)) {
            Some(index) => Err(TooDeep { index }),
            None => Ok(arguments.iter().map(|argument| Place::of(argument.get(), message)).collect()),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentsVisitor(PhantomData))
    }
}

/// Takes an array apart and any other value as a whole, so that only what is no JSON is an error of the message.
struct ArgumentsVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for ArgumentsVisitor<'a> {
    type Value = Arguments<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        let mut arguments = SmallVec::new();
        while let Some(argument) = sequence.next_element::<&'de RawValue>()? {
            arguments.push(argument);
        }
        Ok(Arguments::Array(arguments))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Arguments::NotAnArray)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Arguments::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Arguments::NotAnArray)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Arguments::NotAnArray)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Arguments::NotAnArray)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Arguments::NotAnArray)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Arguments::NotAnArray)
    }
}

/// A hub's or a method's name, which is never empty.
fn name_of(json: Option<&RawValue>, message: &str, text: &mut Text) -> Option<Place> {
    let place = text_of(json?, message, text)?;
    (place.start < place.end).then_some(place)
}

/// What a JSON text says; `None` if it is another kind of value.
fn text_of(json: &RawValue, message: &str, text: &mut Text) -> Option<Place> {
    let content = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if content.contains('\\') {
        return Some(text.keep(&serde_json::from_str::<String>(json.get()).ok()?));
    }
    Some(Place::of(content, message))
}

fn id_of(json: Option<&RawValue>, message: &str, text: &mut Text) -> Result<Option<Place>, InvocationError> {
    let Some(json) = json else { return Ok(None) };
    match json.get().as_bytes().first() {
        Some(b'"') => text_of(json, message, text).map(Some).ok_or(InvocationError::BadId),
        Some(b'-' | b'0'..=b'9') => Ok(Some(Place::of(json.get(), message))),
        _ => Err(InvocationError::BadId),
    }
}

fn state_of(json: &str) -> Result<Map<String, Value>, InvocationError> {
    let units = json.encode_utf16().count();
    if units > MAX_STATE_UNITS {
        return Err(InvocationError::StateTooLong { units });
    }
    if is_deep(json) {
        return Err(InvocationError::StateTooDeep);
    }
    serde_json::from_str(json).map_err(|_| InvocationError::StateNotAnObject)
}

/// Whether a value is nested more deeply than [`MAX_DEPTH`].
#[must_use]
pub fn is_too_deep(json: &RawValue) -> bool {
    is_deep(json.get())
}

fn is_deep(json: &str) -> bool {
    // Without that many brackets it cannot be, and counting them is much cheaper than following them.
    let brackets = json.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    brackets > MAX_DEPTH && nesting(json) > MAX_DEPTH
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

    fn id(json: &str) -> String {
        call(&format!(r#"{{"H":"oracle","M":"Echo","I":{json}}}"#)).id().to_string()
    }

    fn arguments(call: &HubInvocation) -> Vec<&str> {
        call.arguments().unwrap().collect()
    }

    #[test]
    fn the_calls_of_both_families_of_clients_are_read() {
        let browser = call(r#"{"H":"chathub","M":"Send","A":["ann",{"x":1}],"I":0,"S":{"userName":"ann"}}"#);
        assert_eq!((browser.hub(), browser.method()), ("chathub", "Send"));
        assert_eq!(arguments(&browser), [r#""ann""#, r#"{"x":1}"#]);
        assert_eq!((browser.argument(1), browser.argument(2)), (Some(r#"{"x":1}"#), None));
        assert_eq!(browser.state.unwrap()["userName"], "ann");
        let dot_net = call(r#"{"I":"0","H":"ChatHub","M":"Send","A":["ann",{"X":1}]}"#);
        assert_eq!((dot_net.id(), dot_net.state.as_ref()), (InvocationId::new("0"), None));
    }

    #[test]
    fn cp_162_the_id_may_be_a_number_or_a_text_and_is_echoed_as_text() {
        for (json, text) in [("0", "0"), ("\"abc\"", "abc"), ("12345678901", "12345678901"), ("1.5", "1.5")] {
            assert_eq!(id(json), text);
        }
        assert_eq!(id("-1"), "-1");
    }

    #[test]
    fn an_absent_or_null_id_stays_absent() {
        assert_eq!(call(r#"{"H":"oracle","M":"Echo"}"#).id(), InvocationId::absent());
        assert_eq!(id("null"), "(none)");
    }

    #[test]
    fn absent_and_null_arguments_and_state_are_none() {
        for text in [r#"{"H":"h","M":"m","I":0}"#, r#"{"H":"h","M":"m","A":null,"I":0,"S":null}"#] {
            let call = call(text);
            assert!(arguments(&call).is_empty() && call.state.is_none());
        }
    }

    #[test]
    fn members_nobody_knows_are_ignored() {
        assert_eq!(call(&with(r#","Z":[1,{"H":"no"}]"#)).hub(), "oracle");
    }

    #[test]
    fn escapes_in_names_and_ids_are_read() {
        let call = call(r#" { "H":"h\u0061b", "M":"\"m\"" , "A" : [ "\u0061" , 1 ] , "I":"\t0" } "#);
        assert_eq!((call.hub(), call.method(), call.id().as_str()), ("hab", "\"m\"", Some("\t0")));
        assert_eq!(arguments(&call), [r#""\u0061""#, "1"]);
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
            refusal(r#"{"H":"oracle","M":"Echo","A":{"0":[]},"I":0}"#),
            refusal(r#"{"H":"oracle","M":"Echo","A":1.5,"I":0}"#),
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
        the arguments are not an array; send "A":[…], or leave it out if there are none
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
            let call = call(&format!(r#"{{"H":"oracle","M":"EchoAny","A":[1,{nested}],"I":0}}"#));
            call.arguments().map(|arguments| arguments.len())
        };
        // Recordings send-errors/nesting-19 (accepted) and deep-nesting (an error result).
        assert_eq!(arguments(19), Ok(2));
        assert_eq!(arguments(20), Ok(2));
        assert_eq!(arguments(21), Err(TooDeep { index: 1 }));
        assert_eq!(arguments(10_000), Err(TooDeep { index: 1 }));
        let flat =
            call(&format!(r#"{{"H":"h","M":"m","A":["{}",[{}0]]}}"#, "[".repeat(99), "[],".repeat(99)));
        assert_eq!(flat.arguments().map(|arguments| arguments.len()), Ok(2));
        insta::assert_snapshot!(TooDeep { index: 1 }, @"argument 1 is nested more than 20 levels deep; send it flatter, or as text");
    }

    #[test]
    fn cp_182_state_above_4096_utf_16_units_is_refused() {
        let state = |letters: usize| with(&format!(r#","S":{{"a":"{}"}}"#, "😀".repeat(letters)));
        // The rest of the state takes 8 units and each letter 2.
        assert_eq!(call(&state(2044)).state.unwrap().len(), 1);
        insta::assert_snapshot!(refusal(&state(2045)), @"the state has 4098 characters, more than 4096; keep less in it, or pass arguments");
    }

    #[test]
    fn state_nested_deeper_than_20_is_refused() {
        let state = |depth: usize| {
            let nested = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
            with(&format!(r#","S":{{"a":{nested}}}"#))
        };
        assert_eq!(call(&state(20)).state.unwrap().len(), 1);
        assert!(matches!(HubInvocation::parse(&state(21)), Err(InvocationError::StateTooDeep)));
    }

    #[test]
    fn what_serde_json_would_take_for_something_else_is_refused_wherever_it_is() {
        // Read as any value, it is what the text says: 100 levels where two were counted.
        let hidden = format!("{}{}", "[".repeat(100), "]".repeat(100));
        for name in ["$serde_json::private::RawValue", "\\u0024serde_json::private::\\u0052awValue"] {
            let hiding = format!(r#"{{"{name}":"{hidden}"}}"#);
            for message in [
                with(&format!(r#","S":{{"a":{hiding}}}"#)),
                with(&format!(r#","S":{hiding}"#)),
                format!(r#"{{"H":"h","M":"m","A":[[{hiding}]],"I":1}}"#),
                format!(r#"{{ "H":"h","M":"m","A":[{hiding}],"I":1}}"#),
            ] {
                let refused = HubInvocation::parse(&message);
                assert!(matches!(refused, Err(InvocationError::ReservedName)), "{message}");
            }
        }
        insta::assert_snapshot!(InvocationError::ReservedName, @r#"an object in the message has a member whose name begins with "$serde_json::private::"; name it differently"#);
        let said = call(&with(r#","S":{"a":"$serde_json::private::RawValue"}"#));
        assert_eq!(said.state.unwrap()["a"], "$serde_json::private::RawValue");
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
            prop_assert_eq!((call.hub(), call.method()), (hub.as_str(), method.as_str()));
            prop_assert_eq!(call.id().as_str(), Some(id.as_str()));
            let sent = call.arguments().unwrap();
            let read: Vec<String> = sent.map(|json| serde_json::from_str(json).unwrap()).collect();
            prop_assert_eq!(read, arguments);
        }
    }
}
