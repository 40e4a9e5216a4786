//! Socket.IO over WebSockets (Engine.IO 4), for comparisons: no negotiation, no other transport, no way back.

use std::fmt::Write;

use heliostat_proto::transport_kind::TransportKind;
use serde::de::IgnoredAny;

use super::{Asking, Call, Dialect, Heard, Opening, Session};
use crate::wire::request::{Request, UPGRADE};

/// Socket.IO. The events are `echo`, `broadcast`, `join` and `sendToGroup`; a call that wants an answer uses an acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketIo;

impl Dialect for SocketIo {
    fn transports(&self) -> &'static [TransportKind] {
        &[TransportKind::WebSockets]
    }

    fn comes_back(&self) -> bool {
        false
    }

    fn negotiate(&self, _path: &str) -> Option<Request> {
        None
    }

    fn negotiated(&self, _answer: &[u8], _session: &mut Session) -> Result<(), String> {
        Ok(())
    }

    fn connect(&self, asking: Asking<'_>, _opening: Opening) -> Request {
        let path = asking.path.trim_end_matches('/');
        Request { headers: UPGRADE, ..Request::get(format!("{path}/?EIO=4&transport=websocket")) }
    }

    fn start(&self, _asking: Asking<'_>) -> Option<Request> {
        None
    }

    fn send(&self, asking: Asking<'_>, _text: &str) -> Request {
        // Never asked: its only transport carries calls itself.
        self.connect(asking, Opening::First)
    }

    fn abort(&self, _asking: Asking<'_>) -> Option<Request> {
        None
    }

    fn call(&self, out: &mut String, call: Call<'_>, id: u32) {
        // As in the classic dialect: nothing of ours needs escaping, and strings can be written into.
        let _ = match call {
            Call::Echo(text) => write!(out, r#"42{id}["echo","{text}"]"#),
            Call::Broadcast(text) => write!(out, r#"42["broadcast","{text}"]"#),
            Call::Join(group) => write!(out, r#"42{id}["join","{group}"]"#),
            Call::SendToGroup(group, text) => write!(out, r#"42["sendToGroup","{group}","{text}"]"#),
        };
    }

    fn read(&self, text: &[u8]) -> Heard {
        match text {
            // Engine.IO is open: enter the default namespace.
            [b'0', ..] => Heard::Answer("40"),
            b"2" => Heard::Answer("3"),
            [b'4', b'0', ..] => Heard::Initialized,
            [b'4', b'3', ..] => Heard::Reply,
            [b'4', b'1', ..] | [b'1', ..] => Heard::Goodbye("the server closed the namespace".to_owned()),
            [b'4', b'4', reason @ ..] => Heard::Goodbye(String::from_utf8_lossy(reason).into_owned()),
            _ => Heard::Nothing,
        }
    }

    fn remember(&self, _text: &[u8], _session: &mut Session) {}

    fn is_valid(&self, text: &[u8]) -> bool {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let json = text.get(digits..).unwrap_or_default();
        digits > 0 && (json.is_empty() || serde_json::from_slice::<IgnoredAny>(json).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_of_a_conversation_are_told_apart() {
        let heard = |text: &str| SocketIo.read(text.as_bytes());
        assert_eq!(heard(r#"0{"sid":"x","pingInterval":25000}"#), Heard::Answer("40"));
        assert_eq!(heard(r#"40{"sid":"y"}"#), Heard::Initialized);
        assert_eq!(heard("2"), Heard::Answer("3"));
        assert_eq!(heard("431[]"), Heard::Reply);
        assert_eq!(heard(r#"42["called","x"]"#), Heard::Nothing);
        assert!(matches!(heard(r#"44{"message":"no"}"#), Heard::Goodbye(_)));
    }

    #[test]
    fn calls_are_events() {
        let mut text = String::new();
        SocketIo.call(&mut text, Call::Echo("p"), 3);
        SocketIo.call(&mut text, Call::SendToGroup("g", "p"), 4);
        assert_eq!(text, r#"423["echo","p"]42["sendToGroup","g","p"]"#);
        assert!(SocketIo.is_valid(br#"42["called","x"]"#) && SocketIo.is_valid(b"2"));
        assert!(!SocketIo.is_valid(b"[]") && !SocketIo.is_valid(b"42[oops"));
    }
}
