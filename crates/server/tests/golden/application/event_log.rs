//! The callbacks that ran, one line each, in the order in which they began.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use heliostat::Reason;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct EventLog {
    began: Instant,
    lines: Mutex<Vec<(u64, String)>>,
    count: watch::Sender<usize>,
}

impl EventLog {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, lines: Mutex::default(), count: watch::Sender::new(0) }
    }

    pub(crate) fn note(&self, line: String) {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((at, line));
        self.count.send_replace(lines.len());
    }

    /// The lines with the milliseconds since the beginning.
    pub(crate) fn lines(&self) -> Vec<(u64, String)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until there are so many lines.
    pub(crate) async fn wait_for(&self, count: usize, limit: Duration) {
        let mut counts = self.count.subscribe();
        // Whoever compares sees what is missing.
        let _ = tokio::time::timeout(limit, counts.wait_for(|lines| *lines >= count)).await;
    }
}

/// How the recordings write down why a connection ended.
pub(super) fn stop_called(reason: Reason) -> &'static str {
    if reason == Reason::Stopped { "True" } else { "False" }
}
