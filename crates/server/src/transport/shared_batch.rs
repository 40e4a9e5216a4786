//! A response of several messages, built once for all readers that are due the same.
//!
//! A burst of broadcasts finds most of its readers in the same place: they take the same messages, and what they get is byte for byte the
//! same. They are written to one after the other on one thread, so it is enough that each thread remembers what it built last.

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;
use heliostat_bus::{Delivery, Position};

use crate::encoded::{Format, Outgoing};

thread_local! {
    static LAST: RefCell<Option<Built>> = const { RefCell::new(None) };
}

/// What was built last. It keeps its messages for a while: at most one batch of a stream.
struct Built {
    format: Format,
    positions: Vec<Position>,
    /// Positions name messages within one log only; this one tells logs apart.
    first: Arc<Outgoing>,
    bytes: Bytes,
}

impl Built {
    fn is(&self, format: Format, batch: &[Delivery<Arc<Outgoing>>]) -> bool {
        self.format == format
            && batch.first().is_some_and(|first| Arc::ptr_eq(&first.payload, &self.first))
            && self.positions.iter().eq(batch.iter().map(|delivery| &delivery.position))
    }
}

/// The response that consists of all of `batch` and nothing else.
pub(super) fn shared(
    format: Format,
    batch: &[Delivery<Arc<Outgoing>>],
    build: impl FnOnce() -> Bytes,
) -> Bytes {
    let known = LAST.with_borrow(|last| {
        last.as_ref().filter(|last| last.is(format, batch)).map(|last| last.bytes.clone())
    });
    known.unwrap_or_else(|| {
        let bytes = build();
        if let Some(first) = batch.first() {
            let positions = batch.iter().map(|delivery| delivery.position).collect();
            let built = Built { format, positions, first: Arc::clone(&first.payload), bytes: bytes.clone() };
            // What it replaces is dropped after the borrow has ended.
            drop(LAST.replace(Some(built)));
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(positions: &[u64], payload: &Arc<Outgoing>) -> Vec<Delivery<Arc<Outgoing>>> {
        let delivery = |position: &u64| Delivery {
            position: Position::new(*position),
            topic: 0,
            payload: Arc::clone(payload),
        };
        positions.iter().map(delivery).collect()
    }

    #[test]
    fn the_same_messages_in_the_same_format_are_built_once() {
        let message = Outgoing::message(Bytes::from_static(b"1"), &[]);
        let one = batch(&[1, 2], &message);
        let first = shared(Format::WebSocket, &one, || Bytes::from_static(b"first"));
        assert_eq!(shared(Format::WebSocket, &one, || unreachable!()), first);
        let other = |format, batch: &[Delivery<Arc<Outgoing>>]| {
            shared(format, batch, || Bytes::from_static(b"other"))
        };
        assert_eq!(other(Format::EventStream, &one), "other");
        assert_eq!(shared(Format::WebSocket, &one, || first.clone()), first);
        assert_eq!(other(Format::WebSocket, &batch(&[1, 2, 3], &message)), "other");
        assert_eq!(shared(Format::WebSocket, &one, || first.clone()), first);
        let elsewhere = Outgoing::message(Bytes::from_static(b"1"), &[]);
        assert_eq!(other(Format::WebSocket, &batch(&[1, 2], &elsewhere)), "other");
    }
}
