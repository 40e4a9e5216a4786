//! Work that is done one piece at a time, in the order in which it came, by whoever happens to begin.
//!
//! Nobody waits and nobody is employed for it: who adds to a line that stands still gets told to work it off, until it is empty;
//! everybody else may go on. Between "it is empty" and "it stands still" there is nothing: both are decided under one lock, so no
//! piece is left lying and no two are worked on at once. `tests/races.rs` goes through the ways in which threads can meet here.

use std::{collections::VecDeque, sync::PoisonError};

use super::sync::{Mutex, MutexGuard};

/// What is still to be done.
#[derive(Debug)]
pub(crate) struct Line<T> {
    queue: Mutex<Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    due: VecDeque<T>,
    progress: Progress,
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Still,
    Moving,
}

/// Who does what was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a line that nobody works off stands still for ever"]
pub(crate) enum Turn {
    /// Whoever pushed: call [`Line::next`] and do what it gives, until it gives nothing.
    Mine,
    /// Whoever is at it already.
    Another,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue { due: VecDeque::new(), progress: Progress::Still }) }
    }
}

impl<T> Line<T> {
    /// Puts a piece of work behind those that are due.
    pub(crate) fn push(&self, piece: T) -> Turn {
        let mut queue = self.lock();
        queue.due.push_back(piece);
        match std::mem::replace(&mut queue.progress, Progress::Moving) {
            Progress::Still => Turn::Mine,
            Progress::Moving => Turn::Another,
        }
    }

    /// The next piece, for whoever has the turn and is done with the last one. With `None` the turn is over.
    pub(crate) fn next(&self) -> Option<T> {
        let mut queue = self.lock();
        let next = queue.due.pop_front();
        if next.is_none() {
            queue.progress = Progress::Still;
            // Most lines move once or twice in their life; their room is worth more than the next allocation.
            queue.due = VecDeque::new();
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
