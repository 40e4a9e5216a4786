//! One true time, and what the clock of each process makes of it.

use std::time::{Duration, Instant};

/// The true time: microseconds since the simulation began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub(crate) u64);

impl Time {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// How long after the beginning this is.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// The clock of one process, which may be too fast or too slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// What it shows after 1000 units of true time.
    rate: u64,
}

impl Clock {
    pub(crate) fn new(start: Instant, rate: u64) -> Self {
        Self { start, rate }
    }

    /// What it shows at this time.
    pub(crate) fn show(&self, time: Time) -> Instant {
        self.start + Duration::from_micros(scale(time.0, self.rate, 1000))
    }

    /// The first true time at which it shows at least this.
    pub(crate) fn when(&self, shown: Instant) -> Time {
        let nanoseconds = shown.saturating_duration_since(self.start).as_nanos();
        let micros = u64::try_from(nanoseconds.div_ceil(1000)).unwrap_or(u64::MAX);
        let mut time = Time(scale(micros, 1000, self.rate));
        while self.show(time) < shown {
            time.0 += 1;
        }
        time
    }
}

fn scale(value: u64, by: u64, of: u64) -> u64 {
    if by == of { value } else { value.saturating_mul(by) / of.max(1) }
}
