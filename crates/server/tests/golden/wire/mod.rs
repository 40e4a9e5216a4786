//! A client that keeps everything in sight which HTTP libraries hide: when headers came, how the body was cut, who closed the
//! connection first, and the bytes of every request.

mod body;
mod head;
mod live;
mod web_socket;

pub(crate) use live::{Changes, Live, Order};
