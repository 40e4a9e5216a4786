//! Which of many connections needs a look next.
//!
//! It exists because a server with ten thousand connections must not look at each of them on every beat.
//! Promise: what is booked comes up at its time, with the others in the order of their times.
//!
//! Whoever books keeps in mind for when: a table of all bookings would be as large as the connections are many, and looked up for each of
//! them when nothing of it is in the processor's caches. Moving a deadline to *later* is by far the commonest change (every write postpones
//! a keep-alive) and costs nothing, because it is not done: the booking comes up at its old time, its owner looks, finds nothing due, and
//! books the time that is true by then.

use std::collections::BTreeMap;
use std::time::Instant;

/// Values and when to look at them, each under a key.
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
/// heartbeat.book(start + Duration::from_secs(10), 1, "ann");
/// heartbeat.book(start + Duration::from_secs(5), 2, "bob");
/// assert_eq!(heartbeat.next(), Some(start + Duration::from_secs(5)));
/// let due: Vec<_> = heartbeat.pop_due(start + Duration::from_secs(7)).collect();
/// assert_eq!(due, [(start + Duration::from_secs(5), "bob")]);
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat<K, V> {
    queue: BTreeMap<(Instant, K), V>,
}

impl<K: Ord, V> Default for Heartbeat<K, V> {
    fn default() -> Self {
        Self { queue: BTreeMap::new() }
    }
}

impl<K: Ord, V> Heartbeat<K, V> {
    /// Creates one without bookings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks that `value` comes up at `at`. A second booking of the same time and key takes the place of the first.
    pub fn book(&mut self, at: Instant, key: K, value: V) {
        self.queue.insert((at, key), value);
    }

    /// Takes back what was booked under `key` for `at`, if it has not come up.
    pub fn cancel(&mut self, at: Instant, key: K) -> Option<V> {
        self.queue.remove(&(at, key))
    }

    /// Takes what is booked up to `now`, the longest overdue first, with the times for which it was.
    pub fn pop_due(&mut self, now: Instant) -> impl Iterator<Item = (Instant, V)> {
        std::iter::from_fn(move || {
            let first = self.queue.first_entry().filter(|first| first.key().0 <= now)?;
            let ((at, _), value) = first.remove_entry();
            Some((at, value))
        })
    }

    /// When the next one comes up.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many bookings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is booked.
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

    fn due(heartbeat: &mut Heartbeat<u8, char>, now: Instant) -> String {
        heartbeat.pop_due(now).map(|(_, value)| value).collect()
    }

    #[test]
    fn bookings_come_up_in_the_order_of_their_times_and_not_before() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut heartbeat = Heartbeat::new();
        heartbeat.book(start + second * 3, 1, 'a');
        heartbeat.book(start + second, 2, 'b');
        heartbeat.book(start + second * 2, 3, 'c');
        assert_eq!((heartbeat.len(), heartbeat.next()), (3, Some(start + second)));
        assert_eq!(due(&mut heartbeat, start), "");
        assert_eq!(due(&mut heartbeat, start + second * 2), "bc");
        assert_eq!(heartbeat.next(), Some(start + second * 3));
        assert_eq!(due(&mut heartbeat, start + second * 9), "a");
        assert!(heartbeat.is_empty());
    }

    #[test]
    fn one_time_can_be_booked_by_many() {
        let start = start();
        let mut heartbeat = Heartbeat::new();
        heartbeat.book(start, 1, 'a');
        heartbeat.book(start, 2, 'b');
        heartbeat.book(start, 2, 'c');
        assert_eq!(due(&mut heartbeat, start), "ac");
    }

    #[test]
    fn what_was_cancelled_does_not_come_up() {
        let start = start();
        let mut heartbeat = Heartbeat::new();
        heartbeat.book(start, 1, 'a');
        heartbeat.book(start, 2, 'b');
        assert_eq!(heartbeat.cancel(start, 1), Some('a'));
        assert_eq!(heartbeat.cancel(start, 1), None);
        assert_eq!(heartbeat.cancel(start + Duration::from_nanos(1), 2), None);
        assert_eq!(due(&mut heartbeat, start), "b");
    }

    #[test]
    fn what_was_not_taken_stays() {
        let start = start();
        let mut heartbeat = Heartbeat::new();
        for (key, value) in ('a'..='d').enumerate() {
            heartbeat.book(start, u8::try_from(key).unwrap(), value);
        }
        assert_eq!(heartbeat.pop_due(start).take(2).map(|(_, value)| value).collect::<String>(), "ab");
        assert_eq!(due(&mut heartbeat, start), "cd");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Move(u8, u64),
        Cancel(u8),
        Pop(u64),
    }

    proptest! {
        /// To an owner that keeps its one booking in mind, it is a map of wishes.
        #[test]
        fn it_is_a_map_of_wishes(steps in proptest::collection::vec(prop_oneof![
            4 => (0u8..6, 0u64..50).prop_map(|(key, at)| Step::Move(key, at)),
            1 => (0u8..6).prop_map(Step::Cancel),
            1 => (0u64..50).prop_map(Step::Pop),
        ], 0..60)) {
            let start = start();
            let at = |milliseconds| start + Duration::from_millis(milliseconds);
            let (mut heartbeat, mut model) = (Heartbeat::new(), BTreeMap::<u8, u64>::new());
            for step in steps {
                match step {
                    Step::Move(key, time) => {
                        let before = model.insert(key, time);
                        prop_assert_eq!(before.and_then(|time| heartbeat.cancel(at(time), key)), before.map(|_| key));
                        heartbeat.book(at(time), key, key);
                    }
                    Step::Cancel(key) => {
                        let before = model.remove(&key);
                        prop_assert_eq!(before.and_then(|time| heartbeat.cancel(at(time), key)), before.map(|_| key));
                    }
                    Step::Pop(time) => {
                        let mut expected: Vec<_> =
                            model.iter().filter(|(_, due)| **due <= time).map(|(key, due)| (at(*due), *key)).collect();
                        expected.sort_unstable();
                        model.retain(|_, due| *due > time);
                        prop_assert_eq!(heartbeat.pop_due(at(time)).collect::<Vec<_>>(), expected);
                    }
                }
                prop_assert_eq!(heartbeat.len(), model.len());
                prop_assert_eq!(heartbeat.next(), model.values().min().map(|time| at(*time)));
            }
        }
    }
}
