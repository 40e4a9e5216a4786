//! A run from its beginning to its report: starts the threads, decides the phases, looks at the server at the right moments.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use crate::{
    Edge, Moment, Phase, Plan, PlanError, Report, Scenario, ServerProcess, Watch,
    files::{self, TooFewFiles},
    process,
    shared::{NEVER, Shared, nanoseconds},
    summary::{self, Evidence, Look},
    worker::{Outcome, Share, Worker},
};

/// How often the phases are looked at.
const TICK: Duration = Duration::from_millis(5);
/// How often whoever watches is told.
const SHOW_EVERY: u64 = 200_000_000;
/// How long nothing may happen while connecting: longer than a kernel waits before it repeats a lost SYN, twice.
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// Connections are left in peace for that long before they are counted as idle: what they did last is still being put away.
const SETTLING: Duration = Duration::from_millis(300);

/// Why a run could not be carried out. What the *server* does wrong is in the report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan is not allowed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Not enough files may be opened.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// Nobody answered.
    #[error(
        "no connection to {target} could be established: {reason}; check the address and its path (/signalr for most servers), and \
         that the server has the hub that is to be loaded (--hub)"
    )]
    NoConnection {
        /// What was aimed at.
        target: String,
        /// What went wrong first.
        reason: String,
    },
    /// The operating system refused.
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
    /// A thread of the generator ended by a bug.
    #[error("a thread of the generator failed; this is a bug")]
    Bug,
}

/// Carries out a plan. Blocks until it is done.
///
/// # Errors
///
/// [`RunError`] if the run could not be carried out; losses and the like are in the report.
pub fn run(plan: &Plan, watch: &mut dyn Watch) -> Result<Report, RunError> {
    plan.check()?;
    files::make_room(plan)?;
    let mut conductor = Conductor::new(plan, watch);
    conductor.start()?;
    let looks = conductor.conduct();
    let outcomes = conductor.end()?;
    let shared = &conductor.shared;
    if shared.counters.connected.value() == 0 {
        let reason = shared.failure().unwrap_or_else(|| "nothing was answered in time".to_owned());
        return Err(RunError::NoConnection { target: plan.target.to_string(), reason });
    }
    Ok(summary::report(&Evidence { plan, shared, looks: &looks, outcomes: &outcomes, pid: conductor.pid }))
}

struct Conductor<'a> {
    plan: &'a Plan,
    watch: &'a mut dyn Watch,
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<io::Result<Outcome>>>,
    pid: Option<u32>,
    shown_at: u64,
}

/// The looks at both processes at the borders of the phases.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looks {
    pub(crate) before: Look,
    pub(crate) connected: Look,
    pub(crate) measured_from: Look,
    pub(crate) measured_until: Look,
}

impl<'a> Conductor<'a> {
    fn new(plan: &'a Plan, watch: &'a mut dyn Watch) -> Self {
        let pid = match plan.server {
            ServerProcess::Pid(pid) => Some(pid),
            ServerProcess::Find if plan.target.is_loopback() => {
                process::listening_on(plan.target.address().port())
            }
            ServerProcess::Find | ServerProcess::Unknown => None,
        };
        Self { plan, watch, shared: Arc::new(Shared::new(plan)), threads: Vec::new(), pid, shown_at: 0 }
    }

    fn start(&mut self) -> Result<(), RunError> {
        let plan = Arc::new(self.plan.clone());
        let run = fastrand::u16(..);
        for thread in 0..plan.threads {
            let share = Share { thread, of: plan.threads, run };
            let worker = Worker::new(Arc::clone(&plan), Arc::clone(&self.shared), share)?;
            let builder = thread::Builder::new().name(format!("crank-{thread}"));
            self.threads.push(builder.spawn(move || worker.run())?);
        }
        Ok(())
    }

    /// From the first connection to the last message.
    fn conduct(&mut self) -> Looks {
        let before = self.look();
        if self.plan.scenario != Scenario::Connect {
            self.wait_for_connections();
        }
        let connected = self.look();
        if self.shared.counters.connected.value() == 0 && self.plan.scenario != Scenario::Connect {
            return Looks { before, ..Looks::default() };
        }
        thread::sleep(SETTLING);
        self.shared.begin_load(self.plan);
        self.shared.enter(Phase::WarmUp);
        let moments = &self.shared.moments;
        let from = moments.measured_from.load(Ordering::Acquire);
        let until = moments.load_until.load(Ordering::Acquire);
        self.wait_until(from);
        self.shared.enter(Phase::Measured);
        self.watch.measuring(Edge::Begins);
        let measured_from = self.look();
        self.wait_until(until);
        let measured_until = self.look();
        self.watch.measuring(Edge::Ends);
        self.shared.enter(Phase::Draining);
        self.wait_for_the_last();
        Looks { before, connected, measured_from, measured_until }
    }

    fn end(&mut self) -> Result<Vec<Outcome>, RunError> {
        self.shared.enter(Phase::Leaving);
        self.show();
        let threads = self.threads.drain(..);
        threads.map(|thread| Ok(thread.join().map_err(|_| RunError::Bug)??)).collect()
    }

    /// Until all are connected or have failed, or nothing moves any more.
    fn wait_for_connections(&mut self) {
        let wanted = u64::from(self.plan.connections + self.plan.publishing());
        let counters =
            |shared: &Shared| (shared.counters.connected.value(), shared.counters.not_connected.value());
        let mut patience = Patience::new(CONNECT_PATIENCE, self.shared.now());
        loop {
            let (connected, failed) = counters(&self.shared);
            let is_over = connected + failed >= wanted;
            if is_over || patience.is_over(connected + failed, self.shared.now()) {
                self.shared.counters.not_connected.add(wanted.saturating_sub(connected + failed));
                return;
            }
            self.tick();
        }
    }

    /// Until everything has arrived and everybody is back, or nothing moves any more.
    fn wait_for_the_last(&mut self) {
        let mut patience = Patience::new(self.plan.patience, self.shared.now());
        loop {
            let counters = &self.shared.counters;
            let (delivered, back) = (counters.delivered.value(), counters.back.value());
            let is_sent = counters.finished.value() >= u64::from(self.plan.threads);
            let has_all = is_sent && self.shared.outstanding() == 0 && back >= counters.cut.value();
            if has_all || patience.is_over(delivered + back, self.shared.now()) {
                break;
            }
            self.tick();
        }
        // What comes twice may come late.
        thread::sleep(SETTLING);
    }

    /// Until that moment; earlier if a closed loop has come to a standstill, which is a loss.
    fn wait_until(&mut self, moment: u64) {
        let mut patience = Patience::new(self.plan.patience, self.shared.now());
        while self.shared.now() < moment {
            let waits = self.shared.outstanding() > 0;
            let delivered = self.shared.counters.delivered.value();
            if waits && patience.is_over(delivered, self.shared.now()) {
                self.shared.moments.load_until.fetch_min(self.shared.now(), Ordering::AcqRel);
                return;
            }
            self.tick_at_most(moment);
        }
    }

    fn tick(&mut self) {
        self.tick_at_most(NEVER);
    }

    fn tick_at_most(&mut self, moment: u64) {
        let now = self.shared.now();
        if now.saturating_sub(self.shown_at) >= SHOW_EVERY {
            self.shown_at = now;
            self.show();
        }
        let left = Duration::from_nanos(moment.saturating_sub(now));
        thread::sleep(TICK.min(left));
    }

    fn show(&mut self) {
        let counters = &self.shared.counters;
        self.watch.show(&Moment {
            phase: self.shared.phase(),
            elapsed: Duration::from_nanos(self.shared.now()),
            wanted: u64::from(self.plan.connections + self.plan.publishing()),
            connected: counters.connected.value(),
            delivered: counters.delivered.value(),
            expected: counters.expected.value(),
            away: counters.cut.value().saturating_sub(counters.back.value()),
        });
    }

    fn look(&self) -> Look {
        let server = self.pid.and_then(process::sample);
        let generator = process::sample(std::process::id());
        Look::at(&self.shared, server, generator)
    }
}

/// Ends when a number has not changed for too long.
#[derive(Debug)]
struct Patience {
    limit: u64,
    last: u64,
    changed_at: u64,
}

impl Patience {
    fn new(limit: Duration, now: u64) -> Self {
        Self { limit: nanoseconds(limit), last: 0, changed_at: now }
    }

    fn is_over(&mut self, number: u64, now: u64) -> bool {
        if number != self.last {
            self.last = number;
            self.changed_at = now;
        }
        now.saturating_sub(self.changed_at) > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_begins_anew_with_every_change() {
        let mut patience = Patience::new(Duration::from_nanos(10), 0);
        assert!(!patience.is_over(0, 10));
        assert!(!patience.is_over(1, 15));
        assert!(!patience.is_over(1, 25));
        assert!(patience.is_over(1, 26));
    }
}
