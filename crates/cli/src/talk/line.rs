//! What a person types at the prompt: a call with its arguments, or a command that begins with a dot.
//!
//! An argument is a JSON value; whatever is not is a string, so that `send ann hello` needs no quotes. Arguments keep their exact text:
//! a number has all its digits when the server gets it.

use serde_json::value::{RawValue, to_raw_value};

/// One line at the prompt.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    /// Nothing, or a comment.
    Empty,
    /// `.name rest`
    Command { name: &'a str, rest: &'a str },
    /// `target argument argument …`
    Call { target: &'a str, arguments: Vec<Box<RawValue>> },
}

/// Why a line cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error(
        "argument {number} begins like JSON and is none: {why}; write '…' around a string that begins so"
    )]
    Json { number: usize, why: String },
    #[error("argument {number} has no closing '")]
    Quote { number: usize },
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, LineError> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Empty);
        }
        let (first, rest) = split_word(line);
        if let Some(name) = first.strip_prefix('.') {
            return Ok(Self::Command { name, rest });
        }
        Ok(Self::Call { target: first, arguments: arguments(rest)? })
    }
}

/// The arguments of a call. Blanks are between them, and a comma may be as well.
pub(crate) fn arguments(text: &str) -> Result<Vec<Box<RawValue>>, LineError> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (argument, after) = argument(rest, arguments.len() + 1)?;
        arguments.push(argument);
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    Ok(arguments)
}

/// One argument of a command line, where the shell has found its end already.
pub(crate) fn whole_argument(text: &str, number: usize) -> Result<Box<RawValue>, LineError> {
    match RawValue::from_string(text.trim().to_owned()) {
        Ok(value) => Ok(value),
        Err(error) if text.trim_start().starts_with(['{', '[']) => {
            Err(LineError::Json { number, why: error.to_string() })
        }
        Err(_) => Ok(string(text)),
    }
}

fn argument(text: &str, number: usize) -> Result<(Box<RawValue>, &str), LineError> {
    match text.chars().next() {
        Some('"' | '{' | '[') => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
            match values.next() {
                Some(Ok(value)) => {
                    let rest = text.get(values.byte_offset()..).unwrap_or_default();
                    Ok((value, rest))
                }
                Some(Err(error)) => Err(LineError::Json { number, why: error.to_string() }),
                None => Err(LineError::Json { number, why: "nothing there".to_owned() }),
            }
        }
        Some('\'') => {
            let inside = text.get(1..).unwrap_or_default();
            let (inside, rest) = inside.split_once('\'').ok_or(LineError::Quote { number })?;
            Ok((string(inside), rest))
        }
        _ => {
            let (word, rest) = split_word(text);
            // `a, b`: the comma is between, not part of the word.
            let bare = word.strip_suffix(',').filter(|bare| !bare.is_empty()).unwrap_or(word);
            Ok((RawValue::from_string(bare.to_owned()).unwrap_or_else(|_| string(bare)), rest))
        }
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

fn string(text: &str) -> Box<RawValue> {
    // A string always has a JSON form.
    to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match arguments(text) {
            Ok(arguments) => arguments.iter().map(|argument| argument.get()).collect::<Vec<_>>().join(" | "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn arguments_are_json_and_other_words_are_strings() {
        insta::assert_snapshot!(read(r#"ann hello 7 -1.50 true null "a b" [1, "x y"] {"a" : 1}"#), @r#""ann" | "hello" | 7 | -1.50 | true | null | "a b" | [1, "x y"] | {"a" : 1}"#);
        insta::assert_snapshot!(read("7up it's 'don''t' 'a \"b\"'"), @r#""7up" | "it's" | "don" | "t" | "a \"b\"""#);
        insta::assert_snapshot!(read(r#"a, "b" , 3,4"#), @r#""a" | "b" | "3,4""#);
        insta::assert_snapshot!(read("12345678901234567890123 1.0"), @"12345678901234567890123 | 1.0");
        insta::assert_snapshot!(read(""), @"");
    }

    #[test]
    fn what_begins_like_json_and_is_none_is_refused() {
        insta::assert_snapshot!(read(r#"a {"b": }"#), @"argument 2 begins like JSON and is none: expected value at line 1 column 7; write '…' around a string that begins so");
        insta::assert_snapshot!(read(r#""open"#), @"argument 1 begins like JSON and is none: EOF while parsing a string at line 1 column 5; write '…' around a string that begins so");
        insta::assert_snapshot!(read("'open"), @"argument 1 has no closing '");
    }

    #[test]
    fn arguments_of_a_shell_have_their_end_already() {
        let read = |text: &str| whole_argument(text, 1).map(|value| value.get().to_owned());
        assert_eq!(read("hello there").unwrap(), r#""hello there""#);
        assert_eq!(read("7").unwrap(), "7");
        assert_eq!(read("").unwrap(), r#""""#);
        assert_eq!(read("\"7\"").unwrap(), "\"7\"");
        assert!(matches!(read("{a:1}"), Err(LineError::Json { number: 1, .. })));
    }

    #[test]
    fn lines_are_calls_commands_or_nothing() {
        assert!(matches!(Line::parse("  # a note"), Ok(Line::Empty)));
        assert!(matches!(Line::parse(".state a 1"), Ok(Line::Command { name: "state", rest: "a 1" })));
        assert!(matches!(Line::parse("chat.send a"), Ok(Line::Call { target: "chat.send", .. })));
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line: String) {
            let _ = Line::parse(&line);
        }

        #[test]
        fn every_string_can_be_said_in_json(texts: Vec<String>) {
            let line = texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect::<Vec<_>>().join(" ");
            let read = arguments(&line).unwrap();
            let read: Vec<String> = read.iter().map(|value| serde_json::from_str(value.get()).unwrap()).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
