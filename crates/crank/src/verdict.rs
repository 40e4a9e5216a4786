//! Whether a run shows a server that keeps its promises. Speed is for people to judge; losses are not.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::report::{Connecting, Integrity, Messages, Storm};

/// The outcome.
///
/// # Examples
///
/// ```
/// use heliostat_crank::{Finding, Verdict};
///
/// fn summary(verdict: &Verdict) -> String {
///     let findings: Vec<_> = verdict.findings.iter().map(Finding::to_string).collect();
///     if verdict.passed { "passed".into() } else { findings.join(", ") }
/// }
///
/// let verdict = Verdict { passed: false, findings: vec![Finding::Lost(3), Finding::Broken(2)] };
/// assert_eq!(summary(&verdict), "3 messages were lost, 2 connections were broken");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether nothing was found.
    pub passed: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One thing that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Handshakes that failed.
    NotConnected(u64),
    /// Messages that never came.
    Lost(u64),
    /// Messages that came again.
    Duplicates(u64),
    /// Messages that overtook another.
    OutOfOrder(u64),
    /// Messages to the wrong receiver.
    Misdelivered(u64),
    /// Texts that were not well formed.
    Malformed(u64),
    /// Connections broken from the other side.
    Broken(u64),
    /// Calls that failed.
    FailedCalls(u64),
    /// Connections that were cut and did not come back.
    NotBack(u64),
    /// Nothing at all was exchanged, so that nothing was proved.
    Nothing,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(count) => write!(f, "{count} connections could not be established"),
            Self::Lost(count) => write!(f, "{count} messages were lost"),
            Self::Duplicates(count) => write!(f, "{count} messages came more than once"),
            Self::OutOfOrder(count) => write!(f, "{count} messages came out of order"),
            Self::Misdelivered(count) => write!(f, "{count} messages came to connections they were not for"),
            Self::Malformed(count) => write!(f, "{count} texts were not well formed"),
            Self::Broken(count) => write!(f, "{count} connections were broken"),
            Self::FailedCalls(count) => write!(f, "{count} calls failed"),
            Self::NotBack(count) => write!(f, "{count} connections did not come back"),
            Self::Nothing => f.write_str("nothing was delivered"),
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Verdict {
    /// Judges the figures of a run.
    pub(crate) fn on(evidence: &Evidence<'_>) -> Self {
        let Evidence { connecting, messages, integrity, storm, purpose } = evidence;
        let not_back = storm.map_or(0, |storm| storm.cut.saturating_sub(storm.back));
        let counted = [
            Finding::NotConnected(connecting.failed.into()),
            Finding::Lost(integrity.lost),
            Finding::Duplicates(integrity.duplicates),
            Finding::OutOfOrder(integrity.out_of_order),
            Finding::Misdelivered(integrity.misdelivered),
            Finding::Malformed(integrity.malformed),
            Finding::Broken(integrity.broken_connections),
            Finding::FailedCalls(messages.failed_calls),
            Finding::NotBack(not_back),
        ];
        let mut findings: Vec<_> = counted.into_iter().filter(|finding| finding.count() > 0).collect();
        if *purpose == Purpose::Exchange && integrity.received == 0 {
            findings.push(Finding::Nothing);
        }
        Self { passed: findings.is_empty(), findings }
    }
}

/// What a verdict is based on.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) connecting: &'a Connecting,
    pub(crate) messages: &'a Messages,
    pub(crate) integrity: &'a Integrity,
    pub(crate) storm: Option<&'a Storm>,
    pub(crate) purpose: Purpose,
}

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To exchange messages: if there were none, nothing is proved.
    Exchange,
    /// To have connections.
    Connections,
}

impl Finding {
    const fn count(self) -> u64 {
        match self {
            Self::NotConnected(count)
            | Self::Lost(count)
            | Self::Duplicates(count)
            | Self::OutOfOrder(count)
            | Self::Misdelivered(count)
            | Self::Malformed(count)
            | Self::Broken(count)
            | Self::FailedCalls(count)
            | Self::NotBack(count) => count,
            Self::Nothing => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(integrity: Integrity) -> Verdict {
        Verdict::on(&Evidence {
            connecting: &Connecting::default(),
            messages: &Messages::default(),
            integrity: &integrity,
            storm: None,
            purpose: Purpose::Exchange,
        })
    }

    #[test]
    fn a_run_without_findings_has_passed() {
        assert!(verdict(Integrity { expected: 1, received: 1, ..Integrity::default() }).passed);
    }

    #[test]
    fn every_kind_of_failure_is_a_finding_with_its_number() {
        let integrity =
            Integrity { received: 9, lost: 1, duplicates: 2, out_of_order: 3, ..Integrity::default() };
        let verdict = verdict(integrity);
        let found: Vec<_> = verdict.findings.iter().map(ToString::to_string).collect();
        let expected =
            ["1 messages were lost", "2 messages came more than once", "3 messages came out of order"];
        assert_eq!(found, expected);
        assert!(!verdict.passed);
    }

    #[test]
    fn a_run_in_which_nothing_happened_proves_nothing() {
        assert_eq!(verdict(Integrity::default()).findings, [Finding::Nothing]);
    }
}
