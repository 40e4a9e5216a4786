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

    /// Lets the oldest messages go until one more of this cost fits.
    pub(crate) fn make_room(&mut self, cost: usize, limits: &Limits) -> Evicted {
        let most = limits.topic_messages.max(Limits::FEWEST_MESSAGES);
        let mut evicted = Evicted::default();
        while self.kept.len() >= most || self.bytes.saturating_add(cost) > limits.topic_bytes {
            let Some(oldest) = self.kept.pop_front() else { break };
            evicted.add(self.left(&oldest));
        }
        evicted
    }

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
