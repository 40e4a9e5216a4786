//! What holds for a whole server, next to its [`Timeouts`](heliostat_proto::connection::timeouts::Timeouts).

use std::time::Duration;

use heliostat_proto::protocol_version::ProtocolVersion;

/// Settings of a server that do not depend on one another.
///
/// # Examples
/// ```
/// use heliostat::Settings;
///
/// let settings = Settings { max_incoming_message: Some(256 * 1024), ..Settings::default() };
/// assert_eq!(settings.message_buffer.messages, 1000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a long-polling client waits before its next poll. Default: not at all.
    pub long_poll_delay: Duration,
    /// How much of the past is kept for clients that come back.
    pub message_buffer: MessageBuffer,
    /// The largest message that a client may send, in bytes, over any transport; `None` is unlimited. Default: 64 KiB
    /// (spec 11.1, D-10).
    pub max_incoming_message: Option<usize>,
    /// What happens to a client that comes back after its connection has timed out. Default: it is told to stop.
    pub late_return: LateReturn,
    /// The highest protocol version that negotiate announces; what clients ask for above it is answered with it. Default: 2.0, as real
    /// servers do (CP-079). Lower it to see how clients do with an older server; below 1.2 counts as 1.2.
    pub highest_protocol_version: ProtocolVersion,
}

/// What happens to a client that comes back after its connection has timed out (D-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LateReturn {
    /// It is told to stop: `reconnected` never follows `disconnected`, as SignalR's documentation promises.
    #[default]
    Stop,
    /// It goes on under its id, and `reconnected` runs after `disconnected`, as SignalR 2.1 and later do.
    Continue,
}

/// How much of the past is kept for clients that come back. When a bound is reached, the oldest messages go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageBuffer {
    /// Messages per topic. Default: 1000; fewer than 32 count as 32 (spec 8.3).
    pub messages: usize,
    /// Bytes per topic. Default: 4 MiB.
    pub topic_bytes: usize,
    /// Bytes in all topics together. Default: 256 MiB.
    pub total_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            long_poll_delay: Duration::ZERO,
            message_buffer: MessageBuffer::default(),
            max_incoming_message: Some(64 * 1024),
            late_return: LateReturn::default(),
            highest_protocol_version: ProtocolVersion::HIGHEST,
        }
    }
}

impl Default for MessageBuffer {
    fn default() -> Self {
        Self { messages: 1000, topic_bytes: 4 * 1024 * 1024, total_bytes: 256 * 1024 * 1024 }
    }
}
