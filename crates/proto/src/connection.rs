//! The life of one SignalR connection, as rules without a clock, a socket or `async`.
//!
//! It exists because the order of things is what goes wrong in a lifetime: a lost transport connection, a
//! client that comes back at the last moment, a stop that overtakes a start. Here every such order is a value
//! that a test can write down. The module promises that the application is told the truth about a SignalR
//! connection exactly once, that no transport connection is forgotten open, and that nothing happens earlier
//! than [`Timeouts`] allow.
//!
//! Time comes in as `now` and work goes out as [`Effect`]s; a driver owns the clock and the transports:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//! use heliostat_proto::connection::{Effect, Input, LinkId, Opening, ServerConnection, Timeouts};
//! use heliostat_proto::transport_kind::TransportKind;
//!
//! # #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
//! let start = Instant::now();
//! let mut connection = ServerConnection::new(Arc::new(Timeouts::default()), start);
//!
//! let (link, kind) = (LinkId::new(1), TransportKind::ServerSentEvents);
//! connection.handle(Input::Opened { link, kind, how: Opening::ConnectDelayed }, start);
//! connection.handle(Input::Started, start);
//! assert_eq!(connection.poll_effect(), Some(Effect::RaiseConnected));
//!
//! let due = connection.poll_timeout().unwrap();
//! assert_eq!(due, start + Duration::from_secs(10));
//! connection.handle(Input::Tick, due);
//! assert_eq!(connection.poll_effect(), Some(Effect::SendKeepAlive(link)));
//! ```

pub mod client;
mod link;
mod server;
mod state;
mod timeouts;
mod timer;

pub use link::{Link, LinkId};
pub use server::{Admission, Effect, Ending, Input, Opening, Reason, ServerConnection};
pub use state::{Stage, State};
pub use timeouts::{KeepAlive, Setting, Timeouts, TimeoutsError};
pub use timer::Heartbeat;
