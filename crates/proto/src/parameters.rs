//! The parameters of a request, from its query string or from its form.
//!
//! Clients of twelve years write them in many ways: unescaped JSON in the query, forms without a content type,
//! `+` for a space. So reading never fails: what cannot be decoded stays as it is.
//!
//! Every request comes through here, several times as long as what it says: what ends a piece is searched for by many
//! bytes at once, and usual parameters are read into exactly the room that they keep.

use std::borrow::Cow;

use memchr::{memchr_iter, memchr2, memchr2_iter};

/// How many `name=value` pairs of one request are read; the rest is ignored. Official clients send about ten. The
/// bound keeps the search for repeated names, which compares every pair with those before, cheap.
pub const MAX_PAIRS: usize = 1000;

/// Parameters in the order of their first occurrence. Names compare without case (of ASCII letters); the values of
/// a repeated name are joined with commas.
///
/// # Examples
///
/// ```
/// use heliostat_proto::parameters::Parameters;
///
/// let query = Parameters::from_query("transport=webSockets&connectionData=[{\"name\":\"chat\"}]&q=a+b%2Bc");
/// assert_eq!(query.get("Transport"), Some("webSockets"));
/// assert_eq!(query.get("connectionData"), Some(r#"[{"name":"chat"}]"#));
/// assert_eq!(query.get("q"), Some("a b+c"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Names and values, decoded, one after the other: parameters are kept as long as a connection, so they are kept small.
    text: Box<str>,
    pairs: Box<[Pair]>,
}

/// Where in the text a name and its value end. It begins where the pair before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    name_end: usize,
    value_end: usize,
}

impl Parameters {
    /// Reads a query string (without its `?`). A semicolon separates pairs as an ampersand does.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        Self::read(query, memchr2_iter(b'&', b';', query.as_bytes()))
    }

    /// Reads the body of a form, whatever content type it has. Only ampersands separate pairs.
    #[must_use]
    pub fn from_form(body: &[u8]) -> Self {
        let form = std::str::from_utf8(body).map_or_else(|_| Cow::Owned(escaped(body)), Cow::Borrowed);
        Self::read(&form, memchr_iter(b'&', form.as_bytes()))
    }

    /// Reads the pairs between these places.
    fn read(text: &str, separators: impl Iterator<Item = usize>) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let mut start = 0;
        let pieces = separators.chain([text.len()]).map(|end| {
            let piece = text.get(start..end).unwrap_or_default();
            start = end + 1;
            piece
        });
        let mut read = Reading::with_room_for(text);
        pieces.filter(|pair| !pair.is_empty()).take(MAX_PAIRS).for_each(|pair| read.add(pair));
        Self { text: read.text.into(), pairs: read.pairs.into() }
    }

    /// The value of a parameter, which may be empty; `None` if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.get(position(&self.text, &self.pairs, name)?)?;
        self.text.get(pair.name_end..pair.value_end)
    }

    /// All names and values, in the order of the names' first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.text, &self.pairs)
    }
}

/// Parameters that are being read.
struct Reading {
    text: String,
    pairs: Vec<Pair>,
}

impl Reading {
    /// Room for parameters as clients write them: an `=` in every pair, escapes that are none but escapes.
    fn with_room_for(text: &str) -> Self {
        let count = |byte| memchr_iter(byte, text.as_bytes()).count();
        let pairs = count(b'&') + 1;
        let decoded = (text.len() + 1).saturating_sub(2 * (pairs + count(b'%')));
        Self { text: String::with_capacity(decoded), pairs: Vec::with_capacity(pairs.min(MAX_PAIRS)) }
    }

    fn add(&mut self, pair: &str) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let start = self.text.len();
        decode(name, &mut self.text);
        let name_end = self.text.len();
        let (before, name) = self.text.split_at(start);
        match position(before, &self.pairs, name) {
            None => {
                decode(value, &mut self.text);
                self.pairs.push(Pair { name_end, value_end: self.text.len() });
            }
            Some(index) => {
                self.text.truncate(start);
                let mut more = String::from(",");
                decode(value, &mut more);
                self.join(index, &more);
            }
        }
    }

    /// Appends to a value; what lies behind it moves.
    fn join(&mut self, index: usize, more: &str) {
        if let Some(pair) = self.pairs.get(index) {
            self.text.insert_str(pair.value_end, more);
        }
        for (behind, pair) in self.pairs.iter_mut().skip(index).enumerate() {
            pair.value_end += more.len();
            if behind > 0 {
                pair.name_end += more.len();
            }
        }
    }
}

fn entries<'a>(text: &'a str, pairs: &'a [Pair]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut start = 0;
    pairs.iter().map(move |pair| {
        let name = text.get(start..pair.name_end).unwrap_or_default();
        start = pair.value_end;
        (name, text.get(pair.name_end..pair.value_end).unwrap_or_default())
    })
}

/// Which of the pairs has this name.
fn position(text: &str, pairs: &[Pair], name: &str) -> Option<usize> {
    let mut start = 0;
    pairs.iter().position(|pair| {
        let known = start..pair.name_end;
        start = pair.value_end;
        // Most names differ in length already, which costs no look at the text.
        known.len() == name.len() && text.get(known).is_some_and(|known| known.eq_ignore_ascii_case(name))
    })
}

/// The form with an escape for every byte that is not ASCII, which means the same: for those that are not UTF-8 as they stand.
fn escaped(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    for &byte in body {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Appends the decoded text. Bytes that are not UTF-8 become U+FFFD.
fn decode(text: &str, out: &mut String) {
    if memchr2(b'+', b'%', text.as_bytes()).is_none() {
        return out.push_str(text);
    }
    let (start, decoded) = (out.len(), Decoded(text.as_bytes()));
    for byte in decoded.clone() {
        if !byte.is_ascii() {
            // A letter may be several bytes, so all are looked at together.
            out.truncate(start);
            return out.push_str(&String::from_utf8_lossy(&decoded.collect::<Vec<_>>()));
        }
        out.push(char::from(byte));
    }
}

/// What escaped bytes stand for: `+` is a space and `%XX` a byte; any other `%` is itself.
#[derive(Clone)]
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        let (byte, rest) = match byte {
            b'+' => (b' ', rest),
            b'%' => two_digits(rest).unwrap_or((b'%', rest)),
            byte => (byte, rest),
        };
        self.0 = rest;
        Some(byte)
    }
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn two_digits(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = text.split_first_chunk()?;
    Some((digit(high)? << 4 | digit(low)?, rest))
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(parameters: &Parameters) -> Vec<(&str, &str)> {
        parameters.iter().collect()
    }

    #[test]
    fn cp_018_cp_019_a_form_is_parsed_from_its_bytes_alone() {
        let form = Parameters::from_form(b"data=%7B%22H%22%3A%22chathub%22%7D");
        assert_eq!(form.get("data"), Some(r#"{"H":"chathub"}"#));
    }

    #[test]
    fn cp_020_an_empty_body_has_no_parameters() {
        assert_eq!(Parameters::from_form(b""), Parameters::default());
        assert_eq!(Parameters::from_query("").iter().count(), 0);
        assert_eq!(pairs(&Parameters::from_query("&&;&")), []);
    }

    #[test]
    fn cp_021_plus_is_a_space_and_percent_2b_is_a_plus() {
        // Recording extra/send-plus-and-percent.
        let sent = "data=%5B%22a+b%2Bc%25%26%3D%22%5D";
        assert_eq!(Parameters::from_query(sent).get("data"), Some(r#"["a b+c%&="]"#));
        assert_eq!(Parameters::from_form(sent.as_bytes()).get("data"), Some(r#"["a b+c%&="]"#));
    }

    #[test]
    fn cp_022_unescaped_brackets_braces_quotes_bars_and_colons_are_accepted() {
        let query = Parameters::from_query(r#"connectionData=[{"Name":"ChatHub"}]&messageId=d-1-A,0|B,1"#);
        assert_eq!(query.get("connectionData"), Some(r#"[{"Name":"ChatHub"}]"#));
        assert_eq!(query.get("messageId"), Some("d-1-A,0|B,1"));
    }

    #[test]
    fn cp_023_names_are_matched_without_case_and_repeated_values_are_joined() {
        let query = Parameters::from_query("a=1&B=2&A=3&b");
        assert_eq!(pairs(&query), [("a", "1,3"), ("B", "2,")]);
        assert_eq!(query.get("b"), Some("2,"));
    }

    #[test]
    fn cp_024_unknown_parameters_are_visible() {
        let query = Parameters::from_query("tid=3&_=1700000000001&user=ann&flag&=x&e==");
        assert_eq!(
            pairs(&query),
            [("tid", "3"), ("_", "1700000000001"), ("user", "ann"), ("flag", ""), ("", "x"), ("e", "=")]
        );
    }

    #[test]
    fn bad_escapes_stay_as_text_and_bad_utf8_becomes_the_replacement_character() {
        let query = Parameters::from_query("a=100%&b=%zz&c=%4&d=%41%&e=%FF%FE&f=%C3%A9");
        let values: Vec<_> = query.iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["100%", "%zz", "%4", "A%", "\u{FFFD}\u{FFFD}", "é"]);
    }

    #[test]
    fn a_letter_of_a_form_is_read_from_its_bytes_escaped_or_not() {
        let form = Parameters::from_form(b"a=\xC3\xA9&b=\xC3%A9&c=\xE9+\xE9&\xC3=\xA9%&d=%4\xE9");
        let expected = [
            ("a", "é"),
            ("b", "é"),
            ("c", "\u{FFFD} \u{FFFD}"),
            ("\u{FFFD}", "\u{FFFD}%"),
            ("d", "%4\u{FFFD}"),
        ];
        assert_eq!(pairs(&form), expected);
    }

    #[test]
    fn usual_parameters_are_read_into_the_room_that_they_keep() {
        for text in ["a=1", "transport=webSockets&connectionData=%5B%7B%22name%22%3A%22chat%22%7D%5D&tid=3"] {
            let (read, room) = (Parameters::from_query(text), Reading::with_room_for(text));
            let kept = (read.text.len(), read.pairs.len());
            assert_eq!((room.text.capacity(), room.pairs.capacity()), kept, "{text}");
        }
    }

    #[test]
    fn a_semicolon_separates_in_a_query_and_not_in_a_form() {
        assert_eq!(pairs(&Parameters::from_query("a=1;b=2")), [("a", "1"), ("b", "2")]);
        assert_eq!(pairs(&Parameters::from_form(b"a=1;b=2")), [("a", "1;b=2")]);
    }

    #[test]
    fn what_follows_the_thousandth_pair_is_ignored() {
        let query: String = (0..=MAX_PAIRS).map(|number| format!("p{number}=&")).collect();
        assert_eq!(Parameters::from_query(&query).iter().count(), MAX_PAIRS);
    }

    /// The escaping of clients: every byte as `%XX`.
    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn cp_106_any_text_survives_being_escaped(name in "[a-z]{1,4}", value: String) {
            let text = format!("{name}={}", escaped(&value));
            let query = Parameters::from_query(&text);
            prop_assert_eq!(pairs(&query), [(name.as_str(), value.as_str())]);
            prop_assert_eq!(Parameters::from_form(text.as_bytes()), query);
        }

        #[test]
        fn no_bytes_make_the_parser_panic_or_grow(bytes: Vec<u8>) {
            let form = Parameters::from_form(&bytes);
            let size: usize = form.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(size <= 3 * bytes.len());
            let _ = Parameters::from_query(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn no_escapes_make_the_parser_panic(text in "[%0-9a-fA-F+&;=x]{0,40}") {
            let _ = Parameters::from_query(&text);
        }
    }
}
