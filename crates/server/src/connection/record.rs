//! One SignalR connection as this server knows it: the state machine, the transport connection it has at the moment, its callbacks.
//!
//! Every piece of news goes through [`Record::handle`]: the machine decides under a small lock, callbacks are queued under the same
//! lock (so their order is the machine's), and transport connections are told to end after it is released.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use heliostat_bus::{Position, TopicName};
use heliostat_proto::{
    connection::{Admission as Welcome, Effect, Ending, Input, LinkId, Opening, Reason, ServerConnection},
    id::ConnectionId,
    transport_kind::TransportKind,
};

use super::{
    Callback, Event, Farewell, Losses, Tombstone,
    callbacks::Callbacks,
    ended::Ended,
    history::{self, History},
    left::Left,
    traffic::Traffic,
};
use crate::{
    ahead::{self, Lines},
    application::{About, Admission, Context},
    http::request::Request,
    lost::LossCause,
    metrics::Counter,
    server::Core,
    topic, trace,
    transport::{Link, LinkSeed},
};

/// The time of a look that nobody has booked.
const NEVER: u64 = u64::MAX;

/// A SignalR connection on this server. When all about it is over, a [`Tombstone`] takes its place.
pub(crate) struct Record {
    pub(crate) id: ConnectionId,
    /// The topic that it has for itself.
    pub(crate) topic: TopicName,
    pub(crate) callbacks: Callbacks,
    pub(crate) ended: Ended,
    /// What its client reads when it is told to stop, if it is not the usual.
    farewell: OnceLock<Arc<str>>,
    /// What its client missed and the application does not know yet.
    pub(crate) losses: Losses,
    pub(crate) traffic: Traffic,
    pub(super) began: Instant,
    /// Up to where in the log the transport connections before the present one have read.
    pub(super) read_up_to: AtomicU64,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) machine: ServerConnection,
    /// The transport connection that is open, if one is.
    pub(super) link: Option<Arc<Link>>,
    /// What the last transport connection left behind, while none is open.
    pub(super) left: Option<Box<Left>>,
    next_link: u64,
    /// Up to when the machine knows of the link's writing and hearing, in nanoseconds after the server's start.
    told: (u64, u64),
    /// When the heartbeat looks at this record next, if nothing comes before: in nanoseconds after its beginning.
    booked: u64,
    /// Transport connections that are not over, those that were replaced too.
    pub(super) links: usize,
    /// Whose callbacks run: the latest receive request's, or that of `/start` where there was none. `None`: nothing has come yet.
    pub(super) owner: Option<Owner>,
    pub(super) history: History,
}

type Guard<'a> = std::sync::MutexGuard<'a, State>;

impl State {
    /// What carries the connection, or carried it last.
    pub(super) fn transport(&self) -> Option<TransportKind> {
        self.link.as_ref().map(|link| link.kind).or(self.left.as_ref().map(|left| left.kind))
    }

    /// Whether nothing about it changes any more.
    fn is_at_rest(&self) -> bool {
        self.links == 0 && self.machine.admits() == Welcome::Ended
    }

    /// Does something to this transport connection, if it is still the one. Says whether it is.
    fn with_link(&self, id: LinkId, act: impl FnOnce(&Link)) -> bool {
        self.link.as_deref().filter(|link| link.id == id).map(act).is_some()
    }
}

/// A request whose callbacks run, and where it came in.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) admission: Arc<dyn Admission>,
    /// Its place among the server's.
    pub(crate) endpoint: usize,
}

/// A receive request that wants to become the connection's transport connection.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) seed: LinkSeed,
    pub(crate) opening: Opening,
    pub(crate) endpoint: usize,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AsRef<Callbacks> for Record {
    fn as_ref(&self) -> &Callbacks {
        &self.callbacks
    }
}

impl Record {
    pub(crate) fn new(core: &Core, id: ConnectionId) -> Arc<Self> {
        let began = core.now();
        let machine = ServerConnection::new(core.timeouts.clone(), began);
        let state = State {
            machine,
            link: None,
            left: None,
            next_link: 1,
            told: (NEVER, NEVER),
            booked: NEVER,
            links: 0,
            owner: None,
            history: History::default(),
        };
        Arc::new(Self {
            id,
            topic: TopicName::from(topic::of_connection(id)),
            callbacks: Callbacks::default(),
            ended: Ended::default(),
            farewell: OnceLock::new(),
            losses: Losses::default(),
            traffic: Traffic::new(core),
            began,
            read_up_to: AtomicU64::new(0),
            state: Mutex::new(state),
        })
    }

    /// Takes a receive request in: the transport connection before it is replaced. `None` if the connection is over (D-1).
    pub(crate) fn open(self: &Arc<Self>, core: &Arc<Core>, arrival: Arrival) -> Option<Arc<Link>> {
        let Arrival { seed, opening, endpoint } = arrival;
        let (kind, now) = (seed.kind, seed.came_at);
        self.traffic.heard(core, now);
        let admission = Arc::clone(&seed.admission);
        ahead::note(Lines::of(self.topic.as_str()));
        let mut state = self.lock();
        ahead::note(state.history.end());
        if state.machine.admits() != Welcome::Welcome {
            return None;
        }
        let id = LinkId::new(state.next_link);
        state.next_link += 1;
        let mut left = state.left.take();
        let rest = left.as_mut().filter(|_| opening == Opening::Poll).and_then(|left| left.take_rest(&seed));
        let link = Link::new(core, self, id, seed, rest);
        let owner_before = state.owner.replace(Owner { admission, endpoint });
        state.links += 1;
        let replaced = state.link.replace(Arc::clone(&link));
        state.told = (link.written_after(), link.heard_after());
        let opened = Input::Opened { link: id, kind, how: opening };
        let mut endings = self.step(core, &mut state, opened, now);
        drop(state);
        // Only now: they are not ours alone, and a reader leaves its topics only when the new one has joined them.
        drop((owner_before, left));
        // The machine speaks of links by number; the one it replaces is no longer in `state.link`.
        if let Some(old) = replaced {
            endings.retain(|(ended, _)| *ended != old.id);
            old.end(Ending::Replaced);
        }
        self.end_links(endings, &link);
        Some(link)
    }

    /// Whether a request may come in.
    pub(crate) fn admits(&self) -> Welcome {
        self.lock().machine.admits()
    }

    /// Whether the connection is over and this request comes too late (D-1).
    pub(crate) fn is_over(&self) -> bool {
        self.admits() == Welcome::Ended
    }

    /// Whether its id is unknown again.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.admits() == Welcome::Forgotten
    }

    /// When it began, how many events are forgotten, and what happened lately.
    pub(super) fn history(&self) -> (Instant, u32, Vec<Event>) {
        let state = self.lock();
        (self.began, state.history.forgotten(), state.history.events().copied().collect())
    }

    pub(super) fn note_loss(&self, core: &Core, cause: LossCause) {
        self.lock().history.note_loss(history::offset(self.began, core.now()), cause);
    }

    /// What its client reads when it is told to stop (spec 5.8, `E`).
    pub(crate) fn farewell(&self) -> Farewell {
        Farewell::new(self.farewell.get().cloned())
    }

    /// Ends the connection from this side and tells its client why, if it is not over. Says whether it was not.
    pub(crate) fn dismiss(self: &Arc<Self>, core: &Arc<Core>, input: Input, farewell: &Arc<str>) -> bool {
        let is_open = !self.is_over();
        if is_open {
            // Whoever comes first gives the reason. An empty one would not stop a client.
            if !farewell.is_empty() {
                _ = self.farewell.set(Arc::clone(farewell));
            }
            self.handle(core, input);
        }
        is_open
    }

    /// `/start` came. Its callbacks see that request.
    pub(crate) fn start(self: &Arc<Self>, core: &Arc<Core>, owner: Owner) {
        let mut state = self.lock();
        if state.machine.admits() != Welcome::Welcome {
            return;
        }
        let receiving = state.owner.replace(owner);
        let endings = self.step(core, &mut state, Input::Started, core.now());
        // Disconnected sees the receive request, if there is one (spec 7.9).
        if receiving.is_some() {
            state.owner = receiving;
        }
        self.conclude(core, state, Input::Started, endings);
    }

    /// Something happened.
    pub(crate) fn handle(self: &Arc<Self>, core: &Arc<Core>, input: Input) {
        let mut state = self.lock();
        let endings = self.step(core, &mut state, input, core.now());
        self.conclude(core, state, input, endings);
    }

    /// A deadline may have come: the one that was `booked`, or it was asked for.
    ///
    /// Whoever writes to a socket or hears from it only leaves the time behind, so that no publisher ever takes this lock. Here the
    /// machine is told, in the order of those times, and of each time once.
    pub(super) fn tick(self: &Arc<Self>, core: &Arc<Core>, now: Instant, booked: Option<Instant>) {
        let mut state = self.lock();
        // It may have booked another time while it was about to be looked at.
        if booked.is_some() && booked == self.booked(&state) {
            state.booked = NEVER;
        }
        if let Some(link) = state.link.clone() {
            let (wrote, heard) = (link.written_after(), link.listen());
            let told = std::mem::replace(&mut state.told, (wrote, heard));
            let written = (wrote, Input::Wrote(link.id), told.0);
            let listened = (heard, Input::Heard(link.id), told.1);
            let in_order = if wrote <= heard { [written, listened] } else { [listened, written] };
            for (at, input, _) in in_order.into_iter().filter(|(at, _, told)| told != at) {
                _ = self.decide(core, &mut state, input, core.after_start(at));
            }
        }
        let endings = self.step(core, &mut state, Input::Tick, now);
        self.conclude(core, state, Input::Tick, endings);
    }

    pub(super) fn conclude(
        &self,
        core: &Core,
        mut state: Guard<'_>,
        input: Input,
        endings: Vec<(LinkId, Ending)>,
    ) {
        let link = if endings.is_empty() { None } else { state.link.clone() };
        // Dropped after the lock.
        let (_closed, is_at_rest) = (state.link.take_if(|link| closes(input, link.id)), state.is_at_rest());
        let booked = self.booked(&state).filter(|_| is_at_rest);
        if booked.is_some() {
            state.booked = NEVER;
        }
        drop(state);
        if let Some(booked) = booked {
            core.heartbeat.cancel(self.id, booked);
        }
        if is_at_rest {
            self.bury(core);
        }
        if let Some(link) = link {
            self.end_links(endings, &link);
        }
    }

    /// Lets a tombstone take its place.
    fn bury(&self, core: &Core) {
        if let Some((tombstone, until)) = Tombstone::of(core, self)
            && core.registry.bury(self, tombstone)
        {
            core.heartbeat.bury(self.id, core.nanoseconds_until(until));
        }
    }

    /// Asks the machine, and makes sure that it is asked again in time.
    pub(super) fn step(
        self: &Arc<Self>,
        core: &Arc<Core>,
        state: &mut State,
        input: Input,
        now: Instant,
    ) -> Vec<(LinkId, Ending)> {
        let endings = self.decide(core, state, input, now);
        // Most deadlines only move to later: then it looks at the old time, finds nothing due, and is told of the new one.
        let Some(at) = state.machine.poll_timeout() else { return endings };
        let offset = u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(NEVER);
        if offset < state.booked {
            let before = self.booked(state);
            state.booked = offset;
            if let Some(at) = self.booked(state) {
                core.heartbeat.book(self, at, before);
            }
        }
        endings
    }

    /// When the heartbeat looks at it next.
    pub(super) fn booked(&self, state: &State) -> Option<Instant> {
        (state.booked != NEVER).then(|| self.began + Duration::from_nanos(state.booked))
    }

    /// Asks the machine and carries out what concerns the server; what concerns a transport connection is returned.
    fn decide(
        self: &Arc<Self>,
        core: &Arc<Core>,
        state: &mut State,
        input: Input,
        now: Instant,
    ) -> Vec<(LinkId, Ending)> {
        let at = history::offset(self.began, now);
        let carried = state.machine.state().link().map(|link| link.id);
        state.machine.handle(input, now);
        let carries = state.machine.state().link().map(|link| link.id);
        let is_opened = matches!(input, Input::Opened { .. });
        state.history.hear(at, input, if is_opened { carries } else { carried });
        let mut endings = Vec::new();
        let mut has_frames = false;
        while let Some(effect) = state.machine.poll_effect() {
            state.history.note(at, effect);
            match effect {
                Effect::RaiseConnected => self.raise_connected(core, state),
                Effect::RaiseReconnected => self.raise_reconnected(core, state),
                Effect::RaiseDisconnected(reason) => self.raise_disconnected(core, state, reason),
                Effect::SendKeepAlive(id) => has_frames |= state.with_link(id, Link::keep_alive),
                Effect::SendPing(id) => has_frames |= state.with_link(id, Link::ping),
                Effect::NoteSilent(id) => {
                    core.counters.increment(Counter::ConnectionsSilentTotal);
                    state.with_link(id, Link::miss);
                }
                Effect::NoteHeardAgain(_) => core.counters.increment(Counter::ConnectionsHeardAgainTotal),
                Effect::End(id, ending) => endings.push((id, ending)),
                Effect::Forget => {
                    // Whatever runs here for it has nothing more to do, even if it goes on elsewhere.
                    self.ended.end();
                    core.forget(self);
                }
            }
        }
        state.tidy(core, &self.topic);
        if let Some(link) = state.link.as_ref().filter(|_| has_frames) {
            // Once, so that a keep-alive and a ping are one write.
            link.notify_locked();
        }
        endings
    }

    /// One of its callbacks is due.
    pub(crate) fn call_back(self: &Arc<Self>, callback: Callback) {
        Callbacks::push(self, callback);
    }

    fn raise_connected(self: &Arc<Self>, core: &Arc<Core>, state: &State) {
        core.counters.increment(Counter::ConnectionsConnected);
        trace::debugging(|| tracing::debug!(target: trace::CONNECTION, connection = %self.id, "connected"));
        if let Some(owner) = &state.owner {
            match owner.admission.connected(self.about(core, owner)) {
                Some(work) => self.call_back(Callback::Connected(work)),
                None => self.callbacks.skip_connected(),
            }
        }
    }

    fn raise_reconnected(self: &Arc<Self>, core: &Arc<Core>, state: &State) {
        core.counters.increment(Counter::ConnectionsReconnected);
        trace::debugging(|| tracing::debug!(target: trace::CONNECTION, connection = %self.id, "reconnected"));
        let work = |owner: &Owner| owner.admission.reconnected(self.about(core, owner));
        if let Some(work) = state.owner.as_ref().and_then(work) {
            self.call_back(Callback::Other(work));
        }
    }

    fn raise_disconnected(self: &Arc<Self>, core: &Arc<Core>, state: &State, reason: Reason) {
        core.counters.increment(Counter::ConnectionsDisconnected);
        trace::debugging(
            || tracing::debug!(target: trace::HEARTBEAT, connection = %self.id, ?reason, "disconnected"),
        );
        self.ended.end();
        let work = |owner: &Owner| owner.admission.disconnected(self.about(core, owner), reason);
        if let Some(work) = state.owner.as_ref().and_then(work) {
            self.call_back(Callback::Other(work));
        }
        // The original keeps no tombstone: a client that comes back is a stranger that reconnects.
        if !core.refuses_after(reason) {
            core.forget(self);
        }
    }

    fn end_links(&self, endings: Vec<(LinkId, Ending)>, link: &Arc<Link>) {
        for (id, ending) in endings {
            if id == link.id {
                link.end(ending);
            }
        }
    }

    pub(crate) fn context(self: &Arc<Self>, core: &Arc<Core>, request: &Arc<Request>) -> Context {
        About { record: self, request, core }.context()
    }

    fn about<'a>(self: &'a Arc<Self>, core: &'a Arc<Core>, owner: &'a Owner) -> About<'a> {
        About { record: self, request: owner.admission.request(), core }
    }

    /// Whether a transport connection has taken everything up to here. Readers leave no trace of it while they are there.
    fn has_read(&self, position: Position) -> bool {
        let reads = |link: &Arc<Link>| link.with_reader(|reader| reader.position() >= position);
        self.read_up_to.load(Ordering::Relaxed) >= position.get()
            || self.lock().link.as_ref().and_then(reads).unwrap_or(false)
    }

    /// Waits until a transport connection has taken `position`, for a moment: the client may be between two polls, or away.
    pub(crate) async fn reads(&self, position: Position) {
        // Looking now and then costs readers nothing; only results behind progress reports ever wait here.
        const LOOK_EVERY: Duration = Duration::from_millis(5);
        const LOOKS: usize = 60;
        for _ in 0..LOOKS {
            if self.has_read(position) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Has fetched what its transport connection consists of, if nobody works on it at the moment. What of the record is needed for that
    /// was fetched before.
    pub(super) fn fetch_link(&self) {
        self.peek(ahead::fetch);
    }

    /// The same for what is behind that.
    pub(super) fn fetch_carrier(&self) {
        self.peek(Link::fetch_carrier);
    }

    fn peek(&self, look: impl FnOnce(&Link)) {
        if let Ok(state) = self.state.try_lock() {
            state.link.as_deref().map(look);
        }
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the client of this transport connection was last written to. The machine knows of keep-alives, the link of everything else.
pub(super) fn written_at(machine: &ServerConnection, link: &Link) -> Instant {
    let kept_alive_at =
        machine.state().link().filter(|known| known.id == link.id).map(|known| known.written_at);
    kept_alive_at.map_or(link.written_at(), |at| at.max(link.written_at()))
}

/// News after which this transport connection is no longer there.
fn closes(input: Input, id: LinkId) -> bool {
    matches!(input, Input::Lost(link) | Input::Answered(link) if link == id)
}
