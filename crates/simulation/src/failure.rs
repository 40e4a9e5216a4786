//! What must hold after each step, and what a simulation says if it does not.

use std::fmt;
use std::time::Duration;

use heliostat_proto::connection::client::Phase;

use crate::message::{ConnectionNumber, Group};
use crate::timeline::Timeline;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invariant {
    /// A message is missing and nobody said so.
    #[error("connection {connection} lost #{order} and nobody said so")]
    Lost {
        /// Whose message it was.
        connection: ConnectionNumber,
        /// Its place among all messages.
        order: u64,
    },
    /// A message came twice, or after a later one.
    #[error("connection {connection} got #{order} after #{last}")]
    OutOfOrder {
        /// Who got it.
        connection: ConnectionNumber,
        /// Its place among all messages.
        order: u64,
        /// What came before.
        last: u64,
    },
    /// A message came to somebody it was not for.
    #[error("connection {connection} got #{order}, which was not for it")]
    Misdelivered {
        /// Who got it.
        connection: ConnectionNumber,
        /// Its place among all messages.
        order: u64,
    },
    /// The callbacks of a connection on one server make no sense together.
    #[error("the callbacks of connection {connection} contradict each other: {what}")]
    Callbacks {
        /// Whose callbacks.
        connection: ConnectionNumber,
        /// What is wrong with them.
        what: &'static str,
    },
    /// Somebody was given up although the settings allow more time.
    #[error("connection {connection} was given up after {after:?}, {allowed:?} are allowed")]
    TooEarly {
        /// Whose end it was.
        connection: ConnectionNumber,
        /// How long it was away.
        after: Duration,
        /// How long it may be away.
        allowed: Duration,
    },
    /// Somebody was not given up when the settings say so.
    #[error("connection {connection} was given up only after {after:?}, {allowed:?} are allowed")]
    TooLate {
        /// Whose end it was.
        connection: ConnectionNumber,
        /// How long it was away.
        after: Duration,
        /// How long it may be away.
        allowed: Duration,
    },
    /// A client was told to stop although no server had ended its connection.
    #[error("connection {connection} was told to stop although it had not ended")]
    StoppedForNothing {
        /// Whose client.
        connection: ConnectionNumber,
    },
    /// A client that has had all the time in the world is neither connected nor disconnected.
    #[error("client {client} does not come to rest: {phase:?}")]
    Restless {
        /// Which client.
        client: usize,
        /// Its state.
        phase: Phase,
    },
    /// The groups of a connection are not those that the application asked for.
    #[error("connection {connection} is in groups {actual:?}, the application asked for {wanted:?}")]
    Groups {
        /// Whose groups.
        connection: ConnectionNumber,
        /// What the server thinks.
        actual: Vec<Group>,
        /// What the application asked for.
        wanted: Vec<Group>,
    },
    /// Something grows beyond its limit.
    #[error("there are {count} {what}, and at most {limit} may be")]
    Unbounded {
        /// What grows.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// Something is left of connections that are long over.
    #[error("after all is over there are still {count} {what}")]
    Remains {
        /// What is left.
        what: &'static str,
        /// How much of it.
        count: usize,
    },
}

/// A simulation that broke a promise. It goes the same way again whenever it is run with the same seed and plan.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed it was run with.
    pub seed: u64,
    /// After how many steps the promise was broken.
    pub step: u64,
    /// The promise.
    pub invariant: Invariant,
    /// What happened before.
    pub timeline: Timeline,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, invariant, timeline } = self;
        write!(f, "seed {seed}, step {step}: {invariant}\n{timeline}")
    }
}

impl std::error::Error for Failure {}
