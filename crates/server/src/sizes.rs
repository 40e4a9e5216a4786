//! What an idle WebSocket and what is kept of a connection that is over consist of, in bytes on the heap, and the limit that each part
//! has to keep.
//!
//! The kernel's part (two sockets' buffers) comes on top, and the allocator's rounding. `tests/memory.rs` measures the sum.

use crate::{
    connection::{Record, Tombstone},
    http::{
        host::Serving,
        request::{Request, RequestHead},
    },
    transport::{Link, Reader},
};

/// The reference counts in front of what is shared.
const SHARED: usize = 2 * size_of::<usize>();
/// What tokio adds to a future to make it a task, rounded up to cache lines.
const TASK: usize = 160;

#[test]
fn hot_types_stay_small() {
    let table = [
        (
            "the SignalR connection: machine, history, who owns it, its callbacks",
            SHARED + size_of::<Record>(),
            512,
        ),
        (
            "the transport connection, with its place in the log and its socket",
            SHARED + size_of::<Link>(),
            512,
        ),
        ("of that: the place in the log", size_of::<Option<Reader>>(), 224),
        (
            "the request that opened it, in two pieces, without its text",
            2 * SHARED + size_of::<Request>() + size_of::<RequestHead>(),
            248,
        ),
        ("the task that spoke HTTP and carries it", TASK + size_of::<Serving<()>>(), 272),
        ("a tombstone, without its history and its groups", SHARED + size_of::<Tombstone>(), 160),
    ];
    let report: Vec<_> =
        table.iter().map(|(what, size, limit)| format!("{size:5} of {limit:5}  {what}")).collect();
    let grown = table.iter().any(|(_, size, limit)| size > limit);
    assert!(!grown, "a type of which there is one per connection has grown:\n{}", report.join("\n"));
}
