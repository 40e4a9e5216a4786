//! The states of a SignalR connection as its client sees it, each holding only what is true in it.
//!
//! ```text
//!                Start               Negotiated            S              StartAnswered
//! Disconnected --------> Negotiating ---------> Connecting ---> Starting ---------------> Connected
//!      ^                      |                  |  ^   |           |                      |     ^
//!      |                      |          next    +--+   |           |       lost, silent,  |     |
//!      |                      |          transport      |           |       asked to       v     | open
//!      +----------------------+-------------------------+-----------+------------------ Reconnecting
//!        Stop, failure, told to stop, out of time
//! ```

use std::time::Instant;

use super::Phase;
use super::terms::Terms;
use crate::connection::LinkId;
use crate::transport_kind::TransportKind;

/// What a client knows about its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State<M> {
    /// There is none.
    Disconnected,
    /// The negotiation request is on its way.
    Negotiating { redirects: u8 },
    /// A transport connection is being made.
    Connecting(Connecting<M>),
    /// The transport works, the start request is on its way.
    Starting { session: Session, carrier: Carrier, early: Vec<M> },
    /// It is there.
    Connected { session: Session, carrier: Carrier },
    /// Its transport connection is lost and a new one is wanted.
    Reconnecting { session: Session, attempt: Attempt, until: Instant },
}

/// A transport connection in the making, and what else could be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connecting<M> {
    pub(super) session: Session,
    pub(super) attempt: Attempt,
    /// When the next transport is tried.
    pub(super) until: Instant,
    /// In reverse order.
    pub(super) untried: Vec<TransportKind>,
    /// What came before the start was complete (5.6).
    pub(super) early: Vec<M>,
}

/// What holds from the negotiation on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) terms: Box<Terms>,
    pub(super) kind: TransportKind,
    pub(super) place: Place,
}

/// Where a client stands: what it shows the server when it comes back, so that nothing is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last cursor it was given.
    pub cursor: Option<Box<str>>,
    /// The last groups token it was given.
    pub groups_token: Option<Box<str>>,
}

/// A transport connection that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// It stays open, and its silence means something.
    Stream { link: LinkId, heard_at: Instant, mood: Mood },
    /// This poll waits for its answer, until then at the latest.
    Poll { link: LinkId, until: Instant },
    /// The next poll is due then.
    Pause { until: Instant },
}

/// Whether the application was told that the server is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Calm,
    Warned,
}

/// A transport connection that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The next attempt is made then.
    Waiting { until: Instant },
    /// This one is on its way, and is given up (a poll: taken for a success) then.
    Trying { link: LinkId, until: Instant },
}

impl<M> State<M> {
    /// When something is due if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Disconnected | Self::Negotiating { .. } => None,
            Self::Connecting(connecting) => Some(connecting.until.min(connecting.attempt.due())),
            Self::Starting { session, carrier, .. } | Self::Connected { session, carrier } => {
                carrier.due(&session.terms)
            }
            Self::Reconnecting { attempt, until, .. } => Some(attempt.due().min(*until)),
        }
    }

    /// The transport connection that is open or being opened.
    pub(super) fn link(&self) -> Option<LinkId> {
        match self {
            Self::Disconnected | Self::Negotiating { .. } => None,
            Self::Connecting(Connecting { attempt, .. }) | Self::Reconnecting { attempt, .. } => {
                attempt.link()
            }
            Self::Starting { carrier, .. } | Self::Connected { carrier, .. } => carrier.link(),
        }
    }
}

impl<M> State<M> {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Disconnected => Phase::Disconnected,
            Self::Negotiating { .. } | Self::Connecting(_) | Self::Starting { .. } => Phase::Connecting,
            Self::Connected { .. } => Phase::Connected,
            Self::Reconnecting { .. } => Phase::Reconnecting,
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Disconnected | Self::Negotiating { .. } => None,
            Self::Connecting(Connecting { session, .. })
            | Self::Starting { session, .. }
            | Self::Connected { session, .. }
            | Self::Reconnecting { session, .. } => Some(session),
        }
    }

    /// A response came: if it answered a poll, that is over.
    pub(super) fn once_answered(self, now: Instant) -> Self {
        match self.session() {
            Some(Session { kind: TransportKind::LongPolling, .. }) => self.without_link(now),
            Some(_) | None => self,
        }
    }

    /// The transport connection is over by itself: there is nothing to close.
    pub(super) fn without_link(mut self, now: Instant) -> Self {
        match &mut self {
            Self::Disconnected | Self::Negotiating { .. } => {}
            Self::Connecting(Connecting { attempt, .. }) | Self::Reconnecting { attempt, .. } => {
                *attempt = Attempt::Waiting { until: now };
            }
            Self::Starting { carrier, .. } | Self::Connected { carrier, .. } => {
                *carrier = Carrier::Pause { until: now };
            }
        }
        self
    }
}

impl Carrier {
    pub(super) fn link(&self) -> Option<LinkId> {
        match *self {
            Self::Stream { link, .. } | Self::Poll { link, .. } => Some(link),
            Self::Pause { .. } => None,
        }
    }

    fn due(&self, terms: &Terms) -> Option<Instant> {
        match *self {
            Self::Stream { heard_at, mood: Mood::Calm, .. } => terms.warning().map(|after| heard_at + after),
            Self::Stream { heard_at, mood: Mood::Warned, .. } => {
                terms.keep_alive_timeout.map(|after| heard_at + after)
            }
            Self::Poll { until, .. } | Self::Pause { until } => Some(until),
        }
    }

    /// Something came on it.
    pub(super) fn heard(self, now: Instant) -> Self {
        match self {
            Self::Stream { link, .. } => Self::Stream { link, heard_at: now, mood: Mood::Calm },
            Self::Poll { .. } | Self::Pause { .. } => self,
        }
    }
}

impl Attempt {
    pub(super) fn link(&self) -> Option<LinkId> {
        match *self {
            Self::Trying { link, .. } => Some(link),
            Self::Waiting { .. } => None,
        }
    }

    fn due(&self) -> Instant {
        match *self {
            Self::Trying { until, .. } | Self::Waiting { until } => until,
        }
    }
}
