//! A persistent connection without hubs: what a client sends comes back to it, or goes to everybody.

use heliostat::{Connection, Failure, PersistentConnection};

/// A text that begins with this goes to all connections, the rest only to its sender.
const TO_ALL: &str = "broadcast:";

#[derive(Debug)]
pub(crate) struct EchoConnection;

impl PersistentConnection for EchoConnection {
    async fn received(&self, connection: &Connection, data: &str) -> Result<(), Failure> {
        match data.strip_prefix(TO_ALL) {
            Some(text) => connection.everyone().broadcast(text)?,
            None => connection.send(data)?,
        }
        Ok(())
    }
}
