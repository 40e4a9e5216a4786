//! One reader: its topics, its place in the log, its next batch.
//!
//! Invariant: of every topic of the reader, each message up to `position` has been taken or counted as lost. Between
//! two calls that is the whole state; a reader that does nothing costs nothing.
//!
//! A reader that comes and goes, as one does that polls, rests in between: it keeps its topics and its place, and nobody
//! who publishes goes past it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::bus::Shared;
use crate::directory::Membership;
use crate::lock::lock;
use crate::log::Log;
use crate::marks::Mark;
use crate::message::{Delivery, Message, Payload};
use crate::readers::ReaderKey;
use crate::topic::{Topic, TopicName};
use crate::{Cursor, Position, Start};

/// So many topics lie with their reader, where they are found at once; more lie elsewhere. Most connections have their own, that of their
/// hub or user, and one group.
const AT_HAND: usize = 3;

/// A reader of some topics. Dropping it unsubscribes; its topics then live on for their time to live, so that the
/// reader can come back with its cursor, but there are only so many of those. Whoever is sure that it will come back, or
/// that it will not, lets it [`rest`](Self::rest) or [`retire`](Self::retire)s it.
#[must_use = "a subscription that is dropped reads nothing"]
pub struct Subscription<P, S: Clone> {
    reader: S,
    seat: Seat<P, S>,
}

/// A reader that is not there at the moment: it keeps its topics and its place, but nobody wakes it. Dropping it
/// unsubscribes.
///
/// Its topics are kept for it, however long it rests; whoever lets readers rest sees to it that they do not for ever.
#[must_use = "a subscription that is dropped reads nothing"]
pub struct Resting<P, S: Clone>(Seat<P, S>);

/// Topics and a place in the log, whoever reads there. Dropping it unsubscribes.
struct Seat<P, S: Clone> {
    shared: Arc<Shared<P, S>>,
    position: Position,
    joined: SmallVec<[Joined<P, S>; AT_HAND]>,
    /// Losses found outside a batch, told with the next one.
    lost: u64,
    start_gap: Option<Gap>,
}

/// Why a reader cannot be sure that it has everything since it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gap {
    /// Its cursor belongs to another log, or names a place this log has not reached. It started from now.
    UnknownCursor,
    /// Its cursor is older than what its topics still keep. It started with what is left; [`Taken::lost`] is at least 1.
    Forgotten,
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a reader must be told about what it has lost, and must take again if there is more"]
pub struct Taken {
    /// How many messages of the reader's topics left their store before it got them, since the last batch. Exact for a
    /// message that was published while the reader was subscribed. What a reader missed before, when only its
    /// cursor is known, counts as one per topic.
    pub lost: u64,
    /// The batch ended at the limit or after a command, so there may be more: take again before waiting.
    pub more: bool,
}

/// One of the reader's topics.
#[derive(Debug)]
struct Joined<P, S> {
    topic: Arc<Topic<P, S>>,
    key: ReaderKey,
    /// The topic's, so that the topic is not looked at for it.
    mark: Mark,
    /// The index of the reader's next message in the topic's store.
    next: u64,
}

/// How far the topics are read for one batch. It shrinks: what a topic shows to be the end of the batch is the end
/// for all, so the others are not read beyond it.
struct Horizon {
    through: Position,
    limit: usize,
    /// It is nearer than the head was.
    is_cut: bool,
}

impl<P: Payload + Clone, S: Clone> Subscription<P, S> {
    pub(crate) fn new(
        shared: Arc<Shared<P, S>>,
        reader: S,
        topics: impl IntoIterator<Item = TopicName>,
        start: Start,
    ) -> Self {
        shared.subscriptions.fetch_add(1, Ordering::Relaxed);
        let head = shared.log.head();
        let (position, start_gap) = match start {
            Start::After(position) if position <= head => (position, None),
            Start::Now => (head, None),
            Start::After(_) | Start::Unknown => (head, Some(Gap::UnknownCursor)),
        };
        let returns = matches!(start, Start::After(_)) && start_gap.is_none();
        let topics = topics.into_iter();
        let joined = SmallVec::with_capacity(topics.size_hint().0);
        let mut subscription = Self { reader, seat: Seat { shared, position, joined, lost: 0, start_gap } };
        for name in topics {
            let Some(found) = subscription.join(&name) else { continue };
            // Only who was there before can have missed what a topic kept before.
            if returns && position < found.evicted_through.max(found.forgotten_through) {
                subscription.seat.lost += 1;
                subscription.seat.start_gap = Some(Gap::Forgotten);
            }
        }
        subscription
    }

    /// Everything of its topics up to here has been taken or was lost.
    #[must_use]
    pub fn position(&self) -> Position {
        self.seat.position
    }

    /// With which publishers wake it.
    #[must_use]
    pub const fn handle(&self) -> &S {
        &self.reader
    }

    /// The cursor that names its place.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.seat.shared.epoch, position: self.seat.position }
    }

    /// Why it may have missed something before it started, if so. Stays as it is for its whole life.
    #[must_use]
    pub fn start_gap(&self) -> Option<Gap> {
        self.seat.start_gap
    }

    /// Its topics. The order changes when a topic is removed.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &TopicName> {
        self.seat.joined.iter().map(|joined| &joined.topic.name)
    }

    /// Where its topics lie in memory, and how many bytes each of them takes: for whoever wants to have them fetched before they are
    /// needed. They are nobody's to read.
    pub fn places(&self) -> impl ExactSizeIterator<Item = (*const (), usize)> {
        self.seat.joined.iter().map(|joined| (Arc::as_ptr(&joined.topic).cast(), size_of::<Topic<P, S>>()))
    }

    /// Whether a batch would bring something, be it a loss. Looks without a lock; may say yes for nothing, never no
    /// for something published before the call.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.seat.lost > 0
            || self.seat.shared.log.head() > self.seat.position
                && self
                    .seat
                    .joined
                    .iter()
                    .any(|joined| joined.has_news(&self.seat.shared.log, self.seat.position))
    }

    /// Appends the reader's next messages to `out`, at most `limit` of them (at least one), in the order of the log.
    ///
    /// The batch ends right after a command, so that the reader can [`add`](Self::add) and
    /// [`remove`](Self::remove) topics exactly there. Afterwards [`position`](Self::position) is the number of the
    /// last message, if the batch ended early, else the head of the log when the call began.
    pub fn take(&mut self, limit: usize, out: &mut Vec<Delivery<P>>) -> Taken {
        let mut lost = std::mem::take(&mut self.seat.lost);
        // The head before the topics: then nothing up to it can be missed.
        let head = self.seat.shared.log.head();
        let mut horizon = Horizon { through: head, limit: limit.max(1), is_cut: false };
        let start = out.len();
        let mut sources = 0_usize;
        for (index, joined) in self.seat.joined.iter_mut().enumerate() {
            if joined.has_news(&self.seat.shared.log, self.seat.position) {
                lost += joined.read(index, &mut horizon, out);
                sources += 1;
            }
        }
        if sources > 1 {
            horizon.merge(start, out);
        }
        for delivery in out.iter().skip(start) {
            if let Some(joined) = self.seat.joined.get_mut(delivery.topic) {
                joined.next += 1;
            }
        }
        self.seat.position = horizon.through;
        self.seat.shared.log.lost(lost);
        Taken { lost, more: horizon.is_cut }
    }

    /// Reads one topic more, from [`position`](Self::position) on: what it published since is in the next batch. Take
    /// once before you wait to be woken. Adding a topic twice changes nothing.
    pub fn add(&mut self, topic: TopicName) {
        // A reader that came back is behind the log: the topic may have been there, and have been forgotten since.
        if let Some(found) = self.join(&topic)
            && self.seat.position < found.evicted_through.max(found.forgotten_through)
        {
            self.seat.lost += 1;
        }
    }

    /// Reads this topic no more, and counts no more losses for it. Removing what is not there changes nothing.
    pub fn remove(&mut self, topic: &str) {
        if let Some(Joined { topic, key, .. }) = self.seat.take(topic) {
            self.seat.shared.directory.leave(&topic, key);
            self.seat.shared.forget_idle();
        }
    }

    /// Ends the reader for good: `topic` is forgotten at once if it has no other reader, and the rest of its topics are
    /// left as if it was dropped.
    ///
    /// This is for a topic that nobody asks for again within the time to live. Who does so early finds it empty, and
    /// may not be told of a gap; who comes later is told.
    pub fn retire(mut self, topic: &str) {
        self.seat.retire(topic);
    }

    /// Lets the reader rest: it is woken no more, and goes on with [`Resting::resume`] where it is now. Its handle is
    /// dropped everywhere.
    pub fn rest(self) -> Resting<P, S> {
        let Self { reader: _reader, seat } = self;
        for Joined { topic, key, .. } in &seat.joined {
            let handle = lock(&topic.state).readers.rest(*key);
            // The handle is foreign code: dropped only now that the lock is free, it may use the bus.
            drop(handle);
        }
        Resting(seat)
    }

    /// `None` if it reads the topic already.
    fn join(&mut self, name: &TopicName) -> Option<Found> {
        if self.topics().any(|joined| joined == name) {
            return None;
        }
        let Membership { topic, key, next, evicted_through } =
            self.seat.shared.directory.join(name, self.reader.clone(), self.seat.position);
        let found = Found { evicted_through, forgotten_through: topic.forgotten_through };
        let mark = topic.mark;
        self.seat.joined.push(Joined { topic, key, mark, next });
        Some(found)
    }
}

impl<P, S: Clone> Resting<P, S> {
    /// Everything of its topics up to here has been taken or was lost.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.position
    }

    /// Its topics, in the order in which it joined them as long as it has removed none.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &TopicName> {
        self.0.joined.iter().map(|joined| &joined.topic.name)
    }

    /// Ends the reader for good, as [`Subscription::retire`] does.
    pub fn retire(mut self, topic: &str) {
        self.0.retire(topic);
    }

    /// The reader goes on; publishers wake it with this handle from here on.
    ///
    /// Take once before you wait to be woken: what was published while it rested has woken nobody.
    pub fn resume(self, reader: S) -> Subscription<P, S> {
        for Joined { topic, key, .. } in &self.0.joined {
            lock(&topic.state).readers.resume(*key, reader.clone());
        }
        Subscription { reader, seat: self.0 }
    }
}

/// What a topic no longer had when it was joined.
struct Found {
    evicted_through: Position,
    forgotten_through: Position,
}

impl<P, S> Joined<P, S> {
    /// Whether the topic has messages beyond this position. The log's head was read before.
    fn has_news(&self, log: &Log, position: Position) -> bool {
        log.marks.is_beyond(self.mark, position) && self.topic.last() > position
    }
}

impl<P: Payload + Clone, S> Joined<P, S> {
    /// Appends the topic's messages up to the horizon, and tells how many the reader has lost. `next` moves past those
    /// lost only: how many of the others the batch keeps is not known yet.
    fn read(&mut self, index: usize, horizon: &mut Horizon, out: &mut Vec<Delivery<P>>) -> u64 {
        let state = lock(&self.topic.state);
        let lost = state.store.first().saturating_sub(self.next);
        self.next += lost;
        let through = horizon.through;
        let mut visible =
            state.store.since(self.next).take_while(|message| message.position <= through).peekable();
        let mut room = horizon.limit;
        while let Some(message) = visible.next() {
            let Message { position, ref payload, .. } = *message;
            out.push(Delivery { position, topic: index, payload: payload.clone() });
            room -= 1;
            if payload.is_command() || room == 0 && visible.peek().is_some() {
                horizon.cut(position);
                break;
            }
        }
        lost
    }
}

impl Horizon {
    fn cut(&mut self, through: Position) {
        self.through = through;
        self.is_cut = true;
    }

    /// Brings what several topics gave, from `start` on, into the order of the log, and drops what lies beyond the
    /// horizon or the limit: it is read again next time.
    fn merge<P>(&mut self, start: usize, out: &mut Vec<Delivery<P>>) {
        let batch = out.get_mut(start..).unwrap_or_default();
        batch.sort_unstable_by_key(|delivery| delivery.position);
        let within = batch.partition_point(|delivery| delivery.position <= self.through);
        let kept = within.min(self.limit);
        if kept < within
            && let Some(last) = kept.checked_sub(1).and_then(|last| batch.get(last))
        {
            self.cut(last.position);
        }
        out.truncate(start + kept);
    }
}

impl<P, S: Clone> Seat<P, S> {
    fn retire(&mut self, topic: &str) {
        if let Some(Joined { topic, key, .. }) = self.take(topic) {
            self.shared.log.evicted(self.shared.directory.retire(&topic, key));
        }
    }

    /// The topic, if it is one of the reader's; it is so no longer.
    fn take(&mut self, topic: &str) -> Option<Joined<P, S>> {
        let index = self.joined.iter().position(|joined| joined.topic.name.as_str() == topic)?;
        Some(self.joined.swap_remove(index))
    }
}

impl<P, S: Clone> Drop for Seat<P, S> {
    fn drop(&mut self) {
        for Joined { topic, key, .. } in self.joined.drain(..) {
            self.shared.directory.leave(&topic, key);
        }
        self.shared.forget_idle();
        self.shared.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<P, S: Clone> fmt::Debug for Subscription<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seat.show(f.debug_struct("Subscription"))
    }
}

impl<P, S: Clone> fmt::Debug for Resting<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f.debug_struct("Resting"))
    }
}

impl<P, S: Clone> Seat<P, S> {
    fn show(&self, mut f: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        f.field("position", &self.position)
            .field("topics", &self.joined.iter().map(|joined| &joined.topic.name).collect::<Vec<_>>())
            .field("lost", &self.lost)
            .field("start_gap", &self.start_gap)
            .finish_non_exhaustive()
    }
}
