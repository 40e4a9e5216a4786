//! What is written for people: in colours and within the width if it goes to a terminal, and plain otherwise.
//!
//! Whatever came from a peer is made harmless here: a server must not be able to tell a terminal what to do.

use std::borrow::Cow;
use std::io::IsTerminal;

/// What a text means; its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Good,
    Warning,
    Bad,
    Quiet,
    /// What came in.
    Incoming,
    /// What went out.
    Outgoing,
}

/// Where text is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paper {
    colour: Colour,
    /// In columns; `None` is endless.
    width: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Colour {
    #[default]
    None,
    Ansi,
}

impl Paper {
    /// Standard output as it is: `NO_COLOR` and `TERM=dumb` are heeded.
    pub(crate) fn stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb");
        let colour = if terminal && !plain { Colour::Ansi } else { Colour::None };
        Self { colour, width: if terminal { columns() } else { None } }
    }

    /// Plain, and this wide.
    #[cfg(test)]
    pub(crate) const fn plain(width: Option<usize>) -> Self {
        Self { colour: Colour::None, width }
    }

    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Warning => "33",
            Ink::Bad => "1;31",
            Ink::Quiet => "2",
            Ink::Incoming => "36",
            Ink::Outgoing => "35",
        };
        match self.colour {
            Colour::None => text.to_owned(),
            Colour::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// The text broken at blanks so that it fits beside and below `indent`. It is taken to begin after an indent of that width.
    pub(crate) fn wrapped(&self, text: &str, indent: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        // On a very narrow terminal, its own wrapping is better than one word a line.
        let room = width.saturating_sub(indent.len() + 1);
        if room < 20 {
            return text.to_owned();
        }
        let (mut wrapped, mut used) = (String::with_capacity(text.len()), 0);
        for word in text.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > room {
                wrapped.push('\n');
                wrapped.push_str(indent);
                used = 0;
            } else if used > 0 {
                wrapped.push(' ');
                used += 1;
            }
            wrapped.push_str(word);
            used += length;
        }
        wrapped
    }
}

/// The text without anything that a terminal would obey.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |sign: char| {
        // Besides the controls: what turns the direction of writing around, and so can make a text look like another.
        sign.is_control()
            || matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(is_harmful) {
        Cow::Owned(text.chars().map(|sign| if is_harmful(sign) { '\u{fffd}' } else { sign }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// How wide the terminal is.
fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout())
        .map(|(width, _)| usize::from(width.0))
        .filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_blanks_below_its_indent() {
        let paper = Paper::plain(Some(32));
        insta::assert_snapshot!(paper.wrapped("a text that is longer than the terminal", "    "), @r"
        a text that is longer than
            the terminal
        ");
        assert_eq!(Paper::plain(Some(10)).wrapped("no room to break this", "    "), "no room to break this");
        assert_eq!(Paper::plain(None).wrapped("x ".repeat(200).trim(), ""), "x ".repeat(200).trim());
    }

    #[test]
    fn nothing_that_comes_from_a_peer_can_steer_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert!(matches!(harmless("größe 😀"), Cow::Borrowed(_)));
    }
}
