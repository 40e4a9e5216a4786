//! Counters under SignalR's own names (spec 11.5), one set per server.
//!
//! "Received" and "sent" are seen from the *client*, as in the original. Totals only grow; `current` values are gauges.

mod stripes;

use heliostat_proto::transport_kind::TransportKind;

use stripes::Stripes;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $counter:ident, $field:ident = $name:literal),+ $(,)?) => {
        /// One of the counters of a server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $($counter),+ }

        impl Counter {
            const COUNT: usize = [$(Self::$counter),+].len();
        }

        /// A snapshot of one server's counters.
        ///
        /// # Examples
        /// ```
        /// use heliostat::Server;
        /// use tower_service::Service;
        ///
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let server = Server::builder().build()?;
        /// let without_token = http::Request::get("/signalr/connect").body(String::new())?;
        /// server.service().call(without_token).await?;
        /// assert_eq!(server.metrics().requests_refused_total, 1);
        /// # Ok(()) }
        /// ```
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics { $($(#[doc = $doc])+ pub $field: i64),+ }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Metrics {
                Metrics { $($field: self.read(Counter::$counter)),+ }
            }
        }

        impl Metrics {
            /// Every counter with SignalR's name for it.
            ///
            /// # Examples
            /// ```
            /// use heliostat::Metrics;
            ///
            /// fn dashboard(metrics: &Metrics) -> String {
            ///     metrics.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
            /// }
            ///
            /// assert!(dashboard(&Metrics::default()).starts_with("Connections Connected: 0\n"));
            /// ```
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> {
                [$(($name, self.$field)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Connect events.
    ConnectionsConnected, connections_connected = "Connections Connected",
    /// Reconnect events.
    ConnectionsReconnected, connections_reconnected = "Connections Reconnected",
    /// Disconnect events, clean and timed out.
    ConnectionsDisconnected, connections_disconnected = "Connections Disconnected",
    /// How often a client was not heard for two keep-alives and counted as away, with its transport connection still open.
    ConnectionsSilentTotal, connections_silent_total = "Connections Silent Total",
    /// How often one of these was heard again and simply went on.
    ConnectionsHeardAgainTotal, connections_heard_again_total = "Connections Heard Again Total",
    /// SignalR connections that this server holds, with or without a transport connection at the moment.
    ConnectionsCurrent, connections_current = "Connections Current",
    /// Of these, on forever frame.
    ConnectionsCurrentForeverFrame, connections_current_forever_frame = "Connections Current ForeverFrame",
    /// Of these, on long polling.
    ConnectionsCurrentLongPolling, connections_current_long_polling = "Connections Current LongPolling",
    /// Of these, on server-sent events.
    ConnectionsCurrentServerSentEvents, connections_current_server_sent_events = "Connections Current ServerSentEvents",
    /// Of these, on WebSockets.
    ConnectionsCurrentWebSockets, connections_current_web_sockets = "Connections Current WebSockets",
    /// Messages from the server to clients.
    ConnectionMessagesReceivedTotal, connection_messages_received_total = "Connection Messages Received Total",
    /// Messages from clients to the server.
    ConnectionMessagesSentTotal, connection_messages_sent_total = "Connection Messages Sent Total",
    /// Messages that readers took from the bus.
    MessageBusMessagesReceivedTotal, message_bus_messages_received_total = "Message Bus Messages Received Total",
    /// Messages published to the bus.
    MessageBusMessagesPublishedTotal, message_bus_messages_published_total = "Message Bus Messages Published Total",
    /// Subscriptions at the moment: one per transport connection.
    MessageBusSubscribersCurrent, message_bus_subscribers_current = "Message Bus Subscribers Current",
    /// Subscriptions ever made.
    MessageBusSubscribersTotal, message_bus_subscribers_total = "Message Bus Subscribers Total",
    /// Topics in memory: the bus knows them.
    MessageBusTopicsCurrent, message_bus_topics_current = "Message Bus Topics Current",
    /// Any of the errors below.
    ErrorsAllTotal, errors_all_total = "Errors: All Total",
    /// Requests for hubs that do not exist.
    ErrorsHubResolutionTotal, errors_hub_resolution_total = "Errors: Hub Resolution Total",
    /// Errors from hub methods.
    ErrorsHubInvocationTotal, errors_hub_invocation_total = "Errors: Hub Invocation Total",
    /// Transport failures.
    ErrorsTransportTotal, errors_transport_total = "Errors: Transport Total",
    /// Requests refused because they broke the protocol, were too large or not allowed.
    RequestsRefusedTotal, requests_refused_total = "Requests Refused Total",
    /// Messages that fell out of the bus before a reader got them: see `on_lost`.
    MessagesLostTotal, messages_lost_total = "Messages Lost Total",
    /// Reconnects whose cursor named another log: what was missed is unknown.
    GapsReportedTotal, gaps_reported_total = "Gaps Reported Total",
}

/// The live counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Counters(Stripes<{ Counter::COUNT }>);

impl Counters {
    pub(crate) fn increment(&self, counter: Counter) {
        self.0.add(counter as usize, 1);
    }

    pub(crate) fn decrement(&self, counter: Counter) {
        self.0.add(counter as usize, -1);
    }

    pub(crate) fn add(&self, counter: Counter, count: u64) {
        self.0.add(counter as usize, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// One of the errors, which are counted together as well.
    pub(crate) fn error(&self, counter: Counter) {
        self.increment(counter);
        self.increment(Counter::ErrorsAllTotal);
    }

    /// Whoever came and went on two threads may be seen to go before he came.
    fn read(&self, counter: Counter) -> i64 {
        self.0.sum(counter as usize).max(0)
    }
}

impl Counter {
    /// The connections of one transport.
    pub(crate) const fn current(kind: TransportKind) -> Self {
        match kind {
            TransportKind::WebSockets => Self::ConnectionsCurrentWebSockets,
            TransportKind::ServerSentEvents => Self::ConnectionsCurrentServerSentEvents,
            TransportKind::ForeverFrame => Self::ConnectionsCurrentForeverFrame,
            TransportKind::LongPolling => Self::ConnectionsCurrentLongPolling,
        }
    }
}
