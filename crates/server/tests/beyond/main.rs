//! What Heliostat promises beyond the original: reported gaps, clients that are sent away, servers that are emptied, connections that can
//! be looked at.
//!
//! A real server through memory, where time stands still unless somebody waits for it. The client is that of the conformance tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to stop"
)]

#[path = "../conformance/actor.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod actor;
#[path = "../conformance/client.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod client;
#[path = "../conformance/log.rs"]
mod log;
#[path = "../conformance/session.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod session;
#[path = "../conformance/site.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod site;

mod away;
mod disconnects;
mod draining;
mod inspection;
mod losses;
mod timelines;
