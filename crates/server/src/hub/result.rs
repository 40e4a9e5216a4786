//! What a method returns, on its way to the caller.
//!
//! A null result and no result are the same thing on the wire: `R` is left out (spec 7.3).

use heliostat_proto::classic::{InvocationId, ReturnedValue};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{failure::Failure, hub::invocation::Invocation};

/// The result of a hub method, as JSON.
///
/// # Examples
/// ```
/// use heliostat::Answer;
///
/// # fn f() -> Result<(), heliostat::Failure> {
/// assert_eq!(Answer::new(&7)?.json(), Some("7"));
/// assert_eq!(Answer::new(&Option::<u8>::None)?.json(), None);
/// # Ok(()) }
/// # f().unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Answer(ReturnedValue);

impl Answer {
    /// No result: what a method without a return value answers.
    #[must_use]
    pub const fn none() -> Self {
        Self(ReturnedValue::nothing())
    }

    /// A value. Null counts as no result.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn new(value: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self(ReturnedValue::new(value)?))
    }

    /// The JSON text of the result, if there is one.
    #[must_use]
    pub fn json(&self) -> Option<&str> {
        std::str::from_utf8(self.0.json()?).ok()
    }

    /// What the client is sent: the value, which call it belongs to, and what the call has changed in the caller's state.
    pub(crate) fn encode(
        self,
        id: InvocationId<'_>,
        state: Option<&Map<String, Value>>,
    ) -> Result<Vec<u8>, Failure> {
        Ok(self.0.answer(id, state)?)
    }
}

/// What a method can return.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a hub method",
    label = "not a result that can be sent to clients",
    note = "a result must implement `serde::Serialize`; an alias of `Result` must be called `Result` to be treated as one"
)]
pub trait MethodResult: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> MethodResult for T {}

/// What the macro calls for a method that cannot fail.
///
/// # Errors
/// The value cannot be written as JSON.
#[doc(hidden)]
pub fn answer<T: MethodResult>(value: T) -> Result<Answer, Failure> {
    Answer::new(&value)
}

/// What the macro calls for a method whose return type is a `Result`.
///
/// # Errors
/// The method's own error, or the value cannot be written as JSON.
#[doc(hidden)]
pub fn answer_result<T: MethodResult, E: Into<Failure>>(
    invocation: &Invocation,
    result: Result<T, E>,
) -> Result<Answer, Failure> {
    Answer::new(&result.map_err(Into::into).inspect_err(|failure| log(invocation, failure))?)
}

/// An error that its client may not see must be found somewhere. One that the client is meant to see is no news, and so is one
/// that nobody waits for any more.
fn log(invocation: &Invocation, failure: &Failure) {
    if failure.hub_error().is_none() && !invocation.context().ended().is_cancelled() {
        let (hub, method) = (invocation.hub(), invocation.method());
        tracing::warn!(target: "SignalR.HubDispatcher", hub, method, %failure, "a hub method failed");
    }
}

/// What the macro calls for a callback that cannot fail.
///
/// # Errors
/// Never.
#[doc(hidden)]
pub const fn done((): ()) -> Result<(), Failure> {
    Ok(())
}

/// What the macro calls for a callback whose return type is a `Result`.
///
/// # Errors
/// The callback's own error.
#[doc(hidden)]
pub fn done_result<E: Into<Failure>>(result: Result<(), E>) -> Result<(), Failure> {
    result.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::HubError;

    #[test]
    fn cp_163_void_and_null_are_no_result() {
        assert_eq!(answer(()).unwrap().json(), None);
        assert_eq!(answer(Option::<String>::None).unwrap().json(), None);
        assert_eq!(answer(Value::Null).unwrap().json(), None);
        assert_eq!(answer("").unwrap().json(), Some("\"\""));
    }

    #[test]
    fn a_callback_fails_with_its_own_error() {
        done_result(Ok::<_, HubError>(())).unwrap();
        let failure = done_result(Err(HubError::new("no"))).unwrap_err();
        assert_eq!(failure.hub_error().map(HubError::message), Some("no"));
    }
}
