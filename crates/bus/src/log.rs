//! The one log: it numbers messages, and it keeps the account of what all topics keep together.
//!
//! Publishers of different topics meet here and nowhere else, so what they do here is short: no memory is asked for and
//! nothing is dropped.
//!
//! Invariant: once the head is `w`, every message up to `w` lies in the store of its topic (or has left it again). A
//! reader that reads the head first and the topics afterwards can therefore miss nothing up to `w`. It holds because
//! numbering and storing is one critical section, and because the head moves at its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Position;
use crate::lock::lock;
use crate::marks::Marks;
use crate::message::Message;
use crate::store::{Evicted, Store};
use crate::topic::Topic;

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Log {
    /// The one thing that all publishers wait for, and each of them once. Lock order: a topic's state, then this.
    account: Mutex<Account>,
    head: AtomicU64,
    pub(crate) marks: Marks,
    lost: AtomicU64,
}

/// What all topics have together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// The last number given.
    last: Position,
    /// What the messages kept cost.
    pub(crate) bytes: usize,
    /// Messages that ever left a store.
    pub(crate) evicted: u64,
}

/// A message that is to get a number.
#[derive(Debug)]
pub(crate) struct Arrival<P> {
    pub(crate) payload: P,
    pub(crate) cost: usize,
    /// What has left its topic's store for it.
    pub(crate) evicted: Evicted,
}

/// The log is full; the payload comes back.
#[derive(Debug)]
pub(crate) struct NoRoom<P>(pub(crate) P);

impl Log {
    /// Everything up to here can be read.
    pub(crate) fn head(&self) -> Position {
        Position::new(self.head.load(Ordering::Acquire))
    }

    /// Gives a message the next number and puts it into `store`, which is `topic`'s and has room for it.
    ///
    /// # Errors
    /// If all messages together would then cost more than `limit`. Alone, a message may cost what it likes.
    pub(crate) fn append<P, S>(
        &self,
        topic: &Topic<P, S>,
        store: &mut Store<P>,
        Arrival { payload, cost, evicted }: Arrival<P>,
        limit: usize,
    ) -> Result<Position, NoRoom<P>> {
        let mut account = lock(&self.account);
        account.give_back(evicted);
        let bytes = account.bytes.saturating_add(cost);
        if bytes > limit && account.bytes != 0 {
            return Err(NoRoom(payload));
        }
        account.bytes = bytes;
        account.last = account.last.next();
        let position = account.last;
        store.push(Message { position, cost, payload });
        topic.set_last(position);
        self.marks.raise(topic.mark, position);
        self.head.store(position.get(), Ordering::Release);
        Ok(position)
    }

    /// Gives the room back that messages had which left their store.
    pub(crate) fn evicted(&self, evicted: Evicted) {
        if evicted != Evicted::default() {
            lock(&self.account).give_back(evicted);
        }
    }

    /// A reader missed so many messages.
    pub(crate) fn lost(&self, messages: u64) {
        if messages != 0 {
            self.lost.fetch_add(messages, Ordering::Relaxed);
        }
    }

    /// At this moment.
    pub(crate) fn account(&self) -> Account {
        *lock(&self.account)
    }

    pub(crate) fn lost_total(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Account {
    const fn give_back(&mut self, evicted: Evicted) {
        self.bytes -= evicted.bytes;
        self.evicted += evicted.messages;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::Mark;
    use crate::topic::TopicName;

    fn arrival(cost: usize) -> Arrival<()> {
        Arrival { payload: (), cost, evicted: Evicted::default() }
    }

    fn topic(name: &str) -> Topic<(), ()> {
        Topic::new(TopicName::from(name), Mark::of_turn(0), Position::ZERO)
    }

    #[test]
    fn numbers_are_dense_over_all_topics() {
        let log = Log::default();
        let topics = ["a", "b"].map(topic);
        for number in 1..=4 {
            let topic = &topics[number % 2];
            let store = &mut lock(&topic.state).store;
            let position = log.append(topic, store, arrival(1), usize::MAX).unwrap();
            assert_eq!(position.get(), number as u64);
            assert_eq!((log.head(), topic.last()), (position, position));
        }
        assert_eq!(topics.map(|topic| topic.last().get()), [4, 3]);
    }

    #[test]
    fn there_is_room_up_to_the_limit_and_no_further() {
        let log = Log::default();
        let topic = topic("a");
        let store = &mut lock(&topic.state).store;
        let mut append = |arrival| log.append(&topic, store, arrival, 100).map(Position::get).ok();
        assert_eq!(append(arrival(60)), Some(1));
        assert_eq!(append(arrival(41)), None);
        assert_eq!(log.account().bytes, 60, "what found no room costs nothing, and has no number");
        assert_eq!(append(arrival(40)), Some(2));
        let evicted = Evicted { messages: 1, bytes: 60 };
        assert_eq!(append(Arrival { evicted, ..arrival(60) }), Some(3), "in the place of another");
        log.evicted(Evicted { messages: 2, bytes: 100 });
        assert_eq!(append(arrival(1000)), Some(4), "alone, a message may be as large as it likes");
        let Account { bytes, evicted, .. } = log.account();
        assert_eq!((bytes, evicted), (1000, 3));
    }

    #[test]
    fn what_left_for_a_message_that_found_no_room_is_given_back_all_the_same() {
        let log = Log::default();
        let topic = topic("a");
        let store = &mut lock(&topic.state).store;
        log.append(&topic, store, arrival(100), 100).unwrap();
        let evicted = Evicted { messages: 1, bytes: 10 };
        log.append(&topic, store, Arrival { evicted, ..arrival(11) }, 100).unwrap_err();
        assert_eq!((log.account().bytes, log.account().evicted), (90, 1));
    }
}
