//! What a client and a server agree upon before they connect.
//!
//! The durations are the server's, from the answer of negotiate; the order of transports and the patience
//! between attempts are the client's. The connection's id and token are not here: whoever negotiates keeps
//! them, no rule depends on them.

use std::time::Duration;

use super::error::ClientError;
use crate::connection::Timeouts;
use crate::protocol_version::ProtocolVersion;
use crate::transport_kind::TransportKind;

/// What a client decides for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// The transports to try, in this order.
    pub transports: Vec<TransportKind>,
    /// How long to wait after a failed attempt to reconnect, and, except for WebSockets, before the first.
    pub reconnect_delay: Duration,
    /// What the client adds to the server's transport connect timeout.
    pub transport_connect: Duration,
    /// A reconnecting poll that has not failed for this long is taken for a success, because its answer may come
    /// as late as the connection timeout.
    pub poll_patience: Duration,
}

impl Default for ClientSettings {
    /// WebSockets, server-sent events, long polling; two seconds between attempts; five for a poll.
    fn default() -> Self {
        let transports =
            vec![TransportKind::WebSockets, TransportKind::ServerSentEvents, TransportKind::LongPolling];
        Self {
            transports,
            reconnect_delay: Duration::from_secs(2),
            transport_connect: Duration::ZERO,
            poll_patience: Duration::from_secs(5),
        }
    }
}

/// What a server answered to a negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It offers a connection.
    Welcome(Terms),
    /// It sends the client elsewhere (`RedirectUrl`; honoured from 2.0 on).
    Redirect(Redirect),
    /// It refuses the client, with this text (`Error`; honoured from 2.0 on).
    Refused(Box<str>),
    /// There was no answer, or none that could be read.
    Failed,
}

/// Where else to negotiate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The address. A query string in it replaces that of the application, until the connection ends.
    pub url: Box<str>,
    /// What to show there as a bearer token.
    pub access_token: Option<Box<str>>,
}

/// What a server offers with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The version it speaks.
    pub protocol_version: ProtocolVersion,
    /// After how much silence a transport connection is lost. `None` if the server sends no keep-alives.
    pub keep_alive_timeout: Option<Duration>,
    /// How long to try to reconnect.
    pub disconnect: Duration,
    /// How long a poll may take.
    pub connection: Duration,
    /// How long a transport may take to start.
    pub transport_connect: Duration,
    /// Whether WebSockets are worth a try.
    pub web_sockets: WebSockets,
}

/// Whether a server offers WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebSockets {
    /// It does.
    Offered,
    /// It does not: clients must not try.
    NotOffered,
}

/// A poll may take this much longer than the connection timeout, because its answer has a way to go.
const POLL_SLACK: Duration = Duration::from_secs(10);
/// The versions a client that sends a start request can speak.
const SPOKEN: std::ops::RangeInclusive<ProtocolVersion> =
    ProtocolVersion::new(1, 4)..=ProtocolVersion::new(2, 1);

impl Terms {
    /// What a server with these timeouts offers.
    #[must_use]
    pub fn of(timeouts: &Timeouts) -> Self {
        Self {
            protocol_version: ProtocolVersion::HIGHEST,
            keep_alive_timeout: timeouts.keep_alive_timeout(),
            disconnect: timeouts.disconnect(),
            connection: timeouts.connection(),
            transport_connect: timeouts.transport_connect(),
            web_sockets: WebSockets::Offered,
        }
    }

    /// The transports to try, in order.
    pub(super) fn transports(&self, settings: &ClientSettings) -> Result<Vec<TransportKind>, ClientError> {
        if !SPOKEN.contains(&self.protocol_version) {
            let (lowest, highest) = (*SPOKEN.start(), *SPOKEN.end());
            return Err(ClientError::Version { offered: self.protocol_version, lowest, highest });
        }
        let may_try = |kind: &TransportKind| {
            *kind != TransportKind::WebSockets || self.web_sockets == WebSockets::Offered
        };
        Ok(settings.transports.iter().copied().filter(may_try).collect())
    }

    /// When so much silence is worth a warning: two thirds of what would be a loss.
    pub(super) fn warning(&self) -> Option<Duration> {
        self.keep_alive_timeout.map(|timeout| timeout * 2 / 3)
    }

    /// Who was not even running for longer than this has been given up by the server.
    pub(super) fn reconnect_window(&self) -> Duration {
        self.disconnect + self.keep_alive_timeout.unwrap_or_default()
    }

    pub(super) fn longest_poll(&self) -> Duration {
        self.connection + POLL_SLACK
    }
}
