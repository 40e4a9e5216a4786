//! The topic that every connection has for itself.
//!
//! Commands, progress reports and whatever is for this connection alone travel here. All other topics belong to the application
//! above (spec 7.6).

use heliostat_proto::id::ConnectionId;

/// `c-<id>`: read by that connection alone.
pub(crate) fn of_connection(id: ConnectionId) -> String {
    format!("c-{id}")
}
