//! What the binary serves besides SignalR: the start page, the demo pages and their files, and the operators' endpoint.
//!
//! The server is asked first: what comes here is for none of its endpoints, and is answered if its path is one of ours. All pages work under a
//! content security policy that allows nothing inline and nothing from elsewhere.

mod assets;
mod pages;
mod start_page;
mod template;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use heliostat::{RequestBody, ResponseBody, Server};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::service::Service;
use serde_json::json;

use crate::config::Configuration;
use crate::operations::{Operations, Peer};
use assets::Asset;
use start_page::StartPage;

/// Everything from this server, nothing inline; `connect-src 'self'` includes WebSockets to the same host.
///
/// The hash names the one style attribute that the official client writes: it hides the frame of the forever frame
/// transport, which would else be seen.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
                      style-src 'self' 'unsafe-hashes' 'sha256-7upzhVFG4tAiDrhGmMQ4BC3xJPS/zwMJOfc7u8chZ4g='; \
                      img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";

/// The pages in front of a server.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pages: Arc<Pages>,
    operations: Arc<Operations>,
}

#[derive(Debug)]
struct Pages {
    server: Server,
    started: Instant,
    start: StartPage,
    demos: HashMap<&'static str, Bytes>,
    assets: HashMap<&'static str, Asset>,
}

impl Site {
    pub(crate) fn new(server: &Server, configuration: &Configuration) -> Self {
        let pages = Pages {
            server: server.clone(),
            started: Instant::now(),
            start: StartPage::new(configuration),
            demos: pages::demos().map(|(path, page)| (path, page.into())).collect(),
            assets: assets::all(),
        };
        let operations = Operations::new(server, configuration.settings.operations_token.as_deref());
        Self { pages: Arc::new(pages), operations: Arc::new(operations) }
    }
}

/// The same, as one physical connection gets it.
#[derive(Debug)]
pub(crate) struct SiteFor {
    site: Site,
    peer: Peer,
}

impl Site {
    pub(crate) fn for_peer(&self, peer: Peer) -> SiteFor {
        SiteFor { site: self.clone(), peer }
    }
}

impl Service<Request<RequestBody>> for SiteFor {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let Site { pages, operations } = &self.site;
        let answer = operations.answer(&request, self.peer).or_else(|| pages.answer(&request));
        ready(Ok(answer.unwrap_or_else(not_found).map(ResponseBody::from)))
    }
}

impl Pages {
    /// The answer, if the path is one of ours.
    fn answer<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        let asset = self.assets.get(path);
        if asset.is_none() && !self.demos.contains_key(path) && !["/", "/status.json"].contains(&path) {
            return None;
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut refusal = answer("text/plain; charset=utf-8", Bytes::from_static(b"only GET and HEAD\n"));
            *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(refusal);
        }
        if let Some(asset) = asset {
            return Some(answer_with_tag(asset, request.headers()));
        }
        Some(match (path, self.demos.get(path)) {
            (_, Some(page)) => answer(HTML, page.clone()),
            ("/status.json", _) => answer("application/json", self.status()),
            _ => answer(HTML, self.start.render(self.started.elapsed(), &self.server.metrics()).into()),
        })
    }

    /// What the start page asks for to keep itself fresh.
    fn status(&self) -> Bytes {
        let metrics: serde_json::Map<String, serde_json::Value> =
            self.server.metrics().iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let running = self.started.elapsed();
        let status = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime": start_page::uptime(running),
            "uptimeSeconds": running.as_secs(),
            "metrics": metrics,
        });
        status.to_string().into()
    }
}

/// No page of ours.
fn not_found() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

/// A page, or data for one: always fresh.
fn answer(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A file, or the word that the browser's copy is still good.
fn answer_with_tag(asset: &Asset, asked: &HeaderMap) -> Response<Bytes> {
    let same = asked.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.tag.as_bytes());
    let mut response = answer(asset.content_type, if same { Bytes::new() } else { asset.body.clone() });
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    // A tag is hexadecimal digits in quotes: always a legal header value.
    if let Ok(tag) = HeaderValue::from_str(&asset.tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
