//! Amounts of memory as people write them: `64KiB`, `4 MiB`, `65536`.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

/// The units we know, largest first, so that printing picks the largest that divides evenly.
const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(usize);

impl ByteSize {
    pub(crate) const fn get(self) -> usize {
        self.0
    }
}

/// A limit on a number of bytes, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteLimit {
    AtMost(ByteSize),
    Unlimited,
}

/// Why a text is not an amount of memory.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ByteSizeError {
    #[error("not an amount of memory; write for example \"64KiB\", \"4MiB\" or a number of bytes")]
    Malformed,
    #[error("must be at least one byte")]
    Zero,
    #[error("more memory than this machine can address")]
    TooLarge,
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(ByteSizeError::Malformed);
        }
        let unit = match unit.trim() {
            "" => 1,
            name => UNITS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, bytes)| *bytes)
                .ok_or(ByteSizeError::Malformed)?,
        };
        let number: usize = number.parse().map_err(|_| ByteSizeError::TooLarge)?;
        match number.checked_mul(unit) {
            Some(0) => Err(ByteSizeError::Zero),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(ByteSizeError::TooLarge),
        }
    }
}

impl Display for ByteSize {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match UNITS.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(formatter, "{}{unit}", self.0 / bytes),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl FromStr for ByteLimit {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        if text.trim() == "unlimited" { Ok(Self::Unlimited) } else { text.parse().map(Self::AtMost) }
    }
}

impl Display for ByteLimit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::AtMost(size) => size.fmt(formatter),
            Self::Unlimited => formatter.write_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        let read = |text: &str| text.parse::<ByteSize>().map(ByteSize::get);
        assert_eq!(read("65536"), Ok(65_536));
        assert_eq!(read("64KiB"), Ok(65_536));
        assert_eq!(read(" 4 mib "), Ok(4 << 20));
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        assert_eq!("KiB".parse::<ByteSize>(), Err(ByteSizeError::Malformed));
        assert_eq!("12 parsecs".parse::<ByteSize>(), Err(ByteSizeError::Malformed));
        assert_eq!("-1".parse::<ByteSize>(), Err(ByteSizeError::Malformed));
        assert_eq!("0".parse::<ByteSize>(), Err(ByteSizeError::Zero));
        assert_eq!("99999999999999GiB".parse::<ByteSize>(), Err(ByteSizeError::TooLarge));
    }

    #[test]
    fn sizes_are_printed_with_the_largest_unit_that_fits() {
        for text in ["64KiB", "4MiB", "1GiB", "1000B", "unlimited"] {
            assert_eq!(text.parse::<ByteLimit>().unwrap().to_string(), text);
        }
    }
}
