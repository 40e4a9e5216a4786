//! The signals that ask the process to stop: SIGTERM from a supervisor, SIGINT from a keyboard.

use std::io;

/// Listens from now on, so that a signal that comes early is not lost.
///
/// # Errors
/// When the system does not let us listen for signals.
pub(crate) fn stop_signals() -> io::Result<impl Future<Output = &'static str>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // An error here means that no Ctrl-C can ever come.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    })
}
