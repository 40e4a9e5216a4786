//! The highest protocol version that the server announces.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use heliostat::ProtocolVersion;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HighestProtocol(ProtocolVersion);

impl HighestProtocol {
    pub(crate) const fn get(self) -> ProtocolVersion {
        self.0
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a version of the classic protocol, \"1.2\" or above; real servers announce \"2.0\"")]
pub(crate) struct HighestProtocolError;

impl FromStr for HighestProtocol {
    type Err = HighestProtocolError;

    fn from_str(text: &str) -> Result<Self, HighestProtocolError> {
        let version =
            ProtocolVersion::parse(text.trim()).filter(|version| *version >= ProtocolVersion::LOWEST);
        version.map(Self).ok_or(HighestProtocolError)
    }
}

impl Display for HighestProtocol {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp_079_the_highest_version_is_one_that_a_server_can_announce() {
        for text in ["1.2", "2.0", "2.1"] {
            assert_eq!(text.parse::<HighestProtocol>().unwrap().to_string(), text);
        }
        for text in ["", "two", "2", "1.1"] {
            assert_eq!(text.parse::<HighestProtocol>(), Err(HighestProtocolError), "{text}");
        }
    }
}
