//! The one clock for all connections: wakes those whose deadline has come.
//!
//! A timer per connection would cost memory and a wake-up each; here a deadline that merely moved later costs nothing until it
//! comes up (spec 9.2 has one heartbeat too; ours has no fixed beat).

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use heliostat_proto::{connection::Heartbeat, id::ConnectionId};
use tokio::sync::Notify;

use super::{Known, graveyard::Graveyard, registry::IdHash};
use crate::server::Core;

/// How often the bus forgets what is too old.
const COLLECT_EVERY: Duration = Duration::from_secs(5);

/// Deadlines of all connections and the task that watches them.
#[derive(Debug, Default)]
pub(crate) struct HeartbeatTask {
    deadlines: Mutex<Heartbeat<ConnectionId, IdHash>>,
    tombstones: Graveyard,
    earlier: Notify,
}

impl HeartbeatTask {
    /// Makes sure that the connection is looked at when `at` has come.
    pub(crate) fn schedule(&self, id: ConnectionId, at: Instant) {
        let mut deadlines = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        let first = deadlines.next();
        deadlines.schedule(id, at);
        drop(deadlines);
        if first.is_none_or(|first| at < first) {
            self.earlier.notify_one();
        }
    }

    /// The connection is over: nothing of it has to be looked at, but its tombstone goes at `until`, in nanoseconds after the server's
    /// start.
    pub(super) fn bury(&self, id: ConnectionId, until: u64) {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner).cancel(&id);
        if self.tombstones.add(id, until) {
            self.earlier.notify_one();
        }
    }

    fn next(&self, core: &Core) -> Option<Instant> {
        let deadline = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner).next();
        let tombstone = self.tombstones.next().map(|until| core.after_start(until));
        deadline.into_iter().chain(tombstone).min()
    }

    fn due(&self, now: Instant) -> Vec<ConnectionId> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner).pop_due(now).collect()
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
        for id in strong.heartbeat.due(now) {
            if let Some(record) = strong.registry.find(id).and_then(Known::record) {
                record.tick(&strong, now);
            }
        }
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
