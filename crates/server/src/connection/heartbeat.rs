//! The one clock for all connections: wakes those whose deadline has come.
//!
//! A timer per connection would cost memory and a wake-up each; here a deadline that merely moved later costs nothing until it
//! comes up (spec 9.2 has one heartbeat too; ours has no fixed beat).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use heliostat_proto::{connection::Heartbeat, id::ConnectionId};
use tokio::sync::Notify;

use super::{Record, graveyard::Graveyard};
use crate::{ahead, server::Core};

/// How often the bus forgets what is too old.
const COLLECT_EVERY: Duration = Duration::from_secs(5);

/// A connection to look at.
#[derive(Debug)]
struct Due {
    record: Arc<Record>,
    /// The time for which that was booked.
    booked: Option<Instant>,
}

/// What belongs to a connection, from the outside in.
const STEPS: [fn(&Due); 3] =
    [|due| ahead::fetch(&*due.record), |due| due.record.fetch_link(), |due| due.record.fetch_carrier()];

/// Deadlines of all connections and the task that watches them.
#[derive(Debug, Default)]
pub(crate) struct HeartbeatTask {
    deadlines: Mutex<Heartbeat<ConnectionId, Arc<Record>>>,
    /// Who is to be looked at whatever is booked.
    asked: Mutex<Vec<Arc<Record>>>,
    tombstones: Graveyard,
    earlier: Notify,
}

impl HeartbeatTask {
    /// The connection is looked at when `at` has come, and not at the time that was booked before.
    pub(super) fn book(&self, record: &Arc<Record>, at: Instant, before: Option<Instant>) {
        let mut deadlines = self.lock();
        let first = deadlines.next();
        let moved = before.and_then(|before| deadlines.cancel(before, record.id));
        deadlines.book(at, record.id, moved.unwrap_or_else(|| Arc::clone(record)));
        drop(deadlines);
        if first.is_none_or(|first| at < first) {
            self.earlier.notify_one();
        }
    }

    /// The connection is looked at as soon as possible, and then when it is booked for.
    pub(crate) fn ask(&self, record: &Arc<Record>) {
        self.lock_asked().push(Arc::clone(record));
        self.earlier.notify_one();
    }

    /// The connection is over: nothing of it has to be looked at.
    pub(super) fn cancel(&self, id: ConnectionId, booked: Instant) {
        let cancelled = self.lock().cancel(booked, id);
        // Only now: it may be the last that holds the record.
        drop(cancelled);
    }

    /// Its tombstone goes at `until`, in nanoseconds after the server's start.
    pub(super) fn bury(&self, id: ConnectionId, until: u64) {
        if self.tombstones.add(id, until) {
            self.earlier.notify_one();
        }
    }

    fn next(&self, core: &Core) -> Option<Instant> {
        let deadline = self.lock().next();
        let tombstone = self.tombstones.next().map(|until| core.after_start(until));
        deadline.into_iter().chain(tombstone).min()
    }

    fn due(&self, now: Instant) -> Vec<Due> {
        let asked = std::mem::take(&mut *self.lock_asked());
        let mut due: Vec<_> = asked.into_iter().map(|record| Due { record, booked: None }).collect();
        due.extend(self.lock().pop_due(now).map(|(at, record)| Due { record, booked: Some(at) }));
        due
    }

    fn lock(&self) -> MutexGuard<'_, Heartbeat<ConnectionId, Arc<Record>>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_asked(&self) -> MutexGuard<'_, Vec<Arc<Record>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the deadlines until the server is gone.
pub(crate) async fn run(core: Weak<Core>) {
    let Some(mut collect_at) = core.upgrade().map(|core| core.now() + COLLECT_EVERY) else { return };
    loop {
        let Some(strong) = core.upgrade() else { return };
        let now = strong.now();
        if collect_at <= now {
            strong.collect(now);
            collect_at = now + COLLECT_EVERY;
        }
        let due = strong.heartbeat.due(now);
        ahead::go_through(&due, STEPS, |due| due.record.tick(&strong, now, due.booked));
        drop(due);
        for id in strong.heartbeat.tombstones.take_due(strong.nanoseconds_until(now)) {
            strong.forget_tombstone(id);
        }
        let wake_at = strong.heartbeat.next(&strong).map_or(collect_at, |next| next.min(collect_at));
        // Held only while there is work: a server that nobody holds any more must be able to end.
        let earlier = Arc::clone(&strong.heartbeat);
        drop(strong);
        tokio::select! {
            () = tokio::time::sleep_until(wake_at.into()) => {}
            () = earlier.earlier.notified() => {}
        }
    }
}
