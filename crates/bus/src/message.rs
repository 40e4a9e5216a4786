//! What goes through the bus: a payload, whose content the bus never looks at, under a number.

use std::sync::Arc;

use crate::Position;

/// What a message carries. The bus keeps one value and clones it for every reader, so it is normally an [`Arc`].
///
/// The methods are called by the publishing and the reading thread and must be cheap. A payload is dropped while the
/// bus holds a lock, so dropping it must not call the bus.
pub trait Payload {
    /// What it costs to keep, in bytes. Counts against [`Limits`](crate::Limits), next to a small cost per message.
    fn bytes(&self) -> usize;

    /// Whether the reader itself is meant. A batch ends after a command, so that its reader can change its topics
    /// exactly there.
    fn is_command(&self) -> bool;
}

impl<P: Payload + ?Sized> Payload for Arc<P> {
    fn bytes(&self) -> usize {
        (**self).bytes()
    }

    fn is_command(&self) -> bool {
        (**self).is_command()
    }
}

/// One message as a reader gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<P> {
    /// Its number in the log. The cursor of a frame names the number of the frame's last message.
    pub position: Position,
    /// Which of the reader's topics it came from: the place in [`Subscription::topics`](crate::Subscription::topics),
    /// until the reader next changes its topics.
    pub topic: usize,
    /// What was published.
    pub payload: P,
}

/// One message as a store keeps it.
#[derive(Debug)]
pub(crate) struct Message<P> {
    pub(crate) position: Position,
    /// What keeping it was found to cost when it came; the same is given back when it goes.
    pub(crate) cost: usize,
    pub(crate) payload: P,
}

impl<P: Payload> Message<P> {
    /// What it costs to keep `payload`: its own bytes and its entry in a store.
    pub(crate) fn cost_of(payload: &P) -> usize {
        payload.bytes().saturating_add(size_of::<Self>())
    }
}
