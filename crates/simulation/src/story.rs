//! Stories about both ends: a network that does what the script says, and what the applications hear of it.
//!
//! A story is a list of paragraphs: what happens, a line `----`, and what comes of it: the client's side on the
//! left, the server's on the right. It is told once for each transport its first line names; where transports
//! differ, each tells its own. This is how the diagrams of the founding document look as text:
//!
//! ```
//! let story = "\
//! both machines on webSockets
//!
//! start
//! ----
//! 0s       C: started
//! ";
//! let told = heliostat_simulation::tell(story)?;
//! assert!(told.contains("S: OnConnected"));
//! # Ok::<(), heliostat_simulation::StoryError>(())
//! ```
//!
//! The first line may set `disconnect`, `keep-alive` and `connection`, name two `servers A and B` and two
//! `clients C and D`, and `show away`: when a server counts a silent client as away, of which no application hears.
//! Steps, which the second client takes with its name before them (`D: start`):
//!
//! - `start`, `stop`, `call`: what the client's application does; with `start at B` the start request goes astray
//! - `publish "x"`, `publish to group 1 "x"`, `join 1`, `leave 1`, `disconnect`: what the server's does
//! - `advance 20s`: time passes
//! - `interrupt 20s`: for so long nothing gets through; what was on its way comes late
//! - `cut [seen by client | server | both]`: what carries the connection is gone, and who is told so
//! - `sleep 20s`, `client dies`: the client's process
//! - `S dies`, `S vanishes`, `S shuts down`, `S starts`, `S sleeps 20s`: a server; a dead one's wires are closed, a
//!   vanished one's are not

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use heliostat_bus::Limits;
use heliostat_proto::connection::client::{ClientSettings, Event as News, Input};
use heliostat_proto::connection::{KeepAlive, Timeouts};
use heliostat_proto::transport_kind::TransportKind;

use crate::faults::Noticed;
use crate::message::{Body, ClientNumber, ConnectionNumber, Group, ServerNumber, Target};
use crate::network::Wire;
use crate::process::Tells;
use crate::timeline::{Line, What, Who};
use crate::world::{Settings, World};

/// What a story of this teller begins with.
const OPENING_WORDS: &str = "both machines on ";
/// Where the server's side begins.
const RIGHT: usize = 52;

/// A story that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoryError {
    /// It has no first line that says what it is about.
    #[error("no line begins with `both machines on <transports>`; begin the story with it")]
    NoOpening,
    /// A setting in the first line cannot be.
    #[error("{setting:?} cannot be set: {why}")]
    Setting {
        /// As it was written.
        setting: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such step.
    #[error("{step:?} is no step; the documentation of the story module lists them")]
    Step {
        /// As it was written.
        step: String,
    },
    /// A promise was broken on the way.
    #[error("after {step:?}: {why}")]
    Broken {
        /// The step before.
        step: String,
        /// The promise.
        why: String,
    },
}

/// Tells a story: the same text with what really comes of each paragraph.
///
/// # Errors
/// The first word of the story that makes no sense, or a promise that was broken.
pub fn tell(text: &str) -> Result<String, StoryError> {
    let opening =
        text.lines().find_map(|line| line.strip_prefix(OPENING_WORDS)).ok_or(StoryError::NoOpening)?;
    let mut parts = opening.split(';').map(str::trim);
    let transports = parts.next().unwrap_or_default();
    let mut stage =
        Stage { timeouts: Timeouts::default(), servers: vec!['S'], clients: vec!['C'], shown: Shown::Heard };
    for setting in parts {
        stage.set(setting).map_err(|why| StoryError::Setting { setting: setting.to_owned(), why })?;
    }
    let mut tellers = Vec::new();
    for name in transports.split(", ") {
        let error = |why: String| StoryError::Setting { setting: name.to_owned(), why };
        let kind = TransportKind::parse(name).map_err(|why| error(why.to_string()))?;
        tellers.push(Teller::new(&stage, kind));
    }
    let (mut told, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        told.push_str(line);
        told.push('\n');
        if line == "----" {
            told.push_str(&together(&mut tellers));
            if lines.by_ref().any(str::is_empty) {
                told.push('\n');
            }
        } else if !line.starts_with(OPENING_WORDS) {
            let steps = line.split_once('#').map_or(line, |(steps, _)| steps);
            for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
                tellers.iter_mut().try_for_each(|teller| teller.step(step))?;
            }
        }
    }
    Ok(told)
}

/// What all tellers have said since the last time: once if they agree, else each for itself.
fn together(tellers: &mut [Teller]) -> String {
    let mut versions: Vec<(String, Vec<&str>)> = Vec::new();
    for teller in tellers {
        let (said, name) = (teller.said(), teller.kind.as_str());
        match versions.iter_mut().find(|(version, _)| *version == said) {
            Some((_, names)) => names.push(name),
            None => versions.push((said, vec![name])),
        }
    }
    match versions.as_slice() {
        [(only, _)] => only.clone(),
        _ => versions.iter().map(|(said, names)| format!("on {}:\n{said}", names.join(", "))).collect(),
    }
}

/// What the first line of a story sets.
struct Stage {
    timeouts: Timeouts,
    servers: Vec<char>,
    clients: Vec<char>,
    shown: Shown,
}

/// How much a story shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// What the applications hear.
    Heard,
    /// Also what an operator sees: that a client counts as away, although nobody hears of it.
    Seen,
}

impl Stage {
    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once(' ').ok_or("it has no value")?;
        let timeouts = self.timeouts.clone();
        let changed = match (name, value) {
            ("servers", "A and B") => {
                self.servers = vec!['A', 'B'];
                Ok(timeouts)
            }
            ("clients", "C and D") => {
                self.clients = vec!['C', 'D'];
                Ok(timeouts)
            }
            ("show", "away") => {
                self.shown = Shown::Seen;
                Ok(timeouts)
            }
            ("disconnect", value) => Timeouts::new(time(value)?),
            ("keep-alive", "off") => timeouts.with_keep_alive(KeepAlive::Off),
            ("keep-alive", value) => timeouts.with_keep_alive(KeepAlive::Every(time(value)?)),
            ("connection", value) => timeouts.with_connection(time(value)?),
            _ => return Err("there is no such setting".to_owned()),
        };
        self.timeouts = changed.map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    let seconds = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    seconds.ok_or(format!("{text:?} is no time; write 29s or 0.5s"))
}

/// One transport's version of a story.
struct Teller {
    world: World,
    kind: TransportKind,
    names: Vec<char>,
    clients: Vec<char>,
    shown: Shown,
    calls: u32,
}

impl Teller {
    fn new(stage: &Stage, kind: TransportKind) -> Self {
        let client = ClientSettings { transports: vec![kind], ..ClientSettings::default() };
        let mut world = World::new(
            Settings {
                timeouts: Arc::new(stage.timeouts.clone()),
                client,
                limits: Limits::default(),
                latency: Duration::ZERO,
                repeats: 0,
                strays: 0,
                logs_die: false,
                client_rates: vec![1000; stage.clients.len()],
                server_rates: vec![1000; stage.servers.len()],
            },
            0,
        );
        world.clients_start_again = false;
        for client in &mut world.clients {
            client.server = Some(0);
        }
        let (names, clients) = (stage.servers.clone(), stage.clients.clone());
        Self { world, kind, names, clients, shown: stage.shown, calls: 0 }
    }

    fn step(&mut self, step: &str) -> Result<(), StoryError> {
        let words: Vec<&str> = step.split_whitespace().collect();
        let acts = match words.as_slice() {
            [name, words @ ..] if name.ends_with(':') => {
                let client = self.clients.iter().position(|client| format!("{client}:") == *name);
                client.and_then(|client| self.act(client, words))
            }
            words => self.act(0, words),
        };
        acts.ok_or_else(|| StoryError::Step { step: step.to_owned() })?;
        self.world.run_until(self.world.now);
        match self.world.failure.take() {
            Some(why) => Err(StoryError::Broken { step: step.to_owned(), why: why.to_string() }),
            None => Ok(()),
        }
    }

    fn act(&mut self, client: ClientNumber, words: &[&str]) -> Option<()> {
        let world = &mut self.world;
        match words {
            ["start", "at", server] => {
                world.clients[client].starts_at =
                    self.names.iter().position(|name| name.to_string() == *server);
                world.client_handles(client, Input::Start);
            }
            ["start"] => world.client_handles(client, Input::Start),
            ["stop"] => world.client_handles(client, Input::Stop),
            ["call"] => {
                self.calls += 1;
                world.client_calls(client, self.calls);
            }
            ["advance", duration] => world.run_until(world.now + time(duration).ok()?),
            ["interrupt", duration] => world.interrupt(client, world.now + time(duration).ok()?),
            ["sleep", duration] => world.pause_client(client, time(duration).ok()?),
            ["client", "dies"] => world.kill_client(client),
            ["cut"] => world.cut_carrier(client, Noticed::Nobody, Duration::ZERO),
            ["cut", "seen", "by", who] => {
                let noticed = match *who {
                    "client" => Noticed::Client,
                    "server" => Noticed::Server,
                    "both" => Noticed::Both,
                    _ => return None,
                };
                world.cut_carrier(client, noticed, Duration::ZERO);
            }
            ["publish", text @ ..] if !text.is_empty() => self.publish(text)?,
            ["join", group] => world.change_group(client, Body::Join(parse_group(group)?)),
            ["leave", group] => world.change_group(client, Body::Leave(parse_group(group)?)),
            ["disconnect"] => world.disconnect(client),
            [server, rest @ ..] => {
                let server = self.names.iter().position(|name| name.to_string() == *server)?;
                self.act_on(server, rest)?;
            }
            [] => return None,
        }
        Some(())
    }

    fn act_on(&mut self, server: ServerNumber, words: &[&str]) -> Option<()> {
        let world = &mut self.world;
        match words {
            ["dies"] => world.crash(server, (Duration::MAX, Tells::Everybody)),
            ["vanishes"] => world.crash(server, (Duration::MAX, Tells::Nobody)),
            ["shuts", "down"] => world.shut_down(server, Duration::MAX),
            ["starts"] => world.start_server(server),
            ["sleeps", duration] => world.pause_server(server, time(duration).ok()?),
            _ => return None,
        }
        Some(())
    }

    fn publish(&mut self, words: &[&str]) -> Option<()> {
        let (target, words) = match words {
            ["to", "group", group, words @ ..] => (Target::Group(parse_group(group)?), words),
            words => (Target::All, words),
        };
        let text = words.join(" ");
        self.world.publish_message(target, Some(text.trim_matches('"')));
        Some(())
    }

    /// What was said since the last time.
    fn said(&mut self) -> String {
        let mut said = String::new();
        for line in self.world.timeline.lines() {
            if let Some(line) = self.show(line) {
                said.push_str(&line);
                said.push('\n');
            }
        }
        self.world.timeline.clear();
        if said.is_empty() { "(nothing)\n".to_owned() } else { said }
    }

    /// What the applications hear, and what the world does to them; nothing of the machinery.
    fn show(&self, Line { at, who, what }: &Line) -> Option<String> {
        let words = match what {
            What::Event(News::StateChanged { .. })
            | What::Opens(..)
            | What::Ends(..)
            | What::Forgets(_)
            | What::Publishes(..)
            | What::Joins(..)
            | What::Leaves(..)
            | What::Cut(_)
            | What::Notices(_)
            | What::DeliveredOrder(_) => return None,
            What::Connected(of) => format!("OnConnected{}", self.of(*of)),
            What::Reconnected(of) => format!("OnReconnected{}", self.of(*of)),
            What::Disconnected(of, reason) => format!("OnDisconnected({reason:?}){}", self.of(*of)),
            What::Lost(_, count) => format!("reports {count} lost"),
            What::Gap(_) => "reports a gap".to_owned(),
            What::Misses(_) | What::HearsAgain(_) if self.shown == Shown::Heard => return None,
            What::Misses(_) => "counts the silent client as away".to_owned(),
            What::HearsAgain(_) => "hears the client again".to_owned(),
            What::Refused(_) => "tells the late client to stop".to_owned(),
            What::Event(_)
            | What::Started
            | What::StartFailed
            | What::Delivered(_)
            | What::CallRefused(_)
            | What::CallSent(_)
            | What::CallAnswered(_)
            | What::CallFailed(_)
            | What::Called(_)
            | What::Down
            | What::Up
            | What::Pauses
            | What::Resumes
            | What::Dies
            | What::Restarts
            | What::ShutsDown => what.to_string(),
        };
        let time = at.since_start().as_secs_f64();
        let time = format!("{}s", (time * 10.0).round() / 10.0);
        let mut line = String::new();
        let result = match who {
            Who::Client(client) => {
                let name = self.clients.get(*client).copied().unwrap_or('C');
                write!(line, "{time:<8} {name}: {words}")
            }
            Who::Server(server) => {
                let name = self.names.get(*server).copied().unwrap_or('S');
                write!(line, "{time:<RIGHT$}{name}: {words}")
            }
            Who::Network => write!(line, "{time:<8} ~~~ {words}"),
        };
        result.ok().map(|()| line)
    }

    /// Whose connection it is, if there is more than one client.
    fn of(&self, connection: ConnectionNumber) -> String {
        let carries = |wire: &&Wire| wire.connection == connection;
        let client = self.world.wires.iter().rfind(carries).and_then(|wire| self.clients.get(wire.client));
        client.filter(|_| self.clients.len() > 1).map_or_else(String::new, |client| format!(" of {client}"))
    }
}

fn parse_group(text: &str) -> Option<Group> {
    text.parse().ok().filter(|group| *group < crate::world::GROUPS)
}
