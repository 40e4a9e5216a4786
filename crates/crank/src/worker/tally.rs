//! What one thread counts by itself.

use crate::{latency::Record, ledger::Noted, marker::Stamp, shared::Counters};

/// One in so many texts is parsed as a whole.
const SAMPLE: u64 = 1024;

/// Counts and distributions of one thread.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Since they were last added up.
    pub(crate) fresh: Fresh,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    pub(crate) misdelivered: u64,
    pub(crate) malformed: u64,
    texts: u64,
    /// What is due in here is measured.
    pub(crate) measured: std::ops::Range<u64>,
    pub(crate) latency: Record,
    pub(crate) lateness: Record,
    pub(crate) connecting: Record,
    pub(crate) returning: Record,
    /// When the last connection was back.
    pub(crate) last_back: u64,
}

/// What the other threads do not know yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) delivered: u64,
    pub(crate) calls: u64,
    pub(crate) failed_calls: u64,
    pub(crate) bytes: u64,
    pub(crate) reads: u64,
    /// Connections that came back.
    pub(crate) back: u64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            fresh: Fresh::default(),
            duplicates: 0,
            out_of_order: 0,
            misdelivered: 0,
            malformed: 0,
            texts: 0,
            measured: u64::MAX..u64::MAX,
            latency: Record::new(),
            lateness: Record::new(),
            connecting: Record::new(),
            returning: Record::new(),
            last_back: 0,
        }
    }

    /// A message has arrived. `Late` only where order is promised.
    pub(crate) fn note(&mut self, stamp: Stamp, noted: Noted, now: u64) {
        match noted {
            Noted::Duplicate => self.duplicates += 1,
            Noted::Misdelivered => self.misdelivered += 1,
            Noted::Fresh | Noted::Late => {
                self.fresh.delivered += 1;
                self.out_of_order += u64::from(noted == Noted::Late);
                if self.measured.contains(&stamp.due) {
                    self.latency.note(now.saturating_sub(stamp.due));
                }
            }
        }
    }

    /// Whether this text is one of the sample.
    pub(crate) fn samples(&mut self) -> bool {
        self.texts += 1;
        self.texts % SAMPLE == 1
    }

    /// Tells the others.
    pub(crate) fn add_up(&mut self, counters: &Counters) {
        let Fresh { delivered, calls, failed_calls, bytes, reads, back } = std::mem::take(&mut self.fresh);
        let pairs = [
            (&counters.delivered, delivered),
            (&counters.calls, calls),
            (&counters.failed_calls, failed_calls),
            (&counters.bytes, bytes),
            (&counters.reads, reads),
            (&counters.back, back),
        ];
        for (counter, count) in pairs {
            if count > 0 {
                counter.add(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_due_in_the_measured_part_is_measured() {
        let mut tally = Tally::new();
        tally.measured = 100..200;
        for due in [99, 100, 199, 200] {
            tally.note(Stamp { stream: 0, number: 0, due }, Noted::Fresh, due + 50);
        }
        assert_eq!((tally.fresh.delivered, tally.latency.latency().count), (4, 2));
    }

    #[test]
    fn counts_are_told_once() {
        let (mut tally, counters) = (Tally::new(), Counters::default());
        tally.note(Stamp { stream: 0, number: 0, due: 0 }, Noted::Late, 0);
        tally.note(Stamp { stream: 0, number: 0, due: 0 }, Noted::Duplicate, 0);
        tally.add_up(&counters);
        tally.add_up(&counters);
        assert_eq!((counters.delivered.value(), tally.duplicates, tally.out_of_order), (1, 1, 1));
    }
}
