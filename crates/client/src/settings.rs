//! What an application decides about its connection, besides where it goes.

use std::time::Duration;

use heliostat_proto::transport_kind::TransportKind;

/// Which transports are tried.
///
/// # Examples
///
/// A proxy on the way breaks long answers, so only polls get through:
///
/// ```
/// use heliostat_client::{HubConnection, Transport, TransportKind};
///
/// let connection = HubConnection::builder("https://example.com/signalr")
///     .transport(Transport::Only(TransportKind::LongPolling))
///     .build()?;
/// # Ok::<_, heliostat_client::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// webSockets (if the server offers it), serverSentEvents, longPolling, in this order, until one works.
    #[default]
    Auto,
    /// This one and no other.
    Only(TransportKind),
    /// These, in this order.
    Order(Vec<TransportKind>),
}

/// What becomes of calls whose answer is still out when a WebSocket breaks.
///
/// A server answers a call on the socket that it came on, so such an answer never comes, and nobody knows whether the
/// method has run. On the other transports a call is a request of its own and goes on while the connection reconnects.
///
/// See [`Builder`](crate::Builder).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InFlight {
    /// They fail with [`InvokeError::Lost`](crate::InvokeError::Lost) at once, as in the official clients.
    #[default]
    Fail,
    /// They are sent again once the connection is back, and calls made meanwhile wait for that. **The method may run
    /// twice**, so this is for methods that may.
    Repeat,
}

/// Whether a connection that has ended starts again by itself.
///
/// See [`Backoff`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Restart {
    /// It stays closed until it is started.
    #[default]
    Never,
    /// Unless it was stopped it starts again, as a new SignalR connection with a new id, until that works.
    ///
    /// A first start that fails is not repeated: its caller is told.
    WithBackoff(Backoff),
}

/// How long to wait before each attempt to start again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use heliostat_client::{Backoff, HubConnection, Restart};
///
/// let backoff = Backoff { longest: Duration::from_secs(600), ..Backoff::default() };
/// assert_eq!(backoff.first, Duration::from_secs(1));
/// let connection = HubConnection::builder("https://example.com/signalr")
///     .restart(Restart::WithBackoff(backoff))
///     .build()?;
/// # Ok::<_, heliostat_client::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first attempt.
    pub first: Duration,
    /// Each further wait is so many times longer. Less than 1 counts as 1.
    pub factor: f64,
    /// No wait is longer.
    pub longest: Duration,
    /// Up to this part of the wait is taken off at random, so that many clients do not come at once: 0 to 1.
    pub jitter: f64,
}

impl Default for Backoff {
    /// 1 s, doubled up to 60 s, up to half of it taken off.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), factor: 2.0, longest: Duration::from_secs(60), jitter: 0.5 }
    }
}

impl Backoff {
    /// How long to wait before this attempt, the first being 1. `chance` is between 0 and 1.
    pub(crate) fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let grown =
            self.first.as_secs_f64() * self.factor.max(1.0).powf(f64::from(attempt.saturating_sub(1)));
        let wait = grown.min(self.longest.as_secs_f64());
        let kept = 1.0 - self.jitter.clamp(0.0, 1.0) * chance;
        Duration::try_from_secs_f64(wait * kept).unwrap_or(self.longest)
    }
}

/// How much may wait for an application that is slow to take it.
///
/// # Examples
///
/// An application that has fallen behind is cut off early:
///
/// ```
/// use heliostat_client::{Connection, Queue, WhenFull};
///
/// let queue = Queue { limit: 100, when_full: WhenFull::Close };
/// assert!(queue.limit < Queue::default().limit);
/// let prices = Connection::builder("https://example.com/prices").queue(queue).build()?;
/// # Ok::<_, heliostat_client::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// So many messages and events may wait. At least 1.
    pub limit: usize,
    /// What happens when so many do.
    pub when_full: WhenFull,
}

impl Default for Queue {
    /// 1,000, then the connection is read no further.
    fn default() -> Self {
        Self { limit: 1_000, when_full: WhenFull::Wait }
    }
}

/// What happens when the application's queue is full.
///
/// See [`Queue`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The client stops reading, and the server keeps what it has for this client. A server keeps so much and no
    /// more, and gives up a client that does not read for very long.
    ///
    /// While a call waits for its result reading goes on, since the slow handler may be the one that waits; ten times
    /// the limit then ends the connection as [`Close`](Self::Close) does.
    #[default]
    Wait,
    /// The connection ends with an error.
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_chance_only_shortens_them() {
        let backoff = Backoff::default();
        let waits: Vec<_> =
            [1, 2, 3, 7, 1_000_000].map(|attempt| backoff.wait(attempt, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 60, 60]);
        assert_eq!(backoff.wait(3, 1.0), Duration::from_secs(2));
    }

    #[test]
    fn senseless_numbers_make_no_wait_endless_or_negative() {
        let backoff = Backoff { factor: -3.0, jitter: 7.0, ..Backoff::default() };
        assert_eq!(backoff.wait(9, 1.0), Duration::ZERO);
        assert_eq!(backoff.wait(9, 0.0), Duration::from_secs(1));
        let backoff = Backoff { factor: f64::NAN, ..Backoff::default() };
        assert!(backoff.wait(9, 0.5) <= backoff.longest);
    }
}
