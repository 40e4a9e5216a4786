//! Lets request targets through that hand-written and old clients send unescaped.
//!
//! Some clients append `connectionData=[{"Name":"ChatHub"}]` to the query as it is (spec 2.3, Q3). HTTP libraries refuse a raw `"`,
//! rightly; this wrapper escapes such characters on their way in. It follows just enough of HTTP/1.1 to know where the next request
//! line begins, and gets out of the way for good when the connection becomes a WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Header lines are looked at up to here, in bytes; the ones that matter are shorter.
const LOOK_AT: usize = 64;

/// So many bytes of a request line are looked at together.
const PIECE: usize = 32;

/// A byte stream whose request lines are made acceptable. Put it between the listener and the HTTP library:
///
/// ```
/// # async fn f(listener: tokio::net::TcpListener, service: heliostat::HeliostatService) -> std::io::Result<()> {
/// let (stream, _) = listener.accept().await?;
/// let io = hyper_util::rt::TokioIo::new(heliostat::LenientStream::new(stream));
/// let service = hyper_util::service::TowerToHyperService::new(service);
/// tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LenientStream<S> {
    stream: S,
    scanner: Scanner,
    /// Bytes in their final form that did not fit into the reader's buffer, or came before there was one.
    held: Vec<u8>,
}

impl<S> LenientStream<S> {
    /// Wraps a stream that begins with an HTTP/1.1 request.
    pub const fn new(stream: S) -> Self {
        Self { stream, scanner: Scanner::new(), held: Vec::new() }
    }

    /// The same for a stream of which something has been read already.
    pub(crate) fn after(stream: S, read: &[u8]) -> Self {
        let mut scanner = Scanner::new();
        let held = scanner.see(read).unwrap_or_else(|| read.to_vec());
        Self { stream, scanner, held }
    }

    /// The stream itself, and what was read from it but not yet passed on.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.held)
    }
}

/// Where in the conversation the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a request line, where empty lines may stand.
    Between,
    RequestLine,
    /// At the start of a header line or within it.
    Header,
    /// So many bytes of a body are still to come.
    Body(u64),
    /// Not ours to look at any more: a WebSocket, or a body whose end we do not follow.
    Beyond,
}

/// What comes after this request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Body(u64),
    Beyond,
}

#[derive(Debug)]
struct Scanner {
    place: Place,
    after: After,
    /// The beginning of a header line that came in pieces, and one byte more than is looked at if it is longer.
    line: Vec<u8>,
}

impl Scanner {
    const fn new() -> Self {
        Self { place: Place::Between, after: After::Body(0), line: Vec::new() }
    }

    /// Looks at the next bytes; gives their escaped form where they need one.
    fn see(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut escaped: Option<Vec<u8>> = None;
        let mut left = bytes;
        while !left.is_empty() {
            // As they are, and then perhaps one that is escaped.
            let (plain, replaced) = match self.place {
                Place::Between => (self.see_empty_lines(left), None),
                Place::RequestLine => self.see_request_line(left),
                Place::Header => (self.see_header(left), None),
                Place::Body(length) => (self.see_body(length, left.len()), None),
                Place::Beyond => (left.len(), None),
            };
            let start = bytes.len() - left.len();
            if let Some(text) = replaced {
                let out = escaped.get_or_insert_with(|| bytes.get(..start).unwrap_or_default().to_vec());
                out.extend_from_slice(left.get(..plain).unwrap_or_default());
                out.extend_from_slice(text);
            } else if let Some(out) = &mut escaped {
                out.extend_from_slice(left.get(..plain).unwrap_or_default());
            }
            left = left.get(plain + usize::from(replaced.is_some())..).unwrap_or_default();
        }
        escaped
    }

    /// RFC 9112, 2.2: a server ignores an empty line before a request line. Old browsers send one behind a body.
    fn see_empty_lines(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if count < bytes.len() {
            self.place = Place::RequestLine;
        }
        count
    }

    /// Up to the line's end, or to a byte that needs another form.
    fn see_request_line(&mut self, bytes: &[u8]) -> (usize, Option<&'static [u8]>) {
        let Some((index, byte)) = first_special(bytes) else {
            return (bytes.len(), None);
        };
        match escape(byte) {
            Some(text) => (index, Some(text)),
            None => {
                self.place = Place::Header;
                (index + 1, None)
            }
        }
    }

    /// One header line, or what is there of it.
    fn see_header(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = memchr(b'\n', bytes) else {
            self.keep(bytes);
            return bytes.len();
        };
        let line = bytes.get(..end).unwrap_or_default();
        if self.line.is_empty() {
            self.end_line(line);
        } else {
            self.keep(line);
            let line = std::mem::take(&mut self.line);
            self.end_line(&line);
        }
        end + 1
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (LOOK_AT + 1).saturating_sub(self.line.len());
        self.line.extend(bytes.iter().take(room));
    }

    fn see_body(&mut self, length: u64, available: usize) -> usize {
        let count = usize::try_from(length).map_or(available, |length| length.min(available));
        match length.saturating_sub(count as u64) {
            0 => self.begin(),
            left => self.place = Place::Body(left),
        }
        count
    }

    fn end_line(&mut self, line: &[u8]) {
        let is_short = line.len() <= LOOK_AT;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            match self.after {
                After::Body(0) => self.begin(),
                After::Body(length) => self.place = Place::Body(length),
                After::Beyond => self.place = Place::Beyond,
            }
            return;
        }
        // Most headers are told from those that matter by their first letter.
        if !matches!(line.first(), Some(b'C' | b'c' | b'T' | b't' | b'U' | b'u')) {
            return;
        }
        let mut parts = line.splitn(2, |&byte| byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        if name.eq_ignore_ascii_case(b"content-length") && self.after != After::Beyond {
            // The beginning of a length would be another length.
            let value = std::str::from_utf8(value).ok().filter(|_| is_short);
            let length = value.and_then(|value| value.trim().parse().ok());
            self.after = length.map_or(After::Beyond, After::Body);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") || name.eq_ignore_ascii_case(b"upgrade") {
            self.after = After::Beyond;
        }
    }

    fn begin(&mut self) {
        self.place = Place::Between;
        self.after = After::Body(0);
    }
}

/// Whether a request target can be taken as it is.
pub(super) fn is_acceptable(target: &str) -> bool {
    first_special(target.as_bytes()).is_none()
}

/// Where the request line ends or needs another form, and the byte that says so.
fn first_special(bytes: &[u8]) -> Option<(usize, u8)> {
    // Whether there is one in a whole piece is what processors answer at once; where it is, only then. A sum of numbers, because the
    // compiler makes branches of one of truths.
    let (pieces, _) = bytes.as_chunks::<PIECE>();
    let specials = |piece: &[u8; PIECE]| piece.iter().fold(0, |any, &byte| any | u8::from(is_special(byte)));
    let plain = PIECE * pieces.iter().take_while(|piece| specials(piece) == 0).count();
    let special = plain + bytes.get(plain..)?.iter().position(|&byte| is_special(byte))?;
    Some((special, *bytes.get(special)?))
}

/// The line's end, or a byte that [`escape`] has a form for. Without a branch, so that it is asked for many bytes at once.
const fn is_special(byte: u8) -> bool {
    (byte == b'\n')
        | (byte == b'"')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'\\')
        | (byte == b'^')
        | (byte == b'`')
        | (byte == b'{')
        | (byte == b'|')
        | (byte == b'}')
}

/// The characters that RFC 3986 forbids in a request target and old clients send all the same. A space ends the target.
const fn escape(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'"' => Some(b"%22"),
        b'<' => Some(b"%3C"),
        b'>' => Some(b"%3E"),
        b'\\' => Some(b"%5C"),
        b'^' => Some(b"%5E"),
        b'`' => Some(b"%60"),
        b'{' => Some(b"%7B"),
        b'|' => Some(b"%7C"),
        b'}' => Some(b"%7D"),
        _ => None,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LenientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.held.is_empty() {
            let count = this.held.len().min(buffer.remaining());
            buffer.put_slice(this.held.get(..count).unwrap_or_default());
            this.held.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if this.scanner.place == Place::Beyond {
            return Poll::Ready(Ok(()));
        }
        let escaped = this.scanner.see(buffer.filled().get(before..).unwrap_or_default());
        if let Some(mut escaped) = escaped {
            buffer.set_filled(before);
            this.held = escaped.split_off(escaped.len().min(buffer.remaining()));
            buffer.put_slice(&escaped);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LenientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn through(bytes: &[u8], buffer: usize) -> String {
        let mut stream = LenientStream::new(bytes);
        let mut out = Vec::new();
        loop {
            let mut piece = vec![0; buffer];
            match stream.read(&mut piece).await.unwrap() {
                0 => return String::from_utf8(out).unwrap(),
                count => out.extend_from_slice(&piece[..count]),
            }
        }
    }

    #[tokio::test]
    async fn cp_022_raw_quotes_and_brackets_in_a_query_are_escaped_whatever_the_buffer() {
        let request =
            b"GET /signalr/negotiate?connectionData=[{\"Name\":\"ChatHub\"}] HTTP/1.1\r\nHost: a\"b\r\n\r\n";
        let expected = "GET /signalr/negotiate?connectionData=[%7B%22Name%22:%22ChatHub%22%7D] HTTP/1.1\r\nHost: a\"b\r\n\r\n";
        for buffer in 1..200 {
            assert_eq!(through(request, buffer).await, expected, "buffer of {buffer}");
        }
    }

    #[test]
    fn special_bytes_are_those_that_have_another_form_and_the_end_of_the_line() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_special(byte), escape(byte).is_some() || byte == b'\n', "{byte:#x}");
        }
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_stands() {
        for length in 0..100 {
            let mut line = vec![b'x'; length];
            assert_eq!(first_special(&line), None);
            line.extend_from_slice(b"|\n");
            assert_eq!(first_special(&line), Some((length, b'|')));
        }
    }

    #[tokio::test]
    async fn bodies_are_left_alone_and_the_next_request_is_found() {
        let first = "POST /send HTTP/1.1\r\ncontent-LENGTH: 7\r\n\r\n{\"a\":1}";
        let second = "GET /?a=\"b\" HTTP/1.1\r\n\r\n";
        let both = format!("{first}{second}");
        assert_eq!(through(both.as_bytes(), 5).await, format!("{first}GET /?a=%22b%22 HTTP/1.1\r\n\r\n"));
    }

    #[tokio::test]
    async fn an_empty_line_before_a_request_line_is_not_taken_for_it() {
        let text = "\r\nPOST /?{ HTTP/1.1\r\nContent-Length: 3\r\n\r\na=\"\r\n\nGET /?} HTTP/1.1\r\n\r\n";
        let expected = text.replace('{', "%7B").replace('}', "%7D");
        for buffer in 1..100 {
            assert_eq!(through(text.as_bytes(), buffer).await, expected, "buffer of {buffer}");
        }
    }

    #[tokio::test]
    async fn a_length_that_is_too_long_to_be_looked_at_is_not_taken_for_its_beginning() {
        let request = format!("POST /send HTTP/1.1\r\nContent-Length: {:0>60}\r\n\r\n{{\"a\":1}}", 7);
        for buffer in 1..100 {
            assert_eq!(through(request.as_bytes(), buffer).await, request, "buffer of {buffer}");
        }
    }

    #[tokio::test]
    async fn after_an_upgrade_nothing_is_touched() {
        let text = "GET /?{ HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\"\n\"\r\n\r\nGET /\" HTTP/1.1";
        assert_eq!(through(text.as_bytes(), 64).await, text.replacen('{', "%7B", 1));
    }
}
