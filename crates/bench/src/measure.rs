//! One turn: a server is started, loaded, and ended.

use std::time::Duration;

use heliostat_crank::{Plan, Quiet, Report, Scenario, ServerProcess, Target, Waiting, run};
use serde::{Deserialize, Serialize};

use crate::{
    cores::Arrangement,
    error::BenchError,
    options::Cores,
    process::{Program, Server},
    row::{Effort, Work},
    subject::Subject,
};

/// A load tool that is later than this is not given its core: latencies are the machine's then.
const TOLERABLE_LATENESS: Duration = Duration::from_millis(5);

/// What a budget is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Figure {
    /// Processor time of the server per delivered message or answered call, in microseconds.
    CpuPerMessage,
    /// The same per connection that came and went.
    CpuPerConnect,
    /// Median latency, in milliseconds.
    P50,
    /// Latency that one in a hundred exceeds, in milliseconds.
    P99,
    /// Private memory, in bytes.
    MemoryPerConnection,
    /// Of one core.
    CpuShare,
    /// Until the last client was back, in seconds.
    AllBackAfter,
}

/// What one turn showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    cpu_per_message: Option<f64>,
    cpu_per_connect: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    memory_per_connection: Option<f64>,
    cpu_share: Option<f64>,
    all_back_after: Option<f64>,
    /// Messages or connections, per second.
    pub(crate) per_second: f64,
    /// Messages that came in one read, on average.
    pub(crate) joined: f64,
    /// Whether the load tool had no time left or none of it in time, so that rate and latency are its own.
    pub(crate) is_tools_limit: bool,
    /// What went wrong.
    pub(crate) findings: Vec<String>,
}

/// Starts `program`, does `work`, and ends it.
pub(crate) fn once(
    program: &Program,
    subject: Subject,
    (work, effort): (&Work, Effort),
    cores: Cores,
) -> Result<Figures, BenchError> {
    let arrangement = Arrangement::of(cores)?;
    let server = arrangement.start(|| Server::start(program))?;
    let plan = plan(work, effort, Target::parse(&subject.url(server.port))?);
    let plan = Plan {
        dialect: subject.dialect(),
        server: ServerProcess::Pid(server.id()),
        waiting: waiting(cores),
        ..plan
    };
    let report =
        run(&plan, &mut Quiet).map_err(|error| BenchError::Run { subject: subject.name(), error })?;
    Ok(Figures::of(&report))
}

/// With a core of its own the load tool never sleeps: otherwise the server pays for waking it, and the slower of two the more often.
const fn waiting(cores: Cores) -> Waiting {
    match cores {
        Cores::Pinned => Waiting::Awake,
        Cores::Free => Waiting::Asleep,
    }
}

/// How the load tool is told to do `work`.
fn plan(work: &Work, effort: Effort, target: Target) -> Plan {
    Plan {
        transport: work.transport,
        connections: work.connections,
        groups: work.groups,
        pace: work.pace,
        payload: work.payload,
        duration: effort.duration,
        warm_up: effort.warm_up,
        ..Plan::new(work.scenario, target)
    }
}

impl Figures {
    fn of(report: &Report) -> Self {
        let server = report.server.as_ref();
        let milliseconds = |latency: Duration| latency.as_secs_f64() * 1e3;
        let connects = report.scenario == Scenario::Connect;
        let rate = if connects { report.connecting.per_second } else { report.messages.per_second };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let joined = report.messages.delivered as f64 / report.messages.reads.max(1) as f64;
        Self {
            cpu_per_message: server.and_then(|server| server.cpu_per_delivery).map(microseconds),
            cpu_per_connect: server.and_then(|server| server.cpu_per_connect).map(microseconds),
            p50: report.latency.as_ref().map(|latency| milliseconds(latency.p50)),
            p99: report.latency.as_ref().map(|latency| milliseconds(latency.p99)),
            memory_per_connection: server
                .and_then(|server| server.memory_per_connection)
                .map(|memory| memory.private.unwrap_or(memory.rss)),
            cpu_share: server.map(|server| server.cpu_share),
            all_back_after: report
                .storm
                .as_ref()
                .and_then(|storm| storm.all_back_after)
                .map(|after| after.as_secs_f64()),
            per_second: rate,
            joined,
            is_tools_limit: report.generator.is_some_and(|generator| generator.saturated)
                || report.lateness.as_ref().is_some_and(|lateness| lateness.p99 > TOLERABLE_LATENESS),
            findings: report.verdict.findings.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) const fn value(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::CpuPerMessage => self.cpu_per_message,
            Figure::CpuPerConnect => self.cpu_per_connect,
            Figure::P50 => self.p50,
            Figure::P99 => self.p99,
            Figure::MemoryPerConnection => self.memory_per_connection,
            Figure::CpuShare => self.cpu_share,
            Figure::AllBackAfter => self.all_back_after,
        }
    }
}

impl Figure {
    pub(crate) const fn is_latency(self) -> bool {
        matches!(self, Self::P50 | Self::P99)
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
impl Figures {
    /// A turn in which every figure is the same.
    pub(crate) fn sample(value: f64) -> Self {
        Self {
            cpu_per_message: Some(value),
            cpu_per_connect: Some(value),
            p50: Some(value),
            p99: Some(value),
            memory_per_connection: Some(value),
            cpu_share: Some(value),
            all_back_after: Some(value),
            per_second: 100.0,
            joined: 1.0,
            is_tools_limit: false,
            findings: Vec::new(),
        }
    }
}
