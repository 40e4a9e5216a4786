//! A reader's place as text, so that a client can carry it away and bring it back, perhaps to another process.
//!
//! A number alone would be believed by a log that never issued it. So the text names the log too (its
//! [`Epoch`]), and a cursor of another log is recognised before its rest is looked at: it is no error, its
//! reader starts at the head and learns that there is a gap.
//!
//! The text is `d-<epoch>-<position>`, both upper-case hexadecimal: ASCII letters, digits and `-` only, so it needs
//! no escaping in JSON, in a query string or in a form.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::Position;

/// The name of one log: the same process, the same numbers.
///
/// The creator of a [`Bus`](crate::Bus) chooses it, normally at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// The epoch with this number. Zero becomes one: zero is what invented cursors say, so it must name no log.
    ///
    /// ```
    /// use heliostat_bus::Epoch;
    ///
    /// assert_eq!(Epoch::new(0x7E).get(), 0x7E);
    /// assert_eq!(Epoch::new(0), Epoch::new(1));
    /// ```
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(if number == 0 { 1 } else { number })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A place in a named log.
///
/// ```
/// use heliostat_bus::{Cursor, Epoch, Position};
///
/// let cursor = Cursor { epoch: Epoch::new(0x7E), position: Position::new(2) };
/// assert_eq!(cursor.to_string(), "d-7E-2");
/// assert_eq!(Cursor::parse("d-7E-2"), Ok(cursor));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The log.
    pub epoch: Epoch,
    /// The place in it.
    pub position: Position,
}

/// Why a text is not a cursor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The text has another form than ours from its beginning on, so somebody else issued it.
    #[error(
        "the cursor does not begin with `d-<epoch in hex>-`, so another log issued it; \
         let its reader start from now and tell it that there is a gap"
    )]
    Foreign,
    /// The text begins as one of ours, and then says something that no log ever wrote.
    #[error(
        "the cursor begins as `d-<epoch in hex>-` but a number of 1 to 16 hex digits must follow and nothing else; \
         send the cursor back exactly as it was received"
    )]
    Malformed,
}

/// Where a new reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// With the next message.
    Now,
    /// With the first message after this place.
    After(Position),
    /// The reader brought a place that this log cannot find: it begins with the next message, and there is a gap.
    Unknown,
}

/// A 32-bit number has at most so many hexadecimal digits.
const EPOCH_DIGITS: usize = 8;
/// A 64-bit number has at most so many hexadecimal digits.
const POSITION_DIGITS: usize = 16;

impl Cursor {
    /// The longest text form, in bytes.
    pub const MAX_LEN: usize = "d--".len() + EPOCH_DIGITS + POSITION_DIGITS;

    /// Reads the text form. Digits may be of either case.
    ///
    /// # Errors
    /// [`CursorError::Foreign`] if the text does not begin as a cursor of this crate does, [`CursorError::Malformed`]
    /// if it does and its rest is no number.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        let (epoch, rest) = split_epoch(text).ok_or(CursorError::Foreign)?;
        Ok(Self { epoch: Epoch(epoch), position: parse_position(rest)? })
    }

    /// Where a reader with this text begins in the log `epoch`, whose last message is `head`.
    pub(crate) fn start(text: &str, epoch: Epoch, head: Position) -> Result<Start, CursorError> {
        match split_epoch(text) {
            // Another log's numbers mean nothing here, whatever they look like.
            Some((named, rest)) if named == epoch.0 => {
                let position = parse_position(rest)?;
                Ok(if position <= head { Start::After(position) } else { Start::Unknown })
            }
            Some(_) | None => Ok(Start::Unknown),
        }
    }

    /// Appends the text form, allocating nothing if `out` has room for [`MAX_LEN`](Self::MAX_LEN) bytes.
    ///
    /// ```
    /// use heliostat_bus::{Cursor, Epoch, Position};
    ///
    /// let mut query = String::from("cursor=");
    /// Cursor { epoch: Epoch::new(0x7E), position: Position::new(255) }.write_to(&mut query);
    /// assert_eq!(query, "cursor=d-7E-FF");
    /// ```
    pub fn write_to(&self, out: &mut String) {
        // Writing to a text cannot fail.
        let _ = self.write(out);
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        out.write_str("d-")?;
        write_hex(out, self.epoch.0.into())?;
        out.write_char('-')?;
        write_hex(out, self.position.get())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Every message has a cursor, and a formatter's width, sign and padding cost more than the digits.
fn write_hex(out: &mut impl Write, number: u64) -> fmt::Result {
    let digits = (u64::BITS - (number | 1).leading_zeros()).div_ceil(4);
    (0..digits).rev().try_for_each(|digit| {
        let value = u8::try_from(number >> (4 * digit) & 0xF).unwrap_or_default();
        out.write_char(char::from(if value < 10 { b'0' + value } else { b'A' - 10 + value }))
    })
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        Self::parse(text)
    }
}

/// The number between `d-` and the next `-`, and what follows; `None` if the text does not begin like that.
fn split_epoch(text: &str) -> Option<(u32, &str)> {
    let text = text.strip_prefix("d-")?;
    let (epoch, digits) = hex(text.as_bytes());
    let is_epoch = (1..=EPOCH_DIGITS).contains(&digits);
    let rest = text.get(digits..)?.strip_prefix('-').filter(|_| is_epoch)?;
    Some((u32::try_from(epoch).ok()?, rest))
}

fn parse_position(text: &str) -> Result<Position, CursorError> {
    let (position, digits) = hex(text.as_bytes());
    let is_position = (1..=POSITION_DIGITS).contains(&digits) && digits == text.len();
    is_position.then_some(Position::new(position)).ok_or(CursorError::Malformed)
}

/// The number at the beginning of the text, as far as it fits, and how many digits it has. Every poll brings two.
fn hex(text: &[u8]) -> (u64, usize) {
    let (mut number, mut digits) = (0, 0);
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        number = number << 4 | u64::from(digit);
        digits += 1;
    }
    (number, digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(epoch: u32, position: u64) -> Cursor {
        Cursor { epoch: Epoch::new(epoch), position: Position::new(position) }
    }

    #[test]
    fn a_cursor_is_two_upper_case_numbers_without_leading_zeros() {
        assert_eq!(cursor(0x7E, 2).to_string(), "d-7E-2");
        assert_eq!(cursor(u32::MAX, u64::MAX).to_string(), "d-FFFFFFFF-FFFFFFFFFFFFFFFF");
        assert_eq!(cursor(u32::MAX, u64::MAX).to_string().len(), Cursor::MAX_LEN);
        assert_eq!(cursor(1, 0).to_string(), "d-1-0");
    }

    #[test]
    fn a_text_with_another_beginning_is_foreign() {
        for text in [
            "",
            "d",
            "d-",
            "d-7E",
            "garbage",
            "s-0,2F8",
            "D-7E-2",
            "d--2",
            "d-x-2",
            "d-+1-2",
            "d-123456789-2",
        ] {
            assert_eq!(Cursor::parse(text), Err(CursorError::Foreign), "{text}");
        }
    }

    #[test]
    fn a_text_that_begins_as_ours_and_goes_on_with_no_number_is_malformed() {
        for text in [
            "d-7E-",
            "d-7E-A,0|B,0",
            "d-7E- 1",
            "d-7E-1 ",
            "d-7E--1",
            "d-7E-+1",
            "d-7E-0000000000000000F",
            "d-7E-é",
        ] {
            assert_eq!(Cursor::parse(text), Err(CursorError::Malformed), "{text}");
        }
    }

    #[test]
    fn digits_may_be_of_either_case() {
        assert_eq!("d-7e-ff".parse(), Ok(cursor(0x7E, 0xFF)));
    }

    #[test]
    fn another_log_is_recognised_before_the_rest_is_judged() {
        let start = |text| Cursor::start(text, Epoch::new(0x7E), Position::new(10));
        assert_eq!(start("d-7F-nonsense"), Ok(Start::Unknown));
        assert_eq!(start("d-7E-nonsense"), Err(CursorError::Malformed));
        assert_eq!(start("d-7E-A"), Ok(Start::After(Position::new(10))));
        assert_eq!(start("d-7E-B"), Ok(Start::Unknown));
    }

    #[test]
    fn errors_say_what_why_and_how_to_go_on() {
        assert!(CursorError::Foreign.to_string().contains("start from now"));
        assert!(CursorError::Malformed.to_string().contains("exactly as it was received"));
    }

    proptest! {
        #[test]
        fn cp_106_every_cursor_survives_text_and_needs_no_escape_in_a_url(epoch in 1_u32.., position: u64) {
            let cursor = cursor(epoch, position);
            let mut text = String::new();
            cursor.write_to(&mut text);
            prop_assert!(text.len() <= Cursor::MAX_LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            prop_assert_eq!(&text, &cursor.to_string());
            prop_assert_eq!(&text, &format!("d-{epoch:X}-{position:X}"));
            prop_assert_eq!(Cursor::parse(&text), Ok(cursor));
        }

        #[test]
        fn no_text_is_too_strange(text in "(d-)?[0-9A-Fa-f+,|-]{0,20}.{0,3}") {
            if let Ok(cursor) = Cursor::parse(&text) {
                prop_assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
            }
        }
    }
}
