//! What the threads of a run know of each other: the phase, the clock, and counters.
//!
//! Each thread counts for itself and adds up here once per turn of its loop, so that counting costs nothing per message.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mio::Waker;

use crate::{Plan, Scenario, marker};

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Connections are established.
    Connecting,
    /// There is load, and nothing is measured yet.
    WarmUp,
    /// There is load, and it is measured.
    Measured,
    /// No more load; the last messages arrive.
    Draining,
    /// Connections are ended.
    Leaving,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Connecting, Self::WarmUp, Self::Measured, Self::Draining, Self::Leaving];

    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::WarmUp => "warming up",
            Self::Measured => "measuring",
            Self::Draining => "waiting for the last messages",
            Self::Leaving => "leaving",
        }
    }
}

/// A counter that all threads add to.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters, as threads add to them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connected: Counter,
    pub(crate) not_connected: Counter,
    pub(crate) published: Counter,
    /// Deliveries that must happen because of what has been published or called.
    pub(crate) expected: Counter,
    pub(crate) delivered: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed_calls: Counter,
    pub(crate) bytes: Counter,
    pub(crate) reads: Counter,
    pub(crate) broken: Counter,
    pub(crate) cut: Counter,
    pub(crate) back: Counter,
    pub(crate) retries: Counter,
    /// Threads that have sent all that was due.
    pub(crate) finished: Counter,
}

/// Nanoseconds since the run began, of instants that a phase decides.
#[derive(Debug)]
pub(crate) struct Moments {
    /// There is load from then on.
    pub(crate) load_from: AtomicU64,
    pub(crate) measured_from: AtomicU64,
    pub(crate) load_until: AtomicU64,
    /// All lose their sockets then.
    pub(crate) cut_at: AtomicU64,
}

/// Later than any run lasts.
pub(crate) const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Shared {
    began: Instant,
    phase: AtomicU8,
    pub(crate) moments: Moments,
    pub(crate) counters: Counters,
    /// How many messages each stream has; broadcasters first, then groups.
    published: Vec<AtomicU32>,
    /// How many of the ready connections are in each group.
    members: Vec<AtomicU32>,
    /// The first thing that went wrong, in words.
    failure: Mutex<Option<String>>,
    /// Wakes the thread that publishes.
    pub(crate) publisher: OnceLock<Waker>,
}

impl Shared {
    pub(crate) fn new(plan: &Plan) -> Self {
        let groups = if plan.has_groups() { plan.groups } else { 0 };
        let zeros = |count: u32| (0..count).map(|_| AtomicU32::new(0)).collect();
        let phase = if plan.scenario == Scenario::Connect { Phase::WarmUp } else { Phase::Connecting };
        Self {
            began: Instant::now(),
            phase: AtomicU8::new(phase as u8),
            moments: Moments {
                load_from: AtomicU64::new(NEVER),
                measured_from: AtomicU64::new(NEVER),
                load_until: AtomicU64::new(NEVER),
                cut_at: AtomicU64::new(NEVER),
            },
            counters: Counters::default(),
            published: zeros(plan.publishing() + groups),
            members: zeros(groups),
            failure: Mutex::default(),
            publisher: OnceLock::new(),
        }
    }

    /// Nanoseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER)
    }

    pub(crate) fn phase(&self) -> Phase {
        let number = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(number).copied().unwrap_or(Phase::Leaving)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// From now on there is load, for the plan's warm-up and duration.
    pub(crate) fn begin_load(&self, plan: &Plan) {
        let from = self.now();
        let measured = from.saturating_add(nanoseconds(plan.warm_up));
        let until = measured.saturating_add(nanoseconds(plan.duration));
        let Moments { load_from, measured_from, load_until, cut_at } = &self.moments;
        measured_from.store(measured, Ordering::Release);
        load_until.store(until, Ordering::Release);
        if plan.scenario == Scenario::Storm {
            // Early enough to be back before the end, late enough to have something to miss.
            cut_at.store(measured.saturating_add(nanoseconds(plan.duration / 5)), Ordering::Release);
        }
        load_from.store(from, Ordering::Release);
    }

    /// The number of the next message of a stream.
    pub(crate) fn next_number(&self, stream: u32) -> u32 {
        self.stream(stream).map_or(0, |published| published.fetch_add(1, Ordering::Relaxed))
    }

    /// How many messages a stream has.
    pub(crate) fn published(&self, stream: u32) -> Option<u32> {
        self.stream(stream).map(|published| published.load(Ordering::Relaxed))
    }

    fn stream(&self, stream: u32) -> Option<&AtomicU32> {
        self.published.get(usize::try_from(stream).ok()?)
    }

    pub(crate) fn joined(&self, group: u32) {
        if let Some(members) = usize::try_from(group).ok().and_then(|group| self.members.get(group)) {
            members.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn members(&self, group: u32) -> u32 {
        let members = usize::try_from(group).ok().and_then(|group| self.members.get(group));
        members.map_or(0, |members| members.load(Ordering::Relaxed))
    }

    /// Deliveries under way.
    pub(crate) fn outstanding(&self) -> u64 {
        self.counters.expected.value().saturating_sub(self.counters.delivered.value())
    }

    /// Keeps the first reason for a failure.
    pub(crate) fn explain(&self, reason: impl FnOnce() -> String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(reason);
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// How streams are numbered: broadcasters, groups, then each connection's echoes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) publishers: u32,
    pub(crate) groups: u32,
}

impl Streams {
    pub(crate) const fn of(plan: &Plan) -> Self {
        let groups = if plan.has_groups() { plan.groups } else { 0 };
        Self { publishers: plan.publishing(), groups }
    }

    pub(crate) const fn group(self, group: u32) -> u32 {
        self.publishers + group
    }

    pub(crate) const fn echo(self, connection: u32) -> u32 {
        // The plan's bounds keep the sum far below; a mark would wrap.
        (self.publishers + self.groups + connection) % marker::MAX_STREAMS
    }

    pub(crate) const fn is_echo(self, stream: u32) -> bool {
        stream >= self.publishers + self.groups
    }
}
