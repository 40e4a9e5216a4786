//! SignalR connections on this server: who they are, what their state machine says, and whose turn it is.

mod brief;
mod callbacks;
mod dismissal;
mod ended;
mod farewell;
mod graveyard;
mod heartbeat;
mod history;
mod known;
mod left;
mod line;
mod losses;
mod portrait;
mod presence;
#[cfg(test)]
mod races;
mod record;
mod registry;
mod tombstone;
mod traffic;

// `line` takes its lock from here: the real thing in the product, one that loom schedules in tests/races.rs.
use std::sync;

pub(crate) use callbacks::{Callback, Outcome};
pub(crate) use farewell::Farewell;
pub(crate) use heartbeat::{HeartbeatTask, run as run_heartbeat};
pub(crate) use history::{Event, Happening};
pub(crate) use known::Known;
pub(crate) use losses::Losses;
pub(crate) use presence::Presence;
pub(crate) use record::{Arrival, Owner, Record};
pub(crate) use registry::Registry;
pub(crate) use tombstone::Tombstone;
