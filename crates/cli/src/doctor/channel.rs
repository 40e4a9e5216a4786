//! A receive channel with every piece in the moment it comes: an event stream, a forever frame or a WebSocket.

use futures_util::StreamExt;
use reqwest::Upgraded;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest piece that is put together; what is longer is no piece that matters here.
const LONGEST_PIECE: usize = 1 << 20;

/// What the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The first bytes of a stream, before anything happened.
    Preamble,
    /// The transport works both ways to the server's message bus.
    Init,
    KeepAlive,
    /// Messages, or something unknown.
    Other,
}

/// How messages are wrapped on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    EventStream,
    ForeverFrame,
}

/// An open receive channel.
#[derive(Debug)]
pub(super) enum Channel {
    Stream(reqwest::Response, Decoder),
    Socket(Box<WebSocketStream<Upgraded>>),
}

impl Channel {
    /// The next piece, or why there will be none. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Piece, String> {
        match self {
            Self::Stream(response, decoder) => loop {
                if let Some(piece) = decoder.take() {
                    return Ok(piece);
                }
                match response.chunk().await {
                    Ok(Some(bytes)) => decoder.feed(&bytes),
                    Ok(None) => return Err("its answer was complete".to_owned()),
                    Err(_) => return Err("its physical connection broke".to_owned()),
                }
            },
            Self::Socket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(kind_of(&text)),
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.map_or(1005, |frame| frame.code.into());
                        return Err(format!("it was closed with code {code}"));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(format!("its physical connection broke: {error}")),
                    None => return Err("its physical connection ended without a close".to_owned()),
                }
            },
        }
    }
}

/// Cuts a stream into pieces, however the network cut it.
#[derive(Debug)]
pub(super) struct Decoder {
    wrapping: Wrapping,
    buffer: String,
}

impl Decoder {
    pub(super) const fn new(wrapping: Wrapping) -> Self {
        Self { wrapping, buffer: String::new() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.buffer.len() < LONGEST_PIECE {
            // Only ASCII matters here, so a letter that was cut in two does no harm.
            let text = String::from_utf8_lossy(bytes);
            self.buffer.extend(text.chars().filter(|sign| *sign != '\r'));
        }
    }

    fn take(&mut self) -> Option<Piece> {
        let end = match self.wrapping {
            Wrapping::EventStream => "\n\n",
            Wrapping::ForeverFrame => "</script>",
        };
        let (piece, rest) = self.buffer.split_once(end)?;
        let json = match self.wrapping {
            Wrapping::EventStream => piece.trim_start().strip_prefix("data:").map(str::trim),
            Wrapping::ForeverFrame => piece.split_once("r(c, ").and_then(|(_, call)| call.strip_suffix(");")),
        };
        let piece = match json {
            Some("initialized") | None => Piece::Preamble,
            Some(json) => kind_of(json),
        };
        self.buffer = rest.to_owned();
        Some(piece)
    }
}

fn kind_of(json: &str) -> Piece {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(object)) if object.is_empty() => Piece::KeepAlive,
        Ok(Value::Object(object)) if object.contains_key("S") => Piece::Init,
        _ => Piece::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(wrapping: Wrapping, stream: &str, cut: usize) -> Vec<Piece> {
        let mut decoder = Decoder::new(wrapping);
        let mut pieces = Vec::new();
        for bytes in stream.as_bytes().chunks(cut) {
            decoder.feed(bytes);
            pieces.extend(std::iter::from_fn(|| decoder.take()));
        }
        pieces
    }

    #[test]
    fn a_stream_has_the_same_pieces_however_it_is_cut() {
        let expected = [Piece::Preamble, Piece::Init, Piece::Other, Piece::KeepAlive];
        let events = "data: initialized\n\ndata: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\r\n\r\ndata: {\"C\":\"d-2\",\"M\":[1]}\n\ndata: {}\n\n";
        let frame = "<html><script>var c, r;\n</script></head><body>\n<script>r(c, {\"C\":\"d-1\",\"S\":1,\"M\":[]});</script>\r\n\
                     <script>r(c, {\"C\":\"d-2\",\"M\":[1]});</script>\r\n<script>r(c, {});</script>\n\n";
        for cut in 1..events.len() {
            assert_eq!(pieces(Wrapping::EventStream, events, cut), expected, "{cut}");
            assert_eq!(pieces(Wrapping::ForeverFrame, frame, cut), expected, "{cut}");
        }
    }
}
