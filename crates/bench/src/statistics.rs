//! Numbers about numbers: what is typical, and how far it spreads.

use serde::Serialize;

/// Some values of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// The median and the extremes; none of no values.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(Summary { median: f64::midpoint(lower, upper), least: *values.first()?, most: *values.last()? })
}

/// The ratios of values that were measured next to one another.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Option<Summary> {
    summary(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(summary([3.0, 1.0, 2.0]), Some(Summary { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(summary([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(summary([7.0]), Some(Summary { median: 7.0, least: 7.0, most: 7.0 }));
        assert_eq!(summary([]), None);
    }

    #[test]
    fn a_ratio_is_taken_of_neighbours() {
        // The machine was twice as slow in the second turn: the ratio does not change.
        assert_eq!(ratios(&[2.0, 4.0], &[1.0, 2.0]), Some(Summary { median: 2.0, least: 2.0, most: 2.0 }));
    }

    #[test]
    fn a_ratio_to_nothing_does_not_count() {
        assert_eq!(ratios(&[2.0, 3.0], &[0.0, 1.0]).unwrap().median, 3.0);
        assert_eq!(ratios(&[2.0], &[]), None);
    }
}
