//! Counters under SignalR's own names (spec 11.5), one set per server.
//!
//! "Received" and "sent" are seen from the *client*, as in the original. Totals only grow; `current` values are gauges.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use heliostat_proto::transport_kind::TransportKind;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $name:literal),+ $(,)?) => {
        /// The live counters of one server.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $field: $kind),+ }

        /// A snapshot of one server's counters.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics { $($(#[doc = $doc])+ pub $field: i64),+ }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Metrics {
                Metrics { $($field: self.$field.read()),+ }
            }
        }

        impl Metrics {
            /// Every counter with SignalR's name for it.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> {
                [$(($name, self.$field)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Connect events.
    connections_connected: Total = "Connections Connected",
    /// Reconnect events.
    connections_reconnected: Total = "Connections Reconnected",
    /// Disconnect events, clean and timed out.
    connections_disconnected: Total = "Connections Disconnected",
    /// How often a client was not heard for two keep-alives and counted as away, with its transport connection still open.
    connections_silent_total: Total = "Connections Silent Total",
    /// How often one of these was heard again and simply went on.
    connections_heard_again_total: Total = "Connections Heard Again Total",
    /// SignalR connections that this server holds, with or without a transport connection at the moment.
    connections_current: Gauge = "Connections Current",
    /// Of these, on forever frame.
    connections_current_forever_frame: Gauge = "Connections Current ForeverFrame",
    /// Of these, on long polling.
    connections_current_long_polling: Gauge = "Connections Current LongPolling",
    /// Of these, on server-sent events.
    connections_current_server_sent_events: Gauge = "Connections Current ServerSentEvents",
    /// Of these, on WebSockets.
    connections_current_web_sockets: Gauge = "Connections Current WebSockets",
    /// Messages from the server to clients.
    connection_messages_received_total: Total = "Connection Messages Received Total",
    /// Messages from clients to the server.
    connection_messages_sent_total: Total = "Connection Messages Sent Total",
    /// Messages that readers took from the bus.
    message_bus_messages_received_total: Total = "Message Bus Messages Received Total",
    /// Messages published to the bus.
    message_bus_messages_published_total: Total = "Message Bus Messages Published Total",
    /// Subscriptions at the moment: one per transport connection.
    message_bus_subscribers_current: Gauge = "Message Bus Subscribers Current",
    /// Subscriptions ever made.
    message_bus_subscribers_total: Total = "Message Bus Subscribers Total",
    /// Topics in memory.
    message_bus_topics_current: Gauge = "Message Bus Topics Current",
    /// Any of the errors below.
    errors_all_total: Total = "Errors: All Total",
    /// Requests for hubs that do not exist.
    errors_hub_resolution_total: Total = "Errors: Hub Resolution Total",
    /// Errors from hub methods.
    errors_hub_invocation_total: Total = "Errors: Hub Invocation Total",
    /// Transport failures.
    errors_transport_total: Total = "Errors: Transport Total",
    /// Requests refused because they broke the protocol, were too large or not allowed.
    requests_refused_total: Total = "Requests Refused Total",
    /// Messages that fell out of the bus before a reader got them: see `on_lost`.
    messages_lost_total: Total = "Messages Lost Total",
    /// Reconnects whose cursor named another log: what was missed is unknown.
    gaps_reported_total: Total = "Gaps Reported Total",
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicU64);

impl Total {
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn read(&self) -> i64 {
        i64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn read(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// The gauge of one transport.
    pub(crate) const fn current(&self, kind: TransportKind) -> &Gauge {
        match kind {
            TransportKind::WebSockets => &self.connections_current_web_sockets,
            TransportKind::ServerSentEvents => &self.connections_current_server_sent_events,
            TransportKind::ForeverFrame => &self.connections_current_forever_frame,
            TransportKind::LongPolling => &self.connections_current_long_polling,
        }
    }

    /// A failure of a transport.
    pub(crate) fn transport_error(&self) {
        self.errors_transport_total.increment();
        self.errors_all_total.increment();
    }

    /// A failure of a hub method.
    pub(crate) fn invocation_error(&self) {
        self.errors_hub_invocation_total.increment();
        self.errors_all_total.increment();
    }

    /// A call or request for a hub that does not exist.
    pub(crate) fn resolution_error(&self) {
        self.errors_hub_resolution_total.increment();
        self.errors_all_total.increment();
    }
}
