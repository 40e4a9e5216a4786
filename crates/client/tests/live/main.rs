//! The client against Heliostat's own server, over loopback sockets, on every transport.
//!
//! Everything here uses the public APIs and the wire alone. Timeouts are short, and nothing sleeps but those that wait for one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "what supports a test fails it by panicking, like the test itself; events that are not waited for are passed over"
)]

mod calls;
mod endings;
mod lifetime;
mod persistent;
mod pressure;
mod proxy;
mod secure;
mod settings;
mod site;
mod typed;
