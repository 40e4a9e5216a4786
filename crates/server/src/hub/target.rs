//! A call to clients: who gets it, what it says.
//!
//! The call is serialised once; every topic it goes to shares the same bytes (spec 8.2). "Done" means handed to the bus, not received:
//! there is no answer from clients in this protocol.

use std::{borrow::Borrow, sync::Arc};

use bytes::Bytes;
use heliostat_proto::{
    classic::{ClientInvocation, ClientInvocationError},
    id::ConnectionId,
};

use crate::{
    encoded::Outgoing,
    hub::{
        client_arguments::{Arguments, AsArray},
        entry::HubEntry,
        invocation::Invocation,
        pipeline::OutgoingMessage,
        signal::{Address, Signal},
    },
    server::Core,
};

/// What most calls take, in bytes: to grow costs more than a little too much room.
const ROOM_FOR_CALL: usize = 192;

/// One hub of one server: where calls to clients start.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) core: Arc<Core>,
    pub(crate) hub: HubEntry,
}

impl Reach {
    pub(crate) fn of_call(invocation: &Invocation) -> Self {
        Self { core: Arc::clone(&invocation.context().core), hub: invocation.entry().clone() }
    }

    pub(crate) fn address(&self, signal: Signal<'_>) -> Address {
        signal.address(self.hub.name())
    }
}

/// The receivers of a call to clients.
///
/// Made by [`Clients`](crate::Clients). Cheap to keep and to use many times.
///
/// # Examples
/// ```
/// # fn f(clients: heliostat::Clients) -> Result<(), heliostat::SendError> {
/// let everyone = clients.all();
/// everyone.invoke("addMessage", ("ann", "hi"))?;
/// everyone.invoke("done", ())?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a target does nothing by itself; call `invoke` on it"]
pub struct Target {
    reach: Reach,
    addresses: Result<Vec<Address>, TargetError>,
    except: Vec<ConnectionId>,
    caller: Option<Invocation>,
}

/// Why a target names nobody that could exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A group without a name.
    #[error("the name of a group is empty; give it at least one character")]
    EmptyGroup,
    /// A user without an id.
    #[error("the id of a user is empty; anonymous connections cannot be addressed as users")]
    EmptyUser,
}

/// Why a call did not go out to clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The target names nobody that could exist.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// One of the arguments cannot be written as JSON.
    #[error("the call of '{method}' cannot be written: {source}")]
    Serialization {
        /// The client's method.
        method: String,
        /// What is wrong with the arguments.
        source: ClientInvocationError,
    },
}

impl Target {
    pub(crate) const fn new(reach: Reach, addresses: Vec<Address>) -> Self {
        Self::try_new(reach, Ok(addresses))
    }

    pub(crate) const fn try_new(reach: Reach, addresses: Result<Vec<Address>, TargetError>) -> Self {
        Self { reach, addresses, except: Vec::new(), caller: None }
    }

    pub(crate) fn caller(invocation: &Invocation) -> Self {
        let reach = Reach::of_call(invocation);
        let address = reach.address(Signal::Connection(invocation.connection_id()));
        Self { caller: Some(invocation.clone()), ..Self::new(reach, vec![address]) }
    }

    pub(crate) fn except(mut self, ids: impl IntoIterator<Item: Borrow<ConnectionId>>) -> Self {
        self.except.extend(ids.into_iter().map(|id| *id.borrow()));
        self
    }

    /// Calls `method` on these clients. The name is compared without case by clients; who has no handler for it ignores the call.
    ///
    /// Never waits. Messages from one task to one client arrive in order.
    ///
    /// # Errors
    /// The target has an empty name in it, or an argument cannot be written as JSON.
    pub fn invoke(&self, method: &str, arguments: impl Arguments) -> Result<(), SendError> {
        let addresses = self.addresses.as_ref().map_err(|error| *error)?;
        let hub = &self.reach.hub;
        let state = self.caller.as_ref().and_then(|invocation| invocation.call()?.state.changes());
        let mut json = Vec::with_capacity(ROOM_FOR_CALL);
        ClientInvocation {
            hub: hub.name().as_str(),
            method,
            arguments: &AsArray(&arguments),
            state: state.as_ref(),
        }
        .encode(&mut json)
        .map_err(|source| SendError::Serialization { method: method.to_owned(), source })?;
        let json = Bytes::from(json);
        let message = OutgoingMessage::new(hub.name().as_str(), method, &json);
        hub.pipeline().outgoing(&message, || {
            for Address { topic, of } in addresses {
                let message = Outgoing::call(json.clone(), &self.except, of.clone());
                self.reach.core.publish_payload(topic, message);
            }
        });
        Ok(())
    }
}
