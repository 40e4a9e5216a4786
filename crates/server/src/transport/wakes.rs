//! Whether the task that carries a link was woken from here, or merely by its socket.
//!
//! Whoever has news for a client writes it, or wakes the task so that it does. So a WebSocket's task looks for news only if somebody here woke
//! it; mostly it is the client, and then there is nothing to write yet. What must not happen is that such a wake-up is taken for the socket's,
//! or is lost. So who wakes says so before he wakes, and the task asks only when it can be woken again: between the two it is either seen or
//! wakes once more. `tests/races.rs` goes through the ways in which they can meet.

use std::task::Waker;

use super::{
    AtomicWaker,
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether there was a wake-up that the task has not asked for yet. A task's waker is kept beside it, because it has other users.
pub(crate) struct Wakes(AtomicBool);

impl Wakes {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// There is something that the task must see to.
    pub(crate) fn wake(&self, task: &AtomicWaker) {
        // A swap, not a store: whoever takes the wake-ups then sees what all wanted, not the last alone.
        self.0.swap(true, Ordering::AcqRel);
        task.wake();
    }

    /// Leaves the task's waker, and says whether there was a [`wake`](Self::wake) since this was asked last.
    pub(crate) fn take(&self, task: &AtomicWaker, waker: &Waker) -> bool {
        task.register(waker);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::AcqRel)
    }
}
