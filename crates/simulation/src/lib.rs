//! Both ends of SignalR connections, the bus and a network that fails, in one deterministic simulation.
//!
//! It exists because nobody can write down every order in which packets, timers, crashes and sleeping laptops meet.
//! A seed decides everything: how many clients and servers there are, their clocks and timeouts, what the network
//! does to whom and when. The machines of `heliostat-proto` and the bus of `heliostat-bus` are the real ones; only
//! their drivers, the network and the time are simulated. After each step the promises are checked:
//!
//! * No message is lost, doubled or put out of order for a connection that came back in time, or the gap was
//!   reported.
//! * Each server that told its application of a connection tells it of the end exactly once, last.
//! * Nobody is given up earlier or later than the settings say, by the clock of who gives up.
//! * Nobody is told to stop who had not ended.
//! * Groups are what the application last asked for.
//! * Memory stays within its limits, and when all is over nothing is left: no record, topic, subscription, byte.
//!
//! A failure names its seed and the step, shows what happened before, and happens again whenever it is asked to.
//!
//! ```
//! use heliostat_simulation::{Plan, simulate};
//!
//! match simulate(42, &Plan::default()) {
//!     Ok(report) => assert!(report.steps > 100),
//!     Err(failure) => panic!("{failure}"),
//! }
//! ```

#![expect(
    clippy::indexing_slicing,
    reason = "the world hands out the numbers of clients, servers and wires and never takes one back"
)]

mod client;
mod clock;
mod failure;
mod faults;
mod ledger;
mod message;
mod network;
mod plan;
mod process;
mod reader;
mod server;
mod simulate;
mod story;
mod timeline;
mod world;

pub use clock::Time;
pub use failure::{Failure, Invariant};
pub use plan::Plan;
pub use simulate::{Report, run, simulate};
pub use story::{StoryError, tell};
pub use timeline::{Line, Timeline};
