//! The four transports of classic SignalR and what each of them can do.

use std::fmt;

/// One of the four ways to keep a transport connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// One WebSocket carries both directions.
    WebSockets,
    /// One never-ending `text/event-stream` answer carries what the server sends.
    ServerSentEvents,
    /// One never-ending HTML document in a hidden frame carries what the server sends, as scripts.
    ForeverFrame,
    /// One request after the other, each held until there is something to answer.
    LongPolling,
}

/// A `transport` parameter that names none of the four transports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportKindError {
    /// Classic protocol, section 2.4: `transport` is one of four names, compared without case.
    #[error(
        "the transport {name:?} is unknown; use webSockets, serverSentEvents, foreverFrame or longPolling"
    )]
    Unknown {
        /// What the client sent.
        name: String,
    },
}

impl TransportKind {
    /// All of them, in the order in which clients try them.
    pub const ALL: [Self; 4] =
        [Self::WebSockets, Self::ServerSentEvents, Self::ForeverFrame, Self::LongPolling];

    /// Reads the `transport` parameter of a request. Case does not matter.
    ///
    /// # Errors
    ///
    /// [`TransportKindError::Unknown`] if no transport has that name.
    pub fn parse(name: &str) -> Result<Self, TransportKindError> {
        let same = |kind: &Self| kind.as_str().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same).ok_or_else(|| TransportKindError::Unknown { name: name.to_owned() })
    }

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSockets => "webSockets",
            Self::ServerSentEvents => "serverSentEvents",
            Self::ForeverFrame => "foreverFrame",
            Self::LongPolling => "longPolling",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::WebSockets => 1,
            Self::ServerSentEvents => 1 << 1,
            Self::ForeverFrame => 1 << 2,
            Self::LongPolling => 1 << 3,
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The transports an endpoint offers.
///
/// # Examples
///
/// ```
/// use heliostat_proto::transport_kind::{TransportKind, TransportSet};
///
/// let offered = TransportSet::all().without(TransportKind::ForeverFrame);
/// assert!(!offered.contains(TransportKind::ForeverFrame));
/// assert!(offered.contains(TransportKind::WebSockets));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportSet(u8);

impl TransportSet {
    /// Every transport there is.
    #[must_use]
    pub const fn all() -> Self {
        Self(0b1111)
    }

    /// No transport: a start for building a set with [`with`](Self::with).
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: TransportKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// This set without `kind`.
    #[must_use]
    pub const fn without(self, kind: TransportKind) -> Self {
        Self(self.0 & !kind.bit())
    }

    /// Whether `kind` is offered.
    #[must_use]
    pub const fn contains(self, kind: TransportKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether nothing is offered, which no client can use.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The transports of the set, in the order in which clients try them.
    pub fn iter(self) -> impl Iterator<Item = TransportKind> {
        TransportKind::ALL.into_iter().filter(move |&kind| self.contains(kind))
    }
}

impl Default for TransportSet {
    /// [`TransportSet::all`].
    fn default() -> Self {
        Self::all()
    }
}

impl FromIterator<TransportKind> for TransportSet {
    fn from_iter<I: IntoIterator<Item = TransportKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::none(), Self::with)
    }
}

impl fmt::Debug for TransportSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_found_by_its_own_name_in_any_case() {
        for kind in TransportKind::ALL {
            assert_eq!(TransportKind::parse(kind.as_str()), Ok(kind));
            assert_eq!(TransportKind::parse(&kind.as_str().to_uppercase()), Ok(kind));
            assert_eq!(TransportKind::parse(&kind.as_str().to_lowercase()), Ok(kind));
        }
    }

    #[test]
    fn cp_038_an_unknown_transport_is_refused() {
        for name in ["carrierPigeon", "", " webSockets", "webSockets,longPolling"] {
            assert_eq!(TransportKind::parse(name), Err(TransportKindError::Unknown { name: name.into() }));
        }
    }

    #[test]
    fn cp_248_a_removed_transport_is_no_longer_in_the_set() {
        let set = TransportSet::default().without(TransportKind::WebSockets);
        assert!(!set.contains(TransportKind::WebSockets));
        assert_eq!(set.iter().count(), 3);
        assert_eq!(set.with(TransportKind::WebSockets), TransportSet::all());
        assert_eq!(TransportKind::ALL.into_iter().collect::<TransportSet>(), TransportSet::all());
        assert!(TransportKind::ALL.into_iter().fold(set, TransportSet::without).is_empty());
    }
}
