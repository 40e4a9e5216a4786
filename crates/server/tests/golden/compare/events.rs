//! The callbacks that ran in the application.

use std::collections::BTreeMap;

use super::{Findings, names::Names};
use crate::{recording::Recording, replay::Replayed};

/// Whose empty list of events means that no callback ran. Elsewhere callbacks were dropped from the file.
const TRULY_NONE: [&str; 2] = ["errors/abort-before-connect", "errors/send-before-connect"];

/// How many callbacks the application has to have run in the end; nothing if the recording does not say.
pub(crate) fn expected_count(recording: &Recording) -> Option<usize> {
    let count = recording.events.as_ref()?.iter().filter(|line| is_callback(line)).count();
    (count > 0 || TRULY_NONE.contains(&recording.name.as_str())).then_some(count)
}

pub(super) fn compare(recording: &Recording, replayed: &Replayed, names: &Names, findings: &mut Findings) {
    if expected_count(recording).is_none() {
        return;
    }
    findings.at("the callbacks in the application".to_owned());
    let expected = recording.events.iter().flatten().map(|line| names.expected(line));
    let actual = replayed.events.iter().map(|(_, line)| names.actual(line));
    findings.equal("per connection", by_connection(expected), by_connection(actual));
}

/// One list per connection: the order between connections is free.
fn by_connection(lines: impl Iterator<Item = String>) -> BTreeMap<String, Vec<String>> {
    let mut connections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.filter(|line| is_callback(line)) {
        let id = line.split(' ').nth(2).unwrap_or_default().to_owned();
        connections.entry(id).or_default().push(line);
    }
    connections
}

/// The original asks for rejoining groups on every request, and exceptions show in the status: neither is compared.
fn is_callback(line: &str) -> bool {
    !line.contains(" OnRejoiningGroups ") && !line.starts_with("exception ")
}
