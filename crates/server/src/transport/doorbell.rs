//! Something that many threads have news for and one at a time works on, so that no news is left lying and nobody waits.
//!
//! Whoever has news and finds nobody inside goes in himself and answers; if somebody is, he rings and goes away at once, and whoever is
//! inside looks for rings before he leaves for good. So a publisher never waits for a socket, and yet: when all have left, every ring
//! has been answered by somebody who went in after it and sees what was written before it.
//!
//! Two threads that just miss each other are what this file is about. The one rings, then finds the door shut; the other opens the
//! door, then looks for rings. Between these two steps both pass a fence: of two fences one is first, so either the one finds the
//! door open or the other sees the ring. `tests/races.rs` goes through the ways in which they can meet.

use std::sync::{PoisonError, TryLockError};

use super::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering, fence},
};

/// What is worked on, its door and its bell.
pub(crate) struct Doorbell<T> {
    inside: Mutex<T>,
    /// Somebody rang and nobody has gone in for it yet.
    rung: AtomicBool,
}

impl<T> Doorbell<T> {
    pub(crate) fn new(inside: T) -> Self {
        Self { inside: Mutex::new(inside), rung: AtomicBool::new(false) }
    }

    /// There is news: it is answered here and now, or by the thread that is inside. Never waits.
    pub(crate) fn ring(&self, mut answer: impl FnMut(&mut T)) {
        match self.try_enter() {
            // Mostly nobody is inside, and who goes in needs no bell to know.
            Some(mut inside) => answer(&mut inside),
            // A swap, not a store: whoever takes the bell down then sees the news of all who rang, not of the last alone.
            None => _ = self.rung.swap(true, Ordering::AcqRel),
        }
        self.answer(answer);
    }

    /// Goes in, waiting for it if need be, and answers those who rang meanwhile. `work` must be short.
    pub(crate) fn hold<R>(&self, work: impl FnOnce(&mut T) -> R, answer: impl FnMut(&mut T)) -> R {
        let result = work(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner));
        self.answer(answer);
        result
    }

    fn answer(&self, mut answer: impl FnMut(&mut T)) {
        loop {
            // After ringing and before the door is tried; after the door was opened and before the bell is looked at.
            fence(Ordering::SeqCst);
            if !self.rung.load(Ordering::Relaxed) {
                return;
            }
            let Some(mut inside) = self.try_enter() else { return };
            if self.rung.swap(false, Ordering::AcqRel) {
                answer(&mut inside);
            }
        }
    }

    fn try_enter(&self) -> Option<MutexGuard<'_, T>> {
        match self.inside.try_lock() {
            Ok(inside) => Some(inside),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
