//! The machine in single steps. What holds in any order is in `tests/connection_properties.rs`.

mod end;
mod silence;
mod start;
mod transport;

use std::time::Duration;

use super::*;
use crate::connection::KeepAlive;
use Effect::{End, Forget, NoteHeardAgain, NoteSilent, SendKeepAlive, SendPing};
use Effect::{RaiseConnected, RaiseDisconnected, RaiseReconnected};
use TransportKind::{LongPolling, ServerSentEvents, WebSockets};

const STREAMS: [TransportKind; 3] = [WebSockets, ServerSentEvents, TransportKind::ForeverFrame];

/// A machine and the seconds since it was made.
struct Server {
    machine: ServerConnection,
    start: Instant,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(timeouts: Timeouts) -> Self {
        let start = Instant::now();
        Self { machine: ServerConnection::new(Arc::new(timeouts), start), start }
    }

    /// A server with a client that connected and started at second 0 on link 1.
    fn with_client(kind: TransportKind) -> Self {
        let mut server = Self::new(Timeouts::default());
        server.open(0, 1, kind, Opening::ConnectDelayed);
        assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
        server
    }

    fn at(&mut self, second: u64, input: Input) -> Vec<Effect> {
        self.machine.handle(input, self.start + Duration::from_secs(second));
        std::iter::from_fn(|| self.machine.poll_effect()).collect()
    }

    fn open(&mut self, second: u64, number: u64, kind: TransportKind, how: Opening) -> Vec<Effect> {
        self.at(second, Input::Opened { link: link(number), kind, how })
    }

    fn due(&self) -> Option<u64> {
        self.machine.poll_timeout().map(|due| (due - self.start).as_secs())
    }
}

const fn link(number: u64) -> LinkId {
    LinkId::new(number)
}

#[test]
fn a_clock_that_was_read_too_early_does_not_turn_time_back() {
    let mut server = Server::with_client(ServerSentEvents);
    server.at(9, Input::Wrote(link(1)));
    server.at(3, Input::Wrote(link(1)));
    assert_eq!(server.due(), Some(19));
    server.at(2, Input::Lost(link(1)));
    assert_eq!(server.due(), Some(9 + 35));
}

#[test]
fn a_connection_costs_little_memory() {
    assert!(size_of::<ServerConnection>() <= 144, "{}", size_of::<ServerConnection>());
}
