//! From what was counted and seen to the figures of a report.

use std::time::Duration;

use crate::{
    Connecting, GeneratorUse, Integrity, Latency, MemoryPerConnection, Messages, Pace, Plan, Report,
    Scenario, ServerUse, Storm, Waiting,
    latency::Record,
    process::Sample,
    run::Looks,
    shared::Shared,
    verdict::{self, Purpose, Verdict},
    worker::{Outcome, Tally},
};

/// With more of its threads' time used than this the generator was the limit.
const SATURATED: f64 = 0.9;

/// Counters and processes at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    now: u64,
    server: Option<Sample>,
    generator: Option<Sample>,
    connected: u64,
    messages: Messages,
}

impl Look {
    pub(crate) fn at(shared: &Shared, server: Option<Sample>, generator: Option<Sample>) -> Self {
        let counters = &shared.counters;
        let messages = Messages {
            published: counters.published.value(),
            delivered: counters.delivered.value(),
            calls: counters.calls.value(),
            failed_calls: counters.failed_calls.value(),
            received_bytes: counters.bytes.value(),
            reads: counters.reads.value(),
            per_second: 0.0,
        };
        Self { now: shared.now(), server, generator, connected: counters.connected.value(), messages }
    }

    fn since(&self, earlier: &Self) -> Duration {
        Duration::from_nanos(self.now.saturating_sub(earlier.now))
    }
}

/// All that a report is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) shared: &'a Shared,
    pub(crate) looks: &'a Looks,
    pub(crate) outcomes: &'a [Outcome],
    pub(crate) pid: Option<u32>,
}

pub(crate) fn report(evidence: &Evidence<'_>) -> Report {
    let plan = evidence.plan;
    let measured = evidence.measured();
    let (connecting, messages, integrity) =
        (evidence.connecting(), evidence.messages(), evidence.integrity());
    let storm = evidence.storm();
    let exchanges = !matches!(plan.scenario, Scenario::Idle | Scenario::Connect);
    let open_loop = matches!(plan.pace, Pace::Rate(_));
    let verdict = Verdict::on(&verdict::Evidence {
        connecting: &connecting,
        messages: &messages,
        integrity: &integrity,
        storm: storm.as_ref(),
        purpose: if exchanges { Purpose::Exchange } else { Purpose::Connections },
    });
    Report {
        scenario: plan.scenario,
        target: plan.target.to_string(),
        transport: plan.transport,
        connections: plan.connections,
        publishers: plan.publishing(),
        groups: plan.has_groups().then_some(plan.groups),
        pace: plan.pace,
        payload: plan.payload,
        measured,
        open_loop,
        latency: evidence.latency(|tally| &tally.latency),
        lateness: evidence.latency(|tally| &tally.lateness).filter(|_| open_loop),
        server: evidence.server(&connecting),
        generator: evidence.generator(),
        connecting,
        messages,
        integrity,
        storm,
        verdict,
    }
}

impl Evidence<'_> {
    fn measured(&self) -> Duration {
        self.looks.measured_until.since(&self.looks.measured_from)
    }

    fn latency(&self, which: impl Fn(&Tally) -> &Record) -> Option<Latency> {
        let mut all = Record::new();
        self.outcomes.iter().for_each(|outcome| all.add(which(&outcome.tally)));
        Some(all.latency()).filter(|latency| latency.count > 0)
    }

    fn sum(&self, which: impl Fn(&Tally) -> u64) -> u64 {
        self.outcomes.iter().map(|outcome| which(&outcome.tally)).sum()
    }

    fn connecting(&self) -> Connecting {
        let counters = &self.shared.counters;
        let (connected, failed) = (counters.connected.value(), counters.not_connected.value());
        let Looks { before, connected: after, measured_from, measured_until } = self.looks;
        let turns_over = self.plan.scenario == Scenario::Connect;
        let (took, in_it) = if turns_over {
            (self.measured(), measured_until.connected - measured_from.connected)
        } else {
            (after.since(before), connected)
        };
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Connecting {
            wanted: narrow(connected + failed),
            connected: narrow(connected),
            failed: narrow(failed),
            failure: self.shared.failure().filter(|_| failed > 0),
            took,
            per_second: per_second(in_it, took),
            latency: self.latency(|tally| &tally.connecting).unwrap_or_default(),
        }
    }

    fn messages(&self) -> Messages {
        let (from, until) = (&self.looks.measured_from.messages, &self.looks.measured_until.messages);
        let delivered = until.delivered - from.delivered;
        Messages {
            published: until.published - from.published,
            delivered,
            calls: until.calls - from.calls,
            // One is one too many, whenever it was.
            failed_calls: self.shared.counters.failed_calls.value(),
            per_second: per_second(delivered, self.measured()),
            received_bytes: until.received_bytes - from.received_bytes,
            reads: until.reads - from.reads,
        }
    }

    fn integrity(&self) -> Integrity {
        let counters = &self.shared.counters;
        Integrity {
            expected: counters.expected.value(),
            received: counters.delivered.value(),
            lost: self.outcomes.iter().map(|outcome| outcome.lost).sum(),
            duplicates: self.sum(|tally| tally.duplicates),
            out_of_order: self.sum(|tally| tally.out_of_order),
            misdelivered: self.sum(|tally| tally.misdelivered),
            malformed: self.sum(|tally| tally.malformed),
            broken_connections: counters.broken.value(),
        }
    }

    fn storm(&self) -> Option<Storm> {
        let counters = &self.shared.counters;
        let (cut, back) = (counters.cut.value(), counters.back.value());
        let cut_at = self.shared.moments.cut_at.load(std::sync::atomic::Ordering::Acquire);
        let last_back = self.outcomes.iter().map(|outcome| outcome.tally.last_back).max().unwrap_or_default();
        let took = last_back.checked_sub(cut_at).filter(|_| back >= cut);
        (cut > 0).then(|| Storm {
            cut,
            back,
            all_back_after: took.map(Duration::from_nanos),
            latency: self.latency(|tally| &tally.returning).unwrap_or_default(),
            retries: counters.retries.value(),
        })
    }

    fn server(&self, connecting: &Connecting) -> Option<ServerUse> {
        let Looks { before, connected, measured_from, measured_until } = self.looks;
        let (first, last) = (before.server?, measured_until.server?);
        let cpu = last.cpu.since(&measured_from.server?.cpu);
        let cpu_time = last.cpu_since(&measured_from.server?);
        let turns_over = self.plan.scenario == Scenario::Connect;
        let (connect_cpu, connects) = if turns_over {
            (cpu_time, measured_until.connected - measured_from.connected)
        } else {
            (connected.server?.cpu_since(&first), connecting.connected.into())
        };
        let delivered = measured_until.messages.delivered - measured_from.messages.delivered;
        Some(ServerUse {
            pid: self.pid?,
            cpu,
            cpu_time,
            cpu_share: share(cpu_time, self.measured()),
            cpu_per_delivery: each(cpu_time, delivered),
            cpu_per_connect: each(connect_cpu, connects),
            before: first.memory,
            after: last.memory,
            memory_per_connection: (!turns_over).then(|| per_connection(&first, &last, connecting.connected)),
            open_files: last.open_files,
        })
    }

    fn generator(&self) -> Option<GeneratorUse> {
        let Looks { measured_from, measured_until, .. } = self.looks;
        let cpu = measured_until.generator?.cpu.since(&measured_from.generator?.cpu);
        let cpu_share =
            share(measured_until.generator?.cpu_since(&measured_from.generator?), self.measured());
        let sleeps = self.plan.waiting == Waiting::Asleep;
        let saturated = sleeps && cpu_share > SATURATED * f64::from(self.plan.threads);
        Some(GeneratorUse { cpu, cpu_share, saturated })
    }
}

fn per_connection(before: &Sample, after: &Sample, connections: u32) -> MemoryPerConnection {
    let connections = f64::from(connections.max(1));
    #[expect(clippy::cast_precision_loss, reason = "sizes of real memories are far below 2^53")]
    let growth = |before: u64, after: u64| (after as f64 - before as f64) / connections;
    let both = |before: Option<u64>, after: Option<u64>| Some(growth(before?, after?));
    MemoryPerConnection {
        rss: growth(before.memory.rss, after.memory.rss),
        pss: both(before.memory.pss, after.memory.pss),
        private: both(before.memory.private, after.memory.private),
    }
}

/// Nothing per nothing is no figure.
fn each(whole: Duration, count: u64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "a rounding error of one in 2^53 is no error here")]
    (count > 0).then(|| Duration::from_secs_f64(whole.as_secs_f64() / count as f64))
}

#[expect(clippy::cast_precision_loss, reason = "likewise")]
fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}
