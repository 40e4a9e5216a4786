//! What a simulation may do, and what a seed makes of it.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use heliostat_bus::Limits;
use heliostat_proto::connection::client::ClientSettings;
use heliostat_proto::connection::{KeepAlive, Timeouts};
use heliostat_proto::transport_kind::TransportKind;

use crate::world::Settings;

/// How large a simulation is. Everything else (timeouts, transports, clocks, which faults when) a seed decides.
///
/// ```
/// use heliostat_simulation::Plan;
///
/// let plan = Plan { clients: 8, ..Plan::default() };
/// let report = heliostat_simulation::simulate(1, &plan).unwrap();
/// assert!(report.delivered > 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// At most so many clients.
    pub clients: usize,
    /// At most so many servers.
    pub servers: usize,
    /// For so long things go wrong; then everything works, and what was broken must come to rest.
    pub storm: Duration,
    /// So much time lies between two faults, in the middle.
    pub between_faults: Duration,
}

impl Default for Plan {
    /// Up to four clients and three servers, two minutes of storm, something new every 400 milliseconds.
    fn default() -> Self {
        Self {
            clients: 4,
            servers: 3,
            storm: Duration::from_secs(120),
            between_faults: Duration::from_millis(400),
        }
    }
}

impl Plan {
    pub(crate) fn settings(&self, seed: u64) -> Settings {
        let mut random = Rng::with_seed(seed ^ 0x5EED_0F5E_ED00);
        let timeouts = timeouts(&mut random);
        let servers = random.usize(1..=self.servers.max(1));
        let clients = random.usize(1..=self.clients.max(1));
        let skewed = random.bool();
        let rate = |random: &mut Rng| if skewed { random.u64(980..=1020) } else { 1000 };
        Settings {
            client: client(&mut random),
            limits: limits(&mut random),
            latency: Duration::from_millis(random.choice([1, 20, 80, 300]).unwrap_or(20)),
            repeats: if random.bool() { 50 } else { 0 },
            strays: if random.u32(0..4) == 0 { 20 } else { 0 },
            logs_die: servers == 1 && random.bool(),
            client_rates: (0..clients).map(|_| rate(&mut random)).collect(),
            server_rates: (0..servers).map(|_| rate(&mut random)).collect(),
            timeouts: Arc::new(timeouts),
        }
    }
}

/// Short ones, so that much can happen in a minute.
fn timeouts(random: &mut Rng) -> Timeouts {
    let seconds = Duration::from_secs;
    let disconnect = seconds(random.u64(6..=9));
    let connection = seconds(random.u64(4..=15));
    let pause = seconds(random.u64(0..=4).saturating_sub(3));
    let keep_alive = if random.u32(0..5) == 0 { KeepAlive::Off } else { KeepAlive::Every(seconds(2)) };
    let timeouts = Timeouts::new(disconnect)
        .and_then(|timeouts| timeouts.with_keep_alive(keep_alive))
        .and_then(|timeouts| timeouts.with_connection(connection))
        .and_then(|timeouts| timeouts.with_long_poll_delay(pause));
    timeouts.unwrap_or_default()
}

fn client(random: &mut Rng) -> ClientSettings {
    let mut settings = ClientSettings::default();
    // Every other simulation has all its clients on one transport.
    if random.bool()
        && let Some(kind) = random.choice(TransportKind::ALL)
    {
        settings.transports = vec![kind];
    }
    settings
}

fn limits(random: &mut Rng) -> Limits {
    match random.u32(0..3) {
        // So little that slow readers lose messages, which must be reported.
        0 => Limits { topic_messages: 32, total_bytes: 64 << 10, idle_topics: 4, ..Limits::default() },
        _ => Limits::default(),
    }
}
