//! Argument types that convert as the recorded application's did.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error},
};
use serde_json::Value;

/// A value or null. Unlike an `Option` it must not be left out.
#[derive(Debug)]
pub(super) struct Nullable<T>(pub(super) Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() {
            Ok(Self(None))
        } else {
            serde_json::from_value(value).map(|value| Self(Some(value))).map_err(D::Error::custom)
        }
    }
}

/// A point whose members are read in any case and written in one.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    #[serde(rename = "X")]
    pub(super) x: i32,
    #[serde(rename = "Name")]
    pub(super) name: String,
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = serde_json::Map::<String, Value>::deserialize(deserializer)?;
        let member = |name: &str| {
            members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let x = member("X").and_then(Value::as_i64).and_then(|x| i32::try_from(x).ok());
        Ok(Self {
            x: x.ok_or_else(|| D::Error::missing_field("X"))?,
            name: member("Name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}

/// Bytes as base64 text.
#[derive(Debug)]
pub(super) struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

/// A day as its number, Sunday is 0. Names are read too.
#[derive(Debug, Serialize)]
pub(super) struct DayOfWeek(u64);

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl<'de> Deserialize<'de> for DayOfWeek {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let named = || (0..).zip(DAYS).find(|(_, day)| value.as_str() == Some(day)).map(|(number, _)| number);
        value.as_u64().or_else(named).map(Self).ok_or_else(|| D::Error::custom("not a day of the week"))
    }
}
