//! A small HTTP/1.1 and WebSocket client of our own: what is tested is what is on the wire, byte for byte and piece by piece.
//!
//! It speaks over anything that carries bytes, so the same test runs over TCP and over memory, where time can stand still.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Anything that carries bytes both ways.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

/// One physical connection to the server.
pub(crate) type Line = Box<dyn Pipe>;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    /// Goes into the request line as it is.
    raw_query: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            raw_query: None,
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// The same with another method.
    pub(crate) fn by(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// The same at another path.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// With a query parameter, instead of one that may be there.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(other, _)| other != name);
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.query.retain(|(other, _)| other != name);
        self
    }

    /// More of the query, unescaped.
    pub(crate) fn raw(mut self, query: &str) -> Self {
        self.raw_query = Some(query.to_owned());
        self
    }

    /// Asks for a WebSocket.
    pub(crate) fn for_a_web_socket(self) -> Self {
        self.header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// With a form as its body, and no content type.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.body(fields.join("&"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let escaped = self.query.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        let query: Vec<_> = escaped.chain(self.raw_query.clone()).collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{separator}{}", self.path, query.join("&"));
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: server.test\r\n", self.method);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// `%XX` for everything but letters and digits.
pub(crate) fn escape(text: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

/// Status line and headers of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        Self {
            status: status.unwrap_or_else(|| panic!("no status line: {text}")),
            headers: headers
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
        }
    }

    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A piece of an answer's body, as the server flushed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The body is complete.
    End,
    /// The connection ended in the middle.
    Cut,
}

/// How the body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Length(usize),
    Chunked,
}

/// An answer that is still coming in.
pub(crate) struct Exchange {
    pub(crate) head: Head,
    input: Input,
    extent: Extent,
}

struct Input {
    line: Line,
    buffer: Vec<u8>,
}

impl Input {
    /// More bytes; `false` at the end.
    async fn more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.line.read(&mut piece).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
        }
    }

    /// Up to and without `mark`; `None` if the connection ends first.
    async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                let found = self.buffer[..at].to_vec();
                self.buffer.drain(..at + mark.len());
                return Some(found);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.more().await {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }
}

impl Exchange {
    /// Sends the request and waits for the answer's head. `None` if there is no answer.
    pub(crate) async fn begin(line: Line, ask: &Ask) -> Option<Self> {
        Self::begin_with(line, &ask.to_bytes()).await
    }

    /// The same with a request that is given in full.
    pub(crate) async fn begin_with(mut line: Line, request: &[u8]) -> Option<Self> {
        line.write_all(request).await.ok()?;
        let mut input = Input { line, buffer: Vec::new() };
        let head = input.until(b"\r\n\r\n").await?;
        let head = Head::parse(&String::from_utf8_lossy(&head));
        let extent = match head.header("content-length") {
            Some(length) => Extent::Length(length.parse().expect("a number")),
            None if head.header("transfer-encoding").is_some() => Extent::Chunked,
            None => Extent::Length(0),
        };
        Some(Self { head, input, extent })
    }

    /// The next piece of the body. Cancel-safe: nothing is taken before it is complete.
    pub(crate) async fn piece(&mut self) -> Piece {
        match self.extent {
            Extent::Length(0) => Piece::End,
            Extent::Length(left) => match self.input.exactly(left).await {
                Some(bytes) => {
                    self.extent = Extent::Length(0);
                    Piece::Bytes(bytes)
                }
                None => Piece::Cut,
            },
            Extent::Chunked => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> Piece {
        loop {
            let buffer = &self.input.buffer;
            if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                let size = std::str::from_utf8(&buffer[..at]).expect("a chunk's size");
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                let whole = at + 2 + size + 2;
                if buffer.len() >= whole {
                    let bytes = buffer[at + 2..at + 2 + size].to_vec();
                    self.input.buffer.drain(..whole);
                    if size == 0 {
                        self.extent = Extent::Length(0);
                        return Piece::End;
                    }
                    return Piece::Bytes(bytes);
                }
            }
            if !self.input.more().await {
                return Piece::Cut;
            }
        }
    }

    /// The whole answer.
    pub(crate) async fn whole(mut self) -> Answer {
        let mut body = Vec::new();
        loop {
            match self.piece().await {
                Piece::Bytes(bytes) => body.extend_from_slice(&bytes),
                Piece::End => break,
                Piece::Cut => panic!("the answer was cut off: {:?}", self.head),
            }
        }
        Answer { head: self.head, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// What a WebSocket brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Pong,
    /// A close frame with its code.
    Close(Option<u16>),
    /// The socket has ended.
    Gone,
}

/// The client's end of a WebSocket.
pub(crate) struct Socket {
    pub(crate) head: Head,
    input: Input,
    hearing: Hearing,
}

/// Whether a client is really there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    AnswersPings,
    /// Its line is open, but nobody answers.
    Deaf,
}

impl Socket {
    /// Asks for a WebSocket; the answer instead if there is none.
    pub(crate) async fn open(line: Line, ask: &Ask) -> Result<Self, Answer> {
        let exchange =
            Exchange::begin(line, &ask.clone().for_a_web_socket()).await.expect("an answer to the upgrade");
        match exchange.head.status {
            101 => Ok(Self { head: exchange.head, input: exchange.input, hearing: Hearing::AnswersPings }),
            _ => Err(exchange.whole().await),
        }
    }

    /// From now on pings are not answered.
    pub(crate) fn go_deaf(&mut self) {
        self.hearing = Hearing::Deaf;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(0x81, text.as_bytes()).await;
    }

    /// One frame: `first` is its first byte, with the flags.
    pub(crate) async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("short")),
            medium @ 126..=0xFFFF => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(medium).expect("medium").to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        // Whether the server still reads shows in what it sends.
        _ = self.input.line.write_all(&frame).await;
    }

    /// Writes bytes that are no frame.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        _ = self.input.line.write_all(bytes).await;
    }

    /// The next frame. Cancel-safe: nothing is taken before it is complete.
    pub(crate) async fn frame(&mut self) -> Frame {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                return match opcode {
                    0x89 => {
                        if self.hearing == Hearing::AnswersPings {
                            self.send_frame(0x8A, &payload).await;
                        }
                        continue;
                    }
                    0x81 => Frame::Text(String::from_utf8(payload).expect("a text frame is UTF-8")),
                    0x88 => Frame::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))),
                    0x8A => Frame::Pong,
                    other => panic!("an unexpected frame {other:#x}"),
                };
            }
            if !self.input.more().await {
                return Frame::Gone;
            }
        }
    }

    /// The first whole frame in the buffer: its first byte and what it carries.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let buffer = &self.input.buffer;
        let (first, second) = (*buffer.first()?, *buffer.get(1)?);
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (head, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?),
            short => (2, usize::from(short)),
        };
        let payload = buffer.get(head..head + length)?.to_vec();
        self.input.buffer.drain(..head + length);
        Some((first, payload))
    }
}
