//! Whether the budgets are kept: every row of the table in docs/performance.md, measured.
//!
//! For each row the server and its yardstick are started, loaded and stopped in turns (A B A B …), and the median of the ratios is
//! judged. What is compared is the processor time of the server's process: unlike rates and latencies it hardly depends on what else
//! the machine does. Everything is on loopback, and every run is bounded.

mod cores;
mod error;
mod measure;
mod options;
mod outcome;
mod pool;
mod process;
mod programs;
mod render;
mod row;
mod statistics;
mod subject;
mod table;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use error::BenchError;
use options::{Cores, Options};
use outcome::{Outcome, Side};
use programs::Programs;
use row::Row;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(outcomes) if outcomes.iter().all(Outcome::is_kept) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(2),
        Err(error) => {
            // If nobody reads the reason, the exit code still says it.
            let _ = writeln!(io::stderr(), "heliostat-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Vec<Outcome>, BenchError> {
    let rows = table::chosen(&options.rows)?;
    if options.list {
        write_out(&render::list(&rows))?;
        return Ok(Vec::new());
    }
    let outcomes =
        if options.pool.is_empty() { measure_all(&rows, options)? } else { pool_all(&rows, options)? };
    if options.markdown {
        write_out(&render::markdown(&outcomes))?;
    }
    if let Some(path) = &options.json {
        let text = render::json(&outcomes);
        std::fs::write(path, text).map_err(|error| BenchError::NotWritten { path: path.clone(), error })?;
    }
    Ok(outcomes)
}

fn measure_all(rows: &[Row], options: &Options) -> Result<Vec<Outcome>, BenchError> {
    let programs = Programs::prepare(options, rows)?;
    let mut outcomes = Vec::new();
    for cores in options.cores.arrangements() {
        for row in rows {
            let outcome = measure(row, *cores, options, &programs)?;
            write_out(&render::line(&outcome))?;
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

fn pool_all(rows: &[Row], options: &Options) -> Result<Vec<Outcome>, BenchError> {
    let outcomes = pool::read(&options.pool, rows)?;
    for outcome in &outcomes {
        write_out(&render::line(outcome))?;
    }
    Ok(outcomes)
}

/// Measures a row in turns, so that what the machine does meanwhile hits both sides alike.
fn measure(row: &Row, cores: Cores, options: &Options, programs: &Programs) -> Result<Outcome, BenchError> {
    let effort = row.effort(options);
    let mut outcome = Outcome::new(row, cores);
    for _ in 0..effort.repeats {
        for (side, (subject, work)) in [Side::Ours, Side::Theirs].into_iter().zip(row.sides()) {
            let Some(program) = programs.find(subject) else {
                outcome.skip(programs::how_to_install(subject).to_owned());
                return Ok(outcome);
            };
            match measure::once(&program, subject, (work, effort), cores) {
                Ok(figures) => outcome.add(side, figures),
                // The other rows may well be measured.
                Err(error @ BenchError::Run { .. }) => {
                    outcome.fail(error.to_string());
                    return Ok(outcome);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(outcome)
}

fn write_out(text: &str) -> Result<(), BenchError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(BenchError::NobodyListens)
}
