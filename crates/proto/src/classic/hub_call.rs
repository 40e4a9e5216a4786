//! A client calls a hub method: the message as it is sent.

use serde::Serialize;
use serde_json::{Map, Value};

use super::client_invocation::{ClientInvocationError, write_arguments};
use crate::json::{ObjectWriter, whole_or_nothing, write_json};

/// A call of a hub's method, the way a client writes it. The server reads it as a
/// [`HubInvocation`](super::HubInvocation).
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::HubCall;
///
/// let mut out = Vec::new();
/// HubCall { id: 0, hub: "ChatHub", method: "send", arguments: &("ann", 1), state: None }.encode(&mut out)?;
/// assert_eq!(out, br#"{"I":"0","H":"ChatHub","M":"send","A":["ann",1]}"#);
/// # Ok::<_, heliostat_proto::classic::ClientInvocationError>(())
/// ```
#[derive(Debug)]
pub struct HubCall<'a, A: ?Sized> {
    /// Which call this is; the answer says it again, as text.
    pub id: u64,
    /// The hub, which servers find without case.
    pub hub: &'a str,
    /// The method, which servers find without case.
    pub method: &'a str,
    /// The arguments: anything whose JSON is an array (a tuple, a slice, raw JSON), or `()` for none.
    pub arguments: &'a A,
    /// The state that the client keeps for this hub; left out if empty. Servers take up to
    /// [`MAX_STATE_UNITS`](super::MAX_STATE_UNITS).
    pub state: Option<&'a Map<String, Value>>,
}

impl<A: Serialize + ?Sized> HubCall<'_, A> {
    /// Appends the message to `out`, keys in the order `I`, `H`, `M`, `A`, `S`. If it fails, `out` is as it was.
    ///
    /// # Errors
    ///
    /// A [`ClientInvocationError`] if the arguments cannot be written or are not a list.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ClientInvocationError> {
        whole_or_nothing(out, |out| self.encode_unguarded(out))
    }

    fn encode_unguarded(&self, out: &mut Vec<u8>) -> Result<(), ClientInvocationError> {
        let mut object = ObjectWriter::begin(out);
        object.text("I", &self.id.to_string());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::classic::HubInvocation;

    #[test]
    fn state_is_sent_if_there_is_some() {
        let mut out = Vec::new();
        let state = json!({"name": "ann"});
        let call = HubCall { id: 3, hub: "h", method: "m", arguments: &(), state: state.as_object() };
        call.encode(&mut out).unwrap();
        assert_eq!(out, br#"{"I":"3","H":"h","M":"m","A":[],"S":{"name":"ann"}}"#);
    }

    #[test]
    fn one_value_instead_of_a_list_is_refused_and_the_buffer_stays_as_it_was() {
        let mut out = b"before".to_vec();
        let call = HubCall { id: 0, hub: "h", method: "m", arguments: "text", state: None };
        assert!(matches!(call.encode(&mut out), Err(ClientInvocationError::ArgumentsNotAList)));
        assert_eq!(out, b"before");
    }

    proptest! {
        #[test]
        fn every_call_is_read_back_by_a_server(id: u64, hub in ".+", method in ".+", arguments: Vec<String>) {
            let mut out = Vec::new();
            HubCall { id, hub: &hub, method: &method, arguments: &arguments, state: None }.encode(&mut out).unwrap();
            let read = HubInvocation::parse(std::str::from_utf8(&out).unwrap()).unwrap();
            prop_assert_eq!((read.hub(), read.method()), (hub.as_str(), method.as_str()));
            let id = id.to_string();
            prop_assert_eq!(read.id().as_str(), Some(id.as_str()));
            let read: Vec<String> = read.arguments().unwrap().map(|json| serde_json::from_str(json).unwrap()).collect();
            prop_assert_eq!(read, arguments);
        }
    }
}
