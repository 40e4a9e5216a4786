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
const TEXT: &str = "text/plain; charset=utf-8";

/// What every response says: a map is copied for less than it is filled.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache, no-store, no-transform"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "-1"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        // Most have this; others have their own in its place, or none.
        (header::CONTENT_TYPE, JSON),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect()
});

/// So many maps wait to be used again, in each thread.
const MOST_SPARE: usize = 8;

thread_local! {
    /// Maps that have come back unchanged from a host of ours: nearly every answer needs one, and to make one costs more than to say it.
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// Whether an answer with JSON says just this.
pub(super) fn is_usual(headers: &HeaderMap) -> bool {
    *headers == *HEADERS
}

/// Keeps a [usual](is_usual) map for the next answer.
pub(super) fn give_back(usual: HeaderMap) {
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MOST_SPARE {
            spare.push(usual);
        }
    });
}

/// A response of SignalR's: never sniffed, never cached, never held back by a proxy (spec 2.9).
pub(crate) fn answer(status: StatusCode, content_type: Option<&'static str>, body: ResponseBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let spare = SPARE.with_borrow_mut(Vec::pop);
    let mut headers = spare.unwrap_or_else(|| HEADERS.clone());
    // Which it says already.
    if content_type != Some(JSON) {
        match (content_type, headers.get_mut(header::CONTENT_TYPE)) {
            // Not inserted: a map that is full would grow first.
            (Some(content_type), Some(place)) => *place = HeaderValue::from_static(content_type),
            (_, _) => _ = headers.remove(header::CONTENT_TYPE),
        }
    }
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

/// A refusal that says why, in words for whoever reads the client's log.
pub(crate) fn refusal(status: StatusCode, why: impl Into<String>) -> Answer {
    answer(status, Some(TEXT), ResponseBody::whole(why.into().into_bytes()))
}

/// A refusal that says nothing.
pub(crate) fn bare(status: StatusCode) -> Answer {
    answer(status, None, ResponseBody::empty())
}
