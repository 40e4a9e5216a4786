//! A panic in the application's code costs one call, one callback or one request, and nobody anything else.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt;

/// A panic, caught.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler panicked: {message}")]
pub(crate) struct CaughtPanic {
    message: String,
}

/// Runs `work` to its end or to its panic.
///
/// Unwind safety is asserted, not proved: what a handler shares with others is behind its own locks, which know about panics.
pub(crate) async fn guard<T>(work: impl Future<Output = T>) -> Result<T, CaughtPanic> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|payload| CaughtPanic::log(payload.as_ref()))
}

/// The same for code that does not wait.
pub(crate) fn guard_now<T>(work: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| CaughtPanic::log(payload.as_ref()))
}

impl CaughtPanic {
    fn log(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let message =
            text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)");
        tracing::error!(target: "SignalR.HubDispatcher", message, "the application's code panicked");
        Self { message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_with_its_message() {
        let caught = guard(async { panic!("row {}", 7) }).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(caught.to_string(), "the handler panicked: row 7");
        let caught = guard_now(|| panic!("plain")).map(|(): ()| ()).unwrap_err();
        assert_eq!(caught.to_string(), "the handler panicked: plain");
    }

    #[tokio::test]
    async fn what_does_not_panic_passes_through() {
        assert_eq!(guard(async { 1 }).await.unwrap(), 1);
        assert_eq!(guard_now(|| 2).unwrap(), 2);
    }
}
