//! A load generator that praises a bad server is worse than none: each of these servers breaks one promise, and must be convicted of it.

use std::{net::TcpListener, sync::Mutex, time::Duration};

use heliostat_crank::{Finding, Pace, Plan, Quiet, Report, Scenario, ServerProcess, Target, run};

use super::{
    classic_server::{Habit, Manners, Server},
    frames::frame,
};

fn plan(scenario: Scenario, habit: Habit) -> Plan {
    Plan {
        connections: 5,
        pace: Pace::Rate(200.0),
        duration: Duration::from_millis(300),
        warm_up: Duration::from_millis(100),
        patience: Duration::from_millis(500),
        server: ServerProcess::Unknown,
        ..Plan::new(scenario, Server::start(habit))
    }
}

fn loaded(scenario: Scenario, habit: Habit) -> Report {
    run(&plan(scenario, habit), &mut Quiet).unwrap()
}

fn convicted_of(report: &Report) -> String {
    assert!(!report.verdict.passed, "{report:?}");
    report.verdict.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn an_honest_server_passes_and_everything_is_counted() {
    for scenario in [Scenario::Broadcast, Scenario::Echo, Scenario::Idle] {
        let report = loaded(scenario, |_, message, due| due.push(message));
        assert!(report.verdict.passed, "{:?}", report.verdict);
        assert_eq!(report.integrity.expected, report.integrity.received);
        if scenario == Scenario::Broadcast {
            // 80 broadcasts to five receivers and the publisher.
            assert_eq!(report.integrity.received, 480);
            assert_eq!(report.latency.unwrap().count, 360);
        }
    }
}

#[test]
fn servers_that_close_their_http_connections_are_loaded_all_the_same() {
    for manners in [Manners::SaysThatItCloses, Manners::HangsUp] {
        let target = Server::start_with(|_, message, due| due.push(message), manners);
        let plan = Plan { target, connections: 200, ..plan(Scenario::Broadcast, |_, _, _| {}) };
        let report = run(&plan, &mut Quiet).unwrap();
        assert!(report.verdict.passed, "{manners:?}: {:?} {:?}", report.verdict, report.connecting);
    }
}

#[test]
fn a_server_that_drops_is_convicted_of_every_single_loss() {
    let report = loaded(Scenario::Broadcast, |number, message, due| {
        if number % 10 != 3 {
            due.push(message);
        }
    });
    assert_eq!(report.verdict.findings, [Finding::Lost(48)]);
    assert_eq!(report.integrity.expected - report.integrity.received, 48);
}

#[test]
fn a_server_that_drops_the_last_message_is_convicted_too() {
    let report = loaded(Scenario::Broadcast, |number, message, due| {
        if number != 79 {
            due.push(message);
        }
    });
    assert_eq!(report.verdict.findings, [Finding::Lost(6)]);
}

#[test]
fn a_server_that_repeats_is_convicted() {
    let report = loaded(Scenario::Broadcast, |number, message, due| {
        if number == 7 {
            due.push(message.clone());
        }
        due.push(message);
    });
    assert_eq!(report.verdict.findings, [Finding::Duplicates(6)]);
}

#[test]
fn a_server_that_reorders_is_convicted() {
    static HELD: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    // One message is held back until the next one has gone out, for each client in turn.
    let report = loaded(Scenario::Broadcast, |number, message, due| match number {
        7 => HELD.lock().unwrap().push(message),
        8 => due.extend([message, HELD.lock().unwrap().pop().unwrap()]),
        _ => due.push(message),
    });
    assert_eq!(report.verdict.findings, [Finding::OutOfOrder(6)]);
}

#[test]
fn a_server_that_breaks_its_text_is_convicted() {
    let report = loaded(Scenario::Broadcast, |_, mut message, due| {
        // The first text of a thread is always in the sample; that is the init message, so break all that follow.
        *message.last_mut().unwrap() = b'!';
        for _ in 0..300 {
            due.push(frame(b"{oops"));
        }
        due.push(message);
    });
    let findings = convicted_of(&report);
    assert!(findings.contains("not well formed"), "{findings}");
}

#[test]
fn a_server_that_breaks_connections_is_convicted_of_that_and_of_what_was_lost_by_it() {
    let report = loaded(Scenario::Broadcast, |number, message, due| {
        // A close frame in the middle.
        due.push(if number == 70 { vec![0x88, 0] } else { message });
    });
    let findings = convicted_of(&report);
    assert!(findings.contains("6 connections were broken") && findings.contains("were lost"), "{findings}");
}

#[test]
fn a_burst_is_whole_before_the_next_one_begins() {
    let plan =
        Plan { pace: Pace::Burst(4), ..plan(Scenario::Broadcast, |_, message, due| due.push(message)) };
    let report = run(&plan, &mut Quiet).unwrap();
    assert!(report.verdict.passed, "{:?}", report.verdict);
    // Six receivers.
    assert_eq!(report.integrity.expected % (4 * 6), 0);
}

#[test]
fn a_closed_loop_that_starves_ends_early_and_is_convicted() {
    let plan = Plan {
        connections: 3,
        pace: Pace::InFlight(1),
        duration: Duration::from_secs(60),
        warm_up: Duration::ZERO,
        patience: Duration::from_millis(300),
        server: ServerProcess::Unknown,
        ..Plan::new(
            Scenario::Broadcast,
            Server::start(|number, message, due| {
                if number < 5 {
                    due.push(message);
                }
            }),
        )
    };
    let report = run(&plan, &mut Quiet).unwrap();
    assert_eq!(report.verdict.findings, [Finding::Lost(4)]);
    assert!(report.measured < Duration::from_secs(20));
}

#[test]
fn where_nobody_listens_the_reason_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = Target::parse(&format!("http://{free}/signalr")).unwrap();
    let error = run(&Plan::new(Scenario::Idle, target), &mut Quiet).unwrap_err();
    assert!(error.to_string().contains("no connection to http://127.0.0.1:"), "{error}");
}
