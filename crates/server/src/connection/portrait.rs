//! What one record shows of itself to whoever inspects the server.

use std::time::Instant;

use heliostat_proto::connection::{ServerConnection, Stage, State as MachineState};

use super::{
    Record,
    record::{State, written_at},
    tombstone::Epitaph,
};
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
    pub(super) fn info(&self, core: &Core) -> Option<ConnectionInfo> {
        let state = self.lock();
        let shown = shown(core, &state.machine)?;
        let carried = carried(core, &state);
        let transport = state.transport();
        let owner = state.owner.clone();
        // The application's own code, so not under the lock.
        drop(state);
        let owned = owner.map(|owner| Epitaph::of(core, &owner));
        let heard_at = self.traffic.heard_at(core);
        Some(ConnectionInfo {
            id: self.id,
            transport,
            protocol_version: owned.as_ref().map(|owned| owned.protocol_version),
            endpoint: owned.as_ref().map_or_else(String::new, |owned| core.path(owned.endpoint).to_owned()),
            user: owned.and_then(|owned| owned.user),
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

fn shown(core: &Core, machine: &ServerConnection) -> Option<ConnectionState> {
    let away = |stage: Stage| match machine.away_since() {
        Some(since) if stage != Stage::Initializing => {
            ConnectionState::Away { since: core.clock.time_of_day(since) }
        }
        Some(_) | None => ConnectionState::Connecting,
    };
    match *machine.state() {
        MachineState::Attached { stage: Stage::Initializing, .. } => Some(ConnectionState::Connecting),
        MachineState::Attached { .. } => Some(ConnectionState::Connected),
        MachineState::Silent { stage, .. } | MachineState::Detached { stage, .. } => Some(away(stage)),
        MachineState::Ended { reason, .. } => Some(ConnectionState::Ended { reason }),
        // Nothing has come yet, or nothing is known any more.
        MachineState::Awaited { .. } | MachineState::Forgotten | _ => None,
    }
}

fn carried(core: &Core, state: &State) -> Carried {
    let names = |groups: &GroupsRead| groups.names.iter().cloned().collect();
    match (&state.link, &state.left) {
        (Some(link), None) => {
            let (lag, groups) = link
                .with_reader(|reader| (reader.lag(core.bus.head()), names(reader.groups())))
                .unwrap_or_default();
            let (written_at, heard_at) = (Some(written_at(&state.machine, link)), Some(link.heard_at()));
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
