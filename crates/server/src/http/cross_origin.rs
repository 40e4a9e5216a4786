//! Requests from pages of other origins: who may talk to us, and who may read the answer (spec 2.8, 12.3).

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::answer::{Answer, bare};
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

pub(crate) fn judge(options: &EndpointOptions, method: &Method, headers: &HeaderMap) -> CrossOrigin {
    let origin = headers.get(header::ORIGIN);
    let text = origin.and_then(|origin| origin.to_str().ok());
    if !options.origins.allows(text) {
        return CrossOrigin::Foreign;
    }
    let readable = origin.filter(|_| text.is_some_and(|text| options.cors.allows(text))).cloned();
    let asks = readable.as_ref().filter(|_| method == Method::OPTIONS);
    match asks.and_then(|origin| Some((origin, headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?))) {
        Some((origin, wanted)) => {
            let mut answer = bare(StatusCode::NO_CONTENT);
            let out = answer.headers_mut();
            out.remove(header::X_CONTENT_TYPE_OPTIONS);
            out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
            if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            allow(&mut answer, origin.clone());
            CrossOrigin::Preflight(Box::new(answer))
        }
        None => CrossOrigin::Serve(readable),
    }
}

/// Lets the page read this answer: its exact origin, with credentials (the official client always sends them).
pub(crate) fn allow(answer: &mut Answer, origin: HeaderValue) {
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
