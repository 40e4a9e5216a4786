//! Stories about connections, read from `stories/*.story` and told by the server's machine.
//!
//! A story is a list of paragraphs: what happens, a line `----`, and what the server does about it. The
//! second part is compared, or, if the environment says `UPDATE_STORIES=1`, rewritten: then the diff is to be
//! read in review.
//!
//! ```text
//! # What the story is about, and the rows of the specification it proves.
//! server connection on webSockets, serverSentEvents; disconnect 30s; keep-alive 10s
//!
//! open 1 connect; start; advance 12s
//! ----
//! 0s       OnConnected
//! 10s      1 <- keep-alive
//! ```
//!
//! The first line names the transports: the story is told once for each, and must come out the same. A story
//! that does not begin so belongs to another teller. Steps:
//!
//! - `open <link> [transport] connect | connect-at-once | reconnect | poll`: a receive request is accepted
//! - `start`, `abort`, `disconnect`, `moved`, `shutdown`, `tick`: see `Input`
//! - `wrote <link>`, `heard <link>`, `answered <link>`, `lose <link>`: news about a transport connection
//! - `advance <time>`: time passes; the driver ticks whenever the machine asked for it and writes keep-alives
//! - `vanish`: the client goes without a word; until then, and from `appear` on, it answers every ping at once
//! - `sleep <time>`: time passes and the driver does not tick
//! - `knock`: shows whether a request would be admitted
//! - `die`: the server is gone with all it knew
//! - `<name>: <step>`: on the server of that name

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heliostat_proto::connection::{
    Admission, Effect, Input, KeepAlive, LinkId, Opening, ServerConnection, Timeouts,
};
use heliostat_proto::transport_kind::TransportKind;

/// What a story of this teller begins with.
const OPENING_WORDS: &str = "server connection on ";

#[test]
fn the_stories_go_as_written() {
    let update = std::env::var_os("UPDATE_STORIES").is_some_and(|value| value == "1");
    let mut told = 0;
    for path in stories() {
        let text = fs::read_to_string(&path).unwrap();
        let Some(retold) = retell(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())) else {
            continue;
        };
        told += 1;
        if update && retold != text {
            fs::write(&path, retold).unwrap();
        } else {
            let name = path.file_name().unwrap_or_default().display();
            assert_eq!(text, retold, "{name} goes otherwise; UPDATE_STORIES=1 rewrites it\n\n{retold}");
        }
    }
    assert!(told > 0, "no story was found");
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stories");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "story"));
    paths.sort();
    paths
}

/// The text as it should be, or `None` if it is not for this teller.
fn retell(text: &str) -> Result<Option<String>, String> {
    let Some(opening) = text.lines().find_map(|line| line.strip_prefix(OPENING_WORDS)) else {
        return Ok(None);
    };
    let mut parts = opening.split(';').map(str::trim);
    let transports = parts.next().unwrap_or_default();
    let timeouts = parts.try_fold(Timeouts::default(), with_setting)?;

    let mut versions = Vec::new();
    for name in transports.split(", ") {
        let kind = TransportKind::parse(name).map_err(|error| error.to_string())?;
        versions.push((name, tell(text, Teller::new(timeouts.clone(), kind))?));
    }
    let (first, retold) = versions.first().ok_or("no transport is named")?;
    match versions.iter().find(|(_, version)| version != retold) {
        Some((other, version)) => Err(format!("on {first}:\n{retold}\nbut on {other}:\n{version}")),
        None => Ok(Some(retold.clone())),
    }
}

fn with_setting(timeouts: Timeouts, setting: &str) -> Result<Timeouts, String> {
    let (name, value) = setting.split_once(' ').ok_or(format!("{setting:?} has no value"))?;
    let timeouts = match (name, value) {
        ("disconnect", value) => Timeouts::new(seconds(value)?),
        ("keep-alive", "off") => timeouts.with_keep_alive(KeepAlive::Off),
        ("keep-alive", value) => timeouts.with_keep_alive(KeepAlive::Every(seconds(value)?)),
        ("connection", value) => timeouts.with_connection(seconds(value)?),
        ("long-poll-delay", value) => timeouts.with_long_poll_delay(seconds(value)?),
        _ => return Err(format!("{name:?} is no setting")),
    };
    timeouts.map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok());
    number.map(Duration::from_secs_f64).ok_or(format!("{text:?} is no time; write 29s or 0.5s"))
}

/// Copies the text and replaces what follows each `----` up to the next empty line.
fn tell(text: &str, mut teller: Teller) -> Result<String, String> {
    let (mut retold, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        writeln!(retold, "{line}").map_err(|error| error.to_string())?;
        if line == "----" {
            retold.push_str(&teller.said());
            if lines.by_ref().find(|line| line.is_empty()).is_some() {
                retold.push('\n');
            }
        } else if !line.starts_with(OPENING_WORDS) {
            let steps = line.split_once('#').map_or(line, |(steps, _)| steps);
            for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
                teller.step(step).map_err(|error| format!("{step:?}: {error}"))?;
            }
        }
    }
    Ok(retold)
}

/// A driver without a socket, for any number of servers.
struct Teller {
    timeouts: Arc<Timeouts>,
    kind: TransportKind,
    start: Instant,
    now: Instant,
    vanished: bool,
    servers: BTreeMap<String, ServerConnection>,
    said: Vec<(Duration, String)>,
}

impl Teller {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(timeouts: Timeouts, kind: TransportKind) -> Self {
        let (timeouts, start) = (Arc::new(timeouts), Instant::now());
        Self {
            timeouts,
            kind,
            start,
            now: start,
            vanished: false,
            servers: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// What was said since the last time, one line each.
    fn said(&mut self) -> String {
        let lines: String = (self.said.drain(..))
            .map(|(at, what)| format!("{:<8} {what}\n", format!("{}s", at.as_secs_f64())))
            .collect();
        if lines.is_empty() { "(nothing)\n".to_owned() } else { lines }
    }

    fn say(&mut self, server: &str, what: &str) {
        let name = if server.is_empty() { String::new() } else { format!("{server}: ") };
        self.said.push((self.now - self.start, name + what));
    }

    fn step(&mut self, step: &str) -> Result<(), String> {
        let (server, step) = step.split_once(": ").unwrap_or(("", step));
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["advance", time] => {
                let until = self.now + seconds(time)?;
                self.advance(until);
            }
            ["sleep", time] => self.now += seconds(time)?,
            ["vanish"] => self.vanished = true,
            ["appear"] => self.vanished = false,
            ["die"] => {
                self.servers.remove(server).ok_or("there is no such server")?;
            }
            ["knock"] => {
                let admission =
                    self.servers.get(server).map_or(Admission::Forgotten, ServerConnection::admits);
                self.say(server, &format!("{admission:?}"));
            }
            words => {
                let input = parse(words, self.kind)?;
                self.handle(server, input);
            }
        }
        Ok(())
    }

    fn handle(&mut self, server: &str, input: Input) {
        let (timeouts, now) = (&self.timeouts, self.now);
        let new = || ServerConnection::new(Arc::clone(timeouts), now);
        let machine = self.servers.entry(server.to_owned()).or_insert_with(new);
        machine.handle(input, now);
        let effects: Vec<Effect> = std::iter::from_fn(|| machine.poll_effect()).collect();
        for effect in effects {
            self.carry_out(server, effect);
        }
    }

    fn carry_out(&mut self, server: &str, effect: Effect) {
        match effect {
            Effect::RaiseConnected => self.say(server, "OnConnected"),
            Effect::RaiseReconnected => self.say(server, "OnReconnected"),
            Effect::RaiseDisconnected(reason) => self.say(server, &format!("OnDisconnected({reason:?})")),
            Effect::End(link, ending) => self.say(server, &format!("{link} ends: {ending:?}")),
            Effect::SendKeepAlive(link) => {
                self.say(server, &format!("{link} <- keep-alive"));
                self.handle(server, Input::Wrote(link));
            }
            Effect::SendPing(link) if self.vanished => self.say(server, &format!("{link} <- ping")),
            Effect::NoteSilent(link) => {
                self.say(server, &format!("{link} is silent: its client counts as away"))
            }
            Effect::NoteHeardAgain(link) => self.say(server, &format!("{link} is heard again")),
            Effect::SendPing(link) => self.handle(server, Input::Heard(link)),
            Effect::Forget => {
                self.say(server, "forgotten");
                self.servers.remove(server);
            }
        }
    }

    fn advance(&mut self, until: Instant) {
        let due = |servers: &BTreeMap<String, ServerConnection>| {
            servers.iter().filter_map(|(name, machine)| Some((machine.poll_timeout()?, name.clone()))).min()
        };
        while let Some((at, server)) = due(&self.servers).filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.handle(&server, Input::Tick);
        }
        self.now = until;
    }
}

fn parse(words: &[&str], usual: TransportKind) -> Result<Input, String> {
    let link = |number: &str| number.parse().map(LinkId::new).map_err(|_| format!("{number:?} is no link"));
    Ok(match words {
        ["open", number, how] => Input::Opened { link: link(number)?, kind: usual, how: opening(how)? },
        ["open", number, kind, how] => {
            let kind = TransportKind::parse(kind).map_err(|error| error.to_string())?;
            Input::Opened { link: link(number)?, kind, how: opening(how)? }
        }
        ["start"] => Input::Started,
        ["wrote", number] => Input::Wrote(link(number)?),
        ["heard", number] => Input::Heard(link(number)?),
        ["answered", number] => Input::Answered(link(number)?),
        ["lose", number] => Input::Lost(link(number)?),
        ["abort"] => Input::Aborted,
        ["disconnect"] => Input::Disconnect,
        ["messages-lost"] => Input::MessagesLost,
        ["leave"] => Input::Leave,
        ["moved"] => Input::Moved,
        ["shutdown"] => Input::ShuttingDown,
        ["tick"] => Input::Tick,
        _ => return Err("no such step".to_owned()),
    })
}

fn opening(word: &str) -> Result<Opening, String> {
    match word {
        "connect" => Ok(Opening::ConnectDelayed),
        "connect-at-once" => Ok(Opening::ConnectAtOnce),
        "reconnect" => Ok(Opening::Reconnect),
        "poll" => Ok(Opening::Poll),
        _ => Err(format!("{word:?} opens nothing")),
    }
}
