//! What negotiate said, read so leniently that what is missing or strange can be reported.

use std::time::Duration;

use serde_json::Value;

/// The terms of a SignalR connection, as far as the server gave them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Terms {
    pub(super) token: String,
    pub(super) version: Option<String>,
    /// Twice the time between two keep-alives. `None` if there are none.
    pub(super) keep_alive_timeout: Option<Duration>,
    pub(super) disconnect_timeout: Option<Duration>,
    pub(super) connection_timeout: Option<Duration>,
    pub(super) transport_connect_timeout: Option<Duration>,
    pub(super) web_sockets: Option<bool>,
    pub(super) url: Option<String>,
}

impl Terms {
    /// `None` if there is no token, without which nothing works.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let text = |name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let seconds = |name| {
            let seconds = answer.get(name).and_then(Value::as_f64)?;
            Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
        };
        Some(Self {
            token: text("ConnectionToken").filter(|token| !token.is_empty())?,
            version: text("ProtocolVersion"),
            keep_alive_timeout: seconds("KeepAliveTimeout"),
            disconnect_timeout: seconds("DisconnectTimeout"),
            connection_timeout: seconds("ConnectionTimeout"),
            transport_connect_timeout: seconds("TransportConnectTimeout"),
            web_sockets: answer.get("TryWebSockets").and_then(Value::as_bool),
            url: text("Url"),
        })
    }

    /// How long the server is quiet at most, if it keeps its word.
    pub(super) fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive_timeout.map(|timeout| timeout / 2)
    }

    /// How long official clients wait for a transport to start.
    pub(super) fn start_limit(&self) -> Duration {
        self.transport_connect_timeout.unwrap_or(Duration::from_secs(5))
    }
}
