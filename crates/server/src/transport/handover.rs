//! The moment at which an endless response stops being the HTTP library's business.
//!
//! The library writes the head and the first bytes. When its buffer is empty and the body has nothing more to say, nothing of the
//! response is left in it, and whoever owns the connection may take the socket away from it and write the rest directly
//! (`http/host/library.rs` does; see [`streams`](super::streams)). That moment is known for certain: the body is asked and says "not now", and
//! after that the library flushes the stream under it, which it does only when its own buffer is empty. If the body says something all the
//! same, the moment has passed.
//!
//! A WebSocket the library hands over itself, when the head of its answer is written. There only that head is kept back, which is the
//! library's last word, so that it leaves in one write with the first frame; and whose the socket will be is kept until then.
//!
//! All of this happens in one task; the atomics are there because tasks move between threads.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use hyper::upgrade::OnUpgrade;

use super::{
    Link,
    passage::{Passage, Socket},
};

/// How the end of the rest of a response is known (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunking {
    /// It ends with its connection.
    None,
    /// It is chunked: a frame is one chunk, and the last one is empty.
    PerFrame,
}

/// One physical connection's answer to "may the socket be taken?".
#[derive(Debug, Default)]
pub(crate) struct Handover {
    phase: AtomicU8,
    rest: Mutex<Option<Rest>>,
}

/// What goes on when the library has done its part.
#[derive(Debug)]
enum Rest {
    Stream(Arc<Link>, Chunking),
    Socket(Passage, OnUpgrade),
}

/// The library may have something to write, or there is no such body.
const BUSY: u8 = 0;
/// The body has said all; some of it may still be in the library's buffer.
const SAID: u8 = 1;
/// All of it has been written.
const WRITTEN: u8 = 2;
/// Somebody took the socket.
const TAKEN: u8 = 3;
/// What the library still writes is for whoever gets the socket from it.
const SWITCHING: u8 = 4;

impl Handover {
    /// The body has given the library something to write.
    pub(crate) fn body_speaks(&self) {
        self.phase.store(BUSY, Ordering::Release);
    }

    /// The body has nothing more to say for now.
    pub(crate) fn body_waits(&self, link: &Arc<Link>, chunking: Chunking) {
        if self.phase.load(Ordering::Acquire) == BUSY {
            self.lock().get_or_insert_with(|| Rest::Stream(Arc::clone(link), chunking));
            self.phase.store(SAID, Ordering::Release);
        }
    }

    /// The library's buffer is empty.
    pub(crate) fn flushed(&self) {
        if self.phase.load(Ordering::Acquire) == SAID {
            self.phase.store(WRITTEN, Ordering::Release);
        }
    }

    /// What can be taken over now: the link, and how its stream goes on.
    pub(crate) fn take(&self) -> Option<(Arc<Link>, Chunking)> {
        if self.phase.load(Ordering::Acquire) != WRITTEN {
            return None;
        }
        self.phase.store(TAKEN, Ordering::Release);
        match self.lock().take()? {
            Rest::Stream(link, chunking) => Some((link, chunking)),
            Rest::Socket(..) => None,
        }
    }

    /// Whether the link goes on without the body.
    pub(crate) fn is_taken(&self) -> bool {
        self.phase.load(Ordering::Acquire) == TAKEN
    }

    /// When the library has written the answer, the socket that it gives up is for `passage`.
    pub(crate) fn expect_socket(&self, passage: Passage, upgrade: OnUpgrade) {
        *self.lock() = Some(Rest::Socket(passage, upgrade));
    }

    /// The WebSocket that goes on when the library has nothing more to do.
    pub(crate) fn take_socket(&self) -> Option<Socket> {
        match self.lock().take()? {
            Rest::Socket(passage, upgrade) => Some(passage.expect(upgrade)),
            Rest::Stream(..) => None,
        }
    }

    /// From now on the library writes nothing but the head after which it gives the socket up.
    pub(crate) fn switches(&self) {
        self.phase.store(SWITCHING, Ordering::Release);
    }

    /// Whether what the library writes is to be kept for whoever gets the socket.
    pub(crate) fn is_switching(&self) -> bool {
        self.phase.load(Ordering::Acquire) == SWITCHING
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Rest>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
