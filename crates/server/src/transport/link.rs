//! One transport connection: a place in the log, a way to the client, and at most one end.
//!
//! Locks are taken in one order: the place where a poll is answered, then a connection's record, then its link's reader. A link never
//! calls into its record while its reader is locked, and whoever has locked a record answers no poll ([`Link::notify_locked`]).

mod due;

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::Instant,
};

use bytes::Bytes;
use heliostat_bus::{Gap, Start, TopicName};
use heliostat_proto::{
    classic::{ResponseHead, encode_response},
    connection::{Ending, Input, LinkId},
    transport_kind::TransportKind,
};

pub(crate) use self::due::{Due, End, More, Says, Step};
pub(crate) use super::delivery::Initializes;
use super::{
    AtomicWaker, Framing, Now, Waiter,
    delivery::{AtRest, GroupsRead, Reader, ReaderSeed},
    socket::Socket,
    streams::Stream,
    wakes::Wakes,
};
use crate::{
    ahead::{self, Lines},
    application::{Admission, Context},
    connection::{Farewell, Record},
    http::host::{Claim, Desk},
    lost::{LossCause, LostCount},
    metrics::Counter,
    server::Core,
    trace,
};

/// Everything a receive request brings to its transport connection.
#[derive(Debug)]
pub(crate) struct LinkSeed {
    pub(crate) kind: TransportKind,
    pub(crate) admission: Arc<dyn Admission>,
    /// What it reads besides its groups.
    pub(crate) topics: Vec<TopicName>,
    pub(crate) start: Start,
    pub(crate) came_at: Instant,
    pub(crate) reader: ReaderSeed,
}

/// One transport connection.
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) kind: TransportKind,
    pub(crate) record: Arc<Record>,
    pub(crate) core: Arc<Core>,
    pub(crate) admission: Arc<dyn Admission>,
    reader: Mutex<Option<Reader>>,
    /// Where it is answered, if it is a poll.
    claim: Option<Claim>,
    /// The task that carries this link's bytes.
    waker: AtomicWaker,
    /// How it was woken.
    wakes: Wakes,
    /// Where a publisher may write itself, on WebSockets.
    pub(super) socket: Socket,
    /// The same elsewhere.
    carrier: OnceLock<Carrier>,
    keep_alive_due: AtomicBool,
    ending: OnceLock<LinkEnd>,
    closed: AtomicBool,
    ping_due: AtomicBool,
    /// Its client counts as away until it is heard.
    is_missed: AtomicBool,
    bytes_written: AtomicU64,
    /// Nanoseconds after `core.started` of the last write that was more than a keep-alive.
    written_at: AtomicU64,
    /// Nanoseconds after `core.started` at which the client last said anything.
    heard_at: AtomicU64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What carries a stream or a WebSocket, and can be written to by publishers.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A stream whose socket was handed over.
    Stream(Arc<Stream>),
    /// Where the socket of a WebSocket lies. Who writes there finds it in the [`Socket`]; this is to have it fetched.
    WebSocket(Lines),
}

/// Why a transport connection ends from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkEnd {
    /// The state machine said so.
    Ordered(Ending),
    /// `connected` failed for a client that has no `/start` to hear of it (spec 2.10, row 24).
    Faulted,
}

impl LinkSeed {
    /// Whether the reader that rests would read just the same for it. `groups` are those that it reads.
    pub(crate) fn resumes(&self, rest: &AtRest, groups: &GroupsRead) -> bool {
        let own = &self.reader.groups;
        *own == *groups && rest.goes_on_at(self.start, &self.topics, own.names.len())
    }
}

impl Link {
    /// `rest` is the reader of the poll before, if it [goes on](LinkSeed::resumes) with this one.
    pub(crate) fn new(
        core: &Arc<Core>,
        record: &Arc<Record>,
        id: LinkId,
        seed: LinkSeed,
        rest: Option<AtRest>,
    ) -> Arc<Self> {
        let LinkSeed { kind, admission, mut topics, start, came_at, reader: seed } = seed;
        let now = core.nanoseconds_until(came_at);
        let subscribe = |waiter, seed: ReaderSeed| {
            topics.extend(seed.groups.topics());
            let subscription = core.bus.subscribe(waiter, topics, start);
            if subscription.start_gap() == Some(Gap::UnknownCursor) {
                record.lost(core, (LossCause::OtherLog, LostCount::Unknown));
            }
            Reader::new(seed, subscription)
        };
        // Publishers look for a poll's reader at its desk, for others at the link, which must be there first.
        let (polled, seed) = match rest {
            Some(rest) => (Some(Reader::resume(seed, rest)), None),
            None if kind == TransportKind::LongPolling => {
                let claim = Desk::claimed();
                (Some((subscribe(Waiter::Desk(Arc::clone(claim.desk())), seed), claim)), None)
            }
            None => (None, Some((seed, subscribe))),
        };
        let (reader, claim) = polled.unzip();
        if let Some(reader) = &reader {
            reader.topic_lines().for_each(ahead::note);
        }
        let link = Arc::new(Self {
            id,
            kind,
            record: Arc::clone(record),
            core: Arc::clone(core),
            admission,
            reader: Mutex::new(reader),
            claim,
            waker: AtomicWaker::new(),
            wakes: Wakes::new(),
            socket: Socket::new(),
            carrier: OnceLock::new(),
            keep_alive_due: AtomicBool::new(false),
            ending: OnceLock::new(),
            closed: AtomicBool::new(false),
            ping_due: AtomicBool::new(false),
            is_missed: AtomicBool::new(false),
            bytes_written: AtomicU64::new(0),
            written_at: AtomicU64::new(now),
            heard_at: AtomicU64::new(now),
        });
        if let Some((seed, subscribe)) = seed {
            *link.lock_reader() = Some(subscribe(Waiter::Link(Arc::clone(&link)), seed));
        }
        ahead::note(Lines::of(&*link));
        trace::transport_opened(kind, record.id);
        core.counters.increment(Counter::current(kind));
        core.counters.increment(Counter::MessageBusSubscribersCurrent);
        core.counters.increment(Counter::MessageBusSubscribersTotal);
        link
    }

    /// Asks, through the log, that the next response say `S` (CP-102).
    pub(crate) fn publish_initialize(&self) {
        let command = Arc::clone(&self.core.initialize);
        self.core.publish_payload(self.record.topic.as_str(), command);
    }

    /// There may be something to read.
    pub(crate) fn notify(&self) {
        self.notify_at(&Now::of(&self.core));
    }

    /// The same for somebody who has more of them to notify.
    pub(crate) fn notify_at(&self, now: &Now) {
        match (self.kind, &self.claim) {
            (TransportKind::WebSockets, _) => self.socket.pump(self, now),
            (TransportKind::LongPolling, Some(claim)) => claim.desk().pump(now),
            (
                TransportKind::ServerSentEvents | TransportKind::ForeverFrame | TransportKind::LongPolling,
                _,
            ) => match self.carrier.get() {
                Some(Carrier::Stream(stream)) => stream.pump(self, now),
                Some(Carrier::WebSocket(_)) | None => self.waker.wake(),
            },
        }
    }

    /// Has fetched what is next to be needed behind the link itself, which was fetched before.
    pub(crate) fn fetch_carrier(&self) {
        match (&self.claim, self.carrier.get()) {
            (Some(claim), _) => ahead::fetch(&**claim.desk()),
            (None, Some(Carrier::Stream(stream))) => ahead::fetch(&**stream),
            (None, Some(Carrier::WebSocket(socket))) => socket.fetch(),
            (None, None) => {}
        }
    }

    /// Where it is answered, if it is a poll.
    pub(crate) fn desk(&self) -> Option<&Arc<Desk>> {
        self.claim.as_ref().map(Claim::desk)
    }

    /// The same for somebody who has locked the connection's record: whoever answers a poll lets go of it, and locks the record for that.
    pub(crate) fn notify_locked(&self) {
        match self.kind {
            TransportKind::LongPolling => self.task().wake(),
            TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
                self.notify();
            }
        }
    }

    /// A keep-alive is due: it goes out with the next [`notify`](Self::notify).
    pub(crate) fn keep_alive(&self) {
        self.keep_alive_due.store(true, Ordering::Release);
    }

    /// From here on publishers write there.
    pub(crate) fn attach(&self, carrier: Carrier) {
        _ = self.carrier.set(carrier);
    }

    /// From here on what is due comes as HTTP chunks.
    pub(super) fn begin_chunks(&self) {
        if let Some(reader) = self.lock_reader().as_mut() {
            reader.framing_mut().begin_chunks();
        }
    }

    /// The client is to be asked whether it is still there (WebSockets only), with the next [`notify`](Self::notify).
    pub(crate) fn ping(&self) {
        self.ping_due.store(true, Ordering::Release);
    }

    /// Whether a ping is due; asked once.
    pub(crate) fn takes_ping(&self) -> bool {
        self.ping_due.load(Ordering::Relaxed) && self.ping_due.swap(false, Ordering::AcqRel)
    }

    /// The server wants this transport connection to end, for the first reason that is given.
    pub(crate) fn end(self: &Arc<Self>, ending: Ending) {
        self.end_with(LinkEnd::Ordered(ending));
    }

    /// `connected` failed, and this client can only be told by the end of its transport connection.
    pub(crate) fn fault(self: &Arc<Self>) {
        self.end_with(LinkEnd::Faulted);
    }

    fn end_with(self: &Arc<Self>, end: LinkEnd) {
        _ = self.ending.set(end);
        self.wake();
        self.notify();
    }

    /// Whether the server wants this transport connection to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get().is_some()
    }

    /// Whether that is because the SignalR connection is over: then nothing is taken from the client any more.
    pub(crate) fn is_dismissed(&self) -> bool {
        matches!(self.ending.get(), Some(LinkEnd::Ordered(Ending::Disconnected | Ending::Stopped)))
    }

    /// Wakes the task that carries this link.
    pub(crate) fn wake(&self) {
        self.wakes.wake(self.task());
    }

    /// The carrier's waker, as by [`register`](Self::register); and whether there was a [`wake`](Self::wake) since this was asked last.
    pub(crate) fn takes_wake(&self, waker: &Waker) -> bool {
        self.wakes.take(self.task(), waker)
    }

    /// The carrier's waker; taken before it looks for work, so that no news is missed.
    pub(crate) fn register(&self, waker: &Waker) {
        self.task().register(waker);
    }

    /// The same for a body that another host carries.
    pub(crate) fn register_body(&self, waker: &Waker) {
        self.register(waker);
        if let Some(desk) = self.desk() {
            desk.register(waker);
        }
    }

    /// How to wake the task that carries it. Polls that follow one another have mostly the same.
    fn task(&self) -> &AtomicWaker {
        self.desk().map_or(&self.waker, |desk| desk.task())
    }

    /// Whom this transport connection's callbacks are about.
    pub(crate) fn context(&self) -> Context {
        self.record.context(&self.core, self.admission.request())
    }

    /// Bytes have gone out. If they say something, the keep-alive clock starts again.
    pub(crate) fn wrote(&self, bytes: usize, says: Says, now: &Now) {
        self.bytes_written.fetch_add(bytes as u64, Ordering::Relaxed);
        if says == Says::Something {
            self.written_at.store(now.nanoseconds_since_start(), Ordering::Relaxed);
        }
    }

    /// The client said something: a message, or the answer to a ping. The state machine hears of it with its next tick.
    pub(crate) fn heard(&self) {
        self.heard_at.store(self.core.nanoseconds_since_start(), Ordering::Relaxed);
        if self.is_missed.load(Ordering::Relaxed) && self.is_missed.swap(false, Ordering::Relaxed) {
            self.core.heartbeat.ask(&self.record);
        }
    }

    /// As [`heard_after`](Self::heard_after). Who is not read at the moment cannot be heard: then that is now.
    pub(crate) fn listen(&self) -> u64 {
        if self.socket.holds_back() {
            self.heard();
        }
        self.heard_after()
    }

    /// The client counts as away: as soon as it is heard the state machine is to hear of it too.
    pub(crate) fn miss(&self) {
        self.is_missed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// For whoever keeps the sum.
    pub(crate) fn take_bytes_written(&self) -> u64 {
        self.bytes_written.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn written_at(&self) -> Instant {
        self.core.after_start(self.written_after())
    }

    pub(crate) fn heard_at(&self) -> Instant {
        self.core.after_start(self.heard_after())
    }

    /// When the client was last told anything but that we are there, in nanoseconds after the server's start.
    pub(crate) fn written_after(&self) -> u64 {
        self.written_at.load(Ordering::Relaxed)
    }

    /// When the client last said anything, likewise.
    pub(crate) fn heard_after(&self) -> u64 {
        self.heard_at.load(Ordering::Relaxed)
    }

    /// The transport connection is over; `input` says how. Whatever comes first counts.
    pub(crate) fn close(&self, input: Input) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.core.counters.decrement(Counter::current(self.kind));
        self.core.counters.decrement(Counter::MessageBusSubscribersCurrent);
        trace::transport_closed(self.kind, self.record.id, input);
        self.record.part(&self.core, self, input);
    }

    /// Takes the reader away: nothing more will be read.
    pub(crate) fn take_reader(&self) -> Option<Reader> {
        self.lock_reader().take()
    }

    /// Looks at the reader, if there still is one.
    pub(crate) fn with_reader<T>(&self, look: impl FnOnce(&Reader) -> T) -> Option<T> {
        self.lock_reader().as_ref().map(look)
    }

    fn lock_reader(&self) -> std::sync::MutexGuard<'_, Option<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The response that makes a client of any generation that can be told stop (D-1).
pub(crate) fn stop_response(core: &Core, farewell: &Farewell, framing: &Framing) -> Bytes {
    let cursor = core.bus.cursor(core.bus.head()).to_string();
    let mut json = Vec::new();
    encode_response(&mut json, &ResponseHead::new(&cursor).stop(farewell.as_str()), std::iter::empty());
    Bytes::from(framing.framed(json))
}
