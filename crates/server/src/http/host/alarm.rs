//! The one timer of a physical connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::time::{Instant, Sleep};

/// Goes off at the next deadline, or before.
pub(super) struct Alarm<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// Whom it wakes.
    task: Option<Waker>,
}

impl<'a> Alarm<'a> {
    pub(super) const fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self { sleep, task: None }
    }

    /// It is put off only when it has gone off: most of what has a deadline comes long before. And as long as it knows whom to wake, it is
    /// left alone.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, until: Instant) -> Poll<()> {
        if self.sleep.deadline() > until {
            self.sleep.as_mut().reset(until);
        } else if !self.sleep.is_elapsed() && self.wakes(context.waker()) {
            return Poll::Pending;
        }
        while self.sleep.as_mut().poll(context).is_ready() {
            self.task = None;
            if self.sleep.deadline() >= until {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(until);
        }
        self.task = Some(context.waker().clone());
        Poll::Pending
    }

    fn wakes(&self, task: &Waker) -> bool {
        self.task.as_ref().is_some_and(|known| known.will_wake(task))
    }
}
