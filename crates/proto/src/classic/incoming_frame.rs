//! What a client reads on its receive channel: one text, one [`Frame`].
//!
//! 5.10 says how the official clients tell frames apart: an empty object is a keep-alive, an object with `I` is a
//! result, anything else is a persistent response. Members that are not known are ignored, as are members of a type
//! that no client would look at, so that a newer server can say more.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::connection::client::{Frame, Response, Signal};

/// Why a text is no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is not JSON, or a member has a type that cannot be.
    #[error(
        "the server sent what is no frame: {0}; a proxy may have changed it, or there is no SignalR server"
    )]
    NotAFrame(#[from] serde_json::Error),
    /// It is JSON, but no object.
    #[error(
        "the server sent {beginning:?} where an object belongs; is there a SignalR server at this address?"
    )]
    NotAnObject {
        /// The beginning of what it sent.
        beginning: Box<str>,
    },
}

/// So much of a wrong text is shown.
const SHOWN: usize = 40;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "C", default)]
    cursor: Option<Box<str>>,
    #[serde(rename = "M", borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(rename = "G", default)]
    groups_token: Option<Box<str>>,
    #[serde(rename = "S", borrow, default)]
    initialized: Option<&'a RawValue>,
    #[serde(rename = "T", borrow, default)]
    reconnect: Option<&'a RawValue>,
    #[serde(rename = "D", borrow, default)]
    disconnect: Option<&'a RawValue>,
    #[serde(rename = "E", borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(rename = "L", default)]
    long_poll_delay: Option<f64>,
    #[serde(rename = "I", default, deserialize_with = "presence")]
    is_result: bool,
}

/// Reads what came on a transport connection: one text of a WebSocket, the data of one event, the body of a poll's
/// answer. Messages are borrowed from it, still JSON.
///
/// # Errors
///
/// [`FrameError`] if it is not an object of the protocol. The official clients report that and go on.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::decode_frame;
/// use heliostat_proto::connection::client::{Frame, Signal};
///
/// let Frame::Response(response) = decode_frame(r#"{"C":"d-1","S":1,"M":[{"H":"chat"},2]}"#)? else { panic!() };
/// assert_eq!(response.cursor.as_deref(), Some("d-1"));
/// assert_eq!(response.signal, Signal::Initialized);
/// assert_eq!(response.messages[1].get(), "2");
/// assert!(matches!(decode_frame("{}")?, Frame::KeepAlive));
/// # Ok::<_, heliostat_proto::classic::FrameError>(())
/// ```
pub fn decode_frame(text: &str) -> Result<Frame<&RawValue>, FrameError> {
    let text = text.trim_ascii();
    match text.as_bytes() {
        [] | b"null" => return Ok(Frame::KeepAlive),
        [b'{', inner @ .., b'}'] if inner.trim_ascii().is_empty() => return Ok(Frame::KeepAlive),
        [b'{', ..] => {}
        _ => return Err(FrameError::NotAnObject { beginning: text.chars().take(SHOWN).collect() }),
    }
    let wire: Wire<'_> = serde_json::from_str(text)?;
    if wire.is_result {
        return Ok(Frame::Result(serde_json::from_str(text)?));
    }
    Ok(Frame::Response(Response {
        signal: signal(&wire),
        cursor: wire.cursor.filter(|text| !text.is_empty()),
        groups_token: wire.groups_token.filter(|text| !text.is_empty()),
        long_poll_delay: wire.long_poll_delay.and_then(millis),
        messages: wire.messages.unwrap_or_default(),
    }))
}

/// A member counts as there unless it is null, as for the .NET client: in a recorded frame absent members are absent.
fn signal(wire: &Wire<'_>) -> Signal {
    match (wire.error, wire.disconnect, wire.initialized, wire.reconnect) {
        (Some(error), ..) => Signal::Stop(Some(text_of(error))),
        (None, Some(mark), ..) if is_set(mark) => Signal::Stop(None),
        (_, _, Some(mark), _) if is_set(mark) => Signal::Initialized,
        (_, _, _, Some(mark)) if is_set(mark) => Signal::Reconnect,
        _ => Signal::None,
    }
}

fn is_set(mark: &RawValue) -> bool {
    !matches!(mark.get(), "0" | "false")
}

/// A text, or whatever the server sent instead of one.
fn text_of(json: &RawValue) -> Box<str> {
    serde_json::from_str(json.get()).unwrap_or_else(|_| json.get().into())
}

/// A number of milliseconds that makes sense.
fn millis(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number / 1000.0).ok()
}

/// That the member is there, whatever it is: `"I":null` answers a call without an id.
fn presence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::classic::{HubResult, InvocationId, Outcome, ResponseHead, encode_response};

    fn response(text: &str) -> Response<String> {
        match decode_frame(text).unwrap() {
            Frame::Response(response) => response.map(|message| message.get().to_owned()),
            other @ (Frame::KeepAlive | Frame::Result(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn cp_121_what_says_nothing_is_a_keep_alive() {
        for text in ["{}", " { } ", "", " ", "null", "\r\n"] {
            assert!(matches!(decode_frame(text), Ok(Frame::KeepAlive)), "{text:?}");
        }
    }

    #[test]
    fn cp_121_whatever_has_an_i_is_a_result_even_without_an_id() {
        for text in [r#"{"I":"0"}"#, r#"{"R":1,"I":7}"#, r#"{"C":"d","I":null,"M":[]}"#] {
            let Frame::Result(json) = decode_frame(text).unwrap() else { panic!("{text}") };
            assert_eq!(json.get(), text);
        }
    }

    #[test]
    fn cp_121_cursor_groups_delay_and_messages_are_read() {
        let read = response(r#"{"C":"d-7E-2","G":"t\u006fken","L":1500,"M":["two",{"H":"a"},null]}"#);
        assert_eq!(read.cursor.as_deref(), Some("d-7E-2"));
        assert_eq!(read.groups_token.as_deref(), Some("token"));
        assert_eq!(read.long_poll_delay, Some(Duration::from_millis(1500)));
        assert_eq!(read.messages, ["\"two\"", r#"{"H":"a"}"#, "null"]);
        assert_eq!(read.signal, Signal::None);
    }

    #[test]
    fn cp_121_each_signal_is_told_and_an_end_before_all_others() {
        let signal = |members: &str| response(&format!(r#"{{"C":"d",{members},"M":[]}}"#)).signal;
        assert_eq!(signal(r#""S":1"#), Signal::Initialized);
        assert_eq!(signal(r#""T":1"#), Signal::Reconnect);
        assert_eq!(signal(r#""D":1"#), Signal::Stop(None));
        assert_eq!(signal(r#""S":1,"D":1,"E":"bye \"you\"""#), Signal::Stop(Some("bye \"you\"".into())));
        assert_eq!(signal(r#""E":{"code":7}"#), Signal::Stop(Some(r#"{"code":7}"#.into())));
        assert_eq!(signal(r#""S":null,"T":0,"D":false,"E":null"#), Signal::None);
    }

    #[test]
    fn numbers_that_make_no_sense_are_no_delay() {
        for number in ["-1", "1e300", "null"] {
            assert_eq!(
                response(&format!(r#"{{"C":"d","L":{number},"M":[]}}"#)).long_poll_delay,
                None,
                "{number}"
            );
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_with_its_beginning() {
        let refusal = |text: &str| decode_frame(text).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("<html><body>502 Bad Gateway and a long text after it</body>"), @r#"the server sent "<html><body>502 Bad Gateway and a long t" where an object belongs; is there a SignalR server at this address?"#);
        assert!(refusal(r#"{"C":1,"M":[]}"#).contains("what is no frame: invalid type: integer `1`"));
        assert!(matches!(decode_frame(r#"{"C":"d","M":7}"#), Err(FrameError::NotAFrame(_))));
        assert!(matches!(decode_frame(&"{\"M\":[".repeat(9)), Err(FrameError::NotAFrame(_))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_decoder_panic(text: String, json in r#"[{}\[\]":,CMGSTDELI0-9 ]{0,40}"#) {
            let _ = decode_frame(&text);
            let _ = decode_frame(&json);
        }

        #[test]
        fn every_delivery_that_a_server_writes_is_read_back(
            cursor in "[^\u{0}]{1,20}", token in "[a-z]{1,9}", texts: Vec<String>, initialized: bool, millis in 0u64..100_000,
        ) {
            let mut head = ResponseHead::new(&cursor).groups_token(&token).long_poll_delay(Duration::from_millis(millis));
            if initialized {
                head = head.initialized();
            }
            let messages: Vec<_> = texts.iter().map(|text| serde_json::to_vec(text).unwrap()).collect();
            let mut out = Vec::new();
            encode_response(&mut out, &head, messages.iter().map(Vec::as_slice));
            let read = response(std::str::from_utf8(&out).unwrap());
            prop_assert_eq!(read.cursor.as_deref(), Some(cursor.as_str()));
            prop_assert_eq!(read.groups_token.as_deref(), Some(token.as_str()));
            prop_assert_eq!(read.long_poll_delay.unwrap_or_default(), Duration::from_millis(millis));
            prop_assert_eq!(read.signal == Signal::Initialized, initialized);
            let read: Vec<String> = read.messages.iter().map(|json| serde_json::from_str(json).unwrap()).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn every_result_that_a_server_writes_is_a_result(id: String, value: Vec<String>) {
            let mut out = Vec::new();
            let result = HubResult { id: InvocationId::new(&id), state: None, outcome: Outcome::Returned(&value) };
            result.encode(&mut out).unwrap();
            prop_assert!(matches!(decode_frame(std::str::from_utf8(&out).unwrap()), Ok(Frame::Result(_))));
        }
    }
}
