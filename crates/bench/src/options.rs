//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

/// Measures Heliostat against its budgets.
///
/// Exit code 0: every measured row keeps its budget; 2: one does not, or could not be judged; 1: something could not be measured.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// The rows to measure, by name or by the beginning of it; none means all of the budget table
    pub(crate) rows: Vec<String>,
    /// Say which rows there are, and end
    #[arg(long)]
    pub(crate) list: bool,
    /// Measure briefly: enough to see a change of a fifth
    #[arg(long)]
    pub(crate) quick: bool,
    /// On which cores server and load run
    #[arg(long, value_enum, default_value = "pinned")]
    pub(crate) cores: CoresOption,
    /// How often each side is measured; otherwise as the row and the effort say
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeats: Option<u32>,
    /// Print the tables of docs/performance.md at the end
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write everything that was measured to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Measure nothing, but judge together what --json wrote in several runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "repeats", "heliostat", "cores"])]
    pub(crate) pool: Vec<PathBuf>,
    /// The server's binary; otherwise the one of this repository is built
    #[arg(long, value_name = "FILE")]
    pub(crate) heliostat: Option<PathBuf>,
}

/// Which arrangements to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoresOption {
    /// The server alone on one core, the load on another.
    Pinned,
    /// Wherever the kernel puts them.
    Free,
    /// One after the other.
    Both,
}

/// On which cores server and load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cores {
    Pinned,
    Free,
}

impl CoresOption {
    pub(crate) const fn arrangements(self) -> &'static [Cores] {
        match self {
            Self::Pinned => &[Cores::Pinned],
            Self::Free => &[Cores::Free],
            Self::Both => &[Cores::Pinned, Cores::Free],
        }
    }
}
