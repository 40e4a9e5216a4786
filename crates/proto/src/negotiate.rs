//! What the server answers to negotiate, start and ping.
//!
//! Clients read these answers by hand-written comparisons, so the order of keys, the form of numbers (`20.0`) and
//! the blanks in the two small answers are those of the original server.

use std::io::Write;
use std::time::Duration;

use serde::Deserialize;

use crate::connection::client::{self, Terms};
use crate::id::ConnectionId;
use crate::json::{ObjectWriter, digits};
use crate::protocol_version::ProtocolVersion;

/// The answer to `/start`: clients compare `started` exactly and give up on anything else.
pub const STARTED: &str = r#"{ "Response": "started" }"#;

/// The answer to `/ping`: clients compare `pong` exactly.
pub const PONG: &str = r#"{ "Response": "pong" }"#;

/// The answer to `/negotiate` that lets a client in.
///
/// All fields go to clients of all versions: what a client does not know it ignores, but an old browser client that
/// misses a number it expects computes with `NaN` and gives up at once.
#[derive(Clone, Debug)]
pub struct NegotiateResponse<'a> {
    /// The path of the endpoint as the client sees it; browsers open their transports there.
    pub url: &'a str,
    /// What proves this connection in every later request.
    pub connection_token: &'a str,
    /// The fresh id, which the token contains.
    pub connection_id: ConnectionId,
    /// How long a client hears nothing before it gives its transport connection up: twice the keep-alive. `None`
    /// if no keep-alives are sent.
    pub keep_alive_timeout: Option<Duration>,
    /// How long a client tries to reconnect.
    pub disconnect_timeout: Duration,
    /// How long a poll is held at most.
    pub connection_timeout: Duration,
    /// Whether WebSockets are worth trying here.
    pub try_web_sockets: bool,
    /// The version both will speak.
    pub protocol_version: ProtocolVersion,
    /// How long a client waits for a transport to start before it tries the next.
    pub transport_connect_timeout: Duration,
    /// How long a client waits between two polls.
    pub long_poll_delay: Duration,
}

impl NegotiateResponse<'_> {
    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let mut object = ObjectWriter::begin(&mut out);
        object.text("Url", self.url);
        object.text("ConnectionToken", self.connection_token);
        quoted(object.key("ConnectionId"), &self.connection_id.to_text());
        match self.keep_alive_timeout {
            Some(timeout) => seconds(object.key("KeepAliveTimeout"), timeout),
            // 0 would mean "off" to browsers, but not to .NET clients.
            None => object.raw("KeepAliveTimeout", "null"),
        }
        seconds(object.key("DisconnectTimeout"), self.disconnect_timeout);
        seconds(object.key("ConnectionTimeout"), self.connection_timeout);
        object.raw("TryWebSockets", if self.try_web_sockets { "true" } else { "false" });
        version(object.key("ProtocolVersion"), self.protocol_version);
        seconds(object.key("TransportConnectTimeout"), self.transport_connect_timeout);
        seconds(object.key("LongPollDelay"), self.long_poll_delay);
        object.end();
        out
    }
}

/// The answer to `/negotiate` that sends a client elsewhere. Clients heed it from version 2.0 on
/// ([`ProtocolVersion::supports_redirect`]).
#[derive(Clone, Debug)]
pub struct Redirect<'a> {
    /// The version both speak.
    pub protocol_version: ProtocolVersion,
    /// Where to negotiate again. What follows its `?` replaces the client's own query string.
    pub url: &'a str,
    /// What the client shows there as a bearer token, if anything.
    pub access_token: Option<&'a str>,
}

impl Redirect<'_> {
    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut object = ObjectWriter::begin(&mut out);
        version(object.key("ProtocolVersion"), self.protocol_version);
        object.text("RedirectUrl", self.url);
        if let Some(token) = self.access_token {
            object.text("AccessToken", token);
        }
        object.end();
        out
    }
}

/// The answer to `/negotiate` that makes a client's start fail with a text. Clients heed it from version 2.0 on
/// ([`ProtocolVersion::supports_redirect`]).
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// The version both speak.
    pub protocol_version: ProtocolVersion,
    /// What the client's application is told.
    pub message: &'a str,
}

impl Refused<'_> {
    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let mut object = ObjectWriter::begin(&mut out);
        version(object.key("ProtocolVersion"), self.protocol_version);
        object.text("Error", self.message);
        object.end();
        out
    }
}

/// What a client reads in the answer to negotiate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NegotiateAnswer {
    /// The server offers a connection.
    Welcome(Welcome),
    /// It sends the client elsewhere.
    Redirect(client::Redirect),
    /// It refuses the client, with this text.
    Refused(Box<str>),
}

/// What a client keeps of a connection that is offered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The path of the endpoint as the server sees it. Browsers go on there; other clients keep the address that they have.
    pub url: Box<str>,
    /// What proves this connection in every later request.
    pub connection_token: Box<str>,
    /// The id, for people: the server believes only the token. Other servers' ids need not be GUIDs.
    pub connection_id: Box<str>,
    /// The durations and offers that the client's machine works by.
    pub terms: Terms,
    /// How long to wait between two polls, if no response says otherwise.
    pub long_poll_delay: Duration,
}

impl NegotiateAnswer {
    /// Reads the body of an answer.
    ///
    /// A duration that is missing is the protocol's default, and one that cannot be waited for counts as missing.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] if no connection can be made of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_proto::negotiate::NegotiateAnswer;
    ///
    /// let answer = br#"{"ConnectionToken":"t","ConnectionId":"i","TryWebSockets":false,"ProtocolVersion":"2.0"}"#;
    /// let NegotiateAnswer::Welcome(welcome) = NegotiateAnswer::decode(answer)? else { panic!() };
    /// assert_eq!(&*welcome.connection_token, "t");
    /// assert_eq!(welcome.terms.disconnect.as_secs(), 30);
    /// # Ok::<_, heliostat_proto::negotiate::AnswerError>(())
    /// ```
    pub fn decode(body: &[u8]) -> Result<Self, AnswerError> {
        let wire: Wire =
            serde_json::from_slice(body.trim_ascii()).map_err(|reason| AnswerError::NotJson {
                beginning: String::from_utf8_lossy(body).trim().chars().take(SHOWN).collect(),
                reason,
            })?;
        // 13.2: what has `availableTransports` is of the other dialect.
        if wire.available_transports.is_some() {
            return Err(AnswerError::Core);
        }
        let version = wire.protocol_version.ok_or(AnswerError::Missing { member: "ProtocolVersion" })?;
        let protocol_version = ProtocolVersion::parse(&version)
            .ok_or_else(|| AnswerError::Version { version: version.into() })?;
        if protocol_version.supports_redirect() {
            if let Some(text) = wire.error {
                return Ok(Self::Refused(text));
            }
            if let Some(url) = wire.redirect_url {
                return Ok(Self::Redirect(client::Redirect { url, access_token: wire.access_token }));
            }
        }
        Ok(Self::Welcome(Welcome {
            connection_token: wire
                .connection_token
                .ok_or(AnswerError::Missing { member: "ConnectionToken" })?,
            connection_id: wire.connection_id.unwrap_or_default(),
            url: wire.url.unwrap_or_default(),
            long_poll_delay: duration(wire.long_poll_delay).unwrap_or_default(),
            terms: Terms {
                protocol_version,
                keep_alive_timeout: duration(wire.keep_alive_timeout).filter(|timeout| !timeout.is_zero()),
                disconnect: duration(wire.disconnect_timeout).unwrap_or(Duration::from_secs(30)),
                connection: duration(wire.connection_timeout).unwrap_or(Duration::from_secs(110)),
                transport_connect: duration(wire.transport_connect_timeout).unwrap_or(Duration::from_secs(5)),
                web_sockets: match wire.try_web_sockets {
                    Some(true) => client::WebSockets::Offered,
                    Some(false) | None => client::WebSockets::NotOffered,
                },
            },
        }))
    }
}

/// Why no connection can be made of what came as the answer to negotiate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is no JSON, or a member has a type that cannot be.
    #[error(
        "the answer to negotiate, {beginning:?}, cannot be read: {reason}; see that the address is that of a SignalR endpoint"
    )]
    NotJson {
        /// The beginning of what came.
        beginning: Box<str>,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// A server of ASP.NET Core.
    #[error("this is a server of ASP.NET Core SignalR, whose protocol is another; use a client of that")]
    Core,
    /// A member without which nothing works.
    #[error("the answer to negotiate has no {member}; see that the address is that of a SignalR endpoint")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// The version is none.
    #[error(
        "the server's protocol version {version:?} is none; see that the address is that of a SignalR endpoint"
    )]
    Version {
        /// What it sent.
        version: Box<str>,
    },
}

/// So much of a wrong answer is shown.
const SHOWN: usize = 80;
/// Nobody waits longer than a year for a connection; beyond it, adding to an instant could overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    url: Option<Box<str>>,
    connection_token: Option<Box<str>>,
    connection_id: Option<Box<str>>,
    keep_alive_timeout: Option<f64>,
    disconnect_timeout: Option<f64>,
    connection_timeout: Option<f64>,
    transport_connect_timeout: Option<f64>,
    long_poll_delay: Option<f64>,
    try_web_sockets: Option<bool>,
    protocol_version: Option<String>,
    redirect_url: Option<Box<str>>,
    access_token: Option<Box<str>>,
    error: Option<Box<str>>,
    #[serde(rename = "availableTransports")]
    available_transports: Option<serde::de::IgnoredAny>,
}

fn duration(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok().filter(|duration| *duration <= LONGEST)
}

/// Beyond it, whole seconds are written like any others: Rust writes very large numbers with an exponent.
const PLAIN_SECONDS: u64 = 1_000_000_000;

/// Writes seconds in the original's form of a number, always with a fraction: `20.0`.
fn seconds(out: &mut Vec<u8>, duration: Duration) {
    match (duration.as_secs(), duration.subsec_nanos()) {
        (whole @ ..PLAIN_SECONDS, 0) => {
            digits(out, whole);
            out.extend_from_slice(b".0");
        }
        // A vector takes everything.
        (_, _) => _ = write!(out, "{:?}", duration.as_secs_f64()),
    }
}

fn version(out: &mut Vec<u8>, version: ProtocolVersion) {
    out.push(b'"');
    version.write(out);
    out.push(b'"');
}

/// Text in which nothing needs escaping.
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn response() -> NegotiateResponse<'static> {
        NegotiateResponse {
            url: "/signalr",
            connection_token: "Zm9v/+==",
            connection_id: ConnectionId::parse("5f0e2c1a-7d44-4b0e-9a53-0b6c1f2e9d77").unwrap(),
            keep_alive_timeout: Some(Duration::from_secs(20)),
            disconnect_timeout: Duration::from_secs(30),
            connection_timeout: Duration::from_secs(110),
            try_web_sockets: true,
            protocol_version: ProtocolVersion::new(1, 5),
            transport_connect_timeout: Duration::from_secs(5),
            long_poll_delay: Duration::ZERO,
        }
    }

    fn text(json: Vec<u8>) -> String {
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn cp_071_cp_074_negotiate_writes_every_field_in_the_recorded_order_and_form() {
        insta::assert_snapshot!(text(response().to_json()), @r#"{"Url":"/signalr","ConnectionToken":"Zm9v/+==","ConnectionId":"5f0e2c1a-7d44-4b0e-9a53-0b6c1f2e9d77","KeepAliveTimeout":20.0,"DisconnectTimeout":30.0,"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"1.5","TransportConnectTimeout":5.0,"LongPollDelay":0.0}"#);
    }

    #[test]
    fn cp_073_cp_075_without_keep_alive_and_web_sockets_it_says_null_and_false() {
        let response = NegotiateResponse {
            keep_alive_timeout: None,
            try_web_sockets: false,
            long_poll_delay: Duration::from_millis(1500),
            ..response()
        };
        insta::assert_snapshot!(text(response.to_json()), @r#"{"Url":"/signalr","ConnectionToken":"Zm9v/+==","ConnectionId":"5f0e2c1a-7d44-4b0e-9a53-0b6c1f2e9d77","KeepAliveTimeout":null,"DisconnectTimeout":30.0,"ConnectionTimeout":110.0,"TryWebSockets":false,"ProtocolVersion":"1.5","TransportConnectTimeout":5.0,"LongPollDelay":1.5}"#);
    }

    #[test]
    fn a_redirect_and_a_refusal_have_the_recorded_form() {
        let protocol_version = ProtocolVersion::HIGHEST;
        let redirect =
            Redirect { protocol_version, url: "http://a/redirect2?n=1", access_token: Some("TestToken") };
        insta::assert_snapshot!(text(redirect.to_json()), @r#"{"ProtocolVersion":"2.0","RedirectUrl":"http://a/redirect2?n=1","AccessToken":"TestToken"}"#);
        insta::assert_snapshot!(text(Redirect { access_token: None, ..redirect }.to_json()), @r#"{"ProtocolVersion":"2.0","RedirectUrl":"http://a/redirect2?n=1"}"#);
        let refused = Refused { protocol_version, message: "not \"today\"" };
        insta::assert_snapshot!(text(refused.to_json()), @r#"{"ProtocolVersion":"2.0","Error":"not \"today\""}"#);
    }

    #[test]
    fn cp_029_cp_110_ping_and_start_answer_word_for_word() {
        insta::assert_snapshot!(PONG, @r#"{ "Response": "pong" }"#);
        insta::assert_snapshot!(STARTED, @r#"{ "Response": "started" }"#);
    }

    #[test]
    fn cp_084_cp_085_redirects_and_errors_are_heeded_from_2_0_on() {
        let decode = |json: &str| NegotiateAnswer::decode(json.as_bytes()).unwrap();
        assert_eq!(
            decode(r#"{"ProtocolVersion":"2.0","RedirectUrl":"http://a/b?n=1","AccessToken":"T"}"#),
            NegotiateAnswer::Redirect(client::Redirect {
                url: "http://a/b?n=1".into(),
                access_token: Some("T".into())
            })
        );
        assert_eq!(
            decode(r#"{"ProtocolVersion":"2.0","Error":"no"}"#),
            NegotiateAnswer::Refused("no".into())
        );
        let old = decode(r#"{"ProtocolVersion":"1.5","Error":"no","RedirectUrl":"x","ConnectionToken":"t"}"#);
        assert!(matches!(old, NegotiateAnswer::Welcome(_)));
    }

    #[test]
    fn an_answer_of_which_nothing_can_be_made_says_what_is_wrong() {
        let refusal = |text: &str| NegotiateAnswer::decode(text.as_bytes()).unwrap_err().to_string();
        assert!(
            refusal("<html>Not Found")
                .contains("the answer to negotiate, \"<html>Not Found\", cannot be read")
        );
        assert!(refusal(r#"{"connectionId":"x","availableTransports":[]}"#).contains("ASP.NET Core"));
        assert!(refusal(r#"{"ProtocolVersion":"2.0"}"#).contains("has no ConnectionToken"));
        assert!(refusal(r#"{"ProtocolVersion":"two","ConnectionToken":"t"}"#).contains("version \"two\""));
    }

    #[test]
    fn durations_that_cannot_be_waited_for_are_the_defaults() {
        for number in ["-1", "1e300", "1e17", "null"] {
            let text = format!(
                r#"{{"ProtocolVersion":"2.0","ConnectionToken":"t","DisconnectTimeout":{number},"KeepAliveTimeout":{number}}}"#
            );
            let NegotiateAnswer::Welcome(welcome) = NegotiateAnswer::decode(text.as_bytes()).unwrap() else {
                panic!()
            };
            assert_eq!(welcome.terms.disconnect, Duration::from_secs(30), "{number}");
            assert_eq!(welcome.terms.keep_alive_timeout, None, "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>, members in r#"\{("(ProtocolVersion|ConnectionToken|KeepAliveTimeout|RedirectUrl)":("2.0"|1e9|null|-1|\[),?){0,5}\}"#) {
            let _ = NegotiateAnswer::decode(&bytes);
            let _ = NegotiateAnswer::decode(members.as_bytes());
        }

        #[test]
        fn every_welcome_that_a_server_writes_is_read_back(
            url: String, token: String, keep_alive in proptest::option::of(1u64..1_000_000), millis in 0u64..1_000_000_000,
        ) {
            let written = NegotiateResponse {
                url: &url, connection_token: &token, keep_alive_timeout: keep_alive.map(Duration::from_millis),
                disconnect_timeout: Duration::from_millis(millis), ..response()
            };
            let NegotiateAnswer::Welcome(read) = NegotiateAnswer::decode(&written.to_json()).unwrap() else { panic!() };
            prop_assert_eq!((&*read.url, &*read.connection_token), (url.as_str(), token.as_str()));
            prop_assert_eq!(read.terms.keep_alive_timeout, written.keep_alive_timeout);
            prop_assert_eq!(read.terms.disconnect, written.disconnect_timeout);
            prop_assert_eq!(read.terms.connection, written.connection_timeout);
            prop_assert_eq!(&*read.connection_id, &written.connection_id.to_string());
        }

        #[test]
        fn cp_082_any_answer_is_json_that_says_what_was_put_in_and_nothing_else(
            url: String, token: String, millis in 0u64..1_000_000_000_000,
        ) {
            let delay = Duration::from_millis(millis);
            let response = NegotiateResponse {
                url: &url, connection_token: &token, long_poll_delay: delay, ..response()
            };
            let read: Value = serde_json::from_slice(&response.to_json()).unwrap();
            prop_assert_eq!(read["Url"].as_str(), Some(url.as_str()));
            prop_assert_eq!(read["ConnectionToken"].as_str(), Some(token.as_str()));
            prop_assert_eq!(read["LongPollDelay"].as_f64(), Some(delay.as_secs_f64()));
            prop_assert_eq!(read.as_object().unwrap().len(), 10);
        }

        #[test]
        fn every_duration_is_a_number_of_json(secs: u64, nanos in 0u32..1_000_000_000) {
            let mut json = Vec::new();
            seconds(&mut json, Duration::new(secs, nanos));
            let text = text(json);
            prop_assert!(serde_json::from_str::<f64>(&text).is_ok(), "{text}");
        }

        #[test]
        fn whole_seconds_are_written_as_the_number_that_they_are(secs in prop_oneof![0u64..100_000, any::<u64>()]) {
            let (mut json, duration) = (Vec::new(), Duration::from_secs(secs));
            seconds(&mut json, duration);
            prop_assert_eq!(text(json), format!("{:?}", duration.as_secs_f64()));
        }
    }
}
