//! The rows. Names, budgets and stretch goals are those of docs/performance.md.

use std::time::Duration;

use heliostat_crank::{Pace, Scenario, TransportKind};

use crate::{
    error::BenchError,
    measure::Figure,
    row::{Budget, Part, Row, Work},
    subject::Subject,
};

/// Connections of a broadcast.
const MANY: u32 = 1_000;
/// Connections that call.
const CALLERS: u32 = 100;
/// Connections of the rows about being many.
const VERY_MANY: u32 = 10_000;
/// Connections of each step of the scaling table.
const STEPS: [(&str, u32); 5] = [
    ("scale-100", 100),
    ("scale-1000", 1_000),
    ("scale-5000", 5_000),
    ("scale-10000", 10_000),
    ("scale-19000", 19_000),
];

/// The rows that were asked for, in the order of the table; without names those of the budgets.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<Row>, BenchError> {
    let rows = all();
    if names.is_empty() {
        return Ok(rows.into_iter().filter(|row| row.part == Part::Budgets).collect());
    }
    let is_meant = |row: &Row, name: &String| {
        // A whole name means that row alone, though others begin so.
        row.name == name
            || (row.name.starts_with(name.as_str()) && rows.iter().all(|other| other.name != name))
    };
    if let Some(asked) = names.iter().find(|name| !rows.iter().any(|row| is_meant(row, name))) {
        let known = rows.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
        return Err(BenchError::NoSuchRow { asked: asked.clone(), known });
    }
    Ok(rows.iter().filter(|row| names.iter().any(|name| is_meant(row, name))).cloned().collect())
}

/// Every row there is.
pub(crate) fn all() -> Vec<Row> {
    [broadcasts(), calls(), connections(), scaling(), peers()].concat()
}

fn broadcasts() -> Vec<Row> {
    let one = Work::new(Scenario::Broadcast, MANY);
    let sixteen = Work { pace: Pace::InFlight(16), ..one.clone() };
    let streams = |work: &Work| Work { transport: TransportKind::ServerSentEvents, ..work.clone() };
    let polling = Work { transport: TransportKind::LongPolling, ..one.clone() };
    let large = Work { payload: 4096, ..one.clone() };
    let groups = Work::new(Scenario::Groups, MANY);
    let more_groups = Work { connections: 4 * MANY, groups: 400, ..groups.clone() };
    let rate = Work { pace: Pace::Rate(50.0), duration: Some(Duration::from_secs(5)), ..one.clone() };
    let each = Subject::Bare;
    vec![
        row(
            "broadcast",
            "broadcast to 1,000 WebSockets, 100 B, nothing to coalesce",
            &one,
            each,
            [cpu(1.10, 1.0)],
        ),
        row("broadcast-streams", "the same to event streams", &streams(&one), each, [cpu(1.10, 1.0)]),
        row(
            "broadcast-16",
            "16 broadcasts in flight, WebSockets",
            &sixteen,
            Subject::BareJoining,
            [cpu(2.0, 1.3)],
        ),
        row(
            "broadcast-16-streams",
            "the same to event streams",
            &streams(&sixteen),
            Subject::BareJoining,
            [cpu(2.0, 1.3)],
        ),
        row("broadcast-4k", "broadcast with 4 KiB payloads", &large, each, [cpu(1.15, 1.05)]),
        row("groups", "messages to groups, 100 groups of 10", &groups, each, [cpu(1.2, 1.1)]),
        row("groups-400", "the same with 400 groups of 10", &more_groups, each, [cpu(1.2, 1.1)]),
        row(
            "latency",
            "50 broadcasts a second to 1,000: latency",
            &rate,
            Subject::BareJoining,
            [budget(Figure::P50, 1.25, 1.0), budget(Figure::P99, 1.5, 1.0)],
        ),
        Row {
            against: Some((Subject::Heliostat, one)),
            ..row(
                "broadcast-polling",
                "broadcast over long polling, against WebSockets",
                &polling,
                each,
                [cpu(2.5, 2.0)],
            )
        },
    ]
}

fn calls() -> Vec<Row> {
    let one = Work::new(Scenario::Echo, CALLERS);
    let sixteen = Work { pace: Pace::InFlight(16), ..one.clone() };
    let over = |transport| Work { transport, ..one.clone() };
    let against_sockets = |name, what, transport| Row {
        against: Some((Subject::Heliostat, one.clone())),
        ..row(name, what, &over(transport), Subject::Bare, [cpu(1.6, 1.3)])
    };
    vec![
        row("echo", "echo invocation, one in flight, 100 WebSockets", &one, Subject::Bare, [cpu(1.2, 1.1)]),
        row("echo-16", "echo, 16 in flight", &sixteen, Subject::Bare, [cpu(2.0, 1.3)]),
        against_sockets(
            "post-streams",
            "call over POST (event stream), against the WebSocket call",
            TransportKind::ServerSentEvents,
        ),
        against_sockets(
            "post-polling",
            "call over POST (long polling), against the WebSocket call",
            TransportKind::LongPolling,
        ),
    ]
}

fn connections() -> Vec<Row> {
    let connect = |at_once| Work { pace: Pace::InFlight(at_once), ..Work::new(Scenario::Connect, CALLERS) };
    let within = || [budget(Figure::CpuPerConnect, 1.3, 1.15)];
    let idle = Work::new(Scenario::Idle, VERY_MANY);
    let quiet = Work { duration: Some(Duration::from_secs(30)), ..idle.clone() };
    let storm = Work {
        pace: Pace::Rate(10.0),
        duration: Some(Duration::from_secs(10)),
        ..Work::new(Scenario::Storm, VERY_MANY)
    };
    let absolute = |name, what, work: &Work, budget| Row {
        against: None,
        repeats: Some(1),
        ..row(name, what, work, Subject::Bare, [budget])
    };
    vec![
        row(
            "connect",
            "connect and start a connection, sealed tokens",
            &connect(8),
            Subject::BareTokio,
            within(),
        ),
        // With few at once the load tool sleeps now and then, and to wake it is charged to the server that sends.
        row("connect-32", "the same, 32 at once", &connect(32), Subject::BareTokio, within()),
        absolute(
            "memory",
            "user memory per idle WebSocket connection",
            &idle,
            budget(Figure::MemoryPerConnection, 4096.0, 3072.0),
        ),
        absolute(
            "idle",
            "idle CPU at 10,000 connections, 10 s keep-alives",
            &quiet,
            budget(Figure::CpuShare, 0.016, 0.012),
        ),
        absolute(
            "storm",
            "reconnect storm, 10,000 clients at once: all back, nothing lost",
            &storm,
            budget(Figure::AllBackAfter, 30.0, 5.0),
        ),
    ]
}

fn scaling() -> Vec<Row> {
    let step = |(name, connections): (&'static str, u32)| Row {
        part: Part::Scaling,
        repeats: Some(3),
        ..row(
            name,
            "broadcast, 100 B",
            &Work::new(Scenario::Broadcast, connections),
            Subject::Bare,
            [cpu(1.2, 1.1)],
        )
    };
    STEPS.into_iter().map(step).collect()
}

/// Other servers at the same work, held against the same yardstick. They have no budgets: a budget is a promise of ours.
fn peers() -> Vec<Row> {
    let one = Work::new(Scenario::Broadcast, MANY);
    let echo = Work::new(Scenario::Echo, CALLERS);
    let sixteen = |work: &Work| Work { pace: Pace::InFlight(16), ..work.clone() };
    let idle = Work::new(Scenario::Idle, MANY);
    let peer = |subject, name, what, work: &Work, yardstick| Row {
        part: Part::Peers,
        subject,
        repeats: Some(3),
        ..row(name, what, work, yardstick, [])
    };
    let of = |subject, [broadcast, broadcast_16, echoes, echoes_16, memory]: [&'static str; 5]| {
        [
            peer(subject, broadcast, "broadcast to 1,000", &one, Subject::Bare),
            peer(subject, broadcast_16, "16 broadcasts in flight", &sixteen(&one), Subject::BareJoining),
            peer(subject, echoes, "echo, 100 connections", &echo, Subject::Bare),
            peer(subject, echoes_16, "echo, 16 in flight", &sixteen(&echo), Subject::Bare),
            peer(subject, memory, "1,000 idle connections", &idle, Subject::Bare),
        ]
    };
    [
        of(
            Subject::Heliostat,
            ["peer-ours", "peer-ours-16", "peer-ours-echo", "peer-ours-echo-16", "peer-ours-idle"],
        ),
        of(
            Subject::Socketioxide,
            [
                "peer-socketioxide",
                "peer-socketioxide-16",
                "peer-socketioxide-echo",
                "peer-socketioxide-echo-16",
                "peer-socketioxide-idle",
            ],
        ),
        of(
            Subject::SocketIo,
            ["peer-node", "peer-node-16", "peer-node-echo", "peer-node-echo-16", "peer-node-idle"],
        ),
    ]
    .concat()
}

fn row<const N: usize>(
    name: &'static str,
    what: &'static str,
    work: &Work,
    yardstick: Subject,
    budgets: [Budget; N],
) -> Row {
    Row {
        name,
        what,
        part: Part::Budgets,
        subject: Subject::Heliostat,
        work: work.clone(),
        against: Some((yardstick, work.clone())),
        budgets: budgets.to_vec(),
        repeats: None,
    }
}

const fn cpu(most: f64, stretch: f64) -> Budget {
    budget(Figure::CpuPerMessage, most, stretch)
}

const fn budget(figure: Figure, most: f64, stretch: f64) -> Budget {
    Budget { figure, most, stretch }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>, BenchError> {
        let asked: Vec<_> = asked.iter().map(ToString::to_string).collect();
        Ok(chosen(&asked)?.iter().map(|row| row.name).collect())
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let mut seen = HashSet::new();
        assert!(all().iter().all(|row| seen.insert(row.name)));
    }

    #[test]
    fn a_stretch_goal_is_never_easier_than_the_budget() {
        for budget in all().iter().flat_map(|row| row.budgets.clone()) {
            assert!(budget.stretch <= budget.most, "{budget:?}");
        }
    }

    #[test]
    fn rows_are_chosen_by_name_or_by_its_beginning() {
        assert_eq!(names(&["echo"]).unwrap(), ["echo"]);
        assert_eq!(names(&["post"]).unwrap(), ["post-streams", "post-polling"]);
        assert_eq!(names(&["storm", "echo"]).unwrap(), ["echo", "storm"]);
        assert_eq!(names(&[]).unwrap().len(), 18);
        assert_eq!(names(&["peer"]).unwrap().len(), 15);
    }

    #[test]
    fn a_row_that_is_not_there_is_answered_with_those_that_are() {
        let error = names(&["ecko"]).unwrap_err().to_string();
        assert!(error.contains("\"ecko\"") && error.contains("echo-16"), "{error}");
    }
}
