//! WebSocket frames (RFC 6455, 5.2): read in place, written unmasked.

/// What a client that closes is answered (RFC 6455, 5.5.1): the status 1000 and no reason.
pub(crate) const CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xE8];

/// What a client's frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A text, at these bytes of the input.
    Text {
        begin: usize,
        end: usize,
    },
    Close,
    /// Nothing that this server answers.
    Other,
}

/// The first frame in `bytes`, unmasked in place, and where the next one begins; none if it is not all there.
pub(crate) fn parse(bytes: &mut [u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mask_at) = match second & 0x7F {
        126 => (usize::from(u16::from_be_bytes(array(bytes, 2)?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(array(bytes, 2)?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mask: [u8; 4] = array(bytes, mask_at)?;
    let begin = mask_at + 4;
    let end = begin.checked_add(length)?;
    unmask(bytes.get_mut(begin..end)?, mask);
    let frame = match first & 0x0F {
        0x1 => Frame::Text { begin, end },
        0x8 => Frame::Close,
        _ => Frame::Other,
    };
    Some((frame, end))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    if mask == [0; 4] {
        return;
    }
    for chunk in payload.chunks_mut(mask.len()) {
        chunk.iter_mut().zip(mask).for_each(|(byte, key)| *byte ^= key);
    }
}

/// Appends the head of a text frame of `length` bytes.
pub(crate) fn text_head(out: &mut Vec<u8>, length: usize) {
    out.push(0x81);
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
    fn a_masked_frame_is_read_in_place() {
        let mut bytes = vec![0x81, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, 0x88];
        for length in 0..8 {
            assert_eq!(parse(&mut bytes.clone()[..length]), None, "{length}");
        }
        assert_eq!(parse(&mut bytes), Some((Frame::Text { begin: 6, end: 8 }, 8)));
        assert_eq!(&bytes[6..8], b"ab");
    }

    #[test]
    fn lengths_have_three_forms() {
        for (length, head) in [
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            text_head(&mut out, length);
            assert_eq!(out, head);
        }
    }
}
