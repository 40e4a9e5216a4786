//! Opens a streaming transport as a client would, starts on it, and listens whether the keep-alives come that were promised.
//!
//! If nothing comes at all, the connection is aborted: the server then ends its answer, and a proxy that kept everything back lets go
//! of it. That is how a buffering proxy is told from a server that says nothing.

use std::pin::pin;
use std::time::Duration;

use heliostat::TransportKind;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};

use super::channel::{Channel, Piece};
use super::negotiation;
use super::opening::{NotOpened, Opened, open};
use super::site::{Answer, Site};
use super::terms::Terms;
use super::unreachable::Unreachable;

/// How long a buffering proxy may take to let go once the server ended its answer.
const RELEASE: Duration = Duration::from_secs(3);

/// What became of a streaming transport.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Negotiate worked a moment ago and does no longer.
    NoToken,
    NotOpened(NotOpened),
    /// Nothing came within the time that clients wait; perhaps something came once the server had ended its answer.
    Silent {
        headers: Option<HeaderMap>,
        afterwards: Afterwards,
    },
    /// It ended before anything was started.
    Ended {
        after: Duration,
        why: String,
    },
    NotStarted(Result<Answer, Unreachable>),
    Lively(Heard),
}

/// What came of a silent answer once the server had ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// All of it: it had been held back.
    Everything,
    Nothing,
}

impl<T> From<Option<T>> for Afterwards {
    fn from(came: Option<T>) -> Self {
        if came.is_some() { Self::Everything } else { Self::Nothing }
    }
}

/// What was heard on a transport that works. Times are since the request unless said otherwise.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) headers: HeaderMap,
    pub(super) opened: Duration,
    pub(super) init: Duration,
    /// How long `/start` took.
    pub(super) start: Duration,
    /// How long it was quiet before each keep-alive.
    pub(super) keep_alives: Vec<Duration>,
    /// How long it had been quiet at the end.
    pub(super) quiet: Duration,
    /// How long it was listened to.
    pub(super) watched: Duration,
    pub(super) cut: Option<String>,
}

/// How long to listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    /// Even if all is well.
    pub(super) at_least: Duration,
    /// Whatever happens.
    pub(super) until: Instant,
}

pub(super) async fn watch(site: &Site, kind: TransportKind, attention: Attention) -> Outcome {
    let Some(terms) = negotiation::quietly(site).await else { return Outcome::NoToken };
    let outcome = follow(site, kind, &terms, attention).await;
    release(site, kind, &terms.token).await;
    outcome
}

/// Tells the server that this client is gone; it may not hear it.
async fn release(site: &Site, kind: TransportKind, token: &str) {
    let parameters = [("transport", kind.as_str()), ("connectionToken", token)];
    let _ = site.post(site.url("abort", &parameters)).await;
}

async fn follow(site: &Site, kind: TransportKind, terms: &Terms, attention: Attention) -> Outcome {
    let asked = Instant::now();
    let limit = asked + terms.start_limit();
    let mut opening = pin!(open(site, kind, &terms.token));
    let Opened { mut channel, headers } = match timeout_at(limit, &mut opening).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(not_opened)) => return Outcome::NotOpened(not_opened),
        Err(_) => {
            release(site, kind, &terms.token).await;
            let afterwards = timeout(RELEASE, opening).await.ok().and_then(Result::ok).into();
            return Outcome::Silent { headers: None, afterwards };
        }
    };
    let opened = asked.elapsed();
    loop {
        match timeout_at(limit, channel.next()).await {
            Ok(Ok(Piece::Init)) => break,
            Ok(Ok(Piece::Preamble | Piece::KeepAlive | Piece::Other)) => {}
            Ok(Err(why)) => return Outcome::Ended { after: asked.elapsed(), why },
            Err(_) => {
                release(site, kind, &terms.token).await;
                let afterwards = timeout(RELEASE, channel.next()).await.ok().and_then(Result::ok).into();
                return Outcome::Silent { headers: Some(headers), afterwards };
            }
        }
    }
    let init = asked.elapsed();
    let parameters = [("transport", kind.as_str()), ("connectionToken", &terms.token)];
    let started = site.get(site.url("start", &parameters)).await;
    let start = match started {
        Ok(answer) if is_started(&answer) => answer.took,
        other => return Outcome::NotStarted(other),
    };
    let heard = Heard {
        headers,
        opened,
        init,
        start,
        keep_alives: Vec::new(),
        quiet: Duration::ZERO,
        watched: Duration::ZERO,
        cut: None,
    };
    Outcome::Lively(listen(&mut channel, terms, attention, heard).await)
}

/// Whether the answer to `/start` is the one that clients accept.
pub(super) fn is_started(answer: &Answer) -> bool {
    let said = serde_json::from_slice::<serde_json::Value>(&answer.body);
    answer.status == StatusCode::OK && said.is_ok_and(|said| said.get("Response") == Some(&"started".into()))
}

async fn listen(channel: &mut Channel, terms: &Terms, attention: Attention, mut heard: Heard) -> Heard {
    let begun = Instant::now();
    let mut last = begun;
    loop {
        let first = terms.keep_alive_timeout.filter(|_| heard.keep_alives.is_empty());
        let until = (begun + first.unwrap_or_default()).max(begun + attention.at_least).min(attention.until);
        match timeout_at(until, channel.next()).await {
            Err(_) => break,
            Ok(Err(why)) => {
                heard.cut = Some(why);
                break;
            }
            Ok(Ok(piece)) => {
                if piece == Piece::KeepAlive {
                    heard.keep_alives.push(last.elapsed());
                }
                last = Instant::now();
            }
        }
    }
    heard.watched = begun.elapsed();
    heard.quiet = last.elapsed();
    heard
}
