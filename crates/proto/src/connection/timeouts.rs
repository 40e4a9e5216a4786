//! The durations that bind one another, so that no combination of them can break a connection that is well.
//!
//! Promise: whoever holds a [`Timeouts`] holds a valid one. The disconnect timeout comes first, in the
//! constructor, and the rest is measured against it; that is why the order in which settings are made cannot
//! matter.

use std::fmt;
use std::time::Duration;

use crate::transport_kind::TransportKind;

/// The shortest disconnect timeout: three of the shortest keep-alives.
const SHORTEST_DISCONNECT: Duration = Duration::from_secs(6);
/// The shortest keep-alive: clients look for silence no more often than this.
const SHORTEST_KEEP_ALIVE: Duration = Duration::from_secs(2);
/// The shortest connection timeout: an idle client polls again at once, so less would be a busy loop over the
/// network.
const SHORTEST_CONNECTION: Duration = Duration::from_secs(1);
/// The longest value of any setting. Browsers keep timers as 32-bit milliseconds (24.8 days), and fire at
/// once if given more: a client told to wait for a month would not wait at all.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3600);
/// How many keep-alives must fit in the disconnect timeout, so that two of them may get lost.
const KEEP_ALIVES_PER_DISCONNECT: u32 = 3;

/// How often a silent transport connection is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeepAlive {
    /// This long after the last write.
    Every(Duration),
    /// Never. A loss that no transport reports is then noticed only by the connection timeout.
    Off,
}

/// The times that rule the life of a SignalR connection. They hold for a whole server and do not change while
/// it runs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use heliostat_proto::connection::{KeepAlive, Timeouts};
///
/// let keep_alive = KeepAlive::Every(Duration::from_secs(15));
/// let timeouts = Timeouts::new(Duration::from_secs(60))?.with_keep_alive(keep_alive)?;
/// assert_eq!(timeouts.keep_alive_timeout(), Some(Duration::from_secs(30)));
/// # Ok::<(), heliostat_proto::connection::TimeoutsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    disconnect: Duration,
    keep_alive: KeepAlive,
    connection: Duration,
    transport_connect: Duration,
    disconnect_threshold: Duration,
    long_poll_delay: Duration,
}

impl Default for Timeouts {
    /// Disconnect timeout 30 s, keep-alive 10 s, connection timeout 110 s, transport connect timeout 5 s, no
    /// long poll delay.
    fn default() -> Self {
        Self::from_disconnect(Duration::from_secs(30))
    }
}

impl Timeouts {
    /// Sets the disconnect timeout: how long a client may be away before its SignalR connection ends. The
    /// keep-alive becomes a third of it, the other times keep their defaults.
    ///
    /// # Errors
    /// Refuses less than 6 seconds and more than 24 days.
    pub fn new(disconnect: Duration) -> Result<Self, TimeoutsError> {
        within(Setting::DisconnectTimeout, disconnect, SHORTEST_DISCONNECT)?;
        Ok(Self::from_disconnect(disconnect))
    }

    fn from_disconnect(disconnect: Duration) -> Self {
        Self {
            disconnect,
            keep_alive: KeepAlive::Every(disconnect / KEEP_ALIVES_PER_DISCONNECT),
            connection: Duration::from_secs(110),
            transport_connect: Duration::from_secs(5),
            disconnect_threshold: Duration::from_secs(5),
            long_poll_delay: Duration::ZERO,
        }
    }

    /// Sets how often a silent transport connection is written to.
    ///
    /// # Errors
    /// Refuses less than 2 seconds and more than a third of the disconnect timeout.
    pub fn with_keep_alive(self, keep_alive: KeepAlive) -> Result<Self, TimeoutsError> {
        if let KeepAlive::Every(every) = keep_alive {
            let longest = self.disconnect / KEEP_ALIVES_PER_DISCONNECT;
            if every < SHORTEST_KEEP_ALIVE {
                return Err(TimeoutsError::KeepAliveTooShort { every, shortest: SHORTEST_KEEP_ALIVE });
            }
            if every > longest {
                return Err(TimeoutsError::KeepAliveTooLong { every, disconnect: self.disconnect, longest });
            }
        }
        Ok(Self { keep_alive, ..self })
    }

    /// Sets the connection timeout: how long a transport connection stays open with nothing to say before it
    /// is closed and opened anew. Long polls always obey it, the other transports only while the keep-alive
    /// is off.
    ///
    /// # Errors
    /// Refuses less than 1 second and more than 24 days.
    pub fn with_connection(self, connection: Duration) -> Result<Self, TimeoutsError> {
        within(Setting::ConnectionTimeout, connection, SHORTEST_CONNECTION)?;
        Ok(Self { connection, ..self })
    }

    /// Sets the transport connect timeout: how long a client waits for a transport to start before it tries
    /// the next one. The server only tells it to clients.
    ///
    /// # Errors
    /// Refuses more than 24 days.
    pub fn with_transport_connect(self, transport_connect: Duration) -> Result<Self, TimeoutsError> {
        within(Setting::TransportConnectTimeout, transport_connect, Duration::ZERO)?;
        Ok(Self { transport_connect, ..self })
    }

    /// Sets what the server adds to the disconnect timeout for streaming transports (5 s unless set), because
    /// a client notices a loss later than the server and starts its own clock then.
    ///
    /// # Errors
    /// Refuses more than 24 days.
    pub fn with_disconnect_threshold(self, disconnect_threshold: Duration) -> Result<Self, TimeoutsError> {
        within(Setting::DisconnectThreshold, disconnect_threshold, Duration::ZERO)?;
        Ok(Self { disconnect_threshold, ..self })
    }

    /// Sets how long clients are asked to wait between two long polls. The server waits that much longer for
    /// them.
    ///
    /// # Errors
    /// Refuses more than 24 days.
    pub fn with_long_poll_delay(self, long_poll_delay: Duration) -> Result<Self, TimeoutsError> {
        within(Setting::LongPollDelay, long_poll_delay, Duration::ZERO)?;
        Ok(Self { long_poll_delay, ..self })
    }

    /// Makes timeouts of any shortness, so that a test with real clocks need not wait for the documented
    /// minimums. The threshold keeps its proportion of a sixth of the disconnect timeout. Nothing becomes
    /// shorter than 1 ms or longer than 24 days.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn unchecked_for_tests(disconnect: Duration, keep_alive: KeepAlive, connection: Duration) -> Self {
        let sane = |duration: Duration| duration.clamp(Duration::from_millis(1), LONGEST);
        let keep_alive = match keep_alive {
            KeepAlive::Every(every) => KeepAlive::Every(sane(every)),
            KeepAlive::Off => KeepAlive::Off,
        };
        let (connection, disconnect_threshold) = (sane(connection), sane(disconnect / 6));
        Self { keep_alive, connection, disconnect_threshold, ..Self::from_disconnect(sane(disconnect)) }
    }

    /// How long a client may be away before its SignalR connection ends.
    #[must_use]
    pub fn disconnect(&self) -> Duration {
        self.disconnect
    }

    /// How often a silent transport connection is written to.
    #[must_use]
    pub fn keep_alive(&self) -> KeepAlive {
        self.keep_alive
    }

    /// How long a transport connection that obeys it stays open.
    #[must_use]
    pub fn connection(&self) -> Duration {
        self.connection
    }

    /// How long a client waits for a transport to start.
    #[must_use]
    pub fn transport_connect(&self) -> Duration {
        self.transport_connect
    }

    /// What the server adds to the disconnect timeout for streaming transports.
    #[must_use]
    pub fn disconnect_threshold(&self) -> Duration {
        self.disconnect_threshold
    }

    /// How long clients are asked to wait between two long polls.
    #[must_use]
    pub fn long_poll_delay(&self) -> Duration {
        self.long_poll_delay
    }

    /// After how much silence a client takes its transport connection for lost: two keep-alives. `None` if
    /// there are none to wait for.
    #[must_use]
    pub fn keep_alive_timeout(&self) -> Option<Duration> {
        match self.keep_alive {
            KeepAlive::Every(every) => Some(every * 2),
            KeepAlive::Off => None,
        }
    }

    /// How long the server waits for a client that lost a transport connection of this kind.
    #[must_use]
    pub fn grace(&self, kind: TransportKind) -> Duration {
        match kind {
            TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
                self.disconnect + self.disconnect_threshold
            }
            TransportKind::LongPolling => self.disconnect + self.long_poll_delay,
        }
    }

    /// How long the server waits for a client of which it does not know the transport.
    #[must_use]
    pub fn longest_grace(&self) -> Duration {
        self.disconnect + self.disconnect_threshold.max(self.long_poll_delay)
    }

    /// How long messages and the tombstones of ended connections are kept: nobody can come back later than
    /// that.
    #[must_use]
    pub fn topic_time_to_live(&self) -> Duration {
        (self.disconnect + self.keep_alive_timeout().unwrap_or_default()) * 2
    }

    /// How coarse a driver's clock may be: half a keep-alive, or a sixth of the disconnect timeout without
    /// keep-alives.
    #[must_use]
    pub fn beat(&self) -> Duration {
        match self.keep_alive {
            KeepAlive::Every(every) => every / 2,
            KeepAlive::Off => self.disconnect / (2 * KEEP_ALIVES_PER_DISCONNECT),
        }
    }

    /// After how long a transport connection of this kind is closed and opened anew, if ever.
    pub(super) fn connection_timeout(&self, kind: TransportKind) -> Option<Duration> {
        match (kind, self.keep_alive) {
            (TransportKind::LongPolling, KeepAlive::Every(_) | KeepAlive::Off) | (_, KeepAlive::Off) => {
                Some(self.connection)
            }
            (_, KeepAlive::Every(_)) => None,
        }
    }
}

/// Checks the bounds that a setting has by itself.
fn within(setting: Setting, asked: Duration, shortest: Duration) -> Result<(), TimeoutsError> {
    if asked < shortest {
        return Err(TimeoutsError::TooShort { setting, asked, shortest });
    }
    if asked > LONGEST {
        return Err(TimeoutsError::TooLong { setting, asked, longest: LONGEST });
    }
    Ok(())
}

/// Names a duration in a [`TimeoutsError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// See [`Timeouts::new`].
    DisconnectTimeout,
    /// See [`Timeouts::with_connection`].
    ConnectionTimeout,
    /// See [`Timeouts::with_transport_connect`].
    TransportConnectTimeout,
    /// See [`Timeouts::with_disconnect_threshold`].
    DisconnectThreshold,
    /// See [`Timeouts::with_long_poll_delay`].
    LongPollDelay,
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::DisconnectTimeout => "disconnect timeout",
            Self::ConnectionTimeout => "connection timeout",
            Self::TransportConnectTimeout => "transport connect timeout",
            Self::DisconnectThreshold => "disconnect threshold",
            Self::LongPollDelay => "long poll delay",
        })
    }
}

/// Why a duration was refused, and what to use instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeoutsError {
    /// Below the minimum of this setting.
    #[error("a {setting} of {asked:?} is too short; use {shortest:?} or more")]
    TooShort {
        /// Which duration.
        setting: Setting,
        /// What it was to be.
        asked: Duration,
        /// What it may be at least.
        shortest: Duration,
    },
    /// More than a browser's timer can count.
    #[error("a {setting} of {asked:?} is more than browsers can count; use {longest:?} or less")]
    TooLong {
        /// Which duration.
        setting: Setting,
        /// What it was to be.
        asked: Duration,
        /// What it may be at most.
        longest: Duration,
    },
    /// Clients do not look for silence that often.
    #[error("a keep-alive of {every:?} is too short; use {shortest:?} or more, or `KeepAlive::Off` for none")]
    KeepAliveTooShort {
        /// What it was to be.
        every: Duration,
        /// What it may be at least.
        shortest: Duration,
    },
    /// A connection must survive two lost keep-alives.
    #[error(
        "a keep-alive of {every:?} is too long: three must fit in the disconnect timeout of {disconnect:?}; \
         use {longest:?} or less, or `KeepAlive::Off`"
    )]
    KeepAliveTooLong {
        /// What it was to be.
        every: Duration,
        /// The disconnect timeout it has to fit in.
        disconnect: Duration,
        /// What it may be at most.
        longest: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn cp_208_the_defaults_are_110_and_30_and_10_and_5_and_0_seconds() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.connection(), seconds(110));
        assert_eq!(timeouts.disconnect(), seconds(30));
        assert_eq!(timeouts.keep_alive(), KeepAlive::Every(seconds(10)));
        assert_eq!(timeouts.transport_connect(), seconds(5));
        assert_eq!(timeouts.long_poll_delay(), Duration::ZERO);
        assert_eq!(Timeouts::new(seconds(30)), Ok(timeouts));
    }

    #[test]
    fn cp_209_a_disconnect_timeout_below_6_seconds_is_rejected() {
        assert!(Timeouts::new(seconds(6)).is_ok());
        let error = Timeouts::new(Duration::from_millis(5999)).unwrap_err();
        insta::assert_snapshot!(error, @"a disconnect timeout of 5.999s is too short; use 6s or more");
    }

    #[test]
    fn cp_210_the_disconnect_timeout_sets_the_keep_alive_to_a_third() {
        for disconnect in [6, 7, 30, 3600] {
            let timeouts = Timeouts::new(seconds(disconnect)).unwrap();
            assert_eq!(timeouts.keep_alive(), KeepAlive::Every(seconds(disconnect) / 3));
            // What it was set to by itself is also what it may be set to.
            assert_eq!(timeouts.clone().with_keep_alive(timeouts.keep_alive()), Ok(timeouts));
        }
    }

    #[test]
    fn cp_211_a_keep_alive_below_2_seconds_or_above_a_third_is_rejected() {
        let keep_alive = |every| Timeouts::default().with_keep_alive(KeepAlive::Every(every));
        assert!(keep_alive(seconds(2)).is_ok());
        assert!(keep_alive(seconds(10)).is_ok());
        let (short, long) =
            (keep_alive(Duration::from_millis(1999)), keep_alive(Duration::from_millis(10_001)));
        insta::assert_snapshot!(short.unwrap_err(), @"a keep-alive of 1.999s is too short; use 2s or more, or `KeepAlive::Off` for none");
        insta::assert_snapshot!(long.unwrap_err(), @"a keep-alive of 10.001s is too long: three must fit in the disconnect timeout of 30s; use 10s or less, or `KeepAlive::Off`");
    }

    #[test]
    fn cp_212_without_keep_alive_there_is_no_keep_alive_timeout() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.keep_alive_timeout(), Some(seconds(20)));
        let timeouts = timeouts.with_keep_alive(KeepAlive::Off).unwrap();
        assert_eq!(timeouts.keep_alive_timeout(), None);
    }

    #[test]
    fn cp_213_the_order_of_the_settings_cannot_matter() {
        let timeouts = Timeouts::new(seconds(60)).unwrap();
        let (every, connection) = (KeepAlive::Every(seconds(5)), seconds(90));
        let one = timeouts.clone().with_keep_alive(every).unwrap().with_connection(connection).unwrap();
        let other = timeouts.with_connection(connection).unwrap().with_keep_alive(every).unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn a_time_that_a_browser_cannot_count_is_rejected_everywhere() {
        let month = seconds(30 * 24 * 3600);
        assert!(
            month.as_millis() > i32::MAX.unsigned_abs().into()
                && LONGEST.as_millis() < i32::MAX.unsigned_abs().into()
        );
        for refused in [
            Timeouts::new(month),
            Timeouts::default().with_connection(month),
            Timeouts::default().with_transport_connect(month),
            Timeouts::default().with_disconnect_threshold(month),
            Timeouts::default().with_long_poll_delay(month),
        ] {
            assert!(matches!(refused, Err(TimeoutsError::TooLong { asked, .. }) if asked == month));
        }
        let error = Timeouts::new(seconds(3_000_000)).unwrap_err();
        insta::assert_snapshot!(error, @"a disconnect timeout of 3000000s is more than browsers can count; use 2073600s or less");
    }

    #[test]
    fn a_connection_timeout_that_makes_clients_spin_is_rejected() {
        let error = Timeouts::default().with_connection(Duration::from_millis(10)).unwrap_err();
        insta::assert_snapshot!(error, @"a connection timeout of 10ms is too short; use 1s or more");
    }

    #[test]
    fn the_derived_times_are_those_of_the_table_in_9_1() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.beat(), seconds(5));
        assert_eq!(timeouts.topic_time_to_live(), seconds(100));
        assert_eq!(timeouts.grace(TransportKind::WebSockets), seconds(35));
        assert_eq!(timeouts.grace(TransportKind::ServerSentEvents), seconds(35));
        assert_eq!(timeouts.grace(TransportKind::ForeverFrame), seconds(35));
        assert_eq!(timeouts.grace(TransportKind::LongPolling), seconds(30));

        let silent = timeouts.with_keep_alive(KeepAlive::Off).unwrap();
        assert_eq!(silent.beat(), seconds(5));
        assert_eq!(silent.topic_time_to_live(), seconds(60));
        assert_eq!(silent.grace(TransportKind::WebSockets), seconds(35));
    }

    #[test]
    fn the_grace_follows_the_threshold_and_the_long_poll_delay() {
        let timeouts = Timeouts::default().with_disconnect_threshold(seconds(1)).unwrap();
        let timeouts = timeouts.with_long_poll_delay(seconds(3)).unwrap();
        assert_eq!(timeouts.grace(TransportKind::WebSockets), seconds(31));
        assert_eq!(timeouts.grace(TransportKind::LongPolling), seconds(33));
        assert_eq!(timeouts.longest_grace(), seconds(33));
    }

    #[test]
    fn only_long_polls_time_out_while_there_are_keep_alives() {
        use TransportKind::{ForeverFrame, LongPolling, ServerSentEvents, WebSockets};
        let timeouts = Timeouts::default();
        let silent = timeouts.clone().with_keep_alive(KeepAlive::Off).unwrap();
        for kind in [WebSockets, ServerSentEvents, ForeverFrame] {
            assert_eq!(timeouts.connection_timeout(kind), None);
            assert_eq!(silent.connection_timeout(kind), Some(seconds(110)));
        }
        assert_eq!(timeouts.connection_timeout(LongPolling), Some(seconds(110)));
        assert_eq!(silent.connection_timeout(LongPolling), Some(seconds(110)));
    }

    #[test]
    fn timeouts_for_tests_may_be_short_but_never_zero() {
        let nothing = Duration::ZERO;
        let timeouts = Timeouts::unchecked_for_tests(nothing, KeepAlive::Every(nothing), Duration::MAX);
        assert_eq!(timeouts.keep_alive(), KeepAlive::Every(Duration::from_millis(1)));
        assert_eq!(timeouts.grace(TransportKind::WebSockets), Duration::from_millis(2));
        assert_eq!(timeouts.connection(), LONGEST);
    }
}
