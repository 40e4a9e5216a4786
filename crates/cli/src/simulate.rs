//! `heliostat simulate`: lets a doubter run any number of fault schedules against the real state machines and the real bus.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Instant,
};

use clap::Args;
use heliostat_simulation::{Plan, run, simulate};

/// Run seeded fault schedules against the lifetime machines and the bus, and stop at the first broken promise
///
/// Each seed is one storm: clients, servers, clocks and timeouts, and what the network does to them. The same seed is the same storm.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// How many seeds to run
    #[arg(long, default_value_t = 10_000, value_name = "NUMBER")]
    seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,

    /// How many threads to run them on; by default, one for each core
    #[arg(long, value_name = "NUMBER")]
    threads: Option<usize>,
}

pub(crate) fn run_seeds(arguments: &Simulate) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.unwrap_or(cores).max(1);
    let began = Instant::now();
    let shows_progress = std::io::stderr().is_terminal();
    let progress = |done: u64| {
        if shows_progress && done.is_multiple_of(1000) {
            // Whoever closed the terminal does not want to know.
            let _ = write!(std::io::stderr(), "\r{done} of {}", arguments.seeds);
        }
    };
    let result = run((arguments.seeds, arguments.from), threads, progress);
    if shows_progress {
        let _ = write!(std::io::stderr(), "\r");
    }
    let mut out = std::io::stdout();
    match result {
        Ok(report) => {
            let took = began.elapsed();
            let _ = writeln!(
                out,
                "{} seeds from {} kept every promise, in {took:.1?}",
                arguments.seeds, arguments.from
            );
            let counts = [
                ("steps", report.steps),
                ("SignalR connections", report.connections),
                ("transport connections", report.transports),
                ("reconnects", report.reconnects),
                ("timeouts", report.timeouts),
                ("silences of half-open WebSockets", report.silences),
                ("messages published", report.published),
                ("messages delivered", report.delivered),
                ("gaps reported", report.gaps),
            ];
            for (what, count) in counts {
                let _ = writeln!(out, "{count:>14} {what}");
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _ = writeln!(out, "{failure}");
            let again = simulate(failure.seed, &Plan::default()).is_err();
            let happens =
                if again { "it happens again" } else { "it did not happen again, which is a bug of its own" };
            let seed = failure.seed;
            let _ = writeln!(out, "run alone ({happens}): heliostat simulate --seeds 1 --from {seed}");
            ExitCode::FAILURE
        }
    }
}
