//! What arrives on a WebSocket, from bytes to messages (RFC 6455, section 5).
//!
//! A library that owns the socket also owns a buffer per socket and a copy per message. Here a frame is read where it lies: the reader
//! lends the bytes that have just come, they are unmasked in place, and only what is incomplete is kept. So an idle socket holds nothing.
//!
//! Promises: however the bytes are cut, the same messages come out; a frame is refused as soon as its head shows that it must be.

use std::borrow::Cow;

/// What a frame's first byte says.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
/// What its second byte says.
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
/// RFC 6455, 5.5: what a control frame may carry.
const MOST_IN_CONTROL: usize = 125;

/// The messages of one client, put together.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The fragments of a message that is not complete; `None` between messages.
    fragments: Option<Vec<u8>>,
    max_message: usize,
}

/// What one frame turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrived<'a> {
    Message(Cow<'a, str>),
    /// A part of a message.
    Fragment,
    Ping(&'a [u8]),
    Pong,
    /// With the status that the client gave, if it gave one.
    Close(Option<u16>),
}

/// The client broke the protocol: what it is told (RFC 6455, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

const fn protocol(reason: &'static str) -> Violation {
    Violation { code: 1002, reason }
}

const BINARY: Violation = Violation { code: 1003, reason: "text messages only" };
const NO_TEXT: Violation = Violation { code: 1007, reason: "the text is not UTF-8" };
const TOO_LONG: Violation = Violation { code: 1009, reason: "the message is too long" };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Last,
    More,
}

/// A frame up to where its payload begins.
#[derive(Debug)]
struct Head {
    opcode: Opcode,
    part: Part,
    mask: [u8; 4],
    /// How many bytes the head takes.
    size: usize,
    payload: usize,
}

impl Incoming {
    /// Messages longer than `max_message` bytes are refused.
    pub(crate) const fn new(max_message: Option<usize>) -> Self {
        let max_message = match max_message {
            Some(max) => max,
            None => usize::MAX,
        };
        Self { fragments: None, max_message }
    }

    /// The first frame in `bytes` and how many of them it takes; `None` if it is not all there.
    pub(crate) fn take<'a>(
        &mut self,
        bytes: &'a mut [u8],
    ) -> Result<Option<(Arrived<'a>, usize)>, Violation> {
        let Some(head) = self.head(bytes)? else { return Ok(None) };
        let end = head.size.saturating_add(head.payload);
        let Some(payload) = bytes.get_mut(head.size..end) else { return Ok(None) };
        unmask(payload, head.mask);
        let arrived = match (head.opcode, head.part) {
            (Opcode::Ping, _) => Arrived::Ping(payload),
            (Opcode::Pong, _) => Arrived::Pong,
            (Opcode::Close, _) => Arrived::Close(status(payload)?),
            (Opcode::Text, Part::Last) => {
                Arrived::Message(Cow::Borrowed(std::str::from_utf8(payload).map_err(|_| NO_TEXT)?))
            }
            (Opcode::Text | Opcode::Continuation, Part::More) => {
                self.fragments.get_or_insert_default().extend_from_slice(payload);
                Arrived::Fragment
            }
            (Opcode::Continuation, Part::Last) => {
                let mut message = self.fragments.take().unwrap_or_default();
                message.extend_from_slice(payload);
                Arrived::Message(Cow::Owned(String::from_utf8(message).map_err(|_| NO_TEXT)?))
            }
        };
        Ok(Some((arrived, end)))
    }

    /// The head of the first frame, if it has come and may be.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(protocol("an extension was used that was not agreed on"));
        }
        if second & MASKED == 0 {
            return Err(protocol("a client must mask its frames"));
        }
        let part = if first & FINAL == 0 { Part::More } else { Part::Last };
        let opcode = self.opcode(first, part, usize::from(second & LENGTH))?;
        let (payload, rest) = match (second & LENGTH, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
            }
            (126 | 127, _) => return Ok(None),
            (short, rest) => (u64::from(short), rest),
        };
        let payload = usize::try_from(payload).map_err(|_| TOO_LONG)?;
        let so_far = match opcode {
            Opcode::Text | Opcode::Continuation => self.fragments.as_ref().map_or(0, Vec::len),
            Opcode::Close | Opcode::Ping | Opcode::Pong => 0,
        };
        let is_message = matches!(opcode, Opcode::Text | Opcode::Continuation);
        if is_message && so_far.saturating_add(payload) > self.max_message {
            return Err(TOO_LONG);
        }
        let &[a, b, c, d, ref after @ ..] = rest else { return Ok(None) };
        Ok(Some(Head { opcode, part, mask: [a, b, c, d], size: bytes.len() - after.len(), payload }))
    }

    /// What kind of frame may come now. `short` is the length as the second byte gives it.
    fn opcode(&self, first: u8, part: Part, short: usize) -> Result<Opcode, Violation> {
        let opcode = match (first & OPCODE, &self.fragments) {
            (0x0, Some(_)) => return Ok(Opcode::Continuation),
            (0x0, None) => return Err(protocol("a message begins with its continuation")),
            (0x1, None) => return Ok(Opcode::Text),
            (0x1 | 0x2, Some(_)) => return Err(protocol("a message begins within another")),
            (0x2, None) => return Err(BINARY),
            (0x8, _) => Opcode::Close,
            (0x9, _) => Opcode::Ping,
            (0xA, _) => Opcode::Pong,
            _ => return Err(protocol("there is no such kind of frame")),
        };
        if part == Part::More || short > MOST_IN_CONTROL {
            return Err(protocol("a control frame is short and whole"));
        }
        Ok(opcode)
    }
}

/// RFC 6455, 5.3. Sixteen bytes at a time, so that the compiler uses the wide registers.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d];
    let mut chunks = payload.chunks_exact_mut(wide.len());
    for chunk in &mut chunks {
        chunk.iter_mut().zip(wide).for_each(|(byte, mask)| *byte ^= mask);
    }
    chunks.into_remainder().iter_mut().zip(wide).for_each(|(byte, mask)| *byte ^= mask);
}

/// The status in a close frame (RFC 6455, 5.5.1 and 7.4): one that a peer may send, with a reason that is text.
fn status(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(protocol("a status has two bytes")),
        [high, low, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| NO_TEXT)?;
            match u16::from_be_bytes([*high, *low]) {
                code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
                _ => Err(protocol("there is no such status")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::fuzzing::{Frame as Seen, read_frames as read};

    const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(MASKED | u8::try_from(short).unwrap()),
            medium @ 126..=0xFFFF => {
                frame.push(MASKED | 126);
                frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(MASKED | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn read_all(bytes: &[u8]) -> Vec<Seen> {
        read(Some(100_000), [bytes])
    }

    #[test]
    fn each_length_has_its_form_and_any_form_is_read() {
        for length in [0, 1, 15, 16, 17, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            assert_eq!(read_all(&frame(0x81, text.as_bytes())), [Seen::Text(text)]);
        }
        let longer_than_needed = [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, b'x'];
        assert_eq!(read_all(&longer_than_needed), [Seen::Text("x".into())]);
    }

    #[test]
    fn control_frames_come_between_the_fragments_of_a_message() {
        let bytes = [
            frame(0x01, "a€".as_bytes().split_at(2).0),
            frame(0x89, b"are you there"),
            frame(0x00, "a€".as_bytes().split_at(2).1),
            frame(0x8A, b""),
            frame(0x80, b""),
            frame(0x81, b"next"),
        ];
        let expected = [
            Seen::Ping(b"are you there".to_vec()),
            Seen::Pong,
            Seen::Text("a€".into()),
            Seen::Text("next".into()),
        ];
        assert_eq!(read_all(&bytes.concat()), expected);
    }

    #[test]
    fn what_the_standard_forbids_is_refused_with_its_status() {
        let text = frame(0x81, b"x");
        let begun = frame(0x01, b"x");
        let cases: &[(&str, Vec<u8>, u16)] = &[
            ("a reserved bit", frame(0xC1, b"x"), 1002),
            ("no mask", vec![0x81, 1, b'x'], 1002),
            ("a reserved data frame", frame(0x83, b"x"), 1002),
            ("a reserved control frame", frame(0x8B, b""), 1002),
            ("a continuation of nothing", frame(0x80, b"x"), 1002),
            ("a continuation after the last part", [text, frame(0x80, b"x")].concat(), 1002),
            ("a text within a text", [begun.clone(), frame(0x81, b"x")].concat(), 1002),
            ("a binary message within a text", [begun.clone(), frame(0x82, b"x")].concat(), 1002),
            ("a binary message", frame(0x82, b"x"), 1003),
            ("a fragmented ping", frame(0x09, b"x"), 1002),
            ("a long ping", frame(0x89, &[b'x'; 126]), 1002),
            ("text that is none", frame(0x81, b"\xFF"), 1007),
            ("half a character", frame(0x81, "€".as_bytes().split_at(2).0), 1007),
            ("fragments that are no text together", [begun, frame(0x80, b"\xFF")].concat(), 1007),
            ("half a status", frame(0x88, b"\x03"), 1002),
            ("a reason that is no text", frame(0x88, b"\x03\xE8\xFF"), 1007),
            ("a long close", frame(0x88, &[3; 126]), 1002),
        ];
        for (what, bytes, code) in cases {
            assert_eq!(read_all(bytes).last(), Some(&Seen::Refused(*code)), "{what}");
        }
    }

    #[test]
    fn only_a_status_that_may_be_sent_is_taken() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(read_all(&frame(0x88, &u16::to_be_bytes(code))), [Seen::Close(Some(code))]);
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
            assert_eq!(read_all(&frame(0x88, &u16::to_be_bytes(code))), [Seen::Refused(1002)], "{code}");
        }
        assert_eq!(read_all(&frame(0x88, b"")), [Seen::Close(None)]);
        assert_eq!(read_all(&frame(0x88, b"\x03\xE8bye")), [Seen::Close(Some(1000))]);
    }

    #[test]
    fn a_frame_is_refused_as_soon_as_its_head_shows_that_it_must_be() {
        let small = |bytes: &[u8]| read(Some(10), [bytes]);
        assert_eq!(small(&[0x81, 0x80 | 11]), [Seen::Refused(1009)]);
        assert_eq!(
            small(&[0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            [Seen::Refused(1009)]
        );
        assert_eq!(small(&[frame(0x01, b"123456"), vec![0x80, 0x85]].concat()), [Seen::Refused(1009)]);
        assert_eq!(small(&[0x82, 0x80]), [Seen::Refused(1003)]);
        assert_eq!(small(&frame(0x81, b"1234567890")), [Seen::Text("1234567890".into())]);
        assert_eq!(small(&frame(0x89, b"12345678901")), [Seen::Ping(b"12345678901".to_vec())]);
        assert_eq!(
            read(None, [&[0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0][..]]),
            [],
            "without a limit it is waited for"
        );
    }

    /// A message in parts, each followed by a ping if its payload is not empty.
    fn message() -> impl Strategy<Value = (String, Vec<u8>)> {
        ("\\PC{0,40}", vec((any::<prop::sample::Index>(), vec(any::<u8>(), 0..20)), 0..4)).prop_map(
            |(text, cuts)| {
                let bytes = text.as_bytes();
                let mut places: Vec<_> = cuts.iter().map(|(cut, _)| cut.index(bytes.len() + 1)).collect();
                places.sort_unstable();
                let (mut out, mut from) = (Vec::new(), 0);
                for (number, (place, (_, ping))) in places.iter().zip(&cuts).enumerate() {
                    out.extend(frame(if number == 0 { 0x01 } else { 0x00 }, &bytes[from..*place]));
                    if !ping.is_empty() {
                        out.extend(frame(0x89, ping));
                    }
                    from = *place;
                }
                out.extend(frame(if places.is_empty() { 0x81 } else { 0x80 }, &bytes[from..]));
                (text, out)
            },
        )
    }

    proptest! {
        /// However the client fragments and however the network cuts, the same messages come out.
        #[test]
        fn any_fragments_and_any_cuts_give_the_same_messages(messages in vec(message(), 0..6), cut in 1usize..9) {
            let bytes: Vec<u8> = messages.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            let seen = read(Some(1000), bytes.chunks(cut));
            let texts: Vec<_> = seen.iter().filter_map(|seen| match seen {
                Seen::Text(text) => Some(text.clone()),
                Seen::Ping(_) | Seen::Pong | Seen::Close(_) | Seen::Refused(_) => None,
            }).collect();
            prop_assert_eq!(texts, messages.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>());
            prop_assert_eq!(seen, read(Some(1000), [&bytes[..]]));
        }

        /// No bytes make the reader panic, and cutting them differently changes nothing.
        #[test]
        fn any_bytes_are_read_the_same_however_they_are_cut(bytes in vec(any::<u8>(), 0..200), cut in 1usize..20) {
            let whole = read(Some(50), [&bytes[..]]);
            prop_assert_eq!(whole, read(Some(50), bytes.chunks(cut)));
        }

        #[test]
        fn masking_twice_changes_nothing(bytes in vec(any::<u8>(), 0..100), mask: [u8; 4]) {
            let mut masked = bytes.clone();
            unmask(&mut masked, mask);
            for (index, byte) in masked.iter().enumerate() {
                prop_assert_eq!(*byte, bytes[index] ^ mask[index % 4]);
            }
            unmask(&mut masked, mask);
            prop_assert_eq!(masked, bytes);
        }
    }
}
