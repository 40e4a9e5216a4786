//! What an HTTP library reads through a `LenientStream` does not depend on how the network cuts it, and says what the client said.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use heliostat::LenientStream;
use tokio::io::{AsyncRead, ReadBuf};

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let [piece, room, bytes @ ..] = bytes else { return };
    let (piece, room) = (usize::from(*piece).max(1), usize::from(*room).max(1));
    // Room for escapes of all.
    let whole = through(bytes, bytes.len(), 3 * bytes.len() + 1);
    assert_eq!(
        whole.escape_ascii().to_string(),
        through(bytes, piece, room).escape_ascii().to_string(),
        "in pieces of {piece} bytes, read {room} at once"
    );
    says_the_same(&whole, bytes);
}

/// What comes out if the network brings pieces of one size and the library reads with room of another.
fn through(bytes: &[u8], piece: usize, room: usize) -> Vec<u8> {
    let mut stream = LenientStream::new(Pieces { bytes, piece });
    let (mut room, mut out) = (vec![0; room], Vec::new());
    loop {
        let mut buffer = ReadBuf::new(&mut room);
        let read = pin!(poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut buffer)));
        let Poll::Ready(Ok(())) = read.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("the stream has more, and gives none")
        };
        if buffer.filled().is_empty() {
            return out;
        }
        out.extend_from_slice(buffer.filled());
    }
}

/// Each byte comes out as it is or as its escape; which of the two is hyper's to be content with.
fn says_the_same(out: &[u8], bytes: &[u8]) {
    let mut rest = out;
    for byte in bytes {
        let escape = format!("%{byte:02X}");
        rest = match (rest.strip_prefix(&[*byte]), rest.strip_prefix(escape.as_bytes())) {
            (Some(rest), _) => rest,
            (None, Some(rest)) if b"\"<>\\^`{|}".contains(byte) => rest,
            (None, _) => panic!("{:?} became {:?}", bytes.escape_ascii(), out.escape_ascii()),
        };
    }
    assert!(rest.is_empty(), "something was added: {:?}", rest.escape_ascii());
}

/// A network that brings so many bytes at once.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.piece.min(self.bytes.len()).min(buffer.remaining());
        let (now, later) = self.bytes.split_at(count);
        buffer.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}
