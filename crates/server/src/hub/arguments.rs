//! The client's arguments become a method's parameters: in order, one by one, from raw JSON.
//!
//! Extracted parameters do not count. A trailing parameter may be missing if its type says so, which means that it can be made from
//! nothing, as `Option<T>` can (the original has no optional parameters; spec 7.4 allows them).

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error as Missing},
    forward_to_deserialize_any,
};

use crate::{failure::Failure, hub::invocation::Invocation};

/// Hands out the client's arguments from left to right.
#[derive(Debug)]
pub struct Binder<'a> {
    invocation: &'a Invocation,
    next: usize,
}

/// Why an argument could not become a parameter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ArgumentError {
    #[error("argument {position} ('{name}') has the wrong type: {source}")]
    Unusable { position: usize, name: &'static str, source: serde_json::Error },
    #[error("argument {position} ('{name}') is missing")]
    Missing { position: usize, name: &'static str },
}

impl<'a> Binder<'a> {
    pub(crate) const fn new(invocation: &'a Invocation) -> Self {
        Self { invocation, next: 0 }
    }

    pub(crate) const fn invocation(&self) -> &'a Invocation {
        self.invocation
    }

    /// The next of the client's arguments as a `T`.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Failure> {
        let argument = self.invocation.argument(self.next);
        self.next += 1;
        Ok(convert(argument, self.next, name)?)
    }
}

fn convert<T: DeserializeOwned>(
    argument: Option<&str>,
    position: usize,
    name: &'static str,
) -> Result<T, ArgumentError> {
    match argument {
        Some(json) => {
            serde_json::from_str(json).map_err(|source| ArgumentError::Unusable { position, name, source })
        }
        None => T::deserialize(Nothing).map_err(|_| ArgumentError::Missing { position, name }),
    }
}

/// Whether a `T` can be made although the client sent nothing.
pub(crate) fn is_optional<T: DeserializeOwned>() -> bool {
    T::deserialize(Nothing).is_ok()
}

/// What a missing argument looks like to serde: nothing, which is a value for `Option` and for nobody else.
struct Nothing;

impl<'de> Deserializer<'de> for Nothing {
    type Error = Missing;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Missing> {
        Err(Missing::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missing> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::RawValue};

    use super::*;

    #[test]
    fn an_argument_becomes_whatever_its_type_asks_for() {
        assert_eq!(convert::<i32>(Some("7"), 1, "a").unwrap(), 7);
        assert_eq!(convert::<Option<String>>(Some("null"), 1, "a").unwrap(), None);
        assert_eq!(convert::<Value>(Some(r#"{"a":[1,null]}"#), 1, "a").unwrap(), json!({ "a": [1, null] }));
        assert_eq!(convert::<i64>(Some("9007199254740993"), 1, "a").unwrap(), 9_007_199_254_740_993);
    }

    #[test]
    fn a_raw_json_parameter_receives_the_text() {
        let raw: Box<RawValue> = convert(Some(r#"{"b":1, "a":2}"#), 1, "a").unwrap();
        assert_eq!(raw.get(), r#"{"b":1, "a":2}"#);
    }

    #[test]
    fn a_wrong_type_is_an_error_that_names_the_argument() {
        let error = convert::<i32>(Some("\"x\""), 2, "count").unwrap_err();
        assert!(error.to_string().starts_with("argument 2 ('count') has the wrong type: "), "{error}");
        assert!(convert::<i32>(Some("null"), 1, "a").is_err());
        assert!(convert::<i32>(Some("99999999999"), 1, "a").is_err());
    }

    #[test]
    fn only_what_can_be_made_of_nothing_may_be_missing() {
        assert!(is_optional::<Option<String>>());
        assert!(!is_optional::<String>());
        assert!(!is_optional::<Value>());
        assert!(!is_optional::<Box<RawValue>>());
        assert!(!is_optional::<Vec<u8>>());
        assert_eq!(convert::<Option<u8>>(None, 1, "a").unwrap(), None);
        assert_eq!(convert::<u8>(None, 3, "n").unwrap_err().to_string(), "argument 3 ('n') is missing");
    }
}
