//! SignalR connections on this server: who they are, what their state machine says, and whose turn it is.

mod callbacks;
mod dismissal;
mod heartbeat;
mod losses;
mod record;
mod registry;

pub(crate) use callbacks::{Callback, Callbacks, Outcome};
pub(crate) use heartbeat::{HeartbeatTask, run as run_heartbeat};
pub(crate) use losses::Losses;
pub(crate) use record::{Arrival, Presence, Record};
pub(crate) use registry::Registry;
