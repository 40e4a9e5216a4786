//! One seed from beginning to end, and many seeds at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use heliostat_proto::connection::client::Phase;

use crate::failure::{Failure, Invariant};
use crate::plan::Plan;
use crate::world::{Event, World};

/// What a simulation in which every promise held has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that happened.
    pub steps: u64,
    /// Messages that a log accepted.
    pub published: u64,
    /// Messages that clients got.
    pub delivered: u64,
    /// SignalR connections.
    pub connections: u64,
    /// Transport connections.
    pub transports: u64,
    /// Times that a client came back after a loss.
    pub reconnects: u64,
    /// Connections that a server gave up because their client did not come back in time.
    pub timeouts: u64,
    /// Times that a client was silent for so long that a server counted it as away, with its transport connection kept.
    pub silences: u64,
    /// Times that a server reported messages lost, or perhaps lost.
    pub gaps: u64,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.published += other.published;
        self.delivered += other.delivered;
        self.connections += other.connections;
        self.transports += other.transports;
        self.reconnects += other.reconnects;
        self.timeouts += other.timeouts;
        self.silences += other.silences;
        self.gaps += other.gaps;
    }
}

/// How long everybody gets to come to rest once everything works: a poll that nobody answers is given up after
/// the connection timeout and ten seconds.
const CALM: Duration = Duration::from_secs(60);
/// For so many seconds a client is waited for that is just reconnecting.
const REST: usize = 20;
/// How long the last traces of the dead may stay: a poll, the grace, twice the time to live of a topic.
const FORGETTING: Duration = Duration::from_secs(120);

/// Runs one simulation.
///
/// # Errors
/// The first promise that was broken, with the way to it. The same seed and plan go the same way again.
pub fn simulate(seed: u64, plan: &Plan) -> Result<Report, Box<Failure>> {
    let mut world = World::new(plan.settings(seed), seed);
    world.live(plan);
    match world.failure.take() {
        None => Ok(world.report()),
        Some(invariant) => {
            let World { steps: step, timeline, .. } = world;
            Err(Box::new(Failure { seed, step, invariant, timeline }))
        }
    }
}

/// Runs `seeds` simulations, the first with the seed `from`, on so many threads. After each, `on_progress` hears how
/// many are done.
///
/// # Errors
/// One of the failures that were found, when the simulations under way have ended.
pub fn run(
    (seeds, from): (u64, u64),
    threads: usize,
    on_progress: impl Fn(u64) + Sync,
) -> Result<Report, Box<Failure>> {
    let plan = Plan::default();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = Mutex::new((Report::default(), None::<Box<Failure>>));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= seeds {
                        return;
                    }
                    let result = simulate(from.wrapping_add(index), &plan);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(report) => total.0.add(&report),
                        Err(failure) => {
                            next.store(seeds, Ordering::Relaxed);
                            total.1.get_or_insert(failure);
                        }
                    }
                    drop(total);
                    on_progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let (report, failure) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(report), Err)
}

impl World {
    /// A storm, a calm in which all that was broken mends, and an end in which all is forgotten.
    fn live(&mut self, plan: &Plan) {
        for client in 0..self.clients.len() {
            self.schedule(self.now, Event::StartAgain(client, 0));
        }
        let end_of_storm = self.now + plan.storm;
        self.begin_storm(end_of_storm, plan.between_faults);
        self.run_until(end_of_storm);
        self.calm_down();
        self.run_until(end_of_storm + CALM);
        self.check_rest();
        self.end_everything();
        self.run_until(self.now + FORGETTING);
        self.check_nothing_remains();
    }

    fn calm_down(&mut self) {
        self.clients_start_again = false;
        let settings = &mut self.settings;
        (settings.repeats, settings.strays) = (0, 0);
        settings.latency = settings.latency.min(Duration::from_millis(20));
        for client in 0..self.clients.len() {
            self.path_works(client);
        }
    }

    fn check_rest(&mut self) {
        for client in 0..self.clients.len() {
            // Without keep-alives streams end in the best of times, and begin again.
            for _ in 0..REST {
                if self.clients[client].machine.phase() == Phase::Reconnecting {
                    self.run_until(self.now + Duration::from_secs(1));
                }
            }
            self.check_client_at_rest(client);
        }
        for server in 0..self.servers.len() {
            self.check_server_at_rest(server);
        }
    }

    fn check_client_at_rest(&mut self, client: usize) {
        let process = &self.clients[client];
        match (process.machine.phase(), process.connection) {
            (Phase::Disconnected, _) => {}
            (Phase::Connected, Some(connection)) => {
                if let Err(invariant) = self.ledger.settled(connection) {
                    self.fail(invariant);
                }
            }
            (phase @ (Phase::Connecting | Phase::Reconnecting | Phase::Connected), _) => {
                self.fail(Invariant::Restless { client, phase });
            }
        }
    }

    fn check_server_at_rest(&mut self, server: usize) {
        let carried: Vec<_> = self.carried(server).collect();
        for carried in carried {
            let connection = carried.connection;
            if self.wires[carried.wire].is_cut && self.watches(carried.wire) {
                self.fail(Invariant::Remains { what: "transport connections without a client", count: 1 });
            }
            if let Some(wanted) = self.ledger.groups(connection)
                && wanted != carried.groups
            {
                self.fail(Invariant::Groups { connection, actual: carried.groups, wanted });
            }
        }
    }

    /// Whether the server can notice that nobody is at the other end: not of a poll, before it is answered.
    fn watches(&self, wire: usize) -> bool {
        use heliostat_proto::connection::KeepAlive;
        use heliostat_proto::transport_kind::TransportKind;
        let is_poll = self.wires[wire].kind == TransportKind::LongPolling;
        !is_poll && self.settings.timeouts.keep_alive() != KeepAlive::Off
    }

    /// Half of the clients stop, the others vanish.
    fn end_everything(&mut self) {
        use heliostat_proto::connection::client::Input;
        for client in 0..self.clients.len() {
            if client % 2 == 0 {
                self.client_handles(client, Input::Stop);
            } else {
                self.kill_client(client);
            }
        }
    }

    fn check_nothing_remains(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let records = self.servers.iter().map(|server| server.records.len()).sum();
        let statistics: Vec<_> = self.logs.iter().map(|log| log.bus.statistics()).collect();
        let topics = statistics.iter().map(|statistics| statistics.topics).sum();
        let subscriptions = statistics.iter().map(|statistics| statistics.subscriptions).sum();
        let bytes = statistics.iter().map(|statistics| statistics.bytes).sum();
        let left =
            [("records", records), ("topics", topics), ("subscriptions", subscriptions), ("bytes", bytes)];
        for (what, count) in left {
            if count > 0 {
                self.fail(Invariant::Remains { what, count });
            }
        }
    }

    fn report(&self) -> Report {
        Report {
            steps: self.steps,
            published: self.ledger.accepted(),
            delivered: self.ledger.delivered(),
            connections: self.topics.len() as u64,
            transports: self.wires.len() as u64,
            ..self.seen
        }
    }
}
