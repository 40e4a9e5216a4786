//! Which of many connections needs a look next.
//!
//! It exists because a server with ten thousand connections must not look at each of them on every beat.
//! Promises: one entry per key, however often it is scheduled; a key comes up no later than its earliest wish
//! since it last came up.
//!
//! Moving a deadline to *later* is by far the commonest change (every write postpones a keep-alive) and costs
//! one hash look-up here, because it is not done: the key comes up at its old time, its owner looks, finds
//! nothing due, and schedules the time that is true by then.

use std::collections::{BTreeSet, HashMap, hash_map::RandomState};
use std::hash::{BuildHasher, Hash};
use std::time::Instant;

/// Keys and when to look at them.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use heliostat_proto::connection::Heartbeat;
///
/// # #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
/// let start = Instant::now();
/// let mut heartbeat = Heartbeat::new();
/// heartbeat.schedule("ann", start + Duration::from_secs(10));
/// heartbeat.schedule("bob", start + Duration::from_secs(5));
/// assert_eq!(heartbeat.next(), Some(start + Duration::from_secs(5)));
/// assert_eq!(heartbeat.pop_due(start + Duration::from_secs(7)).collect::<Vec<_>>(), ["bob"]);
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat<K, S = RandomState> {
    // Invariant: `queue` holds exactly the pairs of `booked`.
    queue: BTreeSet<(Instant, K)>,
    booked: HashMap<K, Instant, S>,
}

/// With a hash of the caller's choice, which may be a quick one if nobody else chooses the keys.
impl<K, S: Default> Default for Heartbeat<K, S> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), booked: HashMap::default() }
    }
}

impl<K: Copy + Ord + Hash> Heartbeat<K> {
    /// Creates one without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<K: Copy + Ord + Hash, S: BuildHasher> Heartbeat<K, S> {
    /// Asks that `key` comes up at `at`. If it is already to come up earlier than that it stays so, and
    /// whoever takes it then has to look again at what is due.
    pub fn schedule(&mut self, key: K, at: Instant) {
        match self.booked.get_mut(&key) {
            Some(booked) if *booked <= at => {}
            Some(booked) => {
                self.queue.remove(&(*booked, key));
                *booked = at;
                self.queue.insert((at, key));
            }
            None => {
                self.booked.insert(key, at);
                self.queue.insert((at, key));
            }
        }
    }

    /// Forgets `key`.
    pub fn cancel(&mut self, key: &K) {
        if let Some(at) = self.booked.remove(key) {
            self.queue.remove(&(at, *key));
        }
    }

    /// Takes the keys whose time has come, the longest overdue first. A key that is taken is no longer
    /// scheduled.
    pub fn pop_due(&mut self, now: Instant) -> impl Iterator<Item = K> {
        std::iter::from_fn(move || {
            let (at, _) = *self.queue.first()?;
            if at > now {
                return None;
            }
            let (_, key) = self.queue.pop_first()?;
            self.booked.remove(&key);
            Some(key)
        })
    }

    /// When the next key comes up.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// How many keys are scheduled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no key is scheduled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn due(heartbeat: &mut Heartbeat<u8>, now: Instant) -> Vec<u8> {
        heartbeat.pop_due(now).collect()
    }

    #[test]
    fn keys_come_up_in_the_order_of_their_times_and_not_before() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut heartbeat = Heartbeat::new();
        heartbeat.schedule(1, start + second * 3);
        heartbeat.schedule(2, start + second);
        heartbeat.schedule(3, start + second * 2);
        assert_eq!(heartbeat.next(), Some(start + second));
        assert!(due(&mut heartbeat, start).is_empty());
        assert_eq!(due(&mut heartbeat, start + second * 2), [2, 3]);
        assert_eq!(heartbeat.next(), Some(start + second * 3));
        assert_eq!(due(&mut heartbeat, start + second * 9), [1]);
        assert!(heartbeat.is_empty());
    }

    #[test]
    fn a_key_comes_up_once_at_its_earliest_time() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut heartbeat = Heartbeat::new();
        for seconds in [5, 9, 2, 7] {
            heartbeat.schedule(1, start + second * seconds);
        }
        assert_eq!((heartbeat.len(), heartbeat.next()), (1, Some(start + second * 2)));
        assert_eq!(due(&mut heartbeat, start + second * 9), [1]);
        assert_eq!(heartbeat.next(), None);
    }

    #[test]
    fn a_cancelled_key_does_not_come_up() {
        let start = start();
        let mut heartbeat = Heartbeat::new();
        heartbeat.schedule(1, start);
        heartbeat.schedule(2, start);
        heartbeat.cancel(&1);
        heartbeat.cancel(&3);
        assert_eq!(due(&mut heartbeat, start), [2]);
    }

    #[test]
    fn keys_that_were_not_taken_stay() {
        let start = start();
        let mut heartbeat = Heartbeat::new();
        for key in 0..4 {
            heartbeat.schedule(key, start);
        }
        assert_eq!(heartbeat.pop_due(start).take(2).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(due(&mut heartbeat, start), [2, 3]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Schedule(u8, u64),
        Cancel(u8),
        Pop(u64),
    }

    proptest! {
        /// A map of the earliest wishes is all there is to it.
        #[test]
        fn it_is_a_map_of_the_earliest_wishes(steps in proptest::collection::vec(prop_oneof![
            4 => (0u8..6, 0u64..50).prop_map(|(key, at)| Step::Schedule(key, at)),
            1 => (0u8..6).prop_map(Step::Cancel),
            1 => (0u64..50).prop_map(Step::Pop),
        ], 0..60)) {
            let start = start();
            let at = |milliseconds| start + Duration::from_millis(milliseconds);
            let (mut heartbeat, mut model) = (Heartbeat::new(), std::collections::BTreeMap::<u8, u64>::new());
            for step in steps {
                match step {
                    Step::Schedule(key, time) => {
                        heartbeat.schedule(key, at(time));
                        model.entry(key).and_modify(|old| *old = (*old).min(time)).or_insert(time);
                    }
                    Step::Cancel(key) => {
                        heartbeat.cancel(&key);
                        model.remove(&key);
                    }
                    Step::Pop(time) => {
                        let mut expected: Vec<(u64, u8)> =
                            model.iter().filter(|(_, due)| **due <= time).map(|(key, due)| (*due, *key)).collect();
                        expected.sort_unstable();
                        model.retain(|_, due| *due > time);
                        let keys: Vec<u8> = expected.into_iter().map(|(_, key)| key).collect();
                        prop_assert_eq!(due(&mut heartbeat, at(time)), keys);
                    }
                }
                prop_assert_eq!(heartbeat.len(), model.len());
                prop_assert_eq!(heartbeat.booked.len(), model.len());
                prop_assert_eq!(heartbeat.next(), model.values().min().map(|time| at(*time)));
            }
        }
    }
}
