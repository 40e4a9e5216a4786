//! The head of a request, as whoever read it hands it over: a library in its own types, or our host from where it lies.

use http::{Extensions, Method, request::Parts};

use super::headers::Headers;

/// A head that is for one of our endpoints.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    /// Without its `?`.
    pub(crate) query: &'a str,
    pub(crate) headers: Headers,
    /// What layers in front, or the host, left for us.
    pub(crate) extensions: Extensions,
}

impl<'a> Head<'a> {
    pub(crate) fn of(parts: &'a mut Parts) -> Self {
        Self {
            method: std::mem::take(&mut parts.method),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: Headers::pack(&parts.headers),
            extensions: std::mem::take(&mut parts.extensions),
        }
    }
}
