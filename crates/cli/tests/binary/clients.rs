//! The commands that are clients, against the running binary: what they print, and what they end with.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::process::{Folder, PATIENCE, Running, text};

fn heliostat(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end with these lines as its input.
fn with_input(mut command: Command, lines: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn hubs(running: &Running) -> String {
    format!("http://{}/signalr", running.address)
}

/// What `heliostat call` says: its code, its standard output, and its standard error.
fn call(url: &str, rest: &[&str]) -> (i32, String, String) {
    let output = heliostat(&[&["call", url], rest].concat()).output().unwrap();
    let (stdout, stderr) = text(&output);
    (output.status.code().unwrap(), stdout, stderr)
}

#[test]
fn a_call_prints_its_result_alone_and_its_code_tells_what_became_of_it() {
    let running = Running::start(&Folder::new(), &[]);
    let url = hubs(&running);
    for transport in ["webSockets", "serverSentEvents", "longPolling"] {
        let (code, result, _) = call(&url, &["diagnosticsHub", "add", "2", "-5", "--transport", transport]);
        assert_eq!((code, result.as_str()), (0, "-3\n"), "{transport}");
    }
    assert_eq!(call(&url, &["diagnosticsHub", "echo", "two words"]).1, "\"two words\"\n");
    assert_eq!(
        call(&url, &["diagnosticsHub", "echo", "12345678901234567890123"]).1,
        "12345678901234567890123\n"
    );
    let (code, result, error) = call(&url, &["diagnosticsHub", "countdown", "2"]);
    assert_eq!((code, result.as_str(), error.as_str()), (0, "\"done\"\n", "1\n2\n"));
    let (code, result, error) = call(&url, &["diagnosticsHub", "failWithData"]);
    assert_eq!((code, result.as_str(), error.as_str()), (3, "", "room is full\n{\"max\":20}\n"));
    let (code, _, error) = call(&url, &["diagnosticsHub", "sleep", "60000", "--timeout", "500ms"]);
    assert_eq!(code, 5, "{error}");
    assert!(error.contains("500ms"), "{error}");
}

#[test]
fn a_call_that_cannot_be_made_says_why() {
    let nobody = call("http://127.0.0.1:1/signalr", &["a", "b"]);
    assert_eq!(nobody.0, 1, "{}", nobody.2);
    let mistake = call("http://127.0.0.1:1/signalr", &["a", "b", "{x:1}"]);
    assert_eq!(mistake.0, 2, "{}", mistake.2);
    assert!(mistake.2.contains("argument 1 begins like JSON"), "{}", mistake.2);
    let address = call("localhost:5080", &["a", "b"]);
    assert_eq!(address.0, 2, "{}", address.2);
    assert!(address.2.contains("http://localhost:5080"), "{}", address.2);
}

#[test]
fn a_script_is_taken_line_by_line_recorded_shown_again_and_said_again() {
    let folder = Folder::new();
    let running = Running::start(&folder, &[]);
    let url = hubs(&running);
    let file = folder.path().join("talk.jsonl");
    let file = file.to_str().unwrap();
    let lines = "# a script\nchatHub.join lobby\nchatHub.say lobby 'hello there'\nchatHub.who lobby\n.hubs\n";
    let output = with_input(heliostat(&["talk", &url, "--record", file]), lines);
    let (said, error) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{error}");
    // Each waits for the answer to the one before.
    let order = [
        "connected over webSockets as ",
        "→ #1 chatHub.join(\"lobby\")",
        "= #1 {\"room\":\"lobby\"",
        "→ #2 chatHub.say(\"lobby\", \"hello there\")",
        "← ChatHub.message(\"lobby\", \"guest ",
        "= #2 null",
        "→ #3 chatHub.who(\"lobby\")",
        "= #3 [\"guest ",
        "diagnosticsHub\n  add(a, b)\n",
        "· closed",
    ];
    let mut rest = said.as_str();
    for part in order {
        rest =
            rest.split_once(part).unwrap_or_else(|| panic!("{part} is missing or out of order:\n{said}")).1;
    }
    assert!(!said.contains('\u{1b}'), "no colours outside of terminals: {said:?}");

    let (shown, _) = text(&heliostat(&["talk", "--replay", file, "--speed", "inf"]).output().unwrap());
    assert!(shown.contains("    0:00.") && shown.contains("→ #2 chatHub.say"), "{shown}");

    let again = heliostat(&["talk", "--replay", file, "--speed", "inf", &url]).output().unwrap();
    let (again, error) = text(&again);
    for part in ["= #1 {", "= #2 null", "= #3 ["] {
        assert!(again.contains(part), "{part} is missing:\n{again}{error}");
    }
}

#[test]
fn a_mistake_in_a_script_is_told_and_ends_in_the_code_for_mistakes() {
    let running = Running::start(&Folder::new(), &[]);
    let talk = heliostat(&["talk", &hubs(&running), "--hub", "chatHub"]);
    let output = with_input(talk, ".hepl\nsay\njoin {\n");
    let (said, _) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["did you mean .help?", "argument 1 begins like JSON", "✗ #1"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
}

/// A program that talks JSON.
struct Talking {
    child: Child,
    entries: Receiver<serde_json::Value>,
}

impl Talking {
    fn start(arguments: &[&str]) -> Self {
        let mut child = heliostat(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, entries) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, entries }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next entry of this kind.
    fn hear(&self, what: &str) -> serde_json::Value {
        loop {
            let entry = self.entries.recv_timeout(PATIENCE).expect(what);
            if entry.get("what").is_some_and(|said| said == what) {
                return entry;
            }
        }
    }

    fn end(mut self) -> i32 {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn programs_talk_json_and_hear_one_another() {
    let running = Running::start(&Folder::new(), &[]);
    let url = hubs(&running);
    let arguments = ["talk", url.as_str(), "--hub", "chatHub", "--json"];
    let (mut ann, mut bob) = (Talking::start(&arguments), Talking::start(&arguments));
    for talking in [&mut ann, &mut bob] {
        assert_eq!(talking.hear("connected")["transport"], "webSockets");
        talking.say(r#"{"method":"join","arguments":["lobby"],"id":70}"#);
        assert_eq!(talking.hear("result")["id"], 70);
    }
    ann.say("say lobby hello");
    let message = bob.hear("message");
    assert_eq!((&message["hub"], &message["method"]), (&"ChatHub".into(), &"message".into()));
    assert_eq!(message["arguments"][2], "hello");
    bob.say(r#"{"hub":"chatHub","method":"say","arguments":["nowhere","x"],"id":71}"#);
    let failed = bob.hear("failed");
    assert_eq!((&failed["id"], &failed["kind"]), (&71.into(), &"hub".into()));
    assert_eq!(ann.end(), 0);
    assert_eq!(bob.end(), 3);
}

#[test]
fn texts_go_to_an_endpoint_that_is_no_hub() {
    let running = Running::start(&Folder::new(), &[]);
    let mut talking =
        Talking::start(&["talk", &format!("http://{}/echo", running.address), "--raw", "--json"]);
    talking.say("hello there");
    assert_eq!(talking.hear("raw")["direction"], "out");
    assert_eq!(talking.hear("raw")["value"], "hello there");
    assert_eq!(talking.end(), 0);
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_server_in_order_and_says_so_in_both_forms() {
    let running = Running::start(&Folder::new(), &["--keep-alive", "2s", "--disconnect-timeout", "12s"]);
    let url = hubs(&running);
    // Both at once: most of it is waiting for a keep-alive.
    let start = |more: &[&str]| {
        heliostat(&[&["doctor", url.as_str()], more].concat()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let (people, programs) = (start(&[]), start(&["--json"]));
    let (people, programs) = (people.wait_with_output().unwrap(), programs.wait_with_output().unwrap());
    let report = text(&people).0;
    assert_eq!(people.status.code(), Some(0), "{report}");
    assert!(report.contains("as promised") && report.ends_with("nothing is wrong\n"), "{report}");
    let report: serde_json::Value = serde_json::from_slice(&programs.stdout).unwrap();
    assert_eq!(report["healthy"], true, "{report:#}");
    let checks: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| &finding["check"]).collect();
    assert!(
        ["webSockets", "serverSentEvents", "foreverFrame", "longPolling"]
            .iter()
            .all(|check| checks.contains(&&(*check).into())),
        "{checks:?}"
    );
}

#[test]
fn the_doctor_ends_with_1_if_something_is_wrong() {
    let output = heliostat(&["doctor", "http://127.0.0.1:1/signalr"]).output().unwrap();
    let (report, _) = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("BAD   negotiate  nothing listens at 127.0.0.1:1"), "{report}");
}

/// A server that lets nobody in, for as many questions as it is asked.
fn locked() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while head.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_server_that_lets_nobody_in_has_a_code_of_its_own() {
    let url = format!("http://{}/signalr", locked());
    let (code, _, error) = call(&url, &["a", "b"]);
    assert_eq!(code, 4, "{error}");
    let output = heliostat(&["talk", &url]).output().unwrap();
    let (said, _) = text(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("heliostat doctor http://"), "{said}");
}
