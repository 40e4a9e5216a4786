//! A recorded conversation as it lies in `golden/classic/<group>/<name>.json`.
//!
//! The replay is written down in the same form, so that comparing means comparing two recordings, and a recording can be
//! compared with itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// `<group>/<name>`.
    pub(crate) name: String,
    /// How the server process was set up, e.g. `keepAlive=2,disconnectTimeout=6,connectionTimeout=5`.
    pub(crate) server: String,
    /// In the order in which the requests began. They overlap.
    pub(crate) exchanges: Vec<Exchange>,
    /// The callbacks that ran in the application, where they were written down.
    pub(crate) events: Option<Vec<String>>,
}

/// A request and what came back.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exchange {
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// When the request was sent, in milliseconds since the scenario began.
    #[serde(default)]
    pub(crate) t_ms: u64,
    pub(crate) request: Request,
    pub(crate) response: Response,
    /// What went over the WebSocket, both ways.
    #[serde(default)]
    pub(crate) frames: Vec<Frame>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The request target: path and query.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Response {
    /// Nothing, if not even headers had come when the client gave up.
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    /// Milliseconds since the request was sent.
    #[serde(default)]
    pub(crate) ended_at_ms: u64,
    pub(crate) ended_by: Ended,
    /// When each piece of the body came, in milliseconds since the request was sent.
    #[serde(default)]
    pub(crate) chunks: Vec<(u64, String)>,
}

/// Who ended an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    ServerEnd,
    ServerConnectionClosed,
    Client,
    ClientTimeout,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Frame {
    /// Milliseconds since the request was sent.
    pub(crate) t_ms: u64,
    pub(crate) dir: Direction,
    pub(crate) op: Opcode,
    #[serde(default)]
    pub(crate) data: Option<String>,
    #[serde(default)]
    pub(crate) code: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Send,
    Recv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Opcode {
    Text,
    Binary,
    Ping,
    Pong,
    Close,
}

impl Ended {
    pub(crate) fn by_server(self) -> bool {
        matches!(self, Self::ServerEnd | Self::ServerConnectionClosed)
    }
}

impl Response {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// The pieces of the body with the time each came; a body without recorded pieces is one piece that came at the end.
    pub(crate) fn pieces(&self) -> Vec<(u64, &str)> {
        if self.chunks.is_empty() {
            return vec![(self.ended_at_ms, self.text())];
        }
        self.chunks.iter().map(|(at, text)| (*at, text.as_str())).collect()
    }
}

impl Recording {
    /// The group is the folder.
    pub(crate) fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Whether the recorded pauses between the requests mean something.
    pub(crate) fn keeps_pauses(&self) -> bool {
        matches!(self.group(), "timing" | "longpolling" | "reconnect")
            || (self.group() == "extra" && self.name.contains("onconnected"))
            || (self.group() == "send-errors" && self.name.contains("websocket"))
            || self.exchanges.iter().any(|exchange| exchange.response.ended_by == Ended::ClientTimeout)
    }

    /// Reads one file.
    pub(crate) fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read the recording {}: {error}", path.display()));
        let mut file: Value = serde_json::from_str(&text).expect("a recording is JSON");
        let exchanges = match file.get_mut("exchanges") {
            Some(exchanges) => exchanges.take(),
            // A file with one exchange holds its members at the top.
            None => Value::Array(vec![file.clone()]),
        };
        let events = file.get_mut("server_events").map(Value::take);
        Self {
            name: name.to_owned(),
            server: file["server"].as_str().expect("a recording names its server").to_owned(),
            exchanges: serde_json::from_value(exchanges).expect("a recording has well-formed exchanges"),
            events: events.map(|events| serde_json::from_value(events).expect("events are texts")),
        }
    }
}

/// The names of all recordings, sorted.
pub(crate) fn all_names() -> Vec<String> {
    let mut names = Vec::new();
    for group in folder_entries(&folder()).into_iter().filter(|path| path.is_dir()) {
        let group_name = group.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        for file in
            folder_entries(&group).into_iter().filter(|path| path.extension() == Some("json".as_ref()))
        {
            let stem = file.file_stem().expect("a file has a name").to_string_lossy();
            names.push(format!("{group_name}/{stem}"));
        }
    }
    names.sort();
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/classic")
}

fn folder_entries(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", path.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect()
}
