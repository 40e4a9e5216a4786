//! What an exchange is for: which command, over which transport, of which connection.

use serde_json::Value;

use crate::{
    query,
    recording::{Exchange, Recording, Request},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Negotiate,
    Ping,
    Script,
    Connect,
    Start,
    Reconnect,
    Poll,
    Send,
    Abort,
    /// Anything else: bench hooks, fixed answers, unmapped paths.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSockets,
    ServerSentEvents,
    ForeverFrame,
    LongPolling,
}

impl Transport {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        match query::value(query::of(&request.url), "transport")?.to_ascii_lowercase().as_str() {
            "websockets" => Some(Self::WebSockets),
            "serversentevents" => Some(Self::ServerSentEvents),
            "foreverframe" => Some(Self::ForeverFrame),
            "longpolling" => Some(Self::LongPolling),
            _ => None,
        }
    }
}

impl Command {
    pub(crate) fn of(request: &Request) -> Self {
        // The script tolerates a slash at the end; elsewhere such a path is no command.
        let path = query::path_of(&request.url);
        let path = if path.ends_with("/hubs/") { path.trim_end_matches('/') } else { path };
        match path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "negotiate" => Self::Negotiate,
            "ping" => Self::Ping,
            "hubs" | "js" => Self::Script,
            "connect" => Self::Connect,
            "start" => Self::Start,
            "reconnect" => Self::Reconnect,
            "poll" => Self::Poll,
            "send" => Self::Send,
            "abort" => Self::Abort,
            _ => Self::Other,
        }
    }

    /// Whether this command carries messages to the client.
    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::Connect | Self::Reconnect | Self::Poll)
    }
}

/// The connection token in the query.
pub(crate) fn token(request: &Request) -> Option<String> {
    query::value(query::of(&request.url), "connectionToken")
}

/// Whether this is a receive request over a transport that keeps its answer open.
pub(crate) fn is_stream(request: &Request) -> bool {
    Command::of(request).receives()
        && Transport::of(request).is_some_and(|transport| transport != Transport::LongPolling)
}

/// Whether this is a receive request that is answered once.
pub(crate) fn is_long_poll(request: &Request) -> bool {
    Command::of(request).receives() && Transport::of(request) == Some(Transport::LongPolling)
}

/// Whether this exchange speaks over a WebSocket.
pub(crate) fn is_web_socket(exchange: &Exchange) -> bool {
    exchange.response.status == Some(101)
}

/// Whether this exchange carried messages to the client: a stream, a WebSocket or an answered poll.
pub(crate) fn delivers(exchange: &Exchange) -> bool {
    is_web_socket(exchange)
        || (Command::of(&exchange.request).receives() && exchange.response.status == Some(200))
}

/// Whether a receive request was held without an answer. Early headers and keep-alives make no difference.
pub(crate) fn is_held(exchange: &Exchange) -> bool {
    is_long_poll(&exchange.request)
        && exchange.response.status.is_none_or(|status| status == 200)
        && exchange.response.text().trim_matches(' ').is_empty()
}

impl Recording {
    /// Whether a poll is one of many that a running client would make. How many it makes depends on batching, so only what
    /// arrived in total can be compared.
    pub(crate) fn is_loop_poll(&self, exchange: &Exchange) -> bool {
        let literal = matches!(self.group(), "errors" | "jsonp")
            || matches!(self.name.as_str(), "extra/jsonp-keepalive" | "timing/server-shutdown")
            || (self.group() == "longpolling" && self.name != "longpolling/long-poll-delay");
        Command::of(&exchange.request) == Command::Poll && is_long_poll(&exchange.request) && !literal
    }

    /// Whether a later exchange aborts the connection of this one.
    pub(crate) fn is_aborted_later(&self, index: usize) -> bool {
        let token = token(&self.exchanges[index].request);
        self.exchanges[index..].iter().any(|later| {
            Command::of(&later.request) == Command::Abort && crate::purpose::token(&later.request) == token
        })
    }
}

/// The identity a negotiate answer hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) token: String,
    pub(crate) id: String,
}

impl Identity {
    /// Reads the answer, if it is one that hands out an identity.
    pub(crate) fn of(exchange: &Exchange) -> Option<Self> {
        let (_, json) = strip_jsonp(exchange.response.text());
        let answer: Value = serde_json::from_str(json).ok()?;
        Some(Self {
            token: answer.get("ConnectionToken")?.as_str()?.to_owned(),
            id: answer.get("ConnectionId")?.as_str()?.to_owned(),
        })
    }
}

/// Splits `callback(json);` into callback and JSON. A body that is not of this form has no callback.
pub(crate) fn strip_jsonp(body: &str) -> (Option<&str>, &str) {
    let wrapped = body.strip_suffix(");").and_then(|rest| rest.split_once('('));
    match wrapped {
        Some((callback, json)) if callback.chars().all(|c| c.is_alphanumeric() || "._$".contains(c)) => {
            (Some(callback), json)
        }
        Some(_) | None => (None, body),
    }
}
