//! Which transport is to be used, in the words of the wire.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use heliostat::TransportKind;
use heliostat_client::Transport;

/// One transport, or whichever works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TransportChoice {
    #[default]
    Auto,
    Only(TransportKind),
}

/// Why a text is not the name of a usable transport.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    #[error(
        "foreverFrame only works inside a browser; use auto, webSockets, serverSentEvents or longPolling"
    )]
    ForeverFrame,
    #[error("there is no transport '{0}'; use auto, webSockets, serverSentEvents or longPolling")]
    Unknown(String),
}

impl FromStr for TransportChoice {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match TransportKind::parse(text) {
            Ok(TransportKind::ForeverFrame) => Err(TransportError::ForeverFrame),
            Ok(kind) => Ok(Self::Only(kind)),
            Err(_) => Err(TransportError::Unknown(text.to_owned())),
        }
    }
}

impl From<TransportChoice> for Transport {
    fn from(choice: TransportChoice) -> Self {
        match choice {
            TransportChoice::Auto => Self::Auto,
            TransportChoice::Only(kind) => Self::Only(kind),
        }
    }
}

impl Display for TransportChoice {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Only(kind) => formatter.write_str(kind.as_str()),
        }
    }
}
