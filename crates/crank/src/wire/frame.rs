//! WebSocket frames: a server's are read in place, a client's are masked.

use super::{MAX_ITEM, WireError};

/// One frame of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole message.
    Text(&'a [u8]),
    /// The beginning or middle of a message.
    Part(&'a [u8]),
    /// The end of a message whose parts came before.
    LastPart(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close,
}

/// The frame at the beginning of `bytes` and its length; `None` until it is complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, WireError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (length, head) = match (second, rest) {
        (128.., _) => return Err(WireError::Frame),
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (usize::try_from(length).unwrap_or(usize::MAX), 10)
        }
        (126 | 127, _) => return Ok(None),
        (length, _) => (usize::from(*length), 2),
    };
    if length > MAX_ITEM {
        return Err(WireError::TooLong);
    }
    let end = head + length;
    let Some(payload) = bytes.get(head..end) else { return Ok(None) };
    let frame = match first {
        0x81 | 0x82 => Frame::Text(payload),
        0x00..=0x02 => Frame::Part(payload),
        0x80 => Frame::LastPart(payload),
        0x88 => Frame::Close,
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        _ => return Err(WireError::Frame),
    };
    Ok(Some((frame, end)))
}

/// What a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Text = 0x81,
    Close = 0x88,
    Pong = 0x8a,
}

/// Appends a client's frame. The mask protects proxies from scripts (RFC 6455, 10.3); here it need only be one.
pub(crate) fn write(out: &mut Vec<u8>, kind: Sent, payload: &[u8], mask: u32) {
    let mask = mask.to_ne_bytes();
    out.push(kind as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..=125), _) => out.push(0x80 | short),
        (_, Ok(length)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a server writes it.
    fn server(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(u8::try_from(short).unwrap()),
            medium @ 126..=65535 => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_frames(lengths in prop::collection::vec(0_usize..300, 1..6), cut in 1_usize..50) {
            let wire: Vec<u8> = lengths.iter().flat_map(|length| server(0x81, &vec![b'a'; *length])).collect();
            let (mut rest, mut found) = (Vec::new(), Vec::new());
            for piece in wire.chunks(cut) {
                rest.extend_from_slice(piece);
                while let Some((frame, taken)) = parse(&rest).unwrap() {
                    let Frame::Text(text) = frame else { panic!("{frame:?}") };
                    found.push(text.len());
                    rest.drain(..taken);
                }
            }
            prop_assert_eq!(found, lengths);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_masked_frame_is_the_payload_again_when_unmasked(payload in prop::collection::vec(any::<u8>(), 0..400), mask: u32) {
            let mut wire = Vec::new();
            write(&mut wire, Sent::Text, &payload, mask);
            let head = wire.len() - payload.len();
            let key = &wire[head - 4..head];
            let unmasked: Vec<u8> = wire[head..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            prop_assert_eq!(&unmasked, &payload);
            let mut plain = wire[..head - 4].to_vec();
            plain[1] &= 0x7f;
            plain.extend_from_slice(&payload);
            prop_assert_eq!(parse(&plain), Ok(Some((Frame::Text(&payload[..]), plain.len()))));
        }
    }

    #[test]
    fn every_length_form_is_read() {
        for length in [0, 125, 126, 65535, 65536] {
            let wire = server(0x81, &vec![b'x'; length]);
            assert_eq!(parse(&wire[..wire.len().saturating_sub(1)]), Ok(None));
            assert_eq!(parse(&wire), Ok(Some((Frame::Text(&vec![b'x'; length]), wire.len()))));
        }
    }

    #[test]
    fn parts_and_control_frames_are_told_apart() {
        for (first, frame) in [
            (0x01, Frame::Part(b"p")),
            (0x00, Frame::Part(b"p")),
            (0x80, Frame::LastPart(b"p")),
            (0x88, Frame::Close),
            (0x89, Frame::Ping(b"p")),
            (0x8a, Frame::Pong),
        ] {
            assert_eq!(parse(&server(first, b"p")), Ok(Some((frame, 3))));
        }
    }

    #[test]
    fn masked_compressed_and_endless_frames_are_refused() {
        assert_eq!(parse(&[0x81, 0x80, 0, 0, 0, 0]), Err(WireError::Frame));
        assert_eq!(parse(&server(0xc1, b"x")), Err(WireError::Frame));
        assert_eq!(parse(&[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]), Err(WireError::TooLong));
    }
}
