//! `heliostat doctor`: tries an endpoint as every kind of client would, and says in words what is wrong and how to put it right.
//!
//! It looks at the wire itself and not through a client, because a client is made to hide what is looked for here: proxies that hold
//! answers back, upgrades that get lost, keep-alives that come too late. Promises: it ends in time, it leaves no connection behind, and
//! it changes nothing on the server (no hub method is called).

mod channel;
mod cross_origin;
mod farm;
mod finding;
mod long_polling;
mod long_url;
mod middleman;
mod negotiation;
mod opening;
mod refusal;
mod report;
mod round_trip;
mod settings;
mod site;
mod streaming;
mod terms;
#[cfg(test)]
mod tests;

mod time;
mod unreachable;
mod watch;

use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use heliostat::TransportKind;
use http::HeaderValue;
use tokio::time::{Instant, timeout_at};

use crate::config::duration::HumaneDuration;
use crate::reach::{Endpoint, Reach};
use crate::terminal::Paper;
use finding::Finding;
use negotiation::Agreed;
use site::Site;
use watch::Attention;

/// How long an ordinary answer may take, unless less is left.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long saying goodbye may take after the end of all waiting.
const FAREWELL: Duration = Duration::from_secs(5);

/// Find out what keeps SignalR clients from an endpoint, or makes them slow, and how to put it right
///
/// Tries every transport, waits for a keep-alive on each, measures round trips, and looks for proxies that buffer, cut or rewrite.
/// Calls no hub method. Ends with 0 if nothing is wrong, 1 if something is, 2 if the arguments are.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The endpoint, for example http://localhost:5080/signalr; nothing is appended to it
    url: Endpoint,

    #[command(flatten)]
    reach: Reach,

    /// A hub to connect to, for servers that authorise by hub; may be repeated
    #[arg(long, value_name = "NAME")]
    hub: Vec<String>,

    /// Look also at what a page from this origin may do, for example https://www.example.com
    #[arg(long)]
    origin: Option<HeaderValue>,

    /// The end of all waiting
    #[arg(long, value_name = "DURATION", default_value = "45s")]
    timeout: HumaneDuration,

    /// Watch open transports for at least this long, to catch what cuts them
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    watch: HumaneDuration,

    /// Write one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Runs everything and writes the report.
    pub(crate) async fn run(&self) -> ExitCode {
        let findings = self.examine().await;
        let text = if self.json {
            format!("{:#}\n", report::json(&self.url.to_string(), &findings))
        } else {
            report::draw(&findings, &Paper::stdout())
        };
        // Whoever closed the pipe does not want to know.
        let _ = std::io::stdout().write_all(text.as_bytes());
        if report::is_healthy(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    async fn examine(&self) -> Vec<Finding> {
        let watched = self.watch.get();
        let limit =
            if watched.is_zero() { self.timeout.get() } else { self.timeout.get().max(watched + PATIENCE) };
        let until = Instant::now() + limit;
        let site = match Site::new(&self.url, &self.reach, PATIENCE.min(limit)) {
            Ok(site) => site.with_hubs(&self.hub),
            Err(error) => {
                return vec![Finding::bad("negotiate", format!("no request can be made: {error}"))];
            }
        };
        let mut findings = Vec::new();
        match timeout_at(until, negotiation::negotiate(&site, &mut findings)).await {
            Ok(Some(agreed)) => findings.extend(self.look_closer(&agreed, until).await),
            Ok(None) => {}
            Err(_) => findings.push(unfinished("negotiate")),
        }
        findings
    }

    /// Everything that needs an endpoint which negotiates. All at once, because most of it is waiting.
    async fn look_closer(&self, Agreed { site, terms }: &Agreed, until: Instant) -> Vec<Finding> {
        let attention = Attention { at_least: self.watch.get(), until };
        let end = until + FAREWELL;
        let stream = async |kind: TransportKind| {
            let judged = async {
                let outcome = watch::watch(site, kind, attention).await;
                streaming::judge(kind, &outcome, terms, site)
            };
            timeout_at(end, judged).await.unwrap_or_else(|_| unfinished(kind.as_str()))
        };
        let in_time = async |check, finding: Pin<Box<dyn Future<Output = Finding> + '_>>| {
            timeout_at(end, finding).await.unwrap_or_else(|_| unfinished(check))
        };
        let crossing = async {
            let Some(origin) = &self.origin else { return Vec::new() };
            let checked = timeout_at(end, cross_origin::check(site, origin)).await;
            checked.unwrap_or_else(|_| vec![unfinished("cross-origin")])
        };
        let mut findings = settings::findings(terms);
        // By itself, so that the other checks do not disturb what is measured.
        findings.push(in_time("ping", Box::pin(round_trip::check(site))).await);
        let (sockets, events, frame, polls, token, length, crossing) = tokio::join!(
            stream(TransportKind::WebSockets),
            stream(TransportKind::ServerSentEvents),
            stream(TransportKind::ForeverFrame),
            in_time("longPolling", Box::pin(long_polling::check(site, attention))),
            in_time("token", Box::pin(farm::check(site))),
            in_time("URL length", Box::pin(long_url::check(site, terms))),
            crossing,
        );
        findings.extend([sockets, events, frame, polls, token, length]);
        findings.extend(crossing);
        findings
    }
}

/// The finding about a check that did not come to its end.
fn unfinished(check: &'static str) -> Finding {
    Finding::bad(check, "not finished when the time was up: the answers come very slowly")
        .fix("look at the server's load; --timeout gives it more time")
}
