//! Hubs through a whole server, over long polling, without a socket: requests go into the service and answers come out.
//!
//! Everything here uses the public API and the wire alone. Tests are named after the rows of the specification's checklist.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what supports a test fails it by panicking, like the test itself"
)]

mod authorization;
mod calls;
mod client;
mod lifetime;
mod pipeline;
mod script;
mod state;
mod targets;
