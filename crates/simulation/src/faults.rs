//! What goes wrong, and what the application does meanwhile.

use std::time::Duration;

use heliostat_proto::connection::client::Phase;
use heliostat_proto::connection::{Input, KeepAlive};

use crate::clock::Time;
use crate::message::{Body, ClientNumber, Target};
use crate::process::Tells;
use crate::timeline::{What, Who};
use crate::world::{Event, GROUPS, World};

/// Who learns that a wire was cut.
#[derive(Clone, Copy)]
pub(crate) enum Noticed {
    Nobody,
    Client,
    Server,
    Both,
}

impl World {
    /// Plans the faults up to this time. Each plans the next.
    pub(crate) fn begin_storm(&mut self, until: Time, between: Duration) {
        self.storm = Some((until, between));
        self.schedule(self.now, Event::Fault);
    }

    pub(crate) fn go_wrong(&mut self) {
        let Some((until, between)) = self.storm else { return };
        self.something();
        let pause = self.up_to(between * 2);
        if self.now + pause < until {
            self.schedule(self.now + pause, Event::Fault);
        }
    }

    /// Publishing is what happens most, and the rarest things happen now and then.
    fn something(&mut self) {
        let client = self.random.usize(0..self.clients.len());
        let server = self.random.usize(0..self.servers.len());
        match self.random.u32(0..100) {
            0..40 => self.publish_some(),
            40..55 => self.change_groups(client),
            55..60 => self.call(client),
            60..75 => self.cut_wire_of(client),
            75..83 => {
                let pause = self.up_to_mostly_short(Duration::from_secs(14));
                self.interrupt(client, self.now + pause);
            }
            83..87 => {
                let pause = self.up_to_mostly_short(Duration::from_secs(30));
                self.pause_client(client, pause);
            }
            87..90 => {
                let pause = self.up_to_mostly_short(Duration::from_secs(12));
                if self.servers[server].is_up {
                    self.pause_server(server, pause);
                }
            }
            90..92 => self.restart(server),
            92..94 => self.kill_and_replace(client),
            94..96 => self.disconnect(client),
            _ => self.stop_or_start(client),
        }
    }

    fn publish_some(&mut self) {
        let target = match self.random.u32(0..4) {
            0 | 1 => Target::All,
            2 => Target::Group(self.random.u8(0..GROUPS)),
            _ => {
                let client = self.random.usize(0..self.clients.len());
                self.clients[client].connection.map_or(Target::All, Target::Connection)
            }
        };
        let count = if self.random.u32(0..20) == 0 { 60 } else { self.random.u32(1..6) };
        for _ in 0..count {
            self.publish_message(target, None);
        }
    }

    /// Publishes where the application runs: nowhere, if its only server is down.
    pub(crate) fn publish_message(&mut self, target: Target, label: Option<&str>) {
        let has_publisher = !self.settings.logs_die || self.servers[0].is_up;
        if has_publisher && let Some(order) = self.publish(self.logs.len() - 1, target, Body::Message, label)
        {
            self.note(Who::Network, What::Publishes(target, order));
        }
    }

    fn change_groups(&mut self, client: ClientNumber) {
        let group = self.random.u8(0..GROUPS);
        let body = if self.random.u32(0..3) > 0 { Body::Join(group) } else { Body::Leave(group) };
        self.change_group(client, body);
    }

    /// Puts the client's connection into a group, or takes it out.
    pub(crate) fn change_group(&mut self, client: ClientNumber, body: Body) {
        let Some(connection) = self.clients[client].connection else { return };
        // Nobody knows of a connection before it has begun.
        let has_publisher =
            self.ledger.has_begun(connection) && (!self.settings.logs_die || self.servers[0].is_up);
        if has_publisher
            && self.publish(self.logs.len() - 1, Target::Connection(connection), body, None).is_some()
        {
            let what = match body {
                Body::Join(group) => What::Joins(connection, group),
                Body::Leave(group) => What::Leaves(connection, group),
                Body::Message | Body::Initialize => return,
            };
            self.note(Who::Network, what);
        }
    }

    fn call(&mut self, client: ClientNumber) {
        if self.now >= self.clients[client].paused_until {
            let call = self.random.u32(..);
            self.client_calls(client, call);
        }
    }

    fn cut_wire_of(&mut self, client: ClientNumber) {
        let noticed = match self.random.u32(0..4) {
            0 => Noticed::Nobody,
            1 => Noticed::Client,
            2 => Noticed::Server,
            _ => Noticed::Both,
        };
        let soon = self.up_to(Duration::from_secs(3));
        self.cut_carrier(client, noticed, soon);
    }

    /// Cuts what carries the client's connection; who notices does so within this time.
    pub(crate) fn cut_carrier(&mut self, client: ClientNumber, noticed: Noticed, soon: Duration) {
        let Some((_, wire)) = self.clients[client].wire else { return };
        if self.wires[wire].left_by_client || self.wires[wire].is_cut {
            return;
        }
        self.cut(wire);
        let (client_notices, server_notices) = match noticed {
            // Without keep-alives a client has nothing but its operating system, which notices in the end.
            Noticed::Nobody => (self.settings.timeouts.keep_alive() == KeepAlive::Off, false),
            Noticed::Client => (true, false),
            Noticed::Server => (self.settings.timeouts.keep_alive() == KeepAlive::Off, true),
            Noticed::Both => (true, true),
        };
        if client_notices {
            self.schedule(self.now + soon, Event::ClientNotices(wire));
        }
        if server_notices && let Some(server) = self.wires[wire].server {
            let life = self.servers[server].life;
            let soon = self.up_to(soon * 2);
            self.schedule(self.now + soon, Event::ServerNotices(wire, life));
        }
    }

    fn restart(&mut self, server: usize) {
        if !self.servers[server].is_up {
            return;
        }
        let down_for = self.up_to(Duration::from_secs(6));
        match self.random.u32(0..3) {
            0 => self.shut_down(server, down_for),
            1 if self.settings.timeouts.keep_alive() != KeepAlive::Off => {
                self.crash(server, (down_for, Tells::Nobody));
            }
            _ => self.crash(server, (down_for, Tells::Everybody)),
        }
    }

    fn kill_and_replace(&mut self, client: ClientNumber) {
        self.kill_client(client);
        let life = self.clients[client].life;
        let pause = self.up_to(Duration::from_secs(3));
        self.schedule(self.now + pause, Event::StartAgain(client, life));
    }

    /// The application tells the client to go.
    pub(crate) fn disconnect(&mut self, client: ClientNumber) {
        let Some(connection) = self.clients[client].connection else { return };
        for server in 0..self.servers.len() {
            if self.now >= self.servers[server].paused_until {
                self.server_handles(server, connection, Input::Disconnect);
            }
        }
    }

    fn stop_or_start(&mut self, client: ClientNumber) {
        use heliostat_proto::connection::client::Input;
        if self.now < self.clients[client].paused_until {
            return;
        }
        match self.clients[client].machine.phase() {
            Phase::Disconnected => self.client_handles(client, Input::Start),
            Phase::Connecting | Phase::Connected | Phase::Reconnecting => {
                self.client_handles(client, Input::Stop);
            }
        }
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.random.u64(0..=u64::try_from(longest.as_micros()).unwrap_or(0)))
    }

    fn up_to_mostly_short(&mut self, longest: Duration) -> Duration {
        let long = self.up_to(longest);
        if self.random.u32(0..3) == 0 { long } else { long / 10 }
    }
}
