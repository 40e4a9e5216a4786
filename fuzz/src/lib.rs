//! What must hold for any bytes that a client sends: a promise a module.
//!
//! libFuzzer tries them out with the targets of the same names. The unit tests of `crates/server` include this file and hold the promises to
//! the seeds, so nothing here gets out of step with what it is about.

pub mod connection_data;
pub mod conversation;
pub mod frames;
pub mod identifiers;
pub mod invocation;
pub mod lenient_stream;
pub mod parameters;
pub mod short_request;
