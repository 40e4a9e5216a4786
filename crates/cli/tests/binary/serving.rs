//! The running binary: what it serves, and how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::process::{Folder, PATIENCE, Running, serve, text};

#[test]
fn the_start_page_lists_endpoints_hubs_methods_and_settings() {
    let running = Running::start(&Folder::new(), &["--keep-alive", "7s"]);
    let (head, page) = running.get("/");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for part in [
        "<code>/signalr</code>",
        "<code>/echo</code>",
        "ChatHub",
        "StockTickerHub",
        "MoveShapeHub",
        "DiagnosticsHub",
        "<code>say(room, text)</code>",
        "href=\"/signalr/hubs\"",
        "<code>keep_alive</code></th><td><code>7s</code></td><td>flag",
        "Connections Connected",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
}

#[test]
fn the_methods_on_the_start_page_are_those_of_the_proxy_script() {
    let running = Running::start(&Folder::new(), &[]);
    let (_, page) = running.get("/");
    let (_, script) = running.get("/signalr/hubs");
    let listed = page.matches("<li><code>").count();
    let offered = script.matches("\": function (").count();
    assert_eq!(listed, offered, "{script}");
    for method in page.split("<li><code>").skip(1) {
        let signature = method.split("</code>").next().unwrap();
        let (name, parameters) = signature.split_once('(').unwrap();
        let function = format!("\"{name}\": function ({parameters} {{");
        assert!(script.contains(&function), "{function} is not in the script");
    }
}

#[test]
fn pages_and_files_are_served_under_a_strict_policy() {
    let running = Running::start(&Folder::new(), &[]);
    for path in [
        "/chat",
        "/stocks",
        "/shape",
        "/diagnostics",
        "/status.json",
        "/assets/style.css",
        "/assets/vendor/jquery.signalR-2.4.3.min.js",
    ] {
        let (head, body) = running.get(path);
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
        assert!(!body.is_empty());
    }
    assert!(running.request("POST /chat").0.starts_with("HTTP/1.1 405"));
    assert!(running.get("/nothing-here").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn negotiate_tells_the_settings_in_force() {
    let running =
        Running::start(&Folder::new(), &["--disconnect-timeout", "60s", "--transports", "longPolling"]);
    let (head, body) = running.get("/signalr/negotiate?clientProtocol=1.5");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["DisconnectTimeout"], 60.0);
    assert_eq!(answer["KeepAliveTimeout"], 40.0);
    assert_eq!(answer["TryWebSockets"], false);
}

/// The token of a new connection, as it may stand in a query.
fn token(running: &Running) -> String {
    let (_, body) = running.get("/signalr/negotiate?clientProtocol=1.5");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    // Base64 has three characters that mean something else in a query.
    let token = answer.get("ConnectionToken").and_then(|token| token.as_str()).unwrap();
    token.replace('%', "%25").replace('+', "%2B").replace('=', "%3D").replace('/', "%2F")
}

#[test]
fn cp_214_an_idle_connection_hears_a_keep_alive_also_after_its_start() {
    let running = Running::start(&Folder::new(), &["--keep-alive", "2s"]);
    let query = format!("transport=serverSentEvents&clientProtocol=1.5&connectionToken={}", token(&running));
    let mut stream = running.open(&format!("GET /signalr/connect?{query}"));
    let mut heard = Vec::new();
    let mut until = |word: &str| {
        while !String::from_utf8_lossy(&heard).contains(word) {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the stream ended before {word}");
            heard.extend_from_slice(&buffer[..read]);
        }
    };
    until("\"S\":1");
    // Not at once: what came between the first write and the start must not confuse the clock.
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.get(&format!("/signalr/start?{query}")).0.starts_with("HTTP/1.1 200"));
    let started = Instant::now();
    until("data: {}\n");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn a_request_target_with_raw_quotes_is_understood() {
    let running = Running::start(&Folder::new(), &[]);
    let path = "/signalr/negotiate?clientProtocol=1.5&connectionData=[{\"Name\":\"ChatHub\"}]";
    assert!(running.get(path).0.starts_with("HTTP/1.1 200"));
}

#[test]
fn keys_in_a_folder_survive_a_restart() {
    let folder = Folder::new();
    let token = token(&Running::start(&folder, &["--data-dir", "keys"]));
    let ping = |running: &Running| {
        let path = format!("/signalr/abort?transport=longPolling&clientProtocol=1.5&connectionToken={token}");
        running.request(&format!("POST {path}")).0
    };
    assert!(ping(&Running::start(&folder, &["--data-dir", "keys"])).starts_with("HTTP/1.1 200"));
    assert!(ping(&Running::start(&folder, &[])).starts_with("HTTP/1.1 400"));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_server_in_time_even_with_an_idle_connection() {
    for signal in ["-TERM", "-INT"] {
        let mut running = Running::start(&Folder::new(), &[]);
        running.get("/");
        let mut idle = TcpStream::connect(running.address).unwrap();
        idle.set_read_timeout(Some(PATIENCE)).unwrap();
        let asked = Instant::now();
        running.signal(signal);
        assert_eq!(running.end().code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        // Reset or closed: both are an end.
        assert!(matches!(idle.read(&mut [0; 8]), Ok(0) | Err(_)));
    }
}

#[cfg(unix)]
#[test]
fn a_running_call_delays_the_end_until_the_deadline_or_the_second_signal() {
    for signals in [1, 2] {
        let mut running = Running::start(&Folder::new(), &["--shutdown-timeout", "1s"]);
        let mut call = TcpStream::connect(running.address).unwrap();
        // A request whose body never comes: it can neither be answered nor given up by anybody but the deadline.
        write!(call, "POST /signalr/negotiate HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n").unwrap();
        running.get("/");
        let asked = Instant::now();
        for _ in 0..signals {
            running.signal("-TERM");
            running.said("signal");
        }
        assert_eq!(running.end().code(), Some(0));
        let took = asked.elapsed();
        let range = if signals == 1 { 900..5_000 } else { 0..900 };
        assert!(range.contains(&took.as_millis()), "{took:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let folder = Folder::new();
    let running = Running::start(&folder, &[]);
    let output = serve(&folder).args(["--listen", &running.address.to_string()]).output().unwrap();
    let (_, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("is in use") && stderr.contains("--listen"), "{stderr}");
}

#[test]
fn a_variable_that_means_nothing_is_warned_about_with_the_nearest_name() {
    let folder = Folder::new();
    let taken = Running::start(&folder, &[]);
    // It ends at once, because the port is taken.
    let output = serve(&folder)
        .env("HELIOSTAT_KEEPALIVE", "5s")
        .args(["--listen", &taken.address.to_string()])
        .output()
        .unwrap();
    let (_, stderr) = text(&output);
    assert!(stderr.contains("HELIOSTAT_KEEPALIVE") && stderr.contains("HELIOSTAT_KEEP_ALIVE"), "{stderr}");
}
