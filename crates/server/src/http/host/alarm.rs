//! The one timer of a physical connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep};

/// Goes off at the next deadline, or before.
pub(super) struct Alarm<'a>(Pin<&'a mut Sleep>);

impl<'a> Alarm<'a> {
    pub(super) const fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self(sleep)
    }

    /// It is put off only when it has gone off: most of what has a deadline comes long before.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, until: Instant) -> Poll<()> {
        if self.0.deadline() > until {
            self.0.as_mut().reset(until);
        }
        loop {
            ready!(self.0.as_mut().poll(context));
            if self.0.deadline() >= until {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(until);
        }
    }
}
