//! Findings as a person reads them: one line each with its verdict in front, wrapped to the terminal, and what to do below.

use serde_json::{Value, json};

use super::finding::{Finding, Verdict};
use crate::terminal::{Ink, Paper};

/// For programs: one object.
pub(super) fn json(url: &str, findings: &[Finding]) -> Value {
    json!({ "url": url, "healthy": is_healthy(findings), "findings": findings })
}

pub(super) fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Bad)
}

/// For people.
pub(super) fn draw(findings: &[Finding], paper: &Paper) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let mut earlier = findings.iter().take(index);
        let same = earlier.find(|earlier| earlier.fix.len() > 1 && earlier.fix == finding.fix);
        let mut finding = finding.clone();
        if let Some(same) = same {
            finding.fix = vec![format!("the same as for {}", same.check)];
        }
        text.push_str(&one(&finding, width, paper));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &summary(findings, paper)
}

fn one(finding: &Finding, width: usize, paper: &Paper) -> String {
    let (mark, ink) = match finding.verdict {
        Verdict::Good => ("ok  ", Ink::Good),
        Verdict::Note => ("note", Ink::Warning),
        Verdict::Bad => ("BAD ", Ink::Bad),
    };
    let head = format!("{}  {:<width$}  ", paper.paint(ink, mark), finding.check);
    let indent = " ".repeat(4 + 2 + width + 2);
    let mut text = head + &paper.wrapped(&finding.said, &indent) + "\n";
    for fix in &finding.fix {
        let arrow = format!("{indent}{} ", paper.paint(Ink::Quiet, "→"));
        text.push_str(&(arrow + &paper.wrapped(fix, &format!("{indent}  ")) + "\n"));
    }
    text
}

fn summary(findings: &[Finding], paper: &Paper) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let notes = count(Verdict::Note);
    let notes = if notes == 0 { String::new() } else { format!(", {}", plural(notes, "note")) };
    match count(Verdict::Bad) {
        0 => format!("{}{notes}\n", paper.paint(Ink::Good, "nothing is wrong")),
        bad => format!("{}{notes}\n", paper.paint(Ink::Bad, &plural(bad, "problem"))),
    }
}
