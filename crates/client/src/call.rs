//! The server calls a function of the client.

use heliostat_proto::classic::IncomingCall;
use serde_json::{Map, Value};

use crate::message::Message;

/// A call of a client's function, as handlers for any function see it.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heliostat_client::HubConnection;
///
/// let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// chat.on_any(|call| println!("{}.{}({:?})", call.hub, call.method, call.arguments));
/// connection.start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCall {
    /// The hub as the server declares it.
    pub hub: String,
    /// The function as the server wrote it. Names compare without case.
    pub method: String,
    /// The arguments.
    pub arguments: Vec<Message>,
    /// What the running method of the hub changed in this client's state.
    pub state: Map<String, Value>,
}

impl ClientCall {
    pub(crate) fn of(call: IncomingCall<'_>) -> Self {
        Self {
            hub: call.hub.into_owned(),
            method: call.method.into_owned(),
            arguments: call.arguments.into_iter().map(Message::of).collect(),
            state: call.state,
        }
    }
}
