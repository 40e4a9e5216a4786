//! What operators see of a running server.
#![cfg(unix)]

use std::process::Command;

use crate::leaving::stream;
use crate::process::{Folder, Running, serve, text};

/// Runs a command against a server: its exit code and what it wrote to both outputs.
fn heliostat(running: &Running, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command.args(arguments).args(["--url", &format!("http://{}", running.address)]);
    let output = command.env_remove("HELIOSTAT_OPERATIONS_TOKEN").output().unwrap();
    let (out, err) = text(&output);
    (output.status.code(), out, err)
}

#[test]
fn connections_are_listed_and_the_timeline_of_one_is_drawn() {
    let running = Running::start(&Folder::new(), &[]);
    let open = stream(&running);
    let (code, listed, _) = heliostat(&running, &["connections"]);
    assert_eq!(code, Some(0));
    assert!(listed.contains("serverSentEvents") && listed.contains("connected"), "{listed}");
    assert!(listed.ends_with("1 connection\n"), "{listed}");
    let id = listed.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap();
    drop(open);
    let mut drawn = String::new();
    for _ in 0..100 {
        drawn = heliostat(&running, &["timeline", id]).1;
        if drawn.contains("lost") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for word in ["connect over serverSentEvents", "connected: the client has started", "lost: the physical"] {
        assert!(drawn.contains(word), "{word}: {drawn}");
    }
    let (_, json, _) = heliostat(&running, &["timeline", id, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.pointer("/connection/id").and_then(|id| id.as_str()), Some(id));
    let (code, _, error) = heliostat(&running, &["timeline", "nobody"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("404") && error.contains("no such connection"), "{error}");
}

#[test]
fn the_operations_token_is_wanted_and_never_shown() {
    let folder = Folder::new();
    let running = Running::start(&folder, &["--operations-token", "s3cret"]);
    let (code, _, error) = heliostat(&running, &["connections"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("401") && error.contains("Bearer"), "{error}");
    assert_eq!(heliostat(&running, &["connections", "--operations-token", "s3cret"]).0, Some(0));
    let (_, page) = running.get("/");
    assert!(page.contains("operations_token") && !page.contains("s3cret"));
    let (checked, _) =
        text(&serve(&folder).args(["--check", "--operations-token", "s3cret"]).output().unwrap());
    assert!(checked.contains("operations_token") && !checked.contains("s3cret"), "{checked}");
}

#[test]
fn a_server_that_is_not_there_is_told_with_where_it_was_looked_for() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    let output = command.args(["connections", "--url", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).1.contains("http://127.0.0.1:1"));
}
