//! Replays recorded conversations of the original SignalR server against this one.
//!
//! Each recording in `golden/classic` is one test, named like its file. A test starts the application behind the recordings
//! ([`application`]), plays the recorded client against it ([`replay`]) and decides whether a client could tell the difference
//! ([`compare`]). Where this server differs on purpose, [`differences`] says how and why, and that is asserted instead.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to stop"
)]

mod application;
mod compare;
mod corrections;
mod delivery;
mod differences;
mod purpose;
mod query;
mod recording;
mod replay;
mod run;
mod self_tests;
mod wire;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// The tests wait most of the time; the processor is not what limits how many can run side by side.
const SIDE_BY_SIDE: usize = 16;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let recordings =
        recording::all_names().into_iter().map(|name| Trial::test(name.clone(), move || run::run(&name)));
    let self_tests = self_tests::all().into_iter().map(|(name, test)| {
        Trial::test(name, move || -> Result<(), Failed> {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, recordings.chain(self_tests).collect()).exit_code()
}
