//! What a connection tells its application.

use std::time::Duration;

use heliostat_proto::connection::client::Phase;

use crate::error::ConnectionError;
use crate::message::Message;

/// News of a connection, under the names of the official clients.
///
/// A change of state is told before the event that belongs to it.
///
/// # Examples
///
/// ```
/// # use heliostat_client::Connection;
/// use heliostat_client::Event;
///
/// fn notice(event: &Event) -> Option<&'static str> {
///     match event {
///         Event::Reconnecting => Some("back in a moment"),
///         Event::Reconnected | Event::Restarted => Some("back"),
///         Event::Closed { error: Some(_) } => Some("offline"),
///         _ => None,
///     }
/// }
///
/// # let connection = Connection::builder("https://example.com/echo").build()?;
/// connection.on_event(|event| notice(event).iter().for_each(|text| println!("{text}")));
/// assert_eq!(notice(&Event::Closed { error: None }), None);
/// # Ok::<_, heliostat_client::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// `starting`: a start begins.
    Starting,
    /// `stateChanged`
    StateChanged {
        /// The state it left.
        from: Phase,
        /// The state it is in.
        to: Phase,
    },
    /// `received`: a message came. On a hub connection these are the server's calls of client functions, progress and
    /// results, as they came.
    Received(Message),
    /// `connectionSlow`: nothing was heard for two thirds of the time after which the connection counts as lost.
    ConnectionSlow,
    /// `reconnecting`: the transport connection is lost and a new one is being made.
    Reconnecting,
    /// `reconnected`: it is there. No message was lost.
    Reconnected,
    /// `error`: something went wrong. It need not be the end.
    Error(ConnectionError),
    /// `disconnected`, `Closed`: it is over, until the next start.
    Closed {
        /// Why, or nothing if the application stopped it.
        error: Option<ConnectionError>,
    },
    /// It is closed and starts again by itself (see [`Restart`](crate::Restart)).
    Restarting {
        /// How many attempts there were, this one included.
        attempt: u32,
        /// When it begins.
        after: Duration,
    },
    /// It has started again by itself, as a new connection: groups and other state of the old one are gone.
    Restarted,
}
