//! The servers' programs: built when they are ours, looked for when they are not.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{error::BenchError, options::Options, process::Program, row::Row, subject::Subject};

/// Where the repository is: this program is only ever run out of it.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where each program lies.
#[derive(Debug)]
pub(crate) struct Programs {
    heliostat: PathBuf,
    bare: PathBuf,
    socketioxide: PathBuf,
    node_server: PathBuf,
}

impl Programs {
    /// Builds what `rows` need and this repository has.
    pub(crate) fn prepare(options: &Options, rows: &[Row]) -> Result<Self, BenchError> {
        let mine = std::env::current_exe().map_err(BenchError::Homeless)?;
        let release = mine.parent().unwrap_or(Path::new(".")).to_owned();
        let target = release.parent().unwrap_or(&release).to_owned();
        let root = Path::new(ROOT);
        let programs = Self {
            heliostat: options.heliostat.clone().unwrap_or_else(|| release.join("heliostat")),
            bare: release.join("bare"),
            socketioxide: root.join("benches/peers/socketioxide/target/release/peer-socketioxide"),
            node_server: root.join("benches/peers/node/server.js"),
        };
        build("the yardstick", "heliostat-bare", &target)?;
        let needs_ours = rows.iter().flat_map(Row::sides).any(|(subject, _)| subject == Subject::Heliostat);
        if needs_ours && options.heliostat.is_none() {
            build("the server", "heliostat-cli", &target)?;
        }
        Ok(programs)
    }

    /// How to start `subject`; none if it is not installed.
    pub(crate) fn find(&self, subject: Subject) -> Option<Program> {
        let (path, mut arguments) = match subject {
            Subject::Heliostat => (self.heliostat.clone(), Vec::new()),
            Subject::Bare | Subject::BareJoining | Subject::BareTokio => (self.bare.clone(), Vec::new()),
            Subject::Socketioxide => (self.socketioxide.clone(), Vec::new()),
            Subject::SocketIo => (PathBuf::from("node"), vec![self.node_server.display().to_string()]),
        };
        let is_there = match subject {
            Subject::Heliostat | Subject::Bare | Subject::BareJoining | Subject::BareTokio => true,
            Subject::Socketioxide => path.exists(),
            Subject::SocketIo => self.node_server.with_file_name("node_modules").join("socket.io").exists(),
        };
        arguments.extend(subject.arguments());
        is_there.then_some(Program { path, arguments })
    }
}

/// What helps when a peer is not there.
pub(crate) const fn how_to_install(subject: Subject) -> &'static str {
    match subject {
        Subject::Heliostat | Subject::Bare | Subject::BareJoining | Subject::BareTokio => "it is built here",
        Subject::Socketioxide | Subject::SocketIo => "not installed; benches/peers/install does that",
    }
}

fn build(what: &'static str, package: &str, target: &Path) -> Result<(), BenchError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(["build", "--release", "--quiet", "--package", package, "--target-dir"])
        .arg(target)
        .current_dir(ROOT)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| BenchError::NotStarted { program: "cargo".to_owned(), error })?;
    if status.success() { Ok(()) } else { Err(BenchError::NotBuilt { what, status }) }
}
