//! News for a task of the application, rather than for a handler.
//!
//! A stream that is not read fills up, and then holds up all other handlers of its connection: that is what the
//! [`Queue`](crate::Queue) is for. Drop what is not wanted.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::event::Event;
use crate::handler::ArgumentsError;
use crate::subscription::Subscription;

/// So much waits in the stream itself; what counts is the connection's queue.
pub(crate) const ROOM: usize = 16;

/// The events of a connection. Ends when the connection is dropped. Also a [`Stream`].
///
/// # Examples
///
/// ```
/// use heliostat_client::{Connection, Event, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Nobody listens there.
/// let connection = Connection::builder("http://127.0.0.1:1/echo").no_proxy().build()?;
/// let mut events = connection.events();
/// assert!(connection.start().await.is_err());
///
/// let mut states = Vec::new();
/// while let Some(event) = events.next().await {
///     match event {
///         Event::StateChanged { to, .. } => states.push(to),
///         Event::Closed { .. } => break,
///         _ => {}
///     }
/// }
/// assert_eq!(states, [State::Connecting, State::Disconnected]);
/// # Ok(())
/// # }
/// ```
pub struct Events(Leaving<Event>);

/// The calls of one client function, as tuples of their arguments. Ends when the connection is dropped. Also a
/// [`Stream`].
///
/// # Examples
///
/// ```no_run
/// # async fn store(_: &str, _: &str) -> std::io::Result<()> { Ok(()) }
/// # async fn example(connection: heliostat_client::HubConnection) -> Result<(), Box<dyn std::error::Error>> {
/// let mut messages = connection.hub("ChatHub")?.listen::<(String, String)>("addMessage");
/// connection.start().await?;
/// while let Some(call) = messages.next().await {
///     let (name, text) = call?;
///     store(&name, &text).await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Listener<T>(Leaving<Result<T, ArgumentsError>>);

/// A receiver that is taken off the list when it is dropped.
struct Leaving<T> {
    receiver: mpsc::Receiver<T>,
    subscription: Option<Subscription>,
}

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<Event>, subscription: Subscription) -> Self {
        Self(Leaving { receiver, subscription: Some(subscription) })
    }

    /// The next event. May be dropped and asked again; nothing is lost by that.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.receiver.recv().await
    }

    /// An event that is there already.
    pub fn poll_ready(&mut self) -> Option<Event> {
        self.0.receiver.try_recv().ok()
    }
}

impl<T> Listener<T> {
    pub(crate) fn new(
        receiver: mpsc::Receiver<Result<T, ArgumentsError>>,
        subscription: Subscription,
    ) -> Self {
        Self(Leaving { receiver, subscription: Some(subscription) })
    }

    /// The arguments of the next call, or why they are not of these types. May be dropped and asked again; nothing is
    /// lost by that.
    pub async fn next(&mut self) -> Option<Result<T, ArgumentsError>> {
        self.0.receiver.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.receiver.poll_recv(context)
    }
}

impl<T> Stream for Listener<T> {
    type Item = Result<T, ArgumentsError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.receiver.poll_recv(context)
    }
}

impl<T> Drop for Leaving<T> {
    fn drop(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            subscription.cancel();
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Listener<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
