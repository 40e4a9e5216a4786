//! Whom a hub can call: all, some, one, users, groups; inside a call also the caller and everybody else.
//!
//! Choosing costs nothing on the bus: a [`Target`] is a list of topics, and topics exist only while somebody reads them.

use std::borrow::Borrow;

use heliostat_proto::id::ConnectionId;

use crate::hub::{
    invocation::Invocation,
    signal::{Address, Signal},
    target::{Reach, Target, TargetError},
};

/// The clients of one hub.
///
/// Handlers ask for `Clients`, which know the caller. Outside handlers a [`HubContext`](crate::HubContext) gives
/// `Clients<FromOutside>`, which do not.
///
/// A connection that two targets of one call have in common (two groups, a user listed twice) gets the call twice, as in the original.
/// Empty lists reach nobody and are no error; empty names are one.
///
/// # Examples
/// ```
/// use heliostat::{Clients, SendError, hub};
///
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {
///     fn send(&self, clients: Clients, room: String, text: String) -> Result<(), SendError> {
///         clients.others_in_group(&room).invoke("message", (&room, &text))?;
///         clients.caller().invoke("sent", ())
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Clients<C = FromCall> {
    reach: Reach,
    origin: C,
}

/// Marks [`Clients`] and [`Groups`](crate::Groups) of a running handler: they know the caller.
#[derive(Clone, Debug)]
pub struct FromCall(pub(crate) Invocation);

/// Marks [`Clients`] and [`Groups`](crate::Groups) of a [`HubContext`](crate::HubContext): there is no caller.
#[derive(Clone, Debug)]
pub struct FromOutside(());

impl FromOutside {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl Clients<FromOutside> {
    pub(crate) const fn from_outside(reach: Reach) -> Self {
        Self { reach, origin: FromOutside::new() }
    }
}

impl<C> Clients<C> {
    /// Every connection that listed the hub.
    pub fn all(&self) -> Target {
        self.one(Signal::Everyone)
    }

    /// Every connection but these.
    pub fn all_except(&self, ids: impl IntoIterator<Item: Borrow<ConnectionId>>) -> Target {
        self.all().except(ids)
    }

    /// One connection, wherever it lives.
    pub fn client(&self, id: impl Borrow<ConnectionId>) -> Target {
        self.one(Signal::Connection(*id.borrow()))
    }

    /// Exactly these connections.
    pub fn clients(&self, ids: impl IntoIterator<Item: Borrow<ConnectionId>>) -> Target {
        let address = |id: ConnectionId| self.reach.address(Signal::Connection(id));
        self.addressed(Ok(ids.into_iter().map(|id| address(*id.borrow())).collect()))
    }

    /// The members of one group.
    pub fn group(&self, name: impl AsRef<str>) -> Target {
        self.addressed(self.named(Signal::Group(name.as_ref())).map(|address| vec![address]))
    }

    /// The members of these groups.
    pub fn groups(&self, names: impl IntoIterator<Item: AsRef<str>>) -> Target {
        self.addressed(names.into_iter().map(|name| self.named(Signal::Group(name.as_ref()))).collect())
    }

    /// The members of one group but these.
    pub fn group_except(
        &self,
        name: impl AsRef<str>,
        ids: impl IntoIterator<Item: Borrow<ConnectionId>>,
    ) -> Target {
        self.group(name).except(ids)
    }

    /// All connections of one user. User ids are compared with case.
    pub fn user(&self, id: impl AsRef<str>) -> Target {
        self.addressed(self.named(Signal::User(id.as_ref())).map(|address| vec![address]))
    }

    /// All connections of these users.
    pub fn users(&self, ids: impl IntoIterator<Item: AsRef<str>>) -> Target {
        self.addressed(ids.into_iter().map(|id| self.named(Signal::User(id.as_ref()))).collect())
    }

    fn one(&self, signal: Signal<'_>) -> Target {
        self.addressed(Ok(vec![self.reach.address(signal)]))
    }

    fn addressed(&self, addresses: Result<Vec<Address>, TargetError>) -> Target {
        Target::try_new(self.reach.clone(), addresses)
    }

    /// The address of what an application gave a name.
    fn named(&self, signal: Signal<'_>) -> Result<Address, TargetError> {
        match signal {
            Signal::Group("") => Err(TargetError::EmptyGroup),
            Signal::User("") => Err(TargetError::EmptyUser),
            Signal::Group(_) | Signal::User(_) | Signal::Everyone | Signal::Connection(_) => {
                Ok(self.reach.address(signal))
            }
        }
    }
}

impl Clients {
    pub(crate) fn of_call(invocation: Invocation) -> Self {
        Self { reach: Reach::of_call(&invocation), origin: FromCall(invocation) }
    }

    /// The connection that calls. Its copy of the call carries the state that the handler has changed.
    pub fn caller(&self) -> Target {
        Target::caller(&self.origin.0)
    }

    /// Every connection but the caller.
    pub fn others(&self) -> Target {
        self.all_except([self.origin.0.connection_id()])
    }

    /// The members of one group but the caller, who need not be a member.
    pub fn others_in_group(&self, name: impl AsRef<str>) -> Target {
        self.group(name).except([self.origin.0.connection_id()])
    }

    /// The members of these groups but the caller.
    pub fn others_in_groups(&self, names: impl IntoIterator<Item: AsRef<str>>) -> Target {
        self.groups(names).except([self.origin.0.connection_id()])
    }
}
