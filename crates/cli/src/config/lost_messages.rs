//! What becomes of a connection whose client missed messages although it came back in time.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use heliostat::AfterLoss;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LostMessages(AfterLoss);

impl LostMessages {
    pub(crate) const fn get(self) -> AfterLoss {
        self.0
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write \"go on\" (the client gets what is left) or \"disconnect\" (it is told to stop)")]
pub(crate) struct LostMessagesError;

impl FromStr for LostMessages {
    type Err = LostMessagesError;

    fn from_str(text: &str) -> Result<Self, LostMessagesError> {
        match text.trim() {
            "go on" => Ok(Self(AfterLoss::GoOn)),
            "disconnect" => Ok(Self(AfterLoss::Disconnect)),
            _ => Err(LostMessagesError),
        }
    }
}

impl Display for LostMessages {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(match self.0 {
            AfterLoss::GoOn => "go on",
            AfterLoss::Disconnect => "disconnect",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_loss_a_connection_goes_on_or_is_disconnected() {
        for text in ["go on", "disconnect"] {
            assert_eq!(text.parse::<LostMessages>().unwrap().to_string(), text);
        }
        assert!("panic".parse::<LostMessages>().is_err());
    }
}
