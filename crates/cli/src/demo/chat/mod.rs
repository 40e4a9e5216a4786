//! A chat with rooms: groups, callbacks with names, and what happens when somebody vanishes.
//!
//! The rooms live in a field of the hub, because one hub object serves all calls. They are kept in [`rooms`], which knows
//! nothing of connections and messages and is tested alone; this file only says who is told what.

mod rooms;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heliostat::{
    Clients, ConnectionId, Failure, Groups, HubError, Reason, Request, SendError, hub, hub_client,
};
use serde::Serialize;

use rooms::{Entry, Refused, Rooms};

/// What a chat page can be told.
#[hub_client]
pub(crate) trait ChatClient {
    fn message(&self, room: &str, name: &str, text: &str) -> Result<(), SendError>;
    fn joined(&self, room: &str, name: &str) -> Result<(), SendError>;
    fn left(&self, room: &str, name: &str) -> Result<(), SendError>;
    fn renamed(&self, room: &str, before: &str, after: &str) -> Result<(), SendError>;
}

/// A room as somebody sees who just came in.
#[derive(Debug, Serialize)]
pub(crate) struct RoomView {
    room: String,
    you: String,
    people: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct ChatHub {
    rooms: Mutex<Rooms>,
}

#[hub]
impl ChatHub {
    /// Somebody came; whoever gave a name in the address gets it.
    #[connected]
    async fn on_connected(&self, id: ConnectionId, request: Arc<Request>) -> Result<(), Failure> {
        self.rooms().arrive(id, request.query("user")).map_err(HubError::from)?;
        Ok(())
    }

    /// Somebody came back. If the server was restarted in between, it knows them no more, and they keep their name.
    #[reconnected]
    async fn on_reconnected(&self, id: ConnectionId, request: Arc<Request>) -> Result<(), Failure> {
        self.on_connected(id, request).await
    }

    /// Enters a room; entering it twice is no mistake, so a page may do it again after a reconnect.
    async fn join(
        &self,
        id: ConnectionId,
        clients: Clients,
        groups: Groups,
        room: String,
    ) -> Result<RoomView, Failure> {
        let entry = self.rooms().join(id, &room).map_err(HubError::from)?;
        // Whoever is told about a room must already hear what is said in it.
        groups.join(&room).await?;
        let (Entry::New(you) | Entry::Again(you)) = &entry;
        if let Entry::New(name) = &entry {
            clients.others_in_group(&room).joined(&room, name)?;
        }
        Ok(RoomView { you: you.clone(), people: self.rooms().people(&room), room })
    }

    async fn leave(
        &self,
        id: ConnectionId,
        clients: Clients,
        groups: Groups,
        room: String,
    ) -> Result<(), Failure> {
        groups.leave(&room).await?;
        if let Some(name) = self.rooms().leave(id, &room) {
            clients.group(&room).left(&room, &name)?;
        }
        Ok(())
    }

    fn say(&self, id: ConnectionId, clients: Clients, room: String, text: String) -> Result<(), Failure> {
        let (name, text) = self.rooms().speak(id, &room, &text).map_err(HubError::from)?;
        clients.group(&room).message(&room, &name, &text)?;
        Ok(())
    }

    /// Changes the caller's name everywhere, and returns it as it was accepted.
    fn rename(&self, id: ConnectionId, clients: Clients, name: String) -> Result<String, Failure> {
        let change = self.rooms().rename(id, &name).map_err(HubError::from)?;
        for room in &change.rooms {
            clients.group(room).renamed(room, &change.before, &change.after)?;
        }
        Ok(change.after)
    }

    fn who(&self, room: String) -> Vec<String> {
        self.rooms().people(&room)
    }

    #[disconnected]
    async fn on_disconnected(&self, id: ConnectionId, clients: Clients, reason: Reason) {
        let Some((name, rooms)) = self.rooms().forget(id) else { return };
        tracing::debug!(connection = %id, ?reason, rooms = rooms.len(), "left the chat");
        for room in rooms {
            // Groups need no tidying: membership ends with the connection.
            if let Err(error) = clients.group(&room).left(&room, &name) {
                tracing::debug!(connection = %id, %error, "nobody could be told that somebody left");
            }
        }
    }
}

impl ChatHub {
    /// Never held across an `.await`. A panic elsewhere leaves no half-made change behind, so poison is no reason to stop.
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was wrong is meant for the person at the page.
impl From<Refused> for HubError {
    fn from(refused: Refused) -> Self {
        Self::new(refused.to_string())
    }
}
