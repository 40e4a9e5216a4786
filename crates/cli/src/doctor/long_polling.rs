//! Long polling as a client does it: connect, start, one poll that is held, and an abort that must end it.

use std::time::Duration;

use heliostat::TransportKind;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::finding::Finding;
use super::middleman::{Fault, Middleman};
use super::negotiation;
use super::refusal;
use super::site::Site;
use super::terms::Terms;
use super::time::{milliseconds, spoken};
use super::watch::{Attention, is_started};

const CHECK: &str = TransportKind::LongPolling.as_str();

/// A poll that is answered sooner, without a message, was not held.
const HELD: Duration = Duration::from_millis(500);

/// How long an aborted poll may go on. Clients of .NET wait for it when they stop.
const PROMPT: Duration = Duration::from_secs(2);

/// What a held poll did.
#[derive(Debug, Default)]
struct Poll {
    /// When the head of the answer came.
    head: Option<Duration>,
    /// When the first blank came that keeps the connection from looking idle.
    keep_alive: Option<Duration>,
    /// When the answer was complete.
    ended: Option<Duration>,
    headers: HeaderMap,
}

pub(super) async fn check(site: &Site, attention: Attention) -> Finding {
    let Some(terms) = negotiation::quietly(site).await else {
        return Finding::bad(CHECK, "not tried: negotiate, which had worked, failed the next time")
            .fix("look at whether every server behind this address works");
    };
    match polls(site, &terms, attention).await {
        Ok(finding) | Err(finding) => finding,
    }
}

async fn polls(site: &Site, terms: &Terms, attention: Attention) -> Result<Finding, Finding> {
    let unreached = |unreachable| Finding { check: CHECK, ..negotiation::unreached(site, &unreachable) };
    let url = |command, cursor: &str| {
        let parameters =
            [("transport", CHECK), ("connectionToken", terms.token.as_str()), ("messageId", cursor)];
        site.url(command, parameters.get(..if cursor.is_empty() { 2 } else { 3 }).unwrap_or_default())
    };
    let connect = site.post(url("connect", "")).await.map_err(unreached)?;
    let said: Option<Value> = serde_json::from_slice(&connect.body).ok();
    let cursor = said.as_ref().and_then(|said| said.get("C")?.as_str()).unwrap_or_default();
    let begun = said.as_ref().is_some_and(|said| said.get("S").is_some());
    if connect.status != StatusCode::OK || !begun {
        return Err(refusal::finding(CHECK, "connect", &connect));
    }
    let start = site.get(url("start", "")).await.map_err(unreached)?;
    if !is_started(&start) {
        return Err(refusal::finding(CHECK, "start", &start));
    }
    let asked = Instant::now();
    let until = terms.keep_alive().map_or(asked + HELD, |every| asked + every + every / 4 + HELD);
    let mut poll = Poll::default();
    let mut response = None;
    hold(site, url("poll", cursor), until.min(attention.until), &mut poll, &mut response).await;
    let held = asked.elapsed();
    let aborted = Instant::now();
    let _ = site.post(url("abort", "")).await;
    if poll.ended.is_none() {
        finish(&mut response, aborted + PROMPT).await;
    }
    let took = (poll.ended.is_none() && response.is_none()).then(|| aborted.elapsed());
    let said = format!("connect answered in {}, started in {}", spoken(connect.took), spoken(start.took));
    let finding = verdict(&said, &poll, held, took, terms);
    let figures = [("head", poll.head), ("keepAlive", poll.keep_alive), ("abort", took)];
    let finding = finding.measured("connect", milliseconds(connect.took));
    Ok(figures
        .into_iter()
        .fold(finding, |finding, (name, time)| finding.measured(name, time.map(milliseconds))))
}

/// Polls until a sign of life, the end of the answer, or `until`. The answer stays in `open` as long as it is not complete.
async fn hold(
    site: &Site,
    url: url::Url,
    until: Instant,
    poll: &mut Poll,
    open: &mut Option<reqwest::Response>,
) {
    let asked = Instant::now();
    let Ok(Ok(response)) = timeout_at(until, site.open(Method::POST, url, HeaderMap::new())).await else {
        return;
    };
    poll.head = Some(asked.elapsed());
    poll.headers = response.headers().clone();
    let response = open.insert(response);
    while let Ok(piece) = timeout_at(until, response.chunk()).await {
        match piece {
            Ok(Some(piece)) if piece.iter().all(u8::is_ascii_whitespace) => {
                poll.keep_alive.get_or_insert(asked.elapsed());
                return;
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                poll.ended = Some(asked.elapsed());
                *open = None;
                return;
            }
        }
    }
}

/// Reads to the end, which leaves `None`.
async fn finish(open: &mut Option<reqwest::Response>, until: Instant) {
    while let Some(response) = open {
        match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None) | Err(_)) => *open = None,
            Err(_) => return,
        }
    }
}

fn verdict(said: &str, poll: &Poll, held: Duration, abort: Option<Duration>, terms: &Terms) -> Finding {
    let middleman = Middleman::of(&poll.headers);
    if let Some(ended) = poll.ended {
        if ended < HELD {
            return Finding::bad(
                CHECK,
                format!(
                    "{said}, but a poll was answered after {} with nothing in \
                     it: clients will poll without a pause",
                    spoken(ended)
                ),
            )
            .fix("look whether something on the way limits how long an answer may take");
        }
        return Finding::bad(CHECK, format!("{said}, but a poll was cut after {}", spoken(ended)))
            .fixes(middleman.advice(Fault::Cutting));
    }
    let Some(_) = poll.head else {
        let limit = terms.connection_timeout.map_or_else(|| "some time".to_owned(), spoken);
        return Finding::note(
            CHECK,
            format!(
                "{said}; a poll shows no sign of life while it is held, so \
                 the way must allow {limit} of silence"
            ),
        )
        .fix("an old server (before 2.1) does so; otherwise something on the way keeps answers back")
        .fixes(middleman.advice(Fault::Cutting));
    };
    let Some(abort) = abort else {
        return Finding::bad(
            CHECK,
            format!(
                "{said}; a poll goes on although its connection was aborted: \
                 .NET clients will take long to stop"
            ),
        )
        .fix(
            "look whether abort requests reach the server that holds the poll (sticky sessions, \
             backplane)",
        );
    };
    let held = match poll.keep_alive {
        Some(after) => format!("a poll is held and kept alive after {}", spoken(after)),
        None => format!("a poll was held for {}", spoken(held)),
    };
    Finding::good(CHECK, format!("{said}, {held}, an abort ends it in {}", spoken(abort)))
}
