//! Whoever listens can stop listening.

use std::fmt;
use std::sync::Weak;

use crate::shared::Shared;

/// A handler that was registered. It stays until it is cancelled or its connection is dropped; dropping this changes
/// nothing.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use heliostat_client::HubConnection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let window = Arc::new("lobby".to_owned());
/// let title = Arc::clone(&window);
/// let subscription =
///     connection.hub("ChatHub")?.on("addMessage", move |text: String| println!("{title}: {text}"));
/// subscription.cancel();
/// assert_eq!(Arc::strong_count(&window), 1, "the handler is gone, and what it held");
/// # Ok(())
/// # }
/// ```
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
