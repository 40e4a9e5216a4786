//! When things have to happen, for the recordings that are about time. Their server has a keep-alive of 2 s, a disconnect
//! timeout of 6 s and a connection timeout of 5 s.

use std::ops::RangeInclusive;

use super::{Findings, place};
use crate::{
    delivery::{Delivered, What},
    purpose,
    recording::{Exchange, Recording},
    replay::Replayed,
};

/// Keep-alives come 2 s after the last write, and no more than a heartbeat later.
const KEEP_ALIVE: RangeInclusive<u64> = 1_900..=3_100;

/// An idle poll is answered after 5 s, and no more than a heartbeat later.
const IDLE_POLL: RangeInclusive<u64> = 4_900..=6_100;

/// How long after the loss of its last transport a connection is given up: 6 s, streams a fixed 5 s later, plus a heartbeat.
const GRACE_OF_STREAMS: RangeInclusive<u64> = 10_900..=12_600;
const GRACE_OF_POLLS: RangeInclusive<u64> = 5_900..=7_600;

pub(super) fn compare(recording: &Recording, replayed: &Replayed, findings: &mut Findings) {
    // A recording that is compared with itself has no times for its events.
    let was_replayed = replayed.events.iter().any(|(at, _)| *at > 0);
    if !was_replayed {
        return;
    }
    if recording.name.starts_with("timing/keepalive-") {
        for (index, exchange) in recording.exchanges.iter().enumerate() {
            findings.at(place(index, exchange));
            for actual in replayed.exchanges[index].iter().filter(|actual| purpose::delivers(actual)) {
                keep_alives(actual, findings);
            }
        }
    }
    if recording.name.starts_with("timing/client-vanishes-") || recording.name == "timing/ws-close-handshake"
    {
        findings.at("the end of the connection".to_owned());
        disconnect(replayed, findings);
    }
}

fn keep_alives(actual: &Exchange, findings: &mut Findings) {
    let delivered = Delivered::of(actual);
    let lasted = actual.response.ended_at_ms;
    let idle_poll = purpose::is_long_poll(&actual.request) && lasted > *KEEP_ALIVE.end();
    if idle_poll {
        findings
            .require(IDLE_POLL.contains(&lasted), || format!("the idle poll was answered after {lasted} ms"));
    }
    let mut last = 0;
    let mut count = 0;
    for arrival in &delivered.arrivals {
        if arrival.what == What::KeepAlive {
            count += 1;
            let gap = arrival.at - last;
            findings.require(KEEP_ALIVE.contains(&gap), || {
                format!("a keep-alive came {gap} ms after the last write")
            });
        }
        last = arrival.at;
    }
    let least = lasted / KEEP_ALIVE.end();
    findings
        .require(count >= least, || format!("{count} keep-alives in {lasted} ms, at least {least} are due"));
}

/// The time from the end of the last receive request to `OnDisconnected`.
fn disconnect(replayed: &Replayed, findings: &mut Findings) {
    let exchanges = || replayed.exchanges.iter().flatten();
    let first = exchanges().find(|exchange| purpose::is_stream(&exchange.request));
    let lost = first.or_else(|| exchanges().rfind(|exchange| purpose::is_long_poll(&exchange.request)));
    let event = replayed.events.iter().find(|(_, line)| line.contains(" OnDisconnected "));
    let (Some(lost), Some((at, _))) = (lost, event) else {
        return findings.add("no loss or no OnDisconnected");
    };
    let after = at.saturating_sub(lost.t_ms + lost.response.ended_at_ms);
    let grace = if purpose::is_stream(&lost.request) { GRACE_OF_STREAMS } else { GRACE_OF_POLLS };
    findings.require(grace.contains(&after), || {
        format!("OnDisconnected came {after} ms after the loss, not in {grace:?}")
    });
}
