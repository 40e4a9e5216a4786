//! `heliostat connections` and `heliostat timeline`: ask a running server and show the answer.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::ask::{AskError, ask};
use super::{CONNECTIONS, drawing, table};

/// List the connections of a running server
#[derive(Debug, Args)]
pub(crate) struct Connections {
    #[command(flatten)]
    server: WhichServer,
}

/// Draw what happened to a connection lately
#[derive(Debug, Args)]
pub(crate) struct TimelineOf {
    /// The connection id, as `heliostat connections` lists it
    id: String,

    #[command(flatten)]
    server: WhichServer,
}

#[derive(Debug, Args)]
struct WhichServer {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:5080")]
    url: String,

    /// The token that the server wants from operators
    #[arg(long, env = "HELIOSTAT_OPERATIONS_TOKEN", hide_env_values = true)]
    operations_token: Option<String>,

    /// Write the answer as it is
    #[arg(long)]
    json: bool,
}

impl Connections {
    pub(crate) fn run(&self) -> Result<(), AskError> {
        let answer = self.server.ask(CONNECTIONS)?;
        self.server.show(&answer, || table::draw(answer.get("connections").unwrap_or(&Value::Null)));
        Ok(())
    }
}

impl TimelineOf {
    pub(crate) fn run(&self) -> Result<(), AskError> {
        let answer = self.server.ask(&format!("{CONNECTIONS}/{}", self.id.trim()))?;
        let timeline = answer.get("timeline").cloned().unwrap_or_default();
        let timeline =
            serde_json::from_value(timeline).map_err(|_| AskError::NotOurs(self.server.url.clone()))?;
        self.server.show(&answer, || drawing::draw(&timeline));
        Ok(())
    }
}

impl WhichServer {
    fn ask(&self, path: &str) -> Result<Value, AskError> {
        ask(&self.url, path, self.operations_token.as_deref())
    }

    fn show(&self, answer: &Value, draw: impl FnOnce() -> String) {
        let text = if self.json { format!("{answer:#}\n") } else { draw() };
        // Whoever closed the pipe does not want to know.
        let _ = io::stdout().write_all(text.as_bytes());
    }
}
