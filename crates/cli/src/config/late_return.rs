//! What happens to a client that comes back after its connection has timed out.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use heliostat::LateReturn;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LateReturnSetting(LateReturn);

impl LateReturnSetting {
    pub(crate) const fn get(self) -> LateReturn {
        self.0
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write \"stop\" (it is told to stop, as documented) or \"continue\" (it goes on, as with SignalR 2.1 and later)"
)]
pub(crate) struct LateReturnError;

impl FromStr for LateReturnSetting {
    type Err = LateReturnError;

    fn from_str(text: &str) -> Result<Self, LateReturnError> {
        match text.trim() {
            "stop" => Ok(Self(LateReturn::Stop)),
            "continue" => Ok(Self(LateReturn::Continue)),
            _ => Err(LateReturnError),
        }
    }
}

impl Display for LateReturnSetting {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(match self.0 {
            LateReturn::Stop => "stop",
            LateReturn::Continue => "continue",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_return_is_stopped_or_continued() {
        for text in ["stop", "continue"] {
            assert_eq!(text.parse::<LateReturnSetting>().unwrap().to_string(), text);
        }
        assert!("perhaps".parse::<LateReturnSetting>().unwrap_err().to_string().contains("\"stop\""));
    }
}
