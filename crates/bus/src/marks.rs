//! Where news may be: for many topics together, the highest number that any of them has.
//!
//! Whoever reads many topics would have to look at each of them for every message, and one that is seldom written to lies far from the
//! processor. So topics share some marks, which lie close together and stay near.
//!
//! Invariant: a mark is never behind the last number of one of its topics. Who has read up to the mark need not look at them; who has not
//! may look in vain.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Position;

/// How many there are. The more, the fewer topics share one, and look new when it is another that is; 32 KiB stay in a processor's own cache.
const MARKS: u16 = 4096;

#[derive(Debug)]
pub(crate) struct Marks(Box<[AtomicU64]>);

/// Which one is a topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u16);

impl Mark {
    /// Topics take turns: those that were made one after the other, and are often gone through in that order, have marks side by side.
    pub(crate) const fn of_turn(turn: u16) -> Self {
        Self(turn % MARKS)
    }
}

impl Marks {
    /// One of its topics has got a message of this number. Numbers only rise: it is called by whoever gives them.
    pub(crate) fn raise(&self, mark: Mark, position: Position) {
        if let Some(mark) = self.0.get(usize::from(mark.0)) {
            mark.store(position.get(), Ordering::Release);
        }
    }

    /// Whether one of its topics may have a message beyond `position`. Whoever has read the log's head `w` before gets no false no for
    /// messages up to `w`.
    pub(crate) fn is_beyond(&self, mark: Mark, position: Position) -> bool {
        self.0.get(usize::from(mark.0)).is_none_or(|mark| mark.load(Ordering::Acquire) > position.get())
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self((0..MARKS).map(|_| AtomicU64::new(0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_beyond_whoever_has_not_read_the_last_of_its_topics() {
        let marks = Marks::default();
        let [mine, another] = [Mark::of_turn(7), Mark::of_turn(8)];
        marks.raise(mine, Position::new(3));
        assert!(marks.is_beyond(mine, Position::new(2)));
        assert!(!marks.is_beyond(mine, Position::new(3)));
        assert!(!marks.is_beyond(another, Position::ZERO));
    }

    #[test]
    fn every_turn_has_a_mark_and_some_share_it() {
        let marks = Marks::default();
        for turn in 0..=u16::MAX {
            assert!(usize::from(Mark::of_turn(turn).0) < marks.0.len());
        }
        assert_eq!(Mark::of_turn(1), Mark::of_turn(1 + MARKS));
    }
}
