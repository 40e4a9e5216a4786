//! The binary as its users meet it: its arguments and answers, its pages, its end.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod clients;
mod configuration;
mod crank;
mod leaving;
mod operations;
mod process;
mod serving;
