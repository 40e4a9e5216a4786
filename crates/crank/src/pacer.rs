//! When the next message is due: by the clock, or when enough of those before have arrived.
//!
//! By the clock the *schedule* decides, not the moment at which the generator gets round to it. A message that is sent late because
//! the server (or the generator) was busy still counts from the moment it was due; otherwise every pause would hide the very waiting
//! it causes ("coordinated omission").

/// The schedule of an open loop: the n-th message is due at `from + n / rate`.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    from: u64,
    rate: f64,
    taken: u64,
}

impl Schedule {
    /// `from` in nanoseconds since the run began, `rate` per second.
    pub(crate) const fn new(from: u64, rate: f64) -> Self {
        Self { from, rate, taken: 0 }
    }

    /// When the next message is due.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "exact to a nanosecond for the years that 2^53 of them last; rates are checked to be positive"
    )]
    pub(crate) fn next(&self) -> u64 {
        self.from.saturating_add((self.taken as f64 * 1e9 / self.rate) as u64)
    }

    /// Takes the next message if it is due; tells when it was.
    pub(crate) fn take(&mut self, now: u64) -> Option<u64> {
        let due = self.next();
        (due <= now).then(|| {
            self.taken += 1;
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Record;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn messages_are_due_at_even_distances_without_drift() {
        let mut schedule = Schedule::new(5, 3.0);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take(5 + SECOND)).collect();
        assert_eq!(due, [5, 333_333_338, 666_666_671, SECOND + 5]);
        assert_eq!(schedule.take(5 + SECOND), None);
        assert_eq!(schedule.next(), 1_333_333_338);
    }

    #[test]
    fn a_pause_of_the_server_is_counted_by_every_message_that_was_due_in_it() {
        // 100 messages a second, each answered at once, but for one pause of a second.
        let mut schedule = Schedule::new(0, 100.0);
        let (mut open, mut closed) = (Record::new(), Record::new());
        let mut now = 0;
        while now < 10 * SECOND {
            while let Some(due) = schedule.take(now) {
                open.note(now - due);
                closed.note(0);
            }
            now = if now == 5 * SECOND { 6 * SECOND } else { now + SECOND / 100 };
        }
        // A loop that waits for its answers would have seen one slow message in nine hundred; the people who waited were a hundred.
        assert!(open.latency().p99.as_millis() > 880, "{:?}", open.latency());
        assert!(open.latency().p50.is_zero());
        assert!(closed.latency().max.is_zero());
    }
}
