//! Whoever listens can stop listening.

use std::fmt;
use std::sync::Weak;

use crate::shared::Shared;

/// A handler that was registered. It stays until it is cancelled or its connection is dropped; dropping this changes
/// nothing.
#[derive(Clone)]
pub struct Subscription {
    shared: Weak<Shared>,
    id: u64,
}

impl Subscription {
    pub(crate) fn new(shared: Weak<Shared>, id: u64) -> Self {
        Self { shared, id }
    }

    /// Takes the handler away. One that is running runs to its end.
    pub fn cancel(self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.audience.leave(self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({})", self.id)
    }
}
