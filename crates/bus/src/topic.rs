//! One topic: its name, its store, its readers, and its life.
//!
//! A topic is created by its first reader, never by a publisher, so what nobody asked for costs nothing. When its last
//! reader leaves it turns idle and goes on collecting messages for whoever returns; idle for too long, or retired by its
//! last reader, it is collected.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Position;
use crate::marks::Mark;
use crate::readers::Readers;
use crate::store::Store;

/// The name of a topic. Compared exactly; a clone shares the text.
///
/// ```
/// use heliostat_bus::TopicName;
///
/// assert_eq!(TopicName::from("lobby").as_str(), "lobby");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TopicName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for TopicName {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for TopicName {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One topic. Its name and the number of its last message can be read without a lock.
#[derive(Debug)]
pub(crate) struct Topic<P, S> {
    pub(crate) name: TopicName,
    last: AtomicU64,
    /// Never behind `last`.
    pub(crate) mark: Mark,
    pub(crate) state: Mutex<TopicState<P, S>>,
    /// A topic of this name may have been forgotten with messages up to here: what a reader with an older cursor
    /// missed cannot be known.
    pub(crate) forgotten_through: Position,
}

#[derive(Debug)]
pub(crate) struct TopicState<P, S> {
    pub(crate) life: Life,
    pub(crate) store: Store<P>,
    pub(crate) readers: Readers<S>,
}

/// What stage of its life a topic is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Somebody reads it.
    Subscribed,
    /// Nobody reads it. The directory's queue of idle topics knows it under this turn.
    Idle { turn: u64 },
    /// It is no longer in the directory. A publisher that still holds it must not put anything into it.
    Collected,
}

impl<P, S> Topic<P, S> {
    /// A topic about to get its first reader.
    pub(crate) fn new(name: TopicName, mark: Mark, forgotten_through: Position) -> Self {
        let state = TopicState { life: Life::Subscribed, store: Store::new(), readers: Readers::new() };
        Self { name, last: AtomicU64::new(0), mark, state: Mutex::new(state), forgotten_through }
    }

    /// The number of its last message, zero if it never had one. Whoever has read the log's head `w` before sees at
    /// least the last number up to `w`.
    pub(crate) fn last(&self) -> Position {
        Position::new(self.last.load(Ordering::Acquire))
    }

    /// Called by the log alone, before it moves its head.
    pub(crate) fn set_last(&self, position: Position) {
        self.last.store(position.get(), Ordering::Release);
    }
}
