//! The layer below hubs: raw text from clients, JSON values to one, to all, to groups (spec 2 to 5).
//!
//! The order of callbacks is the connection layer's promise; [`PersistentConnection`] states it.

use std::{any::type_name, fmt, future::Future, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use heliostat_bus::TopicName;
use heliostat_proto::{
    connection::Reason,
    id::ConnectionId,
    json,
    name::{GroupName, HubName, UserId},
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    application::{About, Admission, Application, Context, Handling, Received, Refusal},
    begun::Begun,
    failure::Failure,
    groups::{GroupError, Membership},
    http::request::Request,
    server::Core,
    topic, trace,
};

/// A connection type of the application's own, mapped at a path with [`ServerBuilder::map`](crate::ServerBuilder::map).
///
/// One value serves all its connections.
///
/// # Order
/// What holds for one SignalR connection on one server, whatever races:
/// * `connected`, `reconnected` and `disconnected` run one at a time, each to its end, in the order of what happened, on a task of
///   their own. `connected` is first and runs at most once; `disconnected` is last and runs exactly once if another ran before.
/// * `received` stands beside them. Over WebSockets messages begin in the order in which they came, but one that waits does not hold up
///   the next. None begins while `connected` is due or running.
/// * An error or a panic is that call's failure: it is logged, and the next handler runs.
///
/// `ARCHITECTURE.md` names the tests that prove it.
///
/// # Examples
/// ```
/// use heliostat::{Connection, EndpointOptions, Failure, PersistentConnection, Server};
///
/// struct Echo;
///
/// impl PersistentConnection for Echo {
///     async fn received(&self, connection: &Connection, data: &str) -> Result<(), Failure> {
///         Ok(connection.send(data)?)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().map("/echo", Echo, EndpointOptions::default()).build()?;
/// # Ok(()) }
/// ```
pub trait PersistentConnection: Send + Sync + 'static {
    /// Whether a request may come in. Asked for every request: negotiate, ping and sends too. Default: everyone.
    fn authorize(&self, request: &Request) -> impl Future<Output = Access> + Send {
        let _ = request;
        std::future::ready(Access::Allowed)
    }

    /// A SignalR connection has begun. Its `start` completes after this; an error or a panic makes it fail.
    ///
    /// Runs at most once, before every other lifetime handler; never for a connection that came from another server.
    fn connected(&self, connection: &Connection) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = connection;
        std::future::ready(Ok(()))
    }

    /// The client sent `data`. An error or a panic answers its send with 500; over WebSockets it is only logged.
    ///
    /// May run beside other messages, `reconnected` and `disconnected`, and goes on when the connection ends: look at
    /// [`Connection::ended`] if it takes long.
    fn received(
        &self,
        connection: &Connection,
        data: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = (connection, data);
        std::future::ready(Ok(()))
    }

    /// The client has a new transport connection, perhaps after another server failed: `connected` may never have run here.
    ///
    /// Runs once for each return, after `connected` if that is due. Nobody waits for it: messages may arrive and leave meanwhile.
    fn reconnected(&self, connection: &Connection) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = connection;
        std::future::ready(Ok(()))
    }

    /// Which of the groups in the client's token it is still in. Default: all. A removed member can bring an old token, so verify
    /// here what matters (spec 4.2).
    ///
    /// Asked for each receive request before its transport connection is opened, on that request's own task; it may run beside every
    /// other handler and must not block.
    fn rejoining_groups(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        let _ = request;
        groups
    }

    /// The SignalR connection is over. The client cannot be reached any more.
    ///
    /// Runs exactly once, as the last lifetime handler, if `connected` or `reconnected` was due before; otherwise not at all. A shutdown
    /// runs it with [`Reason::ShuttingDown`]; [`Server::drain`](crate::Server::drain) does not run it for clients that move. A client
    /// that comes back when the server has forgotten it (at once with [`LateReturn::Continue`](crate::LateReturn::Continue)) is a new
    /// connection with an old id, and its `reconnected` follows.
    fn disconnected(&self, connection: &Connection, reason: Reason) -> impl Future<Output = ()> + Send {
        let _ = (connection, reason);
        std::future::ready(())
    }
}

/// Whether a request may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// It may not: 403 if the user is known, 401 otherwise.
    Denied,
}

/// Why a value could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionSendError {
    /// The value cannot be written as JSON.
    #[error("the value cannot be written as JSON: {0}; check its `Serialize` (map keys must be strings)")]
    NotJson(#[from] json::JsonError),
    /// A group's name must not be empty.
    #[error("a group's name is empty; give it at least one character")]
    EmptyGroup,
}

/// One SignalR connection, as its callbacks see it. Cheap to clone, and good beyond the callback.
#[derive(Clone, Debug)]
pub struct Connection {
    context: Context,
    reach: PersistentContext,
}

impl Connection {
    /// The connection id: the same over all reconnects.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.context.id
    }

    /// The request behind this callback.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.context.request
    }

    /// Cancelled when the SignalR connection ends.
    #[must_use]
    pub fn ended(&self) -> &CancellationToken {
        self.context.ended()
    }

    /// Sends to this connection.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn send(&self, value: impl Serialize) -> Result<(), ConnectionSendError> {
        self.reach.send(self.id(), value)
    }

    /// Sends to all connections of this type but this one.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn broadcast_to_others(&self, value: impl Serialize) -> Result<(), ConnectionSendError> {
        self.reach.broadcast_except(value, &[self.id()])
    }

    /// Joins a group; resolves when messages to the group reach this connection.
    ///
    /// # Errors
    /// If the connection does not take part for 30 s, or the name is empty.
    pub async fn join(&self, group: &str) -> Result<(), GroupError> {
        self.reach.add_to_group(self.id(), group).await
    }

    /// Leaves a group; resolves when messages to the group reach this connection no more.
    ///
    /// # Errors
    /// If the connection does not take part for 30 s, or the name is empty.
    pub async fn leave(&self, group: &str) -> Result<(), GroupError> {
        self.reach.remove_from_group(self.id(), group).await
    }

    /// All connections of this type.
    #[must_use]
    pub const fn everyone(&self) -> &PersistentContext {
        &self.reach
    }
}

/// All connections of one persistent connection type, from anywhere. Cheap to clone: give it to background tasks.
#[derive(Clone)]
pub struct PersistentContext {
    core: Arc<Core>,
    name: &'static str,
}

impl fmt::Debug for PersistentContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistentContext").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PersistentContext {
    pub(crate) const fn new(core: Arc<Core>, name: &'static str) -> Self {
        Self { core, name }
    }

    /// Sends to one connection.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn send(&self, id: ConnectionId, value: impl Serialize) -> Result<(), ConnectionSendError> {
        self.core.publish(&topic::of_connection(id), Bytes::from(json::to_json(&value)?), &[]);
        Ok(())
    }

    /// Sends to all connections of this type.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn broadcast(&self, value: impl Serialize) -> Result<(), ConnectionSendError> {
        self.broadcast_except(value, &[])
    }

    /// Sends to all connections of this type but these.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn broadcast_except(
        &self,
        value: impl Serialize,
        except: &[ConnectionId],
    ) -> Result<(), ConnectionSendError> {
        self.core.publish(&broadcast_topic(self.name), Bytes::from(json::to_json(&value)?), except);
        Ok(())
    }

    /// Sends to the members of a group.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, or the group's name is empty.
    pub fn send_to_group(&self, group: &str, value: impl Serialize) -> Result<(), ConnectionSendError> {
        self.send_to_group_except(group, value, &[])
    }

    /// Sends to the members of a group but these.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, or the group's name is empty.
    pub fn send_to_group_except(
        &self,
        group: &str,
        value: impl Serialize,
        except: &[ConnectionId],
    ) -> Result<(), ConnectionSendError> {
        if group.is_empty() {
            return Err(ConnectionSendError::EmptyGroup);
        }
        let topic = format!("{GROUP_PREFIX}{}", qualified(self.name, group));
        self.core.publish(&topic, Bytes::from(json::to_json(&value)?), except);
        Ok(())
    }

    /// Adds a connection to a group; resolves when messages to the group reach it.
    ///
    /// # Errors
    /// If the connection does not take part for 30 s, or the name is empty.
    pub async fn add_to_group(&self, id: ConnectionId, group: &str) -> Result<(), GroupError> {
        self.change(id, group, Membership::Join).await
    }

    /// Removes a connection from a group; resolves when messages to the group reach it no more.
    ///
    /// # Errors
    /// If the connection does not take part for 30 s, or the name is empty.
    pub async fn remove_from_group(&self, id: ConnectionId, group: &str) -> Result<(), GroupError> {
        self.change(id, group, Membership::Leave).await
    }

    /// Ends all connections on this server that are in a group, or were when they went away: their clients are told to stop and read
    /// `text`, as with [`Server::disconnect_because`](crate::Server::disconnect_because). Says how many there were.
    ///
    /// # Examples
    /// ```
    /// fn close_room(everyone: &heliostat::PersistentContext, room: &str) -> usize {
    ///     everyone.disconnect_group(room, "this room was closed")
    /// }
    /// ```
    pub fn disconnect_group(&self, group: &str, text: &str) -> usize {
        self.core.disconnect_group(GROUP_PREFIX, &qualified(self.name, group), text)
    }

    async fn change(&self, id: ConnectionId, group: &str, change: Membership) -> Result<(), GroupError> {
        if group.is_empty() {
            return Err(GroupError::EmptyName);
        }
        self.core.change_group(id, qualified(self.name, group), change).await
    }
}

const GROUP_PREFIX: &str = "pcg-";

fn broadcast_topic(name: &str) -> String {
    format!("pc-{name}")
}

/// Groups of equal names in two types are different groups.
fn qualified(name: &str, group: &str) -> String {
    format!("{name}.{group}")
}

/// Makes a persistent connection type what the connection layer expects.
pub(crate) struct PersistentApplication<C> {
    connection: Arc<C>,
}

impl<C> fmt::Debug for PersistentApplication<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<C>())
    }
}

impl<C: PersistentConnection> PersistentApplication<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self { connection: Arc::new(connection) }
    }
}

impl<C: PersistentConnection> Application for PersistentApplication<C> {
    fn admit(&self, request: Arc<Request>) -> Begun<Result<Arc<dyn Admission>, Refusal>> {
        let connection = Arc::clone(&self.connection);
        let admitted = async move {
            match connection.authorize(&request).await {
                Access::Denied => Err(Refusal::NotAuthorized),
                Access::Allowed => {
                    let admission: Arc<dyn Admission> = Arc::new(PersistentAdmission { connection, request });
                    Ok(admission)
                }
            }
        };
        Begun::with(admitted.boxed())
    }

    fn group_prefix(&self) -> &'static str {
        GROUP_PREFIX
    }

    fn script(&self, _: &str) -> Option<String> {
        None
    }
}

struct PersistentAdmission<C> {
    connection: Arc<C>,
    request: Arc<Request>,
}

impl<C> fmt::Debug for PersistentAdmission<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<C>())
    }
}

impl<C: PersistentConnection> PersistentAdmission<C> {
    fn handle(context: Context) -> Connection {
        let reach = PersistentContext::new(Arc::clone(&context.core), type_name::<C>());
        Connection { context, reach }
    }
}

impl<C: PersistentConnection> Admission for PersistentAdmission<C> {
    fn request(&self) -> &Arc<Request> {
        &self.request
    }

    fn topics(&self, _: Option<&UserId>) -> Vec<TopicName> {
        let mut topics = Vec::with_capacity(2);
        topics.push(TopicName::from(broadcast_topic(type_name::<C>())));
        topics
    }

    fn hears(&self, _: &HubName) -> bool {
        false
    }

    fn rejoining_groups(&self, groups: Vec<String>) -> Vec<String> {
        let prefix = qualified(type_name::<C>(), "");
        let mine =
            groups.iter().filter_map(|group| GroupName::parse(group.strip_prefix(&prefix)?).ok()).collect();
        let kept = self.connection.rejoining_groups(&self.request, mine);
        kept.iter().map(|group| format!("{prefix}{}", group.as_str())).collect()
    }

    fn connected(&self, about: About<'_>) -> Option<Handling> {
        let (connection, context) = (Arc::clone(&self.connection), about.context());
        Some(async move { connection.connected(&Self::handle(context)).await }.boxed())
    }

    fn reconnected(&self, about: About<'_>) -> Option<Handling> {
        let (connection, context) = (Arc::clone(&self.connection), about.context());
        Some(async move { connection.reconnected(&Self::handle(context)).await }.boxed())
    }

    fn disconnected(&self, about: About<'_>, reason: Reason) -> Option<Handling> {
        let (connection, context) = (Arc::clone(&self.connection), about.context());
        let work = async move {
            connection.disconnected(&Self::handle(context), reason).await;
            Ok(())
        };
        Some(work.boxed())
    }

    fn received(&self, context: Context, data: &str) -> Begun<Received> {
        let (connection, data) = (Arc::clone(&self.connection), data.to_owned());
        let handled = async move {
            let work = std::panic::AssertUnwindSafe(async {
                connection.received(&Self::handle(context), &data).await
            });
            match work.catch_unwind().await {
                Ok(Ok(())) => Received::Nothing,
                Ok(Err(failure)) => Received::Failed(failure),
                Err(_) => {
                    tracing::error!(target: trace::PERSISTENT_CONNECTION, "a persistent connection's handler panicked; its connection goes on");
                    Received::Failed(Failure::new("the handler panicked"))
                }
            }
        };
        Begun::with(handled.boxed())
    }
}
