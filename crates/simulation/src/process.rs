//! A server as a process: how it ends, begins anew, and does not run for a while.

use std::time::Duration;

use heliostat_proto::connection::Input;

use crate::message::{ConnectionNumber, Group, ServerNumber, WireNumber};
use crate::timeline::{What, Who};
use crate::world::{Event, World};

impl World {
    /// It ends in the ordinary way, and tells everybody.
    pub(crate) fn shut_down(&mut self, server: ServerNumber, down_for: Duration) {
        self.note(Who::Server(server), What::ShutsDown);
        let connections: Vec<ConnectionNumber> = self.servers[server].records.keys().copied().collect();
        for connection in connections {
            self.server_handles(server, connection, Input::ShuttingDown);
        }
        self.stop_server(server, down_for);
    }

    /// It is gone with all it knew. Its operating system closes the wires, or nobody does.
    pub(crate) fn crash(&mut self, server: ServerNumber, (down_for, tells): (Duration, Tells)) {
        self.note(Who::Server(server), What::Dies);
        for wire in 0..self.wires.len() {
            let it = &self.wires[wire];
            if it.server == Some(server) && !it.left_by_client && !it.is_cut {
                match tells {
                    Tells::Everybody => {
                        let at = self.now + self.delay();
                        self.schedule(at, Event::ClientNotices(wire));
                    }
                    Tells::Nobody => self.wires[wire].is_cut = true,
                }
            }
        }
        self.stop_server(server, down_for);
    }

    fn stop_server(&mut self, server: ServerNumber, down_for: Duration) {
        let process = &mut self.servers[server];
        process.is_up = false;
        process.life += 1;
        process.paused_until = self.now;
        process.records.clear();
        for event in process.inbox.open() {
            self.deal_with(event);
        }
        if down_for < Duration::MAX {
            self.schedule(self.now + down_for, Event::ServerStarts(server));
        }
    }

    pub(crate) fn start_server(&mut self, server: ServerNumber) {
        if self.settings.logs_die {
            self.servers[server].log = self.new_log();
        }
        self.servers[server].is_up = true;
        self.note(Who::Server(server), What::Restarts);
    }

    /// The process does not run for this long.
    pub(crate) fn pause_server(&mut self, server: ServerNumber, duration: Duration) {
        let process = &mut self.servers[server];
        process.paused_until = process.paused_until.max(self.now + duration);
        process.inbox.close();
        let until = process.paused_until;
        self.schedule(until, Event::ServerWakes(server));
        self.note(Who::Server(server), What::Pauses);
    }

    /// Connections that this server carries, with the groups it thinks they are in.
    pub(crate) fn carried(&self, server: ServerNumber) -> impl Iterator<Item = Carried> + '_ {
        let records = self.servers[server].records.iter();
        records.filter_map(|(connection, record)| {
            let link = record.links.last()?;
            let groups = link.groups.iter().copied().collect();
            Some(Carried { connection: *connection, wire: link.wire, groups })
        })
    }
}

/// Who learns at once that a server died.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tells {
    Everybody,
    Nobody,
}

/// A connection that a server carries.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) connection: ConnectionNumber,
    pub(crate) wire: WireNumber,
    pub(crate) groups: Vec<Group>,
}
