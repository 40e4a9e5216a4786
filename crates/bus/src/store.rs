//! The last messages of one topic, so that a reader who was away can catch up.
//!
//! Invariant: indexes are dense. `kept[i]` has the index `first + i`, and `first` only grows. A reader that
//! remembers the index of its next message therefore finds it without a search, and if that index lies below
//! `first`, the difference is exactly the number of messages it has lost.

use std::collections::VecDeque;

use crate::message::Message;
use crate::{Limits, Position};

/// Below this capacity a queue is not worth shrinking.
const SMALL: usize = 32;

#[derive(Debug)]
pub(crate) struct Store<P> {
    kept: VecDeque<Message<P>>,
    /// How many messages have left, and so the index of the oldest one kept.
    first: u64,
    bytes: usize,
    /// The number of the last message that left.
    evicted_through: Position,
}

/// What has left a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "what has left must be given back to the log's account"]
pub(crate) struct Evicted {
    pub(crate) messages: u64,
    pub(crate) bytes: usize,
}

impl Evicted {
    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl<P> Store<P> {
    pub(crate) const fn new() -> Self {
        Self { kept: VecDeque::new(), first: 0, bytes: 0, evicted_through: Position::ZERO }
    }

    /// Lets the oldest messages go until one more of this cost fits, and has the memory for it ready.
    pub(crate) fn make_room(&mut self, cost: usize, limits: &Limits) -> Evicted {
        let most = limits.topic_messages.max(Limits::FEWEST_MESSAGES);
        let mut evicted = Evicted::default();
        while self.kept.len() >= most || self.bytes.saturating_add(cost) > limits.topic_bytes {
            let Some(oldest) = self.kept.pop_front() else { break };
            evicted.add(self.left(&oldest));
        }
        if self.kept.capacity() == 0 {
            // Most topics are one connection's own and seldom hold more than one.
            self.kept.reserve_exact(1);
        } else {
            self.kept.reserve(1);
        }
        evicted
    }

    /// Keeps a message for which there is [room](Self::make_room).
    pub(crate) fn push(&mut self, message: Message<P>) {
        self.bytes += message.cost;
        self.kept.push_back(message);
    }

    /// Lets every message up to this number go.
    pub(crate) fn evict_through(&mut self, position: Position) -> Evicted {
        let mut evicted = Evicted::default();
        while self.oldest().is_some_and(|oldest| oldest <= position)
            && let Some(oldest) = self.kept.pop_front()
        {
            evicted.add(self.left(&oldest));
        }
        self.give_memory_back();
        evicted
    }

    fn left(&mut self, message: &Message<P>) -> Evicted {
        self.first += 1;
        self.bytes -= message.cost;
        self.evicted_through = message.position;
        Evicted { messages: 1, bytes: message.cost }
    }

    /// A topic that was busy once must not hold the room of its busiest time. Halving at a quarter leaves enough
    /// distance to the next growth, so that the copies stay rare.
    fn give_memory_back(&mut self) {
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        } else if self.kept.capacity() > SMALL && self.kept.len() <= self.kept.capacity() / 4 {
            self.kept.shrink_to(self.kept.capacity() / 2);
        }
    }

    /// The index of the oldest message kept, or of the next one if there is none.
    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the oldest message kept.
    pub(crate) fn oldest(&self) -> Option<Position> {
        self.kept.front().map(|message| message.position)
    }

    pub(crate) const fn evicted_through(&self) -> Position {
        self.evicted_through
    }

    /// The index of the first message kept after this place.
    pub(crate) fn index_after(&self, position: Position) -> u64 {
        // A reader that starts now finds nothing newer than itself, so the common case is answered without a search.
        let passed = match self.kept.back() {
            Some(newest) if newest.position > position => {
                self.kept.partition_point(|message| message.position <= position)
            }
            Some(_) | None => self.kept.len(),
        };
        self.first + passed as u64
    }

    /// The messages from this index on, oldest first.
    pub(crate) fn since(&self, index: u64) -> impl Iterator<Item = &Message<P>> {
        let passed = usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.kept.range(passed.min(self.kept.len())..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(positions: impl IntoIterator<Item = u64>) -> Store<()> {
        let mut store = Store::new();
        for position in positions {
            store.push(Message { position: Position::new(position), cost: 10, payload: () });
        }
        store
    }

    fn since(store: &Store<()>, index: u64) -> Vec<u64> {
        store.since(index).map(|message| message.position.get()).collect()
    }

    #[test]
    fn indexes_stay_with_their_messages_when_older_ones_leave() {
        let mut store = store([3, 5, 8, 13]);
        assert_eq!(store.index_after(Position::new(5)), 2);
        assert_eq!(store.evict_through(Position::new(4)), Evicted { messages: 1, bytes: 10 });
        assert_eq!((store.first(), store.index_after(Position::new(5))), (1, 2));
        assert_eq!(since(&store, 2), [8, 13]);
        assert_eq!(since(&store, 0), [5, 8, 13], "an index that has left begins with what is left");
        assert_eq!(since(&store, 9), []);
    }

    #[test]
    fn a_place_between_two_messages_is_found() {
        let store = store([3, 5, 8]);
        let after = |position| store.index_after(Position::new(position));
        assert_eq!([0, 2, 3, 4, 7, 8, 9].map(after), [0, 0, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn what_has_left_is_remembered_by_its_last_number() {
        let mut store = store([3, 5]);
        assert_eq!(store.evicted_through(), Position::ZERO);
        assert_eq!(store.evict_through(Position::new(100)), Evicted { messages: 2, bytes: 20 });
        assert_eq!((store.evicted_through(), store.oldest()), (Position::new(5), None));
        assert_eq!(store.evict_through(Position::new(200)), Evicted::default());
        assert_eq!(store.evicted_through(), Position::new(5), "only what was there can leave");
    }

    #[test]
    fn room_is_made_by_count_and_by_bytes() {
        let limits = Limits { topic_messages: 40, topic_bytes: 385, ..Limits::default() };
        let mut by_count = store(1..=38);
        assert_eq!(by_count.make_room(5, &limits), Evicted::default());
        assert_eq!(by_count.make_room(6, &limits).messages, 1);
        let limits = Limits { topic_bytes: usize::MAX, ..limits };
        assert_eq!(store(1..=40).make_room(0, &limits).messages, 1);
        assert_eq!(store(1..=3).make_room(usize::MAX, &Limits::default()).messages, 3);
    }

    #[test]
    fn a_queue_that_was_long_once_gives_its_memory_back() {
        let mut store = store(1..=1000);
        let _ = store.evict_through(Position::new(900));
        assert!(store.kept.capacity() <= 512);
        let _ = store.evict_through(Position::new(1000));
        assert_eq!(store.kept.capacity(), 0);
    }
}
