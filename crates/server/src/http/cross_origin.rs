//! Requests from pages of other origins: who may talk to us, and who may read the answer (spec 2.8, 12.3).

use http::{HeaderValue, Method, StatusCode, header};

use super::{
    answer::{Answer, bare},
    headers::Headers,
    request::text,
};
use crate::endpoint::EndpointOptions;

/// What the endpoint's options make of the request's `Origin`.
#[derive(Debug)]
pub(crate) enum CrossOrigin {
    /// Go on; these headers belong to the answer, whatever it will be.
    Serve(Option<HeaderValue>),
    /// A preflight: here is the answer.
    Preflight(Box<Answer>),
    /// The page may not talk to us at all.
    Foreign,
}

pub(crate) fn judge(options: &EndpointOptions, method: &Method, headers: &Headers) -> CrossOrigin {
    let origin = headers.first("origin");
    let text = origin.and_then(text);
    if !options.origins.allows(text) {
        return CrossOrigin::Foreign;
    }
    let copy = |name| headers.first(name).and_then(|value| HeaderValue::from_bytes(value).ok());
    let readable = text.filter(|text| options.cors.allows(text)).and_then(|_| copy("origin"));
    let asks = readable.as_ref().filter(|_| method == Method::OPTIONS);
    match asks.and_then(|origin| Some((origin, copy("access-control-request-method")?))) {
        Some((origin, wanted)) => {
            let answer = bare(StatusCode::NO_CONTENT).saying(|headers| {
                headers.remove(header::X_CONTENT_TYPE_OPTIONS);
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted);
                if let Some(asked) = copy("access-control-request-headers") {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
                }
            });
            CrossOrigin::Preflight(Box::new(allow(answer, origin.clone())))
        }
        None => CrossOrigin::Serve(readable),
    }
}

/// Lets the page read this answer: its exact origin, with credentials (the official client always sends them).
pub(crate) fn allow(answer: Answer, origin: HeaderValue) -> Answer {
    answer.saying(|headers| {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    })
}
