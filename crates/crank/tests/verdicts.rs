//! A load generator that praises a bad server is worse than none: each of these servers breaks one promise, and must be convicted of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use heliostat_crank::{Finding, Pace, Plan, Quiet, Report, Scenario, ServerProcess, Target, run};

/// What a server does with the n-th broadcast that it is to send to one of its clients.
type Habit = fn(usize, Vec<u8>, &mut Vec<Vec<u8>>);

/// Speaks just enough classic SignalR over WebSockets to be loaded, a thread for each connection.
struct Server {
    habit: Habit,
    sockets: Mutex<Vec<Outlet>>,
}

/// The way to one client.
struct Outlet {
    stream: TcpStream,
    sent: usize,
}

impl Server {
    fn start(habit: Habit) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("http://{}/signalr", listener.local_addr().unwrap());
        let server = Arc::new(Self { habit, sockets: Mutex::default() });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = Arc::clone(&server);
                std::thread::spawn(move || server.speak(stream));
            }
        });
        Target::parse(&target).unwrap()
    }

    fn speak(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                (reader.read_line(&mut head).ok()? > 0).then_some(())?;
            }
            if head.contains("Upgrade: websocket") {
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").ok()?;
                stream.write_all(&frame(br#"{"C":"0","S":1,"M":[]}"#)).ok()?;
                self.sockets.lock().unwrap().push(Outlet { stream: stream.try_clone().unwrap(), sent: 0 });
                return self.converse(&mut reader, &mut stream);
            }
            let body = r#"{"ConnectionToken":"t","Response":"started"}"#;
            let length = body.len();
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
                .ok()?;
        }
    }

    fn converse(&self, reader: &mut impl Read, stream: &mut TcpStream) -> Option<()> {
        loop {
            let call: serde_json::Value = serde_json::from_slice(&read_frame(reader)?).ok()?;
            let payload = call["A"][0].as_str()?;
            let id = &call["I"];
            if call["M"] == "echo" {
                stream.write_all(&frame(format!(r#"{{"R":"{payload}","I":"{id}"}}"#).as_bytes())).ok()?;
                continue;
            }
            let message = frame(format!(r#"{{"C":"1","M":[{{"A":["{payload}"]}}]}}"#).as_bytes());
            for outlet in self.sockets.lock().unwrap().iter_mut() {
                let mut due = Vec::new();
                (self.habit)(outlet.sent, message.clone(), &mut due);
                outlet.sent += 1;
                due.into_iter().for_each(|message| _ = outlet.stream.write_all(&message));
            }
            stream.write_all(&frame(format!(r#"{{"I":"{id}"}}"#).as_bytes())).ok()?;
        }
    }
}

fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length @ ..=125) => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(text);
    frame
}

/// A client's frame, unmasked.
fn read_frame(reader: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    reader.read_exact(&mut head).ok()?;
    let length = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length).ok()?;
            usize::from(u16::from_be_bytes(length))
        }
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    reader.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(payload)
}

fn loaded(scenario: Scenario, habit: Habit) -> Report {
    let plan = Plan {
        connections: 5,
        pace: Pace::Rate(200.0),
        duration: Duration::from_millis(300),
        warm_up: Duration::from_millis(100),
        patience: Duration::from_millis(500),
        server: ServerProcess::Unknown,
        ..Plan::new(scenario, Server::start(habit))
    };
    run(&plan, &mut Quiet).unwrap()
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
