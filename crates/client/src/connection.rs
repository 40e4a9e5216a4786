//! A SignalR connection as its application holds it: start, stop, listen, and send as it is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use heliostat_proto::connection::client::{Phase, SendRefusal, Terms};
use heliostat_proto::negotiate::NegotiateAnswer;
use heliostat_proto::transport_kind::TransportKind;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::RequestError;
use crate::builder::Builder;
use crate::driver::{self, Command, Outgoing, Whose};
use crate::error::{ConnectionError, ErrorKind, SendError};
use crate::event::Event;
use crate::exchange::Session;
use crate::message::Message;
use crate::shared::Shared;
use crate::stream::{Events, ROOM};
use crate::subscription::Subscription;

/// A connection to an endpoint of messages without hubs (a `PersistentConnection` in .NET). Hubs are one layer up, in
/// [`HubConnection`](crate::HubConnection), which can do all of this too.
///
/// It does nothing until it is started, and everything ends when it is dropped: the server is told, streams end, calls
/// fail.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heliostat_client::Connection;
///
/// let echo = Connection::builder("https://example.com/echo").build()?;
/// echo.on_received(|message| println!("{message}"));
/// echo.start().await?;
/// echo.send("hello").await?;
/// echo.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Connection {
    shared: Arc<Shared>,
    // The only strong end: the driver stops when it is gone.
    driver: Mutex<Option<mpsc::UnboundedSender<Command>>>,
}

impl Connection {
    /// Begins with the address of the endpoint. Nothing is appended to it but the protocol's commands.
    pub fn builder(url: &str) -> Builder<Self> {
        Builder::new(url)
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, driver: Mutex::new(None) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Starts the connection, on the runtime of the caller. Who starts twice gets the answer to the first start.
    ///
    /// Dropping the future does not stop the start; [`stop`](Self::stop) does.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] that says which rule ended it and which requests failed. It is not tried again.
    pub async fn start(&self) -> Result<(), ConnectionError> {
        let (done, answer) = oneshot::channel();
        self.command(Command::Start(done));
        answer.await.unwrap_or_else(|_| Err(ConnectionError::new(ErrorKind::Gone, Vec::new())))
    }

    /// Stops the connection and tells the server. It is [`State::Disconnected`](crate::State::Disconnected) when this
    /// returns, and [`Event::Closed`] is on its way to the handlers.
    ///
    /// A connection that is to start again by itself does so no more. Stopping twice is no mistake.
    pub async fn stop(&self) {
        let sender = self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else { return };
        let (done, answer) = oneshot::channel();
        if sender.send(Command::Stop(done)).is_ok() {
            // Without an answer there is no driver, and so no connection.
            let _ = answer.await;
        }
    }

    /// Sends a text to the endpoint.
    ///
    /// # Errors
    ///
    /// [`SendError`]. On webSockets this returns when the text is written, on the other transports when the server has
    /// answered.
    pub async fn send(&self, text: impl Into<String>) -> Result<(), SendError> {
        send(&self.shared, text.into()).await
    }

    /// Sends a value as JSON.
    ///
    /// # Errors
    ///
    /// [`SendError`], as for [`send`](Self::send).
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), SendError> {
        let json = heliostat_proto::json::to_json(value)
            .map_err(|error| SendError::Arguments(Arc::new(error.into())))?;
        self.send(String::from_utf8_lossy(&json)).await
    }

    /// The state of the connection.
    #[must_use]
    pub fn state(&self) -> Phase {
        self.shared.status().phase
    }

    /// Its id, from the negotiation until the end. Each start gives it a new one.
    #[must_use]
    pub fn connection_id(&self) -> Option<String> {
        self.shared.status().offer.as_ref().map(|offer| offer.connection_id.as_ref().to_owned())
    }

    /// What the server offered: its version, its timeouts. From the negotiation until the end.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        self.shared.status().offer.as_ref().map(|offer| offer.terms.clone())
    }

    /// The transport that carries the connection, or is to carry it next.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.shared.status().transport
    }

    /// What went wrong last since the last start, if something did. In a handler of [`Event::Closed`] it tells a
    /// deliberate stop from a failure.
    #[must_use]
    pub fn last_error(&self) -> Option<ConnectionError> {
        self.shared.status().last_error.clone()
    }

    /// All events from now on, for a task of the application.
    #[must_use]
    pub fn events(&self) -> Events {
        let (sender, receiver) = mpsc::channel(ROOM);
        let id = self.shared.audience.on_event(Arc::new(move |event| {
            let (sender, event) = (sender.clone(), event.clone());
            // Who has dropped the stream wants nothing more.
            Some(Box::pin(async move { drop(sender.send(event).await) }))
        }));
        Events::new(receiver, Subscription::new(Arc::downgrade(&self.shared), id))
    }

    /// Calls a handler with every event. It must not block.
    pub fn on_event(&self, handler: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        let id = self.shared.audience.on_event(Arc::new(move |event| {
            handler(event);
            None
        }));
        Subscription::new(Arc::downgrade(&self.shared), id)
    }

    /// Calls a handler with every message. It must not block.
    pub fn on_received(&self, handler: impl Fn(&Message) + Send + Sync + 'static) -> Subscription {
        self.on_event(move |event| {
            if let Event::Received(message) = event {
                handler(message);
            }
        })
    }

    /// Calls a handler whenever the connection is over. It is given the error, unless the application stopped it.
    pub fn on_closed(
        &self,
        handler: impl Fn(Option<&ConnectionError>) + Send + Sync + 'static,
    ) -> Subscription {
        self.on_event(move |event| {
            if let Event::Closed { error } = event {
                handler(error.as_ref());
            }
        })
    }

    /// Asks for a connection and makes none: what the server offers, and whether it answers at all.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer, or none that can be used.
    pub async fn negotiate(&self) -> Result<NegotiateAnswer, RequestError> {
        Session::new(&self.shared).negotiate().await
    }

    /// A GET request to a path under the endpoint (`"hubs"`, say), with the settings of this connection: its query,
    /// headers, cookies, credentials, token and proxy.
    ///
    /// # Errors
    ///
    /// [`RequestError::Token`] if no bearer token can be had.
    pub async fn request(&self, path: &str) -> Result<reqwest::RequestBuilder, RequestError> {
        let session = Session::new(&self.shared);
        session.renew_token().await?;
        Ok(session.request(http::Method::GET, path, None, &[]))
    }

    /// Gives the driver something to do. If there is none, or its runtime has ended, there is one from now on.
    fn command(&self, command: Command) {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match driver.take() {
            Some(sender) if !sender.is_closed() => sender,
            Some(_) | None => driver::spawn(&self.shared),
        };
        // A driver that ends just now drops the command, and with it the answer.
        let _ = sender.send(command);
        *driver = Some(sender);
    }
}

/// Sends a text that nobody answers.
pub(crate) async fn send(shared: &Shared, text: String) -> Result<(), SendError> {
    let (done, answer) = oneshot::channel();
    hand_over(shared, text.into(), Whose::Sender(done)).await?;
    answer.await.unwrap_or(Err(SendError::Lost))
}

/// Gives the driver something to send, once there is room.
pub(crate) async fn hand_over(shared: &Shared, text: Arc<str>, whose: Whose) -> Result<(), SendError> {
    let refused = SendError::Refused(SendRefusal::Disconnected);
    let Ok(permit) = Arc::clone(&shared.outgoing).acquire_owned().await else { return Err(refused) };
    let Some(driver) = shared.driver() else { return Err(refused) };
    driver.send(Command::Send(Outgoing { text, whose, permit: Some(permit) })).map_err(|_| refused)
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Handlers may hold proxies, and these hold what handlers are kept in.
        self.shared.audience.dismiss();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.shared.status().clone();
        f.debug_struct("Connection")
            .field("url", &self.shared.address.endpoint().as_str())
            .field("state", &status.phase)
            .field("id", &status.offer.map(|offer| offer.connection_id))
            .field("transport", &status.transport)
            .finish_non_exhaustive()
    }
}
