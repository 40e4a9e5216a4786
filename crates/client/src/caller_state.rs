//! The state that a hub and one of its clients share: sent with every call, changed by either side.

use std::sync::{MutexGuard, PoisonError};

use heliostat_proto::classic::MAX_STATE_UNITS;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::audience::HubState;

/// The state shared with one hub. Clones share it too.
///
/// It is for a handful of small values: it travels with every call, and servers take 4,096 characters at most.
///
/// # Examples
///
/// ```
/// use heliostat_client::HubConnection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// chat.state().set("name", "ann")?;
/// assert_eq!(chat.state().value::<String>("name").as_deref(), Some("ann"));
/// assert_eq!(chat.state().value::<u32>("name"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CallerState(HubState);

/// Why a value was not put into the state.
///
/// # Examples
///
/// ```
/// use heliostat_client::{HubConnection, StateError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// let refused = chat.state().set("draft", "x".repeat(5_000));
/// assert!(matches!(refused, Err(StateError::TooLong { units }) if units > 5_000));
/// assert!(chat.state().all().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It has no JSON form.
    #[error("the value cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No call could be made with so much state.
    #[error(
        "the state would have {units} characters, more than the {MAX_STATE_UNITS} that servers take; keep less in it, or pass arguments"
    )]
    TooLong {
        /// How long it would be, in UTF-16 units.
        units: usize,
    },
}

impl CallerState {
    pub(crate) fn new(state: HubState) -> Self {
        Self(state)
    }

    /// A value, if it is there and of this type.
    #[must_use]
    pub fn value<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.map().get(key).cloned()?;
        serde_json::from_value(value).ok()
    }

    /// Puts a value in; the hub sees it from the next call on.
    ///
    /// # Errors
    ///
    /// [`StateError`], and then nothing has changed.
    pub fn set<T: Serialize>(&self, key: impl Into<String>, value: T) -> Result<(), StateError> {
        let value = serde_json::to_value(value)?;
        let mut map = self.map();
        let mut changed = map.clone();
        changed.insert(key.into(), value);
        let units = serde_json::to_string(&changed)?.encode_utf16().count();
        if units > MAX_STATE_UNITS {
            return Err(StateError::TooLong { units });
        }
        *map = changed;
        Ok(())
    }

    /// Takes a value out. Hubs cannot do that: what they set to nothing is null here.
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.map().remove(key)
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Map<String, Value> {
        self.map().clone()
    }

    /// What the hub changed.
    pub(crate) fn merge(&self, changes: Map<String, Value>) {
        self.map().extend(changes);
    }

    fn map(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_in_and_out_and_the_hub_s_changes_win() {
        let state = CallerState::new(HubState::default());
        state.set("name", "ann").unwrap();
        state.set("count", 3).unwrap();
        state.merge(Map::from_iter([("count".to_owned(), Value::from(4))]));
        assert_eq!(state.value::<String>("name").as_deref(), Some("ann"));
        assert_eq!(state.value::<u8>("count"), Some(4));
        assert_eq!(state.value::<String>("count"), None);
        assert_eq!(state.remove("name"), Some(Value::from("ann")));
        assert_eq!(state.all().len(), 1);
    }

    #[test]
    fn more_than_servers_take_is_refused_and_changes_nothing() {
        let state = CallerState::new(HubState::default());
        let error = state.set("text", "x".repeat(MAX_STATE_UNITS)).unwrap_err();
        assert!(matches!(error, StateError::TooLong { units } if units > MAX_STATE_UNITS));
        assert!(state.all().is_empty());
    }
}
