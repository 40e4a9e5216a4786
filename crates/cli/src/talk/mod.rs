//! `heliostat talk`: a conversation with any classic SignalR server, held at a prompt, by a script, or from a recording.
//!
//! The parts from the outside in: `input`, `prompt` and `replay` are where lines come from; `line` and `command` read them;
//! `conversation` decides; `session` has the connection; `journal` writes down what happens, as `show` or `form` has it.

mod catalog;
mod command;
mod completion;
mod conversation;
mod discovery;
pub(crate) mod entry;
mod form;
mod hearing;
mod history_file;
mod input;
pub(crate) mod invocation;
mod journal;
pub(crate) mod line;
mod prompt;
mod replay;
mod session;
mod show;
mod summary;
mod wire;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

use clap::Args;
use heliostat_client::{Backoff, Restart};
use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::config::duration::HumaneDuration;
use crate::reach::{Endpoint, Reach, TransportChoice};
use crate::terminal::Paper;
use catalog::Catalog;
use conversation::{AtEnd, Conversation, Manner, Style};
use discovery::DiscoveryError;
use entry::{FailureKind, What};
use form::VERSION;
use input::Typed;
use journal::{Form, Journal, Printer};
use prompt::Prompt;
use replay::Recording;
use session::{Lines, Plan, Session};
use wire::Wire;

/// Talk to a SignalR server: see what it says, call what it has
///
/// Without --hub all hubs are joined that the server's generated script lists. At the prompt, type a method and its arguments
/// (send "ann" "hello"), or .help. If standard input is not a terminal, its lines are taken one after another, each when the one
/// before is answered, and the exit code is that of `heliostat call`.
#[derive(Debug, Args)]
pub(crate) struct Talk {
    /// The endpoint, for example http://localhost:5080/signalr; nothing is appended to it
    #[arg(required_unless_present = "replay")]
    url: Option<Endpoint>,

    #[command(flatten)]
    reach: Reach,

    /// A hub to join; may be repeated
    #[arg(long, value_name = "NAME")]
    hub: Vec<String>,

    /// Join no hub and send lines as they are, to an endpoint that is a persistent connection
    #[arg(long, conflicts_with = "hub")]
    raw: bool,

    /// auto, webSockets, serverSentEvents or longPolling
    #[arg(long, value_name = "NAME", default_value = "auto")]
    transport: TransportChoice,

    /// How long a call may take
    #[arg(long, value_name = "DURATION")]
    timeout: Option<HumaneDuration>,

    /// Start again when the connection has ended
    #[arg(long)]
    restart: bool,

    #[command(flatten)]
    tape: Tape,

    #[command(flatten)]
    scripting: Scripting,

    /// Remember no lines, and forget none
    #[arg(long)]
    no_history: bool,
}

/// What has to do with recordings.
#[derive(Debug, Args)]
struct Tape {
    /// Write everything that happens to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Show a recording in its own time; with a URL, say again to that server what was said in it
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// How many times faster a recording is played; inf makes no pauses
    #[arg(long, value_name = "FACTOR", default_value = "1", requires = "replay")]
    speed: Speed,
}

/// What has to do with programs at the other end.
#[derive(Debug, Args)]
struct Scripting {
    /// For programs: one JSON object a line on standard output; lines on standard input are calls as JSON or as at the prompt
    #[arg(long)]
    json: bool,

    /// Listen on when standard input has ended
    #[arg(long)]
    stay: bool,
}

/// The two ends of a conversation, and the prompt's thread if there is one.
struct Ends {
    typed: mpsc::Receiver<Typed>,
    printer: Printer,
    thread: Option<JoinHandle<()>>,
}

/// A positive factor.
#[derive(Clone, Copy, Debug)]
struct Speed(f64);

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.parse::<f64>() {
            Ok(factor) if factor > 0.0 => Ok(Self(factor)),
            _ => Err("write a number above 0, or inf"),
        }
    }
}

type AnyError = Box<dyn std::error::Error>;

impl Talk {
    pub(crate) async fn run(&self) -> ExitCode {
        let recording = self.tape.replay.as_ref().map(|path| Recording::open(path, self.tape.speed.0));
        let result = match (recording.transpose(), &self.url) {
            (Err(error), _) => Err(error.into()),
            (Ok(Some(recording)), None) => self.show(recording).await,
            (Ok(recording), Some(url)) => self.talk(url, recording).await,
            // The parser wants one or the other.
            (Ok(None), None) => Ok(FailureKind::Usage.exit_code()),
        };
        result.unwrap_or_else(|error| {
            let _ = writeln!(std::io::stderr(), "{error}");
            FailureKind::Usage.exit_code()
        })
    }

    async fn show(&self, recording: Recording) -> Result<ExitCode, AnyError> {
        let mut journal = Journal::new(self.form(), journal::to_stdout(), None)?;
        recording.show(&mut journal).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn talk(&self, url: &Endpoint, recording: Option<Recording>) -> Result<ExitCode, AnyError> {
        let plan = Plan {
            url: url.clone(),
            reach: self.reach.clone(),
            transport: self.transport,
            restart: if self.restart { Restart::WithBackoff(Backoff::default()) } else { Restart::Never },
            lines: if self.raw { Lines::Texts } else { Lines::Calls },
            timeout: self.timeout.map(HumaneDuration::get),
        };
        let connection = plan.connection()?;
        let (catalog, remark) = self.catalog(&connection).await;
        let catalog = Arc::new(catalog);
        let session = Session::new(plan, connection, &catalog)?;
        let Ends { typed, printer, thread } = self.ends(&catalog, recording)?;
        let mut journal = Journal::new(self.form(), printer, self.tape.record.as_deref())?;
        journal.note(What::Begin {
            version: VERSION,
            url: url.to_string(),
            time: Timestamp::now().to_string(),
        });
        journal.note(What::Hubs(catalog.names().map(str::to_owned).collect()));
        if let Some(remark) = remark {
            journal.note(What::Note(remark));
        }
        let style = Style {
            manner: self.manner(),
            at_end: if self.scripting.stay { AtEnd::Stay } else { AtEnd::Leave },
        };
        let code = Conversation::new(session, catalog, journal, style).run(typed).await;
        if let Some(thread) = thread {
            Prompt::close(thread);
        }
        Ok(code)
    }

    /// Where lines come from and where text goes to.
    fn ends(&self, catalog: &Arc<Catalog>, recording: Option<Recording>) -> Result<Ends, AnyError> {
        let plain = |typed| Ends { typed, printer: journal::to_stdout(), thread: None };
        if let Some(recording) = recording {
            return Ok(plain(recording.say_again()));
        }
        if self.manner() != Manner::Person {
            return Ok(plain(input::from_stdin()));
        }
        let history = if self.no_history { None } else { history_file::path() };
        let (typed, printer, thread) =
            Prompt::open(Arc::clone(catalog), Paper::stdout(), history)?.into_parts();
        Ok(Ends { typed, printer, thread: Some(thread) })
    }

    fn manner(&self) -> Manner {
        if self.scripting.json || self.tape.replay.is_some() {
            Manner::Program
        } else if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            Manner::Person
        } else {
            Manner::Script
        }
    }

    fn form(&self) -> Form {
        if self.scripting.json { Form::Json } else { Form::Text(Paper::stdout()) }
    }

    /// The hubs to join, and what to say if they could not be found out.
    async fn catalog(&self, connection: &Wire) -> (Catalog, Option<String>) {
        if self.raw {
            return (Catalog::default(), None);
        }
        match discovery::hubs(connection).await {
            Ok(found) => (Catalog::new(&self.hub, found), None),
            // Who does not answer now does not answer the start either, which tells it better.
            Err(DiscoveryError::Request(_) | DiscoveryError::Status(StatusCode::UNAUTHORIZED)) => {
                (Catalog::new(&self.hub, Vec::new()), None)
            }
            Err(error) if self.hub.is_empty() => {
                let remark = format!(
                    "no hubs were found: {error}\nname them with --hub, or use --raw if there are none"
                );
                (Catalog::default(), Some(remark))
            }
            Err(_) => (Catalog::new(&self.hub, Vec::new()), None),
        }
    }
}
