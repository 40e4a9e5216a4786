//! The responses that are not transport connections: whole bodies, right headers, one reason each.

use std::{cell::RefCell, sync::LazyLock};

use bytes::Bytes;
use heliostat_proto::frame::jsonp::{self, Callback};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::transport::response_body::ResponseBody;

/// What every endpoint gives back.
pub(crate) type Answer = Response<ResponseBody>;

pub(crate) const JSON: &str = "application/json; charset=UTF-8";
pub(crate) const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
/// Of an answer without any.
const PLAIN_TEXT: &str = "text/plain";
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer that is given so often that its map is made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    Json,
    PlainText,
    /// The beginning of a WebSocket.
    Socket,
}

const KINDS: usize = 3;

/// The maps of the usual answers: a map is copied for less than it is filled, or changed.
static MAPS: LazyLock<[(Usual, HeaderMap); KINDS]> = LazyLock::new(|| {
    let [json, plain_text] = [JSON, PLAIN_TEXT].map(|content_type| {
        let mut map = every_answer();
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        map
    });
    let mut socket = every_answer();
    socket.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    socket.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    socket.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(NOT_ACCEPTED));
    [(Usual::Json, json), (Usual::PlainText, plain_text), (Usual::Socket, socket)]
});

/// In the place of what accepts a WebSocket, which is another each time.
pub(super) const NOT_ACCEPTED: &str = "";

/// What every response says.
fn every_answer() -> HeaderMap {
    [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache, no-store, no-transform"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "-1"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect()
}

/// So many maps of each kind wait to be used again, in each thread.
const MOST_SPARE: usize = 8;

thread_local! {
    /// Maps that have come back unchanged from a host of ours: nearly every answer needs one, and to make one costs more than to say it.
    static SPARE: RefCell<[Vec<HeaderMap>; KINDS]> = const { RefCell::new([const { Vec::new() }; KINDS]) };
}

impl Usual {
    /// Which answer says just this, in this order.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let same = MAPS.iter().find(|(_, map)| map.len() == headers.len() && map.iter().eq(headers))?;
        Some(same.0)
    }

    /// The map of such an answer.
    fn map(self) -> HeaderMap {
        let spare = SPARE.with_borrow_mut(|spare| self.place(spare).pop());
        spare.unwrap_or_else(|| {
            let map = MAPS.iter().find(|(usual, _)| *usual == self);
            map.map_or_else(every_answer, |(_, map)| map.clone())
        })
    }

    /// Keeps a map that is [of](Self::of) this kind for the next answer.
    pub(super) fn give_back(self, map: HeaderMap) {
        SPARE.with_borrow_mut(|spare| {
            let spare = self.place(spare);
            if spare.len() < MOST_SPARE {
                spare.push(map);
            }
        });
    }

    fn place(self, spare: &mut [Vec<HeaderMap>; KINDS]) -> &mut Vec<HeaderMap> {
        let [json, plain_text, socket] = spare;
        match self {
            Self::Json => json,
            Self::PlainText => plain_text,
            Self::Socket => socket,
        }
    }
}

/// A response of SignalR's: never sniffed, never cached, never held back by a proxy (spec 2.9).
pub(crate) fn answer(status: StatusCode, content_type: Option<&'static str>, body: ResponseBody) -> Answer {
    let headers = match content_type {
        Some(JSON) => Usual::Json.map(),
        Some(PLAIN_TEXT) => Usual::PlainText.map(),
        Some(other) => {
            let mut headers = Usual::Json.map();
            // Not inserted: a map that is full would grow first.
            if let Some(place) = headers.get_mut(header::CONTENT_TYPE) {
                *place = HeaderValue::from_static(other);
            }
            headers
        }
        None => {
            let mut headers = Usual::Json.map();
            headers.remove(header::CONTENT_TYPE);
            headers
        }
    };
    respond(status, headers, body)
}

/// The answer that lets a WebSocket begin, which `accept` proves to be meant for its request (RFC 6455, 4.2.2).
pub(super) fn switch(accept: HeaderValue, body: ResponseBody) -> Answer {
    let mut headers = Usual::Socket.map();
    if let Some(place) = headers.get_mut(header::SEC_WEBSOCKET_ACCEPT) {
        *place = accept;
    }
    respond(StatusCode::SWITCHING_PROTOCOLS, headers, body)
}

fn respond(status: StatusCode, headers: HeaderMap, body: ResponseBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// JSON, or the call of the client's function with it.
pub(crate) fn json(body: &[u8], callback: Option<&Callback>) -> Answer {
    match callback {
        None => answer(StatusCode::OK, Some(JSON), ResponseBody::whole(Bytes::copy_from_slice(body))),
        Some(callback) => {
            let mut out = Vec::with_capacity(body.len() + 32);
            jsonp::wrap(&mut out, callback, body);
            answer(StatusCode::OK, Some(JAVASCRIPT), ResponseBody::whole(out))
        }
    }
}

/// A refusal that says why, in words for whoever reads the client's log. Rare, so whatever makes one lies out of the way of what goes on.
#[cold]
pub(crate) fn refusal(status: StatusCode, why: impl Into<String>) -> Answer {
    answer(status, Some(TEXT), ResponseBody::whole(why.into().into_bytes()))
}

/// A refusal that says nothing.
pub(crate) fn bare(status: StatusCode) -> Answer {
    answer(status, None, ResponseBody::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(answer: &Answer) -> String {
        let lines =
            answer.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Twice: as it is first, and as it is from a map that was used before.
    fn said(make: impl Fn() -> Answer) -> String {
        let first = lines(&make());
        for usual in [Usual::Json, Usual::PlainText, Usual::Socket] {
            usual.give_back(usual.map());
        }
        assert_eq!(lines(&make()), first);
        first
    }

    #[test]
    fn whatever_an_answer_is_it_says_the_same_of_itself_in_the_same_order() {
        let every = "x-content-type-options: nosniff\ncache-control: no-cache, no-store, no-transform\npragma: no-cache\nexpires: -1\n\
                     x-accel-buffering: no";
        for content_type in [JSON, JAVASCRIPT, TEXT, PLAIN_TEXT, "text/event-stream"] {
            let said = said(|| answer(StatusCode::OK, Some(content_type), ResponseBody::empty()));
            assert_eq!(said, format!("{every}\ncontent-type: {content_type}"));
        }
        assert_eq!(said(|| bare(StatusCode::OK)), every);
        let said = said(|| switch(HeaderValue::from_static("abc"), ResponseBody::empty()));
        assert_eq!(
            said,
            format!("{every}\nupgrade: websocket\nconnection: Upgrade\nsec-websocket-accept: abc")
        );
    }

    #[test]
    fn only_a_map_that_says_what_is_usual_is_taken_for_it() {
        for usual in [Usual::Json, Usual::PlainText, Usual::Socket] {
            assert_eq!(Usual::of(&usual.map()), Some(usual));
            let mut more = usual.map();
            more.append("x-more", HeaderValue::from_static("1"));
            let mut less = usual.map();
            less.remove(header::PRAGMA);
            let mut other = usual.map();
            other.insert(header::EXPIRES, HeaderValue::from_static("0"));
            assert_eq!([more, less, other].map(|map| Usual::of(&map)), [None; 3]);
        }
        let accepted = switch(HeaderValue::from_static("abc"), ResponseBody::empty());
        assert_eq!(Usual::of(accepted.headers()), None);
        assert_eq!(Usual::of(refusal(StatusCode::OK, "").headers()), None);
    }
}
