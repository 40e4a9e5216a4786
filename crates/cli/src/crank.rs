//! `heliostat crank`: loads a server and tells what it cost, and whether everything arrived.
//!
//! The engine is a library (`heliostat-crank`); here are only its flags, its progress and the form of its report. Exit codes: 0 all
//! arrived, 1 the run could not be carried out, 2 it was refused, 3 something was lost, doubled, disordered or broken.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{BoolValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use heliostat_crank::{
    Classic, Dialect, Methods, Moment, Pace, Permission, Plan, Report, RunError, Scenario, ServerProcess,
    SocketIo, Target, TransportKind, Waiting, Watch, run,
};

use crate::config::duration::HumaneDuration;

const REFUSED: u8 = 2;
const CONVICTED: u8 = 3;

/// Load a SignalR server, check that everything arrives, and measure what it costs
///
/// Scenarios: idle (connections that are merely there), echo (calls that return their argument), broadcast (messages to all), groups
/// (messages to groups), connect (connections that come and go), storm (all lose their sockets at once and come back), soak (all of
/// it for long). The server needs a hub with the methods of the demo hub LoadHub, see docs/crank.md.
#[derive(Debug, Args)]
pub(crate) struct Crank {
    /// What to do
    #[arg(value_parser = scenarios())]
    scenario: Scenario,

    /// The endpoint to load
    #[arg(default_value = "http://127.0.0.1:5080/signalr", value_name = "URL", value_parser = Target::parse)]
    target: Target,

    /// How many connections receive
    #[arg(long, short = 'n', default_value_t = 100, value_name = "NUMBER")]
    connections: u32,

    /// How the connections receive: webSockets, serverSentEvents, foreverFrame or longPolling
    #[arg(long, default_value = "webSockets", value_name = "NAME", value_parser = TransportKind::parse)]
    transport: TransportKind,

    /// So many messages, calls or connections a second, whatever the server does; storm and soak take 10 by default
    #[arg(long, value_name = "PER SECOND", conflicts_with = "in_flight")]
    rate: Option<f64>,

    /// As fast as possible with so many under way: messages in all, calls per connection, handshakes in all; 1 by default
    #[arg(long, value_name = "NUMBER")]
    in_flight: Option<u32>,

    /// As fast as possible, so many at once in one write, and the next so many when all have arrived
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["rate", "in_flight"])]
    burst: Option<u32>,

    /// Bytes of each message's text
    #[arg(long, default_value_t = 100, value_name = "BYTES")]
    payload: usize,

    /// Into how many groups the connections are spread
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    groups: u32,

    /// How many more connections publish, over WebSockets
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    publishers: u32,

    /// How long to measure
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    duration: HumaneDuration,

    /// How long the same goes on before
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    warm_up: HumaneDuration,

    /// How long the last messages may take before they count as lost
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    patience: HumaneDuration,

    /// Handshakes under way at once while connecting
    #[arg(long, default_value_t = 64, value_name = "NUMBER")]
    connect_at_once: u32,

    /// Threads of the generator; one is enough for most, and leaves the other cores to the server
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    threads: u32,

    /// Never let them sleep: they take their cores whole, and a server on this machine does not pay for waking them
    #[arg(long = "never-sleep", action = ArgAction::SetTrue, value_parser = waiting())]
    waiting: Waiting,

    /// Local addresses to connect from, several with commas; by default as many of 127.0.0.x as needed
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    source: Vec<IpAddr>,

    /// The server's process; by default the one that listens on the port
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Load a host that is not this machine: only if you may
    #[arg(long)]
    i_may_load_this_host: bool,

    /// Print the report as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print the report as a table in Markdown
    #[arg(long)]
    markdown: bool,

    #[command(flatten)]
    names: Names,
}

/// What the hub is called, and its methods
#[derive(Debug, Args)]
#[command(next_help_heading = "The other side")]
struct Names {
    /// Speak Socket.IO over WebSockets instead of SignalR
    #[arg(long)]
    socket_io: bool,

    /// The hub
    #[arg(long, default_value = "LoadHub", value_name = "NAME")]
    hub: String,

    /// Its method that returns its argument
    #[arg(long, default_value = "echo", value_name = "NAME")]
    echo_method: String,

    /// Its method that sends its argument to all
    #[arg(long, default_value = "broadcast", value_name = "NAME")]
    broadcast_method: String,

    /// Its method that puts the caller into the group of that name
    #[arg(long, default_value = "join", value_name = "NAME")]
    join_method: String,

    /// Its method that sends its second argument to the group named by the first
    #[arg(long, default_value = "sendToGroup", value_name = "NAME")]
    group_method: String,
}

fn scenarios() -> impl TypedValueParser<Value = Scenario> {
    let named = |name: String| Scenario::ALL.into_iter().find(|scenario| scenario.as_str() == name);
    PossibleValuesParser::new(Scenario::ALL.map(Scenario::as_str))
        .try_map(move |name| named(name).ok_or("not a scenario"))
}

fn waiting() -> impl TypedValueParser<Value = Waiting> {
    BoolValueParser::new().map(|is_awake| if is_awake { Waiting::Awake } else { Waiting::Asleep })
}

impl Crank {
    /// Carries it out and prints the report.
    pub(crate) fn run(&self) -> ExitCode {
        let mut progress = Progress::new();
        let result = run(&self.plan(), &mut progress);
        progress.clear();
        match result {
            Ok(report) => {
                // Whoever closed the pipe does not want to know.
                let _ = writeln!(std::io::stdout(), "{}", self.form(&report).trim_end());
                if report.verdict.passed { ExitCode::SUCCESS } else { ExitCode::from(CONVICTED) }
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{error}");
                ExitCode::from(if matches!(error, RunError::Plan(_)) { REFUSED } else { 1 })
            }
        }
    }

    fn form(&self, report: &Report) -> String {
        match (self.json, self.markdown) {
            (true, _) => report.to_json(),
            (false, true) => report.to_markdown(),
            (false, false) => report.to_text(),
        }
    }

    fn plan(&self) -> Plan {
        let standard = Plan::new(self.scenario, self.target.clone());
        let pace = self.rate.map(Pace::Rate).or(self.in_flight.map(Pace::InFlight));
        let pace = pace.or(self.burst.map(Pace::Burst)).unwrap_or(standard.pace);
        Plan {
            dialect: self.names.dialect(),
            transport: self.transport,
            connections: self.connections,
            publishers: self.publishers,
            groups: self.groups,
            pace,
            payload: self.payload,
            duration: self.duration.get(),
            warm_up: self.warm_up.get(),
            patience: self.patience.get(),
            connect_at_once: self.connect_at_once,
            threads: self.threads,
            waiting: self.waiting,
            sources: self.source.clone(),
            server: self.pid.map_or(ServerProcess::Find, ServerProcess::Pid),
            permission: if self.i_may_load_this_host {
                Permission::AnyHost
            } else {
                Permission::LoopbackOnly
            },
            ..standard
        }
    }
}

impl Names {
    fn dialect(&self) -> Arc<dyn Dialect> {
        if self.socket_io {
            return Arc::new(SocketIo);
        }
        Arc::new(Classic::new(Methods {
            hub: self.hub.clone(),
            echo: self.echo_method.clone(),
            broadcast: self.broadcast_method.clone(),
            join: self.join_method.clone(),
            send_to_group: self.group_method.clone(),
        }))
    }
}

/// One line on a terminal that is written over and over; nothing anywhere else.
struct Progress {
    is_shown: bool,
    last: Option<(Duration, u64)>,
}

impl Progress {
    fn new() -> Self {
        Self { is_shown: std::io::stderr().is_terminal(), last: None }
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Watch for Progress {
    fn show(&mut self, moment: &Moment) {
        if !self.is_shown {
            return;
        }
        let Moment { phase, elapsed, wanted, connected, delivered, expected, away } = *moment;
        let (since, before) = self.last.replace((elapsed, delivered)).unwrap_or_default();
        let seconds = (elapsed - since).as_secs_f64().max(0.001);
        let rate = u32::try_from(delivered.saturating_sub(before)).map_or(f64::INFINITY, f64::from) / seconds;
        let away = if away > 0 { format!(", {away} away") } else { String::new() };
        let line = format!(
            "{:4.0}s {}: {connected} of {wanted} connected{away}, {delivered} of {expected} delivered, {rate:.0} a second",
            elapsed.as_secs_f64(),
            phase.as_str()
        );
        // As above.
        let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    }
}
