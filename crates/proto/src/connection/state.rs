//! The states of a SignalR connection as one server sees it, each holding only what is true in it.
//!
//! ```text
//!             Opened                        Started | Opened
//! Awaited ------------> Attached(stage) ---------------------> Attached(later stage)
//!    |                    |  ^     ^  |
//!    | Started      Lost, |  |     |  | nothing heard for two keep-alives
//!    |          Answered, |  |     |  v
//!    |         timed out  |  |    Silent(stage) --- grace over, Aborted, Disconnect ---> Ended ---> Forgotten
//!    |                    |  |     |                                                       ^
//!    |                    |  |     | Lost                                                  |
//!    |                    v  |     v                                                       |
//!    +---------------> Detached(stage) --- grace over, Aborted, Disconnect ----------------+
//! ```
//! From `Silent` and `Detached`, `Opened` leads back to `Attached`; from `Silent`, so does `Heard`.
//!
//! Every state leads to [`State::Forgotten`] as soon as there is nothing to remember: the connection moved to
//! another server, this server ends, or a client is given up that never started here. [`Stage`] only moves
//! forward, [`State::Ended`] is left only for [`State::Forgotten`], and that is never left.

use std::time::Instant;

use super::link::Link;
use super::server::Reason;
use super::timeouts::Timeouts;

/// What one server knows about a SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The record exists and nothing has come yet.
    Awaited {
        /// When nobody waits any longer.
        until: Instant,
    },
    /// A transport connection carries it.
    Attached {
        /// What the application knows.
        stage: Stage,
        /// What carries it.
        link: Link,
    },
    /// A transport connection carries it, but nothing has come from the client for two keep-alives, no answer to a
    /// ping either. The client counts as away; it is here again as soon as it is heard, or opens another.
    Silent {
        /// What the application knows.
        stage: Stage,
        /// What carries it.
        link: Link,
    },
    /// No transport connection carries it, and its client may still come back.
    Detached {
        /// What the application knows.
        stage: Stage,
        /// When it was last carried, or started here without being carried.
        since: Instant,
        /// When the client is given up.
        until: Instant,
    },
    /// It is over. What remains is a tombstone, so that a client that comes back too late is told so.
    Ended {
        /// Why.
        reason: Reason,
        /// When the tombstone may go.
        until: Instant,
    },
    /// Nothing is known about it any more, and nothing that happens here has an effect.
    Forgotten,
}

impl State {
    /// The transport connection that carries the SignalR connection now.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        match self {
            Self::Attached { link, .. } | Self::Silent { link, .. } => Some(link),
            Self::Awaited { .. } | Self::Detached { .. } | Self::Ended { .. } | Self::Forgotten => None,
        }
    }

    /// Since when the client is away, and when it is given up.
    pub(super) fn away(&self, timeouts: &Timeouts) -> Option<(Instant, Instant)> {
        match self {
            Self::Silent { link, .. } => {
                let since = link.silent_from(timeouts)?;
                Some((since, since + timeouts.grace(link.kind)))
            }
            Self::Detached { since, until, .. } => Some((*since, *until)),
            Self::Awaited { .. } | Self::Attached { .. } | Self::Ended { .. } | Self::Forgotten => None,
        }
    }

    /// When something is due if nothing happens before.
    pub(super) fn due(&self, timeouts: &Timeouts) -> Option<Instant> {
        match self {
            Self::Attached { link, .. } => link.due(timeouts),
            Self::Silent { link, .. } => {
                let until = self.away(timeouts).map(|(_, until)| until);
                [link.keep_alive_due(timeouts), until].into_iter().flatten().min()
            }
            Self::Awaited { until } | Self::Detached { until, .. } | Self::Ended { until, .. } => {
                Some(*until)
            }
            Self::Forgotten => None,
        }
    }
}

/// What the application has been told about a SignalR connection, or is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// A client is connecting. The application knows nothing of it and is not told if it goes away again.
    Initializing,
    /// A long-polling client that must have started on another server goes on here. The application has been
    /// told nothing here, and is told of the end.
    Adopted,
    /// The application has been told that the connection is there, because its start request came here. Another
    /// server carries it.
    Announced,
    /// The application has been told that the connection is there.
    Started,
}
