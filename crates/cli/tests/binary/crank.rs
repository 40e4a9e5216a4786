//! `heliostat crank` against `heliostat serve`, as people use them.

use std::process::{Command, Output};

use super::process::{Folder, Running, text};

fn crank(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat")).arg("crank").args(arguments).output().unwrap()
}

/// A short run against a server of our own, and its report.
fn report(running: &Running, arguments: &[&str]) -> serde_json::Value {
    let target = format!("http://{}/signalr", running.address);
    let mut all = vec!["--duration", "500ms", "--warm-up", "100ms", "--json", "--connections", "20"];
    let (scenario, rest) = arguments.split_first().unwrap();
    all.extend(rest);
    let output = crank(&[&[*scenario, target.as_str()], all.as_slice()].concat());
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn every_scenario_passes_and_nothing_is_lost() {
    let running = Running::start(&Folder::new(), &[]);
    for arguments in [
        ["broadcast", "--rate", "50"],
        ["broadcast", "--in-flight", "4"],
        ["echo", "--in-flight", "4"],
        ["groups", "--groups", "5"],
        ["connect", "--in-flight", "2"],
        ["storm", "--rate", "40"],
        ["soak", "--rate", "40"],
    ] {
        let report = report(&running, &arguments);
        let found = &report["integrity"];
        assert_eq!(found["lost"], 0, "{report}");
        assert_eq!(found["expected"], found["received"], "{report}");
        let exchanged = found["received"].as_u64().unwrap() > 0;
        assert!(exchanged || arguments[0] == "connect", "{report}");
        let connected = report["connecting"]["connected"].as_u64().unwrap();
        assert!(connected >= 20, "{report}");
    }
}

#[test]
fn every_transport_carries_every_message() {
    let running = Running::start(&Folder::new(), &[]);
    for transport in ["serverSentEvents", "foreverFrame", "longPolling"] {
        for scenario in ["broadcast", "echo", "storm"] {
            let report = report(&running, &[scenario, "--transport", transport, "--rate", "40"]);
            assert_eq!(report["verdict"]["passed"], true, "{report}");
            assert_eq!(report["transport"], transport);
        }
    }
}

#[test]
fn a_generator_that_never_sleeps_takes_its_core_and_is_not_blamed_for_it() {
    let running = Running::start(&Folder::new(), &[]);
    for (arguments, is_awake) in [(&["--never-sleep"][..], true), (&[], false)] {
        let report = report(&running, &[&["broadcast", "--rate", "20"], arguments].concat());
        assert_eq!(report["integrity"]["expected"], report["integrity"]["received"], "{report}");
        // Twenty broadcasts a second are a fiftieth of a core. Who never sleeps has all that the machine gives it.
        assert_eq!(report["generator"]["cpu_share"].as_f64().unwrap() > 0.15, is_awake, "{report}");
        assert_eq!(report["generator"]["saturated"], false, "{report}");
    }
}

#[test]
fn a_host_that_is_not_this_machine_is_refused_unless_one_says_so() {
    let output = crank(&["idle", "http://192.0.2.1/signalr"]);
    let (_, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("192.0.2.1 is not this machine") && stderr.contains("--i-may-load-this-host"),
        "{stderr}"
    );
}

#[test]
fn numbers_out_of_their_bounds_are_refused_with_the_bounds() {
    let output = crank(&["idle", "--connections", "9999999"]);
    let (_, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("--connections is 9999999; it must be between 1 and 250000"), "{stderr}");
}
