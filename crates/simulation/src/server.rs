//! A server: the driver of its machines, their subscriptions, and the frames it writes.
//!
//! It follows the real server: commands travel through the log and are carried out by the reader, a response
//! carries the cursor of its last message, a late client is told to stop before its request is accepted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use heliostat_bus::{Resting, TopicName};
use heliostat_proto::connection::client::{Frame, Place, Response, Signal, StartAnswer};
use heliostat_proto::connection::{
    Admission, Effect, Ending, Input, LinkId, Opening, Reason, ServerConnection, State,
};
use heliostat_proto::transport_kind::TransportKind;

use crate::client::{STARTED, TOLERANCE, connects};
use crate::clock::{Clock, Time};
use crate::failure::Invariant;
use crate::message::{
    Body, ClientNumber, ConnectionNumber, Entry, Packet, Received, ServerNumber, Target, WireNumber,
};
use crate::reader::Link;
use crate::timeline::{What, Who};
use crate::world::{Event, Inbox, World};

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) is_up: bool,
    /// Each process that took this place has its own number.
    pub(crate) life: u32,
    pub(crate) paused_until: Time,
    pub(crate) inbox: Inbox,
    pub(crate) records: BTreeMap<ConnectionNumber, Record>,
    /// Which log it reads.
    pub(crate) log: usize,
}

/// Whom a publisher wakes: one transport connection of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) server: ServerNumber,
    pub(crate) life: u32,
    pub(crate) connection: ConnectionNumber,
    pub(crate) link: LinkId,
}

/// What a server knows about a SignalR connection, and what a witness noted about it.
#[derive(Debug)]
pub(crate) struct Record {
    machine: ServerConnection,
    next_link: u64,
    /// The transport connection that is open; a second one while it takes over.
    pub(crate) links: Vec<Link>,
    tick_at: Time,
    /// When its newest transport connection was opened, among all that were opened anywhere.
    opened_as: u64,
    told: Told,
    away: Option<Away>,
    /// What read for the client, while it is away and may come back.
    at_rest: Option<Resting<Entry, Reader>>,
}

/// What the application was told of a connection by this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// A poll showed that it started elsewhere.
    Adopted,
    Begun,
    Ended,
}

/// Since when a connection has no transport connection here, and how long it may.
#[derive(Clone, Copy, Debug)]
struct Away {
    since: Instant,
    allowed: Duration,
}

impl Server {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            is_up: true,
            life: 0,
            paused_until: Time::default(),
            inbox: Inbox::Read,
            records: BTreeMap::new(),
            log: 0,
        }
    }
}

/// Requests.
impl World {
    pub(crate) fn server_receives(&mut self, client: ClientNumber, server: ServerNumber, packet: Packet) {
        match packet {
            Packet::Negotiate(turn) => {
                let connection = self.ledger.open_account();
                self.topics.push(TopicName::from(format!("c-{connection}")));
                self.send_to_client(client, Packet::Negotiated(turn, connection));
            }
            Packet::Start(turn, connection) => {
                let answer = self.server_starts(server, connection);
                self.send_to_client(client, Packet::StartAnswered(turn, answer));
            }
            Packet::Abort(connection) => {
                self.server_handles(server, connection, Input::Aborted);
                self.tell_others(server, |other, life| Event::AbortIsTold(other, life, connection));
            }
            Packet::Call(call) => {
                self.note(Who::Server(server), What::Called(call));
                self.send_to_client(client, Packet::CallAnswered(call));
            }
            Packet::CallOn(wire, call) => {
                self.server_hears(server, wire);
                self.note(Who::Server(server), What::Called(call));
                self.server_says(server, wire, Frame::Result(Received::Result(call)));
            }
            Packet::Open { wire, how, place } => self.server_accepts(server, wire, (how, place)),
            Packet::ClosedByClient(wire) => self.server_notices(wire),
            Packet::Pong(wire) => self.server_hears(server, wire),
            Packet::Negotiated(..) | Packet::StartAnswered(..) => {}
            Packet::CallAnswered(_) | Packet::CallFailed(_) => {}
            Packet::Opened(_) | Packet::Says(..) | Packet::Ping(_) | Packet::ClosedByServer(_) => {}
        }
    }

    fn server_starts(&mut self, server: ServerNumber, connection: ConnectionNumber) -> StartAnswer {
        if self.record(server, connection).machine.admits() == Admission::Ended {
            return StartAnswer::Failed;
        }
        let allowed = self.settings.timeouts.longest_grace();
        let since = self.servers[server].clock.show(self.now);
        let record = self.record(server, connection);
        if record.links.is_empty() {
            record.away.get_or_insert(Away { since, allowed });
        }
        self.server_handles(server, connection, Input::Started);
        STARTED
    }

    fn server_accepts(&mut self, server: ServerNumber, wire: WireNumber, (how, place): (Opening, Place)) {
        let (connection, kind, client) =
            (self.wires[wire].connection, self.wires[wire].kind, self.wires[wire].client);
        self.wires[wire].server = Some(server);
        if self.record(server, connection).machine.admits() == Admission::Ended {
            self.note(Who::Server(server), What::Refused(connection));
            if !self.ledger.has_ended(connection) {
                self.fail(Invariant::StoppedForNothing { connection });
            }
            self.send_to_client(client, Packet::Says(wire, stop()));
            return self.send_to_client(client, Packet::ClosedByServer(wire));
        }
        self.opened += 1;
        let opened = self.opened;
        let record = self.record(server, connection);
        let id = LinkId::new(record.next_link);
        record.next_link += 1;
        record.opened_as = opened;
        if record.told == Told::Nothing && how == Opening::Poll && record.links.is_empty() && id.get() == 1 {
            record.told = Told::Adopted;
        }
        let link = self.subscribe(server, (id, wire), (how, &place));
        let record = self.record(server, connection);
        record.links.push(link);
        record.away = None;
        record.at_rest = None;
        self.send_to_client(client, Packet::Opened(wire));
        self.server_handles(server, connection, Input::Opened { link: id, kind, how });
        self.tell_others(server, |other, life| Event::MoveIsTold(other, life, connection, opened));
        if connects(how) {
            self.publish(self.servers[server].log, Target::Connection(connection), Body::Initialize, None);
        }
        self.pump(server, connection, id);
    }

    fn record(&mut self, server: ServerNumber, connection: ConnectionNumber) -> &mut Record {
        let timeouts = self.settings.timeouts.clone();
        let process = &mut self.servers[server];
        let now = process.clock.show(self.now);
        process.records.entry(connection).or_insert_with(|| Record {
            machine: ServerConnection::new(timeouts, now),
            next_link: 1,
            links: Vec::new(),
            tick_at: Time::NEVER,
            opened_as: 0,
            told: Told::Nothing,
            away: None,
            at_rest: None,
        })
    }

    fn tell_others(&mut self, server: ServerNumber, event: impl Fn(ServerNumber, u32) -> Event) {
        for other in 0..self.servers.len() {
            if other != server && self.servers[other].is_up {
                let at = self.now + self.delay();
                self.schedule(at, event(other, self.servers[other].life));
            }
        }
    }

    pub(crate) fn move_is_told(&mut self, server: ServerNumber, connection: ConnectionNumber, opened: u64) {
        let is_newer = |record: &Record| record.opened_as > opened;
        if !self.servers[server].records.get(&connection).is_none_or(is_newer) {
            self.server_handles(server, connection, Input::Moved);
        }
    }
}

/// Machines.
impl World {
    /// Nothing happens if the server does not know the connection.
    pub(crate) fn server_handles(
        &mut self,
        server: ServerNumber,
        connection: ConnectionNumber,
        input: Input,
    ) {
        let process = &mut self.servers[server];
        let now = process.clock.show(self.now);
        let Some(record) = process.records.get_mut(&connection) else { return };
        record.machine.handle(input, now);
        if matches!(record.machine.state(), State::Ended { .. }) {
            self.ledger.end(connection);
        }
        loop {
            let process = &mut self.servers[server];
            let Some(record) = process.records.get_mut(&connection) else { return };
            let Some(effect) = record.machine.poll_effect() else { break };
            self.server_does(server, connection, effect);
        }
        self.tidy(server, connection);
        self.server_wants_tick(server, connection);
    }

    fn server_wants_tick(&mut self, server: ServerNumber, connection: ConnectionNumber) {
        let process = &mut self.servers[server];
        if let Some(record) = process.records.get_mut(&connection)
            && let Some(due) = record.machine.poll_timeout()
        {
            let at = process.clock.when(due).max(self.now);
            if at < record.tick_at {
                record.tick_at = at;
                let life = process.life;
                self.schedule(at, Event::RecordTick(server, life, connection));
            }
        }
    }

    pub(crate) fn server_ticks(&mut self, server: ServerNumber, connection: ConnectionNumber) {
        let process = &mut self.servers[server];
        let now = process.clock.show(self.now);
        let Some(record) = process.records.get_mut(&connection) else { return };
        record.tick_at = Time::NEVER;
        if record.machine.poll_timeout().is_some_and(|due| due <= now) {
            self.server_handles(server, connection, Input::Tick);
        } else {
            self.server_wants_tick(server, connection);
        }
    }

    fn server_does(&mut self, server: ServerNumber, connection: ConnectionNumber, effect: Effect) {
        match effect {
            Effect::RaiseConnected => {
                self.ledger.begin(connection);
                self.tell(server, connection, |told| match told {
                    Told::Nothing | Told::Adopted => Ok(Told::Begun),
                    Told::Begun | Told::Ended => Err("connected is not the first"),
                });
                self.note(Who::Server(server), What::Connected(connection));
            }
            Effect::RaiseReconnected => {
                self.ledger.begin(connection);
                self.tell(server, connection, |told| match told {
                    Told::Nothing | Told::Adopted | Told::Begun => Ok(Told::Begun),
                    Told::Ended => Err("reconnected after disconnected"),
                });
                self.note(Who::Server(server), What::Reconnected(connection));
            }
            Effect::RaiseDisconnected(reason) => self.server_gives_up(server, connection, reason),
            Effect::SendKeepAlive(id) => {
                if let Some(wire) = self.wire_of(server, connection, id) {
                    self.server_says(server, wire, Frame::KeepAlive);
                }
            }
            Effect::SendPing(id) => {
                if let Some(wire) = self.wire_of(server, connection, id) {
                    self.send_to_client(self.wires[wire].client, Packet::Ping(wire));
                }
            }
            Effect::NoteSilent(_) => self.server_misses(server, connection),
            Effect::NoteHeardAgain(_) => {
                self.record(server, connection).away = None;
                self.note(Who::Server(server), What::HearsAgain(connection));
            }
            Effect::End(id, ending) => self.server_ends(server, connection, (id, ending)),
            Effect::Forget => {
                let record = self.servers[server].records.remove(&connection);
                if record.is_some_and(|record| matches!(record.told, Told::Begun | Told::Adopted)) {
                    self.fail(Invariant::Callbacks { connection, what: "it was forgotten and not ended" });
                }
                self.note(Who::Server(server), What::Forgets(connection));
            }
        }
    }

    fn tell(
        &mut self,
        server: ServerNumber,
        connection: ConnectionNumber,
        next: impl FnOnce(Told) -> Result<Told, &'static str>,
    ) {
        let record = self.record(server, connection);
        match next(record.told) {
            Ok(told) => record.told = told,
            Err(what) => self.fail(Invariant::Callbacks { connection, what }),
        }
    }

    fn server_gives_up(&mut self, server: ServerNumber, connection: ConnectionNumber, reason: Reason) {
        self.tell(server, connection, |told| match told {
            Told::Begun | Told::Adopted => Ok(Told::Ended),
            Told::Nothing => Err("disconnected without a beginning"),
            Told::Ended => Err("disconnected twice"),
        });
        let process = &self.servers[server];
        let (now, has_just_woken) = (process.clock.show(self.now), self.now == process.paused_until);
        let away = process.records.get(&connection).and_then(|record| record.away);
        if reason == Reason::TimedOut {
            self.seen.timeouts += 1;
        }
        if let (Reason::TimedOut, Some(Away { since, allowed })) = (reason, away) {
            let after = now - since;
            if after < allowed {
                self.fail(Invariant::TooEarly { connection, after, allowed });
            } else if after > allowed + TOLERANCE && !has_just_woken {
                self.fail(Invariant::TooLate { connection, after, allowed });
            }
        } else if reason == Reason::TimedOut {
            self.fail(Invariant::Callbacks { connection, what: "it timed out while it was there" });
        }
        self.note(Who::Server(server), What::Disconnected(connection, reason));
    }

    /// The client counts as away from now on, or from when a punctual process would have seen it.
    fn server_misses(&mut self, server: ServerNumber, connection: ConnectionNumber) {
        let now = self.servers[server].clock.show(self.now);
        let allowed = self.settings.timeouts.grace(TransportKind::WebSockets);
        let patience = self.settings.timeouts.keep_alive_timeout().unwrap_or_default();
        let record = self.record(server, connection);
        let since = record.machine.away_since().unwrap_or(now);
        record.away = Some(Away { since, allowed });
        let heard_at = record.machine.state().link().map(|link| link.heard_at);
        if let Some(after) = heard_at.map(|at| since - at).filter(|after| *after < patience) {
            self.fail(Invariant::TooEarly { connection, after, allowed: patience });
        }
        self.seen.silences += 1;
        self.note(Who::Server(server), What::Misses(connection));
    }

    fn wire_of(&self, server: ServerNumber, connection: ConnectionNumber, id: LinkId) -> Option<WireNumber> {
        let record = self.servers[server].records.get(&connection)?;
        record.links.iter().find(|link| link.id == id).map(|link| link.wire)
    }

    /// The server finishes a transport connection.
    fn server_ends(
        &mut self,
        server: ServerNumber,
        connection: ConnectionNumber,
        (id, ending): (LinkId, Ending),
    ) {
        let Some(link) = self.detach(server, connection, id) else { return };
        let (wire, client) = (link.wire, self.wires[link.wire].client);
        self.note(Who::Server(server), What::Ends(wire, ending));
        let last_word = match (ending, link.kind) {
            (Ending::Disconnected, _) => Some(stop()),
            (Ending::ShuttingDown, TransportKind::LongPolling) => Some(signal(Signal::Reconnect)),
            (Ending::Silent, _) => None,
            (Ending::Replaced | Ending::ConnectionTimeout | Ending::Stopped, TransportKind::LongPolling) => {
                Some(signal(Signal::None))
            }
            (
                Ending::Replaced | Ending::ConnectionTimeout | Ending::Stopped | Ending::ShuttingDown,
                TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame,
            ) => None,
        };
        if let Some(frame) = last_word {
            self.send_to_client(client, Packet::Says(wire, frame));
        }
        self.send_to_client(client, Packet::ClosedByServer(wire));
        self.part(server, connection, link);
    }

    /// What has read for a client rests while it may come back.
    pub(crate) fn part(&mut self, server: ServerNumber, connection: ConnectionNumber, link: Link) {
        if let Some(record) = self.servers[server].records.get_mut(&connection)
            && record.links.is_empty()
        {
            record.at_rest = Some(link.subscription.rest());
        }
        self.tidy(server, connection);
    }

    /// When nobody can come back any more, nothing rests. Of a connection that is over nobody asks for its topic, unless
    /// the log outlives whoever knows of the end.
    fn tidy(&mut self, server: ServerNumber, connection: ConnectionNumber) {
        let logs_die = self.settings.logs_die;
        let Some(record) = self.servers[server].records.get_mut(&connection) else { return };
        if !matches!(record.machine.state(), State::Detached { .. })
            && let Some(at_rest) = record.at_rest.take()
            && logs_die
            && matches!(record.machine.state(), State::Ended { .. })
        {
            at_rest.retire(self.topics[connection].as_str());
        }
    }

    /// Takes the link out; if nothing else carries the connection, it is away from now on.
    pub(crate) fn detach(
        &mut self,
        server: ServerNumber,
        connection: ConnectionNumber,
        id: LinkId,
    ) -> Option<Link> {
        let process = &mut self.servers[server];
        let since = process.clock.show(self.now);
        let record = process.records.get_mut(&connection)?;
        let index = record.links.iter().position(|link| link.id == id)?;
        let link = record.links.remove(index);
        if record.links.is_empty() {
            let allowed = self.settings.timeouts.grace(link.kind);
            record.away.get_or_insert(Away { since, allowed });
        }
        Some(link)
    }

    /// Something tells the server that the transport connection is gone.
    pub(crate) fn server_notices(&mut self, wire: WireNumber) {
        let (connection, Some(server)) = (self.wires[wire].connection, self.wires[wire].server) else {
            return;
        };
        let record = self.servers[server].records.get(&connection);
        let id =
            record.and_then(|record| record.links.iter().find(|link| link.wire == wire)).map(|link| link.id);
        if let Some(id) = id {
            let link = self.detach(server, connection, id);
            self.server_handles(server, connection, Input::Lost(id));
            if let Some(link) = link {
                self.part(server, connection, link);
            }
        }
    }

    fn server_hears(&mut self, server: ServerNumber, wire: WireNumber) {
        let connection = self.wires[wire].connection;
        let record = self.servers[server].records.get(&connection);
        let id =
            record.and_then(|record| record.links.iter().find(|link| link.wire == wire)).map(|link| link.id);
        if let Some(id) = id {
            self.server_handles(server, connection, Input::Heard(id));
        }
    }

    pub(crate) fn server_says(&mut self, server: ServerNumber, wire: WireNumber, frame: Frame<Received>) {
        self.watch_writes(server, wire);
        self.send_to_client(self.wires[wire].client, Packet::Says(wire, frame));
    }
}

fn stop() -> Frame<Received> {
    signal(Signal::Stop(Some("the server has ended this connection".into())))
}

fn signal(signal: Signal) -> Frame<Received> {
    Frame::Response(Response { signal, ..Response::default() })
}
