//! What was measured, for people (lines while it goes on, Markdown at the end) and for programs (JSON).

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    measure::{Figure, Figures},
    options::Cores,
    outcome::{Judged, Outcome, Side, Verdict},
    row::{Part, Row},
    statistics::Summary,
};

/// The rows there are.
pub(crate) fn list(rows: &[Row]) -> String {
    rows.iter().fold(String::new(), |mut out, row| {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "{:<24} {}", row.name, row.what);
        out
    })
}

/// One row, as soon as it is measured.
pub(crate) fn line(outcome: &Outcome) -> String {
    let mut out = format!("{:<24}", outcome.row.name);
    if let Some(why) = &outcome.skipped {
        let _ = writeln!(out, " skipped: {} is {why}", outcome.row.subject.name());
        return out;
    }
    for Judged { budget, found, verdict } in outcome.judged() {
        let found = found.map_or("not measured".to_owned(), |found| spread(outcome, budget.figure, found));
        let _ =
            write!(out, " {found} of {} ({});", value(outcome, budget.figure, budget.most), word(verdict));
    }
    let _ = write!(out, " {}", absolute(outcome, Side::Ours));
    if outcome.row.against.is_some() {
        let _ = write!(out, " | {}", absolute(outcome, Side::Theirs));
    }
    for finding in outcome.findings() {
        let _ = write!(out, "; {finding}");
    }
    out.push('\n');
    out
}

/// A side's own figures, short: those that are judged, or all that a peer shows.
fn absolute(outcome: &Outcome, side: Side) -> String {
    let judged = outcome.row.budgets.iter().map(|budget| budget.figure);
    let figures: Vec<_> = match outcome.row.part {
        Part::Budgets | Part::Scaling => judged.collect(),
        Part::Peers => vec![Figure::CpuPerMessage, Figure::P50, Figure::P99, Figure::MemoryPerConnection],
    };
    let median = |figure| outcome.median(side, |figures: &Figures| figures.value(figure));
    let shown = figures.into_iter().filter_map(|figure| Some(text(figure, median(figure)?)));
    let rate = outcome.median(side, |figures| Some(figures.per_second)).filter(|rate| *rate > 0.0);
    let rate = rate.map(|rate| format!("{rate:.0}/s"));
    shown.chain(rate).collect::<Vec<_>>().join(", ")
}

/// All tables, ready for docs/performance.md.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    for cores in [Cores::Pinned, Cores::Free] {
        for part in [Part::Budgets, Part::Scaling, Part::Peers] {
            let chosen = outcomes.iter().filter(|outcome| outcome.cores == cores && outcome.row.part == part);
            let rows: Vec<_> = chosen.filter(|outcome| outcome.skipped.is_none()).collect();
            if !rows.is_empty() {
                let _ = writeln!(out, "\n### {}\n", heading(part, cores));
                table(&mut out, part, &rows);
            }
        }
    }
    out
}

const fn heading(part: Part, cores: Cores) -> &'static str {
    match (part, cores) {
        (Part::Budgets, Cores::Pinned) => "Budgets, server pinned to one core",
        (Part::Budgets, Cores::Free) => "Budgets, server and load wherever the kernel puts them",
        (Part::Scaling, Cores::Pinned) => "More and more connections, server pinned to one core",
        (Part::Scaling, Cores::Free) => "More and more connections, not pinned",
        (Part::Peers, Cores::Pinned) => "Peers, server pinned to one core",
        (Part::Peers, Cores::Free) => "Peers, not pinned",
    }
}

fn table(out: &mut String, part: Part, rows: &[&Outcome]) {
    match part {
        Part::Budgets | Part::Scaling => {
            out.push_str("| row | what | found | budget | stretch | verdict | ours | yardstick |\n");
            out.push_str("|---|---|---|---|---|---|---|---|\n");
            rows.iter().for_each(|outcome| budget_lines(out, outcome));
        }
        Part::Peers => {
            out.push_str("| server | work | CPU per message | × bare | messages/s | p50 | p99 | memory per connection |\n");
            out.push_str("|---|---|---|---|---|---|---|---|\n");
            rows.iter().for_each(|outcome| peer_line(out, outcome));
        }
    }
}

fn budget_lines(out: &mut String, outcome: &Outcome) {
    for Judged { budget, found, verdict } in outcome.judged() {
        let figure = budget.figure;
        let found = found.map_or("–".to_owned(), |found| spread(outcome, figure, found));
        let side = |side| {
            let median = outcome.median(side, |figures: &Figures| figures.value(figure));
            let rate = outcome.median(side, |figures| Some(figures.per_second)).filter(|rate| *rate > 0.0);
            let rate = rate.map_or(String::new(), |rate| format!(", {rate:.0}/s"));
            median.map_or("–".to_owned(), |median| text(figure, median) + &rate)
        };
        let what = match figure {
            Figure::P50 => format!("{} (p50)", outcome.row.what),
            Figure::P99 => format!("{} (p99)", outcome.row.what),
            Figure::CpuPerMessage
            | Figure::CpuPerConnect
            | Figure::MemoryPerConnection
            | Figure::CpuShare
            | Figure::AllBackAfter => match outcome.row.part {
                Part::Scaling => {
                    format!("{}, {} connections", outcome.row.what, outcome.row.work.connections)
                }
                Part::Budgets | Part::Peers => outcome.row.what.to_owned(),
            },
        };
        let _ = writeln!(
            out,
            "| `{}` | {what} | {found} | {} | {} | {} | {} | {} |",
            outcome.row.name,
            value(outcome, figure, budget.most),
            value(outcome, figure, budget.stretch),
            word(verdict),
            side(Side::Ours),
            side(Side::Theirs),
        );
    }
}

fn peer_line(out: &mut String, outcome: &Outcome) {
    let shown = |figure| {
        let median = outcome.median(Side::Ours, |figures: &Figures| figures.value(figure));
        median.map_or("–".to_owned(), |median| text(figure, median))
    };
    let ratio = outcome.found(Figure::CpuPerMessage);
    let rate = outcome.median(Side::Ours, |figures| Some(figures.per_second)).filter(|rate| *rate > 0.0);
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        outcome.row.subject.name(),
        outcome.row.what,
        shown(Figure::CpuPerMessage),
        ratio.map_or("–".to_owned(), |ratio| format!("{:.2}", ratio.median)),
        rate.map_or("–".to_owned(), |rate| format!("{rate:.0}")),
        shown(Figure::P50),
        shown(Figure::P99),
        shown(Figure::MemoryPerConnection),
    );
}

/// A ratio or a figure, and between which it lay.
fn spread(outcome: &Outcome, figure: Figure, found: Summary) -> String {
    let median = value(outcome, figure, found.median);
    if outcome.ours.len() < 2 {
        return median;
    }
    format!("{median} ({}–{})", value(outcome, figure, found.least), value(outcome, figure, found.most))
}

/// In a row with a yardstick numbers are ratios, otherwise they have units.
fn value(outcome: &Outcome, figure: Figure, value: f64) -> String {
    if outcome.row.against.is_some() { format!("{value:.2} ×") } else { text(figure, value) }
}

fn text(figure: Figure, value: f64) -> String {
    match figure {
        Figure::CpuPerMessage => format!("{value:.2} µs"),
        Figure::CpuPerConnect => format!("{value:.0} µs"),
        Figure::P50 | Figure::P99 => format!("{value:.2} ms"),
        Figure::MemoryPerConnection => format!("{:.2} KiB", value / 1024.0),
        Figure::CpuShare => format!("{:.2} %", value * 100.0),
        Figure::AllBackAfter => format!("{value:.1} s"),
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Stretch => "kept, stretch",
        Verdict::Kept => "kept",
        Verdict::Missed => "**missed**",
        Verdict::Unclear => "not judged: the load tool was the limit",
        Verdict::Failed => "**failed**",
    }
}

/// Everything, turn by turn.
pub(crate) fn json(outcomes: &[Outcome]) -> String {
    let rows: Vec<Value> = outcomes.iter().map(json_row).collect();
    // Numbers and texts only: nothing that JSON could not hold.
    serde_json::to_string_pretty(&rows).unwrap_or_default()
}

fn json_row(outcome: &Outcome) -> Value {
    let judged: Vec<_> = outcome
        .judged()
        .map(|Judged { budget, found, verdict }| {
            json!({ "figure": budget.figure, "found": found, "budget": budget.most, "stretch": budget.stretch, "verdict": verdict })
        })
        .collect();
    json!({
        "row": outcome.row.name,
        "what": outcome.row.what,
        "cores": outcome.cores,
        "subject": outcome.row.subject.name(),
        "against": outcome.row.against.as_ref().map(|(subject, _)| subject.name()),
        "skipped": outcome.skipped,
        "failure": outcome.failure,
        "judged": judged,
        "ours": outcome.ours,
        "theirs": outcome.theirs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn outcome(name: &str, ours: f64, theirs: Option<f64>) -> Outcome {
        let row = table::all().into_iter().find(|row| row.name == name).unwrap();
        let mut outcome = Outcome::new(&row, Cores::Pinned);
        outcome.add(Side::Ours, Figures::sample(ours));
        theirs.into_iter().for_each(|theirs| outcome.add(Side::Theirs, Figures::sample(theirs)));
        outcome
    }

    #[test]
    fn a_table_says_what_was_found_and_what_was_allowed() {
        let text = markdown(&[outcome("echo", 11.0, Some(10.0)), outcome("memory", 5000.0, None)]);
        assert!(text.contains("### Budgets, server pinned to one core"), "{text}");
        assert!(
            text.contains("| 1.10 × | 1.20 × | 1.10 × | kept, stretch | 11.00 µs, 100/s | 10.00 µs, 100/s |"),
            "{text}"
        );
        assert!(text.contains("| 4.88 KiB | 4.00 KiB | 3.00 KiB | **missed** |"), "{text}");
    }

    #[test]
    fn a_peer_that_is_missing_is_told_and_not_tabled() {
        let mut missing = outcome("peer-node", 1.0, None);
        missing.skip("not installed".to_owned());
        assert!(line(&missing).contains("skipped: Socket.IO on Node is not installed"), "{}", line(&missing));
        assert_eq!(markdown(&[missing]), "");
    }

    #[test]
    fn programs_get_every_turn() {
        let value: Value = serde_json::from_str(&json(&[outcome("echo", 11.0, Some(10.0))])).unwrap();
        assert_eq!(value[0]["row"], "echo");
        assert_eq!(value[0]["judged"][0]["verdict"], "stretch");
        assert_eq!(value[0]["ours"][0]["cpu_per_message"], 11.0);
    }
}
