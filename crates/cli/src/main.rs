//! `heliostat`: a SignalR server in one binary, with demo hubs and pages to try it.
//!
//! The parts from the outside in: `config` (one schema for flags, environment and file), `serve` (start and end in order),
//! `listener` (physical connections), `site` (pages), `demo` (hubs). Exit codes: 0 done, 1 could not serve, 2 refused the
//! configuration.

mod call;
mod config;
mod crank;
mod demo;
mod doctor;
mod file_limit;
mod listener;
mod logging;
mod operations;
mod reach;
mod serve;
mod signals;
mod simulate;
mod site;
mod talk;
mod terminal;

use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use operations::{Connections, TimelineOf};

use config::{ConfigErrors, Configuration, Settings, Threads};

const REFUSED: u8 = 2;

/// Connecting and polling are full of small pieces that come and go in bursts of thousands. This one hands out first what was given back last,
/// which the processor still has at hand (docs/performance.md, "What was chosen by measuring").
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// SignalR for Rust: serves the official clients of ASP.NET SignalR 1.x and 2.x, unchanged
#[derive(Debug, Parser)]
#[command(name = "heliostat", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<Serve>),
    Simulate(simulate::Simulate),
    Crank(Box<crank::Crank>),
    Talk(Box<talk::Talk>),
    Call(Box<call::Call>),
    Doctor(Box<doctor::Doctor>),
    Connections(Connections),
    #[command(name = "timeline")]
    Timeline(TimelineOf),
}

/// Serve SignalR, with demo hubs and pages
///
/// Every setting can be a flag, an environment variable or a key in the file: --keep-alive, HELIOSTAT_KEEP_ALIVE and
/// keep_alive are the same. A flag beats the environment, the environment beats the file.
#[derive(Debug, Args)]
struct Serve {
    /// The settings file, TOML; without it heliostat.toml is read if it exists
    #[arg(long, env = "HELIOSTAT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the configuration, print it with where each value comes from, and do not serve
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let matches = match Arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refused_by_parser(&error),
    };
    match Arguments::from_arg_matches(&matches) {
        Ok(Arguments { command: Command::Serve(serve) }) => match matches.subcommand() {
            Some((_, matches)) => run(&serve, matches),
            None => ExitCode::from(REFUSED),
        },
        Ok(Arguments { command: Command::Simulate(arguments) }) => simulate::run_seeds(&arguments),
        Ok(Arguments { command: Command::Crank(crank) }) => crank.run(),
        Ok(Arguments { command: Command::Talk(talk) }) => run_client(talk.run()),
        Ok(Arguments { command: Command::Call(call) }) => run_client(call.run()),
        Ok(Arguments { command: Command::Doctor(doctor) }) => run_client(doctor.run()),
        Ok(Arguments { command: Command::Connections(connections) }) => told(connections.run()),
        Ok(Arguments { command: Command::Timeline(timeline) }) => told(timeline.run()),
        Err(error) => refused_by_parser(&error),
    }
}

/// What became of a question to a running server.
fn told(result: Result<(), impl std::error::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that talks to a server.
fn run_client(command: impl Future<Output = ExitCode>) -> ExitCode {
    // Only fails if there is a provider already, and any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let code = runtime.block_on(command);
    // Nothing that still waits, a look-up of a name perhaps, matters any more.
    runtime.shutdown_background();
    code
}

fn run(serve: &Serve, matches: &ArgMatches) -> ExitCode {
    let configuration = match Configuration::load(&serve.settings, matches, serve.config.as_deref()) {
        Ok(configuration) => configuration,
        Err(errors) => return refused(&errors),
    };
    if serve.check {
        // Whoever closed the pipe does not want to know.
        let _ = std::io::stdout().write_all(configuration.to_toml().as_bytes());
        return ExitCode::SUCCESS;
    }
    logging::start(&configuration.settings);
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (variable, nearest) in config::unknown_variables(variables) {
        tracing::warn!(variable, nearest, "an environment variable that means nothing here is ignored");
    }
    let runtime = match server_runtime(configuration.settings.threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let result = runtime.block_on(serve::serve(configuration));
    // What is still running was given its time.
    runtime.shutdown_background();
    result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

/// So many threads, or one for each core. A single one is the one that there is anyway: nothing is handed from thread to thread, and the
/// kernel has a cheaper way with the files of a process that has no other.
///
/// Where there are several, one that has nothing more to do lets whoever else wants its core have it before it goes to sleep. A client there
/// gets on with what the server will have to read next, so it wakes up once for many requests.
fn server_runtime(threads: Threads) -> tokio::runtime::Builder {
    let exactly = match threads {
        Threads::Auto => None,
        Threads::Exactly(number) => Some(NonZero::<usize>::from(number)),
    };
    if exactly.or_else(|| std::thread::available_parallelism().ok()).is_some_and(|all| all.get() == 1) {
        return tokio::runtime::Builder::new_current_thread();
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(number) = exactly {
        runtime.worker_threads(number.get());
    }
    runtime.on_thread_park(std::thread::yield_now);
    runtime
}

/// Help and version are answers, not refusals; the parser knows their exit codes.
fn refused_by_parser(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some(errors) = config::bad_value(error, &arguments) {
        return refused(&errors);
    }
    // As above: nobody is left to tell.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(REFUSED))
}

fn refused(errors: &ConfigErrors) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{errors}");
    ExitCode::from(REFUSED)
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
