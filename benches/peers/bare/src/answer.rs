//! The bytes of every answer. Cursors and tokens have the length of the real ones, so that as many bytes are moved.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use tungstenite::handshake::derive_accept_key;

use crate::frame;

/// The first message of every transport connection.
const INITIALIZED: &str = r#"{"C":"d-4A3F2C1B-1","S":1,"M":[]}"#;
/// What long polling asks a client to acknowledge and a stream to show first.
const STREAM_PREAMBLE: &str = "data: initialized\n\n";

/// Answers a negotiation with a token that nobody else has.
pub(crate) fn negotiated() -> Vec<u8> {
    static CLIENTS: AtomicU64 = AtomicU64::new(0);
    let client = CLIENTS.fetch_add(1, Ordering::Relaxed);
    whole(&format!(
        concat!(
            r#"{{"Url":"/signalr","ConnectionToken":"{0:0>96x}","ConnectionId":"{0:0>36x}","KeepAliveTimeout":20.0,"#,
            r#""DisconnectTimeout":30.0,"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"2.1","#,
            r#""TransportConnectTimeout":5.0,"LongPollDelay":0.0}}"#
        ),
        client
    ))
}

/// Answers a request for a WebSocket, and says on it that the connection is there.
pub(crate) fn web_socket(key: &str) -> Vec<u8> {
    let accept = derive_accept_key(key.as_bytes());
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    frame_text(&mut out, INITIALIZED.as_bytes());
    out
}

/// Begins an event stream, and says on it that the connection is there.
pub(crate) fn event_stream() -> Vec<u8> {
    let mut out = concat!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n",
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    .as_bytes()
    .to_vec();
    chunk(&mut out, STREAM_PREAMBLE.as_bytes());
    event(&mut out, INITIALIZED.as_bytes());
    out
}

/// Answers the first request of long polling.
pub(crate) fn polling() -> Vec<u8> {
    whole(INITIALIZED)
}

/// Answers a start.
pub(crate) fn started() -> Vec<u8> {
    whole(r#"{ "Response": "started" }"#)
}

/// Answers everything else.
pub(crate) fn nothing() -> Vec<u8> {
    whole("{}")
}

/// A whole answer over HTTP.
pub(crate) fn whole(json: &str) -> Vec<u8> {
    let mut out = String::with_capacity(json.len() + 128);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nCache-Control: no-cache\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    out.into_bytes()
}

/// The result of a call.
pub(crate) fn result(id: &[u8], text: Option<&[u8]>) -> Vec<u8> {
    match text {
        Some(text) => [br#"{"R":""#, text, br#"","I":""#, id, br#""}"#].concat(),
        None => [br#"{"I":""#, id, br#""}"#].concat(),
    }
}

/// The hub's call of its clients.
pub(crate) fn called(text: &[u8]) -> Vec<u8> {
    [br#"{"H":"LoadHub","M":"called","A":[""#, text, br#""]}"#].concat()
}

/// A delivery of these calls, which commas separate.
pub(crate) fn delivery(calls: &[u8]) -> Vec<u8> {
    [br#"{"C":"d-4A3F2C1B-12","M":["#, calls, b"]}"].concat()
}

/// Appends `json` as a WebSocket frame.
pub(crate) fn frame_text(out: &mut Vec<u8>, json: &[u8]) {
    frame::text_head(out, json.len());
    out.extend_from_slice(json);
}

/// Appends `json` as an event in a chunk of its own.
pub(crate) fn event(out: &mut Vec<u8>, json: &[u8]) {
    chunk(out, &[b"data: ", json, b"\n\n"].concat());
}

fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("{:X}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_deliveries_are_json_with_the_text_in_it() {
        assert_eq!(result(b"7", Some(b"abc")), br#"{"R":"abc","I":"7"}"#);
        assert_eq!(result(b"7", None), br#"{"I":"7"}"#);
        let delivery = delivery(&called(b"abc"));
        assert_eq!(delivery, br#"{"C":"d-4A3F2C1B-12","M":[{"H":"LoadHub","M":"called","A":["abc"]}]}"#);
    }

    #[test]
    fn an_event_is_one_chunk() {
        let mut out = Vec::new();
        event(&mut out, b"{}");
        assert_eq!(out, b"A\r\ndata: {}\n\n\r\n");
    }

    #[test]
    fn no_two_clients_get_the_same_token() {
        assert_ne!(negotiated(), negotiated());
    }
}
