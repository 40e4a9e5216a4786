//! Which topics there are, and which of them nobody reads.
//!
//! A topic without readers stays for a while, and there are not too many of those; unless its last reader retires it.
//!
//! Names are spread over shards, each with a lock of its own: publishers look names up while connections come and go, and must not
//! wait for them. A name lies beside its hash, so a shard that grows looks at no name again and is held for microseconds.
//!
//! Lock order: one shard of the names, then a topic's state, then the idle queue. A topic is joined while its shard is held and
//! leaves the directory while that is held for writing, so nobody joins a topic that is no longer listed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::Position;
use crate::lock::{lock, read, write};
use crate::marks::Mark;
use crate::readers::ReaderKey;
use crate::store::Evicted;
use crate::topic::{Life, Topic, TopicName, TopicState};

/// Into how many parts names are spread: more than there are threads that look for some at the same moment.
const SHARDS: usize = 64;

#[derive(Debug)]
pub(crate) struct Directory<P, S> {
    names: Names<P, S>,
    idle: Mutex<IdleQueue<P, S>>,
    /// The highest number that any topic had which was forgotten while somebody might ask for it.
    forgotten_through: AtomicU64,
    /// The same of topics that were retired.
    retired_through: AtomicU64,
    /// Up to here retired topics count as forgotten.
    aged_through: AtomicU64,
    /// How many topics there ever were, over and over.
    turns: AtomicU16,
}

/// Where each topic is. It lies on a cache line of its own: all who publish look at it, and its neighbours change
/// whenever somebody comes or goes.
#[derive(Debug)]
#[repr(align(64))]
struct Names<P, S> {
    shards: Box<[Shard<P, S>]>,
    /// Clients choose names of groups, so they must not know where these end up.
    hasher: RandomState,
}

/// On a cache line of its own as well, since others are locked by other threads.
#[derive(Debug)]
#[repr(align(64))]
struct Shard<P, S>(RwLock<Table<P, S>>);

type Table<P, S> = HashTable<Listed<P, S>>;

#[derive(Debug)]
struct Listed<P, S> {
    /// Of the name.
    hash: u64,
    topic: Arc<Topic<P, S>>,
}

/// The topics without readers, longest idle first.
#[derive(Debug)]
struct IdleQueue<P, S> {
    next_turn: u64,
    topics: BTreeMap<u64, IdleTopic<P, S>>,
}

#[derive(Debug)]
struct IdleTopic<P, S> {
    topic: Arc<Topic<P, S>>,
    /// The first time somebody told the time while it was idle. Known in the order of turns: whoever waits behind one
    /// that has no time yet has none either.
    since: Option<Instant>,
}

/// A topic as it was found by the reader that has just joined it.
#[derive(Debug)]
pub(crate) struct Membership<P, S> {
    pub(crate) topic: Arc<Topic<P, S>>,
    pub(crate) key: ReaderKey,
    /// The index of the first message after the reader's place.
    pub(crate) next: u64,
    /// The number of the last message that had left the store.
    pub(crate) evicted_through: Position,
}

impl<P, S: Clone> Directory<P, S> {
    pub(crate) fn new() -> Self {
        Self {
            names: Names {
                shards: (0..SHARDS).map(|_| Shard(RwLock::new(HashTable::new()))).collect(),
                hasher: RandomState::new(),
            },
            idle: Mutex::new(IdleQueue { next_turn: 0, topics: BTreeMap::new() }),
            forgotten_through: AtomicU64::new(0),
            retired_through: AtomicU64::new(0),
            aged_through: AtomicU64::new(0),
            turns: AtomicU16::new(0),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Topic<P, S>>> {
        let (shard, hash) = self.names.shard(name);
        read(shard).find(hash, |listed| listed.is(hash, name)).map(|listed| Arc::clone(&listed.topic))
    }

    /// All topics there are now. Takes one shard at a time.
    pub(crate) fn all(&self) -> Vec<Arc<Topic<P, S>>> {
        let mut all = Vec::new();
        for Shard(names) in &self.names.shards {
            all.extend(read(names).iter().map(|listed| Arc::clone(&listed.topic)));
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.names.shards.iter().map(|Shard(names)| read(names).len()).sum()
    }

    pub(crate) fn idle_len(&self) -> usize {
        lock(&self.idle).topics.len()
    }

    /// Makes `reader` a reader of the topic, from the first message after `place` on.
    pub(crate) fn join(&self, name: &TopicName, reader: S, place: Position) -> Membership<P, S> {
        let (shard, hash) = self.names.shard(name.as_str());
        let is_it = |listed: &Listed<P, S>| listed.is(hash, name.as_str());
        if let Some(listed) = read(shard).find(hash, is_it) {
            return self.enter(&listed.topic, reader, place);
        }
        let mut names = write(shard);
        let listed = match names.entry(hash, is_it, |listed| listed.hash) {
            Entry::Occupied(listed) => listed.into_mut(),
            Entry::Vacant(free) => {
                let topic = Arc::new(self.new_topic(name));
                free.insert(Listed { hash, topic }).into_mut()
            }
        };
        self.enter(&listed.topic, reader, place)
    }

    fn new_topic(&self, name: &TopicName) -> Topic<P, S> {
        let mark = Mark::of_turn(self.turns.fetch_add(1, Ordering::Relaxed));
        Topic::new(name.clone(), mark, self.forgotten_through())
    }

    /// Up to where a topic that is new may have been there before.
    fn forgotten_through(&self) -> Position {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let retired_through = load(&self.retired_through).min(load(&self.aged_through));
        Position::new(load(&self.forgotten_through).max(retired_through))
    }

    /// Everything up to here is so old that a reader who is behind it is no longer spared what became of retired topics.
    pub(crate) fn age(&self, position: Position) {
        self.aged_through.fetch_max(position.get(), Ordering::Relaxed);
    }

    /// The topic's shard is held by the caller.
    fn enter(&self, topic: &Arc<Topic<P, S>>, reader: S, place: Position) -> Membership<P, S> {
        let mut state = lock(&topic.state);
        if let Life::Idle { turn } = state.life {
            lock(&self.idle).topics.remove(&turn);
        }
        state.life = Life::Subscribed;
        Membership {
            topic: Arc::clone(topic),
            key: state.readers.insert(reader),
            next: state.store.index_after(place),
            evicted_through: state.store.evicted_through(),
        }
    }

    /// Ends a membership.
    pub(crate) fn leave(&self, topic: &Arc<Topic<P, S>>, key: ReaderKey) {
        let mut state = lock(&topic.state);
        let reader = state.readers.remove(key);
        if state.readers.is_empty() {
            let turn = lock(&self.idle).push(Arc::clone(topic));
            state.life = Life::Idle { turn };
        }
        drop(state);
        // The handle is foreign code: dropped only now, it may use the bus.
        drop(reader);
    }

    /// Ends a membership for good: a topic that has no other readers is forgotten at once.
    ///
    /// Nobody asks for it soon, so the readers of other topics need not be told that something may be missing.
    pub(crate) fn retire(&self, topic: &Topic<P, S>, key: ReaderKey) -> Evicted {
        let (shard, hash) = self.names.shard(topic.name.as_str());
        let names = write(shard);
        let mut state = lock(&topic.state);
        let reader = state.readers.remove(key);
        let mut evicted = Evicted::default();
        if state.readers.is_empty() {
            self.retired_through.fetch_max(topic.last().get(), Ordering::Relaxed);
            evicted = take_out((names, hash), topic, &mut state);
        }
        drop(state);
        // As above.
        drop(reader);
        evicted
    }

    /// Forgets the longest idle topics until at most `most` are left.
    pub(crate) fn forget_beyond(&self, most: usize) -> Forgotten {
        let mut forgotten = Forgotten::default();
        loop {
            let mut idle = lock(&self.idle);
            if idle.topics.len() <= most {
                return forgotten;
            }
            let Some((turn, oldest)) = idle.topics.pop_first() else { return forgotten };
            drop(idle);
            forgotten.add(self.forget(&oldest.topic, turn));
        }
    }

    /// Forgets the topics that have been idle for so long, and starts the clock of those that have just become idle.
    pub(crate) fn forget_older(&self, now: Instant, time_to_live: Duration) -> Forgotten {
        let expired = lock(&self.idle).expire(now, time_to_live);
        let mut forgotten = Forgotten::default();
        for (turn, topic) in expired {
            forgotten.add(self.forget(&topic, turn));
        }
        forgotten
    }

    /// Takes the topic out, unless somebody has joined it since it was found idle in this turn.
    fn forget(&self, topic: &Topic<P, S>, turn: u64) -> Forgotten {
        let (shard, hash) = self.names.shard(topic.name.as_str());
        let names = write(shard);
        let mut state = lock(&topic.state);
        if state.life != (Life::Idle { turn }) {
            return Forgotten::default();
        }
        self.forgotten_through.fetch_max(topic.last().get(), Ordering::Relaxed);
        Forgotten { topics: 1, evicted: take_out((names, hash), topic, &mut state) }
    }
}

impl<P, S> Names<P, S> {
    /// Where a topic of this name is listed, and under which hash.
    fn shard(&self, name: &str) -> (&RwLock<Table<P, S>>, u64) {
        let hash = self.hasher.hash_one(name);
        // Not the bits by which a table finds its places.
        let index = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "index < SHARDS, and there are SHARDS shards")]
        (&self.shards[index].0, hash)
    }
}

impl<P, S> Listed<P, S> {
    fn is(&self, hash: u64, name: &str) -> bool {
        self.hash == hash && self.topic.name.as_str() == name
    }
}

/// Takes a topic out of its shard that nobody reads.
fn take_out<P, S>(
    (mut names, hash): (RwLockWriteGuard<'_, Table<P, S>>, u64),
    topic: &Topic<P, S>,
    state: &mut TopicState<P, S>,
) -> Evicted {
    state.life = Life::Collected;
    if let Ok(listed) = names.find_entry(hash, |listed| ptr::eq(&*listed.topic, topic)) {
        listed.remove();
    }
    drop(names);
    state.store.evict_through(topic.last())
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Forgotten {
    pub(crate) topics: usize,
    pub(crate) evicted: Evicted,
}

impl Forgotten {
    pub(crate) fn add(&mut self, other: Self) {
        self.topics += other.topics;
        self.evicted.add(other.evicted);
    }
}

impl<P, S> IdleQueue<P, S> {
    fn push(&mut self, topic: Arc<Topic<P, S>>) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.topics.insert(turn, IdleTopic { topic, since: None });
        turn
    }

    /// Takes out whoever has waited for so long.
    fn expire(&mut self, now: Instant, time_to_live: Duration) -> Vec<(u64, Arc<Topic<P, S>>)> {
        for idle in self.topics.values_mut().rev().take_while(|idle| idle.since.is_none()) {
            idle.since = Some(now);
        }
        let is_expired = |idle: &IdleTopic<P, S>| {
            idle.since.is_some_and(|since| now.saturating_duration_since(since) >= time_to_live)
        };
        let mut expired = Vec::new();
        while let Some(oldest) = self.topics.first_entry()
            && is_expired(oldest.get())
        {
            let (turn, oldest) = oldest.remove_entry();
            expired.push((turn, oldest.topic));
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "room";

    fn join(directory: &Directory<(), ()>) -> Membership<(), ()> {
        directory.join(&TopicName::from(NAME), (), Position::ZERO)
    }

    #[test]
    fn names_are_spread_over_the_shards_and_found_again() {
        let directory = Directory::<(), ()>::new();
        let names: Vec<_> = (0..6400).map(|number| TopicName::from(format!("c-{number}"))).collect();
        let joined: Vec<_> = names.iter().map(|name| directory.join(name, (), Position::ZERO)).collect();
        let sizes = directory.names.shards.iter().map(|Shard(names)| read(names).len());
        assert!(sizes.clone().all(|size| (40..200).contains(&size)), "{:?}", sizes.collect::<Vec<_>>());
        for (name, joined) in names.iter().zip(&joined) {
            let found = directory.find(name.as_str()).unwrap();
            assert!(Arc::ptr_eq(&found, &joined.topic) && found.name == *name);
        }
        assert_eq!((directory.len(), directory.all().len()), (6400, 6400));
        for Membership { topic, key, .. } in joined {
            assert_eq!(directory.retire(&topic, key).messages, 0);
        }
        assert_eq!((directory.len(), directory.find("c-1").is_some()), (0, false));
    }

    #[test]
    fn who_looks_for_a_name_does_not_wait_for_those_that_come_and_go_elsewhere() {
        let directory = Directory::<(), ()>::new();
        let (held, _) = directory.names.shard(NAME);
        let elsewhere = |name: &TopicName| !ptr::eq(held, directory.names.shard(name.as_str()).0);
        let other = (0..).map(|number| TopicName::from(format!("{number}"))).find(elsewhere).unwrap();
        let _held = write(held);
        let joined = directory.join(&other, (), Position::ZERO);
        assert!(directory.find(other.as_str()).is_some());
        let _ = directory.retire(&joined.topic, joined.key);
    }

    #[test]
    fn a_topic_joined_again_is_not_forgotten_for_an_earlier_turn() {
        let directory = Directory::new();
        let first = join(&directory);
        directory.leave(&first.topic, first.key);
        let stale = lock(&directory.idle).topics.pop_first().map(|(turn, _)| turn).unwrap();
        let second = join(&directory);
        assert!(Arc::ptr_eq(&first.topic, &second.topic));
        assert_eq!(directory.forget(&first.topic, stale).topics, 0, "somebody reads it");
        directory.leave(&second.topic, second.key);
        assert_eq!(directory.forget(&first.topic, stale).topics, 0, "it is idle in another turn");
        assert_eq!(directory.forget_beyond(0).topics, 1);
        assert_eq!((directory.len(), directory.idle_len()), (0, 0));
        assert_eq!(lock(&first.topic.state).life, Life::Collected);
        assert!(!Arc::ptr_eq(&first.topic, &join(&directory).topic), "a name that returns is a new topic");
    }
}
