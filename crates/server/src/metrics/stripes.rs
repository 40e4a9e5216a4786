//! Numbers that all threads count up and none has to wait for.
//!
//! Every message and every request is counted several times. A number that all threads change would go from core to core each time, and
//! even on one core a locked addition costs twenty usual ones. So each thread has a stripe of its own, to which nobody else writes, and
//! whoever wants to know adds them up.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Threads that have a stripe of their own: as many as a word has bits. The ones beyond share another.
const OWN: usize = u64::BITS as usize;

/// A set of numbers, each the sum of what threads have added to it.
#[derive(Debug)]
pub(super) struct Stripes<const NUMBERS: usize>(Box<[Stripe<NUMBERS>]>);

/// What one thread has added. On cache lines of its own: some processors fetch two at a time.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<const NUMBERS: usize>([AtomicI64; NUMBERS]);

impl<const NUMBERS: usize> Default for Stripes<NUMBERS> {
    fn default() -> Self {
        let stripe = |_| Stripe([const { AtomicI64::new(0) }; NUMBERS]);
        Self((0..=OWN).map(stripe).collect())
    }
}

impl<const NUMBERS: usize> Stripes<NUMBERS> {
    pub(super) fn add(&self, number: usize, count: i64) {
        let place = Place::of_this_thread();
        let Some(number) = self.0.get(place).and_then(|stripe| stripe.0.get(number)) else { return };
        if place < OWN {
            // Nobody else writes here.
            number.store(number.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
        } else {
            number.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self, number: usize) -> i64 {
        let of_each = self.0.iter().filter_map(|stripe| stripe.0.get(number));
        of_each.fold(0, |sum, stripe| sum.wrapping_add(stripe.load(Ordering::Relaxed)))
    }
}

/// A thread's place among the stripes of all servers, for as long as the thread lives.
struct Place(usize);

/// The places that are taken: one bit for each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static PLACE: Place = Place::take(&TAKEN);
}

impl Place {
    fn of_this_thread() -> usize {
        // A thread that ends has given its place back.
        PLACE.try_with(|place| place.0).unwrap_or(OWN)
    }

    /// The first that is free, or the one for all others.
    fn take(taken: &AtomicU64) -> Self {
        let first_free = |taken: u64| (taken != u64::MAX).then(|| taken | (taken + 1));
        // Whoever had it before has written to it, and that is to be seen.
        let before = taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, first_free);
        Self(before.map_or(OWN, |before| before.trailing_ones() as usize))
    }

    fn give_back(&self, taken: &AtomicU64) {
        if self.0 < OWN {
            taken.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back(&TAKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_add_is_all_there_however_many_there_are() {
        let stripes = Stripes::<2>::default();
        // Many more than have stripes of their own, some beside one another and some after others.
        std::thread::scope(|scope| {
            for thread in 0..3 * OWN {
                let stripes = &stripes;
                scope.spawn(move || {
                    for _ in 0..1000 {
                        stripes.add(0, 1);
                        stripes.add(1, if thread % 2 == 0 { 1 } else { -1 });
                    }
                });
            }
        });
        assert_eq!([stripes.sum(0), stripes.sum(1)], [3 * 1000 * i64::try_from(OWN).unwrap(), 0]);
    }

    #[test]
    fn a_place_has_one_owner_and_is_given_back() {
        let taken = AtomicU64::new(0);
        let take = || std::mem::ManuallyDrop::new(Place::take(&taken));
        let places: Vec<_> = (0..OWN + 2).map(|_| take().0).collect();
        assert_eq!(places, (0..OWN).chain([OWN, OWN]).collect::<Vec<_>>());
        let give_back = |place| std::mem::ManuallyDrop::new(Place(place)).give_back(&taken);
        give_back(OWN);
        give_back(7);
        assert_eq!([take().0, take().0], [7, OWN]);
    }
}
