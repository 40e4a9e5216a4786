//! The server calls a function of a client: one message of a delivery.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json::{JsonError, ObjectWriter, whole_or_nothing, write_json};

/// A call of a client's function. It has no answer.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::ClientInvocation;
///
/// let mut out = Vec::new();
/// let call = ClientInvocation { hub: "ChatHub", method: "addMessage", arguments: &("ann", "hi"), state: None };
/// call.encode(&mut out)?;
/// assert_eq!(out, br#"{"H":"ChatHub","M":"addMessage","A":["ann","hi"]}"#);
/// # Ok::<_, heliostat_proto::classic::ClientInvocationError>(())
/// ```
#[derive(Debug)]
pub struct ClientInvocation<'a, A: ?Sized> {
    /// The hub as it was declared.
    pub hub: &'a str,
    /// The function, which clients find without case.
    pub method: &'a str,
    /// The arguments: anything whose JSON is an array (a tuple, a slice, raw JSON), or `()` for none.
    pub arguments: &'a A,
    /// What the running method changed in the caller's state, in calls of the caller alone.
    pub state: Option<&'a Map<String, Value>>,
}

/// Why a call could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientInvocationError {
    /// An argument has no JSON form.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The arguments are one value instead of a list of values.
    #[error("the arguments of a client call must be a list; pass a tuple, such as `(value,)`, or an array")]
    ArgumentsNotAList,
}

impl<A: Serialize + ?Sized> ClientInvocation<'_, A> {
    /// Appends the message to `out`, keys in the order `H`, `M`, `A`, `S`. If it fails, `out` is as it was.
    ///
    /// # Errors
    ///
    /// A [`ClientInvocationError`] if the arguments cannot be written or are not a list.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ClientInvocationError> {
        whole_or_nothing(out, |out| self.encode_unguarded(out))
    }

    fn encode_unguarded(&self, out: &mut Vec<u8>) -> Result<(), ClientInvocationError> {
        let mut object = ObjectWriter::begin(out);
        object.text("H", self.hub);
        object.text("M", self.method);
        write_arguments(object.key("A"), self.arguments)?;
        if let Some(state) = self.state.filter(|state| !state.is_empty()) {
            write_json(object.key("S"), state)?;
        }
        object.end();
        Ok(())
    }
}

pub(super) fn write_arguments<A: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    arguments: &A,
) -> Result<(), ClientInvocationError> {
    let start = out.len();
    write_json(out, arguments)?;
    match out.get(start..) {
        Some([b'[', ..]) => Ok(()),
        Some(b"null") => {
            out.truncate(start);
            out.extend_from_slice(b"[]");
            Ok(())
        }
        _ => Err(ClientInvocationError::ArgumentsNotAList),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    fn encoded<A: Serialize + ?Sized>(arguments: &A, state: Option<&Map<String, Value>>) -> String {
        let mut out = Vec::new();
        ClientInvocation { hub: "ChatHub", method: "many", arguments, state }.encode(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cp_173_a_call_has_h_m_and_a_with_the_declared_hub_name() {
        insta::assert_snapshot!(encoded(&("m", 2, json!({"X": 2}), [1, 2], (), true), None), @r#"{"H":"ChatHub","M":"many","A":["m",2,{"X":2},[1,2],null,true]}"#);
        let raw = RawValue::from_string("[1]".to_owned()).unwrap();
        insta::assert_snapshot!(encoded(&raw, None), @r#"{"H":"ChatHub","M":"many","A":[1]}"#);
    }

    #[test]
    fn no_arguments_are_an_empty_array() {
        insta::assert_snapshot!(encoded(&(), None), @r#"{"H":"ChatHub","M":"many","A":[]}"#);
        insta::assert_snapshot!(encoded(&Vec::<u8>::new(), None), @r#"{"H":"ChatHub","M":"many","A":[]}"#);
    }

    #[test]
    fn cp_181_changed_state_comes_last_and_is_left_out_if_nothing_changed() {
        insta::assert_snapshot!(encoded(&("hi",), json!({"unread": 4}).as_object()), @r#"{"H":"ChatHub","M":"many","A":["hi"],"S":{"unread":4}}"#);
        insta::assert_snapshot!(encoded(&("hi",), Some(&Map::new())), @r#"{"H":"ChatHub","M":"many","A":["hi"]}"#);
    }

    #[test]
    fn one_value_instead_of_a_list_is_refused_and_the_buffer_stays_as_it_was() {
        let mut out = b"before".to_vec();
        let call = ClientInvocation { hub: "h", method: "m", arguments: "text", state: None };
        let error = call.encode(&mut out).unwrap_err();
        insta::assert_snapshot!(error, @"the arguments of a client call must be a list; pass a tuple, such as `(value,)`, or an array");
        assert_eq!(out, b"before");
    }

    proptest! {
        #[test]
        fn every_call_is_json_with_what_was_put_in(hub: String, method: String, arguments: Vec<String>) {
            let mut out = Vec::new();
            ClientInvocation { hub: &hub, method: &method, arguments: &arguments, state: None }.encode(&mut out).unwrap();
            let read: Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, json!({ "H": hub, "M": method, "A": arguments }));
        }
    }
}
