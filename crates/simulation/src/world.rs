//! Everything there is, and the order in which it happens.
//!
//! One queue of events, one random number generator, one true time: the same seed goes the same way, to the step.
//! A process that pauses finds all it missed when it runs again, in the order in which it came.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use heliostat_bus::{Bus, Epoch, Limits, TopicName, Woken};
use heliostat_proto::connection::Timeouts;
use heliostat_proto::connection::client::{ClientSettings, Input, Phase, Turn};

use crate::client::Client;
use crate::clock::{Clock, Time};
use crate::failure::Invariant;
use crate::ledger::Ledger;
use crate::message::{
    Body, ClientNumber, ConnectionNumber, Entry, Group, Packet, ServerNumber, Target, WireNumber,
};
use crate::network::Wire;
use crate::server::{Reader, Server};
use crate::simulate::Report;
use crate::timeline::{Line, Timeline, What, Who};

/// How many groups there are.
pub(crate) const GROUPS: Group = 3;
/// More events than this are never waiting if everybody comes to rest.
const WAITING: usize = 20_000;
/// More than this at one and the same time is a machine that never comes to rest.
const AT_ONCE: usize = 20_000;

/// What holds for a whole simulation.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) timeouts: Arc<Timeouts>,
    pub(crate) client: ClientSettings,
    pub(crate) limits: Limits,
    /// The longest that a packet usually takes.
    pub(crate) latency: Duration,
    /// Of a thousand requests to open, how many come twice.
    pub(crate) repeats: u32,
    /// Of a thousand requests, how many go to another server.
    pub(crate) strays: u32,
    /// A server that starts anew has a new log; otherwise a backplane keeps it.
    pub(crate) logs_die: bool,
    /// The rates of the clocks, in thousandths.
    pub(crate) client_rates: Vec<u64>,
    pub(crate) server_rates: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) random: Rng,
    pub(crate) now: Time,
    pub(crate) steps: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) servers: Vec<Server>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) logs: Vec<Log>,
    pub(crate) ledger: Ledger,
    pub(crate) timeline: Timeline,
    /// What is counted on the way.
    pub(crate) seen: Report,
    pub(crate) failure: Option<Invariant>,
    /// The life of the client process whose request a server deals with: no other gets the answer.
    pub(crate) sender: u32,
    /// How many transport connections were opened at any server.
    pub(crate) opened: u64,
    pub(crate) all: TopicName,
    pub(crate) groups: Vec<TopicName>,
    /// The topic of each connection.
    pub(crate) topics: Vec<TopicName>,
    pub(crate) clients_start_again: bool,
    /// Until when things go wrong, and how much time lies between them.
    pub(crate) storm: Option<(Time, Duration)>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    woken: Woken<Reader>,
    start: Instant,
}

/// A log, and how much other logs had accepted before it began.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) bus: Bus<Entry, Reader>,
    pub(crate) base: u64,
}

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    ToClient(ClientNumber, u32, Packet),
    ToServer { client: ClientNumber, sender: u32, server: ServerNumber, life: u32, packet: Packet },
    ClientTick(ClientNumber, u32),
    RecordTick(ServerNumber, u32, ConnectionNumber),
    Pump(Reader),
    ClientNotices(WireNumber),
    ServerNotices(WireNumber, u32),
    WritesAreWatched { wire: WireNumber, life: u32, taken: u64 },
    NegotiationFails(ClientNumber, u32, Turn),
    MoveIsTold(ServerNumber, u32, ConnectionNumber, u64),
    AbortIsTold(ServerNumber, u32, ConnectionNumber),
    StartAgain(ClientNumber, u32),
    PathWorks(ClientNumber),
    ServerStarts(ServerNumber),
    ClientWakes(ClientNumber),
    ServerWakes(ServerNumber),
    Collect,
    Fault,
}

/// What a process has not looked at yet, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) enum Inbox {
    /// It runs: there is nothing.
    #[default]
    Read,
    /// It does not run.
    Waiting(Vec<Event>),
}

impl Inbox {
    /// From now on everything waits.
    pub(crate) fn close(&mut self) {
        if matches!(self, Self::Read) {
            *self = Self::Waiting(Vec::new());
        }
    }

    pub(crate) fn open(&mut self) -> Vec<Event> {
        match std::mem::take(self) {
            Self::Read => Vec::new(),
            Self::Waiting(events) => events,
        }
    }
}

#[derive(Debug)]
struct Scheduled {
    at: Time,
    /// Which of those of the same time comes first.
    number: u64,
    event: Event,
}

impl World {
    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        let start = Instant::now();
        let now = Time::default();
        let client = |rate: &u64| Client::new(settings.client.clone(), Clock::new(start, *rate), now);
        let clients = settings.client_rates.iter().map(client).collect();
        let servers =
            settings.server_rates.iter().map(|rate| Server::new(Clock::new(start, *rate))).collect();
        let groups = (0..GROUPS).map(|group| TopicName::from(format!("g-{group}"))).collect();
        let mut world = Self {
            settings,
            random: Rng::with_seed(seed),
            now,
            steps: 0,
            clients,
            servers,
            wires: Vec::new(),
            logs: Vec::new(),
            ledger: Ledger::default(),
            timeline: Timeline::default(),
            seen: Report::default(),
            failure: None,
            sender: 0,
            opened: 0,
            all: TopicName::from("all"),
            groups,
            topics: Vec::new(),
            clients_start_again: true,
            storm: None,
            queue: BinaryHeap::new(),
            scheduled: 0,
            woken: Woken::default(),
            start,
        };
        world.new_log();
        world.schedule(now, Event::Collect);
        world
    }

    pub(crate) fn new_log(&mut self) -> usize {
        let number = u32::try_from(self.logs.len()).unwrap_or(u32::MAX);
        let bus = Bus::new(Epoch::new(number + 1), self.settings.limits);
        self.logs.push(Log { bus, base: self.ledger.accepted() });
        self.logs.len() - 1
    }

    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled { at, number: self.scheduled, event }));
    }

    pub(crate) fn note(&mut self, who: Who, what: What) {
        self.timeline.push(Line { at: self.now, who, what });
    }

    /// The first broken promise counts.
    pub(crate) fn fail(&mut self, invariant: Invariant) {
        self.failure.get_or_insert(invariant);
    }

    /// Lets everything happen up to this time, or to the first broken promise.
    pub(crate) fn run_until(&mut self, until: Time) {
        let mut at_once = 0;
        while self.failure.is_none()
            && let Some(Reverse(next)) = self.queue.peek()
            && next.at <= until
            && let Some(Reverse(next)) = self.queue.pop()
        {
            at_once = if next.at > self.now { 0 } else { at_once + 1 };
            if at_once > AT_ONCE {
                self.fail(Invariant::Unbounded { what: "steps at one time", count: at_once, limit: AT_ONCE });
            }
            self.now = self.now.max(next.at);
            self.steps += 1;
            self.happen(next.event);
            if self.queue.len() > WAITING {
                self.fail(Invariant::Unbounded { what: "events", count: self.queue.len(), limit: WAITING });
            }
        }
        if self.failure.is_none() {
            self.now = self.now.max(until);
        }
    }

    /// What is meant for a process that does not run waits for it, if this is.
    fn waits(&mut self, event: &Event) -> bool {
        let inbox = match *event {
            Event::ToClient(client, ..)
            | Event::ClientTick(client, _)
            | Event::NegotiationFails(client, ..)
            | Event::StartAgain(client, _) => &mut self.clients[client].inbox,
            Event::ClientNotices(wire) => &mut self.clients[self.wires[wire].client].inbox,
            Event::ToServer { server, .. }
            | Event::RecordTick(server, ..)
            | Event::MoveIsTold(server, ..)
            | Event::AbortIsTold(server, ..)
            | Event::Pump(Reader { server, .. }) => &mut self.servers[server].inbox,
            Event::ServerNotices(wire, _) | Event::WritesAreWatched { wire, .. } => {
                match self.wires[wire].server {
                    Some(server) => &mut self.servers[server].inbox,
                    None => return false,
                }
            }
            Event::PathWorks(_) | Event::ServerStarts(_) | Event::Collect | Event::Fault => return false,
            Event::ClientWakes(_) | Event::ServerWakes(_) => return false,
        };
        match inbox {
            Inbox::Read => false,
            Inbox::Waiting(events) => {
                events.push(event.clone());
                true
            }
        }
    }

    fn client_wakes(&mut self, client: ClientNumber) {
        let process = &mut self.clients[client];
        if process.paused_until <= self.now {
            let events = process.inbox.open();
            self.note(Who::Client(client), What::Resumes);
            for event in events {
                self.deal_with(event);
            }
        }
    }

    fn server_wakes(&mut self, server: ServerNumber) {
        let process = &mut self.servers[server];
        if process.paused_until <= self.now {
            let events = process.inbox.open();
            self.note(Who::Server(server), What::Resumes);
            for event in events {
                self.deal_with(event);
            }
        }
    }

    pub(crate) fn happen(&mut self, event: Event) {
        if !self.is_held(&event) && !self.waits(&event) {
            self.deal_with(event);
        }
    }

    /// It has come through and somebody looks at it.
    pub(crate) fn deal_with(&mut self, event: Event) {
        match event {
            Event::ToClient(client, life, packet) => self.arrive_at_client(client, life, packet),
            Event::ToServer { client, sender, server, life, packet } => {
                self.sender = sender;
                self.arrive_at_server(client, (server, life), packet);
            }
            Event::ClientTick(client, life) => self.client_ticks(client, life),
            Event::RecordTick(server, life, connection) if self.runs(server, life) => {
                self.server_ticks(server, connection);
            }
            Event::Pump(Reader { server, life, connection, link }) if self.runs(server, life) => {
                self.pump(server, connection, link);
            }
            Event::ClientNotices(wire) => self.client_notices(wire),
            Event::ServerNotices(wire, life) => {
                if self.wires[wire].server.is_some_and(|server| self.runs(server, life)) {
                    self.server_notices(wire);
                }
            }
            Event::WritesAreWatched { wire, life, taken } => {
                if self.wires[wire].server.is_some_and(|server| self.runs(server, life)) {
                    self.look_at_writes(wire, taken);
                }
            }
            Event::NegotiationFails(client, life, turn) if self.clients[client].life == life => {
                self.negotiation_fails(client, turn);
            }
            Event::MoveIsTold(server, life, connection, opened) if self.runs(server, life) => {
                self.move_is_told(server, connection, opened);
            }
            Event::AbortIsTold(server, life, connection) if self.runs(server, life) => {
                self.server_handles(server, connection, heliostat_proto::connection::Input::Aborted);
            }
            Event::StartAgain(client, life) => self.start_again(client, life),
            Event::PathWorks(client) => self.path_works(client),
            Event::ServerStarts(server) => self.start_server(server),
            Event::ClientWakes(client) => self.client_wakes(client),
            Event::ServerWakes(server) => self.server_wakes(server),
            Event::Collect => self.collect(),
            Event::Fault => self.go_wrong(),
            // The process for which it was meant is gone.
            Event::RecordTick(..)
            | Event::Pump(_)
            | Event::NegotiationFails(..)
            | Event::MoveIsTold(..)
            | Event::AbortIsTold(..) => {}
        }
    }

    fn runs(&self, server: ServerNumber, life: u32) -> bool {
        self.servers[server].is_up && self.servers[server].life == life
    }

    fn start_again(&mut self, client: ClientNumber, life: u32) {
        let process = &self.clients[client];
        let is_idle = process.life == life && process.machine.phase() == Phase::Disconnected;
        if self.clients_start_again && is_idle {
            self.client_handles(client, Input::Start);
        }
    }

    fn collect(&mut self) {
        let now = self.start + self.now.since_start();
        let time_to_live = self.settings.timeouts.topic_time_to_live();
        for log in &self.logs {
            log.bus.collect(now, time_to_live);
        }
        self.schedule(self.now + Duration::from_secs(3), Event::Collect);
    }

    /// Publishes into a log, unless nobody has been there to read it for long. Tells whether it was accepted.
    pub(crate) fn publish(
        &mut self,
        log: usize,
        target: Target,
        body: Body,
        label: Option<&str>,
    ) -> Option<u64> {
        let order = self.ledger.accepted() + 1;
        let topic = match target {
            Target::All => &self.all,
            Target::Group(group) => &self.groups[usize::from(group)],
            Target::Connection(connection) => &self.topics[connection],
        };
        let mut woken = std::mem::take(&mut self.woken);
        let bus = &self.logs[log].bus;
        let accepted = bus.publish(topic.as_str(), Entry { order, body }, &mut woken).is_some();
        let (bytes, limit) = (bus.statistics().bytes, self.settings.limits.total_bytes);
        if bytes > limit {
            self.fail(Invariant::Unbounded { what: "bytes in the log", count: bytes, limit });
        }
        if accepted {
            self.ledger.publish(target, body, label.map(Into::into));
            for reader in woken.iter() {
                self.schedule(self.now, Event::Pump(*reader));
            }
        }
        woken.clear();
        self.woken = woken;
        accepted.then_some(order)
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}
