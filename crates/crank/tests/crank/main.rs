//! The load generator against servers that are honest, and against servers that are not.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod classic_server;
mod frames;
mod socket_io;
mod verdicts;
