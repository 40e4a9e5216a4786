//! The body of an HTTP answer, piece by piece as it arrives.

use super::WireError;

/// A chunk's size line is longer only if it has extensions that nobody sends.
const MAX_SIZE_LINE: usize = 1024;

/// Where in a body the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// That many bytes are left.
    Length(usize),
    Chunked(Chunk),
    UntilClose,
}

/// Where in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    Size,
    Data(usize),
    /// The line end after the data.
    DataEnd,
    /// Lines after the last chunk, up to an empty one.
    Trailer,
}

/// What the bytes at hand hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Data(&'a [u8]),
    /// The body is complete.
    End,
    /// Only with more bytes can be said what comes next.
    More,
}

impl Body {
    pub(crate) const CHUNKED: Self = Self::Chunked(Chunk::Size);

    /// The next step, and how many bytes it took. To be called until it is [`Step::More`] or [`Step::End`].
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(Step<'a>, usize), WireError> {
        match self {
            Self::Length(0) => Ok((Step::End, 0)),
            Self::Length(left) => Ok(data(bytes, left)),
            Self::UntilClose if bytes.is_empty() => Ok((Step::More, 0)),
            Self::UntilClose => Ok((Step::Data(bytes), bytes.len())),
            Self::Chunked(chunk) => chunk.next(bytes),
        }
    }
}

/// As much of the wanted bytes as there is.
fn data<'a>(bytes: &'a [u8], left: &mut usize) -> (Step<'a>, usize) {
    let piece = bytes.get(..*left).unwrap_or(bytes);
    *left -= piece.len();
    let step = if piece.is_empty() { Step::More } else { Step::Data(piece) };
    (step, piece.len())
}

impl Chunk {
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(Step<'a>, usize), WireError> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            if let Self::Data(left) = self {
                let (step, length) = data(rest, left);
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                return Ok((step, taken + length));
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                let endless = rest.len() > MAX_SIZE_LINE;
                return if endless { Err(WireError::Chunk) } else { Ok((Step::More, taken)) };
            };
            let line = rest.get(..end).unwrap_or_default().trim_ascii_end();
            taken += end + 1;
            *self = match self {
                Self::Size => match size(line)? {
                    0 => Self::Trailer,
                    size => Self::Data(size),
                },
                Self::DataEnd if line.is_empty() => Self::Size,
                Self::Trailer if line.is_empty() => return Ok((Step::End, taken)),
                Self::Trailer => Self::Trailer,
                Self::DataEnd | Self::Data(_) => return Err(WireError::Chunk),
            };
        }
    }
}

fn size(line: &[u8]) -> Result<usize, WireError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).map_err(|_| WireError::Chunk)?;
    usize::from_str_radix(text, 16).map_err(|_| WireError::Chunk)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a body that arrives in pieces of `cut` bytes, as the event loop does; tells what was left unread behind it.
    fn read(mut body: Body, bytes: &[u8], cut: usize) -> Result<(Vec<u8>, Option<usize>), WireError> {
        let (mut rest, mut out, mut arrived) = (Vec::new(), Vec::new(), 0);
        for piece in bytes.chunks(cut) {
            rest.extend_from_slice(piece);
            arrived += piece.len();
            loop {
                let (step, taken) = body.next(&rest)?;
                match step {
                    Step::Data(data) => out.extend_from_slice(data),
                    Step::End => return Ok((out, Some(arrived - rest.len() + taken))),
                    Step::More => {
                        rest.drain(..taken);
                        break;
                    }
                }
                rest.drain(..taken);
            }
        }
        Ok((out, None))
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_body(chunks in prop::collection::vec("[a-z\r\n]{1,20}", 0..9), cut in 1_usize..40) {
            let mut wire = String::new();
            for chunk in &chunks {
                wire.push_str(&format!("{:X};ext=1\r\n{chunk}\r\n", chunk.len()));
            }
            wire.push_str("0\r\nTrailer: x\r\n\r\n");
            let whole = wire.len();
            wire.push_str("HTTP/1.1 ");
            let (out, end) = read(Body::CHUNKED, wire.as_bytes(), cut).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), chunks.concat());
            prop_assert_eq!(end, Some(whole));
        }
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        for cut in 1..8 {
            assert_eq!(read(Body::Length(5), b"helloHTTP", cut), Ok((b"hello".to_vec(), Some(5))));
        }
        assert_eq!(Body::Length(0).next(b"x"), Ok((Step::End, 0)));
        assert_eq!(read(Body::UntilClose, b"abc", 2), Ok((b"abc".to_vec(), None)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in ["x\r\n", "\r\n", "3\r\nabcd\r\n", "-1\r\n"] {
            assert_eq!(read(Body::CHUNKED, text.as_bytes(), 99), Err(WireError::Chunk), "{text}");
        }
        assert_eq!(read(Body::CHUNKED, &[b'1'; 2 * MAX_SIZE_LINE], 9), Err(WireError::Chunk));
    }
}
