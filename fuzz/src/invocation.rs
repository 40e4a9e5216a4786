//! A hub call is read exactly when it is one, and says what `serde_json` reads in the same text.
//!
//! The rules are written down a second time here, with `serde_json` alone and without any thought of speed. A text is a call if
//! - it is a JSON object in which neither a name nor a text that matters has half a surrogate pair, `H`, `M`, `A`, `I` and `S` occur
//!   once at most, and no name at any depth is one that serde_json keeps for itself,
//! - `H` and `M` are texts that are not empty, `A` is an array, `I` a text or a number, `S` an object that is neither too long nor too deep;
//!   the last three may also be null or missing.

use std::fmt;

use heliostat_proto::classic::{HubInvocation, MAX_DEPTH, MAX_STATE_UNITS};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match (HubInvocation::parse(text), Expected::of(text)) {
        (Ok(call), Some(expected)) => {
            compare(&call, &expected);
            compare_with_value(&call, text);
        }
        (Err(error), Some(_)) => panic!("a call is refused: {error}"),
        (Ok(call), None) => panic!("this is no call, and {call:?} is read"),
        (Err(_), None) => {}
    }
}

fn compare(call: &HubInvocation, expected: &Expected<'_>) {
    assert_eq!((call.hub(), call.method()), (&*expected.hub, &*expected.method));
    assert_eq!(call.id().as_str(), expected.id.as_deref());
    assert_eq!(call.state, expected.state);
    let too_deep = expected.arguments.iter().position(|argument| depth(argument) > MAX_DEPTH);
    match (call.arguments(), too_deep) {
        (Ok(arguments), None) => assert_eq!(arguments.collect::<Vec<_>>(), expected.arguments),
        (Err(error), Some(index)) => assert_eq!(error.index, index),
        (_, expected) => panic!("the first argument that is too deep is {expected:?}"),
    }
    for (index, argument) in expected.arguments.iter().enumerate() {
        assert_eq!(call.argument(index), too_deep.is_none().then_some(*argument));
    }
    assert_eq!(call.argument(expected.arguments.len()), None);
}

/// The same once more, for texts that can be read as a `Value`: those without enormous numbers and too many levels.
fn compare_with_value(call: &HubInvocation, text: &str) {
    let Ok(Value::Object(message)) = serde_json::from_str(text) else { return };
    assert_eq!((&message["H"], &message["M"]), (&call.hub().into(), &call.method().into()));
    let Ok(arguments) = call.arguments() else { return };
    let arguments: Vec<Value> =
        arguments.map(|json| serde_json::from_str(json).expect("an argument is JSON")).collect();
    match message.get("A") {
        None | Some(Value::Null) => assert!(arguments.is_empty()),
        Some(sent) => assert_eq!(*sent, Value::Array(arguments)),
    }
}

/// What a text says if it is a call.
struct Expected<'a> {
    hub: String,
    method: String,
    arguments: Vec<&'a str>,
    id: Option<String>,
    state: Option<Map<String, Value>>,
}

impl<'a> Expected<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let Members(members) = serde_json::from_str(text).ok()?;
        if has_reserved_name(text) {
            return None;
        }
        let mut known =
            ["H", "M", "A", "I", "S"].map(|name| members.iter().filter(move |(key, _)| key == name));
        if known.iter().any(|found| found.clone().count() > 1) {
            return None;
        }
        // Null is the same as nothing.
        let [hub, method, arguments, id, state] = known
            .each_mut()
            .map(|found| found.next().map(|(_, value)| value.get()).filter(|value| *value != "null"));
        let name =
            |json: Option<&str>| serde_json::from_str::<String>(json?).ok().filter(|name| !name.is_empty());
        Some(Self {
            hub: name(hub)?,
            method: name(method)?,
            arguments: match arguments {
                Some(json) => serde_json::from_str::<Vec<&RawValue>>(json)
                    .ok()?
                    .iter()
                    .map(|value| value.get())
                    .collect(),
                None => Vec::new(),
            },
            id: match id {
                Some(number) if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                    Some(number.to_owned())
                }
                Some(json) => Some(serde_json::from_str(json).ok()?),
                None => None,
            },
            state: match state {
                Some(json) if json.encode_utf16().count() > MAX_STATE_UNITS || depth(json) > MAX_DEPTH => {
                    return None;
                }
                Some(json) => Some(serde_json::from_str(json).ok()?),
                None => None,
            },
        })
    }
}

/// The members of an object in their order, with those that occur twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// Takes one string after the other, and looks whether a colon follows.
fn has_reserved_name(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let mut strings = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<IgnoredAny>();
        assert!(strings.next().is_some_and(|string| string.is_ok()), "no string begins at {rest}");
        let (string, after) = rest[start..].split_at(strings.byte_offset());
        let name = serde_json::from_str::<String>(string);
        if after.trim_ascii_start().starts_with(':')
            && name.is_ok_and(|name| name.starts_with("$serde_json::private::"))
        {
            return true;
        }
        rest = after;
    }
    false
}

/// How deeply JSON is nested, letter by letter.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for letter in json.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '[' | '{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
    }
    deepest
}
