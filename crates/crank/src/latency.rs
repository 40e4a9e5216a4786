//! Distributions of durations, exact to a thousandth, in constant memory.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::report::seconds;

/// Nobody waits longer, in nanoseconds: an hour. What does is counted as this.
const LONGEST: u64 = 3_600_000_000_000;
/// Three significant digits: an error below a thousandth.
const DIGITS: u8 = 3;

/// A distribution of durations.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use heliostat_crank::Report;
///
/// /// Whether 99 of 100 messages came within 50 ms of the moment at which they were due.
/// fn is_prompt(report: &Report) -> bool {
///     report.open_loop && report.latency.is_some_and(|latency| latency.p99 <= Duration::from_millis(50))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many there were.
    pub count: u64,
    /// Their mean.
    #[serde(serialize_with = "seconds")]
    pub mean: Duration,
    /// Half were not longer.
    #[serde(serialize_with = "seconds")]
    pub p50: Duration,
    /// Nine of ten were not longer.
    #[serde(serialize_with = "seconds")]
    pub p90: Duration,
    /// All but one of a hundred were not longer.
    #[serde(serialize_with = "seconds")]
    pub p99: Duration,
    /// All but one of a thousand were not longer.
    #[serde(serialize_with = "seconds")]
    pub p999: Duration,
    /// The longest.
    #[serde(serialize_with = "seconds")]
    pub max: Duration,
}

/// Durations being recorded.
#[derive(Clone, Debug)]
pub(crate) struct Record(Histogram<u64>);

impl Record {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants of this file that the library accepts; every test makes one"
    )]
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("constant bounds"))
    }

    /// One duration, in nanoseconds.
    pub(crate) fn note(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so there is nothing that does not fit.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn latency(&self) -> Latency {
        if self.0.is_empty() {
            return Latency::default();
        }
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        Latency {
            count: self.0.len(),
            mean: Duration::from_secs_f64(self.0.mean() / 1e9),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(self.0.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_thousandth_and_add_up_across_threads() {
        let (mut odd, mut even) = (Record::new(), Record::new());
        for millisecond in 1..=1000_u64 {
            if millisecond % 2 == 1 { &mut odd } else { &mut even }.note(millisecond * 1_000_000);
        }
        odd.add(&even);
        let latency = odd.latency();
        assert_eq!(latency.count, 1000);
        let near = |duration: Duration, milliseconds: f64| {
            (duration.as_secs_f64() * 1e3 / milliseconds - 1.0).abs() < 2e-3
        };
        assert!(
            near(latency.p50, 500.0) && near(latency.p99, 990.0) && near(latency.p999, 999.0),
            "{latency:?}"
        );
        assert!(near(latency.mean, 500.5) && near(latency.max, 1000.0), "{latency:?}");
    }

    #[test]
    fn what_was_never_recorded_is_all_zero() {
        assert_eq!(Record::new().latency(), Latency::default());
    }
}
