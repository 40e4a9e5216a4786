//! The head of an answer, in bytes.
//!
//! Nearly all of ours say what is usual, and that stands in the source. Those of others, and the few of ours that say something more, mostly say
//! the same as one before: the text of the last few is kept, and one that is needed again is neither made again nor kept twice.

use std::{cell::RefCell, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::http::answer::{ACCEPT, Content, SOCKET_LINES};

/// In the place of what accepts a WebSocket, in a head that is kept.
const NOT_ACCEPTED: &str = "";

/// So many heads are kept, by each thread.
const KEPT: usize = 4;
/// The room that most need, in bytes.
const USUAL_LENGTH: usize = 384;
/// One with more headers is not kept.
const MOST_KEPT_HEADERS: usize = 16;

thread_local! {
    /// The last heads, in no order, and which of them makes room for the next.
    static KNOWN: RefCell<(Vec<Arc<Encoded>>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

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
pub(crate) enum Last {
    Yes,
    No,
}

/// A head, without its length, its date, and whether it is the last: these differ every time.
#[derive(Debug)]
pub(super) enum AnswerHead {
    /// One of ours that says what is usual.
    Usual(StatusCode, Content),
    /// One of ours that begins a WebSocket. What accepts it is in a box, since other answers wait longer.
    Socket(Box<HeaderValue>),
    /// Whoever has made it.
    Encoded {
        encoded: Arc<Encoded>,
        /// What accepts the request for a WebSocket, which differs too.
        accept: Option<Box<HeaderValue>>,
    },
}

/// The text of a head, and what it was made from.
#[derive(Debug)]
pub(super) struct Encoded {
    status: StatusCode,
    /// What it was made from, if it is kept.
    headers: Vec<(HeaderName, HeaderValue)>,
    text: Vec<u8>,
    /// Where in the text the value of `Sec-WebSocket-Accept` belongs, if it is not there.
    accept_at: usize,
    says_connection: bool,
    says_date: bool,
}

impl AnswerHead {
    /// The head of this answer. How the body is framed is not the application's to say.
    pub(super) fn of(status: StatusCode, mut headers: HeaderMap) -> Self {
        let accept = take_accept(status, &mut headers);
        Self::Encoded { encoded: Encoded::of(status, headers), accept }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Usual(status, _) => *status,
            Self::Socket(_) => StatusCode::SWITCHING_PROTOCOLS,
            Self::Encoded { encoded, .. } => encoded.status,
        }
    }

    /// How the end of a body of so many bytes is known.
    pub(super) fn length_of(&self, body: usize) -> Length {
        match self.status() {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Length::None,
            _ => Length::Known(body),
        }
    }

    /// Appends the head to `out`, with what every answer says of itself: its length, its date, whether it is the last.
    pub(super) fn write(&self, out: &mut Vec<u8>, length: Length, last: Last) {
        let (mut says_connection, mut says_date) = (false, false);
        match self {
            Self::Usual(status, content) => {
                status_line(out, *status);
                out.extend_from_slice(content.lines().as_bytes());
            }
            Self::Socket(accept) => {
                status_line(out, StatusCode::SWITCHING_PROTOCOLS);
                out.extend_from_slice(SOCKET_LINES.as_bytes());
                line(out, ACCEPT.as_bytes(), accept.as_bytes());
                says_connection = true;
            }
            Self::Encoded { encoded, accept } => {
                encoded.write(out, accept.as_deref());
                (says_connection, says_date) = (encoded.says_connection, encoded.says_date);
            }
        }
        match length {
            Length::Known(length) => {
                out.extend_from_slice(b"content-length: ");
                out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Length::Chunks => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Length::None => {}
        }
        if last == Last::Yes && !says_connection {
            out.extend_from_slice(b"connection: close\r\n");
        }
        if says_date {
            out.extend_from_slice(b"\r\n");
        } else {
            DATE.with_borrow_mut(|date| out.extend_from_slice(date.last_line(SystemTime::now())));
        }
    }
}

/// The value that accepts a WebSocket; the rest of such an answer is always the same.
fn take_accept(status: StatusCode, headers: &mut HeaderMap) -> Option<Box<HeaderValue>> {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return None;
    }
    let place = headers.get_mut(header::SEC_WEBSOCKET_ACCEPT)?;
    Some(Box::new(std::mem::replace(place, HeaderValue::from_static(NOT_ACCEPTED))))
}

fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

impl Encoded {
    /// A known one, if there is.
    fn of(status: StatusCode, headers: HeaderMap) -> Arc<Self> {
        if headers.len() > MOST_KEPT_HEADERS {
            return Arc::new(Self::encode(status, &headers, Vec::new()));
        }
        KNOWN.with_borrow_mut(|(known, next)| {
            if let Some(same) = known.iter().find(|known| known.is_of(status, &headers)) {
                return Arc::clone(same);
            }
            // A value may be a piece of its request, which is not to be kept with it.
            let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
            let kept = headers.iter().filter_map(|(name, value)| Some((name.clone(), copy(value)?)));
            let new = Arc::new(Self::encode(status, &headers, kept.collect()));
            match known.get_mut(*next) {
                Some(place) => *place = Arc::clone(&new),
                None => known.push(Arc::clone(&new)),
            }
            *next = (*next + 1) % KEPT;
            new
        })
    }

    fn is_of(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.status == status
            && self.headers.len() == headers.len()
            && self.headers.iter().map(|(name, value)| (name, value)).eq(headers)
    }

    /// Appends it, with what accepts a WebSocket in its place.
    fn write(&self, out: &mut Vec<u8>, accept: Option<&HeaderValue>) {
        match (accept, self.text.split_at_checked(self.accept_at)) {
            (Some(accept), Some((before, after))) => {
                [before, accept.as_bytes(), after].iter().for_each(|part| out.extend_from_slice(part));
            }
            (_, _) => out.extend_from_slice(&self.text),
        }
    }

    fn encode(status: StatusCode, all: &HeaderMap, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        let mut text = Vec::with_capacity(USUAL_LENGTH);
        status_line(&mut text, status);
        let mut accept_at = None;
        for (name, value) in all {
            if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
                line(&mut text, name.as_str().as_bytes(), value.as_bytes());
            }
            if *name == header::SEC_WEBSOCKET_ACCEPT {
                accept_at = accept_at.or(text.len().checked_sub(b"\r\n".len()));
            }
        }
        Self {
            status,
            headers,
            text,
            accept_at: accept_at.unwrap_or_default(),
            says_connection: all.contains_key(header::CONNECTION),
            says_date: all.contains_key(header::DATE),
        }
    }
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
    /// The line that says it, and the empty one after the last.
    fn last_line(&mut self, now: SystemTime) -> &[u8] {
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second != Some(second) {
            let text = format!("date: {}\r\n\r\n", httpdate::HttpDate::from(now));
            (self.second, self.text) = (Some(second), text.into_bytes());
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Response, response::Parts};

    use crate::{
        http::answer::{answer, switch},
        http::host::prepared::Prepared,
        transport::response_body::ResponseBody,
    };

    fn encoded(head: Parts, length: Length, last: Last) -> String {
        let mut out = Vec::new();
        AnswerHead::of(head.status, head.headers).write(&mut out, length, last);
        String::from_utf8(out).unwrap()
    }

    fn of(head: Parts) -> Arc<Encoded> {
        match AnswerHead::of(head.status, head.headers) {
            AnswerHead::Encoded { encoded, .. } => encoded,
            other @ (AnswerHead::Usual(..) | AnswerHead::Socket(_)) => panic!("{other:?}"),
        }
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
        let text = encoded(head, Length::Known(1234), Last::No);
        let (before, date) = text.split_once("date: ").unwrap();
        insta::assert_snapshot!(before.escape_debug(), @r"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nvary: a\r\nvary: b\r\ncontent-length: 1234\r\n");
        assert!(date.ends_with(" GMT\r\n\r\n") && date.len() == 33, "{date:?}");
    }

    #[test]
    fn what_is_usual_is_said_as_a_library_would() {
        let said = |Prepared { head, .. }: Prepared| {
            let mut out = Vec::new();
            head.write(&mut out, Length::Known(1), Last::Yes);
            String::from_utf8(out).unwrap()
        };
        let answers = || {
            let usual = Content::ALL.map(|content| answer(StatusCode::OK, content, ResponseBody::empty()));
            let rare = answer(StatusCode::IM_A_TEAPOT, Content::Text, ResponseBody::empty());
            let socket = switch(HeaderValue::from_static("abc"), ResponseBody::empty());
            usual.into_iter().chain([rare, socket])
        };
        for (ours, theirs) in answers().zip(answers()) {
            assert_eq!(said(Prepared::from(ours)), said(Prepared::of(theirs.into())));
        }
    }

    #[test]
    fn only_the_host_says_how_a_body_is_framed() {
        let head = head(503, &[("content-length", "7"), ("transfer-encoding", "gzip"), ("date", "today")]);
        let text = encoded(head, Length::Chunks, Last::Yes);
        insta::assert_snapshot!(text.escape_debug(), @r"HTTP/1.1 503 Service Unavailable\r\ndate: today\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn what_the_application_says_of_the_connection_is_said_once() {
        let head = head(101, &[("connection", "Upgrade"), ("date", "today")]);
        assert!(!closes(&head.headers));
        let text = encoded(head, Length::None, Last::No);
        insta::assert_snapshot!(text.escape_debug(), @r"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\ndate: today\r\n\r\n");
    }

    #[test]
    fn a_head_is_kept_while_it_is_needed_and_no_other_is_taken_for_it() {
        let usual = || of(head(200, &[("vary", "a"), ("vary", "b"), ("date", "today")]));
        let first = usual();
        assert!(Arc::ptr_eq(&usual(), &first));
        let others: [(u16, &[(&str, &str)]); 5] = [
            (200, &[("vary", "b"), ("vary", "a"), ("date", "today")]),
            (200, &[("vary", "a"), ("date", "today")]),
            (200, &[("very", "a"), ("very", "b"), ("date", "today")]),
            (201, &[("vary", "a"), ("vary", "b"), ("date", "today")]),
            (101, &[("vary", "a"), ("vary", "b"), ("date", "today")]),
        ];
        for (status, headers) in others {
            let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let text = encoded(head(status, headers), Length::None, Last::No);
            let rest = text.strip_prefix(&format!("HTTP/1.1 {status} ")).unwrap();
            assert_eq!(rest.split_once("\r\n").unwrap().1, format!("{lines}\r\n"));
        }
        assert!(!Arc::ptr_eq(&usual(), &first), "four others have been kept since");
    }

    #[test]
    fn every_web_socket_is_accepted_with_its_own_key() {
        let accepted = |key: &'static str| {
            [
                head(101, &[("sec-websocket-accept", key), ("date", "today")]),
                head(
                    101,
                    &[
                        ("vary", "a"),
                        ("sec-websocket-accept", key),
                        ("sec-websocket-accept", "b"),
                        ("date", "today"),
                    ],
                ),
            ]
        };
        for key in ["one", "another", ""] {
            let [first, second] = accepted(key).map(|head| encoded(head, Length::None, Last::No));
            let beginning = "HTTP/1.1 101 Switching Protocols\r\n";
            assert_eq!(first, format!("{beginning}sec-websocket-accept: {key}\r\ndate: today\r\n\r\n"));
            let accepts = format!("sec-websocket-accept: {key}\r\nsec-websocket-accept: b");
            assert_eq!(second, format!("{beginning}vary: a\r\n{accepts}\r\ndate: today\r\n\r\n"));
        }
        let [first, second] = ["one", "another"].map(|key| of(accepted(key)[0].clone()));
        assert!(Arc::ptr_eq(&first, &second), "the rest is the same");
        let other =
            encoded(head(200, &[("sec-websocket-accept", "x"), ("date", "today")]), Length::None, Last::No);
        assert_eq!(other, "HTTP/1.1 200 OK\r\nsec-websocket-accept: x\r\ndate: today\r\n\r\n");
    }

    #[test]
    fn what_is_kept_keeps_nothing_else() {
        let request = Bytes::from(vec![b'x'; 1000]);
        let mut parts = head(200, &[]);
        parts.headers.insert("x-part", HeaderValue::from_maybe_shared(request.slice(..3)).unwrap());
        let kept = of(parts);
        assert!(request.is_unique(), "{kept:?}");
    }

    #[test]
    fn a_date_is_written_anew_when_its_second_is_over() {
        let mut date = Date { second: None, text: Vec::new() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_000);
        for (later, expected) in [(0, 37), (999, 37), (1000, 38)] {
            let text = date.last_line(now + Duration::from_millis(later));
            assert_eq!(text, format!("date: Sun, 06 Nov 1994 08:49:{expected} GMT\r\n\r\n").as_bytes());
        }
    }
}
