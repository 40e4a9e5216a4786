//! A setting that is on or off, as a word that can be read in a file years later.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither on nor off; write \"on\" or \"off\"")]
pub(crate) struct SwitchError;

impl FromStr for Switch {
    type Err = SwitchError;

    fn from_str(text: &str) -> Result<Self, SwitchError> {
        match text.trim() {
            "on" | "true" | "yes" => Ok(Self::On),
            "off" | "false" | "no" => Ok(Self::Off),
            _ => Err(SwitchError),
        }
    }
}

impl Display for Switch {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
        })
    }
}
