//! What a run has found: every figure with what it means, and a verdict.
//!
//! All durations are written as seconds, all sizes as bytes. Figures are of the *measured* part, unless they say otherwise; what was
//! lost, doubled or disordered counts from the first message to the last.

use std::time::Duration;

use heliostat_proto::transport_kind::TransportKind;
use serde::{Serialize, Serializer};

use crate::{Cpu, Latency, Memory, Pace, Scenario, Verdict};

/// The whole report.
///
/// # Examples
///
/// ```
/// use heliostat_crank::Report;
///
/// /// For the run after the next change to be held against.
/// fn keep(report: &Report) -> std::io::Result<()> {
///     std::fs::write("baseline.json", report.to_json())
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub scenario: Scenario,
    /// To whom.
    pub target: String,
    /// How the connections received.
    #[serde(serialize_with = "name")]
    pub transport: TransportKind,
    /// How many were wanted, publishers not included.
    pub connections: u32,
    /// How many more published.
    pub publishers: u32,
    /// Groups, where there are any.
    pub groups: Option<u32>,
    /// How fast.
    pub pace: Pace,
    /// Bytes of each payload.
    pub payload: usize,
    /// How long was measured.
    #[serde(serialize_with = "seconds")]
    pub measured: Duration,
    /// Whether latencies count from a schedule that did not wait for the server.
    pub open_loop: bool,
    /// The handshakes.
    pub connecting: Connecting,
    /// The messages.
    pub messages: Messages,
    /// From due to received.
    pub latency: Option<Latency>,
    /// How late the generator itself was.
    pub lateness: Option<Latency>,
    /// What became of every message.
    pub integrity: Integrity,
    /// What it cost the server.
    pub server: Option<ServerUse>,
    /// What it cost the generator.
    pub generator: Option<GeneratorUse>,
    /// How all came back.
    pub storm: Option<Storm>,
    /// Whether all is as it must be.
    pub verdict: Verdict,
}

/// Handshakes: negotiate, connect, start, and joining a group.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Connecting {
    /// How many were wanted; of `connect`, how many were begun.
    pub wanted: u32,
    /// How many succeeded.
    pub connected: u32,
    /// How many did not.
    pub failed: u32,
    /// Why the first of them did not.
    pub failure: Option<String>,
    /// How long all took together; of `connect`, how long was measured.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// How many per second; of `connect`, in the measured part.
    pub per_second: f64,
    /// How long each took.
    pub latency: Latency,
}

/// Messages and calls of the measured part.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Messages {
    /// Broadcasts and group messages that were sent.
    pub published: u64,
    /// Messages that arrived, once for each receiver; of `echo`, the answers.
    pub delivered: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that the server failed.
    pub failed_calls: u64,
    /// Deliveries per second.
    pub per_second: f64,
    /// Bytes read by the connections.
    pub received_bytes: u64,
    /// Reads in which they came: fewer than deliveries means that they came together.
    pub reads: u64,
}

/// What became of every message of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Integrity {
    /// Deliveries that had to happen.
    pub expected: u64,
    /// Those that did.
    pub received: u64,
    /// Those that did not, by the numbers that are missing.
    pub lost: u64,
    /// Messages that came again.
    pub duplicates: u64,
    /// Messages that came after a later one of their stream.
    pub out_of_order: u64,
    /// Messages to a connection they were not meant for.
    pub misdelivered: u64,
    /// Texts of a sample that were not well formed.
    pub malformed: u64,
    /// Connections that the server, or the network, broke.
    pub broken_connections: u64,
}

/// What the work cost the server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerUse {
    /// Its process.
    pub pid: u32,
    /// Processor time in the measured part, in ticks of 10 ms.
    pub cpu: Cpu,
    /// Both together, to the nanosecond where the system tells.
    #[serde(serialize_with = "seconds")]
    pub cpu_time: Duration,
    /// As a share of one core.
    pub cpu_share: f64,
    /// Per message that arrived.
    #[serde(serialize_with = "maybe_seconds")]
    pub cpu_per_delivery: Option<Duration>,
    /// Per handshake, over the whole time of connecting; of `connect`, per connection that came and went.
    #[serde(serialize_with = "maybe_seconds")]
    pub cpu_per_connect: Option<Duration>,
    /// Before the first connection.
    pub before: Memory,
    /// At the end, with all connections open.
    pub after: Memory,
    /// The difference per connection; none where connections come and go.
    pub memory_per_connection: Option<MemoryPerConnection>,
    /// At the end.
    pub open_files: Option<u64>,
}

/// What one connection costs, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MemoryPerConnection {
    /// Of what is in memory.
    pub rss: f64,
    /// Of its share; `None` if the system does not tell.
    pub pss: Option<f64>,
    /// Of what nobody else uses; likewise.
    pub private: Option<f64>,
}

/// What the work cost the generator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GeneratorUse {
    /// Processor time in the measured part.
    pub cpu: Cpu,
    /// As a share of one core.
    pub cpu_share: f64,
    /// Whether it had no time left, so that rates and latencies are its own. One that [never sleeps](crate::Waiting::Awake) cannot tell by
    /// its time; whether it was late still shows.
    pub saturated: bool,
}

/// Sockets that were cut, and their return.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Storm {
    /// Connections that lost their socket on purpose.
    pub cut: u64,
    /// Those that came back.
    pub back: u64,
    /// How long until the last was back; of `storm` only.
    #[serde(serialize_with = "maybe_seconds")]
    pub all_back_after: Option<Duration>,
    /// From the cut to being back.
    pub latency: Latency,
    /// Attempts that had to be repeated.
    pub retries: u64,
}

pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn maybe_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

fn name<S: Serializer>(transport: &TransportKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(transport.as_str())
}

impl Report {
    /// The report as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers and texts only: nothing that JSON could not hold.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
