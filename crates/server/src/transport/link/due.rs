//! What a transport connection says next, and how much of it at once.

use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use heliostat_proto::{connection::Ending, transport_kind::TransportKind};

use super::{
    super::delivery::{LastWord, Reader},
    Link, LinkEnd,
};

/// Due responses are joined up to this size before they are handed on, in bytes.
const JOIN_UP_TO: usize = 32 * 1024;

/// What a link's carrier does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send these bytes.
    Send(Bytes),
    /// Nothing has been sent for long: send these bytes.
    KeepAlive(Bytes),
    /// Send these bytes, then end.
    SendAndEnd(Bytes),
    /// End.
    End,
    /// Wait to be woken.
    Wait,
}

/// Everything that is due on a stream or socket, joined.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) says: Says,
    pub(crate) end: End,
    pub(crate) more: More,
}

/// Whether there is more than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Yes,
    No,
}

/// What bytes are worth to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Something,
    /// They are a keep-alive and nothing else. The state machine has counted it as a write when it asked for it.
    Nothing,
}

/// Whether anything can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Yes,
    No,
}

impl Link {
    /// Everything that is due, up to [`JOIN_UP_TO`]. A single response is passed on as it is; only a second one costs a copy.
    pub(crate) fn due(&self) -> Due {
        let mut first: Option<Bytes> = None;
        let mut joined = BytesMut::new();
        let (mut says, mut end, mut more) = (Says::Nothing, End::No, More::Yes);
        let mut reader = self.lock_reader();
        while more == More::Yes && joined.len() < JOIN_UP_TO {
            let step = match reader.as_mut() {
                Some(reader) => self.advance(reader, &mut more),
                None => Step::End,
            };
            match step {
                Step::Send(bytes) => {
                    join(&mut first, &mut joined, bytes);
                    says = Says::Something;
                }
                Step::KeepAlive(bytes) => join(&mut first, &mut joined, bytes),
                Step::SendAndEnd(bytes) => {
                    join(&mut first, &mut joined, bytes);
                    (says, end, more) = (Says::Something, End::Yes, More::No);
                }
                Step::End => (end, more) = (End::Yes, More::No),
                Step::Wait => more = More::No,
            }
        }
        drop(reader);
        Due { bytes: if joined.is_empty() { first } else { Some(joined.freeze()) }, says, end, more }
    }

    /// The next thing to send.
    pub(crate) fn step(&self) -> Step {
        let mut reader = self.lock_reader();
        match reader.as_mut() {
            Some(reader) => self.advance(reader, &mut More::Yes),
            None => Step::End,
        }
    }

    /// The next thing to send, and whether it is worth while to ask again at once.
    fn advance(&self, reader: &mut Reader, more: &mut More) -> Step {
        if let Some(ending) = self.ending.get() {
            let last = match ending {
                LinkEnd::Ordered(ending) => self.last_word(reader, *ending),
                LinkEnd::Faulted => None,
            };
            return last.map_or(Step::End, Step::SendAndEnd);
        }
        if let Some(bytes) = reader.next(self, more) {
            // What says something keeps a client alive as well.
            self.keep_alive_due.store(false, Ordering::Relaxed);
            return Step::Send(bytes);
        }
        let is_due =
            self.keep_alive_due.load(Ordering::Relaxed) && self.keep_alive_due.swap(false, Ordering::AcqRel);
        let keep_alive = reader.framing().keep_alive().filter(|_| is_due);
        keep_alive.map_or(Step::Wait, |bytes| Step::KeepAlive(Bytes::from_static(bytes)))
    }

    /// What a client must still hear when its transport connection ends.
    fn last_word(&self, reader: &mut Reader, ending: Ending) -> Option<Bytes> {
        match (self.kind, ending) {
            (_, Ending::Disconnected) => {
                Some(reader.last(&self.core, LastWord::Stop(self.record.farewell().as_str())))
            }
            (TransportKind::LongPolling, Ending::ShuttingDown) => {
                Some(reader.last(&self.core, LastWord::Reconnect))
            }
            // A poll is always answered, so that the client that waits for it goes on (spec 9.3).
            (
                TransportKind::LongPolling,
                Ending::Replaced | Ending::ConnectionTimeout | Ending::Stopped | Ending::Silent,
            ) => Some(reader.last(&self.core, LastWord::Nothing)),
            (
                TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame,
                _,
            ) => None,
        }
    }
}

fn join(first: &mut Option<Bytes>, joined: &mut BytesMut, bytes: Bytes) {
    match first {
        None => *first = Some(bytes),
        Some(first) => {
            if joined.is_empty() {
                joined.extend_from_slice(first);
            }
            joined.extend_from_slice(&bytes);
        }
    }
}
