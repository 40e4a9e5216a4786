//! The first part of an HTTP/1.1 exchange: the request as bytes, the answer's status and headers.

use crate::recording::Request;

/// The request as it goes over the network. Only `Content-Length` is made to fit the body; everything else is as recorded.
pub(crate) fn encode(request: &Request) -> Vec<u8> {
    let body = request.body.as_deref().unwrap_or_default();
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.url);
    for (name, value) in &request.headers {
        if name.eq_ignore_ascii_case("content-length") {
            text.push_str(&format!("{name}: {}\r\n", body.len()));
        } else {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// Status and headers of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// Takes the head off the front of what has been read; `None` while it is incomplete.
    pub(crate) fn take(read: &mut Vec<u8>) -> Option<Self> {
        let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&read[..end]).into_owned();
        read.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { status, headers })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
