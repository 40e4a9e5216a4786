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
