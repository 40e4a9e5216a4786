//! One message as it came: JSON that nobody has looked into.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value from the server. Clones share it.
///
/// # Examples
///
/// ```
/// use heliostat_client::Message;
///
/// #[derive(serde::Deserialize)]
/// struct Price {
///     symbol: String,
///     cents: u32,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let message: Message = serde_json::from_str(r#"{"symbol":"ACME","cents":1250}"#)?;
/// let price: Price = message.parse()?;
/// assert_eq!((price.symbol.as_str(), price.cents), ("ACME", 1250));
/// assert!(message.parse::<u32>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Message(Arc<RawValue>);

impl Message {
    pub(crate) fn of(json: &RawValue) -> Self {
        Self(Arc::from(json.to_owned()))
    }

    /// The JSON text, exactly as the server wrote it.
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// Reads the value as a `T`.
    ///
    /// # Errors
    ///
    /// What `serde_json` says if it is no `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.json())
    }
}

/// As an argument of a handler, for values that are passed on or looked at later.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|json| Self(json.into()))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}
