//! The caller's state object, as a handler reads and writes it.

use serde::{Serialize, de::DeserializeOwned};

use crate::hub::invocation::Invocation;

/// The state object that the client keeps for this hub and sends along with every call.
///
/// What is written here travels back with every call made to the caller after the write, and with the result; the client merges it
/// into its own object. Keys whose value did not change do not travel. Keys are compared with case. A key cannot be removed, only
/// set to null. It is meant for small values: it goes back and forth with every call, and the client's part is limited to 4096
/// characters.
///
/// It does not exist in lifetime callbacks, because no client has sent one there.
///
/// # Examples
/// ```
/// use heliostat::{State, hub};
///
/// struct CounterHub;
///
/// #[hub]
/// impl CounterHub {
///     fn bump(&self, state: State) -> u32 {
///         let count = state.read::<u32>("count").unwrap_or(0) + 1;
///         state.write("count", count);
///         count
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct State(Invocation);

impl State {
    pub(crate) const fn new(invocation: Invocation) -> Self {
        Self(invocation)
    }

    /// The value of a key, if it is there and is a `T`.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.0.call()?.state.read(key)
    }

    /// Sets a key. A value that cannot be written as JSON leaves the key as it was, and an error in the log.
    pub fn write(&self, key: impl Into<String>, value: impl Serialize) {
        let Some(call) = self.0.call() else { return };
        let key = key.into();
        if let Err(error) = call.state.write(key, &value) {
            tracing::error!(
                target: "SignalR.HubDispatcher", hub = self.0.hub(), method = call.method(), %error,
                "a value for the caller's state cannot be written as JSON; it was left out"
            );
        }
    }
}
