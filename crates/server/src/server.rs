//! A server: its connections, its log, its endpoints. Two of them live in one process without knowing of each other.

use std::{
    any::TypeId,
    cell::Cell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use heliostat_bus::{Bus, Position, Woken};
use heliostat_proto::{
    connection::{Admission as Welcome, Input, Reason, Timeouts},
    id::ConnectionId,
    name::UserId,
};
use tokio::{
    runtime::{EnterGuard, Handle},
    task,
};

use crate::{
    ahead,
    application::Application,
    builder::ServerBuilder,
    connection::{Farewell, HeartbeatTask, Known, Record, Registry, run_heartbeat},
    encoded::Outgoing,
    endpoint::EndpointOptions,
    http::{request::Request, scripts::Scripts, service::HeliostatService},
    hub::{Hub, HubContext, HubRegistry},
    inspection::Clock,
    lost::LossHook,
    metrics::{Counter, Counters, Metrics},
    persistent_connection::PersistentContext,
    protect::Protector,
    settings::{LateReturn, Settings},
    trace,
    transport::{
        Now, Waiter,
        turn::{self, Telling},
    },
};

/// Readers that one publish writes to on the publisher's own thread; the rest are handed out in portions of this size, so that a
/// broadcast to very many neither holds up its caller nor one thread.
const WRITES_IN_LINE: usize = 1024;

thread_local! {
    /// The readers that the present publish has woken; kept so that publishing allocates nothing.
    static WOKEN: Cell<Woken<Waiter>> = const { Cell::new(Woken::new()) };
}

/// Writes to each of them what is due.
fn notify_all(woken: &Woken<Waiter>, now: &Now) {
    let steps: [fn(&Waiter); 3] = [ahead::fetch, Waiter::fetch, Waiter::fetch_carrier];
    ahead::go_through(woken.iter(), steps, |waiter| waiter.notify_at(now));
}

/// Now, on the clock that tests can stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// From a server's start to a later time.
pub(crate) fn nanoseconds_between(started: Instant, time: Instant) -> u64 {
    u64::try_from(time.saturating_duration_since(started).as_nanos()).unwrap_or(u64::MAX)
}

/// How a request becomes a user id.
pub(crate) type UserIds = Box<dyn Fn(&Request) -> Option<UserId> + Send + Sync>;

/// What all endpoints of a server share.
pub(crate) struct Core {
    pub(crate) timeouts: Arc<Timeouts>,
    pub(crate) settings: Settings,
    pub(crate) protector: Protector,
    pub(crate) bus: Bus<Arc<Outgoing>, Waiter>,
    pub(crate) registry: Registry,
    pub(crate) heartbeat: Arc<HeartbeatTask>,
    pub(crate) started: Instant,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) user_ids: UserIds,
    pub(crate) on_lost: Option<LossHook>,
    /// The one command that every connection gets.
    pub(crate) initialize: Arc<Outgoing>,
    /// Of all endpoints, in their order. What is mapped there is not known here: it may hold this.
    pub(crate) paths: Box<[Box<str>]>,
    /// Set when the server begins to be emptied.
    pub(crate) draining: Flag,
    /// Set when the server begins to shut down.
    pub(crate) stopping: Flag,
    /// Where everything runs: the runtime on which the first connection came. The heartbeat runs there.
    pub(crate) runtime: OnceLock<Handle>,
}

/// Something that happens to a server once. Every request asks, so it is a look at memory that nobody writes to.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// A SignalR server. Cheap to clone: all clones are the same server.
///
/// # Examples
/// ```
/// use heliostat::{Server, hub, Clients, SendError};
///
/// #[derive(Default)]
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {
///     async fn send(&self, clients: Clients, name: String, text: String) -> Result<(), SendError> {
///         clients.all().invoke("message", (name, text))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().hub(ChatHub).build()?;
/// let app: axum::Router = axum::Router::new().nest_service("/signalr", server.nested("/signalr")?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) core: Arc<Core>,
    pub(crate) mapped: Arc<Mapped>,
}

/// What clients find on a server.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) hubs: Arc<HubRegistry>,
    pub(crate) endpoints: Box<[Endpoint]>,
}

/// One mapped path.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// As it was mapped: starts with a slash, does not end with one (the root is empty).
    pub(crate) path: Box<str>,
    pub(crate) application: Arc<dyn Application>,
    pub(crate) options: EndpointOptions,
    pub(crate) scripts: Scripts,
    /// The persistent connection type, where there is one.
    pub(crate) persistent: Option<(TypeId, &'static str)>,
}

/// No endpoint is mapped at this path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is mapped at '{path}'; mapped are: {mapped}")]
pub struct NotMapped {
    /// The path that was asked for.
    pub path: String,
    /// The paths that exist.
    pub mapped: String,
}

impl Server {
    /// Begins to put a server together.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The service for all endpoints, which sees full paths: for hyper, or axum's `fallback_service`.
    #[must_use]
    pub fn service(&self) -> HeliostatService {
        HeliostatService::new(self.clone(), None)
    }

    /// The service for one endpoint behind a host that strips its path, as axum's `nest_service` does.
    ///
    /// `path` is the endpoint's public path, as it was mapped: clients are told to come back to it.
    ///
    /// # Errors
    /// If no endpoint is mapped at `path`.
    pub fn nested(&self, path: &str) -> Result<HeliostatService, NotMapped> {
        let wanted = path.trim_end_matches('/');
        match self.mapped.endpoints.iter().position(|endpoint| endpoint.path.eq_ignore_ascii_case(wanted)) {
            Some(index) => Ok(HeliostatService::new(self.clone(), Some(index))),
            None => Err(NotMapped {
                path: path.to_owned(),
                mapped: self.mapped_paths().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// The paths of all endpoints.
    pub fn mapped_paths(&self) -> impl Iterator<Item = &str> {
        let shown = |path| if str::is_empty(path) { "/" } else { path };
        self.mapped.endpoints.iter().map(move |endpoint| shown(&*endpoint.path))
    }

    /// A hub's clients and groups, for use outside of its methods. `None` if no such hub was added.
    #[must_use]
    pub fn hub<H: Hub>(&self) -> Option<HubContext> {
        self.mapped
            .hubs
            .find_type(TypeId::of::<H>())
            .map(|entry| HubContext::new(Arc::clone(&self.core), entry))
    }

    /// The same by the hub's name, in any case (CP-179).
    #[must_use]
    pub fn hub_named(&self, name: &str) -> Option<HubContext> {
        self.mapped.hubs.find(name).map(|entry| HubContext::new(Arc::clone(&self.core), entry))
    }

    /// The connections of the persistent connection type that is mapped at `path`, for use outside of its callbacks.
    #[must_use]
    pub fn persistent(&self, path: &str) -> Option<PersistentContext> {
        let wanted = path.trim_end_matches('/');
        let endpoint =
            self.mapped.endpoints.iter().find(|endpoint| endpoint.path.eq_ignore_ascii_case(wanted))?;
        endpoint.persistent.map(|(_, name)| PersistentContext::new(Arc::clone(&self.core), name))
    }

    /// The timeouts in force.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.core.timeouts
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let core = &self.core;
        let topics = i64::try_from(core.bus.statistics().topics).unwrap_or(i64::MAX);
        Metrics { message_bus_topics_current: topics, ..core.counters.snapshot() }
    }

    /// Ends one SignalR connection: its client is told to stop, `disconnected` runs, and the id is refused from then on.
    ///
    /// Clients of protocol 1.2, 1.3 and 2.0 and later stop at once; those between stop when they find that they are refused (spec
    /// 5.8). One that does not stop is cut off. Says whether there was such a connection on this server.
    pub fn disconnect(&self, id: ConnectionId) -> bool {
        self.core.disconnect(id, "")
    }

    /// The same with a text that clients of 2.4 and later show as their error.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{ConnectionId, Server};
    ///
    /// fn ban(server: &Server, id: ConnectionId) -> bool {
    ///     server.disconnect_because(id, "you were banned by a moderator")
    /// }
    /// ```
    pub fn disconnect_because(&self, id: ConnectionId, text: &str) -> bool {
        self.core.disconnect(id, text)
    }

    /// Ends all of a user's connections on this server, with a text as above. Says how many there were.
    ///
    /// Whose a connection is, its receive request says: see [`user_id`](ServerBuilder::user_id).
    ///
    /// # Examples
    /// ```
    /// use heliostat::{Server, UserId};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::builder().build()?;
    /// let ended = server.disconnect_user(&UserId::parse("ann")?, "your password was changed");
    /// assert_eq!(ended, 0);
    /// # Ok(()) }
    /// ```
    pub fn disconnect_user(&self, user: &UserId, text: &str) -> usize {
        self.core.disconnect_user(user, text)
    }

    /// Ends every transport connection and refuses new ones. Polls are answered with `"T":1`, so that their clients reconnect,
    /// perhaps to another server.
    ///
    /// Resolves when every transport connection has ended, or after five seconds.
    pub async fn shutdown(&self) {
        const AT_MOST: Duration = Duration::from_secs(5);
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        self.core.stopping.set();
        let all_ended = async {
            // A record leaves the registry with its shutdown, but its transport connection still has its last word to say.
            let mut ending = Vec::new();
            loop {
                // Every time anew: a request that was let in just before may only now have its transport connection.
                for (id, known) in self.core.registry.all() {
                    match known {
                        Known::Record(record) => {
                            record.handle(&self.core, Input::ShuttingDown);
                            ending.push(record);
                        }
                        Known::Tombstone(_) => self.core.forget_tombstone(id),
                    }
                }
                ending.retain(|record| record.has_link());
                if ending.is_empty() {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(AT_MOST, all_ended).await.is_err() {
            tracing::warn!(target: trace::HEARTBEAT, "some transport connections did not end within {AT_MOST:?}");
        }
    }
}

impl Core {
    /// Now, on the clock that tests can stop.
    pub(crate) fn now(&self) -> Instant {
        now()
    }

    pub(crate) fn nanoseconds_since_start(&self) -> u64 {
        self.nanoseconds_until(self.now())
    }

    /// From the server's start on.
    pub(crate) fn nanoseconds_until(&self, time: Instant) -> u64 {
        nanoseconds_between(self.started, time)
    }

    /// The time that is so much later than the server's start.
    pub(crate) fn after_start(&self, nanoseconds: u64) -> Instant {
        self.started + Duration::from_nanos(nanoseconds)
    }

    /// Where an endpoint is mapped, by its place.
    pub(crate) fn path(&self, endpoint: usize) -> &str {
        self.paths.get(endpoint).map_or("", |path| path)
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn user_id(&self, request: &Request) -> Option<UserId> {
        (self.user_ids)(request)
    }

    /// Publishes to one topic and writes it to every reader that is ready. Never waits; dropped if nobody subscribed lately.
    /// Says where it stands in the log.
    pub(crate) fn publish(&self, topic: &str, json: Bytes, except: &[ConnectionId]) -> Option<Position> {
        self.publish_payload(topic, Outgoing::message(json, except))
    }

    pub(crate) fn publish_payload(&self, topic: &str, payload: Arc<Outgoing>) -> Option<Position> {
        // Whoever waits for a command may do so on this very thread.
        let telling = match &*payload {
            Outgoing::Message(_) => turn::telling(self, topic),
            Outgoing::Command(_) => Telling::Now(Vec::new()),
        };
        let mut woken = WOKEN.take();
        let position = match &telling {
            Telling::Later => self.bus.append(topic, payload),
            Telling::Now(_) => self.bus.publish(topic, payload, &mut woken),
        };
        if position.is_some() {
            self.counters.increment(Counter::MessageBusMessagesPublishedTotal);
        }
        if let Telling::Now(others) = telling {
            self.notify(woken, others.iter().filter(|other| *other != topic));
        }
        position
    }

    /// Tells the readers of these topics that there is something to read.
    pub(crate) fn tell(&self, topics: &[String]) {
        self.notify(WOKEN.take(), topics.iter());
    }

    fn notify<'a>(&self, mut woken: Woken<Waiter>, topics: impl Iterator<Item = &'a String>) {
        topics.for_each(|topic| self.bus.readers(topic, &mut woken));
        // Whoever runs in a task is in a runtime. To ask for that itself is to write to a count which all threads share.
        let has_runtime = task::try_id().is_some() || Handle::try_current().is_ok();
        // Who answers a poll lets go of it, and what comes of that may be a callback.
        let _runtime = if has_runtime { None } else { self.enter() };
        let mut rest = if has_runtime { woken.split(WRITES_IN_LINE) } else { None };
        while let Some(mut portion) = rest {
            rest = portion.split(WRITES_IN_LINE);
            let now = Now::of(self);
            tokio::spawn(async move { notify_all(&portion, &now) });
        }
        notify_all(&woken, &Now::of(self));
        woken.clear();
        WOKEN.set(woken);
    }

    /// Whether this connection may not begin here, because it would only have to leave again.
    pub(crate) fn refuses(&self, id: ConnectionId) -> bool {
        self.draining.is_set() && self.registry.find(id).is_none_or(|known| known.is_forgotten())
    }

    /// Whether the id of a connection that ended like this is refused for a while.
    pub(crate) fn refuses_after(&self, reason: Reason) -> bool {
        reason != Reason::TimedOut || self.settings.late_return == LateReturn::Stop
    }

    /// The record of a connection, new if this server does not know it; if it is over, what its client is to read.
    pub(crate) fn record(self: &Arc<Self>, id: ConnectionId) -> Result<Arc<Record>, Farewell> {
        self.runtime.get_or_init(|| {
            tokio::spawn(run_heartbeat(Arc::downgrade(self)));
            Handle::current()
        });
        loop {
            let known = self.registry.find_or_create(id, || {
                self.counters.increment(Counter::ConnectionsCurrent);
                Record::new(self, id)
            });
            let record = match known {
                Known::Record(record) => record,
                Known::Tombstone(_) => return known.living(),
            };
            match record.admits() {
                Welcome::Welcome => return Ok(record),
                Welcome::Ended => return Err(record.farewell()),
                Welcome::Forgotten => self.forget(&record),
            }
        }
    }

    /// Handlers run on the server's runtime, even if their cause is on a thread that has none.
    pub(crate) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.runtime.get().map(Handle::enter)
    }

    /// Lets go of a record of which nothing is to be kept.
    pub(crate) fn forget(&self, record: &Record) {
        if self.registry.remove(record) {
            self.counters.decrement(Counter::ConnectionsCurrent);
        }
    }

    /// The tombstone's time is over: the id is unknown again.
    pub(crate) fn forget_tombstone(&self, id: ConnectionId) {
        if self.registry.remove_tombstone(id) {
            self.counters.decrement(Counter::ConnectionsCurrent);
        }
    }

    /// What is regularly thrown away.
    pub(crate) fn collect(&self, now: Instant) {
        self.bus.collect(now, self.timeouts.topic_time_to_live());
    }
}
