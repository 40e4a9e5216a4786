//! Whether the URLs of SignalR get through. They carry a token, and from some groups on they are long.

use http::StatusCode;

use super::finding::Finding;
use super::middleman::{Fault, Middleman};
use super::negotiation;
use super::site::{Answer, Site};
use super::terms::Terms;

const CHECK: &str = "URL length";

/// The lengths that are tried, in characters. 2,048 is the limit of IIS for a query string, 4,096 and 8,192 are others' limits.
const LENGTHS: [usize; 4] = [1_800, 2_500, 4_500, 8_000];

/// What the groups token grows by for a group with a name of some length, in characters.
const ONE_GROUP: usize = 30;

pub(super) async fn check(site: &Site, terms: &Terms) -> Finding {
    let parameters =
        [("transport", "serverSentEvents"), ("connectionToken", terms.token.as_str()), ("tid", "10")];
    let ours = site.url("connect", &parameters).as_str().len();
    let mut longest = 0;
    let mut refusal = None;
    for length in LENGTHS {
        let bare = site.url("ping", &[("pad", "")]).as_str().len();
        let pad = "x".repeat(length.saturating_sub(bare));
        match site.get(site.url("ping", &[("pad", &pad)])).await {
            Ok(answer) if answer.status == StatusCode::OK => longest = length,
            Ok(answer) => {
                refusal = Some((length, answer));
                break;
            }
            // Whoever finds a request line too long may also hang up.
            Err(_) if longest > 0 => break,
            Err(unreachable) => {
                return Finding { check: CHECK, ..negotiation::unreached(site, &unreachable) };
            }
        }
    }
    verdict(ours, longest, refusal.as_ref())
        .measured("token", terms.token.len())
        .measured("connect", ours)
        .measured("longest", longest)
}

fn verdict(ours: usize, longest: usize, refusal: Option<&(usize, Answer)>) -> Finding {
    let room = longest.saturating_sub(ours) / ONE_GROUP;
    let said = format!("a connect has {ours} characters");
    let Some((length, answer)) = refusal else {
        return Finding::good(CHECK, format!("{said}, {longest} get through: room for about {room} groups"));
    };
    let advice = Middleman::of(&answer.headers).advice(Fault::LongUrl);
    let status = answer.status.as_u16();
    if longest < ours {
        return Finding::bad(
            CHECK,
            format!("{said}, and {length} are refused with {status}: long tokens will not get through"),
        )
        .fixes(advice);
    }
    Finding::note(
        CHECK,
        format!(
            "{said}, and {length} are refused with {status}: a client in more than \
             about {room} groups cannot reconnect"
        ),
    )
    .fixes(advice)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limit_is_told_as_what_it_means() {
        let answer = Answer {
            status: StatusCode::URI_TOO_LONG,
            headers: http::HeaderMap::from_iter([(http::header::SERVER, "nginx".parse().unwrap())]),
            body: bytes::Bytes::new(),
            took: Duration::ZERO,
        };
        let said = |ours, longest, refusal: Option<&(usize, Answer)>| verdict(ours, longest, refusal).said;
        insta::assert_snapshot!(said(400, 8_000, None), @"a connect has 400 characters, 8000 get through: room for about 253 groups");
        let refusal = (2_500, answer);
        insta::assert_snapshot!(said(400, 1_800, Some(&refusal)), @"a connect has 400 characters, and 2500 are refused with 414: a client in more than about 46 groups cannot reconnect");
        insta::assert_snapshot!(said(2_000, 1_800, Some(&refusal)), @"a connect has 2000 characters, and 2500 are refused with 414: long tokens will not get through");
        assert_eq!(verdict(400, 1_800, Some(&refusal)).fix, ["nginx: large_client_header_buffers 4 32k;"]);
    }
}
