//! As much of JavaScript's lexical grammar as a generated script needs: names, strings and signs, without comments.
//!
//! It never fails: what it does not understand becomes signs, which no pattern asks for.

use std::borrow::Cow;

/// One piece of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An identifier, a keyword or a number.
    Name(&'a str),
    /// The value of a string literal.
    Text(Cow<'a, str>),
    /// Any other character.
    Sign(char),
}

/// The pieces of a script in their order.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) const fn of(script: &'a str) -> Self {
        Self { rest: script }
    }

    /// Takes as long as `part` is true of the next character.
    fn take_while(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|sign| !part(sign)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_to_after(&mut self, end: &str) {
        self.rest = self.rest.split_once(end).map_or("", |(_, rest)| rest);
    }

    /// The string that begins here, or `None` if it does not end on its line: then it was no string.
    fn string(&mut self, quote: char) -> Option<Cow<'a, str>> {
        let inside = self.rest.get(1..)?;
        let mut escaped = false;
        let end = inside.char_indices().find_map(|(index, sign)| {
            let ends = (sign == quote && !escaped) || sign == '\n';
            escaped = sign == '\\' && !escaped;
            ends.then_some((index, sign))
        });
        let (text, rest) = inside.split_at(end.filter(|(_, sign)| *sign == quote)?.0);
        self.rest = rest.get(1..)?;
        Some(unescaped(text))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("//") {
                self.skip_to_after("\n");
            } else if self.rest.starts_with("/*") {
                self.skip_to_after("*/");
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        if is_part_of_name(first) {
            return Some(Token::Name(self.take_while(is_part_of_name)));
        }
        if matches!(first, '"' | '\'')
            && let Some(text) = self.string(first)
        {
            return Some(Token::Text(text));
        }
        self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
        Some(Token::Sign(first))
    }
}

fn is_part_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '$')
}

/// What the inside of a literal stands for.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    // Units, not characters: a character beyond the first plane is two escapes.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        units.extend(before.encode_utf16());
        rest = escape(after, &mut units);
    }
    units.extend(rest.encode_utf16());
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// Reads the escape after a backslash and returns what follows it.
fn escape<'a>(after: &'a str, units: &mut Vec<u16>) -> &'a str {
    let Some(kind) = after.chars().next() else { return after };
    let digits = match kind {
        'u' => 4,
        'x' => 2,
        _ => 0,
    };
    if let Some(code) = after.get(1..=digits).filter(|code| !code.is_empty())
        && let Ok(unit) = u16::from_str_radix(code, 16)
    {
        units.push(unit);
        return after.get(1 + digits..).unwrap_or_default();
    }
    let meant = match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '0' => '\0',
        other => other,
    };
    units.extend(meant.encode_utf16(&mut [0; 2]).iter());
    after.get(kind.len_utf8()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(script: &str) -> Vec<String> {
        let text = |token| if let Token::Text(text) = token { Some(text.into_owned()) } else { None };
        Tokens::of(script).filter_map(text).collect()
    }

    #[test]
    fn comments_and_spaces_are_skipped() {
        let tokens: Vec<_> = Tokens::of("a /* b \n c */ . d // e\n /f").collect();
        let expected =
            [Token::Name("a"), Token::Sign('.'), Token::Name("d"), Token::Sign('/'), Token::Name("f")];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn escapes_in_strings_are_resolved() {
        let script = r#"'it\'s' "a\u0062\x63\n" "\ud83d\ude00" "\ud83d" '\u00' 'a\\'"#;
        assert_eq!(texts(script), ["it's", "abc\n", "😀", "\u{fffd}", "u00", "a\\"]);
    }

    #[test]
    fn a_quote_without_an_end_on_its_line_costs_that_line_at_most() {
        assert_eq!(texts("/['\"]/\n'good'"), ["good"]);
    }

    proptest! {
        #[test]
        fn any_text_has_tokens_and_an_end(script: String) {
            prop_assert!(Tokens::of(&script).count() <= script.chars().count());
        }

        #[test]
        fn a_json_string_is_read_as_its_text(text: String) {
            let literal = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(texts(&literal), vec![text]);
        }
    }
}
