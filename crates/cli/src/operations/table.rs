//! Connections as a table, one line each, the longest connected first.

use serde_json::Value;

/// Heading of a column, and where its text is.
const COLUMNS: [(&str, Column); 10] = [
    ("CONNECTION", |connection| text(connection, "id")),
    ("USER", |connection| text(connection, "user")),
    ("TRANSPORT", |connection| text(connection, "transport")),
    ("PROTOCOL", |connection| text(connection, "protocolVersion")),
    ("ENDPOINT", |connection| text(connection, "endpoint")),
    ("STATE", state),
    ("SINCE", |connection| text(connection, "since")),
    ("HEARD", |connection| text(connection, "lastHeard")),
    ("LAG", |connection| text(connection, "lag")),
    ("GROUPS", groups),
];

type Column = fn(&Value) -> String;

pub(super) fn draw(connections: &Value) -> String {
    let mut connections: Vec<&Value> = connections.as_array().into_iter().flatten().collect();
    connections.sort_by_key(|connection| text(connection, "since"));
    let mut rows = vec![COLUMNS.map(|(heading, _)| heading.to_owned())];
    rows.extend(connections.iter().map(|connection| COLUMNS.map(|(_, column)| column(connection))));
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|index| {
            rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &[String; COLUMNS.len()]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let count = connections.len();
    rows.iter().map(line).collect::<String>()
        + &format!("{count} connection{}\n", if count == 1 { "" } else { "s" })
}

fn text(connection: &Value, name: &str) -> String {
    match connection.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(other) => other.to_string(),
    }
}

fn state(connection: &Value) -> String {
    let Some(state) = connection.get("state") else { return "-".to_owned() };
    let more = state.get("reason").or(state.get("since")).and_then(Value::as_str);
    more.map_or_else(|| text(state, "name"), |more| format!("{} ({})", text(state, "name"), printable(more)))
}

fn groups(connection: &Value) -> String {
    let names = connection.get("groups").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = names.filter_map(Value::as_str).map(printable).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}

/// Users and groups choose their names; a terminal must not be told what to do by them.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn connections_are_a_table_the_oldest_first() {
        let connections = json!([
            { "id": "b2", "user": null, "transport": "longPolling", "protocolVersion": "1.5", "endpoint": "/echo",
              "state": { "name": "ended", "reason": "TimedOut" }, "since": "2026-11-21T10:30:00.000Z",
              "lastHeard": "2026-11-21T10:31:00.000Z", "lag": 0, "groups": [] },
            { "id": "a1", "user": "ann\u{1b}[2J", "transport": "webSockets", "protocolVersion": "2.0", "endpoint": "/signalr",
              "state": { "name": "connected" }, "since": "2026-11-21T10:00:00.000Z",
              "lastHeard": "2026-11-21T10:31:05.000Z", "lag": 12, "groups": ["ChatHub.lobby", "ChatHub.ops"] },
        ]);
        insta::assert_snapshot!(draw(&connections), @r"
        CONNECTION  USER     TRANSPORT    PROTOCOL  ENDPOINT  STATE             SINCE                     HEARD                     LAG  GROUPS
        a1          ann�[2J  webSockets   2.0       /signalr  connected         2026-11-21T10:00:00.000Z  2026-11-21T10:31:05.000Z  12   ChatHub.lobby ChatHub.ops
        b2          -        longPolling  1.5       /echo     ended (TimedOut)  2026-11-21T10:30:00.000Z  2026-11-21T10:31:00.000Z  0    -
        2 connections
        ");
    }

    #[test]
    fn an_empty_server_says_so() {
        assert!(draw(&json!([])).ends_with("\n0 connections\n"));
    }
}
