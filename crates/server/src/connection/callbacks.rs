//! One connection's lifetime callbacks, one after the other.
//!
//! The state machine says *that* a callback is due, under its lock and in its order; running it takes time. This queue keeps that
//! order: connected finishes before reconnected begins, disconnected is last. A panic in a callback is that callback's failure
//! and nobody else's.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::line::{Line, Turn};
use crate::{application::Handling, failure::Failure, trace};

/// The callbacks of one connection that are due or running.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    line: Line<Callback>,
    /// What came of `connected`, for `/start` and for whatever must not overtake it. An [`Outcome`].
    connected: AtomicU8,
    finished: Notify,
}

/// A callback that is due, not yet begun.
pub(crate) enum Callback {
    /// Its outcome is remembered and can be waited for.
    Connected(Handling),
    /// Nobody waits; a failure is logged.
    Other(Handling),
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected(_) => "Connected",
            Self::Other(_) => "Other",
        })
    }
}

/// How far `connected` has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is not due: nothing to wait for.
    #[default]
    NotDue,
    Pending,
    Succeeded,
    Failed,
}

impl Outcome {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Pending,
            2 => Self::Succeeded,
            3 => Self::Failed,
            _ => Self::NotDue,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::NotDue => 0,
            Self::Pending => 1,
            Self::Succeeded => 2,
            Self::Failed => 3,
        }
    }
}

impl Callbacks {
    /// Puts a callback behind those that are due already to `holder`. It runs on a task of theirs.
    pub(crate) fn push<H: AsRef<Self> + Send + Sync + 'static>(holder: &Arc<H>, callback: Callback) {
        let this = H::as_ref(holder);
        if matches!(callback, Callback::Connected(_)) {
            this.set_outcome(Outcome::Pending);
        }
        match this.line.push(callback) {
            Turn::Mine => {
                let holder = Arc::clone(holder);
                _ = tokio::spawn(async move { H::as_ref(&holder).run().await });
            }
            Turn::Another => {}
        }
    }

    /// `connected` is due, and nobody listens: it has succeeded.
    pub(crate) fn skip_connected(&self) {
        self.set_outcome(Outcome::Succeeded);
    }

    /// Waits until `connected`, if it is due, has finished, and says whether it failed.
    pub(crate) async fn connected(&self) -> Outcome {
        loop {
            // Made before the outcome is looked at: it hears of every change after that.
            let finished = self.finished.notified();
            match self.outcome() {
                Outcome::Pending => finished.await,
                outcome @ (Outcome::NotDue | Outcome::Succeeded | Outcome::Failed) => return outcome,
            }
        }
    }

    /// Whether `connected` is due or running.
    pub(crate) fn is_connecting(&self) -> bool {
        self.outcome() == Outcome::Pending
    }

    /// How far `connected` has come.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::of(self.connected.load(Ordering::Acquire))
    }

    fn set_outcome(&self, outcome: Outcome) {
        self.connected.store(outcome.number(), Ordering::Release);
        self.finished.notify_waiters();
    }

    async fn run(&self) {
        while let Some(callback) = self.line.next() {
            match callback {
                Callback::Connected(work) => {
                    let outcome = match finish(work).await {
                        Ok(()) => Outcome::Succeeded,
                        Err(_) => Outcome::Failed,
                    };
                    self.set_outcome(outcome);
                }
                Callback::Other(work) => _ = finish(work).await,
            }
        }
    }
}

/// Runs a handler to its end; a panic is a failure like any other, with its own log line.
async fn finish(work: Handling) -> Result<(), Failure> {
    let result = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(target: trace::CONNECTION, "a lifetime handler panicked; its connection goes on");
        Err(Failure::new("the handler panicked"))
    });
    if let Err(failure) = &result {
        tracing::debug!(target: trace::CONNECTION, %failure, "a lifetime handler failed");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Mutex, time::Duration};

    impl AsRef<Self> for Callbacks {
        fn as_ref(&self) -> &Self {
            self
        }
    }

    #[tokio::test(start_paused = true)]
    async fn callbacks_run_one_after_the_other_in_their_order() {
        let callbacks = Arc::new(Callbacks::default());
        let log = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str, wait: u64| {
            let log = Arc::clone(&log);
            async move {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                log.lock().unwrap().push(name);
                Ok(())
            }
            .boxed()
        };
        Callbacks::push(&callbacks, Callback::Connected(note("connected", 5)));
        Callbacks::push(&callbacks, Callback::Other(note("reconnected", 0)));
        assert!(callbacks.is_connecting());
        assert_eq!(callbacks.connected().await, Outcome::Succeeded);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(*log.lock().unwrap(), ["connected", "reconnected"]);
    }

    #[tokio::test]
    async fn where_nobody_listens_connected_has_succeeded_at_once() {
        let callbacks = Callbacks::default();
        assert_eq!(callbacks.connected().await, Outcome::NotDue);
        callbacks.skip_connected();
        assert!(!callbacks.is_connecting());
        assert_eq!(callbacks.connected().await, Outcome::Succeeded);
    }

    #[tokio::test]
    async fn a_panic_in_connected_is_its_failure_and_the_next_callback_runs() {
        let callbacks = Arc::new(Callbacks::default());
        Callbacks::push(&callbacks, Callback::Connected(async { panic!("on purpose") }.boxed()));
        let (done, finished) = tokio::sync::oneshot::channel();
        Callbacks::push(
            &callbacks,
            Callback::Other(
                async move {
                    _ = done.send(());
                    Ok(())
                }
                .boxed(),
            ),
        );
        assert_eq!(callbacks.connected().await, Outcome::Failed);
        finished.await.unwrap();
    }
}
