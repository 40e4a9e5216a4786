//! The one log: it numbers messages, and it keeps the account of what all topics keep together.
//!
//! Invariant: once the head is `w`, every message up to `w` lies in the store of its topic (or has left it again). A
//! reader that reads the head first and the topics afterwards can therefore miss nothing up to `w`. It holds because
//! numbering and storing is one critical section, and because the head moves at its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::Position;
use crate::lock::lock;
use crate::marks::Marks;
use crate::message::Message;
use crate::store::{Evicted, Store};
use crate::topic::Topic;

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The last number given. Lock order: a topic's state, then this.
    numbers: Mutex<Position>,
    head: AtomicU64,
    pub(crate) marks: Marks,
    bytes: AtomicUsize,
    evicted: AtomicU64,
    lost: AtomicU64,
}

impl Log {
    /// Everything up to here can be read.
    pub(crate) fn head(&self) -> Position {
        Position::new(self.head.load(Ordering::Acquire))
    }

    /// Gives `payload` the next number and puts it into `store`, which is `topic`'s.
    pub(crate) fn append<P, S>(
        &self,
        topic: &Topic<P, S>,
        store: &mut Store<P>,
        payload: P,
        cost: usize,
    ) -> Position {
        let mut last = lock(&self.numbers);
        let position = last.next();
        *last = position;
        store.push(Message { position, cost, payload });
        topic.set_last(position);
        self.marks.raise(topic.mark, position);
        self.head.store(position.get(), Ordering::Release);
        position
    }

    /// Claims room for a message, if all messages together stay within `limit` or this is the only one.
    pub(crate) fn try_reserve(&self, cost: usize, limit: usize) -> Result<(), NoRoom> {
        let claim = |bytes: usize| {
            let sum = bytes.saturating_add(cost);
            (bytes == 0 || sum <= limit).then_some(sum)
        };
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).map(|_| ()).map_err(|_| NoRoom)
    }

    /// Claims room although there is none.
    pub(crate) fn reserve(&self, cost: usize) {
        self.bytes.fetch_add(cost, Ordering::Relaxed);
    }

    /// Gives room back that was claimed for a message which then was not kept.
    pub(crate) fn release(&self, cost: usize) {
        self.bytes.fetch_sub(cost, Ordering::Relaxed);
    }

    /// Gives the room back that messages had which left their store.
    pub(crate) fn evicted(&self, evicted: Evicted) {
        if evicted != Evicted::default() {
            self.release(evicted.bytes);
            self.evicted.fetch_add(evicted.messages, Ordering::Relaxed);
        }
    }

    /// A reader missed so many messages.
    pub(crate) fn lost(&self, messages: u64) {
        if messages != 0 {
            self.lost.fetch_add(messages, Ordering::Relaxed);
        }
    }

    /// What the messages kept cost, together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn evicted_total(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(crate) fn lost_total(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The log is full.
#[derive(Debug)]
pub(crate) struct NoRoom;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::Mark;
    use crate::topic::TopicName;

    #[test]
    fn numbers_are_dense_over_all_topics() {
        let log = Log::default();
        let topics = ["a", "b"]
            .map(|name| Topic::<_, ()>::new(TopicName::from(name), Mark::of_turn(0), Position::ZERO));
        for number in 1..=4 {
            let topic = &topics[number % 2];
            let position = log.append(topic, &mut lock(&topic.state).store, (), 0);
            assert_eq!(position.get(), number as u64);
            assert_eq!((log.head(), topic.last()), (position, position));
        }
        assert_eq!(topics.map(|topic| topic.last().get()), [4, 3]);
    }

    #[test]
    fn room_is_claimed_up_to_the_limit_and_no_further() {
        let log = Log::default();
        assert!(log.try_reserve(60, 100).is_ok());
        assert!(log.try_reserve(41, 100).is_err());
        assert!(log.try_reserve(40, 100).is_ok());
        log.evicted(Evicted { messages: 2, bytes: 100 });
        assert!(log.try_reserve(1000, 100).is_ok(), "alone, a message may be as large as it likes");
        assert_eq!((log.bytes(), log.evicted_total()), (1000, 2));
    }
}
