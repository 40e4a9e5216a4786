//! What is logged and how: levels per target, as text or as JSON.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use tracing_subscriber::filter::Targets;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Which events are logged: a level, and optionally other levels for some targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogLevels {
    text: String,
    targets: Targets,
}

impl LogLevels {
    pub(crate) fn targets(&self) -> Targets {
        self.targets.clone()
    }
}

/// How an event is written to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Why a text says nothing about logging.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    // Without this check a misspelt level would be taken for the name of a target.
    #[error(
        "{0:?} is not a log level; use one of off, error, warn, info, debug, trace, \
         or for one target more: \"info,SignalR.Connection=debug\""
    )]
    Level(String),
    #[error("{0:?} is not a log format; write \"text\" or \"json\"")]
    Format(String),
}

impl FromStr for LogLevels {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        let text = text.trim();
        for part in text.split(',') {
            let level = part.rsplit('=').next().unwrap_or(part).trim();
            if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
                return Err(LogError::Level(part.to_owned()));
            }
        }
        let targets = text.parse().map_err(|_| LogError::Level(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), targets })
    }
}

impl Display for LogLevels {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(&self.text)
    }
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text.trim() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(LogError::Format(other.to_owned())),
        }
    }
}

impl Display for LogFormat {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_may_differ_per_target() {
        let levels: LogLevels = "info,SignalR.Connection=debug".parse().unwrap();
        assert!(levels.targets().would_enable("SignalR.Connection", &tracing::Level::DEBUG));
        assert!(!levels.targets().would_enable("heliostat", &tracing::Level::DEBUG));
    }

    #[test]
    fn a_misspelt_level_is_refused_and_not_taken_for_a_target() {
        assert!("infoo".parse::<LogLevels>().unwrap_err().to_string().contains("\"infoo\""));
        assert!("info,x=loud".parse::<LogLevels>().is_err());
        assert!("".parse::<LogLevels>().is_err());
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
