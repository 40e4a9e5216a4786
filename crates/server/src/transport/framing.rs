//! One JSON text as the bytes of a transport.

use bytes::Bytes;
use heliostat_proto::frame::{
    event_stream, forever_frame,
    forever_frame::FrameId,
    jsonp::{self, Callback},
    long_polling,
};

use crate::encoded::Format;

/// A transport's way to write JSON.
#[derive(Clone, Debug)]
pub(crate) enum Framing {
    /// An unmasked text frame (RFC 6455, 5.2).
    WebSocket,
    /// `data: …`
    EventStream,
    /// The same; a frame is one chunk of the response.
    EventStreamChunks,
    /// `<script>…`
    ForeverFrame(FrameId),
    /// The same; a frame is one chunk of the response.
    ForeverFrameChunks,
    /// The JSON itself, once.
    LongPolling,
    /// A call of the client's function, once.
    Jsonp(Callback),
}

/// What ends a chunked response.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A text frame with `{}`.
const WEB_SOCKET_KEEP_ALIVE: &[u8] = &[0x81, 0x02, b'{', b'}'];
const EVENT_STREAM_KEEP_ALIVE_CHUNK: &[u8] = b"a\r\ndata: {}\n\n\r\n";
const FOREVER_FRAME_KEEP_ALIVE_CHUNK: &[u8] = b"1c\r\n<script>r(c, {});</script>\n\n\r\n";

impl Framing {
    /// Under which format the encoded message may be shared with others; none where it is the client's own.
    pub(crate) const fn shared_format(&self) -> Option<Format> {
        match self {
            Self::WebSocket => Some(Format::WebSocket),
            Self::EventStream => Some(Format::EventStream),
            Self::EventStreamChunks => Some(Format::EventStreamChunk),
            Self::ForeverFrame(_) => Some(Format::ForeverFrame),
            Self::ForeverFrameChunks => Some(Format::ForeverFrameChunk),
            Self::LongPolling => Some(Format::LongPolling),
            Self::Jsonp(_) => None,
        }
    }

    /// From here on its frames are chunks.
    pub(crate) fn begin_chunks(&mut self) {
        match self {
            Self::EventStream => *self = Self::EventStreamChunks,
            Self::ForeverFrame(_) => *self = Self::ForeverFrameChunks,
            Self::EventStreamChunks
            | Self::ForeverFrameChunks
            | Self::WebSocket
            | Self::LongPolling
            | Self::Jsonp(_) => {}
        }
    }

    /// What goes out before anything else.
    pub(crate) fn preamble(&self) -> Option<Bytes> {
        match self {
            Self::EventStream => Some(Bytes::from_static(event_stream::PREAMBLE)),
            Self::ForeverFrame(id) => Some(Bytes::from(forever_frame::prologue(*id))),
            Self::EventStreamChunks
            | Self::ForeverFrameChunks
            | Self::WebSocket
            | Self::LongPolling
            | Self::Jsonp(_) => None,
        }
    }

    /// The exact bytes of a keep-alive (spec 5.5).
    pub(crate) const fn keep_alive(&self) -> Option<&'static [u8]> {
        match self {
            Self::WebSocket => Some(WEB_SOCKET_KEEP_ALIVE),
            Self::EventStream => Some(event_stream::KEEP_ALIVE),
            Self::EventStreamChunks => Some(EVENT_STREAM_KEEP_ALIVE_CHUNK),
            Self::ForeverFrame(_) => Some(forever_frame::KEEP_ALIVE),
            Self::ForeverFrameChunks => Some(FOREVER_FRAME_KEEP_ALIVE_CHUNK),
            Self::LongPolling => Some(long_polling::KEEP_ALIVE),
            Self::Jsonp(_) => None,
        }
    }

    /// Appends `json`, framed, to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, json: &[u8]) {
        match self {
            Self::WebSocket => {
                web_socket_header(out, json.len());
                out.extend_from_slice(json);
            }
            Self::EventStream => event_stream::encode(out, json),
            Self::EventStreamChunks => encoded_chunk(out, |out| event_stream::encode(out, json)),
            Self::ForeverFrame(_) => forever_frame::encode(out, json),
            Self::ForeverFrameChunks => encoded_chunk(out, |out| forever_frame::encode(out, json)),
            Self::LongPolling => out.extend_from_slice(json),
            Self::Jsonp(callback) => jsonp::wrap(out, callback, json),
        }
    }

    /// `json`, framed. Where a frame has it as it is, it stays in its place if there is room for a head.
    pub(crate) fn framed(&self, mut json: Vec<u8>) -> Vec<u8> {
        match self {
            Self::WebSocket => {
                let length = json.len();
                web_socket_header(&mut json, length);
                json.rotate_left(length);
                json
            }
            Self::LongPolling => json,
            Self::EventStream
            | Self::EventStreamChunks
            | Self::ForeverFrame(_)
            | Self::ForeverFrameChunks
            | Self::Jsonp(_) => {
                let mut out = Vec::with_capacity(json.len() + 32);
                self.encode(&mut out, &json);
                out
            }
        }
    }
}

/// Appends what `encode` writes as one chunk. Its length comes first and is only known afterwards: that costs a copy, but most frames
/// are made once for all their readers.
fn encoded_chunk(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::with_capacity(out.capacity());
    encode(&mut content);
    chunk(out, &content);
}

/// Appends `content` as one chunk of a response. An empty one would end it.
pub(crate) fn chunk(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

/// The head of one unfragmented text frame of `length` bytes.
fn web_socket_header(out: &mut Vec<u8>, length: usize) {
    const FINAL_TEXT: u8 = 0x81;
    out.push(FINAL_TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_socket_header_takes_the_shortest_form() {
        for (length, expected) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            web_socket_header(&mut out, length);
            assert_eq!(out, expected, "{length}");
        }
    }

    #[test]
    fn a_text_becomes_a_frame_where_it_lies() {
        for framing in [Framing::WebSocket, Framing::LongPolling] {
            for length in [0, 125, 126, 65_536] {
                let mut json = Vec::with_capacity(length + 10);
                json.resize(length, b'x');
                let (written_at, mut expected) = (json.as_ptr(), Vec::new());
                framing.encode(&mut expected, &json);
                let frame = framing.framed(json);
                assert_eq!((frame.as_ptr(), frame), (written_at, expected), "{framing:?} {length}");
            }
        }
    }

    #[test]
    fn cp_108_keep_alive_bytes_are_exactly_those_of_the_table() {
        assert_eq!(Framing::WebSocket.keep_alive(), Some(&b"\x81\x02{}"[..]));
        assert_eq!(Framing::EventStream.keep_alive(), Some(&b"data: {}\n\n"[..]));
        let frame = Framing::ForeverFrame(FrameId::parse("1").unwrap());
        assert_eq!(frame.keep_alive(), Some(&b"<script>r(c, {});</script>\n\n"[..]));
        assert_eq!(Framing::LongPolling.keep_alive(), Some(&b" "[..]));
        assert_eq!(Framing::Jsonp(Callback::parse("cb").unwrap()).keep_alive(), None);
    }

    #[test]
    fn a_chunk_holds_exactly_the_frame_and_so_does_a_keep_alive() {
        for plain in [Framing::EventStream, Framing::ForeverFrame(FrameId::parse("1").unwrap())] {
            let mut chunked = plain.clone();
            chunked.begin_chunks();
            let as_chunk =
                |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
            for json in [b"{}".to_vec(), vec![b'x'; 300]] {
                assert_eq!(chunked.framed(json.clone()), as_chunk(&plain.framed(json)));
            }
            assert_eq!(chunked.keep_alive().unwrap(), as_chunk(plain.keep_alive().unwrap()));
        }
    }
}
