//! What the doctor says: one finding for each thing it looked at, in words a person can act on.

use serde::Serialize;
use serde_json::{Map, Value};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// Works, but somebody should know.
    Note,
    /// Clients suffer from it.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// What was looked at, in one or two words.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was found, with figures.
    pub(super) said: String,
    /// What to do, most likely first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fix: Vec<String>,
    /// The figures for programs; times are milliseconds.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) measured: Map<String, Value>,
}

impl Finding {
    pub(super) fn good(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, said: said.into(), fix: Vec::new(), measured: Map::new() }
    }

    pub(super) fn note(check: &'static str, said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::good(check, said) }
    }

    pub(super) fn bad(check: &'static str, said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::good(check, said) }
    }

    /// Adds something to do about it.
    #[must_use]
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }

    /// Adds several things to do about it.
    #[must_use]
    pub(super) fn fixes(mut self, fixes: impl IntoIterator<Item = String>) -> Self {
        self.fix.extend(fixes);
        self
    }

    #[must_use]
    pub(super) fn measured(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.measured.insert(name.to_owned(), value.into());
        self
    }
}
