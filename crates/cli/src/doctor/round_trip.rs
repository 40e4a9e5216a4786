//! How long an answer takes, measured with the smallest question there is.

use std::time::{Duration, Instant};

use http::StatusCode;

use super::finding::Finding;
use super::negotiation;
use super::refusal;
use super::site::Site;
use super::time::{milliseconds, spoken};

const CHECK: &str = "ping";

/// Enough for a median that means something.
const PINGS: usize = 10;

/// How long it may take for that. A slow server is measured with fewer.
const LONGEST: Duration = Duration::from_secs(3);

/// Beyond this, a person notices.
const SLOW: Duration = Duration::from_millis(400);

pub(super) async fn check(site: &Site) -> Finding {
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < PINGS && (times.is_empty() || begun.elapsed() < LONGEST) {
        match site.get(site.url("ping", &[])).await {
            Ok(answer) if answer.status == StatusCode::OK && answer.text().contains("pong") => {
                times.push(answer.took);
            }
            Ok(answer) => {
                return refusal::finding(CHECK, "ping", &answer)
                    .fix("browser clients ping to keep a login alive, and stop when they get 401 or 403");
            }
            Err(unreachable) => {
                return Finding { check: CHECK, ..negotiation::unreached(site, &unreachable) };
            }
        }
    }
    // The first one may have opened a physical connection.
    let first = times.first().copied().unwrap_or_default();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let (shortest, longest) =
        (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
    let said = format!(
        "a round trip takes {} ({} to {} in {})",
        spoken(median),
        spoken(shortest),
        spoken(longest),
        times.len()
    );
    let finding = if median > SLOW {
        Finding::note(CHECK, said).fix("look at the distance to the server, and at its load")
    } else {
        Finding::good(CHECK, said)
    };
    finding
        .measured("first", milliseconds(first))
        .measured("median", milliseconds(median))
        .measured("longest", milliseconds(longest))
}
