//! The number of a message in the one log.
//!
//! Numbers are global: of any two messages, whatever their topics, the one with the lower number came first.

use std::fmt;

/// A place in the log: the number of a message, and so "everything up to and including this message".
///
/// ```
/// use heliostat_bus::Position;
///
/// assert!(Position::ZERO < Position::new(1)); // the first message of a log has the number 1
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// The place of the message with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place of the next message. A `u64` does not run out: at a billion messages a second it lasts 584 years.
    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
