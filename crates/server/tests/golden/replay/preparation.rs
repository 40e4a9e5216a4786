//! The negotiation that happened before some recordings began and is not in them.

use crate::{
    purpose::{Command, Identity},
    recording::{Recording, Request},
};

/// How to come by the token that a recording uses without having asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preparation {
    pub(crate) request: Request,
    /// Whether the token is damaged before use.
    damaged: bool,
}

/// What such recordings are about, at the end of their names.
const ABOUT: [&str; 8] = [
    "-missing-transport",
    "-unknown-transport",
    "-missing-connectiondata",
    "-empty-connectiondata",
    "-malformed-connectiondata",
    "-empty-array",
    "-unknown-hub",
    "-tampered-token",
];

impl Preparation {
    pub(crate) fn of(recording: &Recording) -> Option<Self> {
        let name = recording.name.strip_prefix("errors/")?;
        if recording.exchanges.iter().any(|exchange| Command::of(&exchange.request) == Command::Negotiate) {
            return None;
        }
        let alice = name.ends_with("-other-user-token")
            || matches!(name, "raw-connect-other-user-bob" | "raw-connect-same-user-case");
        let url = if alice {
            "/basicauth/echo/negotiate?clientProtocol=2.0"
        } else if name == "token-from-query-and-form"
            || (name.starts_with("raw-") && ABOUT.iter().any(|end| name.ends_with(end)))
        {
            "/raw/negotiate?clientProtocol=2.0"
        } else if name == "websockets-without-upgrade"
            || (name.starts_with("hub-") && ABOUT.iter().any(|end| name.ends_with(end)))
        {
            "/signalr/negotiate?clientProtocol=2.0&connectionData=%5B%7B%22name%22%3A%22oracle%22%7D%5D"
        } else {
            return None;
        };
        let mut headers: Vec<(String, String)> = vec![("Host".to_owned(), "127.0.0.1:8989".to_owned())];
        if alice {
            headers.push(("Authorization".to_owned(), "Basic YWxpY2U6cHc=".to_owned()));
        }
        let request = Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: None };
        Some(Self { request, damaged: name.ends_with("-tampered-token") })
    }

    /// The token to use.
    pub(crate) fn token(&self, identity: Identity) -> String {
        if !self.damaged {
            return identity.token;
        }
        let rest: String = identity.token.chars().skip(4).collect();
        let front = if identity.token.starts_with("AAAA") { "BBBB" } else { "AAAA" };
        format!("{front}{rest}")
    }
}
