//! What is kept of a connection that is over, so that a client that comes back too late is told so (D-1), and operators can still look at it.
//!
//! There may be a hundred times as many as there are connections, and whatever they take is cold memory for those that come next. So it
//! is put together anew, small, as soon as nothing about it changes any more: the connection is over, and so are its transport connections.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use heliostat_proto::{
    connection::{Reason, State as MachineState},
    id::ConnectionId,
    name::UserId,
    protocol_version::ProtocolVersion,
    transport_kind::TransportKind,
};

use super::{Event, Farewell, Owner, Record, brief::Brief};
use crate::{
    inspection::{ConnectionInfo, ConnectionState},
    server::Core,
};

/// A SignalR connection that is over. Its times are in nanoseconds after the server's start.
#[derive(Debug)]
pub(crate) struct Tombstone {
    /// None if no request has come that could say.
    whose: Option<Epitaph>,
    reason: Reason,
    began: u64,
    heard_at: u64,
    /// What carried it last, and when that was last written to.
    carried: Option<(TransportKind, u64)>,
    bytes_read: u64,
    bytes_written: u64,
    past: Brief,
    extras: Option<Box<Extras>>,
}

/// What most do not have.
#[derive(Debug)]
struct Extras {
    farewell: Farewell,
    groups: Box<[Box<str>]>,
}

/// Whose connection it is, and where.
#[derive(Clone, Debug)]
pub(super) struct Epitaph {
    pub(super) user: Option<UserId>,
    pub(super) protocol_version: ProtocolVersion,
    /// Its place among the server's.
    pub(super) endpoint: usize,
}

impl Epitaph {
    /// Asks the application, so not under a lock. A rule that panics knows no user.
    pub(super) fn of(core: &Core, owner: &Owner) -> Self {
        let request = owner.admission.request();
        Self {
            user: catch_unwind(AssertUnwindSafe(|| core.user_id(request))).unwrap_or_default(),
            protocol_version: request.protocol_version(),
            endpoint: owner.endpoint,
        }
    }
}

impl Tombstone {
    /// What stays of this connection, and until when; `None` if it is not over.
    pub(super) fn of(core: &Core, record: &Record) -> Option<(Self, Instant)> {
        let owner = record.lock().owner.clone();
        let whose = owner.map(|owner| Epitaph::of(core, &owner));
        let state = record.lock();
        let MachineState::Ended { reason, until } = *state.machine.state() else { return None };
        let left = state.left.as_deref();
        let heard_at = record.traffic.heard_at(core);
        let groups = left.into_iter().flat_map(|left| &left.groups.names);
        let extras =
            Extras { farewell: record.farewell(), groups: groups.map(|name| name.as_str().into()).collect() };
        let extras = Some(extras).filter(|extras| !extras.groups.is_empty() || !extras.farewell.is_usual());
        let tombstone = Self {
            whose,
            reason,
            began: core.nanoseconds_until(record.began),
            heard_at: core.nanoseconds_until(left.map_or(heard_at, |left| left.heard_at.max(heard_at))),
            carried: left.map(|left| (left.kind, core.nanoseconds_until(left.written_at))),
            bytes_read: record.traffic.bytes_read(),
            bytes_written: record.traffic.bytes_written(),
            past: Brief::of(&state.history),
            extras: extras.map(Box::new),
        };
        Some((tombstone, until))
    }

    /// What its client is to read.
    pub(super) fn farewell(&self) -> Farewell {
        self.extras.as_ref().map(|extras| extras.farewell.clone()).unwrap_or_default()
    }

    /// When the connection began, how many events are forgotten, and what happened lately.
    pub(super) fn history(&self, core: &Core) -> (Instant, u32, Vec<Event>) {
        let (forgotten, events) = self.past.read();
        (core.after_start(self.began), forgotten, events)
    }

    pub(super) fn info(&self, core: &Core, id: ConnectionId) -> ConnectionInfo {
        let time_of_day = |nanoseconds| core.clock.time_of_day(core.after_start(nanoseconds));
        let whose = self.whose.as_ref();
        ConnectionInfo {
            id,
            user: whose.and_then(|whose| whose.user.clone()),
            transport: self.carried.map(|(kind, _)| kind),
            protocol_version: whose.map(|whose| whose.protocol_version),
            endpoint: whose.map_or_else(String::new, |whose| core.path(whose.endpoint).to_owned()),
            since: time_of_day(self.began),
            state: ConnectionState::Ended { reason: self.reason },
            last_heard: time_of_day(self.heard_at),
            last_written: self.carried.map(|(_, written_at)| time_of_day(written_at)),
            lag: 0,
            bytes_read: self.bytes_read,
            bytes_written: self.bytes_written,
            groups: self.extras.iter().flat_map(|extras| &extras.groups).map(ToString::to_string).collect(),
        }
    }
}
