//! The time, read when it is first asked for and not again.
//!
//! A publisher notes on every connection that it was written to just now. For a thousand sockets that are written to within a few
//! milliseconds one look at the clock will do: who seems to have been written to a little earlier gets its keep-alive a little earlier.

use std::{cell::OnceCell, time::Instant};

use crate::server::{self, Core};

/// The time of one turn of writing.
#[derive(Debug)]
pub(crate) struct Now {
    started: Instant,
    nanoseconds: OnceCell<u64>,
}

impl Now {
    pub(crate) const fn of(core: &Core) -> Self {
        Self::since(core.started)
    }

    /// For a server that started then.
    pub(crate) const fn since(started: Instant) -> Self {
        Self { started, nanoseconds: OnceCell::new() }
    }

    /// Nanoseconds since the server's start.
    pub(crate) fn nanoseconds_since_start(&self) -> u64 {
        *self.nanoseconds.get_or_init(|| server::nanoseconds_between(self.started, server::now()))
    }
}
