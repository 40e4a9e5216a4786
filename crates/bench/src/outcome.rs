//! What the turns of a row showed, and whether its budget is kept.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    measure::{Figure, Figures},
    options::Cores,
    row::{Budget, Row},
    statistics::{Summary, ratios, summary},
};

/// A row that was measured, or that could not be.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) row: Row,
    pub(crate) cores: Cores,
    /// The turns of the row's subject.
    pub(crate) ours: Vec<Figures>,
    /// The turns of what it is held against.
    pub(crate) theirs: Vec<Figures>,
    /// Why it was not measured.
    pub(crate) skipped: Option<String>,
    /// What ended the turns early.
    pub(crate) failure: Option<String>,
}

/// Which of the two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// A budget and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) budget: Budget,
    /// A ratio, or the figure itself where nothing is held against it; none if it could not be measured.
    pub(crate) found: Option<Summary>,
    pub(crate) verdict: Verdict,
}

/// What became of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The budget is kept, and the stretch goal too.
    Stretch,
    Kept,
    Missed,
    /// The load tool was the limit, so that a latency says nothing about the server.
    Unclear,
    /// Something was lost, broken or not measured: no figure makes up for that.
    Failed,
}

impl Outcome {
    pub(crate) fn new(row: &Row, cores: Cores) -> Self {
        Self { row: row.clone(), cores, ours: Vec::new(), theirs: Vec::new(), skipped: None, failure: None }
    }

    pub(crate) fn add(&mut self, side: Side, figures: Figures) {
        match side {
            Side::Ours => self.ours.push(figures),
            Side::Theirs => self.theirs.push(figures),
        }
    }

    pub(crate) fn skip(&mut self, why: String) {
        self.skipped = Some(why);
    }

    pub(crate) fn fail(&mut self, why: String) {
        self.failure = Some(why);
    }

    /// Each budget of the row, judged.
    pub(crate) fn judged(&self) -> impl Iterator<Item = Judged> {
        self.row.budgets.iter().map(|budget| {
            let found = self.found(budget.figure);
            Judged { budget: *budget, found, verdict: self.verdict(*budget, found) }
        })
    }

    fn verdict(&self, budget: Budget, found: Option<Summary>) -> Verdict {
        match found {
            _ if !self.findings().is_empty() => Verdict::Failed,
            None => Verdict::Failed,
            Some(_) if budget.figure.is_latency() && self.is_tools_limit() => Verdict::Unclear,
            Some(found) if found.median <= budget.stretch => Verdict::Stretch,
            Some(found) if found.median <= budget.most => Verdict::Kept,
            Some(_) => Verdict::Missed,
        }
    }

    fn is_tools_limit(&self) -> bool {
        self.ours.iter().chain(&self.theirs).any(|figures| figures.is_tools_limit)
    }

    /// Whether every budget of the row is kept. What was skipped is neither kept nor missed.
    pub(crate) fn is_kept(&self) -> bool {
        let good = |judged: Judged| matches!(judged.verdict, Verdict::Stretch | Verdict::Kept);
        self.skipped.is_some() || self.judged().all(good)
    }

    /// What went wrong with the row's subject, each thing once.
    pub(crate) fn findings(&self) -> BTreeSet<&str> {
        let of_turns = self.ours.iter().flat_map(|figures| &figures.findings);
        of_turns.chain(&self.failure).map(String::as_str).collect()
    }

    /// The ratio where there is something to hold it against, otherwise the figure itself.
    pub(crate) fn found(&self, figure: Figure) -> Option<Summary> {
        let values = |turns: &[Figures]| -> Vec<f64> {
            turns.iter().map(|figures| figures.value(figure).unwrap_or(f64::NAN)).collect()
        };
        if self.row.against.is_some() {
            ratios(&values(&self.ours), &values(&self.theirs))
        } else {
            summary(values(&self.ours))
        }
    }

    /// The median of a figure on one side.
    pub(crate) fn median(&self, side: Side, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        let turns = match side {
            Side::Ours => &self.ours,
            Side::Theirs => &self.theirs,
        };
        summary(turns.iter().filter_map(figure)).map(|summary| summary.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn row(name: &str) -> Row {
        table::all().into_iter().find(|row| row.name == name).unwrap()
    }

    fn outcome(name: &str, ours: &[f64], theirs: &[f64]) -> Outcome {
        let mut outcome = Outcome::new(&row(name), Cores::Pinned);
        ours.iter().for_each(|value| outcome.add(Side::Ours, Figures::sample(*value)));
        theirs.iter().for_each(|value| outcome.add(Side::Theirs, Figures::sample(*value)));
        outcome
    }

    fn verdict(outcome: &Outcome) -> Verdict {
        outcome.judged().next().unwrap().verdict
    }

    #[test]
    fn a_ratio_is_judged_where_there_is_a_yardstick() {
        assert_eq!(verdict(&outcome("echo", &[11.0, 22.0], &[10.0, 20.0])), Verdict::Stretch);
        assert_eq!(verdict(&outcome("echo", &[12.0], &[10.0])), Verdict::Kept);
        assert_eq!(verdict(&outcome("echo", &[13.0], &[10.0])), Verdict::Missed);
    }

    #[test]
    fn a_figure_is_judged_by_itself_where_there_is_none() {
        assert_eq!(verdict(&outcome("storm", &[4.9], &[])), Verdict::Stretch);
        assert_eq!(verdict(&outcome("storm", &[31.0], &[])), Verdict::Missed);
    }

    #[test]
    fn a_latency_that_is_the_load_tools_own_is_not_judged() {
        let mut outcome = outcome("latency", &[1.0], &[9.0]);
        assert_eq!(verdict(&outcome), Verdict::Stretch);
        outcome.theirs[0].is_tools_limit = true;
        assert_eq!(verdict(&outcome), Verdict::Unclear);
        assert!(!outcome.is_kept());
    }

    #[test]
    fn a_loss_is_a_failure_however_fast() {
        let mut outcome = outcome("echo", &[1.0], &[10.0]);
        outcome.ours[0].findings = vec!["2 messages were lost".to_owned()];
        assert_eq!(verdict(&outcome), Verdict::Failed);
        assert!(!outcome.is_kept());
    }

    #[test]
    fn what_was_not_measured_is_not_kept_but_what_was_skipped_is_not_held_against_anybody() {
        let mut outcome = outcome("echo", &[], &[]);
        assert_eq!(verdict(&outcome), Verdict::Failed);
        outcome.skip("not installed".to_owned());
        assert!(outcome.is_kept());
    }

    #[test]
    fn the_same_finding_of_two_turns_is_told_once() {
        let mut outcome = outcome("echo", &[1.0, 1.0], &[1.0, 1.0]);
        outcome.ours.iter_mut().for_each(|figures| figures.findings = vec!["x".to_owned()]);
        assert_eq!(outcome.findings(), BTreeSet::from(["x"]));
    }
}
