//! Times of day, from a clock that never jumps and can be stopped by tests.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serializer;

/// One moment on both clocks. All times of day are counted from it, so they are in order even if the system's clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    time_of_day: SystemTime,
}

impl Clock {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, time_of_day: SystemTime::now() }
    }

    pub(crate) fn time_of_day(&self, at: Instant) -> SystemTime {
        self.time_of_day + at.saturating_duration_since(self.began)
    }
}

/// As `2026-11-21T10:26:15.042Z`.
pub(crate) fn moment<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&text(*at))
}

pub(crate) fn optional_moment<S: Serializer>(
    at: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(&text(*at)),
        None => serializer.serialize_none(),
    }
}

fn text(at: SystemTime) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, seconds) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of the so many-th day after 1 January 1970, counted in years that begin in March, so that the day that only some
/// years have is their last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    /// From 1 March of the year 0 to 1 January 1970.
    const TO_1970: u64 = 719_468;
    let days = days + TO_1970;
    let (era, day_of_era) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_written_as_in_rfc_3339() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_795_256_775_042, "2026-11-21T10:26:15.042Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_millis(milliseconds)), expected);
        }
    }
}
