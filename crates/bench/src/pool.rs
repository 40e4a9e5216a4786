//! The turns of several runs, judged together: a row whose spread is wider than what it has left needs more turns than one run gives it.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    error::BenchError,
    measure::Figures,
    options::Cores,
    outcome::{Outcome, Side},
    row::Row,
};

/// What `--json` wrote of a row. What was judged then is judged again.
#[derive(Debug, Deserialize)]
struct Kept {
    row: String,
    cores: Cores,
    ours: Vec<Figures>,
    theirs: Vec<Figures>,
    skipped: Option<String>,
    failure: Option<String>,
}

/// All that these files hold about `rows`.
pub(crate) fn read(paths: &[PathBuf], rows: &[Row]) -> Result<Vec<Outcome>, BenchError> {
    let mut kept = Vec::new();
    for path in paths {
        let text = std::fs::read(path).map_err(|error| BenchError::NotRead { path: path.clone(), error })?;
        let run: Vec<Kept> = serde_json::from_slice(&text)
            .map_err(|error| BenchError::NotMeasured { path: path.clone(), error })?;
        kept.extend(run);
    }
    let outcomes = pooled(&kept, rows);
    if outcomes.is_empty() { Err(BenchError::NothingKept) } else { Ok(outcomes) }
}

/// In the order of the table; rows of which nothing was kept are left out.
fn pooled(kept: &[Kept], rows: &[Row]) -> Vec<Outcome> {
    let arrangements = [Cores::Pinned, Cores::Free].into_iter();
    arrangements.flat_map(|cores| rows.iter().filter_map(move |row| together(kept, row, cores))).collect()
}

fn together(kept: &[Kept], row: &Row, cores: Cores) -> Option<Outcome> {
    let mut outcome = None;
    for run in kept.iter().filter(|run| run.row == row.name && run.cores == cores) {
        let outcome = outcome.get_or_insert_with(|| Outcome::new(row, cores));
        run.ours.iter().for_each(|figures| outcome.add(Side::Ours, figures.clone()));
        run.theirs.iter().for_each(|figures| outcome.add(Side::Theirs, figures.clone()));
        if let Some(why) = &run.skipped {
            outcome.skip(why.clone());
        }
        if let Some(why) = &run.failure {
            outcome.fail(why.clone());
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Verdict, render, table};

    fn run(name: &str, cores: Cores, ours: &[f64], theirs: &[f64]) -> Vec<Kept> {
        let row = table::all().into_iter().find(|row| row.name == name).unwrap();
        let mut outcome = Outcome::new(&row, cores);
        ours.iter().for_each(|value| outcome.add(Side::Ours, Figures::sample(*value)));
        theirs.iter().for_each(|value| outcome.add(Side::Theirs, Figures::sample(*value)));
        serde_json::from_str(&render::json(&[outcome])).unwrap()
    }

    #[test]
    fn turns_of_several_runs_are_judged_together() {
        // Alone, the first would miss its budget of 1.2 and the second would keep it.
        let kept = [
            run("echo", Cores::Pinned, &[13.0, 14.0], &[10.0, 10.0]),
            run("echo", Cores::Pinned, &[11.5, 11.5, 11.5], &[10.0, 10.0, 10.0]),
        ];
        let outcomes = pooled(&kept.into_iter().flatten().collect::<Vec<_>>(), &table::all());
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].ours.len(), 5);
        assert_eq!(outcomes[0].judged().next().unwrap().verdict, Verdict::Kept);
    }

    #[test]
    fn pinned_and_free_are_never_mixed_and_come_in_the_order_of_the_table() {
        let kept = [
            run("connect", Cores::Free, &[1.0], &[1.0]),
            run("echo", Cores::Free, &[1.0], &[1.0]),
            run("echo", Cores::Pinned, &[1.0], &[1.0]),
        ];
        let outcomes = pooled(&kept.into_iter().flatten().collect::<Vec<_>>(), &table::all());
        let found: Vec<_> = outcomes.iter().map(|outcome| (outcome.row.name, outcome.cores)).collect();
        assert_eq!(found, [("echo", Cores::Pinned), ("echo", Cores::Free), ("connect", Cores::Free)]);
    }

    #[test]
    fn what_failed_in_one_run_is_failed() {
        let mut kept = run("echo", Cores::Pinned, &[1.0], &[1.0]);
        kept.extend(run("echo", Cores::Pinned, &[1.0], &[1.0]));
        kept[0].failure = Some("the server ended".to_owned());
        let outcomes = pooled(&kept, &table::all());
        assert!(!outcomes[0].is_kept());
        assert!(render::line(&outcomes[0]).contains("the server ended"));
    }

    #[test]
    fn a_file_that_holds_something_else_is_named() {
        let error = read(&[PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")], &[]).unwrap_err();
        assert!(error.to_string().contains("Cargo.toml"), "{error}");
    }

    #[test]
    fn rows_of_which_nothing_was_kept_are_not_passed_over_in_silence() {
        assert!(matches!(read(&[], &table::all()), Err(BenchError::NothingKept)));
    }
}
