//! Joining and leaving the groups of one hub.
//!
//! Groups are per hub: equal names in two hubs are different groups. A group exists while it has members; there is no list of groups or
//! members, and groups are no security boundary (spec 7.8).

use std::{borrow::Borrow, sync::Arc};

use heliostat_proto::id::ConnectionId;

use crate::{
    groups::{GroupError, Membership},
    hub::{
        clients::{FromCall, FromOutside},
        invocation::Invocation,
        signal,
        target::Reach,
    },
};

/// The groups of one hub.
///
/// A change is done when the connection itself has taken it, wherever it lives; what is sent to the group after that reaches it. If the
/// connection is away, the change fails after 30 seconds; if it is over, at once. Membership ends with the connection; nobody needs to be removed.
///
/// # Examples
/// ```
/// use heliostat::{Clients, Failure, Groups, hub};
///
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {
///     async fn enter(&self, groups: Groups, clients: Clients, room: String) -> Result<(), Failure> {
///         groups.join(&room).await?;
///         clients.group(&room).invoke("entered", (&room,))?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Groups<C = FromCall> {
    reach: Reach,
    origin: C,
}

impl<C> Groups<C> {
    /// Adds a connection to a group. Adding it twice changes nothing.
    ///
    /// # Errors
    /// The name is empty, or nobody carried the change out within 30 seconds.
    pub async fn add(&self, id: impl Borrow<ConnectionId> + Send, group: &str) -> Result<(), GroupError> {
        self.change(*id.borrow(), group, Membership::Join).await
    }

    /// Takes a connection out of a group. Do not wait for it when a connection has ended: it has left all groups already.
    ///
    /// # Errors
    /// The name is empty, or nobody carried the change out within 30 seconds.
    pub async fn remove(&self, id: impl Borrow<ConnectionId> + Send, group: &str) -> Result<(), GroupError> {
        self.change(*id.borrow(), group, Membership::Leave).await
    }

    async fn change(&self, id: ConnectionId, group: &str, change: Membership) -> Result<(), GroupError> {
        if group.is_empty() {
            return Err(GroupError::EmptyName);
        }
        let group = signal::qualified(self.reach.hub.name(), group);
        Arc::clone(&self.reach.core).change_group(id, group, change).await
    }
}

impl Groups<FromOutside> {
    pub(crate) const fn from_outside(reach: Reach) -> Self {
        Self { reach, origin: FromOutside::new() }
    }
}

impl Groups {
    pub(crate) fn of_call(invocation: Invocation) -> Self {
        Self { reach: Reach::of_call(&invocation), origin: FromCall(invocation) }
    }

    /// Adds the caller to a group.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn join(&self, group: &str) -> Result<(), GroupError> {
        self.add(self.origin.0.connection_id(), group).await
    }

    /// Takes the caller out of a group.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn leave(&self, group: &str) -> Result<(), GroupError> {
        self.remove(self.origin.0.connection_id(), group).await
    }
}
