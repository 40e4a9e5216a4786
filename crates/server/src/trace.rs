//! Where log lines come from, under SignalR's own trace source names (spec 11.4), so that a filter that operators know still works.
//!
//! `error` is a bug or lost data, `warn` is for an operator, `debug` is a connection's life. Payloads and tokens are never logged. Fields:
//! `connection`, `transport`, `hub`, `method`, `topic`, `cursor`.

use heliostat_proto::transport_kind::TransportKind;
use tracing::level_filters::LevelFilter;

/// Requests, tokens and callbacks of persistent connections.
pub(crate) const PERSISTENT_CONNECTION: &str = "SignalR.PersistentConnection";
/// One connection's reading.
pub(crate) const CONNECTION: &str = "SignalR.Connection";
/// The log and what falls out of it.
pub(crate) const MESSAGE_BUS: &str = "SignalR.MessageBus";
/// Who is there and who is not any more.
pub(crate) const HEARTBEAT: &str = "SignalR.Transports.TransportHeartBeat";

const WEB_SOCKETS: &str = "SignalR.Transports.WebSocketTransport";
const SERVER_SENT_EVENTS: &str = "SignalR.Transports.ServerSentEventsTransport";
const FOREVER_FRAME: &str = "SignalR.Transports.ForeverFrameTransport";
const LONG_POLLING: &str = "SignalR.Transports.LongPollingTransport";

/// Writes a line for those who debug. Mostly there is nobody; so it lies out of the way of whoever goes on.
pub(crate) fn debugging(line: impl FnOnce()) {
    #[cold]
    fn out_of_the_way(line: impl FnOnce()) {
        line();
    }
    if LevelFilter::current() >= LevelFilter::DEBUG {
        out_of_the_way(line);
    }
}

/// A debug line of one transport, under that transport's name. The target of a log line is a constant, hence the macro.
macro_rules! transport_debug {
    ($kind:expr, $($line:tt)+) => {
        match $kind {
            TransportKind::WebSockets => tracing::debug!(target: WEB_SOCKETS, $($line)+),
            TransportKind::ServerSentEvents => tracing::debug!(target: SERVER_SENT_EVENTS, $($line)+),
            TransportKind::ForeverFrame => tracing::debug!(target: FOREVER_FRAME, $($line)+),
            TransportKind::LongPolling => tracing::debug!(target: LONG_POLLING, $($line)+),
        }
    };
}

/// A transport connection has begun.
pub(crate) fn transport_opened(kind: TransportKind, connection: impl std::fmt::Display) {
    debugging(|| transport_debug!(kind, %connection, transport = %kind, "a transport connection has begun"));
}

/// A transport connection is over.
pub(crate) fn transport_closed(
    kind: TransportKind,
    connection: impl std::fmt::Display,
    how: impl std::fmt::Debug,
) {
    debugging(
        || transport_debug!(kind, %connection, transport = %kind, ?how, "a transport connection is over"),
    );
}

/// Something about a message or a frame that the transport did not take.
pub(crate) fn transport_refused(
    kind: TransportKind,
    connection: impl std::fmt::Display,
    why: impl std::fmt::Display,
) {
    debugging(
        || transport_debug!(kind, %connection, transport = %kind, %why, "what the client sent was not accepted"),
    );
}
