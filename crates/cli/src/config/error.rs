//! Why a configuration was refused: where, which key, why, and what to write instead.

use std::fmt::{Display, Formatter, Result as Written};
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Environment { variable: String },
    Flag { flag: String },
}

impl Display for Source {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}, line {line}", path.display()),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::Flag { flag } => write!(formatter, "flag {flag}"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {path}: {error}; create the file, or name another with --config", path = .path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },

    #[error("{place}: not TOML: {why}")]
    Syntax { place: Source, why: String },

    #[error("{place}: there is no setting `{key}`{}", hint(nearest.as_deref()))]
    UnknownKey { place: Source, key: String, nearest: Option<String> },

    #[error("{place}: `{key}` stands in a table; settings stand at the top of the file, without [headings]")]
    Table { place: Source, key: String },

    #[error("{place}: {key} = {value}: {why}")]
    BadValue { place: Source, key: String, value: String, why: String },

    #[error("{place}: {key}: {why}")]
    Timeouts { place: Source, key: &'static str, why: String },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; see `heliostat serve --help` for all settings".to_owned(),
        |name| format!("; did you mean `{name}`?"),
    )
}

/// One or more reasons, so that a file can be corrected in one go.
#[derive(Debug)]
pub(crate) struct ConfigErrors(pub(crate) Vec<ConfigError>);

impl Display for ConfigErrors {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        for (index, error) in self.0.iter().enumerate() {
            formatter.write_str(if index == 0 { "error: " } else { "\nerror: " })?;
            error.fmt(formatter)?;
        }
        Ok(())
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
