//! As much of HTTP/1.1 as the load tool says: a head, perhaps a body of a known length.

use memchr::memmem;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Negotiate,
    /// A WebSocket; the key that its answer proves to have read.
    OpenWebSocket {
        key: &'a str,
    },
    OpenEventStream,
    /// The first request of long polling: answered at once.
    OpenPolling,
    /// Answered when there is a message for the client of this token.
    Poll {
        token: &'a str,
    },
    /// One call, in a form body.
    Send {
        form: &'a [u8],
    },
    Start,
    /// Anything else is answered with an empty object.
    Other,
}

/// The first request in `bytes` and its length, if all of it is there.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Request<'_>, usize)> {
    let head_length = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..head_length)?).unwrap_or_default();
    let mut lines = head.split("\r\n");
    let target = lines.next()?.split(' ').nth(1).unwrap_or_default();
    let (mut body_length, mut key) = (0, "");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body_length = value.trim().parse().unwrap_or_default();
        } else if name.eq_ignore_ascii_case("sec-websocket-key") {
            key = value.trim();
        }
    }
    let length = head_length + body_length;
    let form = bytes.get(head_length..length)?;
    Some((request(target, key, form), length))
}

fn request<'a>(target: &'a str, key: &'a str, form: &'a [u8]) -> Request<'a> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (path.rsplit('/').next().unwrap_or_default(), parameter(query, "transport")) {
        ("negotiate", _) => Request::Negotiate,
        ("connect", "webSockets") => Request::OpenWebSocket { key },
        ("connect", "serverSentEvents") => Request::OpenEventStream,
        ("connect", _) => Request::OpenPolling,
        ("poll", _) => Request::Poll { token: parameter(query, "connectionToken") },
        ("send", _) => Request::Send { form },
        ("start", _) => Request::Start,
        _ => Request::Other,
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> &'a str {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or_default()
}

/// The text of the field `data` of a form.
pub(crate) fn form_data(form: &[u8]) -> Vec<u8> {
    let encoded = form.strip_prefix(b"data=").unwrap_or(form);
    let mut text = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter().copied();
    while let Some(byte) = rest.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => 16 * digit(rest.next()) + digit(rest.next()),
            byte => byte,
        });
    }
    text
}

/// A hexadecimal digit; anything else is 0.
fn digit(text: Option<u8>) -> u8 {
    match text {
        Some(byte @ b'0'..=b'9') => byte - b'0',
        Some(byte @ b'a'..=b'f') => byte - b'a' + 10,
        Some(byte @ b'A'..=b'F') => byte - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_when_all_of_it_is_there() {
        let bytes =
            b"POST /signalr/send?transport=longPolling HTTP/1.1\r\ncontent-length: 6\r\n\r\ndata=%GET ";
        for length in 0..bytes.len() - 5 {
            assert_eq!(parse(&bytes[..length]), None, "{length}");
        }
        let (request, length) = parse(bytes).unwrap();
        assert_eq!((request, length), (Request::Send { form: b"data=%" }, bytes.len() - 4));
    }

    #[test]
    fn each_transport_opens_in_its_own_way() {
        let open = |query: &str| {
            let text = format!("GET /signalr/connect?{query} HTTP/1.1\r\nSec-WebSocket-Key: abc=\r\n\r\n");
            format!("{:?}", parse(text.as_bytes()).unwrap().0)
        };
        assert_eq!(open("tid=1&transport=webSockets"), "OpenWebSocket { key: \"abc=\" }");
        assert_eq!(open("transport=serverSentEvents"), "OpenEventStream");
        assert_eq!(open("transport=longPolling"), "OpenPolling");
    }

    #[test]
    fn a_form_is_read_back() {
        assert_eq!(form_data(b"data=%7B%22a%22+%7d"), b"{\"a\" }");
    }
}
