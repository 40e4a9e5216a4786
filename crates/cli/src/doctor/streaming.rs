//! What the outcome on a streaming transport means for clients.

use std::time::Duration;

use heliostat::TransportKind;
use http::{HeaderMap, StatusCode};

use super::finding::Finding;
use super::middleman::{Fault, Middleman};
use super::negotiation;
use super::opening::NotOpened;
use super::refusal;
use super::site::{Answer, Site};
use super::terms::Terms;
use super::time::{milliseconds, spoken};
use super::watch::{Afterwards, Heard, Outcome};

/// Judges one transport.
pub(super) fn judge(kind: TransportKind, outcome: &Outcome, terms: &Terms, site: &Site) -> Finding {
    let check = kind.as_str();
    match outcome {
        Outcome::NoToken => {
            Finding::bad(check, "not tried: negotiate, which had worked, failed the next time")
                .fix("look at whether every server behind this address works")
        }
        Outcome::NotOpened(NotOpened::Unreachable(unreachable)) => {
            Finding { check, ..negotiation::unreached(site, unreachable) }
        }
        Outcome::NotOpened(NotOpened::Malformed(why)) => {
            Finding::bad(check, format!("the upgrade is not a WebSocket's: {why}"))
                .fix("something between here and the server answers in its place")
        }
        Outcome::NotOpened(NotOpened::Refused(answer)) if kind == TransportKind::WebSockets => {
            upgrade_refused(answer, terms)
        }
        Outcome::NotOpened(NotOpened::Refused(answer)) => refusal::finding(check, "connect", answer),
        Outcome::Silent { headers, afterwards } => silent(kind, headers.as_ref(), *afterwards, terms),
        Outcome::Ended { after, why } => Finding::bad(
            check,
            format!(
                "it ended after {}, before anything was said: \
                 {why}",
                spoken(*after)
            ),
        )
        .fix("look at the server's log, and whether something cuts this kind of answer"),
        Outcome::NotStarted(Ok(answer)) => refusal::finding(check, "start", answer),
        Outcome::NotStarted(Err(unreachable)) => {
            Finding { check, ..negotiation::unreached(site, unreachable) }
                .fix("the transport itself worked; only the request to start on it was not answered")
        }
        Outcome::Lively(heard) => lively(check, heard, terms),
    }
}

fn upgrade_refused(answer: &Answer, terms: &Terms) -> Finding {
    let check = TransportKind::WebSockets.as_str();
    if terms.web_sockets == Some(false) {
        return Finding::note(
            check,
            "the server says that it has none (TryWebSockets is false), so \
             clients do not try",
        )
        .fix(
            "if it should have them: on Windows install the feature 'WebSocket Protocol'; elsewhere \
             look at the transports it is set to",
        );
    }
    let middleman = Middleman::of(&answer.headers);
    // What the original and Heliostat answer when the request came without its upgrade.
    let text = answer.text().to_ascii_lowercase().replace(' ', "");
    if answer.status == StatusCode::BAD_REQUEST && text.contains("websocketrequest") {
        return Finding::bad(
            check,
            "the server got the request without its Upgrade header (400): something on the way removed it",
        )
        .measured("status", 400)
        .fixes(middleman.advice(Fault::Upgrade));
    }
    let mut finding = refusal::finding(check, "the upgrade", answer);
    if matches!(answer.status.as_u16(), 200 | 400 | 404 | 426 | 501) {
        finding.fix = vec!["let the Upgrade and Connection headers through on the way".to_owned()];
        finding.fix.extend(middleman.advice(Fault::Upgrade));
    }
    finding
}

fn silent(
    kind: TransportKind,
    headers: Option<&HeaderMap>,
    afterwards: Afterwards,
    terms: &Terms,
) -> Finding {
    let check = kind.as_str();
    let limit = spoken(terms.start_limit());
    let came = if headers.is_some() { "a head and no message" } else { "nothing" };
    if afterwards == Afterwards::Everything {
        let middleman = headers.map_or(Middleman::Unknown, Middleman::of);
        return Finding::bad(
            check,
            format!(
                "{came} came within {limit}, and everything at once when the server had ended: \
                 something on the way keeps answers back"
            ),
        )
        .fixes(middleman.advice(Fault::Buffering));
    }
    Finding::bad(check, format!("{came} came within {limit}, so clients try their next transport"))
        .fix("look whether the server's message bus works (a backplane that is down has this effect)")
        .fixes(headers.map_or(Middleman::Unknown, Middleman::of).advice(Fault::Buffering))
}

fn lively(check: &'static str, heard: &Heard, terms: &Terms) -> Finding {
    let middleman = Middleman::of(&heard.headers);
    let finding = if let Some(why) = &heard.cut {
        Finding::bad(check, format!("it was cut {} after the start: {why}", spoken(heard.watched)))
            .fixes(middleman.advice(Fault::Cutting))
    } else if heard.headers.contains_key("content-encoding") {
        Finding::bad(check, "it is compressed: messages wait until there are enough of them")
            .fixes(middleman.advice(Fault::Buffering))
    } else if let Some(timeout) = terms.keep_alive_timeout {
        keep_alives(check, heard, timeout)
    } else {
        Finding::good(check, format!("{}; no keep-alives are promised", opened(heard)))
    };
    let gaps: Vec<f64> = heard.keep_alives.iter().map(|gap| milliseconds(*gap)).collect();
    finding
        .measured("opened", milliseconds(heard.opened))
        .measured("init", milliseconds(heard.init))
        .measured("start", milliseconds(heard.start))
        .measured("keepAlives", gaps)
}

/// `timeout` is how long clients wait for one; they are promised twice as often.
fn keep_alives(check: &'static str, heard: &Heard, timeout: Duration) -> Finding {
    let middleman = Middleman::of(&heard.headers);
    let (opened, promised) = (opened(heard), spoken(timeout / 2));
    let Some(worst) = heard.keep_alives.iter().max().copied() else {
        if heard.watched < timeout {
            let said = format!("{opened}; too little time to hear a keep-alive, promised every {promised}");
            return Finding::note(check, said)
                .fix(format!("give it more with --timeout {}s", timeout.as_secs() + 10));
        }
        let watched = spoken(heard.watched);
        let said = format!(
            "{opened}, but no keep-alive came in {watched} though one is promised every {promised}: \
             clients will reconnect again and again"
        );
        return Finding::bad(check, said)
            .fix("look whether something on the way collects small pieces before it passes them on")
            .fixes(middleman.advice(Fault::Buffering));
    };
    if heard.quiet >= timeout {
        let quiet = spoken(heard.quiet);
        let said = format!("{opened}, and it fell silent later: nothing came in the last {quiet}");
        return Finding::bad(check, said).fixes(middleman.advice(Fault::Cutting));
    }
    let after = spoken(worst);
    // From two thirds of the timeout on, clients raise connectionSlow.
    if worst >= timeout * 2 / 3 {
        let said = format!(
            "{opened}, but a keep-alive came after {after} instead of {promised}: \
             clients will say that the connection is slow"
        );
        return Finding::bad(check, said).fixes(middleman.advice(Fault::Buffering));
    }
    Finding::good(check, format!("{opened}, keep-alive after {after} as promised"))
}

fn opened(heard: &Heard) -> String {
    format!(
        "open after {}, init after {}, started in {}",
        spoken(heard.opened),
        spoken(heard.init),
        spoken(heard.start)
    )
}
