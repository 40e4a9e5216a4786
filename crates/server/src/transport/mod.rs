//! Transport connections: what one receive request reads from the bus and how its bytes reach the client.
//!
//! A [`Link`] pulls: whoever publishes only tells it that there is news. On a WebSocket the publisher then writes the due batch
//! straight to the socket (design: fewer wake-ups, fewer sends), and so on HTTP streams that were [handed over](handover) and on polls of our
//! own host; on others the link's body is polled by its own connection.
//! Either way [`Delivery`](delivery::Reader) makes the bytes, so all four transports say the same things.

mod delivery;
pub(crate) mod doorbell;
mod framing;
pub(crate) mod handover;
pub(crate) mod incoming;
mod io;
pub(crate) mod link;
mod now;
pub(crate) mod passage;
pub(crate) mod read_buffer;
pub(crate) mod response_body;
mod shared_batch;
mod socket;
pub(crate) mod streams;
pub(crate) mod turn;
mod waiter;
mod wakes;
pub(crate) mod web_sockets;

// `doorbell` and `wakes` take their locks from here: the real things in the product, others that loom schedules in tests/races.rs.
use std::sync;

pub(crate) use futures_util::task::AtomicWaker;

pub(crate) use delivery::{AtRest, GroupsRead, Reader, ReaderSeed};
pub(crate) use framing::{Framing, LAST_CHUNK, chunk};
pub(crate) use io::{TakenOver, try_write, write_now};
pub(crate) use link::{Initializes, Link, LinkSeed, stop_response};
pub(crate) use now::Now;
pub(crate) use waiter::Waiter;
