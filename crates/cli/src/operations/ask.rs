//! One question to a running server, over plain HTTP: as much of a client as the commands need.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(
        "'{0}' is not a URL that can be asked; write it like http://127.0.0.1:5080 (https is not spoken here)"
    )]
    BadUrl(String),
    #[error("nobody answers at {url}: {error}; is heliostat running there?")]
    NoAnswer { url: String, error: io::Error },
    #[error("{url} refused with {status}: {why}")]
    Refused { url: String, status: u16, why: String },
    #[error("{0} does not answer like a heliostat")]
    NotOurs(String),
}

/// Asks `url` (scheme and authority, perhaps with a base path) for `path` and reads the JSON that comes back.
pub(crate) fn ask(url: &str, path: &str, token: Option<&str>) -> Result<Value, AskError> {
    let bad_url = || AskError::BadUrl(url.to_owned());
    let parsed: http::Uri = url.parse().map_err(|_| bad_url())?;
    let authority = parsed.authority().filter(|_| parsed.scheme_str() == Some("http")).ok_or_else(bad_url)?;
    let path = format!("{}{path}", parsed.path().trim_end_matches('/'));
    let no_answer = |error| AskError::NoAnswer { url: url.to_owned(), error };
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let answer = exchange((host, port), &request(authority.as_str(), &path, token)).map_err(no_answer)?;
    let not_ours = || AskError::NotOurs(url.to_owned());
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(not_ours)?;
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(not_ours)?;
    let json: Option<Value> = serde_json::from_str(body).ok();
    if status == 200 {
        return json.ok_or_else(not_ours);
    }
    let why = json.as_ref().and_then(|json| json.get("error")?.as_str()).unwrap_or("no reason given");
    Err(AskError::Refused { url: url.to_owned(), status, why: why.to_owned() })
}

fn request(host: &str, path: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    // Version 1.0: the answer comes in one piece and ends with the connection.
    format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n{token}\r\n")
}

fn exchange((host, port): (&str, u16), request: &str) -> io::Result<String> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(request.as_bytes())?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                return Ok(answer);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
