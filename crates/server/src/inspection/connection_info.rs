//! One SignalR connection, as an operator sees it.

use std::{collections::HashMap, hash::Hash, time::SystemTime};

use heliostat_proto::{
    connection::Reason, id::ConnectionId, name::UserId, protocol_version::ProtocolVersion,
    transport_kind::TransportKind,
};
use serde::{Serialize, Serializer};

use super::{moment, optional_moment};
use crate::server::Server;

/// What a server knows about one SignalR connection at one moment. Written as JSON by its `Serialize`.
///
/// # Examples
/// ```
/// use heliostat::Server;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().build()?;
/// // What a page for operators shows.
/// let json = serde_json::to_string(&server.connections())?;
/// assert_eq!(json, "[]");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its id.
    pub id: ConnectionId,
    /// Its user, if it has one.
    #[serde(serialize_with = "optional_text")]
    pub user: Option<UserId>,
    /// What carries it, or carried it last; none if only its start request has come.
    #[serde(serialize_with = "optional_text")]
    pub transport: Option<TransportKind>,
    /// The protocol that its client speaks.
    #[serde(serialize_with = "optional_text")]
    pub protocol_version: Option<ProtocolVersion>,
    /// The path at which its endpoint is mapped.
    pub endpoint: String,
    /// Since when this server knows it.
    #[serde(serialize_with = "moment")]
    pub since: SystemTime,
    /// How it is.
    pub state: ConnectionState,
    /// When something last came from its client: a request, a message, or the answer to a ping.
    #[serde(serialize_with = "moment")]
    pub last_heard: SystemTime,
    /// When something was last written to its client, keep-alives too.
    #[serde(serialize_with = "optional_moment")]
    pub last_written: Option<SystemTime>,
    /// How far its reading is behind, in messages: at most so many wait for it. Counted only while it has a transport connection.
    pub lag: u64,
    /// Bytes of messages that came from its client.
    pub bytes_read: u64,
    /// Bytes that were written to its client, with their framing.
    pub bytes_written: u64,
    /// Its groups, each with the name of its hub or connection type before it: `ChatHub.lobby`.
    pub groups: Vec<String>,
}

/// How a SignalR connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "name")]
#[non_exhaustive]
pub enum ConnectionState {
    /// Its client has not started yet.
    Connecting,
    /// It has a transport connection.
    Connected,
    /// Its client may still come back: it has no transport connection (between two polls this is so for a moment), or has
    /// not been heard on its WebSocket for two keep-alives.
    Away {
        /// Since when.
        #[serde(serialize_with = "moment")]
        since: SystemTime,
    },
    /// It is over. What is shown is what is left, until its id is forgotten.
    Ended {
        /// Why.
        #[serde(serialize_with = "debug")]
        reason: Reason,
    },
}

impl ConnectionState {
    const fn is_over(self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

fn optional_text<T: std::fmt::Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn debug<T: std::fmt::Debug, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:?}"))
}

impl Server {
    /// All connections that this server knows, those that ended a short while ago too, in no order.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{ConnectionState, Server};
    ///
    /// fn away(server: &Server) -> usize {
    ///     let connections = server.connections();
    ///     connections.iter().filter(|connection| matches!(connection.state, ConnectionState::Away { .. })).count()
    /// }
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.core.registry.all().iter().filter_map(|(id, known)| known.info(&self.core, *id)).collect()
    }

    /// One connection, if this server knows it.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{ConnectionId, Server};
    ///
    /// fn is_behind(server: &Server, id: ConnectionId) -> bool {
    ///     server.connection(id).is_some_and(|connection| connection.lag > 100)
    /// }
    /// ```
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        self.core.registry.find(id)?.info(&self.core, id)
    }

    /// How many connections each user has on this server, without those that ended.
    ///
    /// # Examples
    /// ```
    /// # fn online(server: &heliostat::Server) -> Vec<String> {
    /// let online = server.connections_by_user().into_keys().map(|user| user.to_string());
    /// # online.collect() }
    /// ```
    #[must_use]
    pub fn connections_by_user(&self) -> HashMap<UserId, usize> {
        self.count_by(|connection| connection.user)
    }

    /// How many connections on this server are in each group, without those that ended. Groups are named as in
    /// [`ConnectionInfo::groups`].
    ///
    /// # Examples
    /// ```
    /// fn in_lobby(server: &heliostat::Server) -> usize {
    ///     server.connections_by_group().get("ChatHub.lobby").copied().unwrap_or(0)
    /// }
    /// ```
    #[must_use]
    pub fn connections_by_group(&self) -> HashMap<String, usize> {
        self.count_by(|connection| connection.groups)
    }

    fn count_by<K: Eq + Hash, I: IntoIterator<Item = K>>(
        &self,
        keys: impl Fn(ConnectionInfo) -> I,
    ) -> HashMap<K, usize> {
        let mut counts = HashMap::new();
        for connection in self.connections().into_iter().filter(|connection| !connection.state.is_over()) {
            for key in keys(connection) {
                *counts.entry(key).or_default() += 1;
            }
        }
        counts
    }
}
