//! Status, headers and body of an answer that is not a receive channel.

use serde_json::Value;

use super::{Findings, json, names::Names};
use crate::{
    purpose::{self, Command, Transport, strip_jsonp},
    recording::Exchange,
};

/// The headers clients and browsers act upon.
const HEADERS: [&str; 7] = [
    "Content-Type",
    "X-Content-Type-Options",
    "Location",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Sec-WebSocket-Accept",
];

/// Compares status and headers. A poll that was held without an answer may have sent its headers early.
pub(super) fn compare(expected: &Exchange, actual: &Exchange, findings: &mut Findings) {
    if purpose::is_held(expected) {
        findings.require(purpose::is_held(actual), || {
            format!(
                "had to be held without an answer, but got {:?} {:?}",
                actual.response.status,
                actual.response.text()
            )
        });
        return;
    }
    findings.equal("the status", expected.response.status, actual.response.status);
    for name in HEADERS {
        // The texts of refusals had no content type in the recordings; they may have one.
        if name == "Content-Type" && matches!(expected.response.status, Some(400 | 403 | 503)) {
            continue;
        }
        let header = |exchange: &Exchange| exchange.response.header(name).map(str::to_ascii_lowercase);
        findings.equal(&format!("the header {name}"), header(expected), header(actual));
    }
}

pub(super) fn compare_body(expected: &Exchange, actual: &Exchange, names: &Names, findings: &mut Findings) {
    let (expected_text, actual_text) = (expected.response.text(), actual.response.text());
    let command = Command::of(&expected.request);
    if command == Command::Script && expected.response.status == Some(200) {
        return script(expected, actual_text, findings);
    }
    if matches!(expected.response.status, Some(400 | 403 | 503)) && !expected_text.is_empty() {
        findings.require(!actual_text.trim().is_empty(), || {
            "a refusal has to say why, but its body is empty".to_owned()
        });
        return;
    }
    let (expected_callback, expected_json) = strip_jsonp(expected_text);
    let (actual_callback, actual_json) = strip_jsonp(actual_text);
    findings.equal("the JSONP callback", expected_callback, actual_callback);
    match (serde_json::from_str::<Value>(expected_json), serde_json::from_str::<Value>(actual_json)) {
        (Ok(expected), Ok(actual)) if command == Command::Negotiate => {
            json::compare_negotiation(&expected, &actual, names, findings);
        }
        (Ok(expected), Ok(actual)) if command == Command::Send => {
            json::compare_result(&expected, &actual, names, findings)
        }
        (Ok(expected), Ok(actual)) => json::compare("the answer", &expected, &actual, names, findings),
        (Ok(_) | Err(_), _) => {
            findings.equal("the body", names.expected(expected_text), names.actual(actual_text))
        }
    }
    if command == Command::Send && Transport::of(&expected.request) == Some(Transport::ForeverFrame) {
        // The answer is read inside a page: no tag may begin or end in it.
        findings.require(!actual_text.contains(['<', '>']), || {
            format!("is not escaped for a page: {actual_text}")
        });
    }
}

/// The script is ours; what a page needs of it is not.
fn script(expected: &Exchange, actual: &str, findings: &mut Findings) {
    let needed: &[&str] = if expected.request.url.starts_with("/nojs") {
        &["throw"]
    } else {
        &["createHubProxies", "hubConnection(", "oracle", "echo"]
    };
    for part in needed {
        findings.require(actual.contains(part), || format!("the script has no {part:?}: {actual}"));
    }
}
