//! Durations as people write them: `30s`, `1500ms`, `2m 30s`.
//!
//! A bare number is refused, because nobody can tell its unit from the file.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;
use std::time::Duration;

/// Longer than any timeout that makes sense, and short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A duration in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HumaneDuration(Duration);

impl HumaneDuration {
    pub(crate) const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    pub(crate) const fn get(self) -> Duration {
        self.0
    }
}

/// Why a text is not a duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("a duration needs a unit; write \"{0}s\" for seconds or \"{0}ms\" for milliseconds")]
    NoUnit(String),
    #[error("not a duration ({0}); write for example \"30s\", \"1500ms\" or \"2m 30s\"")]
    Malformed(String),
    #[error("longer than 30 days, which no timeout should be")]
    TooLong,
}

impl FromStr for HumaneDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let text = text.trim();
        if text != "0" && text.parse::<f64>().is_ok() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let duration =
            humantime::parse_duration(text).map_err(|error| DurationError::Malformed(error.to_string()))?;
        if duration > LONGEST { Err(DurationError::TooLong) } else { Ok(Self(duration)) }
    }
}

impl Display for HumaneDuration {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        if self.0.subsec_nanos() == 0 {
            write!(formatter, "{}s", self.0.as_secs())
        } else if self.0.subsec_nanos().is_multiple_of(1_000_000) {
            write!(formatter, "{}ms", self.0.as_millis())
        } else {
            write!(formatter, "{}ns", self.0.as_nanos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<HumaneDuration>().map(HumaneDuration::get);
        assert_eq!(read("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(read("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(read(" 2m 30s "), Ok(Duration::from_secs(150)));
        assert_eq!(read("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_bare_number_is_refused_with_the_spelling_to_use() {
        let error = "10".parse::<HumaneDuration>().unwrap_err().to_string();
        assert!(error.contains("\"10s\"") && error.contains("\"10ms\""), "{error}");
        assert!("1.5".parse::<HumaneDuration>().is_err());
    }

    #[test]
    fn nonsense_and_eternity_are_refused() {
        assert!(matches!("ten parsecs".parse::<HumaneDuration>(), Err(DurationError::Malformed(_))));
        assert!(matches!("".parse::<HumaneDuration>(), Err(DurationError::Malformed(_))));
        assert_eq!("31days".parse::<HumaneDuration>(), Err(DurationError::TooLong));
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        for text in ["110s", "1500ms", "0s", "1ns", "1500000ns", "2m 30s"] {
            let duration: HumaneDuration = text.parse().unwrap();
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
