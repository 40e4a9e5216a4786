//! Work of the application that is often over as soon as it has begun.
//!
//! Messages begin in their order (CP-133), and what a handler does before it first waits is done at once, where its message was read.
//! Most handlers never wait: then there is no task, and for those that are no futures at all nothing is allocated either.

use std::{
    fmt,
    task::{Context, Poll, Waker},
};

use futures_util::future::BoxFuture;

/// What has begun.
#[must_use = "what is not carried to its end is cancelled"]
pub(crate) enum Begun<T> {
    /// It did not wait.
    Done(T),
    /// It waits, and goes on when it is polled.
    Waits(BoxFuture<'static, T>),
}

impl<T> Begun<T> {
    /// Lets `work` run until it waits. Whoever carries it on polls it anew, so that nothing is missed.
    pub(crate) fn with(mut work: BoxFuture<'static, T>) -> Self {
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Self::Done(output),
            Poll::Pending => Self::Waits(work),
        }
    }

    /// Its end.
    pub(crate) async fn end(self) -> T {
        match self {
            Self::Done(output) => output,
            Self::Waits(work) => work.await,
        }
    }
}

impl<T> fmt::Debug for Begun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Waits(_) => "Waits",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_wait_is_done_at_once() {
        assert!(matches!(Begun::with(Box::pin(async { 7 })), Begun::Done(7)));
        assert_eq!(Begun::with(Box::pin(async { 7 })).end().await, 7);
    }

    #[tokio::test]
    async fn what_waits_goes_on_when_it_is_carried() {
        let (give, given) = tokio::sync::oneshot::channel();
        let begun = Begun::with(Box::pin(async { given.await.unwrap() }));
        assert!(matches!(begun, Begun::Waits(_)));
        give.send(7).unwrap();
        assert_eq!(begun.end().await, 7);
    }
}
