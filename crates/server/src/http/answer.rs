//! The responses that are not transport connections: whole bodies, right headers, one reason each.

use bytes::Bytes;
use heliostat_proto::frame::jsonp::{self, Callback};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::transport::response_body::ResponseBody;

/// What every endpoint gives back.
pub(crate) type Answer = Response<ResponseBody>;

pub(crate) const JSON: &str = "application/json; charset=UTF-8";
pub(crate) const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// A response of SignalR's: never sniffed, never cached, never held back by a proxy (spec 2.9).
pub(crate) fn answer(status: StatusCode, content_type: Option<&'static str>, body: ResponseBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("-1"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
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
