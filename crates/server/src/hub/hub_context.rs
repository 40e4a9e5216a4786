//! One hub, as code outside of it reaches its clients: a timer, a queue consumer, an HTTP handler.

use std::sync::Arc;

use crate::{
    hub::{
        clients::{Clients, FromOutside},
        entry::HubEntry,
        groups::Groups,
        signal,
        target::Reach,
    },
    server::Core,
};

/// One hub, from outside: its clients and groups, without a caller.
///
/// Got from [`Server::hub`](crate::Server::hub) or [`Server::hub_named`](crate::Server::hub_named); any spelling of the name reaches the
/// same clients. Cheap to clone and to keep.
///
/// # Examples
/// ```
/// use heliostat::{HubContext, SendError};
///
/// fn announce(chat: &HubContext, text: &str) -> Result<(), SendError> {
///     chat.clients().all().invoke("announcement", (text,))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HubContext(Reach);

impl HubContext {
    pub(crate) const fn new(core: Arc<Core>, hub: HubEntry) -> Self {
        Self(Reach { core, hub })
    }

    /// The declared name of the hub.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.hub.name().as_str()
    }

    /// The hub's clients.
    #[must_use]
    pub fn clients(&self) -> Clients<FromOutside> {
        Clients::from_outside(self.0.clone())
    }

    /// The hub's groups.
    #[must_use]
    pub fn groups(&self) -> Groups<FromOutside> {
        Groups::from_outside(self.0.clone())
    }

    /// Ends all connections on this server that are in a group of this hub, or were when they went away: their clients are told to stop
    /// and read `text`, as with [`Server::disconnect_because`](crate::Server::disconnect_because). Says how many there were.
    ///
    /// A connection has all its hubs: they end with it.
    ///
    /// # Examples
    /// ```
    /// fn close_room(chat: &heliostat::HubContext, room: &str) -> usize {
    ///     chat.disconnect_group(room, "this room was closed")
    /// }
    /// ```
    pub fn disconnect_group(&self, group: &str, text: &str) -> usize {
        let name = signal::qualified(self.0.hub.name(), group);
        self.0.core.disconnect_group(signal::GROUP_PREFIX, &name, text)
    }
}
