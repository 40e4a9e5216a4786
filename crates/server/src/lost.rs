//! Reported gaps: what a client missed although it came back in time, and what the application wants done about it.
//!
//! A message is lost for a client when it has left the bounded log before the client came for it, or when nobody can say what the client
//! missed. That is never silent: it is counted, logged, and told to the application.

use std::fmt;

use heliostat_proto::{id::ConnectionId, name::UserId};

/// What one client missed.
///
/// # Examples
/// ```
/// use heliostat::{Lost, LostCount};
///
/// fn note(lost: &Lost) -> String {
///     let at_least = match lost.count {
///         LostCount::Exactly(count) | LostCount::AtLeast(count) => count,
///         LostCount::Unknown => 0,
///     };
///     format!("{} missed {at_least} messages or more: {}", lost.connection, lost.cause)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Whose messages they were.
    pub connection: ConnectionId,
    /// Its user, if it has one.
    pub user: Option<UserId>,
    /// How many.
    pub count: LostCount,
    /// Why.
    pub cause: LossCause,
}

/// How many messages a client missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostCount {
    /// So many.
    Exactly(u64),
    /// So many or more: only the place is known up to which the client had read.
    AtLeast(u64),
    /// Nobody can say, perhaps none.
    Unknown,
}

/// Why messages were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossCause {
    /// The client was there and read too slowly: messages fell out of the buffer before it took them. A larger
    /// [`MessageBuffer`](crate::MessageBuffer) helps.
    TooSlow,
    /// The client was away, and came back when what it had not read was no longer in the buffer.
    TooLongAway,
    /// The client came back with the cursor of another log: from another server, or from before a restart.
    OtherLog,
}

/// What becomes of a connection that has lost messages. See [`ServerBuilder::on_lost`](crate::ServerBuilder::on_lost).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterLoss {
    /// It goes on with what is left, as in the original.
    #[default]
    GoOn,
    /// Its client is told to stop, and `disconnected` runs with [`Reason::MessagesLost`](crate::Reason::MessagesLost).
    Disconnect,
}

/// What the application does about losses.
pub(crate) struct LossHook(Box<Ask>);

type Ask = dyn Fn(&Lost) -> AfterLoss + Send + Sync;

impl LossHook {
    pub(crate) fn new(hook: impl Fn(&Lost) -> AfterLoss + Send + Sync + 'static) -> Self {
        Self(Box::new(hook))
    }

    pub(crate) fn ask(&self, lost: &Lost) -> AfterLoss {
        (self.0)(lost)
    }
}

impl fmt::Debug for LossHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LossHook")
    }
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSlow => "it read too slowly",
            Self::TooLongAway => "it was away for too long",
            Self::OtherLog => "its cursor is of another log",
        })
    }
}

impl fmt::Display for LostCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(count) => count.fmt(f),
            Self::AtLeast(count) => write!(f, "{count} or more"),
            Self::Unknown => f.write_str("an unknown number of"),
        }
    }
}
