//! What happens in a conversation.

use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// The first entry of a recording. `time` is the time of day, for people.
    Begin { version: u32, url: String, time: String },
    /// The hubs that were found or named.
    Hubs(Vec<String>),
    /// The connection changed its state.
    State(String),
    /// A start succeeded.
    Connected { id: String, transport: String },
    /// A call of a hub method went out.
    Call { id: u64, hub: String, method: String, arguments: Vec<Box<RawValue>> },
    /// Its result came.
    Result { id: u64, value: Box<RawValue>, took: Duration },
    /// It brought an error.
    Failed { id: u64, failure: Failure, took: Duration },
    /// It reported progress.
    Progress { id: u64, value: Box<RawValue> },
    /// The server called a client function.
    Message { hub: String, method: String, arguments: Vec<Box<RawValue>> },
    /// Anything else came from the server.
    Raw(Box<RawValue>),
    /// A text went out as it is.
    RawSent(String),
    /// Nothing was heard for a while.
    Slow,
    /// Something went wrong that is not the end.
    Error(String),
    /// It is over.
    Closed { error: Option<String> },
    /// An answer to a command of the prompt.
    Note(String),
}

/// Why a call brought no result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    /// What a hub error carried.
    pub(crate) data: Option<serde_json::Value>,
}

/// Whose fault it is that a call brought no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FailureKind {
    /// The method failed or refused.
    Hub,
    /// The server does not let us in.
    Refused,
    /// There is no connection, or it broke.
    Connection,
    /// There was no answer in time.
    Timeout,
    /// What was asked for cannot be done.
    Usage,
}

impl FailureKind {
    /// What `call` and scripts end with; 0 is a result.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Connection => 1,
            Self::Usage => 2,
            Self::Hub => 3,
            Self::Refused => 4,
            Self::Timeout => 5,
        })
    }
}

/// Something that happened, with its time since the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) what: What,
}
