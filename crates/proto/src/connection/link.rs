//! The transport connection that carries a SignalR connection, with the times that rule it.
//!
//! Both directions have a clock of their own: what was written rules the keep-alives that a client waits
//! for, what was heard rules the pings by which a server notices that a client is gone although no packet
//! ever said so. On an idle link both are due at the same time, once in a keep-alive. News may come late and
//! in any order; a clock never goes back.

use std::fmt;
use std::time::{Duration, Instant};

use super::timeouts::{KeepAlive, Timeouts};
use crate::transport_kind::TransportKind;

/// Which transport connection: numbered by the driver, each number used once within a SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    /// Takes a number that no other transport connection of this SignalR connection has had.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The transport connection that carries the SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which one.
    pub id: LinkId,
    /// What it is.
    pub kind: TransportKind,
    /// When its receive request was accepted.
    pub opened_at: Instant,
    /// When it was last written to, or opened, or told to send a keep-alive.
    pub written_at: Instant,
    /// When something last came from its client, or it was opened.
    pub heard_at: Instant,
    /// When its client was last asked whether it is there; its opening counts as asked and answered. If this is
    /// later than [`heard_at`](Self::heard_at), the client owes an answer.
    pub asked_at: Instant,
}

impl Link {
    pub(super) fn new(id: LinkId, kind: TransportKind, now: Instant) -> Self {
        Self { id, kind, opened_at: now, written_at: now, heard_at: now, asked_at: now }
    }

    pub(super) fn wrote(self, at: Instant) -> Self {
        Self { written_at: self.written_at.max(at), ..self }
    }

    pub(super) fn heard(self, at: Instant) -> Self {
        Self { heard_at: self.heard_at.max(at), ..self }
    }

    pub(super) fn pinged(self, now: Instant) -> Self {
        Self { asked_at: now, ..self }
    }

    /// When something is due if nothing happens before.
    pub(super) fn due(&self, timeouts: &Timeouts) -> Option<Instant> {
        let pulse = [self.ping_due(timeouts), self.silent_from(timeouts)];
        let others = [self.keep_alive_due(timeouts), self.expires(timeouts)];
        pulse.into_iter().chain(others).flatten().min()
    }

    /// When nothing has been written for too long, if that matters.
    pub(super) fn keep_alive_due(&self, timeouts: &Timeouts) -> Option<Instant> {
        match timeouts.keep_alive() {
            KeepAlive::Every(every) => Some(self.written_at + every),
            KeepAlive::Off => None,
        }
    }

    /// When its client is to be asked whether it is there, if it can be: one keep-alive after it was heard.
    /// A driver that ticks more than a beat late has slept, perhaps with the answer unread before it: it has to
    /// ask again.
    pub(super) fn ping_due(&self, timeouts: &Timeouts) -> Option<Instant> {
        match self.silent_from(timeouts) {
            Some(from) => Some(from + timeouts.beat()),
            None => self.answers_pings(timeouts).map(|every| self.heard_at + every),
        }
    }

    /// Whether a ping is to go out with a keep-alive: if its client can answer, owes nothing, and has said nothing but
    /// the answer to the last one. So both go out together from then on.
    pub(super) fn is_worth_asking(&self, timeouts: &Timeouts) -> bool {
        let Some(every) = self.answers_pings(timeouts) else { return false };
        !self.owes_an_answer() && self.heard_at < self.asked_at + every / 2
    }

    /// From when its client's silence means that it counts as away, if it owes an answer: two keep-alives after it was
    /// heard, but no less than one after it was asked.
    pub(super) fn silent_from(&self, timeouts: &Timeouts) -> Option<Instant> {
        let every = self.answers_pings(timeouts).filter(|_| self.owes_an_answer())?;
        Some((self.asked_at + every).max(self.heard_at + every * 2))
    }

    fn owes_an_answer(&self) -> bool {
        self.asked_at > self.heard_at
    }

    /// Whether its client has left a ping unanswered for too long.
    pub(super) fn is_silent(&self, now: Instant, timeouts: &Timeouts) -> bool {
        let slept = self.ping_due(timeouts).is_none_or(|again| again < now);
        !slept && self.silent_from(timeouts).is_some_and(|from| from <= now)
    }

    /// When it has been open for too long, if it may be.
    pub(super) fn expires(&self, timeouts: &Timeouts) -> Option<Instant> {
        timeouts.connection_timeout(self.kind).map(|limit| self.opened_at + limit)
    }

    /// The keep-alive, if its client would answer a ping: only WebSockets have pings.
    fn answers_pings(&self, timeouts: &Timeouts) -> Option<Duration> {
        match (self.kind, timeouts.keep_alive()) {
            (TransportKind::WebSockets, KeepAlive::Every(every)) => Some(every),
            (TransportKind::WebSockets, KeepAlive::Off)
            | (
                TransportKind::ServerSentEvents | TransportKind::ForeverFrame | TransportKind::LongPolling,
                _,
            ) => None,
        }
    }
}
