//! The other dialect, against a server that speaks as much Socket.IO as is needed.

use std::{
    collections::BTreeSet,
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use heliostat_crank::{Pace, Plan, Quiet, Scenario, ServerProcess, SocketIo, Target, run};

use super::frames::{frame, read_frame, read_head};

/// Those who are connected, and their groups.
type Members = Arc<Mutex<Vec<(TcpStream, BTreeSet<String>)>>>;

fn start() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/socket.io/", listener.local_addr().unwrap());
    let members = Members::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let members = Arc::clone(&members);
            std::thread::spawn(move || speak(stream, &members));
        }
    });
    Target::parse(&target).unwrap()
}

fn speak(mut stream: TcpStream, members: &Members) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let head = read_head(&mut reader)?;
    assert!(head.starts_with("GET /socket.io/?EIO=4&transport=websocket "), "{head}");
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").ok()?;
    stream
        .write_all(&frame(br#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#))
        .ok()?;
    assert_eq!(read_frame(&mut reader)?, b"40");
    // A ping before anything else: who does not answer it gets nothing more.
    stream.write_all(&frame(b"2")).ok()?;
    assert_eq!(read_frame(&mut reader)?, b"3");
    let index = {
        let mut members = members.lock().unwrap();
        members.push((stream.try_clone().unwrap(), BTreeSet::new()));
        members.len() - 1
    };
    stream.write_all(&frame(br#"40{"sid":"y"}"#)).ok()?;
    converse(&mut reader, &mut stream, (members, index))
}

fn converse(reader: &mut impl Read, stream: &mut TcpStream, (members, own): (&Members, usize)) -> Option<()> {
    loop {
        let text = String::from_utf8(read_frame(reader)?).unwrap();
        let (id, event) = text.strip_prefix("42")?.split_at(text.find('[')? - 2);
        let event: Vec<String> = serde_json::from_str(event).unwrap();
        let to_members =
            |members: &mut Vec<(TcpStream, BTreeSet<String>)>, group: Option<&String>, text: &str| {
                let message = frame(format!(r#"42["called","{text}"]"#).as_bytes());
                for (socket, groups) in members {
                    if group.is_none_or(|group| groups.contains(group)) {
                        _ = socket.write_all(&message);
                    }
                }
            };
        let mut members = members.lock().unwrap();
        match event[0].as_str() {
            "echo" => stream.write_all(&frame(format!(r#"43{id}["{}"]"#, event[1]).as_bytes())).ok()?,
            "broadcast" => to_members(&mut members, None, &event[1]),
            "sendToGroup" => to_members(&mut members, Some(&event[1]), &event[2]),
            "join" => {
                members[own].1.insert(event[1].clone());
                stream.write_all(&frame(format!("43{id}[]").as_bytes())).ok()?;
            }
            _ => return None,
        }
    }
}

#[test]
fn every_scenario_that_socket_io_has_can_be_driven() {
    for scenario in [Scenario::Idle, Scenario::Echo, Scenario::Broadcast, Scenario::Groups] {
        let plan = Plan {
            dialect: Arc::new(SocketIo),
            connections: 6,
            groups: 2,
            pace: Pace::Rate(200.0),
            duration: Duration::from_millis(200),
            warm_up: Duration::from_millis(50),
            server: ServerProcess::Unknown,
            ..Plan::new(scenario, start())
        };
        let report = run(&plan, &mut Quiet).unwrap();
        assert!(report.verdict.passed, "{:?}", report.verdict);
        assert_eq!(report.integrity.expected, report.integrity.received);
    }
}
