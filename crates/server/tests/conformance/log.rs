//! What callbacks have run, in their order.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Notify;

/// How long a callback may take to run.
const PATIENCE: Duration = Duration::from_secs(20);

/// Cheap to clone: all clones are the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<Vec<String>>,
    grown: Notify,
}

impl Log {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lines.lock().expect("nobody panics while noting").push(line.into());
        self.0.grown.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lines.lock().expect("nobody panics while noting").clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|other| *other == line).count()
    }

    /// Waits until the line is there.
    pub(crate) async fn wait(&self, line: &str) {
        let there = async {
            loop {
                let grown = self.0.grown.notified();
                if self.count(line) > 0 {
                    return;
                }
                grown.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, there).await;
        waited.unwrap_or_else(|_| panic!("'{line}' never came; there are {:?}", self.lines()));
    }
}
