//! JSONP: an answer as a call of a function that the page has defined.
//!
//! The client chooses the function's name, and a browser executes it. So the name is checked, everywhere, before
//! anything of it is written.

use std::fmt;

/// The name of the function that an answer calls: identifiers with dots between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(Box<str>);

/// Why a `callback` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// Classic protocol, section 2.7: letters, digits, `$` and `_`, not beginning with a digit, dots between.
    #[error(
        "callback must be the name of a function: identifiers of letters, digits, $ and _ with dots between"
    )]
    NotAnIdentifier,
    /// Classic protocol, section 2.7: no reserved word of JavaScript.
    #[error("callback must not contain a reserved word of JavaScript; name the function otherwise")]
    ReservedWord,
}

impl Callback {
    /// Checks the `callback` parameter.
    ///
    /// # Errors
    ///
    /// A [`CallbackError`], which does not repeat what was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_proto::frame::jsonp::{Callback, CallbackError};
    ///
    /// assert_eq!(Callback::parse("jQuery.cb_1").unwrap().as_str(), "jQuery.cb_1");
    /// assert_eq!(Callback::parse("alert(1)"), Err(CallbackError::NotAnIdentifier));
    /// ```
    pub fn parse(name: &str) -> Result<Self, CallbackError> {
        for part in name.split('.') {
            if !is_identifier(part) {
                return Err(CallbackError::NotAnIdentifier);
            }
            if is_reserved(part) {
                return Err(CallbackError::ReservedWord);
            }
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends `callback(json);`. The JSON must be written by [`crate::json`], so that it is JavaScript as well.
pub fn wrap(out: &mut Vec<u8>, callback: &Callback, json: &[u8]) {
    out.extend_from_slice(callback.as_str().as_bytes());
    out.push(b'(');
    out.extend_from_slice(json);
    out.extend_from_slice(b");");
}

/// Whether a text could name something in JavaScript, if it is not reserved.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mark = |letter: char| matches!(letter, '$' | '_');
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || mark(first))
        && letters.all(|letter| letter.is_alphabetic() || letter.is_ascii_digit() || mark(letter))
}

/// Whether JavaScript keeps a word for itself, in any of its versions or modes.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

#[rustfmt::skip]
const RESERVED: &[&str] = &[
    // Words with a meaning.
    "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else",
    "enum", "export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "let",
    "new", "null", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void",
    "while", "with", "yield",
    // Words that were kept for a meaning.
    "abstract", "boolean", "byte", "char", "double", "final", "float", "goto", "implements", "int", "interface",
    "long", "native", "package", "private", "protected", "public", "short", "synchronized", "throws", "transient",
    "volatile",
    // Values that must not be called.
    "NaN", "Infinity", "undefined",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cp_055_the_answer_calls_the_function() {
        let mut out = Vec::new();
        wrap(&mut out, &Callback::parse("jQuery.cb_1").unwrap(), br#"{ "Response": "pong" }"#);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"jQuery.cb_1({ "Response": "pong" });"#);
    }

    #[test]
    fn cp_058_names_of_functions_are_accepted() {
        for name in ["cb", "$", "_", "jQuery191_17", "a.b.c", "$.x", "été", "iffy", "a.If", "x1"] {
            assert_eq!(Callback::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn cp_058_everything_else_is_refused() {
        for name in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "1a",
            "a.1",
            "a(b)",
            "<x>",
            "a b",
            "a-b",
            "a[0]",
            "a;b",
            "a\n",
            "a²",
            "é\u{2028}",
        ] {
            assert_eq!(Callback::parse(name), Err(CallbackError::NotAnIdentifier), "{name}");
        }
        for name in ["if", "a.function", "NaN", "undefined", "Infinity", "this.x", "await"] {
            assert_eq!(Callback::parse(name), Err(CallbackError::ReservedWord), "{name}");
        }
    }

    proptest! {
        #[test]
        fn cp_058_an_accepted_name_has_no_letter_that_means_something_else(name in "\\PC{0,9}|[a-c.$_0-9(;]{0,6}") {
            if let Ok(callback) = Callback::parse(&name) {
                let harmless = |letter: char| letter.is_alphabetic() || letter.is_ascii_digit() || "$_.".contains(letter);
                prop_assert!(callback.as_str().chars().all(harmless));
                prop_assert_eq!(callback.as_str(), name);
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = Callback::parse(&String::from_utf8_lossy(&bytes));
        }
    }
}
