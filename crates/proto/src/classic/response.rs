//! One delivery on a receive channel: the object `{"C":…,"M":[…]}`.
//!
//! `C` and `M` are always there, and every other key is there or absent, never null or 0: the clients test some of
//! them for *being defined*. A delivery never has a top-level `I`, which would make it a hub result.

use std::time::Duration;

use crate::json::{ObjectWriter, write_string};

/// Everything of a delivery but its messages.
///
/// # Examples
///
/// ```
/// use heliostat_proto::classic::{ResponseHead, encode_response};
///
/// let mut out = Vec::new();
/// encode_response(&mut out, &ResponseHead::new("d-7E-1").initialized(), []);
/// assert_eq!(out, br#"{"C":"d-7E-1","S":1,"M":[]}"#);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a head says nothing until it is encoded"]
pub struct ResponseHead<'a> {
    cursor: &'a str,
    initialized: Mark,
    reconnect: Mark,
    groups_token: Option<&'a str>,
    long_poll_delay: Option<Duration>,
    disconnect: Mark,
    error: Option<&'a str>,
}

/// A key that means something by being there.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Absent,
    Present,
}

impl<'a> ResponseHead<'a> {
    /// A delivery after which the client holds `cursor`.
    pub const fn new(cursor: &'a str) -> Self {
        Self {
            cursor,
            initialized: Mark::Absent,
            reconnect: Mark::Absent,
            groups_token: None,
            long_poll_delay: None,
            disconnect: Mark::Absent,
            error: None,
        }
    }

    /// The init message (`S`), once per `/connect`: the client may go on to `/start`.
    pub const fn initialized(mut self) -> Self {
        self.initialized = Mark::Present;
        self
    }

    /// Asks a polling client to reconnect (`T`), because this host is going away.
    pub const fn reconnect(mut self) -> Self {
        self.reconnect = Mark::Present;
        self
    }

    /// The groups token (`G`) for the whole set of groups, after it has changed.
    pub const fn groups_token(mut self, token: &'a str) -> Self {
        self.groups_token = Some(token);
        self
    }

    /// How long a polling client waits before its next poll (`L`). Zero is left out.
    pub const fn long_poll_delay(mut self, delay: Duration) -> Self {
        self.long_poll_delay = Some(delay);
        self
    }

    /// Tells the client to stop: `D` for clients below 1.4, and `E` with this text for clients from 2.0 on.
    pub const fn stop(mut self, text: &'a str) -> Self {
        self.disconnect = Mark::Present;
        self.error = Some(text);
        self
    }
}

/// Appends one delivery to `out`. Each message is a JSON value, already written by [`crate::json`].
///
/// Allocates nothing but the growth of `out`.
pub fn encode_response<'m>(
    out: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    messages: impl IntoIterator<Item = &'m [u8]>,
) {
    let mut object = ObjectWriter::begin(out);
    object.text("C", head.cursor);
    mark(&mut object, "S", head.initialized);
    mark(&mut object, "T", head.reconnect);
    if let Some(token) = head.groups_token {
        write_string(object.key("G"), token);
    }
    if let Some(delay) = head.long_poll_delay.filter(|delay| delay.as_millis() > 0) {
        write_number(object.key("L"), delay.as_millis());
    }
    mark(&mut object, "D", head.disconnect);
    if let Some(text) = head.error {
        object.text("E", text);
    }
    let out = object.key("M");
    out.push(b'[');
    for (index, message) in messages.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(message);
    }
    out.push(b']');
    object.end();
}

fn mark(object: &mut ObjectWriter<'_>, key: &str, mark: Mark) {
    match mark {
        Mark::Absent => {}
        Mark::Present => object.raw(key, "1"),
    }
}

fn write_number(out: &mut Vec<u8>, number: u128) {
    let tens = number / 10;
    if tens > 0 {
        write_number(out, tens);
    }
    out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn encoded(head: ResponseHead<'_>, messages: &[&str]) -> String {
        let mut out = Vec::new();
        encode_response(&mut out, &head, messages.iter().map(|message| message.as_bytes()));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cp_098_cp_099_a_plain_delivery_is_cursor_and_messages_alone() {
        insta::assert_snapshot!(encoded(ResponseHead::new("d-7E-2"), &[]), @r#"{"C":"d-7E-2","M":[]}"#);
        insta::assert_snapshot!(encoded(ResponseHead::new("d-7E-2"), &[r#"{"H":"ChatHub","M":"tick","A":[]}"#, r#""raw""#]), @r#"{"C":"d-7E-2","M":[{"H":"ChatHub","M":"tick","A":[]},"raw"]}"#);
    }

    #[test]
    fn the_init_message_has_an_s() {
        insta::assert_snapshot!(encoded(ResponseHead::new("d-7E-0").initialized(), &[]), @r#"{"C":"d-7E-0","S":1,"M":[]}"#);
    }

    #[test]
    fn keys_come_in_the_order_of_the_original() {
        let head = ResponseHead::new("d-7E-0")
            .stop("ended by the server")
            .long_poll_delay(Duration::from_secs(1))
            .groups_token("G==")
            .reconnect()
            .initialized();
        insta::assert_snapshot!(encoded(head, &["1"]), @r#"{"C":"d-7E-0","S":1,"T":1,"G":"G==","L":1000,"D":1,"E":"ended by the server","M":[1]}"#);
    }

    #[test]
    fn cp_104_the_long_poll_delay_is_milliseconds_and_absent_if_zero() {
        let with = |delay| encoded(ResponseHead::new("c").long_poll_delay(delay), &[]);
        insta::assert_snapshot!(with(Duration::from_millis(1050)), @r#"{"C":"c","L":1050,"M":[]}"#);
        insta::assert_snapshot!(with(Duration::ZERO), @r#"{"C":"c","M":[]}"#);
        insta::assert_snapshot!(with(Duration::from_micros(999)), @r#"{"C":"c","M":[]}"#);
    }

    #[test]
    fn cp_119_the_stop_frame_has_d_and_e() {
        insta::assert_snapshot!(encoded(ResponseHead::new("d-7E-2").stop("gone"), &[]), @r#"{"C":"d-7E-2","D":1,"E":"gone","M":[]}"#);
    }

    proptest! {
        #[test]
        fn cp_103_any_delivery_is_one_json_object_with_what_was_put_in_and_no_i(
            cursor: String,
            token in proptest::option::of(any::<String>()),
            delay in proptest::option::of(0u64..9_999_999),
            texts: Vec<String>,
        ) {
            let mut head = ResponseHead::new(&cursor);
            if let Some(token) = &token { head = head.groups_token(token); }
            if let Some(delay) = delay { head = head.long_poll_delay(Duration::from_millis(delay)); }
            let messages: Vec<_> = texts.iter().map(|text| crate::json::to_json(text).unwrap()).collect();
            let mut out = Vec::new();
            encode_response(&mut out, &head, messages.iter().map(Vec::as_slice));
            let read: Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read["C"].as_str(), Some(cursor.as_str()));
            prop_assert_eq!(read.get("G").map(|token| token.as_str().unwrap()), token.as_deref());
            prop_assert_eq!(read.get("L").map(|delay| delay.as_u64().unwrap()), delay.filter(|&delay| delay > 0));
            prop_assert_eq!(&read["M"], &serde_json::to_value(&texts).unwrap());
            prop_assert!(read.get("I").is_none());
        }
    }
}
