//! Sending clients away for good: one connection, all of a user, all of a group.
//!
//! It works on the connections that this server knows, whether they have a transport connection at the moment or are away: who is away
//! is told when it comes back. An ended connection takes nothing more from its client; its socket is cut if the client does not close it,
//! and its id is refused for as long as it could come back.

use std::sync::Arc;

use heliostat_proto::{connection::Input, id::ConnectionId, name::UserId};

use super::{Known, Record};
use crate::server::Core;

impl Core {
    /// Ends one connection; an empty text is the usual one. Says whether there was one to end.
    pub(crate) fn disconnect(self: &Arc<Self>, id: ConnectionId, text: &str) -> bool {
        let _runtime = self.enter();
        let record = self.registry.find(id).and_then(Known::record);
        record.is_some_and(|record| record.dismiss(self, Input::Disconnect, &text.into()))
    }

    pub(crate) fn disconnect_user(self: &Arc<Self>, user: &UserId, text: &str) -> usize {
        self.disconnect_all(text, |record| record.user(self).as_ref() == Some(user))
    }

    /// `name` is qualified by the hub or the connection type.
    pub(crate) fn disconnect_group(self: &Arc<Self>, prefix: &str, name: &str, text: &str) -> usize {
        self.disconnect_all(text, |record| record.is_in_group(prefix, name))
    }

    fn disconnect_all(self: &Arc<Self>, text: &str, is_meant: impl Fn(&Record) -> bool) -> usize {
        let _runtime = self.enter();
        let text: Arc<str> = text.into();
        let records = self.registry.records().into_iter();
        records.filter(|record| is_meant(record) && record.dismiss(self, Input::Disconnect, &text)).count()
    }
}
