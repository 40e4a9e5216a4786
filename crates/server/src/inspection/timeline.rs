//! What happened to one connection lately, on its three layers: the SignalR connection, its transport connections, and the physical
//! connections under them.

use std::time::{Duration, SystemTime};

use heliostat_proto::{
    connection::{Ending, Opening, Reason},
    id::ConnectionId,
    transport_kind::TransportKind,
};
use serde::{Deserialize, Serialize, Serializer};

use super::moment;
use crate::{
    connection::{Event, Happening},
    server::Server,
};

/// The last lifetime events of one connection, the oldest first. Written as JSON by its `Serialize`; `heliostat timeline` draws it.
///
/// # Examples
/// ```
/// use heliostat::{Timeline, What};
///
/// /// A client that comes back again and again has a poor network, or a proxy that cuts it off.
/// fn reconnects(timeline: &Timeline) -> usize {
///     timeline.events.iter().filter(|event| event.what == What::Reconnected).count()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Timeline {
    /// Whose they are.
    pub connection: ConnectionId,
    /// When this server first heard of it.
    #[serde(serialize_with = "moment")]
    pub began: SystemTime,
    /// How many earlier events have been forgotten.
    pub forgotten: u32,
    /// What happened: at most 48 events.
    pub events: Vec<TimelineEvent>,
}

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TimelineEvent {
    /// When, as a time of day.
    #[serde(serialize_with = "moment")]
    pub at: SystemTime,
    /// When, after the beginning, on a clock that never jumps. In JSON in milliseconds.
    #[serde(serialize_with = "milliseconds")]
    pub offset: Duration,
    /// How long it went on, if it is several in one. In JSON in milliseconds.
    #[serde(serialize_with = "milliseconds")]
    pub lasted: Duration,
    /// How many it is: polls one after the other are one event.
    pub count: u32,
    /// On which layer.
    pub layer: Layer,
    /// What.
    pub what: What,
    /// Why, in words.
    pub cause: String,
    /// The number of the transport connection that it is about, counted within the connection on this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_connection: Option<u32>,
}

/// The three layers of the word "connection".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// The one with the connection id, which outlives the others.
    SignalR,
    /// One WebSocket, one stream, one poll.
    Transport,
    /// The one under it.
    Physical,
}

/// What happened on a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum What {
    /// `connected` was raised.
    Connected,
    /// `reconnected` was raised.
    Reconnected,
    /// `disconnected` was raised.
    Disconnected,
    /// Its client missed messages.
    MessagesLost,
    /// A transport connection began.
    Opened,
    /// A poll got its answer.
    Answered,
    /// Polls began and got their answers, one after the other.
    Polled,
    /// The server ended a transport connection.
    Ended,
    /// The physical connection was lost, or closed by the client.
    Lost,
    /// Nothing was heard from the client for two keep-alives: it counts as away, its transport connection is kept.
    Silent,
    /// The client that counted as away was heard again on the same transport connection: it is connected.
    HeardAgain,
    /// The client was silent until its time to come back was over, and the server cut the physical connection.
    Cut,
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Server {
    /// What happened to a connection lately, if this server knows it.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{ConnectionId, Server};
    ///
    /// fn explain(server: &Server, id: ConnectionId) {
    ///     for event in server.timeline(id).into_iter().flat_map(|timeline| timeline.events) {
    ///         println!("{:>8.3} s  {:?}: {}", event.offset.as_secs_f64(), event.what, event.cause);
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn timeline(&self, id: ConnectionId) -> Option<Timeline> {
        let (began, forgotten, events) = self.core.registry.find(id)?.history(&self.core);
        let began = self.core.clock.time_of_day(began);
        let events = events.iter().map(|event| TimelineEvent::new(began, event)).collect();
        Some(Timeline { connection: id, began, forgotten, events })
    }
}

impl TimelineEvent {
    fn new(began: SystemTime, event: &Event) -> Self {
        let offset = Duration::from_millis(event.at);
        let (layer, what) = place(event.what);
        Self {
            at: began + offset,
            offset,
            lasted: Duration::from_millis(event.lasted.into()),
            count: event.count,
            layer,
            what,
            cause: cause(event.what),
            transport_connection: Some(event.link).filter(|link| *link != 0),
        }
    }
}

const fn place(what: Happening) -> (Layer, What) {
    match what {
        Happening::Connected => (Layer::SignalR, What::Connected),
        Happening::Reconnected => (Layer::SignalR, What::Reconnected),
        Happening::Disconnected(_) => (Layer::SignalR, What::Disconnected),
        Happening::MessagesLost(_) => (Layer::SignalR, What::MessagesLost),
        Happening::Opened(..) => (Layer::Transport, What::Opened),
        Happening::Answered => (Layer::Transport, What::Answered),
        Happening::Polled => (Layer::Transport, What::Polled),
        Happening::Ended(Ending::Silent) => (Layer::Physical, What::Cut),
        Happening::Ended(_) => (Layer::Transport, What::Ended),
        Happening::Gone => (Layer::Physical, What::Lost),
        Happening::Silent => (Layer::Physical, What::Silent),
        Happening::HeardAgain => (Layer::Physical, What::HeardAgain),
    }
}

fn cause(what: Happening) -> String {
    match what {
        Happening::Connected => "the client has started".into(),
        Happening::Reconnected => "the client has come back".into(),
        Happening::Disconnected(reason) => reason_text(reason).into(),
        Happening::MessagesLost(cause) => cause.to_string(),
        Happening::Opened(kind, how) => opening_text(kind, how),
        Happening::Answered => "the poll was answered".into(),
        Happening::Polled => "polls that were answered".into(),
        Happening::Ended(ending) => ending_text(ending).into(),
        Happening::Gone => "the physical connection is gone".into(),
        Happening::Silent => "nothing was heard for two keep-alives; the client counts as away".into(),
        Happening::HeardAgain => "the client is there".into(),
    }
}

fn opening_text(kind: TransportKind, how: Opening) -> String {
    let verb = match how {
        Opening::ConnectDelayed | Opening::ConnectAtOnce => "connect",
        Opening::Reconnect => "reconnect",
        Opening::Poll => "poll",
    };
    format!("{verb} over {kind}")
}

fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Stopped => "the client stopped",
        Reason::TimedOut => "the client did not come back in time",
        Reason::DisconnectedByServer => "the application sent the client away",
        Reason::MessagesLost => "messages were lost, and the application wants it to end for that",
        Reason::ShuttingDown => "the server ends",
        Reason::Replaced => "it goes on at another server",
        _ => "another reason",
    }
}

const fn ending_text(ending: Ending) -> &'static str {
    match ending {
        Ending::Replaced => "a newer one took its place",
        Ending::ConnectionTimeout => "it was open for long enough",
        Ending::Stopped => "the client stopped",
        Ending::Silent => "nothing was heard until the time to come back was over",
        Ending::Disconnected => "the client was told to stop",
        Ending::ShuttingDown => "the client was asked to reconnect",
    }
}
