//! How a run is going, for whoever watches.

use std::time::Duration;

use crate::Phase;

/// A run at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// What is being done.
    pub phase: Phase,
    /// Since the run began.
    pub elapsed: Duration,
    /// Connections that are to be established, and those that are.
    pub wanted: u64,
    /// Those that are.
    pub connected: u64,
    /// Deliveries so far.
    pub delivered: u64,
    /// Deliveries that must have happened in the end, as far as is known now.
    pub expected: u64,
    /// Connections that were cut and are not back.
    pub away: u64,
}

/// Somebody who watches. Called a few times per second, on the thread that called [`run`](crate::run).
pub trait Watch {
    /// Shows how it is going.
    fn show(&mut self, moment: &Moment);

    /// The measured part begins, or ends: the moment to look at what the generator does not look at itself.
    fn measuring(&mut self, edge: Edge) {
        let _ = edge;
    }
}

/// Where the measured part begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Before the first measured message.
    Begins,
    /// After the last.
    Ends,
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Watch for Quiet {
    fn show(&mut self, _moment: &Moment) {}
}
