//! What one record shows of itself to whoever inspects the server.

use std::{sync::Arc, time::Instant};

use heliostat_proto::connection::{Stage, State as MachineState};

use super::{Record, record::State};
use crate::{
    inspection::{ConnectionInfo, ConnectionState},
    server::Core,
    transport::GroupsRead,
};

/// What the transport connection of the moment shows.
#[derive(Default)]
struct Carried {
    lag: u64,
    groups: Vec<String>,
    written_at: Option<Instant>,
    heard_at: Option<Instant>,
    bytes_written: u64,
}

impl Record {
    /// `None` if nothing is known yet or any more.
    pub(crate) fn info(&self, core: &Arc<Core>) -> Option<ConnectionInfo> {
        let state = self.lock();
        let shown = shown(core, state.machine.state())?;
        let carried = carried(core, &state);
        let (transport, owner) = (state.transport(), state.owner.clone());
        drop(state);
        // The application's own code, so not under the lock.
        let user = owner.as_ref().and_then(|owner| core.user_id(&owner.request));
        let heard_at = self.traffic.heard_at(core);
        Some(ConnectionInfo {
            id: self.id,
            user,
            transport,
            protocol_version: owner.as_ref().map(|owner| owner.request.protocol_version),
            endpoint: owner.as_ref().map_or_else(String::new, |owner| owner.endpoint.to_string()),
            since: core.clock.time_of_day(self.began),
            state: shown,
            last_heard: core.clock.time_of_day(carried.heard_at.map_or(heard_at, |at| at.max(heard_at))),
            last_written: carried.written_at.map(|at| core.clock.time_of_day(at)),
            lag: carried.lag,
            bytes_read: self.traffic.bytes_read(),
            bytes_written: self.traffic.bytes_written() + carried.bytes_written,
            groups: carried.groups,
        })
    }
}

fn shown(core: &Core, state: &MachineState) -> Option<ConnectionState> {
    let is_starting = |stage: Stage| stage == Stage::Initializing;
    if let MachineState::Attached { stage, .. } = state {
        return Some(if is_starting(*stage) {
            ConnectionState::Connecting
        } else {
            ConnectionState::Connected
        });
    }
    if let MachineState::Detached { stage, since, .. } = state {
        let since = core.clock.time_of_day(*since);
        return Some(if is_starting(*stage) {
            ConnectionState::Connecting
        } else {
            ConnectionState::Away { since }
        });
    }
    if let MachineState::Ended { reason, .. } = state {
        return Some(ConnectionState::Ended { reason: *reason });
    }
    None
}

fn carried(core: &Core, state: &State) -> Carried {
    let names = |groups: &GroupsRead| groups.names.iter().cloned().collect();
    match (&state.link, &state.left) {
        (Some(link), None) => {
            let (lag, groups) = link
                .with_reader(|reader| (reader.lag(core.bus.head()), names(reader.groups())))
                .unwrap_or_default();
            let (written_at, heard_at) = (Some(link.written_at()), Some(link.heard_at()));
            Carried { lag, groups, written_at, heard_at, bytes_written: link.bytes_written() }
        }
        (_, Some(left)) => Carried {
            groups: names(&left.groups),
            written_at: Some(left.written_at),
            heard_at: Some(left.heard_at),
            ..Carried::default()
        },
        (None, None) => Carried::default(),
    }
}
