//! Whether the timeouts that the server tells its clients make sense together and on the internet.

use std::time::Duration;

use super::finding::Finding;
use super::terms::Terms;
use super::time::{milliseconds, spoken};

const CHECK: &str = "settings";

/// Proxies commonly cut what is quiet for a minute.
const COMMON_IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Below this a phone that changes its network is gone for good.
const SHORT_DISCONNECT: Duration = Duration::from_secs(10);

/// Above this the server keeps much for clients that will not come back.
const LONG_DISCONNECT: Duration = Duration::from_secs(300);

pub(super) fn findings(terms: &Terms) -> Vec<Finding> {
    let mut findings = vec![summary(terms)];
    findings.extend(missing(terms));
    findings.extend(keep_alive(terms));
    match terms.disconnect_timeout {
        Some(timeout) if timeout < SHORT_DISCONNECT => findings.push(
            Finding::note(
                CHECK,
                format!(
                    "a client that is away for {} is given up: a phone that changes \
                     its network may be gone by then",
                    spoken(timeout)
                ),
            )
            .fix("raise the disconnect timeout; 30 s is the default of SignalR"),
        ),
        Some(timeout) if timeout > LONG_DISCONNECT => findings.push(
            Finding::note(
                CHECK,
                format!(
                    "a client that vanished counts as connected for \
                     {}",
                    spoken(timeout)
                ),
            )
            .fix("lower the disconnect timeout; 30 s is the default of SignalR"),
        ),
        _ => {}
    }
    findings
}

fn summary(terms: &Terms) -> Finding {
    let time = |time: Option<Duration>| time.map_or_else(|| "none".to_owned(), spoken);
    let said = format!(
        "keep-alive every {}, disconnect after {}, polls up to {}, {} to start a transport",
        time(terms.keep_alive()),
        time(terms.disconnect_timeout),
        time(terms.connection_timeout),
        spoken(terms.start_limit()),
    );
    let mut finding = Finding::good(CHECK, said);
    let figures = [
        ("keepAliveTimeout", terms.keep_alive_timeout),
        ("disconnectTimeout", terms.disconnect_timeout),
        ("connectionTimeout", terms.connection_timeout),
        ("transportConnectTimeout", terms.transport_connect_timeout),
    ];
    for (name, time) in figures {
        finding = finding.measured(name, time.map(milliseconds));
    }
    finding
}

/// Old browser clients compute with what is missing and fail in strange ways.
fn missing(terms: &Terms) -> Vec<Finding> {
    let since = |version: &str| terms.version.as_deref().is_some_and(|said| said >= version);
    let mut findings = Vec::new();
    if terms.disconnect_timeout.is_none() {
        findings.push(Finding::bad(
            CHECK,
            "negotiate tells no DisconnectTimeout: browser clients then stop at once and say they were \
             inactive",
        ));
    }
    if terms.transport_connect_timeout.is_none() && since("1.3") {
        findings.push(Finding::bad(
            CHECK,
            "negotiate tells no TransportConnectTimeout: in browser clients every transport then fails at \
             once",
        ));
    }
    if terms.url.is_none() {
        findings.push(Finding::bad(
            CHECK,
            "negotiate tells no Url: browser clients then connect to a path named 'undefined'",
        ));
    }
    let fix = "something rewrites the answer to negotiate, or it is not made by a SignalR server: compare \
               it with the server's own";
    findings.into_iter().map(|finding| finding.fix(fix)).collect()
}

fn keep_alive(terms: &Terms) -> Option<Finding> {
    let Some(timeout) = terms.keep_alive_timeout else {
        return Some(
            Finding::note(
                CHECK,
                "the server sends no keep-alives: clients do not notice a connection \
                 that died silently, and proxies cut quiet ones",
            )
            .fix("switch the keep-alive on; a third of the disconnect timeout is the default"),
        );
    };
    let every = timeout / 2;
    if terms.disconnect_timeout.is_some_and(|disconnect| timeout > disconnect) {
        return Some(
            Finding::bad(
                CHECK,
                format!(
                    "a client notices a dead connection after {} at the earliest, \
                     when the server has given it up already",
                    spoken(timeout)
                ),
            )
            .fix("make the keep-alive a third of the disconnect timeout at most"),
        );
    }
    (every >= COMMON_IDLE_LIMIT).then(|| {
        Finding::note(
            CHECK,
            format!(
                "a keep-alive every {} is rarer than many proxies \
                 allow",
                spoken(every)
            ),
        )
        .fix("send one at least every 30 s")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(answer: &serde_json::Value) -> String {
        let terms = Terms::read(answer).unwrap();
        let line = |finding: Finding| format!("{:?}: {}", finding.verdict, finding.said);
        findings(&terms).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_usual_settings_are_in_order() {
        let answer = json!({ "Url": "/signalr", "ConnectionToken": "t", "KeepAliveTimeout": 20.0, "DisconnectTimeout": 30.0,
            "ConnectionTimeout": 110.0, "TransportConnectTimeout": 5.0, "ProtocolVersion": "2.0" });
        insta::assert_snapshot!(said(&answer), @"Good: keep-alive every 10 s, disconnect after 30 s, polls up to 110 s, 5 s to start a transport");
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_told() {
        let answer = json!({ "ConnectionToken": "t", "ProtocolVersion": "1.5", "KeepAliveTimeout": null });
        insta::assert_snapshot!(said(&answer), @"
        Good: keep-alive every none, disconnect after none, polls up to none, 5 s to start a transport
        Bad: negotiate tells no DisconnectTimeout: browser clients then stop at once and say they were inactive
        Bad: negotiate tells no TransportConnectTimeout: in browser clients every transport then fails at once
        Bad: negotiate tells no Url: browser clients then connect to a path named 'undefined'
        Note: the server sends no keep-alives: clients do not notice a connection that died silently, and proxies cut quiet ones
        ");
        let answer = json!({ "Url": "/s", "ConnectionToken": "t", "KeepAliveTimeout": 20, "DisconnectTimeout": 6, "TransportConnectTimeout": 5 });
        insta::assert_snapshot!(said(&answer), @"
        Good: keep-alive every 10 s, disconnect after 6 s, polls up to none, 5 s to start a transport
        Bad: a client notices a dead connection after 20 s at the earliest, when the server has given it up already
        Note: a client that is away for 6 s is given up: a phone that changes its network may be gone by then
        ");
    }
}
