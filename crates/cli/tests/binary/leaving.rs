//! A server that is asked to stop lets its clients move first, if it may.
#![cfg(unix)]

use std::io::Read;
use std::time::{Duration, Instant};

use crate::process::{Folder, Running};

/// An event stream that has connected and started; what it said so far is read.
pub(crate) fn stream(running: &Running) -> std::net::TcpStream {
    let (_, body) = running.get("/signalr/negotiate?clientProtocol=1.5");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let token = answer.get("ConnectionToken").and_then(|token| token.as_str()).unwrap();
    let token = token.replace('%', "%25").replace('+', "%2B").replace('=', "%3D").replace('/', "%2F");
    let query = format!("transport=serverSentEvents&clientProtocol=1.5&connectionToken={token}");
    let mut stream = running.open(&format!("GET /signalr/connect?{query}"));
    let mut heard = String::new();
    while !heard.contains("\"S\":1") {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(buffer.get(..read).unwrap()));
    }
    assert!(running.get(&format!("/signalr/start?{query}")).0.starts_with("HTTP/1.1 200"));
    stream
}

#[test]
fn a_server_that_is_emptied_ends_its_streams_and_is_gone_when_the_last_client_is() {
    let mut running = Running::start(&Folder::new(), &["--drain-timeout", "20s"]);
    let mut here = stream(&running);
    let asked = Instant::now();
    running.signal("-TERM");
    let mut rest = String::new();
    here.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ends in order: {rest}");
    assert_eq!(running.said("left"), "0");
    assert_eq!(running.end().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn while_it_waits_for_those_who_are_away_new_clients_are_refused_until_it_is_asked_again() {
    let mut running = Running::start(&Folder::new(), &["--drain-timeout", "20s"]);
    drop(stream(&running));
    // The server must have seen it go.
    std::thread::sleep(Duration::from_millis(300));
    running.signal("-TERM");
    running.said("deadline");
    let (head, _) = running.get("/signalr/negotiate?clientProtocol=1.5");
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
    running.signal("-TERM");
    assert_eq!(running.end().code(), Some(0));
}
