//! A SignalR client: connects to ASP.NET SignalR 1.x and 2.x servers, and to Heliostat.
//!
//! It has the lifetime of the official 2.4 clients, because it runs the same pure machine that Heliostat proves its
//! rules with ([`heliostat_proto::connection::client`]): negotiate, try webSockets, serverSentEvents and longPolling in
//! turn, watch the keep-alives, come back without losing a message, give up in time.
//!
//! # What a connection promises
//! * A start is answered exactly once. After it, [`Event::Closed`] comes exactly once and last, whatever happens.
//! * Messages come in the order in which the server sent them, each once, also across reconnects.
//! * A call is answered exactly once: by its result, its error, or [`InvokeError::Lost`]. It never hangs.
//! * All handlers of one connection run one at a time, in order, on one task. A handler must not block; for work that
//!   waits, read a [`Listener`] or [`Events`] in a task of your own.
//! * What a slow application has not taken is bounded ([`Queue`]).
//! * Dropping the connection ends everything it has started.

mod address;
mod audience;
mod builder;
mod call;
mod caller_state;
mod calls;
mod connection;
mod dispatcher;
mod driver;
mod error;
mod event;
mod exchange;
mod handler;
mod hub_connection;
mod hub_proxy;
mod message;
mod settings;
mod shared;
mod stream;
mod subscription;
mod tls;
mod transport;

pub use builder::{BuildError, Builder};
pub use call::ClientCall;
pub use caller_state::{CallerState, StateError};
pub use connection::Connection;
pub use error::{Cause, ConnectionError, InvokeError, RequestError, SendError};
pub use event::Event;
pub use handler::{ArgumentsError, Handler, HandlerOutput, Parameters};
pub use heliostat_macros::{hub_proxy, hub_receiver as hub_client};
pub use heliostat_proto::connection::client::{ClientError, Phase as State, SendRefusal, Terms};
pub use heliostat_proto::name::NameError;
pub use heliostat_proto::negotiate::{NegotiateAnswer, Welcome};
pub use heliostat_proto::transport_kind::TransportKind;
pub use hub_connection::HubConnection;
pub use hub_proxy::HubProxy;
pub use message::Message;
pub use settings::{Backoff, InFlight, Queue, Restart, Transport, WhenFull};
pub use stream::{Events, Listener};
pub use subscription::Subscription;
