//! Sockets that are lost, on purpose or not, and the way back.

use std::{cmp::Reverse, sync::atomic::Ordering};

use super::{
    Worker,
    client::{Role, Stage},
};
use crate::{dialect::Opening, shared::Phase};

/// How long a client waits before it tries again to come back, at least and at most: so that those who were refused together do not
/// return together. In nanoseconds.
const PAUSE: std::ops::Range<u64> = 200_000_000..500_000_000;

/// Sockets opened in one turn of the loop, so that publishing goes on meanwhile.
const PER_TURN: usize = 64;

/// Whether more is to be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    Some,
    None,
}

impl Worker {
    /// A client's connection has ended, and it was not us.
    pub(super) fn lose(&mut self, index: usize, reason: &str) {
        let now = self.shared.now();
        let comes_back = self.plan.keeps_place() && self.plan.dialect.comes_back();
        let Some(client) = self.clients.get_mut(index) else { return };
        client.line = None;
        let counters = &self.shared.counters;
        match client.stage {
            Stage::Negotiating | Stage::Opening | Stage::Initialized | Stage::Starting | Stage::Joining => {
                self.shaking = self.shaking.saturating_sub(1);
                counters.not_connected.add(1);
                client.stage = Stage::Gone;
            }
            // The goodbyes are under way: whoever closes first is right.
            _ if self.shared.phase() == Phase::Leaving => client.stage = Stage::Gone,
            Stage::Ready => {
                counters.broken.add(1);
                client.since = now;
                client.stage = if comes_back { Stage::Away } else { Stage::Gone };
            }
            Stage::Returning => {
                counters.retries.add(1);
                client.stage = Stage::Away;
            }
            Stage::Waiting | Stage::Away | Stage::Gone => return,
        }
        if client.stage == Stage::Away {
            self.retries.push(Reverse((now.saturating_add(fastrand::u64(PAUSE)), index)));
        }
        self.shared.explain(|| reason.to_owned());
    }

    /// Those whose turn it is come back, or try again to.
    pub(super) fn retry_due(&mut self, now: u64) -> Backlog {
        for _ in 0..PER_TURN {
            match self.retries.peek().copied() {
                Some(Reverse((due, index))) if due <= now => {
                    self.retries.pop();
                    if self.clients.get(index).is_some_and(|client| client.stage == Stage::Away) {
                        self.open(index, Opening::Again);
                    }
                }
                Some(_) | None => return Backlog::None,
            }
        }
        Backlog::Some
    }

    /// Cuts all sockets, once, when it is time.
    pub(super) fn storm(&mut self, now: u64) {
        if self.load.has_stormed || self.shared.moments.cut_at.load(Ordering::Acquire) > now {
            return;
        }
        self.load.has_stormed = true;
        for index in 0..self.clients.len() {
            if self.cut(index, now) {
                self.retries.push(Reverse((now, index)));
            }
        }
    }

    /// Cuts one socket, of a client whose turn it is.
    pub(super) fn churn(&mut self, now: u64) {
        let count = self.clients.len();
        for _ in 0..count {
            self.next = (self.next + 1).checked_rem(count).unwrap_or_default();
            if self.cut(self.next, now) {
                self.open(self.next, Opening::Again);
                return;
            }
        }
    }

    fn cut(&mut self, index: usize, now: u64) -> bool {
        let Some(client) = self.clients.get_mut(index) else { return false };
        // The answer to a call that is under way would be lost with its socket: answers are not repeated (7.3).
        let has_calls = client.answered < client.echoes;
        if client.role != Role::Receives || client.stage != Stage::Ready || has_calls {
            return false;
        }
        client.line = None;
        client.since = now;
        client.stage = Stage::Away;
        self.shared.counters.cut.add(1);
        true
    }
}
