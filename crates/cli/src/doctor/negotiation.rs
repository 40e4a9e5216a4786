//! The first question of every client. Whatever else is wrong shows here first, so its wrong answers are told apart with care.

use http::StatusCode;
use serde_json::Value;
use url::Url;

use super::finding::Finding;
use super::refusal;
use super::site::{Answer, Site};
use super::terms::Terms;
use super::time::{milliseconds, spoken};
use super::unreachable::Unreachable;

const CHECK: &str = "negotiate";

/// Nobody needs more; clients give up after a hundred.
const MOST_REDIRECTS: usize = 5;

/// Where the server finally is and what it agreed to.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) site: Site,
    pub(super) terms: Terms,
}

/// Negotiates, following the server's own redirects. Says what it found in `findings`.
pub(super) async fn negotiate(site: &Site, findings: &mut Vec<Finding>) -> Option<Agreed> {
    let mut site = site.clone();
    for _ in 0..=MOST_REDIRECTS {
        let answer = match site.get(site.url("negotiate", &[])).await {
            Ok(answer) => answer,
            Err(unreachable) => {
                findings.push(unreached(&site, &unreachable));
                return None;
            }
        };
        let json = object(&answer);
        if let Some(target) = json.as_ref().and_then(|json| json.get("RedirectUrl")?.as_str()) {
            let token = json.as_ref().and_then(|json| json.get("AccessToken")?.as_str());
            findings.push(Finding::note(CHECK, format!("the server sends its clients to {target}")));
            match Url::parse(target) {
                Ok(target) => site = site.moved(target, token),
                Err(_) => return None,
            }
            continue;
        }
        let agreed = json.as_ref().and_then(Terms::read);
        if let Some(terms) = agreed.filter(|_| answer.status == StatusCode::OK) {
            findings.push(good(&site, &terms, &answer));
            return Some(Agreed { site, terms });
        }
        findings.push(wrong(&site, json.as_ref(), &answer).await);
        return None;
    }
    findings.push(
        Finding::bad(
            CHECK,
            format!("the server sends its clients on and on, more than {MOST_REDIRECTS} times"),
        )
        .fix("look for two redirects that point at each other"),
    );
    None
}

/// A fresh token, without a word.
pub(super) async fn quietly(site: &Site) -> Option<Terms> {
    let answer = site.get(site.url("negotiate", &[])).await.ok()?;
    Terms::read(&object(&answer)?)
}

/// The finding that nobody answered.
pub(super) fn unreached(site: &Site, unreachable: &Unreachable) -> Finding {
    let authority = site.base.authority();
    // Credentials in a URL are nobody's business.
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Finding::bad(CHECK, unreachable.said(host)).fix(unreachable.fix())
}

fn object(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok().filter(Value::is_object)
}

fn good(site: &Site, terms: &Terms, answer: &Answer) -> Finding {
    let version = terms.version.as_deref().unwrap_or("none");
    let server = answer.header("server");
    let by = if server.is_empty() { String::new() } else { format!(" by {server}") };
    let said = format!("answered{by} in {}; protocol {version}", spoken(answer.took));
    let finding = match version {
        "2.0" | "2.1" | "1.5" | "1.4" => Finding::good(CHECK, said),
        _ => Finding::note(CHECK, format!("{said}, which is old: clients from 2.1 on may refuse it")),
    };
    let finding = finding.measured("url", site.base.as_str()).measured("version", version);
    finding.measured("took", milliseconds(answer.took))
}

async fn wrong(site: &Site, json: Option<&Value>, answer: &Answer) -> Finding {
    if let Some(why) = json.and_then(|json| json.get("Error")?.as_str()) {
        return Finding::bad(CHECK, format!("the server refuses its clients: {why}"))
            .fix("this text comes from the application; ask whoever runs it");
    }
    if json.is_some_and(|json| json.get("availableTransports").is_some()) {
        return Finding::bad(
            CHECK,
            "this is an ASP.NET Core SignalR server; it and classic clients do not understand each other",
        )
        .fix("use a client for ASP.NET Core here, or the address of a classic endpoint");
    }
    if json.is_some() && answer.status == StatusCode::OK {
        return Finding::bad(
            CHECK,
            "the answer is JSON without a ConnectionToken, so it is not made by a SignalR server",
        )
        .fix("correct the path, for example …/signalr");
    }
    let finding = refusal::finding(CHECK, "negotiate", answer);
    let page = answer.header("content-type").starts_with("text/html");
    if answer.status == StatusCode::NOT_FOUND || page {
        let mut below = site.base.clone();
        below.set_path(&format!("{}/signalr", site.base.path().trim_end_matches('/')));
        if quietly(&site.at(below.clone())).await.is_some() {
            return Finding {
                fix: vec![format!("there is an endpoint at {below}: use that address")],
                ..finding
            };
        }
    }
    finding
}
