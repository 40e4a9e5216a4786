//! The payload of these tests.

use heliostat_bus::{Delivery, Payload};

/// A message or a command with a number to know it by, and a size it pretends to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) bytes: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Command,
}

impl Note {
    pub(crate) const fn message(number: u64) -> Self {
        Self { number, bytes: 100, kind: Kind::Message }
    }
}

impl Payload for Note {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_command(&self) -> bool {
        self.kind == Kind::Command
    }
}

/// The numbers of the notes of a batch.
pub(crate) fn numbers(batch: &[Delivery<Note>]) -> Vec<u64> {
    batch.iter().map(|delivery| delivery.payload.number).collect()
}
