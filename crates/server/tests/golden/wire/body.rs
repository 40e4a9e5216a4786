//! Where the body of an answer ends, and its content freed of the chunked framing.

use super::head::Head;

/// How the end of a body is known.
#[derive(Debug)]
pub(crate) enum Body {
    /// So many bytes are still to come.
    Length(usize),
    /// Chunks until an empty one.
    Chunked(Chunk),
    /// Everything until the server closes the connection.
    UntilClose,
}

#[derive(Debug)]
pub(crate) enum Chunk {
    Size,
    /// So many bytes of this chunk, its line end included, are still to come.
    Content(usize),
    /// The empty chunk was seen; an empty line ends the trailers.
    Trailers,
}

impl Body {
    pub(crate) fn of(head: &Head) -> Self {
        let chunked =
            head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = head.header("content-length").and_then(|value| value.parse().ok());
        match length {
            _ if chunked => Self::Chunked(Chunk::Size),
            Some(length) => Self::Length(length),
            None if matches!(head.status, 204 | 304) => Self::Length(0),
            None => Self::UntilClose,
        }
    }

    /// Moves content from `read` to `content`, as far as it goes. Returns whether the body is complete.
    pub(crate) fn take(&mut self, read: &mut Vec<u8>, content: &mut Vec<u8>) -> bool {
        match self {
            Self::UntilClose => {
                content.append(read);
                false
            }
            Self::Length(left) => {
                let taken = read.len().min(*left);
                content.extend(read.drain(..taken));
                *left -= taken;
                *left == 0
            }
            Self::Chunked(chunk) => chunk.take(read, content),
        }
    }
}

impl Chunk {
    fn take(&mut self, read: &mut Vec<u8>, content: &mut Vec<u8>) -> bool {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = take_line(read) else { return false };
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(digits, 16)
                        .unwrap_or_else(|_| panic!("the server sent {line:?} where a chunk size was due"));
                    *self = if size == 0 { Self::Trailers } else { Self::Content(size + 2) };
                }
                Self::Content(left) => {
                    let taken = read.len().min(*left);
                    let of_content = taken.min(left.saturating_sub(2));
                    content.extend(read.drain(..of_content));
                    read.drain(..taken - of_content);
                    *left -= taken;
                    if *left > 0 {
                        return false;
                    }
                    *self = Self::Size;
                }
                Self::Trailers => match take_line(read) {
                    Some(line) if line.is_empty() => return true,
                    Some(_) => {}
                    None => return false,
                },
            }
        }
    }
}

fn take_line(read: &mut Vec<u8>) -> Option<String> {
    let end = read.windows(2).position(|window| window == b"\r\n")?;
    let line = String::from_utf8_lossy(&read[..end]).into_owned();
    read.drain(..end + 2);
    Some(line)
}
