//! Joining and leaving groups, wherever the connection lives.
//!
//! Membership belongs to the transport connection that reads the groups' topics, so a change is a *command* in the connection's own
//! topic. It takes effect at its own number in the log, which makes "joined, then sent to the group" exact, and it is replayed
//! like any message when the client comes back with an older cursor. The caller waits until the command has been carried out
//! (spec 5.9).

use std::{sync::Arc, time::Duration};

use heliostat_proto::id::ConnectionId;
use tokio::sync::mpsc;

use crate::{
    encoded::{Command, Outgoing},
    server::Core,
    topic,
};

/// How long a change waits for its connection (spec 5.9: 30 s).
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(30);

/// Into a group or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    Join,
    Leave,
}

/// Why a group membership was not changed.
///
/// # Examples
/// ```
/// use heliostat::{ConnectionId, GroupError, Server, hub};
///
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {}
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().hub(ChatHub).build()?;
/// let chat = server.hub::<ChatHub>().ok_or("there is no ChatHub")?;
/// let gone = ConnectionId::parse("0f0e0d0c-0b0a-0908-0706-050403020100")?;
/// let refused = chat.groups().add(gone, "lobby").await;
/// assert!(matches!(refused, Err(GroupError::NotConnected { connection, .. }) if connection == gone));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// There is no such connection.
    #[error(
        "connection {connection} is not connected, so it cannot join or leave group '{group}'; check the id"
    )]
    NotConnected {
        /// The connection that should have joined or left.
        connection: ConnectionId,
        /// The group, with the name of its hub.
        group: String,
    },
    /// The connection is away and did not come back in time to carry the change out. It may still, when it does come back.
    #[error(
        "connection {connection} did not take the change to group '{group}' within {within:?}: it is away; \
         make the change when it has reconnected"
    )]
    NotAcknowledged {
        /// The connection that should have joined or left.
        connection: ConnectionId,
        /// The group, with the name of its hub.
        group: String,
        /// How long the caller waited.
        within: Duration,
    },
    /// The name of a group must not be empty.
    #[error("a group's name is empty; give it at least one character")]
    EmptyName,
}

impl Core {
    /// Asks the connection's reader to join or leave and waits until it has.
    pub(crate) async fn change_group(
        &self,
        id: ConnectionId,
        group: String,
        change: Membership,
    ) -> Result<(), GroupError> {
        let (acknowledge, mut acknowledged) = mpsc::channel(1);
        let command = match change {
            Membership::Join => Command::AddToGroup { group: group.clone(), acknowledge },
            Membership::Leave => Command::RemoveFromGroup { group: group.clone(), acknowledge },
        };
        self.publish_payload(&topic::of_connection(id), Arc::new(Outgoing::Command(command)));
        match tokio::time::timeout(ACKNOWLEDGE_WITHIN, acknowledged.recv()).await {
            Ok(Some(())) => Ok(()),
            // The channel closes without a word when the log lets go of the command: nobody will ever read it.
            Ok(None) => Err(GroupError::NotConnected { connection: id, group }),
            Err(_) => Err(GroupError::NotAcknowledged { connection: id, group, within: ACKNOWLEDGE_WITHIN }),
        }
    }
}
