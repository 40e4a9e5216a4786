//! What the prompt says about its connection when it is asked.

use std::fmt::Write;

use super::hearing::name_of;
use super::session::Session;

/// What `.info` shows.
pub(crate) fn connection(session: &Session) -> String {
    let connection = session.connection();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<11} {value}");
    };
    line("url", &session.plan().url.to_string());
    line("state", name_of(connection.state()));
    line("connection", connection.connection_id().as_deref().unwrap_or("-"));
    line("transport", connection.transport().map_or("-", |kind| kind.as_str()));
    let hubs: Vec<_> = session.hubs().iter().map(|hub| hub.name()).collect();
    line("hubs", if hubs.is_empty() { "-".to_owned() } else { hubs.join(", ") }.as_str());
    if let Some(error) = connection.last_error() {
        line("last error", &error.to_string());
    }
    text
}

/// What `.state` shows.
pub(crate) fn state(session: &Session) -> String {
    let mut text = String::new();
    for hub in session.hubs() {
        for (name, value) in hub.state().all() {
            let _ = writeln!(text, "{}.{name} = {value}", hub.name());
        }
    }
    if text.is_empty() { "no caller state; .state NAME VALUE sets one\n".to_owned() } else { text }
}

/// What `.transport` shows.
pub(crate) fn transport(session: &Session) -> String {
    let used = session.connection().transport().map_or("none", |kind| kind.as_str());
    format!("{used} (asked for: {})\n", session.plan().transport)
}
