//! The topic that every connection has for itself.
//!
//! Commands, progress reports and whatever is for this connection alone travel here. All other topics belong to the application
//! above (spec 7.6).

use heliostat_proto::id::ConnectionId;

const PREFIX: &str = "c-";

/// `c-<id>`: read by that connection alone.
pub(crate) fn of_connection(id: ConnectionId) -> String {
    let mut topic = String::with_capacity(PREFIX.len() + ConnectionId::TEXT_LENGTH);
    topic.push_str(PREFIX);
    // Ids are ASCII. Every connect, command and call to one connection needs this text, and formatting costs several times as much.
    topic.push_str(std::str::from_utf8(&id.to_text()).unwrap_or_default());
    topic
}
