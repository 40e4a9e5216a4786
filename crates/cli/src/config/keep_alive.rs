//! The keep-alive setting: a duration, `off`, or by default whatever fits the disconnect timeout.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use super::duration::{DurationError, HumaneDuration};

/// How often an idle connection hears from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepAliveSetting {
    /// A third of the disconnect timeout.
    Auto,
    Every(HumaneDuration),
    Off,
}

impl FromStr for KeepAliveSetting {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "off" | "false" => Ok(Self::Off),
            other => other.parse().map(Self::Every),
        }
    }
}

impl Display for KeepAliveSetting {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Off => formatter.write_str("off"),
            Self::Every(duration) => duration.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_is_a_duration_or_off_or_auto() {
        for text in ["auto", "off", "5s"] {
            assert_eq!(text.parse::<KeepAliveSetting>().unwrap().to_string(), text);
        }
        assert!("never".parse::<KeepAliveSetting>().is_err());
    }
}
