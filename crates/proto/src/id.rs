//! The name of a SignalR connection.
//!
//! The id outlives every transport connection: a client that comes back after a lost link brings the same one
//! (inside its connection token), and that is what makes it the same SignalR connection.

use std::fmt;

use serde::{Serialize, Serializer};

/// The id of a SignalR connection: a random GUID.
///
/// It is shown in lower case with hyphens, 36 characters, which is what clients expect to see. It is deliberately
/// not deserialisable: a hub method cannot mistake an id that a client *claims* for the id of its caller.
///
/// # Examples
///
/// ```
/// use heliostat_proto::id::ConnectionId;
///
/// let id = ConnectionId::from_random([0xAB; 16]);
/// assert_eq!(id.to_string(), "abababab-abab-4bab-abab-abababababab");
/// assert_eq!(ConnectionId::parse("ABABABAB-ABAB-4BAB-ABAB-ABABABABABAB"), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u128);

/// A text that is not the id of a SignalR connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionIdError {
    /// The text does not have the shape of a GUID.
    #[error(
        "a connection id is 32 hexadecimal digits grouped 8-4-4-4-12 by hyphens; \
         use an id that negotiate handed out, unchanged"
    )]
    NotAGuid,
}

impl ConnectionId {
    /// How many characters the text of an id has.
    pub const TEXT_LENGTH: usize = 36;

    /// Makes an id of 16 random bytes. They must come from a cryptographic source: the id must be unguessable.
    ///
    /// Six of the bits are overwritten, because RFC 9562 marks a random GUID (version 4) with them; 122 stay random.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        let version = 0x4 << 76;
        let variant = 0b10 << 62;
        Self(u128::from_be_bytes(bytes) & !(0xF << 76) & !(0b11 << 62) | version | variant)
    }

    /// Reads an id in the 36-character form. Upper and lower case mean the same.
    ///
    /// # Errors
    ///
    /// [`ConnectionIdError::NotAGuid`] if the text has another shape.
    pub fn parse(text: &str) -> Result<Self, ConnectionIdError> {
        if text.len() != Self::TEXT_LENGTH {
            return Err(ConnectionIdError::NotAGuid);
        }
        let mut value = 0;
        for (place, byte) in text.bytes().enumerate() {
            match (place, char::from(byte).to_digit(16)) {
                (8 | 13 | 18 | 23, _) if byte == b'-' => {}
                (8 | 13 | 18 | 23, _) | (_, None) => return Err(ConnectionIdError::NotAGuid),
                (_, Some(digit)) => value = value << 4 | u128::from(digit),
            }
        }
        Ok(Self(value))
    }

    /// The id whose [`to_bytes`](Self::to_bytes) these are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Its sixteen bytes, in the order of its text.
    ///
    /// # Examples
    ///
    /// ```
    /// # use heliostat_proto::id::ConnectionId;
    /// let id = ConnectionId::from_random([0xAB; 16]);
    /// assert_eq!(id.to_bytes()[..4], [0xAB; 4]);
    /// assert_eq!(ConnectionId::from_bytes(id.to_bytes()), id);
    /// ```
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Its text, as ASCII.
    #[must_use]
    pub fn to_text(self) -> [u8; Self::TEXT_LENGTH] {
        let mut text = [b'-'; Self::TEXT_LENGTH];
        let mut bytes = self.0.to_be_bytes().into_iter();
        for group in [0..8, 9..13, 14..18, 19..23, 24..36] {
            let digits = text.get_mut(group).unwrap_or_default().chunks_exact_mut(2);
            for (place, byte) in digits.zip(bytes.by_ref()) {
                place.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xF)]);
            }
        }
        text
    }
}

/// The lower-case digit of a number below 16.
const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) }
}

impl fmt::Display for ConnectionId {
    /// Digit by digit, because every request writes ids, into topics and tokens, and formatting five numbers costs more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

impl Serialize for ConnectionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cp_072_an_id_is_a_lower_case_guid_of_36_characters_marked_as_random() {
        let id = ConnectionId::from_random([0xFF; 16]).to_string();
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(id.len(), ConnectionId::TEXT_LENGTH);
        assert_eq!(ConnectionId::from_random([0; 16]).to_string(), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn the_id_of_a_recorded_negotiation_is_read_and_written_back() {
        let text = "c150b56e-9f1a-40bb-a9aa-2b65489c194c";
        assert_eq!(ConnectionId::parse(text).unwrap().to_string(), text);
        assert_eq!(
            serde_json::to_string(&ConnectionId::parse(text).unwrap()).unwrap(),
            format!("\"{text}\"")
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        let good = "c150b56e-9f1a-40bb-a9aa-2b65489c194c";
        let shapes = [
            "",
            good.trim_end_matches('c'),
            &good.replace('-', ""),
            &good.replace('-', "0"),
            &format!("{good} "),
        ];
        for text in shapes {
            assert_eq!(ConnectionId::parse(text), Err(ConnectionIdError::NotAGuid), "{text}");
        }
        // 36 bytes, but a letter of two bytes instead of two digits.
        assert_eq!(
            ConnectionId::parse("é50b56e-9f1a-40bb-a9aa-2b65489c194cc"),
            Err(ConnectionIdError::NotAGuid)
        );
        assert_eq!(
            ConnectionId::parse("{150b56e-9f1a-40bb-a9aa-2b65489c194}"),
            Err(ConnectionIdError::NotAGuid)
        );
    }

    #[test]
    fn an_id_is_as_small_as_sixteen_bytes() {
        assert_eq!(size_of::<ConnectionId>(), 16);
    }

    proptest! {
        #[test]
        fn text_and_id_are_the_same_thing(bytes: [u8; 16]) {
            let id = ConnectionId::from_random(bytes);
            let text = id.to_string();
            prop_assert_eq!(ConnectionId::parse(&text), Ok(id));
            prop_assert_eq!(ConnectionId::parse(&text.to_uppercase()), Ok(id));
        }

        #[test]
        fn no_text_makes_the_parser_panic(bytes: Vec<u8>) {
            let _ = ConnectionId::parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn what_is_parsed_is_what_was_written(text in "[0-9a-fA-F-]{36}") {
            if let Ok(id) = ConnectionId::parse(&text) {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }
    }
}
