//! Server-sent events: each delivery is one `data:` line and a blank line.
//!
//! Two promises beyond the format itself. The line is ASCII, because the .NET client decodes every network chunk as
//! UTF-8 on its own and would break a character that is cut in two. And it contains no line end, because that client
//! reads line by line and does not join. There is never an `id`, `event` or `retry` line: a browser that saw an
//! `id` would bring it back to a server that does not know it.

use memchr::memchr2;

use crate::json::write_unicode_escape;

/// What the stream begins with, on `/connect` and `/reconnect`.
pub const PREAMBLE: &[u8] = b"data: initialized\n\n";

/// What keeps a quiet stream alive: an object that says nothing.
pub const KEEP_ALIVE: &[u8] = b"data: {}\n\n";

/// Appends one delivery, which is JSON, as an event.
///
/// Allocates nothing but the growth of `out`.
///
/// # Examples
///
/// ```
/// use heliostat_proto::frame::event_stream;
///
/// let mut out = Vec::new();
/// event_stream::encode(&mut out, r#"{"C":"d-1-1","M":["é"]}"#.as_bytes());
/// assert_eq!(out, b"data: {\"C\":\"d-1-1\",\"M\":[\"\\u00e9\"]}\n\n");
/// ```
pub fn encode(out: &mut Vec<u8>, json: &[u8]) {
    out.reserve(json.len() + 8);
    out.extend_from_slice(b"data: ");
    if json.is_ascii() && memchr2(b'\n', b'\r', json).is_none() {
        out.extend_from_slice(json);
    } else {
        encode_rest(out, json);
    }
    out.extend_from_slice(b"\n\n");
}

fn encode_rest(out: &mut Vec<u8>, json: &[u8]) {
    for chunk in json.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                // In JSON a line end can only stand between tokens, where a blank means the same.
                '\n' | '\r' => out.push(b' '),
                ascii if ascii.is_ascii() => out.extend_from_slice(ascii.encode_utf8(&mut [0; 1]).as_bytes()),
                other => write_unicode_escape(out, other),
            }
        }
        if !chunk.invalid().is_empty() {
            write_unicode_escape(out, char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn event(json: &str) -> String {
        let mut out = Vec::new();
        encode(&mut out, json.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cp_135_the_preamble_says_initialized() {
        insta::assert_snapshot!(PREAMBLE.escape_ascii(), @r"data: initialized\n\n");
    }

    #[test]
    fn cp_108_an_event_stream_keep_alive_is_the_event_of_an_empty_object() {
        insta::assert_snapshot!(KEEP_ALIVE.escape_ascii(), @r"data: {}\n\n");
        assert_eq!(event("{}").as_bytes(), KEEP_ALIVE);
    }

    #[test]
    fn cp_136_cp_137_an_event_is_one_data_line_and_a_blank_line_even_if_the_json_has_lines() {
        insta::assert_snapshot!(event(r#"{"C":"d-7E-2","M":["two"]}"#).escape_debug(), @r#"data: {\"C\":\"d-7E-2\",\"M\":[\"two\"]}\n\n"#);
        insta::assert_snapshot!(event("[1,\r\n2]").escape_debug(), @r"data: [1,  2]\n\n");
    }

    #[test]
    fn cp_138_letters_beyond_ascii_are_escaped_so_that_no_chunk_can_cut_them() {
        insta::assert_snapshot!(event(r#"["é😀\u2028"]"#).escape_debug(), @r#"data: [\"\\u00e9\\ud83d\\ude00\\u2028\"]\n\n"#);
    }

    proptest! {
        #[test]
        fn cp_138_however_the_network_cuts_the_bytes_the_same_text_comes_out(text: String, cut: prop::sample::Index) {
            let json = serde_json::to_vec(&text).unwrap();
            let mut out = Vec::new();
            encode(&mut out, &json);
            let (first, second) = out.split_at(cut.index(out.len()));
            let joined = String::from_utf8_lossy(first).into_owned() + &String::from_utf8_lossy(second);
            let line = joined.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
            prop_assert!(line.is_ascii() && !line.contains(['\n', '\r']));
            prop_assert_eq!(serde_json::from_str::<Value>(line).unwrap(), Value::String(text));
        }

        #[test]
        fn any_bytes_become_one_line_of_ascii(json: Vec<u8>) {
            let mut out = Vec::new();
            encode(&mut out, &json);
            let line = out.strip_prefix(b"data: ").unwrap().strip_suffix(b"\n\n").unwrap();
            prop_assert!(line.is_ascii() && !line.contains(&b'\n') && !line.contains(&b'\r'));
        }
    }
}
