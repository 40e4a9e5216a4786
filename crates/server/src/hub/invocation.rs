//! One call of a hub method, or one lifetime callback: who, for which hub, over which request.
//!
//! Everything that a handler can ask for is derived from this one value, so extracting costs a reference count. A call is *live* from
//! its beginning until its result is known; only then may progress be reported.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use heliostat_bus::Position;
use heliostat_proto::{
    classic::{HubInvocation, InvocationId},
    connection::Reason,
    id::ConnectionId,
};

use crate::{
    application::Context,
    http::request::Request,
    hub::{caller_state::CallerState, entry::HubEntry},
    user::User,
};

/// One call of a hub method, or one lifetime callback.
///
/// Extractors and [pipeline modules](crate::PipelineModule) see it; clones are cheap and mean the same call.
///
/// # Examples
/// ```
/// use heliostat::{Invocation, User};
///
/// /// A line for the log, such as `ann: ChatHub.send("lobby", "hi")`.
/// fn line(call: &Invocation) -> String {
///     let user = call.user().map_or("anonymous", User::name);
///     let arguments = call.arguments().collect::<Vec<_>>().join(", ");
///     format!("{user}: {}.{}({arguments})", call.hub(), call.method().unwrap_or("?"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Invocation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    hub: HubEntry,
    occasion: Occasion,
}

/// Why a hub's code runs.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are calls, and each is in an `Arc` of its own")]
pub(crate) enum Occasion {
    Call(Call),
    Event(Event),
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Connected,
    Reconnected,
    Disconnected(Reason),
}

/// What the client asked for.
#[derive(Debug)]
pub(crate) struct Call {
    sent: HubInvocation,
    pub(crate) state: CallerState,
    over: AtomicBool,
    /// Where in the log the last progress report stands; zero if there is none.
    reported: AtomicU64,
}

impl Invocation {
    pub(crate) fn new(context: Context, hub: HubEntry, occasion: Occasion) -> Self {
        Self(Arc::new(Inner { context, hub, occasion }))
    }

    /// The declared name of the hub.
    #[must_use]
    pub fn hub(&self) -> &str {
        self.0.hub.name().as_str()
    }

    /// The name of the method as the client wrote it; none in lifetime callbacks.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.call().map(Call::method)
    }

    /// The client's arguments as it sent them, each still JSON; none in lifetime callbacks.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &str> {
        let count = self.call().map_or(0, Call::argument_count);
        (0..count).map(|index| self.argument(index).unwrap_or_default())
    }

    /// One of them, counted from 0.
    pub(crate) fn argument(&self, index: usize) -> Option<&str> {
        self.call()?.sent.argument(index)
    }

    /// The SignalR connection that calls, or that the callback is about.
    #[must_use]
    pub fn connection_id(&self) -> ConnectionId {
        self.0.context.id
    }

    /// The request that carried the call; over WebSockets the upgrade request.
    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.0.context.request
    }

    /// The authenticated user of that request.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.request().user()
    }

    /// Why the connection ended; none except in the disconnected callback.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match &self.0.occasion {
            Occasion::Event(Event::Disconnected(reason)) => Some(*reason),
            Occasion::Call(_) | Occasion::Event(Event::Connected | Event::Reconnected) => None,
        }
    }

    pub(crate) fn call(&self) -> Option<&Call> {
        match &self.0.occasion {
            Occasion::Call(call) => Some(call),
            Occasion::Event(_) => None,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(crate) fn entry(&self) -> &HubEntry {
        &self.0.hub
    }
}

impl Call {
    pub(crate) fn new(mut sent: HubInvocation) -> Self {
        let state = CallerState::new(sent.state.take());
        Self { sent, state, over: AtomicBool::new(false), reported: AtomicU64::new(0) }
    }

    /// The hub as the client wrote it: error texts name the call in the client's own words.
    pub(crate) fn hub(&self) -> &str {
        self.sent.hub()
    }

    /// The method likewise.
    pub(crate) fn method(&self) -> &str {
        self.sent.method()
    }

    pub(crate) fn id(&self) -> InvocationId<'_> {
        self.sent.id()
    }

    pub(crate) fn argument_count(&self) -> usize {
        self.sent.arguments().map_or(0, |arguments| arguments.len())
    }

    /// Progress was reported, at this place in the log.
    pub(crate) fn report(&self, position: Position) {
        self.reported.fetch_max(position.get(), Ordering::Relaxed);
    }

    /// Where the last report stands.
    pub(crate) fn last_report(&self) -> Option<Position> {
        Some(Position::new(self.reported.load(Ordering::Relaxed)))
            .filter(|position| *position != Position::ZERO)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// From here on nobody may report progress.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }
}
