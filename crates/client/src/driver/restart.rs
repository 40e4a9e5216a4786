//! When a connection that has ended starts again by itself.
//!
//! Only an end that nobody wanted is followed by a new start, and only if an earlier start had worked: whoever starts
//! a connection is told that it failed, and decides.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::{Backoff, Restart};

/// Where a connection stands between its end and its next start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing is to be done.
    #[default]
    Idle,
    /// It has worked, so its end is followed by a start.
    Watching,
    /// The next attempt is made then.
    Waiting { attempt: u32, at: Instant },
    /// This attempt is being made.
    Trying { attempt: u32 },
}

impl Again {
    /// The application starts or stops the connection itself.
    pub(super) fn forget(&mut self) {
        *self = Self::Idle;
    }

    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Self::Waiting { at, .. } => Some(at),
            Self::Idle | Self::Watching | Self::Trying { .. } => None,
        }
    }

    /// The connection is there. Tells whether it has come back by itself.
    pub(super) fn started(&mut self) -> bool {
        matches!(std::mem::replace(self, Self::Watching), Self::Trying { .. })
    }

    /// The connection is over: which attempt is next, and how long to wait for it.
    pub(super) fn ended(&mut self, restart: Restart, now: Instant) -> Option<(u32, Duration)> {
        let attempt = match *self {
            Self::Watching => 1,
            Self::Trying { attempt } => attempt.saturating_add(1),
            Self::Idle | Self::Waiting { .. } => return None,
        };
        *self = Self::Idle;
        let Restart::WithBackoff(backoff) = restart else { return None };
        let after = wait(&backoff, attempt);
        *self = Self::Waiting { attempt, at: now + after };
        Some((attempt, after))
    }

    /// The time has come.
    pub(super) fn attempt(&mut self) {
        if let Self::Waiting { attempt, .. } = *self {
            *self = Self::Trying { attempt };
        }
    }
}

fn wait(backoff: &Backoff, attempt: u32) -> Duration {
    backoff.wait(attempt, fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTART: Restart = Restart::WithBackoff(Backoff {
        first: Duration::from_secs(1),
        factor: 2.0,
        longest: Duration::from_secs(60),
        jitter: 0.0,
    });

    #[tokio::test(start_paused = true)]
    async fn each_failed_attempt_is_followed_by_a_longer_wait_until_one_works() {
        let (mut again, now) = (Again::default(), Instant::now());
        assert!(!again.started());
        for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
            assert_eq!(again.ended(RESTART, now), Some((attempt, Duration::from_secs(seconds))));
            assert_eq!(again.due(), Some(now + Duration::from_secs(seconds)));
            again.attempt();
        }
        assert!(again.started());
        assert_eq!(again.ended(RESTART, now), Some((1, Duration::from_secs(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_first_start_that_fails_nor_a_stop_is_followed_by_a_start() {
        let (mut again, now) = (Again::default(), Instant::now());
        assert_eq!(again.ended(RESTART, now), None);
        again.started();
        again.forget();
        assert_eq!(again.ended(RESTART, now), None);
        again.started();
        assert_eq!(again.ended(Restart::Never, now), None);
        assert_eq!(again.due(), None);
    }
}
