//! A load generator for SignalR servers that checks what it measures.
//!
//! Every message bears its stream, its number and the moment at which it was due, so that what arrives is counted, timed and held
//! against what had to arrive: a server that is fast because it drops something is convicted, not praised. Latencies count from the
//! moment a message was *due*, not from the moment a busy generator got round to sending it.
//!
//! The generator often shares a machine with the server it loads, so it is frugal: threads with an event loop each, no tasks, no
//! copies of what it reads, and a search for a mark instead of a parser.
//!
//! # Examples
//!
//! ```no_run
//! use heliostat_crank::{Pace, Plan, Quiet, Scenario, Target, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = Target::parse("http://127.0.0.1:5080/signalr")?;
//! let plan = Plan { connections: 1_000, pace: Pace::Rate(50.0), ..Plan::new(Scenario::Broadcast, target) };
//! let report = run(&plan, &mut Quiet)?;
//! assert!(report.verdict.passed, "{:?}", report.verdict.findings);
//! # Ok(())
//! # }
//! ```

mod dialect;
mod files;
mod latency;
mod ledger;
mod marker;
mod pacer;
mod plan;
mod process;
mod progress;
mod report;
mod run;
mod shared;
mod sources;
mod summary;
mod target;
mod text;
mod verdict;
mod wire;
mod worker;

pub use dialect::{Asking, Call, Classic, Dialect, Heard, Methods, Opening, Session, SocketIo};
pub use files::TooFewFiles;
pub use heliostat_proto::transport_kind::TransportKind;
pub use latency::Latency;
pub use plan::{
    MAX_CONNECTIONS, MAX_DURATION, MAX_GROUPS, MAX_IN_FLIGHT, MAX_PAYLOAD, MAX_PUBLISHERS, MAX_RATE,
    MAX_THREADS, Pace, Permission, Plan, PlanError, Scenario, ServerProcess, Waiting,
};
pub use process::{Cpu, Memory};
pub use progress::{Edge, Moment, Quiet, Watch};
pub use report::{
    Connecting, GeneratorUse, Integrity, MemoryPerConnection, Messages, Report, ServerUse, Storm,
};
pub use run::{RunError, run};
pub use shared::Phase;
pub use target::{Target, TargetError};
pub use verdict::{Finding, Verdict};
pub use wire::{
    WireError,
    request::{Request, UPGRADE},
};
