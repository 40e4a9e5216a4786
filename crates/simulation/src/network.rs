//! The network: wires that keep their order and paths that fail.
//!
//! A *wire* is a transport connection on the network. What is sent on it arrives in order or not at all; a wire
//! that was cut swallows everything, and who notices is another matter. A *path* leads from one client to all
//! servers; while it is interrupted what arrives waits, as TCP would send it again.

use std::time::Duration;

use heliostat_proto::connection::{KeepAlive, LinkId};
use heliostat_proto::transport_kind::TransportKind;

use crate::clock::Time;
use crate::message::{ClientNumber, ConnectionNumber, Packet, ServerNumber, WireNumber};
use crate::timeline::{What, Who};
use crate::world::{Event, World};

/// So many frames may be on their way on one wire: beyond that the server's writes would block.
const WINDOW: usize = 8;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each end and the network have their own view of it")]
pub(crate) struct Wire {
    pub(crate) client: ClientNumber,
    /// The link's number at the client, unless the client knows nothing of this attempt.
    pub(crate) link: Option<LinkId>,
    pub(crate) connection: ConnectionNumber,
    pub(crate) kind: TransportKind,
    pub(crate) server: Option<ServerNumber>,
    pub(crate) is_cut: bool,
    /// The client is done with it.
    pub(crate) left_by_client: bool,
    pub(crate) in_flight: usize,
    /// The server has more to say than the window allows.
    pub(crate) is_blocked: bool,
    /// The server will look whether anybody takes what it writes.
    pub(crate) alarm_is_set: bool,
    /// How many frames have arrived.
    pub(crate) taken: u64,
    /// What the server's subscription on it begins after.
    pub(crate) reads_from: Option<u64>,
    to_client: Time,
    to_server: Time,
}

impl Wire {
    pub(crate) fn new(
        client: ClientNumber,
        link: Option<LinkId>,
        connection: ConnectionNumber,
        kind: TransportKind,
    ) -> Self {
        Self {
            client,
            link,
            connection,
            kind,
            server: None,
            is_cut: false,
            left_by_client: link.is_none(),
            in_flight: 0,
            is_blocked: false,
            alarm_is_set: false,
            taken: 0,
            reads_from: None,
            to_client: Time::default(),
            to_server: Time::default(),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < WINDOW
    }
}

impl World {
    /// How long a packet takes. Now and then one is much slower.
    pub(crate) fn delay(&mut self) -> Duration {
        let longest = self.settings.latency;
        let usual =
            Duration::from_micros(self.random.u64(0..=u64::try_from(longest.as_micros()).unwrap_or(0)));
        if self.random.u32(0..100) == 0 { usual * 20 } else { usual }
    }

    pub(crate) fn send_to_client(&mut self, client: ClientNumber, packet: Packet) {
        let mut at = self.now + self.delay();
        if let Some(wire) = packet.wire() {
            let wire = &mut self.wires[wire];
            if matches!(packet, Packet::Says(..)) {
                wire.in_flight += 1;
            }
            at = at.max(wire.to_client);
            wire.to_client = at;
        }
        // On a wire nobody else can listen.
        let life = if packet.wire().is_some() { self.clients[client].life } else { self.sender };
        self.schedule(at, Event::ToClient(client, life, packet));
    }

    pub(crate) fn send_to_server(&mut self, client: ClientNumber, server: ServerNumber, packet: Packet) {
        let mut at = self.now + self.delay();
        if let Some(wire) = packet.wire() {
            let wire = &mut self.wires[wire];
            at = at.max(wire.to_server);
            wire.to_server = at;
        }
        let (life, sender) = (self.servers[server].life, self.clients[client].life);
        self.schedule(at, Event::ToServer { client, sender, server, life, packet });
    }

    pub(crate) fn arrive_at_client(&mut self, client: ClientNumber, life: u32, packet: Packet) {
        if self.clients[client].life != life {
            return;
        }
        let Some(wire) = packet.wire() else { return self.client_receives(client, packet) };
        let end = &mut self.wires[wire];
        if end.is_cut {
            return;
        }
        if matches!(packet, Packet::Says(..)) {
            end.in_flight = end.in_flight.saturating_sub(1);
            end.taken += 1;
            if end.is_blocked && end.has_room() {
                end.is_blocked = false;
                self.pump_wire(wire);
            }
        }
        if !self.wires[wire].left_by_client {
            self.client_receives(client, packet);
        }
    }

    pub(crate) fn arrive_at_server(
        &mut self,
        client: ClientNumber,
        (server, life): (ServerNumber, u32),
        packet: Packet,
    ) {
        // A request on a wire that the client knows nothing of still arrives; its answer goes nowhere.
        let is_lost = packet.wire().is_some_and(|wire| self.wires[wire].is_cut);
        if is_lost && !matches!(packet, Packet::Open { .. }) {
            return;
        }
        if self.servers[server].is_up && self.servers[server].life == life {
            self.server_receives(client, server, packet);
        } else {
            self.refuse(client, packet);
        }
    }

    /// What would arrive waits, if the path is interrupted.
    pub(crate) fn is_held(&mut self, event: &Event) -> bool {
        let (Event::ToClient(client, ..) | Event::ToServer { client, .. }) = *event else { return false };
        let process = &mut self.clients[client];
        if process.is_interrupted {
            process.held.push(event.clone());
        }
        process.is_interrupted
    }

    /// Nobody listens there any more.
    pub(crate) fn refuse(&mut self, client: ClientNumber, packet: Packet) {
        use heliostat_proto::connection::client::StartAnswer;
        match packet {
            Packet::Negotiate(turn) => {
                let life = self.sender;
                self.schedule_after_delay(Event::NegotiationFails(client, life, turn));
            }
            Packet::Start(turn, _) => {
                self.send_to_client(client, Packet::StartAnswered(turn, StartAnswer::Failed));
            }
            Packet::Open { wire, .. }
            | Packet::ClosedByClient(wire)
            | Packet::CallOn(wire, _)
            | Packet::Pong(wire) => self.schedule_after_delay(Event::ClientNotices(wire)),
            Packet::Call(call) => self.send_to_client(client, Packet::CallFailed(call)),
            Packet::Abort(_) | Packet::Negotiated(..) | Packet::StartAnswered(..) => {}
            Packet::CallAnswered(_) | Packet::CallFailed(_) => {}
            Packet::Opened(_) | Packet::Says(..) | Packet::Ping(_) | Packet::ClosedByServer(_) => {}
        }
    }

    fn schedule_after_delay(&mut self, event: Event) {
        let at = self.now + self.delay();
        self.schedule(at, event);
    }

    /// From now on everything that is sent on this wire is lost, without a word.
    pub(crate) fn cut(&mut self, wire: WireNumber) {
        self.wires[wire].is_cut = true;
        self.note(Who::Network, What::Cut(wire));
    }

    /// Interrupts a client's path for this long.
    pub(crate) fn interrupt(&mut self, client: ClientNumber, until: Time) {
        if !self.clients[client].is_interrupted {
            self.clients[client].is_interrupted = true;
            self.note(Who::Network, What::Down);
            self.schedule(until, Event::PathWorks(client));
        }
    }

    pub(crate) fn path_works(&mut self, client: ClientNumber) {
        let process = &mut self.clients[client];
        if std::mem::take(&mut process.is_interrupted) {
            let held = std::mem::take(&mut process.held);
            self.note(Who::Network, What::Up);
            for event in held {
                if !self.is_abandoned(&event) {
                    self.happen(event);
                }
            }
        }
    }

    /// A connection that its client gave up before it was made: its request was never sent.
    fn is_abandoned(&self, event: &Event) -> bool {
        match event {
            Event::ToServer { packet: Packet::Open { wire, .. }, .. } => {
                let wire = &self.wires[*wire];
                wire.left_by_client && wire.link.is_some() && wire.reads_from.is_none()
            }
            Event::ToServer { .. } | Event::ToClient(..) => false,
            Event::ClientTick(..) | Event::RecordTick(..) | Event::Pump(_) | Event::ClientNotices(_) => false,
            Event::ServerNotices(..) | Event::WritesAreWatched { .. } | Event::NegotiationFails(..) => false,
            Event::MoveIsTold(..) | Event::AbortIsTold(..) | Event::StartAgain(..) | Event::PathWorks(_) => {
                false
            }
            Event::ServerStarts(_) | Event::ClientWakes(_) | Event::ServerWakes(_) => false,
            Event::Collect | Event::Fault => false,
        }
    }

    /// TCP_USER_TIMEOUT or its like: if nothing that was written is taken for so long, the connection is gone.
    pub(crate) fn watch_writes(&mut self, server: ServerNumber, wire: WireNumber) {
        let end = &mut self.wires[wire];
        if end.kind == TransportKind::WebSockets || std::mem::replace(&mut end.alarm_is_set, true) {
            return;
        }
        let patience = match self.settings.timeouts.keep_alive() {
            KeepAlive::Every(every) => every * 2,
            KeepAlive::Off => self.settings.timeouts.disconnect() / 2,
        };
        let (taken, life) = (self.wires[wire].taken, self.servers[server].life);
        self.schedule(self.now + patience, Event::WritesAreWatched { wire, life, taken });
    }

    pub(crate) fn look_at_writes(&mut self, wire: WireNumber, taken: u64) {
        let end = &mut self.wires[wire];
        end.alarm_is_set = false;
        if end.taken == taken && end.in_flight > 0 {
            end.is_cut = true;
            self.server_notices(wire);
            // Without keep-alives a client has nothing but its operating system, which is told in the end.
            if self.settings.timeouts.keep_alive() == KeepAlive::Off {
                self.schedule(self.now + Duration::from_secs(10), Event::ClientNotices(wire));
            }
        }
    }
}
