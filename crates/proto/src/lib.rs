//! The rules of the SignalR protocol, as values, codecs and state machines.
//!
//! This crate exists so that what the protocol demands can be read, tested and reused without a socket. It has
//! no clock, no I/O and no `async`: bytes and text come in as arguments, bytes go out into a caller's buffer,
//! time comes in as `now`. Its manifest proves it: there is no runtime to import.
//!
//! The codecs keep three promises.
//!
//! * **Decoders never panic** and never allocate more than a small multiple of what they were given.
//! * **Whatever is checked is checked once.** A [`ConnectionId`](id::ConnectionId), a
//!   [`Callback`](frame::jsonp::Callback) or a [`FrameId`](frame::forever_frame::FrameId) that exists is valid.
//! * **What official clients compare by text** (versions, `started`, `pong`, key names) is written exactly as the
//!   original server writes it.

pub mod classic;
pub mod connection;
pub mod connection_data;
pub mod error;
pub mod frame;
pub mod id;
pub mod javascript;
pub mod json;
pub mod name;
pub mod negotiate;
pub mod parameters;
pub mod protocol_version;
pub mod route;
pub mod transport_kind;
