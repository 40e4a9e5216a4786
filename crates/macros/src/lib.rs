//! The attributes [`macro@hub`] and [`macro@hub_client`] of Heliostat, and [`macro@hub_proxy`] and [`macro@hub_receiver`] of its client.
//!
//! A hub is an ordinary `impl` block. The attribute reads it, leaves it as it is, and writes beside it the description that the server
//! calls methods by. All it takes away are its own helper attributes. Mistakes are reported where they were made, by their meaning and
//! not by the generated code's troubles.
//!
//! Three steps, one module each: `parse` understands the attribute and the block, `model` holds what was understood, `render` writes
//! code. Use the attributes through the crates `heliostat` and `heliostat-client`; the generated
//! code refers to them.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syntax trees have dozens of variants and grow; whoever looks for one means exactly that one"
)]

mod hub_client;
mod hub_proxy;
mod hub_receiver;
mod model;
mod names;
mod parse;
mod render;
mod requirement;

use proc_macro::TokenStream;

/// Makes a hub of an `impl` block: every method in it can be called by clients.
///
/// ```
/// use heliostat::{Caller, Clients, Failure, HubError, Reason, ConnectionId, hub};
///
/// pub struct ChatHub;
///
/// #[hub]
/// impl ChatHub {
///     #[connected]
///     async fn on_connected(&self, caller: Caller) -> Result<(), Failure> {
///         Ok(caller.invoke("welcome", ())?)
///     }
///
///     #[disconnected]
///     async fn on_disconnected(&self, id: ConnectionId, reason: Reason) {
///         println!("{id} has gone: {reason:?}");
///     }
///
///     async fn send_message(&self, clients: Clients, text: String) -> Result<usize, Failure> {
///         if text.is_empty() {
///             return Err(HubError::new("say something").into());
///         }
///         clients.others().invoke("message", (&text,))?;
///         Ok(text.len())
///     }
/// }
/// ```
///
/// # The hub
/// * One instance serves all calls of all connections at the same time. Methods take `&self`; what changes is behind a lock.
/// * Its name is the type's name. `#[hub(name = "chat")]` gives another one, which the proxy script shows verbatim.
/// * `#[hub(authorize)]` and `#[hub(authorize(roles = "Admin", users = "ann", with = path::to::function))]` say who may use it;
///   `require_outgoing = false` lets everybody listen all the same.
///
/// # Methods
/// * `async` or not. A method that is not must not block.
/// * Clients call it by its Rust name in camel case (`send_message` is `sendMessage`), in any case. `#[method(name = "Send")]` names
///   it otherwise, verbatim. Several methods with one name are overloads and must differ in the number of arguments.
/// * A parameter is sent by the client if its type implements `serde::Deserialize`, and taken from the call if it implements
///   `heliostat::FromInvocation`. Trailing `Option`s may be left out by clients.
/// * The return value is the result; a `Result` is the result or an error. A return type counts as a `Result` if that is its name.
/// * `#[authorize]` and `#[authorize(roles = "…", users = "…", with = function)]` narrow who may call it.
/// * Everything in the block can be called. Put helpers, constructors and the like into another `impl` block.
///
/// # Callbacks
/// `#[connected]`, `#[reconnected]` and `#[disconnected]` mark methods that run at those moments; their parameters are all taken from the
/// call, and they return nothing or a `Result` of nothing. `#[rejoining_groups]` marks a
/// `fn(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName>` that decides which groups a client that comes back is in.
///
/// For one connection on one server, `#[connected]`, `#[reconnected]` and `#[disconnected]` run one at a time, each to its end, on a task
/// of their own:
/// * `#[connected]` is first and runs at most once: never for a client that came from another server. Its client's start completes
///   after it and fails if it fails. No call of that client begins while it is due or running.
/// * `#[reconnected]` runs once for each return, beside the client's calls.
/// * `#[disconnected]` is last and runs exactly once if one of the others was due before, on a shutdown too; not for clients that a drain
///   moves to another server. Calls that are under way go on beside it.
/// * `#[rejoining_groups]` is asked on the task of each receive request, beside all others. If it panics the client is in no group.
///
/// A client of several hubs is heard of by all of them at once. An error or a panic is logged and harms no other hub and no later
/// callback.
#[proc_macro_attribute]
pub fn hub(arguments: TokenStream, block: TokenStream) -> TokenStream {
    parse::hub(arguments.into(), block.into()).map_or_else(render::mistakes, |hub| render::hub(&hub)).into()
}

/// Makes calls to clients look like method calls.
///
/// The trait is implemented for `heliostat::Target` and `heliostat::Caller`: each method calls the client's function of the same name
/// in camel case. `#[method(name = "…")]` names another one. Parameters are anything that implements `serde::Serialize`,
/// borrowed or not. Methods with a body are left alone.
///
/// ```
/// use heliostat::{Clients, SendError, hub, hub_client};
///
/// #[hub_client]
/// trait ChatClient {
///     fn add_message(&self, name: &str, text: &str) -> Result<(), SendError>;
/// }
///
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {
///     fn send(&self, clients: Clients, name: String, text: String) -> Result<(), SendError> {
///         clients.all().add_message(&name, &text)
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn hub_client(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hub_client::expand(arguments.into(), item.into()).into()
}

/// Makes calls of a hub look like method calls. Use it as `heliostat_client::hub_proxy`.
///
/// The trait is implemented for `heliostat_client::HubProxy`: each method calls the hub's method of the same name in camel
/// case. `#[method(name = "…")]` names another one. Parameters are anything that implements `serde::Serialize`, borrowed or
/// not; results are anything that implements `serde::Deserialize`. Methods with a body are left alone.
///
/// ```
/// use heliostat_client::{HubConnection, InvokeError, hub_proxy};
///
/// #[hub_proxy]
/// trait ChatHub {
///     async fn join(&self, room: &str) -> Result<u32, InvokeError>;
///     #[method(name = "Say")]
///     async fn say_aloud(&self, room: &str, text: &str) -> Result<(), InvokeError>;
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// connection.start().await?;
/// let online = chat.join("lobby").await?;
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn hub_proxy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hub_proxy::expand(&arguments.into(), item.into()).into()
}

/// Lets a client receive the calls of a trait. Use it as `heliostat_client::hub_client`.
///
/// The trait gets one method more, `attach_to(self, &HubProxy)`, which registers all others: the server's call of a function
/// of the same name in camel case, or of the name in `#[method(name = "…")]`, is a call of that method. Parameters implement
/// `serde::Deserialize`; one that is a reference is read as what it points to. Methods return nothing or a
/// `Result<(), E>`, whose error is told as `Event::Error`. Methods with a body are left alone.
///
/// It may be the very trait that the server's `#[heliostat::hub_client]` is on, in a crate that both share:
///
/// ```
/// use heliostat::SendError;
///
/// #[heliostat::hub_client]
/// #[heliostat_client::hub_client]
/// trait ChatClient {
///     fn add_message(&self, name: &str, text: &str) -> Result<(), SendError>;
/// }
///
/// struct Screen;
///
/// impl ChatClient for Screen {
///     fn add_message(&self, name: &str, text: &str) -> Result<(), SendError> {
///         println!("{name}: {text}");
///         Ok(())
///     }
/// }
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = heliostat_client::HubConnection::builder("https://example.com/signalr").build()?;
/// Screen.attach_to(&connection.hub("ChatHub")?);
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn hub_receiver(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hub_receiver::expand(&arguments.into(), item.into()).into()
}
