//! JSON as SignalR writes it: compact, UTF-8, with U+0085, U+2028 and U+2029 always escaped.
//!
//! Those three end a line in JavaScript, so text that contains them raw would break a script that embeds it (the
//! forever frame, JSONP). Everything this crate sends is written here, so everything keeps the promise.

pub(crate) mod scan;

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// A value of the application that has no JSON form.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be written as JSON: {0}; keys of maps must be text or numbers")]
pub struct JsonError(#[from] serde_json::Error);

/// Bytes that are looked at together.
const PIECE: usize = 16;
/// Room for most texts, in bytes: a buffer that must grow costs more than one that was a little too large.
const TEXT: usize = 128;

/// The JSON of `value`.
///
/// # Errors
///
/// [`JsonError`] if its `Serialize` fails or it has a map whose keys are not text.
///
/// # Examples
///
/// ```
/// let json = heliostat_proto::json::to_json(&["a\u{2028}b"])?;
/// assert_eq!(json, br#"["a\u2028b"]"#);
/// # Ok::<_, heliostat_proto::json::JsonError>(())
/// ```
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    let mut json = Vec::with_capacity(TEXT);
    write_json(&mut json, value)?;
    Ok(json)
}

/// Appends the JSON of `value` to `out`. If it fails, `out` is as it was.
///
/// # Errors
///
/// [`JsonError`] as for [`to_json`].
pub fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), JsonError> {
    whole_or_nothing(out, |out| {
        Ok(value.serialize(&mut serde_json::Serializer::with_formatter(out, LineSafe))?)
    })
}

/// Lets `write` append to `out`. If it fails, `out` is as it was.
pub(crate) fn whole_or_nothing<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends a number, without the formatter, which costs several times as much.
pub(crate) fn digits(out: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        digits(out, number / 10);
    }
    out.extend(u8::try_from(number % 10).map(|digit| b'0' + digit));
}

/// Appends a text as a JSON string, quotes included.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_string_content(out, text);
    out.push(b'"');
}

/// Appends what stands between the quotes of a JSON string.
pub(crate) fn write_string_content(out: &mut Vec<u8>, text: &str) {
    // Nearly all text has nothing to escape.
    if is_plain(text) {
        return out.extend_from_slice(text.as_bytes());
    }
    let mut rest = text;
    while let Some((plain, letter, tail)) = split_at_letter(rest, must_escape) {
        out.extend_from_slice(plain.as_bytes());
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            other => write_unicode_escape(out, other),
        }
        rest = tail;
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Appends `\uXXXX`, twice for a letter beyond the basic plane.
pub(crate) fn write_unicode_escape(out: &mut Vec<u8>, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            let digit = char::from_digit(u32::from(*unit) >> shift & 0xF, 16).unwrap_or('0');
            out.extend_from_slice(digit.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// How deeply the arrays and objects of a JSON text are nested: 0 for a plain value, 1 for `[]`, 2 for `[[]]`.
pub(crate) fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// With such names serde_json marks objects that stand for something else: read as a value of any kind, `{"…::RawValue":"[1]"}` is the array,
/// with a nesting that nobody has counted. No client has a reason to use one.
const RESERVED: &str = "$serde_json::private::";

/// Whether an object somewhere in this text, which is JSON, has a member with a name that serde_json keeps for itself.
pub(crate) fn has_reserved_name(json: &str) -> bool {
    // No other escape stands for a letter of it.
    if !json.contains(RESERVED) && !json.contains("\\u") {
        return false;
    }
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'"' {
            let start = json.len() - bytes.len() - 1;
            skip_string(&mut bytes);
            let end = json.len() - bytes.len();
            let is_name = json.get(end..).is_some_and(|behind| behind.trim_ascii_start().starts_with(':'));
            if is_name && json.as_bytes().get(start..end).is_some_and(is_reserved) {
                return true;
            }
        }
    }
    false
}

/// Whether serde_json keeps the text of this JSON string, quotes included, for itself.
pub(crate) fn is_reserved(string: &[u8]) -> bool {
    // Mostly a name is too short, and with escapes it would be longer.
    string.len() > RESERVED.len()
        && serde_json::from_slice::<Cow<'_, str>>(string).is_ok_and(|text| text.starts_with(RESERVED))
}

/// Writes one JSON object key by key, in the order of the calls, straight into a buffer.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    before_key: u8,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        Self { out, before_key: b'{' }
    }

    /// Goes on with an object that has some keys already, or is about to begin, and is all that stands in the buffer.
    pub(crate) fn go_on(out: &'a mut Vec<u8>) -> Self {
        let before_key = if out.is_empty() { b'{' } else { b',' };
        Self { out, before_key }
    }

    /// Writes a key, which needs no escaping, and lends the buffer for its value.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        // Nearly all keys are one letter, since they go out with every message.
        if let [letter] = *key.as_bytes() {
            self.out.extend_from_slice(&[self.before_key, b'"', letter, b'"', b':']);
        } else {
            self.out.extend_from_slice(&[self.before_key, b'"']);
            self.out.extend_from_slice(key.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
        self.before_key = b',';
        self.out
    }

    /// A key with a text for its value.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        write_string(self.key(key), value);
    }

    /// A key with a value that is JSON already.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key).extend_from_slice(value.as_bytes());
    }

    /// A key with a value to be serialised, or nothing at all if the value is null.
    pub(crate) fn unless_null<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &T,
    ) -> Result<(), JsonError> {
        let (start, before_key) = (self.out.len(), self.before_key);
        let out = self.key(key);
        let value_start = out.len();
        write_json(out, value)?;
        if out.get(value_start..) == Some(b"null") {
            self.out.truncate(start);
            self.before_key = before_key;
        }
        Ok(())
    }

    pub(crate) fn end(self) {
        if self.before_key == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// `serde_json`'s compact form, with the three line ends escaped in strings of our own and in raw values.
struct LineSafe;

impl Formatter for LineSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        write_line_safe(out, text)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, json: &str) -> io::Result<()> {
        // In JSON such a character can only stand inside a string, so escaping it changes no meaning.
        write_line_safe(out, json)
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        CompactFormatter.write_char_escape(out, escape)
    }
}

fn write_line_safe<W: ?Sized + io::Write>(out: &mut W, text: &str) -> io::Result<()> {
    // Nearly all text has none of their first bytes. The fold has no early exit, so it runs over many bytes at once.
    if text.bytes().fold(true, |safe, byte| safe & !matches!(byte, 0xC2 | 0xE2)) {
        return out.write_all(text.as_bytes());
    }
    let mut rest = text;
    while let Some((plain, letter, tail)) = split_at_letter(rest, is_line_end_of_javascript) {
        out.write_all(plain.as_bytes())?;
        write!(out, "\\u{:04x}", u32::from(letter))?;
        rest = tail;
    }
    out.write_all(rest.as_bytes())
}

/// What stands before the first letter for which `wanted` holds, that letter, and what stands behind it.
fn split_at_letter(text: &str, wanted: impl Fn(char) -> bool) -> Option<(&str, char, &str)> {
    let at = text.find(wanted)?;
    let (plain, tail) = text.split_at_checked(at)?;
    let letter = tail.chars().next()?;
    Some((plain, letter, tail.get(letter.len_utf8()..)?))
}

/// Whether no byte of the text may need an escape.
fn is_plain(text: &str) -> bool {
    // The fold has no early exit, so it runs over many bytes at once. Those that are left over are looked up one by one: names and ids
    // are nothing else.
    let (pieces, rest) = text.as_bytes().as_chunks::<PIECE>();
    pieces.as_flattened().iter().fold(true, |plain, byte| plain & !may_need_escape(*byte))
        && !rest.iter().any(|byte| MAY_NEED_ESCAPE.get(usize::from(*byte)) == Some(&true))
}

/// The answers of [`may_need_escape`].
#[expect(clippy::indexing_slicing, reason = "every byte has its place, and the compiler goes through them")]
static MAY_NEED_ESCAPE: [bool; 256] = {
    let (mut answers, mut byte) = ([false; 256], 0_u8);
    loop {
        answers[byte as usize] = may_need_escape(byte);
        if byte == u8::MAX {
            break answers;
        }
        byte += 1;
    }
};

/// Whether a letter that must be escaped may begin with this byte.
const fn may_need_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F | 0xC2 | 0xE2)
}

fn must_escape(letter: char) -> bool {
    matches!(letter, '"' | '\\' | '\0'..='\u{1F}') || is_line_end_of_javascript(letter)
}

fn is_line_end_of_javascript(letter: char) -> bool {
    matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn json<T: Serialize + ?Sized>(value: &T) -> String {
        String::from_utf8(to_json(value).unwrap()).unwrap()
    }

    fn letter() -> impl Strategy<Value = char> {
        prop_oneof![prop::sample::select(vec![
            '"', '\\', '\0', '\n', '\u{1F}', '\u{85}', '\u{2028}', '\u{2029}', ' ', '~', 'ä', '😀'
        ])]
    }

    #[test]
    fn cp_195_line_ends_of_javascript_are_escaped_in_values_keys_and_raw_json() {
        insta::assert_snapshot!(json("a\u{85}b\u{2028}c\u{2029}d"), @r#""a\u0085b\u2028c\u2029d""#);
        insta::assert_snapshot!(json(&BTreeMap::from([("\u{2028}", 1)])), @r#"{"\u2028":1}"#);
        let raw = RawValue::from_string("[ \"\u{2029}\" ]".to_owned()).unwrap();
        insta::assert_snapshot!(json(&raw), @r#"[ "\u2029" ]"#);
    }

    #[test]
    fn other_text_stays_utf_8() {
        // Recording invoke/values-*: the result of Html().
        insta::assert_snapshot!(json("<b>&'\"é😀</b>\u{1}\n"), @r#""<b>&'\"é😀</b>\u0001\n""#);
        insta::assert_snapshot!(json(&(1, 1.5, 5.0, true, ())), @"[1,1.5,5.0,true,null]");
    }

    #[test]
    fn a_value_that_cannot_be_written_leaves_the_buffer_as_it_was() {
        let mut out = b"before".to_vec();
        let impossible = BTreeMap::from([(vec![1], 1)]);
        let error = write_json(&mut out, &("some", impossible)).unwrap_err();
        assert!(error.to_string().contains("keys of maps must be text"));
        assert_eq!(out, b"before");
    }

    #[test]
    fn nesting_counts_arrays_and_objects_but_not_what_is_in_strings() {
        for (text, depth) in [
            ("1", 0),
            ("\"[[[\"", 0),
            ("[]", 1),
            ("[{},[]]", 2),
            (r#"{"a":"\"[[","b":[1]}"#, 2),
            ("[[],[[]],[]]", 3),
            ("]]][", 1),
            ("\"\\", 0),
        ] {
            assert_eq!(nesting(text), depth, "{text}");
        }
    }

    #[test]
    fn an_object_without_keys_is_an_empty_object() {
        let mut out = Vec::new();
        ObjectWriter::begin(&mut out).end();
        let mut object = ObjectWriter::begin(&mut out);
        object.unless_null("A", &None::<u8>).unwrap();
        object.unless_null("B", &1).unwrap();
        object.unless_null("C", &()).unwrap();
        object.text("D", "x");
        object.end();
        assert_eq!(out, br#"{}{"B":1,"D":"x"}"#);
    }

    #[test]
    fn a_name_that_serde_json_keeps_for_itself_is_found_wherever_it_is_and_however_it_is_written() {
        for json in [
            r#"{"$serde_json::private::RawValue":"[]"}"#,
            r#"[1,{"a":{"$serde_json::private::Number" : "1"}}]"#,
            r#"{"\u0024serde_json::private::Raw\u0056alue":""}"#,
            r#"{"\"\\":"\u0061","$serde_json::private::":0}"#,
        ] {
            assert!(has_reserved_name(json), "{json}");
        }
        for json in [
            r#""$serde_json::private::RawValue""#,
            r#"{"a":"$serde_json::private::RawValue"}"#,
            r#"["{\"$serde_json::private::RawValue\":1}"]"#,
            r#"{"\\u0024serde_json::private::RawValue":1}"#,
            r#"{"a$serde_json::private::RawValue":"\u0024serde_json::private::RawValue"}"#,
            r#"{"$serde_json::private":1}"#,
            // No JSON, but it must not harm.
            "\"\\u",
            "\"$serde_json::private::RawValue",
            "\"\\é$serde_json::private::RawValue\":",
        ] {
            assert!(!has_reserved_name(json), "{json}");
        }
    }

    proptest! {
        #[test]
        fn both_writers_of_strings_agree_and_keep_the_text(text: String) {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
            let by_serde = json(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&by_serde).unwrap(), text);
            prop_assert!(!by_serde.contains(is_line_end_of_javascript));
        }

        /// At every place of texts of every length around those that are looked at together.
        #[test]
        fn what_must_be_escaped_is_found_wherever_it_stands(length in 0..3 * PIECE, at: prop::sample::Index, letter in letter()) {
            let mut text = "x".repeat(length);
            prop_assert!(is_plain(&text));
            text.insert(at.index(length + 1), letter);
            prop_assert_eq!(is_plain(&text), !must_escape(letter));
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn no_text_makes_the_nesting_counter_panic(text: String, json in "[\\[\\]{}\"\\\\a]{0,40}") {
            let _ = (nesting(&text), nesting(&json));
        }
    }
}
