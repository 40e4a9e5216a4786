//! Which transports are offered, by the names they have on the wire.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use heliostat::{TransportKind, TransportSet};

const ALL: [TransportKind; 4] = [
    TransportKind::WebSockets,
    TransportKind::ServerSentEvents,
    TransportKind::ForeverFrame,
    TransportKind::LongPolling,
];

/// At least one transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transports(TransportSet);

impl Transports {
    pub(crate) const fn get(self) -> TransportSet {
        self.0
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        ALL.into_iter().filter(move |kind| self.0.contains(*kind)).map(TransportKind::as_str)
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportsError {
    #[error(
        "{0:?} is not a transport; the transports are webSockets, serverSentEvents, foreverFrame and longPolling"
    )]
    Unknown(String),
    #[error("the list is empty; a server needs at least one transport")]
    Empty,
}

impl FromStr for Transports {
    type Err = TransportsError;

    fn from_str(text: &str) -> Result<Self, TransportsError> {
        if text.trim().is_empty() {
            return Err(TransportsError::Empty);
        }
        let mut absent = TransportSet::all();
        for name in text.split(',').map(str::trim) {
            let known = ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name));
            absent = absent.without(known.ok_or_else(|| TransportsError::Unknown(name.to_owned()))?);
        }
        let absent_kinds = ALL.into_iter().filter(|kind| absent.contains(*kind));
        Ok(Self(absent_kinds.fold(TransportSet::all(), TransportSet::without)))
    }
}

impl Display for Transports {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        for (index, name) in self.names().enumerate() {
            formatter.write_str(if index == 0 { "" } else { "," })?;
            formatter.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_a_list_of_wire_names_in_any_order_and_case() {
        let some: Transports = "LONGPOLLING, webSockets".parse().unwrap();
        assert_eq!(some.to_string(), "webSockets,longPolling");
        assert!(!some.get().contains(TransportKind::ServerSentEvents));
    }

    #[test]
    fn no_transport_and_unknown_transports_are_refused() {
        assert_eq!("".parse::<Transports>(), Err(TransportsError::Empty));
        assert!(matches!("webSockets,pigeons".parse::<Transports>(), Err(TransportsError::Unknown(_))));
    }
}
