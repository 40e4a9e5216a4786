//! How much a bus may keep. Every bound on memory in this crate has its name here.

/// The bounds of a [`Bus`](crate::Bus). They are independent of each other; the default suits a server with some
/// 10,000 connections.
///
/// ```
/// use heliostat_bus::Limits;
///
/// let small = Limits { total_bytes: 16 << 20, ..Limits::default() };
/// assert_eq!(small.topic_messages, 1000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The messages a topic keeps at most; the oldest leaves first. Fewer than [`Limits::FEWEST_MESSAGES`] count as
    /// that many. 1000, as in classic SignalR.
    pub topic_messages: usize,
    /// The bytes a topic keeps at most. Its last message stays even if it is larger. 4 MiB: 1000 messages of 4 KiB.
    pub topic_bytes: usize,
    /// The bytes the whole log keeps at most. If they are exceeded the oldest messages of all topics leave, until an
    /// eighth of the room is free again. Only a message larger than all the room goes beyond. 256 MiB.
    pub total_bytes: usize,
    /// The topics without readers that are kept at most; the longest idle leaves first. Those of readers at rest do not
    /// count. 1000, as in classic SignalR.
    pub idle_topics: usize,
}

impl Limits {
    /// A topic keeps so many messages at least: below that an ordinary reconnect loses messages.
    pub const FEWEST_MESSAGES: usize = 32;
}

impl Default for Limits {
    fn default() -> Self {
        Self { topic_messages: 1000, topic_bytes: 4 << 20, total_bytes: 256 << 20, idle_topics: 1000 }
    }
}
