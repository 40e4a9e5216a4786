//! Calls the handlers: one at a time, in order, on one task, so that the driver never waits for the application.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::audience::Doing;
use crate::call::ClientCall;
use crate::error::{ConnectionError, ErrorKind};
use crate::event::Event;
use crate::shared::Shared;

/// A piece of news for the application.
pub(crate) enum Notice {
    Event(Event),
    /// The server calls a function.
    Call(ClientCall),
}

/// Runs until nobody gives notice any more.
pub(crate) async fn run(shared: Arc<Shared>, mut notices: mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        match notice {
            Notice::Event(event) => tell(&shared, &event).await,
            Notice::Call(call) => call_handlers(&shared, &call).await,
        }
    }
}

async fn tell(shared: &Shared, event: &Event) {
    for listener in shared.audience.for_event() {
        match guarded(|| listener(event)) {
            Ok(doing) => finish(doing).await,
            Err(Panicked) => {
                tracing::error!("a handler of events panicked; it is called with the next one again")
            }
        }
    }
}

async fn call_handlers(shared: &Shared, call: &ClientCall) {
    for listener in shared.audience.for_call(call) {
        let error = match guarded(|| listener(call)) {
            Ok(Ok(doing)) => {
                finish(doing).await;
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(Panicked) => {
                tracing::error!(hub = call.hub, method = call.method, "a handler panicked");
                format!("the handler of {:?} panicked; it is called the next time again", call.method)
            }
        };
        let error = ConnectionError::new(ErrorKind::Handler(error.into()), Vec::new());
        shared.status().last_error = Some(error.clone());
        tell(shared, &Event::Error(error)).await;
    }
}

async fn finish(doing: Doing) {
    if let Some(doing) = doing {
        doing.await;
    }
}

struct Panicked;

/// A panic is that handler's failure; what it left behind is its own.
fn guarded<T>(handler: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(handler)).map_err(|_| Panicked)
}
