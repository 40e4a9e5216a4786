//! What an answer other than the expected one means, and what to do about it.

use http::StatusCode;

use super::finding::Finding;
use super::middleman::{Fault, Middleman};
use super::site::Answer;

/// How much of a strange answer is quoted, in characters.
const QUOTE: usize = 120;

/// The finding about an answer to `request` that no SignalR endpoint in order gives.
pub(super) fn finding(check: &'static str, request: &str, answer: &Answer) -> Finding {
    let middleman = Middleman::of(&answer.headers);
    let code = answer.status.as_u16();
    let said = format!("{request} was answered with {}{}", named(answer.status), quoted(answer));
    let bad = Finding::bad(check, said).measured("status", code);
    match code {
        300..=399 => {
            let location = answer.header("location");
            let bad = Finding::bad(
                check,
                format!("{request} was redirected to {location} ({code}); not all clients follow"),
            );
            let bad = bad.measured("status", code);
            let target = location.split('?').next().unwrap_or_default();
            if ["login", "signin", "account", "auth"]
                .iter()
                .any(|word| target.to_ascii_lowercase().contains(word))
            {
                bad.fix(
                    "it looks like a login page: give credentials with --header 'Cookie: …', --bearer \
                     or --user",
                )
                .fix(
                    "let the server answer 401 under this path instead of redirecting, so that \
                     clients can tell",
                )
            } else {
                let target = target.strip_suffix("/negotiate").unwrap_or(target);
                bad.fix(format!("use the address it redirects to: {target}"))
            }
        }
        401 => bad.fix("give credentials: --bearer, --user with --password, or --header 'Cookie: …'"),
        403 => bad
            .fix(
                "the server knows the user and refuses; look at the authorisation of the hubs (--hub \
                 names them)",
            )
            .fix("a firewall for web applications answers so as well; look at who wrote the answer"),
        404 => bad.fix(
            "correct the path: clients are given the endpoint's own address, for example \
             …/signalr",
        ),
        414 | 431 => bad
            .fix(
                "the request line is too long for whoever \
                 answered",
            )
            .fixes(middleman.advice(Fault::LongUrl)),
        426 => bad.fix("whoever answered wants another version of HTTP or TLS; look at its Upgrade header"),
        429 => bad.fix("whoever answered limits the number of requests; exempt this path"),
        502..=504 => bad.fix(
            "a proxy answered in the server's place: start the server behind it, or \
             correct its address",
        ),
        500..=599 => bad.fix("look at the server's log at this time"),
        _ if answer.header("content-type").starts_with("text/html") => bad
            .fix("this is a page, not an endpoint; correct the path, for example …/signalr")
            .fix("if a single-page application answers every path, exempt this one"),
        _ => bad.fix("look at who answered, and whether the path is right"),
    }
}

fn named(status: StatusCode) -> String {
    status
        .canonical_reason()
        .map_or_else(|| status.as_u16().to_string(), |reason| format!("{} {reason}", status.as_u16()))
}

/// The beginning of the answer, on one line and without anything that a terminal would obey.
fn quoted(answer: &Answer) -> String {
    let text = answer.text();
    let text: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.is_empty() {
        return String::new();
    }
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    let kind = if kind.is_empty() { String::new() } else { format!(" ({kind})") };
    let more = if text.chars().count() > QUOTE { "…" } else { "" };
    format!("{kind}: {}{more}", text.chars().take(QUOTE).collect::<String>())
}
