//! SignalR for Rust: hubs and persistent connections for the official clients of ASP.NET SignalR 1.x and 2.x, unchanged.
//!
//! ```
//! use heliostat::{Clients, SendError, Server, hub};
//!
//! struct ChatHub;
//!
//! #[hub]
//! impl ChatHub {
//!     async fn send(&self, clients: Clients, name: String, text: String) -> Result<(), SendError> {
//!         clients.all().invoke("message", (name, text))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder().hub(ChatHub).build()?;
//! let app: axum::Router = axum::Router::new().fallback_service(server.service());
//! # Ok(()) }
//! ```
//!
//! A *SignalR connection* is logical: it has the [`ConnectionId`] and outlives reconnects. A *transport connection* is one WebSocket,
//! one event stream, one forever frame or one sequence of polls. A *physical connection* is the TCP one under it.
//!
//! The server is a tower service: it owns neither the listener nor TLS nor authentication. A layer in front puts a [`User`] into
//! the request's extensions.
//!
//! **A warning about hostile clients.** A client that is told to stop can ignore it, come back, or flood. Heliostat refuses ended
//! connections and bounds what one client can make it keep, but protection against floods belongs in front of it (spec 12.6).

// The macros name this crate as their users do.
extern crate self as heliostat;

mod ahead;
mod application;
mod begun;
mod builder;
mod connection;
mod drain;
mod encoded;
mod endpoint;
mod failure;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod http;
mod hub;
mod inspection;
mod lost;
mod metrics;
mod persistent_connection;
mod protect;
mod server;
mod settings;
#[cfg(test)]
mod sizes;
mod topic;
mod trace;
mod transport;
mod user;

pub use builder::{BuildError, ServerBuilder};
pub use drain::Drain;
pub use endpoint::{
    Cors, DetailedErrors, EndpointOptions, JavaScriptProxies, Jsonp, NegotiateHook, Negotiation, Origins,
};
pub use failure::{Failure, HubError};
pub use groups::GroupError;
pub use heliostat_macros::{hub, hub_client};
pub use heliostat_proto::{
    connection::{KeepAlive, Reason, Timeouts, TimeoutsError},
    id::ConnectionId,
    name::{GroupName, HubName, UserId},
    protocol_version::ProtocolVersion,
    transport_kind::{TransportKind, TransportSet},
};
pub use http::{
    host::{Http1, Http1Error, RequestBody},
    lenient::LenientStream,
    request::Request,
    service::HeliostatService,
};
#[doc(hidden)]
pub use hub::macro_support;
pub use hub::{
    Answer, Arguments, Authorize, Caller, Cancellation, Clients, FromCall, FromInvocation, FromOutside,
    Groups, Hub, HubContext, HubRegistryError, IncomingError, Invocation, OutgoingMessage, PipelineModule,
    Progress, ProgressError, Requirement, Scope, SendError, State, Target, TargetError, Verdict,
};
pub use inspection::{ConnectionInfo, ConnectionState, Layer, Timeline, TimelineEvent, What};
pub use lost::{AfterLoss, LossCause, Lost, LostCount};
pub use metrics::Metrics;
pub use persistent_connection::{
    Access, Connection, ConnectionSendError, PersistentConnection, PersistentContext,
};
pub use protect::{KeyRing, KeyRingError};
pub use server::{NotMapped, Server};
pub use settings::{LateReturn, MessageBuffer, Settings};
pub use transport::response_body::ResponseBody;
pub use user::User;
