//! The state object that a client keeps per hub and sends along with every call (spec 7.7).
//!
//! Reading sees what the client sent, overlaid by what this call has written. Only keys whose value is really different travel back:
//! with every call made to the caller after the write, and with the result. The set of changes is never reset in between.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What the client sent, and what the call has written since. In most calls it is neither.
#[derive(Debug, Default)]
pub(crate) struct CallerState {
    received: Option<Map<String, Value>>,
    written: Mutex<Option<Map<String, Value>>>,
}

impl CallerState {
    pub(crate) fn new(received: Option<Map<String, Value>>) -> Self {
        Self { received, written: Mutex::default() }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let written = self.lock_written();
        let value = written.as_ref().and_then(|written| written.get(key)).or_else(|| self.received(key))?;
        T::deserialize(value).ok()
    }

    pub(crate) fn write(&self, key: String, value: &impl Serialize) -> Result<(), serde_json::Error> {
        // The value is made before the lock is taken: serialising runs the application's code.
        let value = serde_json::to_value(value)?;
        self.lock_written().get_or_insert_default().insert(key, value);
        Ok(())
    }

    /// The keys whose value differs from what the client sent; none if nothing really changed. A missing key reads as null.
    pub(crate) fn changes(&self) -> Option<Map<String, Value>> {
        let changes: Map<_, _> = self
            .lock_written()
            .as_ref()?
            .iter()
            .filter(|(key, value)| self.received(key).unwrap_or(&Value::Null) != *value)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        (!changes.is_empty()).then_some(changes)
    }

    fn received(&self, key: &str) -> Option<&Value> {
        self.received.as_ref()?.get(key)
    }

    fn lock_written(&self) -> MutexGuard<'_, Option<Map<String, Value>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(value: Value) -> CallerState {
        let Value::Object(map) = value else { panic!("a state is an object") };
        CallerState::new(Some(map))
    }

    fn changes(state: &CallerState) -> Value {
        state.changes().map_or(Value::Null, Value::Object)
    }

    #[test]
    fn cp_181_a_changed_key_travels_back_and_an_unchanged_one_does_not() {
        let state = sent(json!({ "color": "red", "x": 1 }));
        state.write("color".into(), &"blue").unwrap();
        state.write("x".into(), &1).unwrap();
        assert_eq!(changes(&state), json!({ "color": "blue" }));
    }

    #[test]
    fn cp_181_writing_back_the_original_takes_the_change_away() {
        let state = sent(json!({ "color": "red" }));
        state.write("color".into(), &"blue").unwrap();
        state.write("color".into(), &"red").unwrap();
        assert_eq!(changes(&state), Value::Null);
    }

    #[test]
    fn a_missing_key_counts_as_null() {
        let state = sent(json!({ "color": "red" }));
        state.write("other".into(), &Value::Null).unwrap();
        assert_eq!(changes(&state), Value::Null);
        state.write("color".into(), &Value::Null).unwrap();
        assert_eq!(changes(&state), json!({ "color": null }));
    }

    #[test]
    fn reading_sees_the_latest_write_and_the_exact_key() {
        let state = sent(json!({ "color": "red" }));
        assert_eq!(state.read::<String>("color").as_deref(), Some("red"));
        assert_eq!(state.read::<String>("Color"), None);
        state.write("color".into(), &"blue").unwrap();
        assert_eq!(state.read::<String>("color").as_deref(), Some("blue"));
    }

    #[test]
    fn a_value_of_another_type_reads_as_nothing() {
        assert_eq!(sent(json!({ "n": "text" })).read::<u32>("n"), None);
    }
}
