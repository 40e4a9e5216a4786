//! How each transport wraps a delivery, and what it sends to keep a quiet connection alive.
//!
//! A WebSocket needs no wrapping: each message is one text frame.

pub mod event_reader;
pub mod event_stream;
pub mod forever_frame;
pub mod jsonp;
pub mod long_polling;
pub mod web_sockets;
