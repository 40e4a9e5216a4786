//! What came over a receive channel, freed of batches.

use serde_json::{Map, Value};

use super::{Findings, json, names::Names};
use crate::{
    delivery::{Delivered, What},
    purpose::Transport,
    query,
    recording::Request,
};

/// The members a persistent response may have.
const MEMBERS: [&str; 8] = ["C", "S", "T", "G", "L", "M", "D", "E"];

pub(super) struct Comparison<'a> {
    pub(super) request: &'a Request,
    pub(super) is_connect: bool,
    pub(super) names: &'a Names,
}

/// One thing that happened on the channel, in order.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Initialized,
    Message(Value),
    /// A new groups token; what is in it is the server's secret.
    Groups,
    /// `T`, `D` or `E`.
    Signal(&'static str),
}

impl Comparison<'_> {
    pub(super) fn compare(&self, expected: &[Delivered], actual: &[Delivered], findings: &mut Findings) {
        for (number, delivered) in actual.iter().enumerate() {
            self.check(number, delivered, findings);
        }
        self.compare_delays(expected, actual, findings);
        self.compare_tokens(&tokens(expected), &tokens(actual), findings);
        self.compare_results(expected, actual, findings);
        findings.equal("the close frames", closes(expected), closes(actual));
        findings.equal("the pongs", pongs(expected), pongs(actual));
    }

    /// What holds for every part of a channel, whatever was recorded.
    fn check(&self, part: usize, delivered: &Delivered, findings: &mut Findings) {
        for (number, (_, response)) in delivered.responses().enumerate() {
            let unknown: Vec<&String> =
                members(response).keys().filter(|key| !MEMBERS.contains(&key.as_str())).collect();
            findings.require(unknown.is_empty(), || format!("unknown members {unknown:?} in {response}"));
            for mark in ["C", "G"] {
                let text = response.get(mark).map(|value| value.as_str().unwrap_or_default());
                let may_lack = mark == "G";
                findings.require(text.map_or(may_lack, |text| !text.is_empty()), || {
                    format!("no proper {mark} in {response}")
                });
            }
            let initializes = response.get("S").is_some();
            findings.require(!initializes || (self.is_connect && (part, number) == (0, 0)), || {
                format!("S where none belongs: {response}")
            });
        }
        for arrival in &delivered.arrivals {
            if let What::Nonsense(text) = &arrival.what {
                findings.add(format!("neither response nor result: {text:?}"));
            }
        }
        match Transport::of(self.request) {
            Some(Transport::ServerSentEvents) => {
                findings.equal("the greeting", "data: initialized\n\n", &delivered.preamble)
            }
            Some(Transport::ForeverFrame) => self.check_page(&delivered.preamble, findings),
            Some(Transport::WebSockets | Transport::LongPolling) | None => {}
        }
    }

    /// Spec 6.4: the page finds the connection by its frame id, defines `c` and `r`, and tells the client that it has started.
    fn check_page(&self, page: &str, findings: &mut Findings) {
        let frame = query::value(query::of(&self.request.url), "frameId").unwrap_or_default();
        let connection = format!("getConnection('{frame}')");
        let needed = [
            "<html",
            "<script>",
            "jQuery",
            "signalR.transports.foreverFrame",
            &connection,
            "started(c)",
            "receive",
            "<body>",
        ];
        for part in needed {
            findings.require(page.contains(part), || format!("the page has no {part:?}: {page}"));
        }
    }

    /// `L` is in every answer or in none.
    fn compare_delays(&self, expected: &[Delivered], actual: &[Delivered], findings: &mut Findings) {
        let delays = |all: &[Delivered]| -> Vec<Option<u64>> {
            let mut delays: Vec<_> = all
                .iter()
                .flat_map(Delivered::responses)
                .map(|(_, response)| response.get("L")?.as_u64())
                .collect();
            delays.sort_unstable();
            delays.dedup();
            delays
        };
        let (expected, actual) = (delays(expected), delays(actual));
        findings.require(expected.is_empty() || actual.is_empty() || expected == actual, || {
            format!("the delays (L) are {actual:?}, not {expected:?}")
        });
    }

    fn compare_tokens(&self, expected: &[Token], actual: &[Token], findings: &mut Findings) {
        let kinds = |tokens: &[Token]| tokens.iter().map(kind).collect::<Vec<_>>();
        if kinds(expected) != kinds(actual) {
            let show = |tokens: &[Token]| tokens.iter().map(show).collect::<Vec<_>>().join(" · ");
            return findings.add(format!(
                "\n      expected {}\n      got      {}",
                show(expected),
                show(actual)
            ));
        }
        for (number, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            if let (Token::Message(expected), Token::Message(actual)) = (expected, actual) {
                json::compare(&format!("message {number}"), expected, actual, self.names, findings);
            }
        }
    }

    /// Results come when they are ready, in any order among themselves and among the messages.
    fn compare_results(&self, expected: &[Delivered], actual: &[Delivered], findings: &mut Findings) {
        let sorted = |all: &[Delivered]| {
            let mut results: Vec<Value> = all.iter().flat_map(Delivered::results).cloned().collect();
            results.sort_by_key(|result| result["I"].to_string());
            results
        };
        let (expected, actual) = (sorted(expected), sorted(actual));
        let ids = |results: &[Value]| results.iter().map(|result| result["I"].clone()).collect::<Vec<_>>();
        findings.equal("the invocations that were answered", ids(&expected), ids(&actual));
        for (expected, actual) in
            expected.iter().zip(&actual).filter(|(expected, actual)| expected["I"] == actual["I"])
        {
            json::compare_result(expected, actual, self.names, findings);
        }
    }
}

fn members(response: &Value) -> &Map<String, Value> {
    response.as_object().expect("a response is an object")
}

fn tokens(all: &[Delivered]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (_, response) in all.iter().flat_map(Delivered::responses) {
        tokens.extend(response.get("S").map(|_| Token::Initialized));
        tokens.extend(
            response.get("M").and_then(Value::as_array).into_iter().flatten().cloned().map(Token::Message),
        );
        tokens.extend(response.get("G").map(|_| Token::Groups));
        let signals = ["T", "D", "E"].into_iter().filter(|signal| response.get(signal).is_some());
        tokens.extend(signals.map(Token::Signal));
    }
    tokens
}

fn kind(token: &Token) -> &'static str {
    match token {
        Token::Initialized => "S",
        Token::Message(_) => "M",
        Token::Groups => "G",
        Token::Signal(signal) => signal,
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Message(message) => message.to_string(),
        Token::Initialized | Token::Groups | Token::Signal(_) => format!("({})", kind(token)),
    }
}

fn closes(all: &[Delivered]) -> Vec<Option<u16>> {
    let arrivals = all.iter().flat_map(|delivered| &delivered.arrivals);
    arrivals
        .filter_map(|arrival| if let What::Close(code) = arrival.what { Some(code) } else { None })
        .collect()
}

fn pongs(all: &[Delivered]) -> Vec<&str> {
    let arrivals = all.iter().flat_map(|delivered| &delivered.arrivals);
    arrivals
        .filter_map(|arrival| if let What::Pong(text) = &arrival.what { Some(text.as_str()) } else { None })
        .collect()
}
