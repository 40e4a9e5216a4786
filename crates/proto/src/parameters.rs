//! The parameters of a request, from its query string or from its form.
//!
//! Clients of twelve years write them in many ways: unescaped JSON in the query, forms without a content type,
//! `+` for a space. So reading never fails: what cannot be decoded stays as it is.
//!
//! Every request comes through here, several times as long as what it says: what ends a piece is searched for by many
//! bytes at once, a pair without escapes is copied as it stands, and all are read in a room that is there already.

use std::{borrow::Cow, cell::Cell};

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter};

/// How many `name=value` pairs of one request are read; the rest is ignored. Official clients send about ten. The
/// bound keeps the search for repeated names, which compares every pair with those before, cheap.
pub const MAX_PAIRS: usize = 1000;

/// A room for reading that grew beyond this is given back, in bytes.
const KEEP_TEXT: usize = 16 * 1024;
/// The same for pairs.
const KEEP_PAIRS: usize = 64;

thread_local! {
    /// Where parameters are read; one for all requests of a thread. What is kept of them has just the size that it needs.
    static ROOM: Cell<(String, Vec<Pair>)> = const { Cell::new((String::new(), Vec::new())) };
}

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
    /// `name=value&name=value`, decoded: parameters are kept as long as a connection, so they are kept small.
    text: Box<str>,
    pairs: Box<[Pair]>,
}

/// Where in the text a name and its value end. Between them, and between two pairs, lies one byte: what is decoded may hold
/// any, so only these numbers tell them apart.
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
        let mut read = Reading::of(text);
        let mut start = 0;
        for end in separators.chain([text.len()]) {
            if start < end && read.pairs.len() + read.joined < MAX_PAIRS {
                read.add(start, end);
            }
            start = end + 1;
        }
        read.finish()
    }

    /// The value of a parameter, which may be empty; `None` if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.get(position(self.text.as_bytes(), &self.pairs, name.as_bytes())?)?;
        self.text.get(pair.name_end + 1..pair.value_end)
    }

    /// All names and values, in the order of the names' first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.text, &self.pairs)
    }
}

/// Parameters that are being read.
struct Reading<'a> {
    from: &'a str,
    /// Where in it the next escape is.
    escape: usize,
    text: String,
    pairs: Vec<Pair>,
    /// Pairs that were added to others of their name.
    joined: usize,
}

impl<'a> Reading<'a> {
    fn of(from: &'a str) -> Self {
        let (mut text, pairs) = ROOM.take();
        text.reserve(from.len());
        Self { from, escape: escape_from(from, 0), text, pairs, joined: 0 }
    }

    /// Adds the pair that lies here.
    fn add(&mut self, start: usize, end: usize) {
        if !self.pairs.is_empty() {
            self.text.push('&');
        }
        let begin = self.text.len();
        let pair = self.from.as_bytes().get(start..end).unwrap_or_default();
        let equals = memchr(b'=', pair).map(|at| start + at);
        let name_end = match equals {
            Some(equals) if end <= self.escape => {
                self.text.push_str(self.from.get(start..end).unwrap_or_default());
                begin + equals - start
            }
            Some(_) | None => {
                self.decode(start, equals.unwrap_or(end));
                let name_end = self.text.len();
                self.text.push('=');
                self.decode(equals.map_or(end, |equals| equals + 1), end);
                name_end
            }
        };
        self.keep(begin, name_end);
    }

    /// Appends what lies here, decoded.
    fn decode(&mut self, start: usize, end: usize) {
        let piece = self.from.get(start..end).unwrap_or_default();
        if end <= self.escape {
            return self.text.push_str(piece);
        }
        decode(piece, &mut self.text);
        self.escape = escape_from(self.from, end);
    }

    /// What lies in the text from here on is a pair of its own, or belongs to one that is there already.
    fn keep(&mut self, begin: usize, name_end: usize) {
        let name = self.text.as_bytes().get(begin..name_end).unwrap_or_default();
        match position(self.text.as_bytes(), &self.pairs, name) {
            None => self.pairs.push(Pair { name_end, value_end: self.text.len() }),
            Some(index) => {
                let value = self.text.split_off(name_end + 1);
                // The separator before it goes as well.
                self.text.truncate(begin - 1);
                self.join(index, &value);
            }
        }
    }

    /// Appends to a value; what lies behind it moves.
    fn join(&mut self, index: usize, value: &str) {
        self.joined += 1;
        let more = value.len() + 1;
        if let Some(pair) = self.pairs.get(index) {
            self.text.insert_str(pair.value_end, value);
            self.text.insert(pair.value_end, ',');
        }
        for (behind, pair) in self.pairs.iter_mut().skip(index).enumerate() {
            pair.value_end += more;
            if behind > 0 {
                pair.name_end += more;
            }
        }
    }

    fn finish(self) -> Parameters {
        let Self { mut text, mut pairs, .. } = self;
        let parameters = Parameters { text: text.as_str().into(), pairs: pairs.as_slice().into() };
        if text.capacity() <= KEEP_TEXT && pairs.capacity() <= KEEP_PAIRS {
            text.clear();
            pairs.clear();
            ROOM.set((text, pairs));
        }
        parameters
    }
}

/// Where from here on something is to be decoded; the end of the text if nothing is.
fn escape_from(text: &str, start: usize) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    memchr2(b'+', b'%', rest).map_or(text.len(), |at| start + at)
}

fn entries<'a>(text: &'a str, pairs: &'a [Pair]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut start = 0;
    pairs.iter().map(move |pair| {
        let name = text.get(start..pair.name_end).unwrap_or_default();
        start = pair.value_end + 1;
        (name, text.get(pair.name_end + 1..pair.value_end).unwrap_or_default())
    })
}

/// Which of the pairs has this name.
fn position(text: &[u8], pairs: &[Pair], name: &[u8]) -> Option<usize> {
    let mut start = 0;
    for (index, pair) in pairs.iter().enumerate() {
        // Most names differ in length already, which costs no look at the text.
        if pair.name_end.wrapping_sub(start) == name.len() {
            let known = text.get(start..pair.name_end)?;
            if known == name || is_same(known, name) {
                return Some(index);
            }
        }
        start = pair.value_end + 1;
    }
    None
}

/// Whether two names are the same in any case. Most that are not differ in their first letter.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let first = |name: &[u8]| name.first().map(u8::to_ascii_lowercase);
    first(one) == first(other) && one.eq_ignore_ascii_case(other)
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

/// Appends what the text stands for: `+` is a space and `%XX` a byte; any other `%` is itself. Bytes that are not UTF-8 become
/// U+FFFD.
fn decode(text: &str, out: &mut String) {
    let (start, mut decoded) = (out.len(), Decoded(text.as_bytes()));
    let mut room = [0; 64];
    loop {
        let (mut filled, mut seen) = (0, 0);
        for (place, byte) in room.iter_mut().zip(&mut decoded) {
            *place = byte;
            seen |= byte;
            filled += 1;
        }
        let piece = room.get(..filled).and_then(|piece| std::str::from_utf8(piece).ok());
        match piece.filter(|_| seen.is_ascii()) {
            Some("") => return,
            Some(piece) => out.push_str(piece),
            None => {
                // A letter may be several bytes, so all are looked at together.
                out.truncate(start);
                let all: Vec<u8> = Decoded(text.as_bytes()).collect();
                return out.push_str(&String::from_utf8_lossy(&all));
            }
        }
    }
}

/// What escaped bytes stand for.
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
    let (high, low) = (digit(high), digit(low));
    ((high | low) < 16).then_some((high << 4 | low, rest))
}

/// What a hexadecimal digit is worth, and for any other byte more than that.
fn digit(byte: u8) -> u8 {
    DIGITS.get(usize::from(byte)).copied().unwrap_or(0xFF)
}

const DIGITS: [u8; 256] = {
    let mut digits = [0xFF; 256];
    let mut byte: u8 = 0;
    while byte < u8::MAX {
        #[expect(clippy::indexing_slicing, reason = "a byte is a place in a table of 256")]
        let worth = &mut digits[byte as usize];
        *worth = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => 0xFF,
        };
        byte += 1;
    }
    digits
};

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
    fn a_request_that_is_read_in_the_room_of_another_is_read_alone() {
        let (long, short) = ("a=1&b=%41&a=2&c", "b=3");
        let expected = (Parameters::from_query(long), Parameters::from_query(short));
        assert_eq!(pairs(&expected.0), [("a", "1,2"), ("b", "A"), ("c", "")]);
        assert_eq!(pairs(&expected.1), [("b", "3")]);
        let large = Parameters::from_query(&format!("a={}", "x".repeat(2 * KEEP_TEXT)));
        assert_eq!(large.get("a").map(str::len), Some(2 * KEEP_TEXT));
        let (text, pairs) = ROOM.take();
        assert_eq!((text.capacity(), pairs.capacity()), (0, 0), "a large room is given back");
        assert_eq!((Parameters::from_query(long), Parameters::from_query(short)), expected);
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
