//! Whether a page from another origin may use the endpoint: what a browser would decide by the headers.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::finding::Finding;
use super::negotiation;
use super::opening::{NotOpened, open_socket};
use super::site::Site;

const CHECK: &str = "cross-origin";

/// How one sets the origin.
const ALLOW: &str =
    "allow this origin by name (heliostat serve: --cors; ASP.NET: UseCors), and switch credentials on";

pub(super) async fn check(site: &Site, origin: &HeaderValue) -> Vec<Finding> {
    let mut findings = vec![requests(site, origin).await];
    if let Some(finding) = socket(site, origin).await {
        findings.push(finding);
    }
    findings
}

async fn requests(site: &Site, origin: &HeaderValue) -> Finding {
    let name = origin.to_str().unwrap_or_default();
    let headers = HeaderMap::from_iter([(header::ORIGIN, origin.clone())]);
    let answer = match site.ask(Method::GET, site.url("negotiate", &[]), headers).await {
        Ok(answer) => answer,
        Err(unreachable) => return Finding { check: CHECK, ..negotiation::unreached(site, &unreachable) },
    };
    if answer.status == StatusCode::FORBIDDEN {
        return Finding::bad(CHECK, format!("requests from {name} are refused with 403")).fix(ALLOW);
    }
    match answer.header("access-control-allow-origin") {
        "" => Finding::bad(
            CHECK,
            format!(
                "a page from {name} may not read the answers: they allow no \
                 other origin"
            ),
        )
        .fix(ALLOW),
        "*" => Finding::bad(
            CHECK,
            "every origin is allowed as '*', which browsers refuse for requests \
             with credentials, and SignalR's have them",
        )
        .fix(
            "answer with the page's own origin instead of '*', or set withCredentials to false in \
             every page",
        ),
        other if other != name => {
            Finding::bad(CHECK, format!("the answers allow {other} and not {name}")).fix(ALLOW)
        }
        _ if answer.header("access-control-allow-credentials") != "true" => Finding::bad(
            CHECK,
            format!(
                "{name} is allowed, but without credentials, and SignalR's \
                 requests have them"
            ),
        )
        .fix(
            "answer with Access-Control-Allow-Credentials: true, or set withCredentials to false \
             in every page",
        ),
        _ if !answer.header("vary").to_ascii_lowercase().contains("origin") => Finding::note(
            CHECK,
            format!(
                "{name} is allowed, but a cache may give this answer to another \
                 page: it does not vary by origin"
            ),
        )
        .fix("add Vary: Origin"),
        _ => Finding::good(CHECK, format!("a page from {name} may connect")),
    }
}

/// WebSockets need nobody's permission in a browser, but a server may look at the origin.
async fn socket(site: &Site, origin: &HeaderValue) -> Option<Finding> {
    let terms = negotiation::quietly(site).await.filter(|terms| terms.web_sockets != Some(false))?;
    let name = origin.to_str().unwrap_or_default();
    match open_socket(site, &terms.token, Some(origin)).await {
        Err(NotOpened::Refused(answer)) if answer.status == StatusCode::FORBIDDEN => Some(
            Finding::bad(CHECK, format!("WebSockets from {name} are refused with 403"))
                .fix("add this origin to those that the server accepts"),
        ),
        // Whatever else is wrong has nothing to do with the origin.
        _ => None,
    }
}
