//! One line of the table: what is done to whom, against whom, and what it may cost.

use std::time::Duration;

use heliostat_crank::{Pace, Scenario, TransportKind};

use crate::{measure::Figure, options::Options, subject::Subject};

/// Some peers compile themselves while they run, and are only themselves when they have done so.
const PEER_WARM_UP: Duration = Duration::from_secs(4);

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As it is called on the command line.
    pub(crate) name: &'static str,
    /// As it is called in the table.
    pub(crate) what: &'static str,
    pub(crate) part: Part,
    pub(crate) subject: Subject,
    pub(crate) work: Work,
    /// What it is held against; none for absolute budgets.
    pub(crate) against: Option<(Subject, Work)>,
    pub(crate) budgets: Vec<Budget>,
    /// Repeats of long rows; otherwise as the effort says.
    pub(crate) repeats: Option<u32>,
}

/// The table that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The budgets.
    Budgets,
    /// The same work with more and more connections.
    Scaling,
    /// Other servers, which may be missing.
    Peers,
}

/// What is done.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) scenario: Scenario,
    pub(crate) transport: TransportKind,
    pub(crate) connections: u32,
    pub(crate) groups: u32,
    pub(crate) pace: Pace,
    pub(crate) payload: usize,
    /// How long it must be measured to mean anything; otherwise as the effort says.
    pub(crate) duration: Option<Duration>,
}

/// What a figure may be: a ratio where there is something to hold it against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Budget {
    pub(crate) figure: Figure,
    pub(crate) most: f64,
    /// Where we would like to be.
    pub(crate) stretch: f64,
}

/// How long and how often a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    pub(crate) repeats: u32,
}

impl Row {
    /// Who is measured in each turn, in this order.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (Subject, &Work)> {
        let against = self.against.iter().map(|(subject, work)| (*subject, work));
        std::iter::once((self.subject, &self.work)).chain(against)
    }

    pub(crate) fn effort(&self, options: &Options) -> Effort {
        let (warm_up, duration, repeats) = if options.quick { (300, 1_000, 3) } else { (500, 2_000, 7) };
        let warm_up = match self.part {
            Part::Budgets | Part::Scaling => Duration::from_millis(warm_up),
            Part::Peers => PEER_WARM_UP,
        };
        Effort {
            warm_up,
            duration: self.work.duration.unwrap_or(Duration::from_millis(duration)),
            repeats: options.repeats.or(self.repeats).unwrap_or(repeats),
        }
    }
}

impl Work {
    /// Over WebSockets, 100 bytes, one at a time.
    pub(crate) const fn new(scenario: Scenario, connections: u32) -> Self {
        Self {
            scenario,
            transport: TransportKind::WebSockets,
            connections,
            groups: 100,
            pace: Pace::InFlight(1),
            payload: 100,
            duration: None,
        }
    }
}
