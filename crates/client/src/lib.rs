//! A SignalR client: connects to ASP.NET SignalR 1.x and 2.x servers, and to Heliostat.
//!
//! It has the lifetime of the official 2.4 clients, because it runs the same pure machine that Heliostat proves its
//! rules with ([`heliostat_proto::connection::client`]): negotiate, try webSockets, serverSentEvents and longPolling in
//! turn, watch the keep-alives, come back without losing a message, give up in time.
//!
//! ```
//! use heliostat_client::HubConnection;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # struct ChatHub;
//! # #[heliostat::hub]
//! # impl ChatHub {
//! #     fn say(&self, caller: heliostat::Caller, text: String) -> Result<usize, heliostat::SendError> {
//! #         caller.invoke("said", ("you", &text))?;
//! #         Ok(text.len())
//! #     }
//! # }
//! # let server = heliostat::Server::builder().hub(ChatHub).build()?;
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/signalr", listener.local_addr()?);
//! # let app = axum::Router::new().fallback_service(server.service());
//! # tokio::spawn(async move { axum::serve(listener, app).await });
//! let connection = HubConnection::builder(&url).build()?;
//! let chat = connection.hub("ChatHub")?;
//! chat.on("said", |who: String, text: String| println!("{who}: {text}"));
//! connection.start().await?;
//!
//! let letters: usize = chat.invoke("say", ("hello",)).await?;
//! assert_eq!(letters, 5);
//! connection.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A hub's methods can be a trait, and so can the functions that it calls: see [`hub_proxy`] and [`hub_client`]. Whoever
//! comes from .NET finds everything by its old name in
//! [a table](https://github.com/heliostat/heliostat/blob/main/docs/dotnet-client.md).
//!
//! # What a connection promises
//! * A start is answered exactly once. After it, [`Event::Closed`] comes exactly once and last, whatever happens.
//! * Messages come in the order in which the server sent them, each once, also across reconnects.
//! * A call is answered exactly once: by its result, its error, or [`InvokeError::Lost`]. It never hangs.
//! * All handlers of one connection run one at a time, in order, on one task. A handler must not block; for work that
//!   waits, read a [`Listener`] or [`Events`] in a task of your own.
//! * What a slow application has not taken is bounded ([`Queue`]).
//! * Dropping the connection ends everything it has started.
//!
//! # What it does not do
//! * It is no client of ASP.NET *Core* SignalR, whose protocol is another; it says so when it meets such a server.
//! * A plain `http` proxy that does not let WebSockets through is not noticed as such: the next transport is tried.
//!   Proxies tunnel `https`, so there all transports work.

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

/// The examples of the README are compiled with the documentation's: here, because they show both ends.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
