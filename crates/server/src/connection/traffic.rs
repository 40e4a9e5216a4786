//! How much a connection's client has said and been told, for whoever asks.
//!
//! Whoever moves bytes adds a number and goes on; nothing here is ordered with anything else.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use crate::server::Core;

/// Bytes and times of one connection.
#[derive(Debug)]
pub(crate) struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
    /// Nanoseconds after the server's start of the last request.
    heard_at: AtomicU64,
}

impl Traffic {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            heard_at: AtomicU64::new(core.nanoseconds_since_start()),
        }
    }

    /// The client sent a request.
    pub(crate) fn heard(&self, core: &Core, now: Instant) {
        self.heard_at.store(core.nanoseconds_until(now), Relaxed);
    }

    /// The client sent a message.
    pub(crate) fn read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Relaxed);
    }

    /// A transport connection has ended that had written so much. For one thread at a time.
    pub(crate) fn written(&self, bytes: u64) {
        self.written.store(self.written.load(Relaxed) + bytes, Relaxed);
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(crate) fn heard_at(&self, core: &Core) -> Instant {
        core.after_start(self.heard_at.load(Relaxed))
    }
}
