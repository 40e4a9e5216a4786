//! The head of an HTTP answer.

use memchr::memmem;

use super::{WireError, body::Body};

/// A head longer than this is none.
const MAX_HEAD: usize = 64 * 1024;

/// What follows a head, and whether the connection can be used again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) after: After,
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Stays,
    Closes,
}

/// The head at the beginning of `bytes` and its length; `None` until it is complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, WireError> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD { Err(WireError::Head) } else { Ok(None) };
    };
    let text = bytes.get(..end).unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| WireError::Head)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(status).ok_or(WireError::Head)?;
    let (mut body, mut after) = (Body::UntilClose, After::Stays);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = Body::Length(value.parse().map_err(|_| WireError::Head)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            body = Body::CHUNKED;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            after = After::Closes;
        }
    }
    // RFC 9112, 6.3: these never have a body.
    if matches!(status, 100..=199 | 204 | 304) {
        body = Body::Length(0);
    }
    if body == Body::UntilClose {
        after = After::Closes;
    }
    Ok(Some((Head { status, body, after }, end + 4)))
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
        for cut in 0..bytes.len() - 5 {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        let (head, length) = parse(bytes).unwrap().unwrap();
        assert_eq!(head, Head { status: 200, body: Body::Length(5), after: After::Stays });
        assert_eq!(&bytes[length..], b"hello");
    }

    #[test]
    fn how_the_body_ends_is_told() {
        let head = |text: &str| parse(text.as_bytes()).unwrap().unwrap().0;
        assert_eq!(head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").body, Body::CHUNKED);
        assert_eq!(
            head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").body,
            Body::Length(0)
        );
        let endless = head("HTTP/1.0 200 OK\r\n\r\n");
        assert_eq!((endless.body, endless.after), (Body::UntilClose, After::Closes));
        assert_eq!(
            head("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n").after,
            After::Closes
        );
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200\r\nContent-Length: x\r\n\r\n"]
        {
            assert_eq!(parse(text.as_bytes()), Err(WireError::Head), "{text}");
        }
        assert_eq!(parse(&vec![b'a'; MAX_HEAD + 1]), Err(WireError::Head));
    }
}
