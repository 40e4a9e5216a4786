//! HTTP requests as bytes.

use std::fmt::Write;

/// A request of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: &'static str,
    /// Path and query, escaped.
    pub target: String,
    /// More header lines, each with its line end.
    pub headers: &'static str,
    /// The body; empty for none.
    pub body: String,
}

/// The header lines that ask for a WebSocket. The key need not be fresh: nothing between here and the server caches upgrades.
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: aGVsaW9zdGF0IGNyYW5rIQ==\r\n";

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn get(target: String) -> Self {
        Self { method: "GET", target, ..Self::default() }
    }

    /// A request with a form, or with nothing, as its body.
    #[must_use]
    pub fn post(target: String, body: String) -> Self {
        Self { method: "POST", target, headers: "Content-Type: application/x-www-form-urlencoded\r\n", body }
    }

    /// The bytes on the wire.
    pub(crate) fn write(&self, out: &mut Vec<u8>, authority: &str) {
        let Self { method, target, headers, body } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n{headers}");
        if *method == "POST" {
            // Writing into a string cannot fail.
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.as_bytes());
    }
}

/// Appends `text` as it may stand in a query or a form: `%XX` for everything but letters, digits and `-._~`.
pub(crate) fn escape(out: &mut String, text: &[u8]) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            // As above.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_http() {
        let mut out = Vec::new();
        Request::post("/signalr/send?x=1".to_owned(), "data=%7B".to_owned()).write(&mut out, "h:1");
        let expected = "POST /signalr/send?x=1 HTTP/1.1\r\nHost: h:1\r\n\
                        Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\ndata=%7B";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn whatever_means_something_in_a_query_is_escaped() {
        let mut out = String::new();
        escape(&mut out, "a+/=&~ü".as_bytes());
        assert_eq!(out, "a%2B%2F%3D%26~%C3%BC");
    }
}
