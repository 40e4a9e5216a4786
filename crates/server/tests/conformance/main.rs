//! The protocol's checklist (docs/checklist.md), row by row, at the level of HTTP and WebSockets.
//!
//! Each test's name begins with the rows that it proves. Tests talk to a real server through memory, where time stands still unless
//! somebody waits for it, so that thirty seconds of protocol cost nothing; some do the same over TCP ([`tcp`]).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to stop"
)]

mod actor;
mod client;
mod log;
mod long_polling;
mod poll_sequence;
mod session;
mod site;

mod endpoints;
mod errors;
mod groups;
mod handshake;
mod jsonp_and_cors;
mod lifetime;
mod negotiation;
mod settings;
mod streams;
mod tcp;
mod tokens;
mod web_sockets;
