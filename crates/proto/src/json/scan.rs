//! Where the values of a JSON text stand, found in one pass.
//!
//! Who only wants to know where a value ends need not make anything of it. What is taken here is JSON to the letter: serde_json would
//! take it as well, and find the same places. What is not taken is for serde_json to read again, and to say what is wrong with it. Names that
//! serde_json [keeps for itself](super::is_reserved) are left to it too.

use super::is_reserved;

/// So many arrays and objects may be in one another: a bit of a word remembers for each which of the two it is.
const MOST_OPEN: u32 = u64::BITS - 1;
/// Bytes that are looked at together.
const WORD: usize = size_of::<u64>();

/// Goes through a JSON text from its beginning.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A piece of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A string without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// It says what stands there.
    Plain(Place),
    /// It has escapes in it.
    Escaped,
}

/// A value of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: Place,
    /// How deeply its arrays and objects are nested: 0 for a plain value, 1 for `[]`.
    pub(crate) depth: u32,
}

/// The arrays and objects around a place.
#[derive(Default)]
struct Open {
    /// A bit for each, the innermost last: whether it is an object.
    objects: u64,
    count: u32,
}

impl<'a> Scan<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// The first byte that is no space, which is left.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Whether there are but spaces left.
    pub(crate) fn is_over(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes the next byte that is no space.
    pub(crate) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes `expected`, behind any spaces.
    pub(crate) fn expect(&mut self, expected: u8) -> Option<()> {
        (self.take()? == expected).then_some(())
    }

    /// Takes a string.
    pub(crate) fn string(&mut self) -> Option<Content> {
        self.expect(b'"')?;
        let start = self.at;
        let mut content = None;
        loop {
            self.skip_letters();
            match self.bump()? {
                b'"' => {
                    return Some(content.unwrap_or(Content::Plain(Place { start, end: self.at - 1 })));
                }
                b'\\' => {
                    self.escape()?;
                    content = Some(Content::Escaped);
                }
                _ => return None,
            }
        }
    }

    /// Takes the name of a member and the colon behind it, if the name is one letter and all is written without spaces and escapes.
    pub(crate) fn letter(&mut self) -> Option<u8> {
        let [b'"', letter, b'"', b':', ..] = self.bytes.get(self.at..)? else { return None };
        self.at += 4;
        Some(*letter)
    }

    /// Takes a number.
    pub(crate) fn number(&mut self) -> Option<Place> {
        let first = self.peek()?;
        let start = self.at;
        if first == b'-' {
            self.at += 1;
        }
        match self.bump()? {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if self.next_is(|byte| byte == b'.') {
            self.at += 1;
            self.digits()?;
        }
        if self.next_is(|byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            if self.next_is(|byte| matches!(byte, b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(Place { start, end: self.at })
    }

    /// Takes a value of any kind.
    pub(crate) fn value(&mut self) -> Option<Found> {
        self.peek()?;
        let (start, mut open, mut depth) = (self.at, Open::default(), 0);
        loop {
            let first = self.peek()?;
            if matches!(first, b'[' | b'{') {
                self.at += 1;
                open.push(first)?;
                depth = depth.max(open.count);
                if self.peek()? == open.closing() {
                    self.at += 1;
                    open.pop();
                } else {
                    self.member_begins(&open)?;
                    continue;
                }
            } else {
                self.plain(first)?;
            }
            // A value is over, and perhaps what it was in.
            while open.count > 0 {
                match self.take()? {
                    b',' => break,
                    byte if byte == open.closing() => open.pop(),
                    _ => return None,
                }
            }
            if open.count == 0 {
                return Some(Found { place: Place { start, end: self.at }, depth });
            }
            self.member_begins(&open)?;
        }
    }

    /// In an object, each value has its name before it, and a colon.
    fn member_begins(&mut self, open: &Open) -> Option<()> {
        if open.is_object() {
            self.peek()?;
            let start = self.at;
            self.string()?;
            if is_reserved(self.bytes.get(start..self.at)?) {
                return None;
            }
            self.expect(b':')?;
        }
        Some(())
    }

    /// Takes a value that begins with `first` and has none in it.
    fn plain(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(|_| ()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(|_| ()),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let end = self.at + word.len();
        let is_it = self.bytes.get(self.at..end)? == word;
        self.at = end;
        is_it.then_some(())
    }

    /// What comes behind a backslash.
    fn escape(&mut self) -> Option<()> {
        match self.bump()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += digits.len();
            }
            _ => return None,
        }
        Some(())
    }

    /// Goes on to the next byte that is more than a letter in a string: a quote, a backslash, or what may not be there.
    fn skip_letters(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (words, last) = rest.as_chunks::<WORD>();
        for word in words {
            let found = not_letters(u64::from_le_bytes(*word));
            if found != 0 {
                self.at += (found.trailing_zeros() / u8::BITS) as usize;
                return;
            }
            self.at += WORD;
        }
        self.at += last.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..b' ')).count();
    }

    fn digits(&mut self) -> Option<()> {
        let before = self.at;
        self.skip_digits();
        (self.at > before).then_some(())
    }

    fn skip_digits(&mut self) {
        while self.next_is(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn next_is(&self, wanted: impl Fn(u8) -> bool) -> bool {
        self.bytes.get(self.at).is_some_and(|byte| wanted(*byte))
    }

    /// Takes the next byte, whatever it is.
    fn bump(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }
}

impl Open {
    fn push(&mut self, bracket: u8) -> Option<()> {
        if self.count == MOST_OPEN {
            return None;
        }
        self.objects = self.objects << 1 | u64::from(bracket == b'{');
        self.count += 1;
        Some(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.count -= 1;
    }

    const fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    const fn closing(&self) -> u8 {
        if self.is_object() { b'}' } else { b']' }
    }
}

/// Has the highest bit of some bytes set, the first of which (counted from the lowest) is the first in `word` that is no letter: a quote,
/// a backslash or a control character. Without such a byte it is 0.
const fn not_letters(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The usual trick to find a zero byte: only it, or a byte behind one, becomes negative when 1 is taken away and was not before.
    let quotes = word ^ (EACH * b'"' as u64);
    let backslashes = word ^ (EACH * b'\\' as u64);
    let quotes = quotes.wrapping_sub(EACH) & !quotes;
    let backslashes = backslashes.wrapping_sub(EACH) & !backslashes;
    let controls = word.wrapping_sub(EACH * b' ' as u64) & !word;
    (quotes | backslashes | controls) & EACH << 7
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::json::nesting;

    /// The whole text as one value, without the spaces around it, and how deep it is.
    fn scanned(text: &str) -> Option<(&str, usize)> {
        let mut scan = Scan::of(text);
        let Found { place, depth } = scan.value()?;
        scan.is_over().then(|| (&text[place.start..place.end], depth as usize))
    }

    /// The same by serde_json.
    fn read(text: &str) -> Option<(&str, usize)> {
        let value = serde_json::from_str::<&RawValue>(text).ok()?.get();
        (nesting(value) <= MOST_OPEN as usize).then(|| (value, nesting(value)))
    }

    #[test]
    fn what_is_json_is_taken_and_what_is_not_is_left() {
        for text in [
            "0",
            "-0",
            "-1.5e+3",
            "10",
            "1E9",
            "0.0",
            "true",
            "false",
            "null",
            "\"\"",
            "\"é\u{7f}\"",
            "[]",
            "{}",
            " [ 1 , \"a\" , [ ] , { } ] ",
            r#"{"a":{"b":[1,{"c":null}]},"":"]}"}"#,
            r#""\"\\\/\b\f\n\r\t\u00fF""#,
        ] {
            assert!(read(text).is_some(), "{text}");
            assert_eq!(scanned(text), read(text), "{text}");
        }
        for text in [
            "",
            " ",
            "00",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "tru",
            "nul",
            "True",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u00g0\"",
            "\"\\u00",
            "\"\n\"",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[}",
            "{]",
            "[1}",
            "{\"a\":1]",
            "1 2",
            "[]]",
            "\u{a0}1",
        ] {
            assert_eq!((scanned(text), read(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn any_control_character_quote_or_backslash_is_found_wherever_it_stands() {
        for special in (0..b' ').chain([b'"', b'\\']) {
            for before in 0..20 {
                for behind in 0..10 {
                    let text = format!("{}{}{}", "é".repeat(before), special as char, "!~".repeat(behind));
                    let mut scan = Scan::of(&text);
                    scan.skip_letters();
                    assert_eq!(scan.at, 2 * before, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_serde_json_keeps_for_itself_is_left() {
        for name in ["$serde_json::private::RawValue", "\\u0024serde_json::private::Number"] {
            assert_eq!(scanned(&format!(r#"[{{"a":1, "{name}":"[]"}}]"#)), None);
            assert!(scanned(&format!(r#"{{"a{name}":"{name}"}}"#)).is_some());
        }
    }

    #[test]
    fn what_is_deeper_than_a_word_can_tell_is_left() {
        let nested = |depth: u32| format!("{}{}", "[".repeat(depth as usize), "]".repeat(depth as usize));
        let most = nested(MOST_OPEN);
        assert_eq!(scanned(&most), Some((&*most, MOST_OPEN as usize)));
        assert_eq!(scanned(&nested(MOST_OPEN + 1)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_text_is_taken_exactly_if_serde_json_takes_it(
            text in "[\\[\\]{}\":, \\\\u0-2eE.+\\-a\n]{0,24}",
            parts in prop::collection::vec(prop::sample::select(&[
                "[", "]", "{", "}", ",", ":", "\"a\"", "\"\\\"\"", "\"\\u12aF\"", "1", "-0.5e1", "null", " ", "true", "\"a\":", "[1", "}]",
            ][..]), 0..12),
        ) {
            prop_assert_eq!(scanned(&text), read(&text));
            let text = parts.concat();
            prop_assert_eq!(scanned(&text), read(&text));
        }

        #[test]
        fn any_text_is_taken_as_a_string(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(scanned(&json), Some((&*json, 0)));
        }
    }
}
