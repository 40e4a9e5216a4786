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
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use heliostat::TransportKind;
use http::HeaderValue;
use tokio::time::Instant;

use crate::config::duration::HumaneDuration;
use crate::reach::{Endpoint, Reach};
use crate::terminal::Paper;
use finding::Finding;
use negotiation::Agreed;
use site::Site;
use watch::Attention;

/// How long an ordinary answer may take, unless less is left.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let limit = self.timeout.get().max(self.watch.get() + PATIENCE);
        let until = Instant::now() + limit;
        let site = match Site::new(&self.url, &self.reach, PATIENCE.min(limit)) {
            Ok(site) => site.with_hubs(&self.hub),
            Err(error) => return vec![Finding::bad("negotiate", format!("no request can be made: {error}"))],
        };
        let mut findings = Vec::new();
        if let Some(agreed) = negotiation::negotiate(&site, &mut findings).await {
            findings.extend(self.look_closer(&agreed, until).await);
        }
        findings
    }

    /// Everything that needs an endpoint which negotiates. All at once, because most of it is waiting.
    async fn look_closer(&self, Agreed { site, terms }: &Agreed, until: Instant) -> Vec<Finding> {
        let attention = Attention { at_least: self.watch.get(), until };
        let stream = async |kind| {
            let outcome = watch::watch(site, kind, attention).await;
            streaming::judge(kind, &outcome, terms, site)
        };
        let crossing = async {
            match &self.origin {
                Some(origin) => cross_origin::check(site, origin).await,
                None => Vec::new(),
            }
        };
        let mut findings = settings::findings(terms);
        // By itself, so that the other checks do not disturb what is measured.
        findings.push(round_trip::check(site).await);
        let (sockets, events, frame, polls, token, length, crossing) = tokio::join!(
            stream(TransportKind::WebSockets),
            stream(TransportKind::ServerSentEvents),
            stream(TransportKind::ForeverFrame),
            long_polling::check(site, attention),
            farm::check(site),
            long_url::check(site, terms),
            crossing,
        );
        findings.extend([sockets, events, frame, polls, token, length]);
        findings.extend(crossing);
        findings
    }
}
