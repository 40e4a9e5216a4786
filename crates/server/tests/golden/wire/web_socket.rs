//! The client's half of RFC 6455 framing, without opinions: it sends what it is told and reports what comes.

use crate::recording::{Direction, Frame, Opcode};

/// Any mask will do; a fixed one keeps the bytes the same from run to run.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A whole message or control frame as the client sends it: final and masked.
pub(crate) fn encode(frame: &Frame) -> Vec<u8> {
    let payload = payload_of(frame);
    let mut bytes = vec![0x80 | code_of(frame.op)];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => bytes.push(0x80 | u8::try_from(length).unwrap_or_default()),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn payload_of(frame: &Frame) -> Vec<u8> {
    let text = frame.data.clone().unwrap_or_default().into_bytes();
    match frame.code {
        Some(code) => code.to_be_bytes().into_iter().chain(text).collect(),
        None => text,
    }
}

fn code_of(op: Opcode) -> u8 {
    match op {
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    }
}

/// Puts the frames of the server together again.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    read: Vec<u8>,
    /// The opcode and the first parts of a message that came in several frames.
    fragments: Option<(u8, Vec<u8>)>,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
    }

    /// The next whole message or control frame.
    pub(crate) fn next(&mut self, t_ms: u64) -> Option<Frame> {
        loop {
            let (first, payload) = self.take_frame()?;
            let (is_final, code) = (first & 0x80 != 0, first & 0x0F);
            if code >= 8 {
                return Some(control(code, payload, t_ms));
            }
            let (code, mut message) = self.fragments.take().unwrap_or((code, Vec::new()));
            message.extend(payload);
            if is_final {
                let op = if code == 1 { Opcode::Text } else { Opcode::Binary };
                let data = Some(String::from_utf8_lossy(&message).into_owned());
                return Some(Frame { t_ms, dir: Direction::Recv, op, data, code: None });
            }
            self.fragments = Some((code, message));
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.read.first()?, self.read.get(1)?);
        assert!(
            second & 0x80 == 0,
            "RFC 6455, 5.1: a server must not mask any frames that it sends to the client"
        );
        let (length, start) = match second {
            126 => (usize::from(u16::from_be_bytes(self.read.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(self.read.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let payload = self.read.get(start..start + length)?.to_vec();
        self.read.drain(..start + length);
        Some((first, payload))
    }
}

fn control(code: u8, payload: Vec<u8>, t_ms: u64) -> Frame {
    let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
    let (op, data, close) = match code {
        8 => {
            let close = payload.get(..2).and_then(|two| two.try_into().ok()).map(u16::from_be_bytes);
            (Opcode::Close, text(payload.get(2..).unwrap_or_default()), close)
        }
        9 => (Opcode::Ping, text(&payload), None),
        _ => (Opcode::Pong, text(&payload), None),
    };
    Frame { t_ms, dir: Direction::Recv, op, data, code: close }
}
