//! What is to be done to whom, and the bounds within which it is done at all.
//!
//! A load generator is a weapon when it is aimed wrongly. So a plan is checked as a whole before the first socket is opened: the target
//! is this machine unless it was said otherwise, and everything has an upper bound with a name.

use std::{net::IpAddr, sync::Arc, time::Duration};

use heliostat_proto::transport_kind::TransportKind;
use serde::Serialize;

use crate::{
    Target,
    dialect::{Classic, Dialect},
    marker,
};

/// Connections of one run: more than one machine has ports and files for without effort.
pub const MAX_CONNECTIONS: u32 = 250_000;
/// Connections that publish.
pub const MAX_PUBLISHERS: u32 = 1_000;
/// Messages, calls or connections per second.
pub const MAX_RATE: f64 = 1_000_000.0;
/// Messages or calls under way at once.
pub const MAX_IN_FLIGHT: u32 = 10_000;
/// Bytes of a payload: what classic servers accept by default is less.
pub const MAX_PAYLOAD: usize = 1024 * 1024;
/// The longest run: what takes longer is a different question.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);
/// Threads of the generator.
pub const MAX_THREADS: u32 = 64;
/// Groups.
pub const MAX_GROUPS: u32 = 1_000_000;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scenario {
    /// Connections that are merely there.
    Idle,
    /// Calls that return their argument.
    Echo,
    /// Messages to everybody.
    Broadcast,
    /// Messages to groups, each connection being in one.
    Groups,
    /// Connections that come and go.
    Connect,
    /// All connections lose their sockets at once and come back, while messages go on.
    Storm,
    /// Broadcasts, group messages, echoes, and connections that lose their sockets, all at once.
    Soak,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Idle, Self::Echo, Self::Broadcast, Self::Groups, Self::Connect, Self::Storm, Self::Soak];

    /// Its name on the command line and in reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_crank::Scenario;
    ///
    /// let named = |name: &str| Scenario::ALL.into_iter().find(|scenario| scenario.as_str() == name);
    /// assert_eq!(named("storm"), Some(Scenario::Storm));
    /// assert_eq!(named("calm"), None);
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Echo => "echo",
            Self::Broadcast => "broadcast",
            Self::Groups => "groups",
            Self::Connect => "connect",
            Self::Storm => "storm",
            Self::Soak => "soak",
        }
    }

    /// Whether connections lose their sockets on purpose.
    const fn cuts(self) -> bool {
        matches!(self, Self::Storm | Self::Soak)
    }

    /// Whether messages are published, as opposed to calls that answer their caller.
    pub(crate) const fn publishes(self) -> bool {
        matches!(self, Self::Broadcast | Self::Groups | Self::Storm | Self::Soak)
    }
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Pace {
    /// So many per second, whatever the server does (an open loop).
    Rate(f64),
    /// As fast as possible with so many under way (a closed loop).
    InFlight(u32),
    /// So many at once, in one write, and the next so many when all of them have arrived (a closed loop).
    Burst(u32),
}

/// Which process the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProcess {
    /// The one on this machine that listens on the target's port.
    Find,
    /// That one.
    Pid(u32),
    /// Not to be looked at.
    Unknown,
}

/// Whom one may load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// This machine only.
    LoopbackOnly,
    /// The host was named by somebody who may decide that.
    AnyHost,
}

/// What the generator's threads do while there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// They sleep. On the same machine, whoever sends to them then pays for waking them: the more, the slower it is.
    #[default]
    Asleep,
    /// They look again and again, and take their cores whole. A server that has its own then pays for its work alone.
    Awake,
}

/// A run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use heliostat_crank::{Pace, Plan, Scenario, Target, TransportKind};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let target = Target::parse("http://127.0.0.1:5080/signalr")?;
/// let plan = Plan {
///     transport: TransportKind::LongPolling,
///     pace: Pace::Rate(20.0),
///     duration: Duration::from_secs(60),
///     ..Plan::new(Scenario::Groups, target)
/// };
/// plan.check()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done.
    pub scenario: Scenario,
    /// To whom.
    pub target: Target,
    /// In which protocol.
    pub dialect: Arc<dyn Dialect>,
    /// How the connections receive.
    pub transport: TransportKind,
    /// How many connections receive.
    pub connections: u32,
    /// How many more publish, over WebSockets; what they publish to all they receive too.
    pub publishers: u32,
    /// Into how many groups the connections are spread.
    pub groups: u32,
    /// How fast: broadcasts and group messages in all; echoes, with a rate, in all, in flight, per connection; connects in all.
    pub pace: Pace,
    /// Bytes of each payload.
    pub payload: usize,
    /// How long is measured.
    pub duration: Duration,
    /// How long the same goes on before.
    pub warm_up: Duration,
    /// How long the last messages may take, and how long nothing at all may arrive.
    pub patience: Duration,
    /// How many handshakes are under way at once while connecting.
    pub connect_at_once: u32,
    /// Threads of the generator.
    pub threads: u32,
    /// What those do while there is nothing to do.
    pub waiting: Waiting,
    /// Local addresses to connect from; none means as many of 127.0.0.x as needed.
    pub sources: Vec<IpAddr>,
    /// Which process to watch.
    pub server: ServerProcess,
    /// Whether other hosts may be loaded.
    pub permission: Permission,
}

/// Why a plan is not carried out.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Loading a machine that belongs to others is an attack.
    #[error(
        "{host} is not this machine, and a load can do harm; if you may load it, say so (--i-may-load-this-host), otherwise aim at 127.0.0.1"
    )]
    NotLoopback {
        /// The host as it was named.
        host: String,
    },
    /// A number out of its bounds.
    #[error("{name} is {value}; it must be between {least} and {most}")]
    OutOfBounds {
        /// What it is, as the command line calls it.
        name: &'static str,
        /// What it was.
        value: f64,
        /// The least that makes sense.
        least: f64,
        /// The bound.
        most: f64,
    },
    /// The dialect has no such transport.
    #[error("this dialect has no {transport}; it has {}", names(.offered))]
    NoSuchTransport {
        /// What was asked for.
        transport: TransportKind,
        /// What there is.
        offered: &'static [TransportKind],
    },
    /// Clients cannot come back, or nobody could say when messages were due.
    #[error("the scenario {} needs {needed}", .scenario.as_str())]
    Unsuitable {
        /// The scenario.
        scenario: Scenario,
        /// What it cannot do without.
        needed: &'static str,
    },
}

fn names(transports: &[TransportKind]) -> String {
    transports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Plan {
    /// A small run of that scenario against that target: 100 WebSockets, 5 seconds.
    #[must_use]
    pub fn new(scenario: Scenario, target: Target) -> Self {
        let rate = scenario.cuts();
        Self {
            scenario,
            target,
            dialect: Arc::new(Classic::default()),
            transport: TransportKind::WebSockets,
            connections: 100,
            publishers: 1,
            groups: 100,
            pace: if rate { Pace::Rate(10.0) } else { Pace::InFlight(1) },
            payload: 100,
            duration: Duration::from_secs(5),
            warm_up: Duration::from_secs(1),
            patience: Duration::from_secs(5),
            connect_at_once: 64,
            threads: 1,
            waiting: Waiting::default(),
            sources: Vec::new(),
            server: ServerProcess::Find,
            permission: Permission::LoopbackOnly,
        }
    }

    /// Checks the whole of it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_crank::{Permission, Plan, PlanError, Scenario, Target};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = Plan::new(Scenario::Echo, Target::parse("http://192.0.2.1:5080/signalr")?);
    /// assert!(matches!(plan.check(), Err(PlanError::NotLoopback { .. })));
    ///
    /// // Somebody who may decide that has said yes.
    /// let plan = Plan { permission: Permission::AnyHost, ..plan };
    /// assert_eq!(plan.check(), Ok(()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self) -> Result<(), PlanError> {
        if !self.target.is_loopback() && self.permission == Permission::LoopbackOnly {
            return Err(PlanError::NotLoopback { host: self.target.authority().to_owned() });
        }
        self.check_numbers()?;
        let offered = self.dialect.transports();
        if !offered.contains(&self.transport) {
            return Err(PlanError::NoSuchTransport { transport: self.transport, offered });
        }
        let unsuitable = |needed| Err(PlanError::Unsuitable { scenario: self.scenario, needed });
        if self.scenario.cuts() && !self.dialect.comes_back() {
            return unsuitable("a protocol whose clients can come back without loss");
        }
        if self.scenario.cuts() && !matches!(self.pace, Pace::Rate(_)) {
            return unsuitable("a rate (--rate), because who is away cannot say what has arrived");
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), PlanError> {
        let within = |name, value: f64, least: f64, most: f64| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { Err(PlanError::OutOfBounds { name, value, least, most }) }
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53, or refused")]
        let (payload, shortest, longest) =
            (self.payload as f64, marker::SHORTEST_PAYLOAD as f64, MAX_PAYLOAD as f64);
        let publishers = if self.scenario.publishes() { 1.0 } else { 0.0 };
        within("--connections", self.connections.into(), 1.0, MAX_CONNECTIONS.into())?;
        within("--publishers", self.publishers.into(), publishers, MAX_PUBLISHERS.into())?;
        within("--groups", self.groups.into(), 1.0, MAX_GROUPS.into())?;
        within("--payload", payload, shortest, longest)?;
        match self.pace {
            Pace::Rate(rate) => within("--rate", rate, 0.001, MAX_RATE)?,
            Pace::InFlight(count) => within("--in-flight", count.into(), 1.0, MAX_IN_FLIGHT.into())?,
            Pace::Burst(count) => within("--burst", count.into(), 1.0, MAX_IN_FLIGHT.into())?,
        }
        within("--duration", self.duration.as_secs_f64(), 0.1, MAX_DURATION.as_secs_f64())?;
        within("--warm-up", self.warm_up.as_secs_f64(), 0.0, MAX_DURATION.as_secs_f64())?;
        within("--patience", self.patience.as_secs_f64(), 0.1, 3600.0)?;
        within("--connect-at-once", self.connect_at_once.into(), 1.0, MAX_CONNECTIONS.into())?;
        within("--threads", self.threads.into(), 1.0, MAX_THREADS.into())
    }

    /// How many connections publish: none where nothing is published.
    pub(crate) const fn publishing(&self) -> u32 {
        if self.scenario.publishes() { self.publishers } else { 0 }
    }

    /// Whether connections are in groups.
    pub(crate) const fn has_groups(&self) -> bool {
        matches!(self.scenario, Scenario::Groups | Scenario::Soak)
    }

    /// Whether clients keep cursor and groups token.
    pub(crate) fn keeps_place(&self) -> bool {
        self.scenario.cuts() || self.transport == TransportKind::LongPolling
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SocketIo;

    fn plan(scenario: Scenario) -> Plan {
        Plan::new(scenario, Target::parse("http://127.0.0.1:1/signalr").unwrap())
    }

    #[test]
    fn what_is_planned_by_default_is_allowed() {
        for scenario in Scenario::ALL {
            assert_eq!(plan(scenario).check(), Ok(()), "{scenario:?}");
        }
    }

    #[test]
    fn another_machine_is_refused_unless_it_was_said_that_one_may() {
        let target = Target::parse("http://192.0.2.1:80/signalr").unwrap();
        let plan = Plan { target, ..plan(Scenario::Idle) };
        let refusal = plan.check().unwrap_err();
        assert!(matches!(&refusal, PlanError::NotLoopback { host } if host == "192.0.2.1:80"));
        assert!(refusal.to_string().contains("--i-may-load-this-host"));
        assert_eq!(Plan { permission: Permission::AnyHost, ..plan }.check(), Ok(()));
    }

    #[test]
    fn every_number_has_bounds_that_are_told() {
        let refused = |plan: Plan| plan.check().unwrap_err().to_string();
        let base = || plan(Scenario::Broadcast);
        assert!(refused(Plan { connections: 0, ..base() }).contains("--connections is 0"));
        assert!(refused(Plan { connections: u32::MAX, ..base() }).contains("250000"));
        assert!(refused(Plan { payload: 10, ..base() }).contains("between 40 and"));
        assert!(refused(Plan { pace: Pace::Rate(f64::NAN), ..base() }).contains("--rate"));
        assert!(refused(Plan { pace: Pace::InFlight(0), ..base() }).contains("--in-flight"));
        assert!(refused(Plan { pace: Pace::Burst(0), ..base() }).contains("--burst"));
        assert!(refused(Plan { publishers: 0, ..base() }).contains("--publishers"));
        assert!(refused(Plan { duration: Duration::MAX, ..base() }).contains("--duration"));
    }

    #[test]
    fn what_a_scenario_cannot_do_without_is_told() {
        let closed = Plan { pace: Pace::InFlight(1), ..plan(Scenario::Storm) };
        assert!(closed.check().unwrap_err().to_string().contains("--rate"));
        let other = Plan { dialect: Arc::new(SocketIo), ..plan(Scenario::Storm) };
        assert!(matches!(other.check(), Err(PlanError::Unsuitable { .. })));
        let polls = Plan {
            dialect: Arc::new(SocketIo),
            transport: TransportKind::LongPolling,
            ..plan(Scenario::Echo)
        };
        assert!(polls.check().unwrap_err().to_string().contains("it has webSockets"));
    }
}
