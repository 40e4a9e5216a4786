//! The bytes of HTTP/1.1 and WebSockets as a load generator needs them: read where they lie, as few copies as possible.
//!
//! These readers are not for general use. They trust that the peer is the server under test, look at no header that changes nothing
//! for them, and never answer for correctness beyond this: whatever is cut wherever, the same things come out, and no peer makes them
//! hold more than [`MAX_ITEM`].

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod channel;
pub(crate) mod frame;
pub(crate) mod head;
pub(crate) mod lines;
pub(crate) mod request;

/// The longest thing that is put together from pieces: a frame, a line, an answer. More than any server here would send at once.
pub(crate) const MAX_ITEM: usize = 64 * 1024 * 1024;

/// How the peer broke what it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not an HTTP/1.x answer.
    #[error("what should be the head of an HTTP answer is none")]
    Head,
    /// A chunk without a size.
    #[error("what should be the size of a chunk is none")]
    Chunk,
    /// Servers must not mask (RFC 6455, 5.1), and no extension was agreed on.
    #[error("a WebSocket frame is masked, compressed or of an unknown kind")]
    Frame,
    /// Longer than any real message.
    #[error("a message is longer than {} MiB", MAX_ITEM / (1024 * 1024))]
    TooLong,
}
