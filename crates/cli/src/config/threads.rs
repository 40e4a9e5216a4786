//! How many threads serve: a number, or by default one for each core.

use std::fmt::{Display, Formatter, Result as Written};
use std::num::NonZeroU16;
use std::str::FromStr;

/// More are of no use to anybody, and no system gives them out without end.
const MOST: u16 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One for each core.
    Auto,
    Exactly(NonZeroU16),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write \"auto\" for one thread per core, or a number from 1 to {MOST}")]
pub(crate) struct ThreadsError;

impl FromStr for Threads {
    type Err = ThreadsError;

    fn from_str(text: &str) -> Result<Self, ThreadsError> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            number => number
                .parse()
                .ok()
                .filter(|number: &NonZeroU16| number.get() <= MOST)
                .map(Self::Exactly)
                .ok_or(ThreadsError),
        }
    }
}

impl Display for Threads {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Exactly(number) => number.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_thread_at_least_and_no_more_than_it_can_use() {
        for text in ["auto", "1", "1024"] {
            assert_eq!(text.parse::<Threads>().unwrap().to_string(), text);
        }
        for text in ["", "0", "1025", "70000", "-1", "many"] {
            assert_eq!(text.parse::<Threads>(), Err(ThreadsError), "{text}");
        }
    }
}
