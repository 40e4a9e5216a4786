//! How a handler's parameters get their values.
//!
//! A parameter is either *sent* by the client (its type can be deserialised) or *extracted* from the call (its type implements
//! [`FromInvocation`]). The compiler tells them apart by which of the two traits the type implements; nothing depends on how a type is
//! spelled, so aliases and types of your own work like the built-in ones.

use std::sync::Arc;

use heliostat_proto::{connection::Reason, id::ConnectionId};
use serde::de::DeserializeOwned;

use crate::{
    failure::Failure,
    http::request::Request,
    hub::{
        arguments::{Binder, is_optional},
        caller::Caller,
        cancellation::Cancellation,
        clients::Clients,
        groups::Groups,
        invocation::Invocation,
        progress::Progress,
        state::State,
    },
    user::User,
};

/// A parameter type whose value comes from the call itself and not from the client's arguments.
///
/// Built in: [`Caller`], [`Clients`], [`Groups`], [`State`], [`Progress`], [`Cancellation`], [`ConnectionId`], [`User`],
/// `Option<User>`, `Arc<Request>`, [`Invocation`] and, in the disconnected callback, [`Reason`].
///
/// # Contract
/// Runs on the task that handles the call, once per parameter and call, in the order of the parameters, after authorization. It must not
/// block. A failure is the call's result; the method does not run.
///
/// A type must not be deserialisable *and* extractable: the compiler could not tell which is meant.
///
/// # Examples
/// ```
/// use heliostat::{Failure, FromInvocation, HubError, Invocation, hub};
///
/// struct Tenant(String);
///
/// impl FromInvocation for Tenant {
///     fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
///         let name = invocation.request().header("x-tenant").ok_or(HubError::new("which tenant?"))?;
///         Ok(Self(name.to_owned()))
///     }
/// }
///
/// struct OrderHub;
///
/// #[hub]
/// impl OrderHub {
///     fn order(&self, tenant: Tenant, article: u32) -> String {
///         format!("{} orders {article}", tenant.0)
///     }
/// }
/// ```
pub trait FromInvocation: Sized {
    /// Where a parameter of this type makes sense. Asking for it elsewhere does not compile.
    const SCOPE: Scope = Scope::Everywhere;

    /// Takes the value from the call.
    ///
    /// # Errors
    /// Whatever makes the call impossible. A [`HubError`](crate::HubError) is shown to the client.
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure>;
}

/// Where a kind of parameter makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// In methods and in all callbacks.
    Everywhere,
    /// In methods only: there is a client that waits for a result.
    Methods,
    /// In the disconnected callback only.
    Disconnected,
}

/// A parameter of a handler, whichever way it gets its value. Implemented for everything that qualifies.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a hub method",
    label = "neither sent by clients nor taken from the call",
    note = "a parameter that the client sends must implement `serde::Deserialize` without borrowing",
    note = "a parameter that is taken from the call must implement `heliostat::FromInvocation`, as `Caller`, `Clients`, `Groups`, \
            `State`, `Progress<T>`, `ConnectionId`, `User` and `Arc<Request>` do"
)]
pub trait Parameter<Kind>: Sized {
    /// Whether clients send it.
    const ORIGIN: Origin;
    /// Where it makes sense.
    const SCOPE: Scope;

    #[doc(hidden)]
    fn is_optional() -> bool;

    #[doc(hidden)]
    fn bind(binder: &mut Binder<'_>, name: &'static str) -> Result<Self, Failure>;
}

/// Where a parameter's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One of the client's arguments.
    Client,
    /// The call.
    Invocation,
}

/// Marks parameters that the client sends.
#[derive(Debug)]
pub struct Sent;

/// Marks parameters that are taken from the call.
#[derive(Debug)]
pub struct Extracted;

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Parameter<Sent> for T {
    const ORIGIN: Origin = Origin::Client;
    const SCOPE: Scope = Scope::Methods;

    fn is_optional() -> bool {
        is_optional::<T>()
    }

    fn bind(binder: &mut Binder<'_>, name: &'static str) -> Result<Self, Failure> {
        binder.next(name)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromInvocation> Parameter<Extracted> for T {
    const ORIGIN: Origin = Origin::Invocation;
    const SCOPE: Scope = <T as FromInvocation>::SCOPE;

    fn is_optional() -> bool {
        false
    }

    fn bind(binder: &mut Binder<'_>, _name: &'static str) -> Result<Self, Failure> {
        T::from_invocation(binder.invocation())
    }
}

/// The kinds of handler that a parameter can stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A method.
    Method,
    /// The connected or the reconnected callback.
    Callback,
    /// The disconnected callback.
    Disconnected,
}

/// Whether a parameter of this type makes sense there. The macro asks while it compiles.
#[must_use]
pub const fn fits<Kind, T: Parameter<Kind>>(place: Place) -> bool {
    match (T::SCOPE, place) {
        (Scope::Everywhere, _)
        | (Scope::Methods, Place::Method)
        | (Scope::Disconnected, Place::Disconnected) => true,
        (Scope::Methods | Scope::Disconnected, _) => false,
    }
}

/// 1 if clients send a parameter of this type, else 0. The macro counts while it compiles.
#[must_use]
pub const fn is_sent<Kind, T: Parameter<Kind>>() -> usize {
    match T::ORIGIN {
        Origin::Client => 1,
        Origin::Invocation => 0,
    }
}

impl FromInvocation for Invocation {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(invocation.clone())
    }
}

impl FromInvocation for ConnectionId {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(invocation.connection_id())
    }
}

impl FromInvocation for Arc<Request> {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Arc::clone(invocation.request()))
    }
}

/// The call fails if the request is anonymous; use `Option<User>` or `#[authorize]` where that is expected.
impl FromInvocation for User {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        invocation.user().cloned().ok_or_else(|| {
            Failure::new("the handler asks for a `User` and the request is anonymous; use `#[authorize]` or `Option<User>`")
        })
    }
}

impl FromInvocation for Option<User> {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(invocation.user().cloned())
    }
}

impl FromInvocation for Reason {
    const SCOPE: Scope = Scope::Disconnected;

    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        invocation.reason().ok_or_else(|| {
            Failure::new("`Reason` is known in the disconnected callback only; remove the parameter")
        })
    }
}

impl FromInvocation for Cancellation {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::new(invocation.context().ended().clone()))
    }
}

impl FromInvocation for Caller {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::new(invocation.clone()))
    }
}

impl FromInvocation for Clients {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::of_call(invocation.clone()))
    }
}

impl FromInvocation for Groups {
    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::of_call(invocation.clone()))
    }
}

impl FromInvocation for State {
    const SCOPE: Scope = Scope::Methods;

    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::new(invocation.clone()))
    }
}

impl<T> FromInvocation for Progress<T> {
    const SCOPE: Scope = Scope::Methods;

    fn from_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        Ok(Self::new(invocation.clone()))
    }
}
