//! The other hubs, each for one purpose.

use std::{sync::Arc, time::Duration};

use heliostat::{Caller, Failure, Progress, SendError, ServerBuilder, hub};

use super::{event_log::EventLog, oracle_hub::Oracle};

/// Adds all hubs.
pub(super) fn add(builder: ServerBuilder, events: &Arc<EventLog>) -> ServerBuilder {
    builder
        .hub(Oracle { events: Arc::clone(events) })
        .hub(MethodAuthHub)
        .hub(SecretHub)
        .hub(AdminAuthHub)
        .hub(EchoHub)
        .hub(ProgressHub)
        .hub(DelayedOnConnectedHub)
        .hub(OnConnectedBufferHub)
        .hub(Demo)
}

struct MethodAuthHub;

#[hub]
impl MethodAuthHub {
    #[authorize]
    fn secret(&self) -> &'static str {
        "s"
    }

    #[authorize(roles = "Admin")]
    fn admin(&self) -> &'static str {
        "a"
    }

    fn open(&self) -> &'static str {
        "o"
    }
}

struct SecretHub;

#[hub(authorize)]
impl SecretHub {
    fn ping(&self) -> &'static str {
        "pong"
    }
}

struct AdminAuthHub;

#[hub(authorize(roles = "Admin"))]
impl AdminAuthHub {
    fn ping(&self) -> &'static str {
        "pong"
    }
}

struct EchoHub;

#[hub]
impl EchoHub {
    fn echo_callback(&self, caller: Caller, text: String) -> Result<(), SendError> {
        caller.invoke("echo", (text,))
    }
}

struct ProgressHub;

#[hub(name = "progress")]
impl ProgressHub {
    /// Reports when nobody waits any more, and tells the client whether that failed as it has to.
    fn send_progress_after_method_return(&self, caller: Caller, progress: Progress<u32>) {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let failed = progress.report(100).is_err();
            caller
                .invoke("sendProgressAfterMethodReturnResult", (failed,))
                .expect("a truth value can be sent");
        });
    }
}

struct DelayedOnConnectedHub;

#[hub]
impl DelayedOnConnectedHub {
    #[connected]
    async fn on_connected(&self) {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

struct OnConnectedBufferHub;

#[hub]
impl OnConnectedBufferHub {
    #[connected]
    async fn on_connected(&self, caller: Caller) -> Result<(), Failure> {
        caller.invoke("bufferMe", (0,))?;
        caller.invoke("bufferMe", (1,))?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }
}

struct Demo;

#[hub(name = "demo")]
impl Demo {
    fn overload(&self) {}
}
