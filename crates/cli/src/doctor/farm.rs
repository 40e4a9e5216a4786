//! Whether every server behind the address can read the tokens that any of them gives out.
//!
//! A token is shown several times, over a new physical connection each time, in the one request that needs no connection to exist.

use http::StatusCode;

use super::finding::Finding;
use super::middleman::{Fault, Middleman};
use super::negotiation;
use super::refusal;
use super::site::Site;

const CHECK: &str = "token";

/// Two servers that take turns, or that are chosen at random, are found out with this many but once in a hundred times.
const ATTEMPTS: usize = 8;

pub(super) async fn check(site: &Site) -> Finding {
    let site = site.afresh();
    let Some(terms) = negotiation::quietly(&site).await else {
        return Finding::bad(CHECK, "not tried: negotiate, which had worked, failed the next time")
            .fix("look at whether every server behind this address works");
    };
    let mut accepted = 0;
    let mut refusal = None;
    for _ in 0..ATTEMPTS {
        let parameters = [("transport", "longPolling"), ("connectionToken", terms.token.as_str())];
        match site.post(site.url("abort", &parameters)).await {
            Ok(answer) if answer.status == StatusCode::OK => accepted += 1,
            Ok(answer) => refusal = Some(answer),
            Err(unreachable) => {
                return Finding { check: CHECK, ..negotiation::unreached(&site, &unreachable) };
            }
        }
    }
    match refusal {
        None => Finding::good(
            CHECK,
            format!("accepted {accepted} times over new connections ({} characters)", terms.token.len()),
        ),
        Some(answer) if accepted == 0 => refusal::finding(CHECK, "the token that negotiate gave", &answer),
        Some(answer) => {
            let refused = ATTEMPTS - accepted;
            Finding::bad(
                CHECK,
                format!(
                    "refused {refused} of {ATTEMPTS} times: the servers behind this \
                     address do not share their keys"
                ),
            )
            .fix(
                "give every server the same keys (heliostat serve: --data-dir on shared storage; \
                 ASP.NET: the same <machineKey>)",
            )
            .fixes(Middleman::of(&answer.headers).advice(Fault::Farm))
        }
    }
}
