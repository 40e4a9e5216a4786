//! How a handler learns that nobody waits for it any more.

use tokio_util::sync::CancellationToken;

/// Is cancelled when the SignalR connection that made the call ends.
///
/// A lost transport connection does not cancel anything: the client may come back within the disconnect timeout and still wants the
/// effect of its call.
///
/// # Examples
/// ```
/// use heliostat::{Cancellation, Failure, hub};
///
/// struct ReportHub;
///
/// #[hub]
/// impl ReportHub {
///     async fn build(&self, pages: u32, cancellation: Cancellation) -> Result<u32, Failure> {
///         for _ in 0..pages {
///             if cancellation.is_cancelled() {
///                 return Err(Failure::cancelled());
///             }
///             // … one page
///         }
///         Ok(pages)
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    pub(crate) const fn new(ended: CancellationToken) -> Self {
        Self(ended)
    }

    /// Whether the SignalR connection has ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Completes when the SignalR connection ends. Dropping the future has no effect.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
