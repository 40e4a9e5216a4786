//! The forever frame: an HTML document in a hidden frame that never ends, each delivery a script in it.
//!
//! Everything here is executed by a browser, so nothing of a client's may reach it as it came: the frame's id is
//! written from the number it was read as, and in JSON no `<` or `>` stays raw, so no text can end the script.

use std::fmt;

use memchr::memchr2;

/// Which frame of its page is talking. A number, so it can be written into a script safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameId(u32);

/// Why a `frameId` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameIdError {
    /// Classic protocol, section 6.4: an unsigned 32-bit decimal, digits only.
    #[error(
        "frameId must be a whole number from 0 to 4294967295 in digits alone; send the number of the frame"
    )]
    NotANumber,
}

impl FrameId {
    /// Reads the `frameId` parameter: digits and nothing else, up to 32 bits.
    ///
    /// # Errors
    ///
    /// [`FrameIdError::NotANumber`], which does not repeat what was sent.
    pub fn parse(text: &str) -> Result<Self, FrameIdError> {
        // The parser of numbers alone would accept a sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(Self).ok_or(FrameIdError::NotANumber)
    }
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What keeps a quiet frame alive: a script that receives an object that says nothing.
pub const KEEP_ALIVE: &[u8] = b"<script>r(c, {});</script>\n\n";

/// The beginning of the document. Its script finds the page's transport, takes the connection of this frame as
/// `c` and the function that receives as `r`, and says that it has started.
#[must_use]
pub fn prologue(frame: FrameId) -> Vec<u8> {
    format!(
        "<!DOCTYPE html><html><head><title>forever frame</title><script>\r\n\
         var jq = window.parent.jQuery,\r\n    \
             transport = jq ? jq.signalR.transports.foreverFrame : null,\r\n    \
             c = transport ? transport.getConnection('{frame}') : null,\r\n    \
             r = transport ? transport.receive : function () {{}};\r\n\
         if (transport) {{ transport.started(c); }}\r\n\
         </script></head><body>\r\n"
    )
    .into_bytes()
}

/// Appends one delivery, which is JSON written by [`crate::json`], as a script.
///
/// Allocates nothing but the growth of `out`.
///
/// # Examples
///
/// ```
/// use heliostat_proto::frame::forever_frame;
///
/// let mut out = Vec::new();
/// forever_frame::encode(&mut out, br#"["</script>"]"#);
/// assert_eq!(out, b"<script>r(c, [\"\\u003c/script\\u003e\"]);</script>\r\n");
/// ```
pub fn encode(out: &mut Vec<u8>, json: &[u8]) {
    out.reserve(json.len() + 32);
    out.extend_from_slice(b"<script>r(c, ");
    escape_html_json(out, json);
    out.extend_from_slice(b");</script>\r\n");
}

/// Appends JSON with `<` and `>` escaped, so that it can stand in HTML. Answers to `/send` of this transport are
/// written like that as well.
pub fn escape_html_json(out: &mut Vec<u8>, json: &[u8]) {
    // Most JSON has neither.
    if memchr2(b'<', b'>', json).is_none() {
        return out.extend_from_slice(json);
    }
    // Neither can stand outside of a string in JSON, so escaping it changes no meaning.
    for piece in json.split_inclusive(|&byte| matches!(byte, b'<' | b'>')) {
        match piece {
            [plain @ .., b'<'] => {
                out.extend_from_slice(plain);
                out.extend_from_slice(b"\\u003c");
            }
            [plain @ .., b'>'] => {
                out.extend_from_slice(plain);
                out.extend_from_slice(b"\\u003e");
            }
            plain => out.extend_from_slice(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn script(json: &str) -> String {
        let mut out = Vec::new();
        encode(&mut out, json.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cp_140_the_prologue_defines_c_and_r_and_calls_started() {
        let prologue = prologue(FrameId::parse("7").unwrap());
        insta::assert_snapshot!(String::from_utf8(prologue).unwrap().replace('\r', ""), @r"
        <!DOCTYPE html><html><head><title>forever frame</title><script>
        var jq = window.parent.jQuery,
            transport = jq ? jq.signalR.transports.foreverFrame : null,
            c = transport ? transport.getConnection('7') : null,
            r = transport ? transport.receive : function () {};
        if (transport) { transport.started(c); }
        </script></head><body>
        ");
    }

    #[test]
    fn cp_108_a_forever_frame_keep_alive_ends_in_two_newlines() {
        insta::assert_snapshot!(KEEP_ALIVE.escape_ascii(), @r"<script>r(c, {});</script>\n\n");
    }

    #[test]
    fn cp_143_a_message_is_one_script_element() {
        insta::assert_snapshot!(script(r#"{"C":"d-7E-2","M":[]}"#).escape_debug(), @r#"<script>r(c, {\"C\":\"d-7E-2\",\"M\":[]});</script>\r\n"#);
    }

    #[test]
    fn cp_141_angle_brackets_are_escaped() {
        insta::assert_snapshot!(script(r#"["<b>é</b>"]"#).trim_end(), @r#"<script>r(c, ["\u003cb\u003eé\u003c/b\u003e"]);</script>"#);
    }

    #[test]
    fn cp_142_a_frame_id_is_digits_alone_and_is_written_from_its_number() {
        for (text, written) in [("1", "1"), ("0", "0"), ("007", "7"), ("4294967295", "4294967295")] {
            assert_eq!(FrameId::parse(text).unwrap().to_string(), written);
        }
        for text in ["", "-1", "+1", " 1", "1 ", "1.0", "4294967296", "1')", "0x1", "１", "1e3"] {
            assert_eq!(FrameId::parse(text), Err(FrameIdError::NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn cp_141_no_text_can_leave_the_script_and_all_of_it_arrives(text: String, html in "[<>/scriptSCRIPT!\\- ]{0,30}") {
            for text in [text, html] {
                let json = crate::json::to_json(&text).unwrap();
                let mut out = Vec::new();
                escape_html_json(&mut out, &json);
                prop_assert!(!out.iter().any(|byte| matches!(byte, b'<' | b'>')));
                prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(bytes: Vec<u8>, digits in "[0-9+-]{0,12}") {
            let _ = FrameId::parse(&String::from_utf8_lossy(&bytes));
            if let Ok(frame) = FrameId::parse(&digits) {
                prop_assert!(frame.to_string().bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
