//! What the connection layer asks of the application above it: hubs, or one persistent connection type.
//!
//! The connection layer knows requests, tokens, topics and lifetimes; it knows nothing of hubs or of anybody's callbacks. Both
//! kinds of application keep this one contract, so every promise about the order of callbacks is kept in one place (the
//! connection layer's [`crate::connection::Callbacks`]).

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use heliostat_bus::{Position, TopicName};
use heliostat_proto::{
    connection::Reason,
    id::ConnectionId,
    name::{HubName, UserId},
};
use tokio_util::sync::CancellationToken;

use crate::{begun::Begun, connection::Record, failure::Failure, http::request::Request, server::Core};

/// Something that is mapped at a path: all hubs, or one persistent connection type.
pub(crate) trait Application: Send + Sync + fmt::Debug + 'static {
    /// Runs for every request before anything else: who asks, for what, and may they.
    ///
    /// Negotiate, ping and the proxy script are asked about too (spec 2.5, step 3).
    fn admit(&self, request: Arc<Request>) -> Begun<Result<Arc<dyn Admission>, Refusal>>;

    /// What stands before a qualified group name to make it a topic: `hg-` for hubs, `pcg-` for persistent connections.
    fn group_prefix(&self) -> &'static str;

    /// The generated proxy script for `service_url`; `None` where there are no hubs.
    fn script(&self, service_url: &str) -> Option<String>;
}

/// A lifetime callback of the application, not yet begun.
pub(crate) type Handling = BoxFuture<'static, Result<(), Failure>>;

/// One admitted request: what it may listen to and whose callbacks run for it.
///
/// A receive request's admission lives as long as its transport connection: its callbacks see *that* request.
pub(crate) trait Admission: Send + Sync + fmt::Debug + 'static {
    /// The request that was admitted.
    fn request(&self) -> &Arc<Request>;

    /// The topics of a receive request besides the connection's own `c-<id>` and its groups.
    /// With room for one more.
    fn topics(&self, user: Option<&UserId>) -> Vec<TopicName>;

    /// Whether the client of a receive request has listed this hub, and may hear it.
    fn hears(&self, hub: &HubName) -> bool;

    /// Which of the groups that the client's token names it is really in: qualified names in, qualified names out.
    fn rejoining_groups(&self, groups: Vec<String>) -> Vec<String>;

    /// A SignalR connection has begun. An error makes `/start` (or the old clients' `/connect`) fail. `None`, here and below, if nobody
    /// listens: then there is nothing to wait for.
    fn connected(&self, about: About<'_>) -> Option<Handling>;

    /// A SignalR connection has a new transport connection.
    fn reconnected(&self, about: About<'_>) -> Option<Handling>;

    /// A SignalR connection is over. Never called twice for one connection, and nothing is called after it.
    fn disconnected(&self, about: About<'_>, reason: Reason) -> Option<Handling>;

    /// The client sent `data`. What the application does without waiting is done when this returns.
    fn received(&self, context: Context, data: &str) -> Begun<Received>;
}

/// Which connection a callback is about.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) id: ConnectionId,
    /// The request that caused the callback; for `disconnected` the last receive request.
    pub(crate) request: Arc<Request>,
    /// The server: topics, acknowledgements, counters.
    pub(crate) core: Arc<Core>,
    pub(crate) holder: Holder,
}

/// Which connection a lifetime event is about; a [`Context`] for those who want to hear of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) record: &'a Arc<Record>,
    pub(crate) request: &'a Arc<Request>,
    pub(crate) core: &'a Arc<Core>,
}

impl About<'_> {
    pub(crate) fn context(self) -> Context {
        let holder = Holder::ThisServer(Arc::clone(self.record));
        let (request, core) = (Arc::clone(self.request), Arc::clone(self.core));
        Context { id: self.record.id, request, core, holder }
    }
}

/// Who knows when the SignalR connection ends.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    ThisServer(Arc<Record>),
    /// A message may land where its connection is not (spec 6.6). Nobody here ever cancels this.
    AnotherServer(CancellationToken),
}

impl Context {
    /// Cancelled when the SignalR connection ends.
    pub(crate) fn ended(&self) -> &CancellationToken {
        match &self.holder {
            Holder::ThisServer(record) => record.ended.token(),
            Holder::AnotherServer(never) => never,
        }
    }
}

/// What came of the data that a client sent.
#[derive(Debug)]
pub(crate) enum Received {
    /// An answer for the caller alone: a hub result. Its own frame on a WebSocket, the body elsewhere.
    Reply {
        json: Vec<u8>,
        /// Where in the log the call's last progress report stands: the result should not overtake it (CP-168).
        after: Option<Position>,
    },
    /// Nothing to say.
    Nothing,
    /// The data broke the protocol. 400 over HTTP; dropped on a WebSocket (spec 2.10, rows 20 and 21).
    Malformed(String),
    /// The application's own handler failed. 500 over HTTP.
    Failed(Failure),
}

/// Why a request may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 403 if the user is known, 401 otherwise, both with an empty body.
    NotAuthorized,
    /// The hub list was malformed: 400 with this text.
    Malformed(String),
    /// The hub list named a hub that does not exist: 400 with this text, and counted.
    UnknownHub(String),
}
