//! The connection that calls.

use std::sync::Arc;

use heliostat_proto::id::ConnectionId;

use crate::{
    http::request::Request,
    hub::{
        client_arguments::Arguments,
        invocation::Invocation,
        target::{SendError, Target},
    },
    user::User,
};

/// The connection that makes the call, or that a callback is about.
///
/// # Examples
/// ```
/// use heliostat::{Caller, SendError, hub};
///
/// struct EchoHub;
///
/// #[hub]
/// impl EchoHub {
///     fn echo(&self, caller: Caller, text: String) -> Result<(), SendError> {
///         caller.invoke("echo", (caller.id().to_string(), text))
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Caller(Invocation);

impl Caller {
    pub(crate) const fn new(invocation: Invocation) -> Self {
        Self(invocation)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.0.connection_id()
    }

    /// The authenticated user behind the request.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.0.user()
    }

    /// The request that carried the call; over WebSockets the upgrade request.
    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        self.0.request()
    }

    /// The same connection as a target, for traits made by [`hub_client`](crate::hub_client).
    pub fn target(&self) -> Target {
        Target::caller(&self.0)
    }

    /// Calls `method` on it, with the state that the handler has changed.
    ///
    /// # Errors
    /// An argument cannot be written as JSON.
    pub fn invoke(&self, method: &str, arguments: impl Arguments) -> Result<(), SendError> {
        self.target().invoke(method, arguments)
    }
}
