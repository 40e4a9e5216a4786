//! What the server answers to negotiate, start and ping.
//!
//! Clients read these answers by hand-written comparisons, so the order of keys, the form of numbers (`20.0`) and
//! the blanks in the two small answers are those of the original server.

use std::time::Duration;

use crate::id::ConnectionId;
use crate::json::ObjectWriter;
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
        object.text("ConnectionId", &self.connection_id.to_string());
        match self.keep_alive_timeout {
            Some(timeout) => object.raw("KeepAliveTimeout", &seconds(timeout)),
            // 0 would mean "off" to browsers, but not to .NET clients.
            None => object.raw("KeepAliveTimeout", "null"),
        }
        object.raw("DisconnectTimeout", &seconds(self.disconnect_timeout));
        object.raw("ConnectionTimeout", &seconds(self.connection_timeout));
        object.raw("TryWebSockets", if self.try_web_sockets { "true" } else { "false" });
        object.text("ProtocolVersion", &self.protocol_version.to_string());
        object.raw("TransportConnectTimeout", &seconds(self.transport_connect_timeout));
        object.raw("LongPollDelay", &seconds(self.long_poll_delay));
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
        object.text("ProtocolVersion", &self.protocol_version.to_string());
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
        object.text("ProtocolVersion", &self.protocol_version.to_string());
        object.text("Error", self.message);
        object.end();
        out
    }
}

/// Seconds in the original's form of a number, always with a fraction: `20.0`.
fn seconds(duration: Duration) -> String {
    format!("{:?}", duration.as_secs_f64())
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

    proptest! {
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
            let text = seconds(Duration::new(secs, nanos));
            prop_assert!(serde_json::from_str::<f64>(&text).is_ok(), "{text}");
        }
    }
}
