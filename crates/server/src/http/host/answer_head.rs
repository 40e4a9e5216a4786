//! The head of an answer, in bytes.

use std::{cell::RefCell, time::SystemTime};

use http::{HeaderMap, StatusCode, header, response::Parts};

/// How the end of the body is known (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Known(usize),
    /// Chunks, the last of which is empty.
    Chunks,
    /// There is none.
    None,
}

/// Whether another answer can follow on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Appends the head to `out`, with what every answer says of itself: its length, its date, whether it is the last.
pub(super) fn encode(out: &mut Vec<u8>, head: &Parts, length: Length, last: Last) {
    out.extend_from_slice(b"HTTP/1.1 ");
    if head.status == StatusCode::OK {
        out.extend_from_slice(b"200 OK\r\n");
    } else {
        out.extend_from_slice(head.status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in &head.headers {
        // How the body is framed is ours to say.
        if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
            line(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    match length {
        Length::Known(length) => line(out, b"content-length", itoa::Buffer::new().format(length).as_bytes()),
        Length::Chunks => line(out, b"transfer-encoding", b"chunked"),
        Length::None => {}
    }
    if last == Last::Yes && !head.headers.contains_key(header::CONNECTION) {
        line(out, b"connection", b"close");
    }
    if !head.headers.contains_key(header::DATE) {
        DATE.with_borrow_mut(|date| line(out, b"date", date.now(SystemTime::now())));
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether the application wants this answer to be the last.
pub(super) fn closes(headers: &HeaderMap) -> bool {
    headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

thread_local! {
    /// Written anew once a second.
    static DATE: RefCell<Date> = const { RefCell::new(Date { second: None, text: Vec::new() }) };
}

/// The time of day, as HTTP writes it.
struct Date {
    /// The second that the text is about, since 1970.
    second: Option<u64>,
    text: Vec<u8>,
}

impl Date {
    fn now(&mut self, now: SystemTime) -> &[u8] {
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second != Some(second) {
            (self.second, self.text) = (Some(second), httpdate::fmt_http_date(now).into_bytes());
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Response};
    use std::time::Duration;

    fn encoded(head: &Parts, length: Length, last: Last) -> String {
        let mut out = Vec::new();
        encode(&mut out, head, length, last);
        String::from_utf8(out).unwrap()
    }

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        response.into_parts().0
    }

    #[test]
    fn an_answer_says_its_length_and_its_date() {
        let head = head(200, &[("content-type", "text/plain"), ("vary", "a"), ("vary", "b")]);
        let text = encoded(&head, Length::Known(1234), Last::No);
        let (before, date) = text.split_once("date: ").unwrap();
        insta::assert_snapshot!(before.escape_debug(), @r"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nvary: a\r\nvary: b\r\ncontent-length: 1234\r\n");
        assert!(date.ends_with(" GMT\r\n\r\n") && date.len() == 33, "{date:?}");
    }

    #[test]
    fn only_the_host_says_how_a_body_is_framed() {
        let head = head(503, &[("content-length", "7"), ("transfer-encoding", "gzip"), ("date", "today")]);
        let text = encoded(&head, Length::Chunks, Last::Yes);
        insta::assert_snapshot!(text.escape_debug(), @r"HTTP/1.1 503 Service Unavailable\r\ndate: today\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn what_the_application_says_of_the_connection_is_said_once() {
        let head = head(101, &[("connection", "Upgrade"), ("date", "today")]);
        assert!(!closes(&head.headers));
        let text = encoded(&head, Length::None, Last::No);
        insta::assert_snapshot!(text.escape_debug(), @r"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\ndate: today\r\n\r\n");
    }

    #[test]
    fn a_date_is_written_anew_when_its_second_is_over() {
        let mut date = Date { second: None, text: Vec::new() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_000);
        for (later, expected) in [(0, 37), (999, 37), (1000, 38)] {
            let text = date.now(now + Duration::from_millis(later));
            assert_eq!(text, format!("Sun, 06 Nov 1994 08:49:{expected} GMT").as_bytes());
        }
    }
}
