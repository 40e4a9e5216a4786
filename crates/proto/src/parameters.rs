//! The parameters of a request, from its query string or from its form.
//!
//! Clients of twelve years write them in many ways: unescaped JSON in the query, forms without a content type,
//! `+` for a space. So reading never fails: what cannot be decoded stays as it is.
//!
//! Every request comes through here, several times as long as what it says: eight bytes are copied and looked at together, in a
//! room that is there already, and that the outcome is UTF-8 is checked once.

use std::{cell::Cell, mem};

/// How many `name=value` pairs of one request are read; the rest is ignored. Official clients send about ten. The
/// bound keeps the search for repeated names, which compares every pair with those before, cheap.
pub const MAX_PAIRS: usize = 1000;

/// A room for reading that grew beyond this is given back, in bytes.
const KEEP_TEXT: usize = 16 * 1024;
/// The same for pairs.
const KEEP_PAIRS: usize = 64;

thread_local! {
    /// Where parameters are read; one for all requests of a thread. What is kept of them has just the size that it needs.
    static ROOM: Cell<(Vec<u8>, Vec<Pair>)> = const { Cell::new((Vec::new(), Vec::new())) };
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
        Self::read(query.as_bytes(), b';')
    }

    /// Reads the body of a form, whatever content type it has. Only ampersands separate pairs.
    #[must_use]
    pub fn from_form(body: &[u8]) -> Self {
        Self::read(body, b'&')
    }

    /// Reads pairs with ampersands between them, or this other separator.
    fn read(text: &[u8], separator: u8) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Reading::of(text, separator)
            .or_else(|| Reading::of(&mended(text, separator), separator))
            .unwrap_or_default()
    }

    /// The value of a parameter, which may be empty; `None` if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.get(position(self.text.as_bytes(), &self.pairs, name.as_bytes())?)?;
        self.text.get(pair.name_end + 1..pair.value_end)
    }

    /// Where they lie in memory, and how many bytes each piece takes: for whoever wants to have them fetched before they are needed. They
    /// are nobody's to read.
    #[must_use]
    pub fn places(&self) -> [(*const (), usize); 2] {
        [
            (self.text.as_ptr().cast(), size_of_val(&*self.text)),
            (self.pairs.as_ptr().cast(), size_of_val(&*self.pairs)),
        ]
    }

    /// All names and values, in the order of the names' first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.text, &self.pairs)
    }
}

/// Parameters that are being read.
struct Reading {
    /// Longer than what was read, whatever was read before.
    room: Vec<u8>,
    /// Where in it the next pair begins. What is read so far ends one byte before, at a separator.
    begin: usize,
    pairs: Vec<Pair>,
    /// Pairs that were added to others of their name.
    joined: usize,
}

impl Reading {
    /// Reads it all; `None` if something in it stands for bytes that are not UTF-8.
    fn of(text: &[u8], separator: u8) -> Option<Parameters> {
        let (mut room, pairs) = ROOM.take();
        // What is decoded is no longer than before, but a name alone gets its `=`. Words are copied whole.
        let needed = text.len() + MAX_PAIRS + 2 * WORD;
        if room.len() < needed {
            room.resize(needed, 0);
        }
        let mut read = Self { room, begin: 0, pairs, joined: 0 };
        let mut rest = text;
        while !rest.is_empty() && read.pairs.len() + read.joined < MAX_PAIRS {
            rest = read.add(rest, separator);
        }
        read.finish()
    }

    /// Adds the pair that is first in this text, and returns what follows its separator.
    fn add<'a>(&mut self, text: &'a [u8], separator: u8) -> &'a [u8] {
        let (room, mut end) = (self.room.as_mut_slice(), self.begin);
        let (mut rest, mut name_end) = (text, None);
        let behind = loop {
            rest = copy_plain(rest, room, &mut end);
            // Escapes mostly follow one another.
            while let Some((byte, after)) = rest.strip_prefix(b"%").and_then(two_digits) {
                put(room, &mut end, byte);
                rest = after;
            }
            let Some((&byte, after)) = rest.split_first() else { break rest };
            match byte {
                b'&' => break after,
                b'=' if name_end.is_none() => {
                    name_end = Some(end);
                    put(room, &mut end, byte);
                }
                b'+' => put(room, &mut end, b' '),
                byte if byte == separator => break after,
                byte => put(room, &mut end, byte),
            }
            rest = after;
        };
        // Nothing but a separator is no pair.
        if end > self.begin {
            let name_end = name_end.unwrap_or_else(|| {
                put(room, &mut end, b'=');
                end - 1
            });
            put(room, &mut end, b'&');
            self.keep(name_end, end - 1);
        }
        behind
    }

    /// What lies in the room from the beginning to here is a pair of its own, or belongs to one that is there already.
    fn keep(&mut self, name_end: usize, value_end: usize) {
        let name = self.room.get(self.begin..name_end).unwrap_or_default();
        match position(&self.room, &self.pairs, name) {
            None => {
                self.pairs.push(Pair { name_end, value_end });
                self.begin = value_end + 1;
            }
            Some(index) => self.join(index, name_end, value_end),
        }
    }

    /// Appends the value that ends the room to another; what lies behind that moves.
    fn join(&mut self, index: usize, name_end: usize, value_end: usize) {
        self.joined += 1;
        let more = value_end - name_end;
        if let Some(pair) = self.pairs.get(index) {
            // From the `=` on, which becomes the comma, to the separator, for which there is one already.
            if let Some(equals) = self.room.get_mut(name_end) {
                *equals = b',';
            }
            if let Some(behind) = self.room.get_mut(pair.value_end..value_end) {
                let moved = self.begin - pair.value_end;
                behind.copy_within(name_end - pair.value_end.., moved);
                if let Some(behind) = behind.get_mut(..moved + more) {
                    behind.rotate_right(more);
                }
            }
        }
        self.begin += more;
        for (behind, pair) in self.pairs.iter_mut().skip(index).enumerate() {
            pair.value_end += more;
            if behind > 0 {
                pair.name_end += more;
            }
        }
    }

    fn finish(self) -> Option<Parameters> {
        let Self { room, begin, mut pairs, .. } = self;
        let text = room.get(..begin.saturating_sub(1)).and_then(|text| std::str::from_utf8(text).ok());
        let parameters = text.map(|text| Parameters { text: text.into(), pairs: pairs.as_slice().into() });
        if room.len() <= KEEP_TEXT && pairs.capacity() <= KEEP_PAIRS {
            pairs.clear();
            ROOM.set((room, pairs));
        }
        parameters
    }
}

/// Bytes that are looked at together.
const WORD: usize = 8;

/// Copies bytes that stand for themselves, at least up to the next that is neither a letter nor a digit, and returns what follows. What is
/// written behind the copy means nothing.
#[inline]
fn copy_plain<'a>(mut rest: &'a [u8], room: &mut [u8], end: &mut usize) -> &'a [u8] {
    let mut out = room.get_mut(*end..).unwrap_or_default();
    while let (Some((word, behind)), Some((place, free))) =
        (rest.split_first_chunk(), mem::take(&mut out).split_first_chunk_mut())
    {
        *place = *word;
        let plain = plain_bytes(*word);
        *end += plain;
        if plain < WORD {
            return rest.get(plain..).unwrap_or_default();
        }
        (rest, out) = (behind, free);
    }
    // As if a separator followed.
    let mut word = [b'&'; WORD];
    word.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let plain = plain_bytes(word);
    if let Some(place) = room.get_mut(*end..).and_then(<[u8]>::first_chunk_mut) {
        *place = word;
    }
    *end += plain;
    rest.get(plain..).unwrap_or_default()
}

/// How many bytes at the beginning stand for themselves, at least: letters and digits do, and all that is not ASCII.
///
/// `%`, `&`, `+`, `;` and `=` are among the bytes below `@` that are no digits, which is told for all bytes of the word at once,
/// by the highest bit of each. Nothing is carried from one byte to the next.
fn plain_bytes(word: [u8; WORD]) -> usize {
    const HIGHEST: u64 = u64::from_le_bytes([0x80; WORD]);
    const LOW_HALF: u64 = u64::from_le_bytes([0x0F; WORD]);
    const TEN_TO_HIGHEST: u64 = u64::from_le_bytes([0x80 - 10; WORD]);
    let word = u64::from_le_bytes(word);
    let from_at_sign = word | word << 1;
    // Of those below `@`, whose fifth bit is moved to be the highest.
    let no_digit = !(word << 3) | ((word & LOW_HALF) + TEN_TO_HIGHEST);
    let found = !from_at_sign & no_digit & HIGHEST;
    usize::try_from(found.trailing_zeros() / u8::BITS).unwrap_or(0)
}

/// Writes a byte and goes on behind it.
fn put(room: &mut [u8], end: &mut usize, byte: u8) {
    if let Some(place) = room.get_mut(*end) {
        *place = byte;
    }
    *end += 1;
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

/// The same pairs with U+FFFD for all that stands for bytes that are not UTF-8. A letter may be several bytes, some of them escaped, so
/// a name or a value is looked at as a whole.
fn mended(text: &[u8], separator: u8) -> Vec<u8> {
    let mut mended = Vec::with_capacity(2 * text.len());
    let pairs = text.split(|byte| [b'&', separator].contains(byte)).filter(|pair| !pair.is_empty());
    for pair in pairs.take(MAX_PAIRS) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        for end in [b'=', b'&'] {
            let decoded: Vec<u8> = Decoded(parts.next().unwrap_or_default()).collect();
            for byte in String::from_utf8_lossy(&decoded).bytes() {
                match byte {
                    b'%' | b'&' | b'+' | b';' | b'=' => mended.extend(format!("%{byte:02X}").bytes()),
                    byte => mended.push(byte),
                }
            }
            mended.push(end);
        }
    }
    mended
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

    fn owned(parameters: &Parameters) -> Vec<(String, String)> {
        parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
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

    /// Each thing by itself, one after the other.
    fn plainly(bytes: &[u8], separators: &[u8]) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for pair in bytes.split(|byte| separators.contains(byte)).filter(|pair| !pair.is_empty()) {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let mut part = || {
                let decoded: Vec<u8> = Decoded(parts.next().unwrap_or_default()).collect();
                String::from_utf8_lossy(&decoded).into_owned()
            };
            let (name, value) = (part(), part());
            match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, values)) => *values = format!("{values},{value}"),
                None => all.push((name, value)),
            }
        }
        all
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
        fn any_text_is_read_as_plainly_as_one_thing_after_the_other(
            text in prop_oneof![
                "[%0-9a-fA-F+&;=x]{0,60}",
                "([aAbB]{0,2}(=(%[0-9a-f]{2}|[.~é;+%]|[a-zA-Z0-9]{1,20}){0,4})?[&;]){0,9}",
            ],
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"%C3A9&;=+a"[..])], 0..60),
        ) {
            prop_assert_eq!(owned(&Parameters::from_query(&text)), plainly(text.as_bytes(), b"&;"));
            prop_assert_eq!(owned(&Parameters::from_form(text.as_bytes())), plainly(text.as_bytes(), b"&"));
            prop_assert_eq!(owned(&Parameters::from_form(&bytes)), plainly(&bytes, b"&"));
        }

        #[test]
        fn what_stands_for_something_else_is_found_wherever_it_is(word: [u8; WORD]) {
            let found = word.iter().position(|byte| b"%&+;=".contains(byte)).unwrap_or(WORD);
            let plain = plain_bytes(word);
            prop_assert!(plain <= found, "{plain} of {found}");
            let letters = word.iter().take_while(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count();
            prop_assert!(plain >= letters, "{plain} of {letters}");
        }

        #[test]
        fn no_escapes_make_the_parser_panic(text in "[%0-9a-fA-F+&;=x]{0,40}") {
            let _ = Parameters::from_query(&text);
        }
    }
}
