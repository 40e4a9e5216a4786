//! How old messages are, without a stamp on each of them.
//!
//! Every now and then the head is noted together with the time: whatever has a number up to that head is at least as
//! old as the note. So nothing is ever thought older than it is, and younger only by the distance of two notes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Position;

/// Notes closer together than this part of the time to live are not worth two, so there are about this many.
const NOTES: u32 = 64;

#[derive(Debug, Default)]
pub(crate) struct Ages {
    /// Oldest first; neither times nor heads ever go back.
    notes: VecDeque<(Instant, Position)>,
}

impl Ages {
    /// The last number that is known to be so old. Asked before [`note`](Self::note), which forgets the oldest ones.
    pub(crate) fn older_than(&self, now: Instant, age: Duration) -> Option<Position> {
        let is_older = |&&(noted, _): &&(Instant, Position)| now.saturating_duration_since(noted) >= age;
        self.notes.iter().rev().find(is_older).map(|&(_, position)| position)
    }

    /// Notes that the log's head is `head` at `now`, and tells the last number that is `time_to_live` old, if that
    /// has changed.
    pub(crate) fn note(&mut self, now: Instant, head: Position, time_to_live: Duration) -> Option<Position> {
        let distance = time_to_live / NOTES;
        let is_due = |&(noted, _): &(Instant, Position)| now.saturating_duration_since(noted) >= distance;
        if self.notes.back().is_none_or(is_due) {
            self.notes.push_back((now, head));
        }
        let mut too_old = None;
        while let Some(&(noted, position)) = self.notes.front()
            && now.saturating_duration_since(noted) >= time_to_live
        {
            too_old = Some(position);
            self.notes.pop_front();
        }
        too_old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_TO_LIVE: Duration = Duration::from_secs(100);

    #[expect(
        clippy::disallowed_methods,
        reason = "an `Instant` can only be had from the clock; it is read once"
    )]
    fn start_of_time() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_came_before_a_note_is_too_old_once_the_note_is() {
        let (mut ages, start) = (Ages::default(), start_of_time());
        let mut note =
            |second, head| ages.note(start + Duration::from_secs(second), Position::new(head), TIME_TO_LIVE);
        assert_eq!(note(0, 5), None);
        assert_eq!(note(50, 7), None);
        assert_eq!(note(99, 9), None);
        assert_eq!(note(100, 9), Some(Position::new(5)));
        assert_eq!(note(101, 9), None, "each is told once");
        assert_eq!(note(1000, 9), Some(Position::new(9)));
    }

    #[test]
    fn what_is_old_already_but_not_too_old_is_known_too() {
        let (mut ages, start) = (Ages::default(), start_of_time());
        let after = |second| start + Duration::from_secs(second);
        for (second, head) in [(0, 5), (50, 7), (99, 9)] {
            ages.note(after(second), Position::new(head), TIME_TO_LIVE);
        }
        let older_than = |second, age| ages.older_than(after(second), Duration::from_secs(age));
        assert_eq!(older_than(99, 50), Some(Position::new(5)));
        assert_eq!(older_than(100, 50), Some(Position::new(7)));
        assert_eq!(older_than(100, 0), Some(Position::new(9)));
        assert_eq!(older_than(100, 101), None);
    }

    #[test]
    fn however_often_the_time_is_told_few_notes_are_kept() {
        let (mut ages, start) = (Ages::default(), start_of_time());
        for millisecond in 0..300_000 {
            let now = start + Duration::from_millis(millisecond);
            // One message a millisecond: the number is the time it came at.
            if let Some(too_old) = ages.note(now, Position::new(millisecond), TIME_TO_LIVE) {
                assert!(too_old.get() + 100_000 <= millisecond, "nothing is thought older than it is");
            }
            assert!(ages.notes.len() <= NOTES as usize + 1);
        }
    }

    #[test]
    fn without_a_time_to_live_all_is_too_old_at_once() {
        let mut ages = Ages::default();
        assert_eq!(ages.note(start_of_time(), Position::new(3), Duration::ZERO), Some(Position::new(3)));
    }
}
