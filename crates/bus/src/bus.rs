//! The bus: publish, subscribe, collect.
//!
//! Lock order, everywhere: the trimming lock, a shard of the directory's names, a topic's state, the log's account (or the
//! idle queue). A topic's readers are lent under that topic's lock alone and gone through under none, so nobody waits for
//! another's readers.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::age::Ages;
use crate::directory::Directory;
use crate::lock::lock;
use crate::log::{Account, Arrival, Log, NoRoom};
use crate::message::{Message, Payload};
use crate::readers::Readers;
use crate::topic::{Life, Topic, TopicName, TopicState};
use crate::{Cursor, CursorError, Epoch, Limits, Position, Start, Subscription, Woken};

/// One log of messages, and the topics they belong to. A clone is another handle to the same log.
///
/// `P` is what a message carries. `S` is the handle with which whoever publishes wakes a reader; the bus only keeps
/// and clones it, under a lock, so cloning it must be cheap and must not call the bus.
pub struct Bus<P, S> {
    pub(crate) shared: Arc<Shared<P, S>>,
}

/// What all handles and subscriptions of a bus share.
pub(crate) struct Shared<P, S> {
    pub(crate) epoch: Epoch,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) directory: Directory<P, S>,
    pub(crate) subscriptions: AtomicUsize,
    ages: Mutex<Ages>,
    /// Held by whoever makes room in the whole log; the others wait and then find it.
    trimming: Mutex<()>,
}

/// What [`Bus::collect`] has forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Topics that nobody had read for too long.
    pub topics: usize,
    /// Messages that were too old, or in one of those topics.
    pub messages: u64,
}

/// The state of a bus in numbers. They are read one after the other while others publish, so they need not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Topics that exist.
    pub topics: usize,
    /// Topics of those that nobody reads at present.
    pub idle_topics: usize,
    /// Subscriptions that exist.
    pub subscriptions: usize,
    /// Messages kept.
    pub messages: u64,
    /// What they cost to keep.
    pub bytes: usize,
    /// Messages that ever got a number.
    pub published_total: u64,
    /// Messages that ever left a store again.
    pub evicted_total: u64,
    /// Messages that left a store before a reader got them, summed over the readers.
    pub lost_total: u64,
}

/// Who needs room makes it so often; then it is faster to go beyond the limit by one message than to go on.
const TRIMS: usize = 4;

impl<P: Payload + Clone, S: Clone> Bus<P, S> {
    /// An empty log. `epoch` should be new for every log, normally random: cursors of other epochs are recognised.
    #[must_use]
    pub fn new(epoch: Epoch, limits: Limits) -> Self {
        let shared = Shared {
            epoch,
            limits,
            log: Log::default(),
            directory: Directory::new(),
            subscriptions: AtomicUsize::new(0),
            ages: Mutex::new(Ages::default()),
            trimming: Mutex::new(()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The name of the log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// The number of the last message; [`Position::ZERO`] if there was none.
    #[must_use]
    pub fn head(&self) -> Position {
        self.shared.log.head()
    }

    /// The cursor that names this place of this log.
    #[must_use]
    pub fn cursor(&self, position: Position) -> Cursor {
        Cursor { epoch: self.shared.epoch, position }
    }

    /// Publishes a message: it gets the next number, and the topic keeps it for its readers and for those who return.
    ///
    /// The topic's readers are added to `woken`: wake each of them, once your turn is over. A topic
    /// that nobody has subscribed to within its time to live does not exist; then the message is dropped, nothing
    /// is allocated, and the answer is `None`.
    ///
    /// ```
    /// # use heliostat_bus::{Bus, Epoch, Limits, Payload, Position, Start, TopicName, Woken};
    /// # #[derive(Clone)] struct Text(&'static str);
    /// # impl Payload for Text {
    /// #     fn bytes(&self) -> usize { self.0.len() }
    /// #     fn is_command(&self) -> bool { false }
    /// # }
    /// let bus = Bus::new(Epoch::new(1), Limits::default());
    /// let mut woken = Woken::default();
    /// assert_eq!(bus.publish("lobby", Text("anybody?"), &mut woken), None);
    ///
    /// let ann = bus.subscribe("ann", [TopicName::from("lobby")], Start::Now);
    /// assert_eq!(bus.publish("lobby", Text("hello"), &mut woken), Some(Position::new(1)));
    /// assert!(woken.iter().eq(&["ann"]));
    /// # drop(ann);
    /// ```
    pub fn publish(&self, topic: &str, payload: P, woken: &mut Woken<S>) -> Option<Position> {
        self.put(topic, payload, |readers| readers.share_into(woken))
    }

    /// The same without a word to the readers. Whoever publishes several messages at once tells them afterwards: see
    /// [`readers`](Self::readers).
    pub fn append(&self, topic: &str, payload: P) -> Option<Position> {
        self.put(topic, payload, |_| ())
    }

    /// Adds those who read the topic now to `woken`.
    pub fn readers(&self, topic: &str, woken: &mut Woken<S>) {
        if let Some(topic) = self.shared.directory.find(topic) {
            lock(&topic.state).readers.share_into(woken);
        }
    }

    fn put(&self, topic: &str, mut payload: P, then: impl FnOnce(&Readers<S>)) -> Option<Position> {
        let Shared { log, directory, limits, .. } = &*self.shared;
        let topic = directory.find(topic)?;
        let cost = Message::cost_of(&payload);
        let mut trims = 0;
        loop {
            let mut state = lock(&topic.state);
            if state.life == Life::Collected {
                return None;
            }
            let TopicState { store, readers, .. } = &mut *state;
            let evicted = store.make_room(cost, limits);
            let limit = if trims < TRIMS { limits.total_bytes } else { usize::MAX };
            match log.append(&topic, store, Arrival { payload, cost, evicted }, limit) {
                Ok(position) => {
                    // The log is free again before this topic is asked for its readers.
                    then(readers);
                    return Some(position);
                }
                Err(NoRoom(returned)) => payload = returned,
            }
            drop(state);
            self.shared.trim(cost);
            trims += 1;
        }
    }

    /// Where a reader begins that brought this cursor text, if any.
    ///
    /// No text, or an empty one, is [`Start::Now`]. A text of another kind or of another log, and a place that this
    /// log has not reached, are [`Start::Unknown`]: its reader gets what comes, and [`Subscription::start_gap`] says so.
    ///
    /// # Errors
    /// [`CursorError::Malformed`] if the text names this log and then goes on with something that is no number.
    ///
    /// ```
    /// # use heliostat_bus::{Bus, CursorError, Epoch, Limits, Position, Start};
    /// # let bus: Bus<std::sync::Arc<P>, ()> = Bus::new(Epoch::new(0x7E), Limits::default());
    /// # struct P;
    /// # impl heliostat_bus::Payload for P {
    /// #     fn bytes(&self) -> usize { 0 }
    /// #     fn is_command(&self) -> bool { false }
    /// # }
    /// assert_eq!(bus.start_from(None), Ok(Start::Now));
    /// assert_eq!(bus.start_from(Some("d-7E-0")), Ok(Start::After(Position::ZERO)));
    /// assert_eq!(bus.start_from(Some("d-7F-A,0|B,2")), Ok(Start::Unknown));
    /// assert_eq!(bus.start_from(Some("d-7E-A,0|B,2")), Err(CursorError::Malformed));
    /// ```
    pub fn start_from(&self, text: Option<&str>) -> Result<Start, CursorError> {
        match text {
            None | Some("") => Ok(Start::Now),
            Some(text) => Cursor::start(text, self.epoch(), self.head()),
        }
    }

    /// A new reader of these topics. `reader` is the handle that publishers wake it with.
    ///
    /// Take once before you wait to be woken: what lies between the start and now has woken nobody.
    #[must_use = "a subscription that is dropped reads nothing"]
    pub fn subscribe(
        &self,
        reader: S,
        topics: impl IntoIterator<Item = TopicName>,
        start: Start,
    ) -> Subscription<P, S> {
        Subscription::new(Arc::clone(&self.shared), reader, topics, start)
    }

    /// Forgets by age; to be called every few seconds.
    ///
    /// Forgotten are messages older than `time_to_live` (a client cannot return after that), topics that nobody has
    /// read for that long. Nothing is forgotten too early; how late depends on how often this is called, because time
    /// is known only here: a topic counts as idle from the first call after its last reader has left.
    pub fn collect(&self, now: Instant, time_to_live: Duration) -> Collected {
        let Shared { log, directory, ages, .. } = &*self.shared;
        let forgotten = directory.forget_older(now, time_to_live);
        let (old, too_old) = {
            let mut ages = lock(ages);
            (ages.older_than(now, time_to_live / 2), ages.note(now, log.head(), time_to_live))
        };
        directory.age(old.unwrap_or_default());
        log.evicted(forgotten.evicted);
        let mut messages = forgotten.evicted.messages;
        if let Some(too_old) = too_old {
            for topic in directory.all() {
                let evicted = lock(&topic.state).store.evict_through(too_old);
                log.evicted(evicted);
                messages += evicted.messages;
            }
        }
        Collected { topics: forgotten.topics, messages }
    }

    /// The state of the bus in numbers.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let Shared { log, directory, subscriptions, .. } = &*self.shared;
        // In this order: what has left was published before.
        let Account { bytes, evicted: evicted_total, .. } = log.account();
        let published_total = log.head().get();
        Statistics {
            topics: directory.len(),
            idle_topics: directory.idle_len(),
            subscriptions: subscriptions.load(Ordering::Relaxed),
            messages: published_total.saturating_sub(evicted_total),
            bytes,
            published_total,
            evicted_total,
            lost_total: log.lost_total(),
        }
    }
}

impl<P, S: Clone> Shared<P, S> {
    /// Keeps the number of idle topics within its limit. The caller holds no lock.
    pub(crate) fn forget_idle(&self) {
        self.log.evicted(self.directory.forget_beyond(self.limits.idle_topics).evicted);
    }

    /// Lets the oldest messages of all topics go, a quarter of the log's numbers at a time, until the message fits.
    /// An eighth of the room is freed at least: going through all topics must not happen for every message. The caller
    /// holds no lock.
    fn trim(&self, cost: usize) {
        let _one_at_a_time = lock(&self.trimming);
        let limit = self.limits.total_bytes;
        let target = (limit - limit / 8).min(limit.saturating_sub(cost));
        let head = self.log.head().get();
        let topics = self.directory.all();
        let mut oldest = self.evict_through(&topics, Position::ZERO);
        while self.log.account().bytes > target
            && let Some(first) = oldest
            && first.get() <= head
        {
            let quarter = (head - first.get()) / 4;
            oldest = self.evict_through(&topics, Position::new(first.get() + quarter));
        }
    }

    /// Lets every message up to this number go, and tells the number of the oldest that is left.
    fn evict_through(&self, topics: &[Arc<Topic<P, S>>], position: Position) -> Option<Position> {
        let evict = |topic: &Arc<Topic<P, S>>| {
            let store = &mut lock(&topic.state).store;
            self.log.evicted(store.evict_through(position));
            store.oldest()
        };
        topics.iter().filter_map(evict).min()
    }
}

impl<P, S> Clone for Bus<P, S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P, S> fmt::Debug for Bus<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("epoch", &self.shared.epoch)
            .field("head", &self.shared.log.head())
            .finish_non_exhaustive()
    }
}
