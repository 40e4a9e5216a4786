//! When tombstones go.
//!
//! All are kept equally long, so they go in the order in which they came. That takes a queue, where the deadlines of the living take a tree
//! and a table; and there may be a hundred times as many of them.
//!
//! Invariant: the queue is in the order of its times.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use heliostat_proto::id::ConnectionId;

/// The tombstones of a server, by the time at which each may go: in nanoseconds after the server's start.
#[derive(Debug, Default)]
pub(super) struct Graveyard(Mutex<VecDeque<Place>>);

#[derive(Debug)]
struct Place {
    until: u64,
    /// A [`ConnectionId`] would want to lie at a multiple of sixteen.
    id: [u8; 16],
}

impl Graveyard {
    /// Says whether it is the next that goes.
    pub(super) fn add(&self, id: ConnectionId, until: u64) -> bool {
        let place = Place { until, id: id.to_bytes() };
        let mut places = self.lock();
        // Nearly always the last, and to search a long queue is to fetch a line of cold memory at every step.
        if places.back().is_none_or(|last| last.until <= until) {
            places.push_back(place);
            return places.len() == 1;
        }
        // Its client took its time to let go of its transport connection.
        let at = places.partition_point(|place| place.until <= until);
        places.insert(at, place);
        at == 0
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.lock().front().map(|place| place.until)
    }

    pub(super) fn take_due(&self, now: u64) -> Vec<ConnectionId> {
        let mut places = self.lock();
        let count = places.partition_point(|place| place.until <= now);
        places.drain(..count).map(|place| ConnectionId::from_bytes(place.id)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tombstones_go_in_the_order_of_their_times_and_not_before() {
        let graveyard = Graveyard::default();
        let id = |number| ConnectionId::from_random([number; 16]);
        assert_eq!((graveyard.next(), graveyard.take_due(9)), (None, vec![]));
        assert!(graveyard.add(id(1), 10));
        assert!(!graveyard.add(id(2), 30));
        assert!(!graveyard.add(id(3), 20), "one whose client was slow");
        assert!(graveyard.add(id(4), 5));
        assert_eq!((graveyard.next(), graveyard.take_due(4)), (Some(5), vec![]));
        assert_eq!(graveyard.take_due(20), [4, 1, 3].map(id));
        assert_eq!((graveyard.take_due(20), graveyard.take_due(30)), (vec![], vec![id(2)]));
        assert_eq!(graveyard.next(), None);
    }
}
