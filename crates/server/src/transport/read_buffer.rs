//! Where all sockets of a thread are read to: whoever waits for its client holds no buffer.

use std::cell::Cell;

/// So much is read at once, in bytes.
pub(crate) const SIZE: usize = 16 * 1024;

thread_local! {
    /// Taken out while it is in use.
    static SHARED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the buffer. Whoever asks for it again meanwhile gets another one.
pub(crate) fn lend<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut shared = SHARED.take();
    shared.resize(SIZE, 0);
    let done = work(&mut shared);
    SHARED.set(shared);
    done
}
