//! Why nothing could be measured, and what helps.

use std::{io, path::PathBuf, process::ExitStatus};

use heliostat_crank::{RunError, TargetError};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("no row is called {asked:?} or begins so; there are: {known}")]
    NoSuchRow { asked: String, known: String },
    #[error("{what} could not be built ({status}); the compiler's words are above")]
    NotBuilt { what: &'static str, status: ExitStatus },
    #[error("{program} could not be started: {error}; is it installed, and may it be executed?")]
    NotStarted { program: String, error: io::Error },
    #[error("{program} has ended before it listened ({status}); its own words are above")]
    EndedEarly { program: String, status: ExitStatus },
    #[error(
        "{program} does not listen on port {port} after {seconds} s; the machine may be too busy to measure on"
    )]
    NotListening { program: String, port: u16, seconds: u64 },
    #[error("there is no free port on 127.0.0.1: {0}")]
    NoPort(io::Error),
    #[error("server and load cannot be put on cores of their own: {0}; use --cores free")]
    NotPinned(io::Error),
    #[error("this machine has one core; server and load need one each, so use --cores free")]
    OneCore,
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the load on {subject} could not be run: {error}")]
    Run { subject: &'static str, error: RunError },
    #[error("{path:?} cannot be written: {error}")]
    NotWritten { path: PathBuf, error: io::Error },
    #[error("{path:?} cannot be read: {error}")]
    NotRead { path: PathBuf, error: io::Error },
    #[error("{path:?} is not what --json of this version writes: {error}")]
    NotMeasured { path: PathBuf, error: serde_json::Error },
    #[error("these files hold none of the rows that were asked for; name others, such as scale or peer")]
    NothingKept,
    #[error("standard output cannot be written: {0}")]
    NobodyListens(io::Error),
    #[error("this program does not know where it lies itself: {0}; name the server with --heliostat")]
    Homeless(io::Error),
}
