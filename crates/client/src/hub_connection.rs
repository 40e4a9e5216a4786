//! A connection to hubs.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use heliostat_proto::name::{HubName, NameError};

use crate::builder::Builder;
use crate::connection::Connection;
use crate::hub_proxy::HubProxy;
use crate::shared::Shared;

/// A connection to any number of hubs. It can do all that a [`Connection`] can.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heliostat_client::HubConnection;
///
/// let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// chat.on("addMessage", |name: String, text: String| println!("{name}: {text}"));
/// connection.start().await?;
///
/// let online: u32 = chat.invoke("join", ("lobby",)).await?;
/// println!("{online} are here");
/// # Ok(())
/// # }
/// ```
pub struct HubConnection(Connection);

impl HubConnection {
    /// Begins with the address of the hubs, which is often `https://host/signalr`. Nothing is appended to it but the
    /// protocol's commands.
    pub fn builder(url: &str) -> Builder<Self> {
        Builder::new(url)
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Connection::new(shared))
    }

    /// The proxy of a hub. Its name compares without case.
    ///
    /// The server calls functions only of hubs that were asked for **before the start**: they are listed in each
    /// request of the connection. A hub that is asked for later can be called at once, and is heard from the next
    /// start on.
    ///
    /// # Errors
    ///
    /// [`NameError`] if no hub can have that name.
    pub fn hub(&self, name: &str) -> Result<HubProxy, NameError> {
        Ok(HubProxy::new(Arc::clone(self.0.shared()), HubName::parse(name)?))
    }
}

impl Deref for HubConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl fmt::Debug for HubConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HubConnection").field(&self.0).finish()
    }
}
