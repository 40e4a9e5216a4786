//! Whether a client is there, and where it belongs.

use heliostat_proto::{
    connection::{Stage, State},
    name::UserId,
};

use super::Record;
use crate::{server::Core, transport::GroupsRead};

/// Where a connection's client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has had a transport connection for a moment and has not started. It is let start: a client that cannot does not try again.
    Connecting,
    Here,
    Away,
    Nobody,
}

impl Presence {
    pub(crate) const fn counts(self) -> bool {
        match self {
            Self::Connecting | Self::Here | Self::Away => true,
            Self::Nobody => false,
        }
    }
}

impl Record {
    /// Where its client is, for whoever wants to send it on.
    pub(crate) fn presence(&self, core: &Core) -> Presence {
        let state = *self.lock().machine.state();
        if let State::Attached { stage, link } = state {
            let is_late = link.opened_at + core.timeouts.transport_connect() <= core.now();
            return if stage == Stage::Initializing && !is_late {
                Presence::Connecting
            } else {
                Presence::Here
            };
        }
        // Nobody knows of those who went before they had started, others were never here, and tombstones keep nobody.
        let is_away = matches!(
            state,
            State::Silent { stage: Stage::Adopted | Stage::Started, .. }
                | State::Detached { stage: Stage::Adopted | Stage::Started, .. }
        );
        if is_away { Presence::Away } else { Presence::Nobody }
    }

    /// Whether it is in a group, now or when it was last there. `name` is qualified.
    pub(crate) fn is_in_group(&self, prefix: &str, name: &str) -> bool {
        let is_in = |groups: &GroupsRead| groups.prefix == prefix && groups.names.contains(name);
        let state = self.lock();
        let reads = state.link.as_ref().and_then(|link| link.with_reader(|reader| is_in(reader.groups())));
        reads.unwrap_or_else(|| state.left.as_ref().is_some_and(|left| is_in(&left.groups)))
    }

    /// Whether a transport connection is open.
    pub(crate) fn has_link(&self) -> bool {
        self.lock().link.is_some()
    }

    /// Its user, as far as its requests say.
    pub(crate) fn user(&self, core: &Core) -> Option<UserId> {
        let owner = self.lock().owner.clone();
        // The application's own code, so not under the lock.
        core.user_id(owner?.admission.request())
    }
}
