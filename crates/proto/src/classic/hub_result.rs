//! What a hub method answers: a result, an error, or progress on the way.
//!
//! A result always carries `I`, because that is how clients know a result, and no key is ever null but `I` itself.

use serde::Serialize;
use serde_json::{Map, Value};

use super::InvocationId;
use crate::json::{JsonError, ObjectWriter, whole_or_nothing, write_json, write_string_content};

/// The answer to one call.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::{HubResult, InvocationId, Outcome};
///
/// let mut out = Vec::new();
/// let id = InvocationId::new("0");
/// HubResult { id, state: None, outcome: Outcome::Returned("hi ann") }.encode(&mut out)?;
/// assert_eq!(out, br#"{"R":"hi ann","I":"0"}"#);
/// # Ok::<_, heliostat_proto::json::JsonError>(())
/// ```
#[derive(Debug)]
pub struct HubResult<'a, R: ?Sized = ()> {
    /// Which call is answered.
    pub id: InvocationId<'a>,
    /// What the method changed in the caller's state; nothing if it is `None` or empty.
    pub state: Option<&'a Map<String, Value>>,
    /// How the call ended.
    pub outcome: Outcome<'a, R>,
}

/// How a call ended.
#[derive(Debug)]
pub enum Outcome<'a, R: ?Sized = ()> {
    /// With a value. A value whose JSON is null (`()`, `None`) is left out.
    Returned(&'a R),
    /// With an error.
    Failed(Failure<'a>),
}

/// The error of a call, as its client will see it.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// What the client is told.
    pub text: &'a str,
    /// Whether the application meant the client to see it.
    pub kind: FailureKind<'a>,
    /// Where it happened. Only for developers: leave it out unless errors are detailed *and* nobody else listens.
    pub trace: Option<&'a str>,
}

/// Whether an error was meant for the client.
#[derive(Clone, Copy, Debug)]
pub enum FailureKind<'a> {
    /// Something went wrong.
    Unexpected,
    /// The application refused, and says so (`H`), with data of its own (`D`) if it has any.
    HubError {
        /// Anything that the client's application understands.
        data: Option<&'a Value>,
    },
}

impl<R: Serialize + ?Sized> HubResult<'_, R> {
    /// Appends the answer to `out`, keys in the order `S`, `R`, `I`, `H`, `E`, `T`, `D`. If it fails, `out` is as
    /// it was.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the returned value cannot be written.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        whole_or_nothing(out, |out| self.encode_unguarded(out))
    }

    fn encode_unguarded(&self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let mut object = ObjectWriter::begin(out);
        if let Some(state) = self.state.filter(|state| !state.is_empty()) {
            write_json(object.key("S"), state)?;
        }
        match self.outcome {
            Outcome::Returned(value) => object.unless_null("R", value)?,
            Outcome::Failed(_) => {}
        }
        self.id.write(&mut object, "I");
        if let Outcome::Failed(failure) = &self.outcome {
            failure.write(&mut object)?;
        }
        object.end();
        Ok(())
    }
}

impl Failure<'_> {
    fn write(&self, object: &mut ObjectWriter<'_>) -> Result<(), JsonError> {
        if let FailureKind::HubError { .. } = self.kind {
            object.raw("H", "true");
        }
        object.text("E", self.text);
        if let Some(trace) = self.trace {
            object.text("T", trace);
        }
        match self.kind {
            FailureKind::HubError { data: Some(data) } => object.unless_null("D", data),
            FailureKind::HubError { data: None } | FailureKind::Unexpected => Ok(()),
        }
    }
}

/// The text of an error whose cause the client must not learn. It names hub and method as the client wrote them,
/// and nothing else.
#[must_use]
pub fn generic_failure(hub: &str, method: &str) -> String {
    format!("Calling '{hub}.{method}' failed.")
}

/// News about a call that is still running. It travels as a message of a delivery, on every transport.
#[derive(Debug)]
pub struct Progress<'a, T: ?Sized> {
    /// Which call it belongs to.
    pub id: InvocationId<'a>,
    /// What the method reports.
    pub value: &'a T,
}

impl<T: Serialize + ?Sized> Progress<'_, T> {
    /// Appends the message to `out`. If it fails, `out` is as it was.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the value cannot be written.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        whole_or_nothing(out, |out| {
            // Browsers take any message with an `I` for a result unless it has a `P`; the bar keeps older ones, which
            // do not know `P`, from finding a call of that id.
            out.extend_from_slice(b"{\"I\":\"P|");
            write_string_content(out, self.id.as_str().unwrap_or_default());
            out.extend_from_slice(b"\",\"P\":");
            let mut object = ObjectWriter::begin(out);
            self.id.write(&mut object, "I");
            write_json(object.key("D"), self.value)?;
            object.end();
            out.push(b'}');
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    fn returned<R: Serialize + ?Sized>(value: &R) -> String {
        let id = InvocationId::new("0");
        encoded(&HubResult { id, state: None, outcome: Outcome::Returned(value) })
    }

    fn encoded<R: Serialize + ?Sized>(result: &HubResult<'_, R>) -> String {
        let mut out = Vec::new();
        result.encode(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn failed(kind: FailureKind<'_>, trace: Option<&str>) -> String {
        let id = InvocationId::new("4");
        let failure = Failure { text: "room is full", kind, trace };
        encoded(&HubResult::<()> { id, state: None, outcome: Outcome::Failed(failure) })
    }

    #[test]
    fn cp_031_a_result_is_an_object_with_r_and_i() {
        insta::assert_snapshot!(returned("hi ann"), @r#"{"R":"hi ann","I":"0"}"#);
        insta::assert_snapshot!(returned(&json!({"b": 1.5})), @r#"{"R":{"b":1.5},"I":"0"}"#);
        let raw = RawValue::from_string("[1, 2]".to_owned()).unwrap();
        insta::assert_snapshot!(returned(&raw), @r#"{"R":[1, 2],"I":"0"}"#);
        insta::assert_snapshot!(returned("null"), @r#"{"R":"null","I":"0"}"#);
    }

    #[test]
    fn cp_163_a_void_or_null_result_omits_r_but_has_i() {
        insta::assert_snapshot!(returned(&()), @r#"{"I":"0"}"#);
        insta::assert_snapshot!(returned(&None::<u8>), @r#"{"I":"0"}"#);
        insta::assert_snapshot!(returned(&Value::Null), @r#"{"I":"0"}"#);
    }

    #[test]
    fn a_call_without_an_id_is_answered_with_a_null_id() {
        // Recordings send-errors/missing-id and id-null.
        let id = InvocationId::absent();
        insta::assert_snapshot!(encoded(&HubResult { id, state: None, outcome: Outcome::Returned("x") }), @r#"{"R":"x","I":null}"#);
    }

    #[test]
    fn cp_181_changed_state_comes_first_and_may_contain_null() {
        let id = InvocationId::new("2");
        let with = |state: &Value, value: &Value| {
            encoded(&HubResult { id, state: state.as_object(), outcome: Outcome::Returned(value) })
        };
        insta::assert_snapshot!(with(&json!({"count": 3}), &json!(true)), @r#"{"S":{"count":3},"R":true,"I":"2"}"#);
        insta::assert_snapshot!(with(&json!({"color": null}), &json!(null)), @r#"{"S":{"color":null},"I":"2"}"#);
        insta::assert_snapshot!(with(&json!({}), &json!(1)), @r#"{"R":1,"I":"2"}"#);
    }

    #[test]
    fn cp_164_a_generic_error_names_hub_and_method_as_the_client_wrote_them() {
        let id = InvocationId::new("3");
        let text = generic_failure("chathub", "SEND");
        let failure = Failure { text: &text, kind: FailureKind::Unexpected, trace: None };
        insta::assert_snapshot!(encoded(&HubResult::<()> { id, state: None, outcome: Outcome::Failed(failure) }), @r#"{"I":"3","E":"Calling 'chathub.SEND' failed."}"#);
    }

    #[test]
    fn cp_166_a_hub_error_has_h_and_its_data_if_any() {
        let data = json!({"max": 20});
        insta::assert_snapshot!(failed(FailureKind::HubError { data: Some(&data) }, None), @r#"{"I":"4","H":true,"E":"room is full","D":{"max":20}}"#);
        insta::assert_snapshot!(failed(FailureKind::HubError { data: None }, None), @r#"{"I":"4","H":true,"E":"room is full"}"#);
        insta::assert_snapshot!(failed(FailureKind::HubError { data: Some(&Value::Null) }, None), @r#"{"I":"4","H":true,"E":"room is full"}"#);
    }

    #[test]
    fn cp_167_a_trace_stands_between_error_and_data() {
        let data = json!(1);
        insta::assert_snapshot!(failed(FailureKind::HubError { data: Some(&data) }, Some("at x")), @r#"{"I":"4","H":true,"E":"room is full","T":"at x","D":1}"#);
        insta::assert_snapshot!(failed(FailureKind::Unexpected, Some("at x")), @r#"{"I":"4","E":"room is full","T":"at x"}"#);
    }

    #[test]
    fn cp_168_progress_has_a_marked_id_outside_and_the_real_one_inside() {
        let progress = |id: InvocationId<'_>, value: &Value| {
            let mut out = Vec::new();
            Progress { id, value }.encode(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let id = InvocationId::new("5");
        insta::assert_snapshot!(progress(id, &json!(40)), @r#"{"I":"P|5","P":{"I":"5","D":40}}"#);
        insta::assert_snapshot!(progress(id, &json!(null)), @r#"{"I":"P|5","P":{"I":"5","D":null}}"#);
        insta::assert_snapshot!(progress(InvocationId::absent(), &json!("x")), @r#"{"I":"P|","P":{"I":null,"D":"x"}}"#);
    }

    #[test]
    fn an_answer_that_cannot_be_written_leaves_the_buffer_as_it_was() {
        let (id, impossible) = (InvocationId::new("0"), BTreeMap::from([(vec![1], 1)]));
        let mut out = b"before".to_vec();
        HubResult { id, state: None, outcome: Outcome::Returned(&impossible) }.encode(&mut out).unwrap_err();
        Progress { id, value: &impossible }.encode(&mut out).unwrap_err();
        assert_eq!(out, b"before");
    }

    proptest! {
        #[test]
        fn every_answer_is_json_with_what_was_put_in(id: String, value: String, text: String) {
            let id = InvocationId::new(&id);
            let read: Value = serde_json::from_str(&encoded(&HubResult {
                id, state: None, outcome: Outcome::Returned(&value),
            })).unwrap();
            prop_assert_eq!(&read, &json!({ "R": value, "I": id.as_str() }));
            let failure = Failure { text: &text, kind: FailureKind::Unexpected, trace: None };
            let read: Value = serde_json::from_str(&encoded(&HubResult::<()> {
                id, state: None, outcome: Outcome::Failed(failure),
            })).unwrap();
            prop_assert_eq!(&read, &json!({ "I": id.as_str(), "E": text }));
        }
    }
}
