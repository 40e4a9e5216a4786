//! What operators may ask a running server, and the commands that ask it.
//!
//! `GET /operations/connections` lists the connections, `GET /operations/connections/<id>` adds the timeline of one; both are JSON. They
//! name users, so they are only for this machine unless a token is set, and then only for those who have it.

mod ask;
mod commands;
mod drawing;
mod table;

use std::net::SocketAddr;

use bytes::Bytes;
use heliostat::{ConnectionId, Server};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;

pub(crate) use commands::{Connections, TimelineOf};

const CONNECTIONS: &str = "/operations/connections";

/// Who is at the other end of a physical connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The operators' endpoint.
#[derive(Debug)]
pub(crate) struct Operations {
    server: Server,
    token: Option<String>,
}

impl Operations {
    pub(crate) fn new(server: &Server, token: Option<&str>) -> Self {
        Self { server: server.clone(), token: token.map(str::to_owned) }
    }

    /// The answer, if the path is one of ours.
    pub(crate) fn answer<B>(&self, request: &Request<B>, peer: Peer) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        let rest = path.strip_prefix(CONNECTIONS).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        if let Err(refusal) = self.admit(request, peer) {
            return Some(answer(refusal, json!({ "error": why(refusal) }).to_string()));
        }
        Some(match rest.trim_start_matches('/') {
            "" => answer(StatusCode::OK, json!({ "connections": self.server.connections() }).to_string()),
            id => self.one(id),
        })
    }

    fn one(&self, id: &str) -> Response<Bytes> {
        let id = ConnectionId::parse(id).ok();
        let found = id.and_then(|id| Some((self.server.connection(id)?, self.server.timeline(id)?)));
        match found {
            Some((connection, timeline)) => {
                answer(StatusCode::OK, json!({ "connection": connection, "timeline": timeline }).to_string())
            }
            None => answer(StatusCode::NOT_FOUND, json!({ "error": why(StatusCode::NOT_FOUND) }).to_string()),
        }
    }

    fn admit<B>(&self, request: &Request<B>, peer: Peer) -> Result<(), StatusCode> {
        if request.method() != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        match &self.token {
            Some(token) if has_token(request.headers(), token) => Ok(()),
            Some(_) => Err(StatusCode::UNAUTHORIZED),
            None if is_local(request, peer) => Ok(()),
            None => Err(StatusCode::FORBIDDEN),
        }
    }
}

/// From this machine, and for this machine: neither a proxy here that speaks for somebody elsewhere, nor a browser here that was sent by a
/// page from elsewhere.
fn is_local<B>(request: &Request<B>, Peer(peer): Peer) -> bool {
    let headers = request.headers();
    let is_forwarded = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name));
    peer.ip().to_canonical().is_loopback() && !is_forwarded && names_us(headers)
}

fn names_us(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let given = given.strip_prefix(b"Bearer ").unwrap_or_default();
    // Takes the same time wherever the first difference is.
    let differences = given.iter().zip(token.as_bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
    given.len() == token.len() && differences == 0
}

const fn why(refusal: StatusCode) -> &'static str {
    match refusal {
        StatusCode::UNAUTHORIZED => "send the operations token: Authorization: Bearer <token>",
        StatusCode::FORBIDDEN => {
            "only from this machine, by its name localhost; --operations-token opens it to others"
        }
        StatusCode::METHOD_NOT_ALLOWED => "only GET",
        _ => "this server knows no such connection",
    }
}

fn answer(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(token: Option<&str>) -> Operations {
        Operations::new(&Server::builder().build().unwrap(), token)
    }

    fn ask(operations: &Operations, peer: &str, headers: &[(&str, &str)]) -> StatusCode {
        let mut request = Request::get(CONNECTIONS);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        operations.answer(&request, Peer(peer.parse().unwrap())).unwrap().status()
    }

    #[tokio::test]
    async fn without_a_token_only_this_machine_may_ask_and_only_for_itself() {
        let operations = operations(None);
        let local = ("host", "localhost:5080");
        for peer in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert_eq!(ask(&operations, peer, &[local]), StatusCode::OK, "{peer}");
        }
        assert_eq!(ask(&operations, "127.0.0.1:9", &[("host", "[::1]:5080")]), StatusCode::OK);
        assert_eq!(ask(&operations, "192.0.2.1:9", &[local]), StatusCode::FORBIDDEN);
        assert_eq!(ask(&operations, "127.0.0.1:9", &[("host", "evil.example")]), StatusCode::FORBIDDEN);
        let forwarded = [local, ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(ask(&operations, "127.0.0.1:9", &forwarded), StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn with_a_token_whoever_has_it_may_ask_and_nobody_else() {
        let operations = operations(Some("secret"));
        for (given, expected) in [
            ("Bearer secret", StatusCode::OK),
            ("Bearer secreT", StatusCode::UNAUTHORIZED),
            ("Bearer secret2", StatusCode::UNAUTHORIZED),
            ("Bearer ", StatusCode::UNAUTHORIZED),
            ("secret", StatusCode::UNAUTHORIZED),
        ] {
            assert_eq!(ask(&operations, "192.0.2.1:9", &[("authorization", given)]), expected, "{given}");
        }
        assert_eq!(ask(&operations, "127.0.0.1:9", &[("host", "localhost")]), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn an_unknown_connection_is_not_found_and_other_paths_are_not_ours() {
        const PEER: Peer =
            Peer(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9));
        let operations = operations(Some("t"));
        let get = |path: &str| {
            let request = Request::get(path).header("authorization", "Bearer t").body(()).unwrap();
            operations.answer(&request, PEER).map(|answer| answer.status())
        };
        assert_eq!(get("/operations/connections/x"), Some(StatusCode::NOT_FOUND));
        assert_eq!(get("/operations/connectionsx"), None);
        assert_eq!(get("/signalr/negotiate"), None);
        let post = Request::post(CONNECTIONS).body(()).unwrap();
        assert_eq!(operations.answer(&post, PEER).unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
