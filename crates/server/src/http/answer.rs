//! The answers that endpoints give: whole bodies, right headers, one reason each.
//!
//! Nearly all of them say one of a few things of themselves, so they say *which*, and become a library's response only where a library
//! asks for it: our own host writes those lines as they stand here.

use std::sync::LazyLock;

use bytes::Bytes;
use heliostat_proto::frame::jsonp::{self, Callback};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::transport::response_body::ResponseBody;

/// What every endpoint gives back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: AnswerHeaders,
    pub(super) body: ResponseBody,
}

/// What an answer says of itself.
#[derive(Debug)]
pub(super) enum AnswerHeaders {
    /// What every answer of this content says.
    Usual(Content),
    /// What lets a WebSocket begin, and this, which proves that it is meant for its request (RFC 6455, 4.2.2).
    Socket(Box<HeaderValue>),
    Own(Box<HeaderMap>),
}

/// What is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    JavaScript,
    EventStream,
    Html,
    /// Words for whoever reads the client's log.
    Text,
    /// The empty answer to an abort, which official servers call this.
    PlainText,
    /// Nothing.
    Untyped,
}

/// What every response says: it is never sniffed, never cached, never held back by a proxy (spec 2.9).
macro_rules! every_answer {
    ($($own:literal),*) => {
        concat!(
            "x-content-type-options: nosniff\r\n",
            "cache-control: no-cache, no-store, no-transform\r\n",
            "pragma: no-cache\r\n",
            "expires: -1\r\n",
            "x-accel-buffering: no\r\n",
            $($own, "\r\n"),*
        )
    };
}

/// What the beginning of a WebSocket says, but for what accepts it.
pub(super) const SOCKET_LINES: &str = every_answer!("upgrade: websocket", "connection: Upgrade");
/// What accepts it.
pub(super) const ACCEPT: &str = "sec-websocket-accept";

impl Content {
    #[cfg(test)]
    pub(super) const ALL: [Self; 7] = [
        Self::Json,
        Self::JavaScript,
        Self::EventStream,
        Self::Html,
        Self::Text,
        Self::PlainText,
        Self::Untyped,
    ];

    /// All header lines of such an answer.
    pub(super) const fn lines(self) -> &'static str {
        match self {
            Self::Json => every_answer!("content-type: application/json; charset=UTF-8"),
            Self::JavaScript => every_answer!("content-type: application/javascript; charset=UTF-8"),
            Self::EventStream => every_answer!("content-type: text/event-stream"),
            Self::Html => every_answer!("content-type: text/html; charset=UTF-8"),
            Self::Text => every_answer!("content-type: text/plain; charset=utf-8"),
            Self::PlainText => every_answer!("content-type: text/plain"),
            Self::Untyped => every_answer!(),
        }
    }
}

impl AnswerHeaders {
    /// For a library.
    fn into_map(self) -> HeaderMap {
        /// Of the answers that libraries carry most: a map is copied for less than it is made.
        static JSON: LazyLock<HeaderMap> = LazyLock::new(|| map_of(Content::Json.lines()));
        match self {
            Self::Usual(Content::Json) => JSON.clone(),
            Self::Usual(content) => map_of(content.lines()),
            Self::Socket(accept) => {
                let mut map = map_of(SOCKET_LINES);
                map.insert(ACCEPT, *accept);
                map
            }
            Self::Own(map) => *map,
        }
    }
}

fn map_of(lines: &'static str) -> HeaderMap {
    let pairs = lines.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

impl Answer {
    /// Lets it say more than what is usual, or less.
    pub(super) fn saying(self, change: impl FnOnce(&mut HeaderMap)) -> Self {
        let mut map = self.headers.into_map();
        change(&mut map);
        Self { headers: AnswerHeaders::Own(Box::new(map)), ..self }
    }
}

impl From<Answer> for Response<ResponseBody> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers.into_map();
        response
    }
}

/// A response of SignalR's.
pub(crate) const fn answer(status: StatusCode, content: Content, body: ResponseBody) -> Answer {
    Answer { status, headers: AnswerHeaders::Usual(content), body }
}

/// The answer that lets a WebSocket begin.
pub(super) fn switch(accept: HeaderValue, body: ResponseBody) -> Answer {
    let headers = AnswerHeaders::Socket(Box::new(accept));
    Answer { status: StatusCode::SWITCHING_PROTOCOLS, headers, body }
}

/// An answer that says nothing of itself: it is not ours to say.
#[cold]
pub(super) fn silent(status: StatusCode) -> Answer {
    Answer { status, headers: AnswerHeaders::Own(Box::default()), body: ResponseBody::empty() }
}

/// JSON, or the call of the client's function with it.
pub(crate) fn json(body: &[u8], callback: Option<&Callback>) -> Answer {
    match callback {
        None => answer(StatusCode::OK, Content::Json, ResponseBody::whole(Bytes::copy_from_slice(body))),
        Some(callback) => {
            let mut out = Vec::with_capacity(body.len() + 32);
            jsonp::wrap(&mut out, callback, body);
            answer(StatusCode::OK, Content::JavaScript, ResponseBody::whole(out))
        }
    }
}

/// A refusal that says why, in words for whoever reads the client's log. Rare, so whatever makes one lies out of the way of what goes on.
#[cold]
pub(crate) fn refusal(status: StatusCode, why: impl Into<String>) -> Answer {
    answer(status, Content::Text, ResponseBody::whole(why.into().into_bytes()))
}

/// A refusal that says nothing.
pub(crate) fn bare(status: StatusCode) -> Answer {
    answer(status, Content::Untyped, ResponseBody::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(answer: Answer) -> String {
        let response = Response::from(answer);
        let headers = response.headers().iter();
        let lines = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn whatever_an_answer_is_it_says_the_same_of_itself_in_the_same_order() {
        let every = "x-content-type-options: nosniff\ncache-control: no-cache, no-store, no-transform\npragma: no-cache\nexpires: -1\n\
                     x-accel-buffering: no";
        let types = [
            "application/json; charset=UTF-8",
            "application/javascript; charset=UTF-8",
            "text/event-stream",
            "text/html; charset=UTF-8",
            "text/plain; charset=utf-8",
            "text/plain",
        ];
        for (content, content_type) in Content::ALL.into_iter().zip(types) {
            let said = lines(answer(StatusCode::OK, content, ResponseBody::empty()));
            assert_eq!(said, format!("{every}\ncontent-type: {content_type}"));
        }
        assert_eq!(lines(bare(StatusCode::OK)), every);
        assert_eq!(lines(silent(StatusCode::OK)), "");
        let said = lines(switch(HeaderValue::from_static("abc"), ResponseBody::empty()));
        assert_eq!(
            said,
            format!("{every}\nupgrade: websocket\nconnection: Upgrade\nsec-websocket-accept: abc")
        );
    }

    #[test]
    fn what_is_said_besides_comes_behind_what_is_usual() {
        for content in Content::ALL {
            let usual = lines(answer(StatusCode::OK, content, ResponseBody::empty()));
            let mut more = answer(StatusCode::OK, content, ResponseBody::empty());
            for (name, value) in [("x-one", "1"), ("x-two", "2")] {
                more = more.saying(|map| _ = map.insert(name, HeaderValue::from_static(value)));
            }
            assert_eq!(lines(more), format!("{usual}\nx-one: 1\nx-two: 2"));
        }
    }
}
