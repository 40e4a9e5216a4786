//! What a hub method returns, written where it stands in the answer.
//!
//! Nearly every answer is a value and the id of its call, in this order. So the value is written as the beginning of an answer, and when
//! the call is over its end is put behind it: however long a result is, it is written once and not copied.

use serde::Serialize;
use serde_json::{Map, Value};

use super::InvocationId;
use crate::json::{JsonError, ObjectWriter, write_json};

/// What stands before a value.
const BEGINNING: &[u8] = b"{\"R\":";
/// Room for most answers with the head of a frame: to grow costs more than a little too much of it.
const ROOM: usize = 160;
/// What an answer has besides the text of its id, with something to spare.
const ROOM_FOR_ID: usize = 16;

/// The result of a call whose answer is not complete yet. A value whose JSON is null (`()`, `None`) is no result.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::{InvocationId, ReturnedValue};
///
/// let answer = ReturnedValue::new("hi ann")?.answer(InvocationId::new("0"), None)?;
/// assert_eq!(answer, br#"{"R":"hi ann","I":"0"}"#);
/// # Ok::<_, heliostat_proto::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReturnedValue {
    /// `BEGINNING` and the value, or nothing at all.
    begun: Vec<u8>,
}

impl ReturnedValue {
    /// No result.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { begun: Vec::new() }
    }

    /// This value.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it cannot be written.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let mut begun = Vec::with_capacity(ROOM);
        ObjectWriter::begin(&mut begun).unless_null("R", value)?;
        Ok(Self { begun })
    }

    /// The JSON of the value, if there is one.
    #[must_use]
    pub fn json(&self) -> Option<&[u8]> {
        self.begun.strip_prefix(BEGINNING)
    }

    /// The answer to the call `id`, with what the method changed in the caller's state. Its keys are in the order `S`, `R`, `I`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the state cannot be written.
    pub fn answer(
        self,
        id: InvocationId<'_>,
        state: Option<&Map<String, Value>>,
    ) -> Result<Vec<u8>, JsonError> {
        let mut answer = match state.filter(|state| !state.is_empty()) {
            None => self.begun,
            Some(state) => self.behind(state)?,
        };
        answer.reserve(id.as_str().map_or(0, str::len) + ROOM_FOR_ID);
        let mut object = ObjectWriter::go_on(&mut answer);
        id.write(&mut object, "I");
        object.end();
        Ok(answer)
    }

    /// The beginning of an answer with a state, which comes first.
    fn behind(&self, state: &Map<String, Value>) -> Result<Vec<u8>, JsonError> {
        let mut begun = Vec::with_capacity(self.begun.len() + ROOM);
        let mut object = ObjectWriter::begin(&mut begun);
        write_json(object.key("S"), state)?;
        if let Some(json) = self.json() {
            object.key("R").extend_from_slice(json);
        }
        Ok(begun)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::classic::{HubResult, Outcome};

    #[test]
    fn cp_163_a_null_value_is_no_result() {
        for nothing in [
            ReturnedValue::nothing(),
            ReturnedValue::new(&()).unwrap(),
            ReturnedValue::new(&Value::Null).unwrap(),
        ] {
            assert_eq!(nothing.json(), None);
            assert_eq!(nothing.answer(InvocationId::absent(), None).unwrap(), br#"{"I":null}"#);
        }
        assert_eq!(ReturnedValue::new("null").unwrap().json(), Some(&b"\"null\""[..]));
    }

    #[test]
    fn a_value_that_cannot_be_written_is_refused() {
        let impossible = BTreeMap::from([(vec![1], 1)]);
        assert!(ReturnedValue::new(&impossible).is_err());
    }

    #[test]
    fn an_answer_of_usual_length_stays_where_its_value_was_written() {
        let returned = ReturnedValue::new(&"x".repeat(100)).unwrap();
        let written_at = returned.begun.as_ptr();
        let answer = returned.answer(InvocationId::new("12345"), None).unwrap();
        assert_eq!(answer.as_ptr(), written_at);
    }

    proptest! {
        /// Whatever is returned and changed: what is written in two steps is what is written in one.
        #[test]
        fn an_answer_is_the_same_in_two_steps(value: Option<String>, id: Option<String>, color: Option<String>) {
            let value = json!(value);
            let id = id.as_deref().map_or(InvocationId::absent(), InvocationId::new);
            let state = color.map(|color| Map::from_iter([("color".to_owned(), json!(color))]));
            for state in [None, Some(&Map::new()), state.as_ref()] {
                let mut at_once = Vec::new();
                HubResult { id, state, outcome: Outcome::Returned(&value) }.encode(&mut at_once).unwrap();
                prop_assert_eq!(ReturnedValue::new(&value).unwrap().answer(id, state).unwrap(), at_once);
            }
        }
    }
}
