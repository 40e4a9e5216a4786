//! What one receiver has got of each stream that is meant for it, so that a loss is a fact and not an impression.
//!
//! Invariant of a [`Place`]: every number below `next` has been received, except those in `missing` and `forgotten` more.

use std::ops::Range;

use crate::marker::Stamp;

/// Gaps remembered per stream, in case what is missing comes later. A receiver with more has lost enough to know.
const MAX_GAPS: usize = 1024;

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// New, and later than all before it.
    Fresh,
    /// New, but a later one of its stream came first.
    Late,
    Duplicate,
    /// Of a stream that is not meant for this receiver.
    Misdelivered,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Few: the broadcasters, a group, and the receiver's own echoes.
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    stream: u32,
    next: u32,
    missing: Vec<Range<u32>>,
    forgotten: u64,
}

impl Ledger {
    /// From now on that stream is meant for this receiver, from its beginning.
    pub(crate) fn expect(&mut self, stream: u32) {
        if !self.places.iter().any(|place| place.stream == stream) {
            self.places.push(Place { stream, next: 0, missing: Vec::new(), forgotten: 0 });
        }
    }

    pub(crate) fn note(&mut self, stamp: Stamp) -> Noted {
        match self.places.iter_mut().find(|place| place.stream == stamp.stream) {
            Some(place) => place.note(stamp.number),
            None => Noted::Misdelivered,
        }
    }

    /// How many never came, if `published` tells how many of a stream there were.
    pub(crate) fn lost(&self, published: impl Fn(u32) -> u32) -> u64 {
        self.places.iter().map(|place| place.lost(published(place.stream))).sum()
    }
}

impl Place {
    fn note(&mut self, number: u32) -> Noted {
        if number < self.next {
            return self.note_earlier(number);
        }
        if number > self.next {
            if self.missing.len() < MAX_GAPS {
                self.missing.push(self.next..number);
            } else {
                self.forgotten += u64::from(number - self.next);
            }
        }
        self.next = number.saturating_add(1);
        Noted::Fresh
    }

    fn note_earlier(&mut self, number: u32) -> Noted {
        let Some(at) = self.missing.iter().position(|gap| gap.contains(&number)) else {
            return Noted::Duplicate;
        };
        let gap = self.missing.swap_remove(at);
        let halves = [gap.start..number, number + 1..gap.end];
        self.missing.extend(halves.into_iter().filter(|half| !half.is_empty()));
        Noted::Late
    }

    fn lost(&self, published: u32) -> u64 {
        let missing: u64 = self.missing.iter().map(|gap| u64::from(gap.end - gap.start)).sum();
        missing + self.forgotten + u64::from(published.saturating_sub(self.next))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(stream: u32, number: u32) -> Stamp {
        Stamp { stream, number, due: 0 }
    }

    #[test]
    fn what_comes_in_order_is_fresh_and_nothing_is_lost() {
        let mut ledger = Ledger::default();
        ledger.expect(3);
        for number in 0..9 {
            assert_eq!(ledger.note(stamp(3, number)), Noted::Fresh);
        }
        assert_eq!(ledger.lost(|_| 9), 0);
        assert_eq!(ledger.lost(|_| 11), 2);
    }

    #[test]
    fn a_gap_is_a_loss_until_it_is_filled() {
        let mut ledger = Ledger::default();
        ledger.expect(0);
        assert_eq!(ledger.note(stamp(0, 0)), Noted::Fresh);
        assert_eq!(ledger.note(stamp(0, 4)), Noted::Fresh);
        assert_eq!(ledger.lost(|_| 5), 3);
        assert_eq!(ledger.note(stamp(0, 2)), Noted::Late);
        assert_eq!(ledger.note(stamp(0, 2)), Noted::Duplicate);
        assert_eq!(ledger.note(stamp(0, 4)), Noted::Duplicate);
        assert_eq!(ledger.lost(|_| 5), 2);
    }

    #[test]
    fn a_message_for_somebody_else_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.expect(1);
        assert_eq!(ledger.note(stamp(2, 0)), Noted::Misdelivered);
        assert_eq!(ledger.lost(|_| 0), 0);
    }

    #[test]
    fn more_gaps_than_are_remembered_are_still_counted() {
        let mut ledger = Ledger::default();
        ledger.expect(0);
        for number in (1..10_001).step_by(2) {
            assert_eq!(ledger.note(stamp(0, number)), Noted::Fresh);
        }
        assert_eq!(ledger.lost(|_| 10_000), 5_000);
    }

    proptest! {
        /// Whatever arrives in whatever order: it is either new, or a duplicate, or still missing.
        #[test]
        fn the_books_always_balance(arrivals in prop::collection::vec(0_u32..50, 0..200)) {
            let mut ledger = Ledger::default();
            ledger.expect(0);
            let mut seen = std::collections::BTreeSet::new();
            for number in arrivals {
                let noted = ledger.note(stamp(0, number));
                prop_assert_eq!(noted == Noted::Duplicate, !seen.insert(number));
            }
            prop_assert_eq!(ledger.lost(|_| 50), 50 - seen.len() as u64);
        }
    }
}
