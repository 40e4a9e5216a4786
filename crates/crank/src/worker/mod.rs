//! One thread of the generator: its clients, and the loop that serves them.
//!
//! One poll of the kernel, then everything that is ready, then everything that is due; no tasks, no timers per client, no locks. A
//! message that is merely received costs one read (often for many messages), one search for its mark, and a few additions.

mod alarm;
mod client;
mod handshake;
mod load;
mod pool;
mod returning;
mod socket;
mod tally;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mio::{Events, Poll, Token, Waker};

use crate::{
    Plan, Waiting,
    marker::Marker,
    shared::{Phase, Shared, Streams},
    sources::Sources,
};
use alarm::Alarm;
use client::{Client, Hearing, Line, Role};
use load::Load;
use pool::Pool;
use returning::Backlog;
pub(crate) use tally::Tally;

const ALARM: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// A read takes at most so many bytes; there is one buffer for all clients.
const BUFFER: usize = 256 * 1024;
/// The loop turns at least so often, to see a new phase.
const TURN: Duration = Duration::from_millis(10);
/// How long the goodbyes may take.
const FAREWELL: u64 = 5_000_000_000;
/// HTTP connections that a thread opens beside those of its clients.
pub(crate) const MAX_POOL: u32 = 256;

#[derive(Debug)]
pub(crate) struct Worker {
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    poll: Poll,
    alarm: Alarm,
    clients: Vec<Client>,
    /// Which of the clients publish.
    publishers: Vec<usize>,
    pool: Pool,
    tally: Tally,
    marker: Marker,
    streams: Streams,
    sources: Sources,
    buffer: Vec<u8>,
    load: Load,
    /// Sockets opened so far: spreads them over the sources.
    opened: usize,
    /// Handshakes under way, and the client whose turn is next.
    shaking: u32,
    next: usize,
    /// When which client tries again to come back.
    retries: BinaryHeap<Reverse<(u64, usize)>>,
    /// Goodbyes have been sent, and must be answered by then.
    leaves_by: Option<u64>,
}

/// Which share of the work a thread has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) thread: u32,
    pub(crate) of: u32,
    /// Marks of this run.
    pub(crate) run: u16,
}

/// What a thread has found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) lost: u64,
}

impl Worker {
    pub(crate) fn new(plan: Arc<Plan>, shared: Arc<Shared>, share: Share) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let mut clients: Vec<_> = (0..plan.connections)
            .filter(|number| number % share.of == share.thread)
            .map(|number| Client::new(number, Role::Receives, plan.transport))
            .collect();
        let receivers = clients.len();
        if share.thread == 0 {
            let carrier = heliostat_proto::transport_kind::TransportKind::WebSockets;
            clients
                .extend((0..plan.publishing()).map(|number| Client::new(number, Role::Publishes, carrier)));
            // Set once, by this thread alone.
            let _ = shared.publisher.set(Waker::new(poll.registry(), WAKER)?);
        }
        Ok(Self {
            alarm,
            poll,
            publishers: (receivers..clients.len()).collect(),
            clients,
            pool: Pool::new(usize::try_from(MAX_POOL / share.of).unwrap_or(1)),
            tally: Tally::new(),
            marker: Marker::new(share.run),
            streams: Streams::of(&plan),
            sources: Sources::of(&plan),
            buffer: vec![0; BUFFER],
            load: Load::new(share),
            opened: 0,
            shaking: 0,
            next: 0,
            retries: BinaryHeap::new(),
            leaves_by: None,
            plan,
            shared,
        })
    }

    /// Works until the run is over.
    pub(crate) fn run(mut self) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.tell_others();
            let now = self.shared.now();
            match self.shared.phase() {
                Phase::Connecting => self.connect_more(now),
                Phase::WarmUp | Phase::Measured | Phase::Draining => self.produce(now),
                Phase::Leaving if self.has_left(now) => return Ok(self.outcome()),
                Phase::Leaving => {}
            }
            let backlog = self.retry_due(now);
            self.pump();
            if let Some(due) = self.next_due().filter(|_| !self.load.is_finished) {
                self.alarm.set(due, now);
            }
            let wait = match (backlog, self.plan.waiting) {
                (Backlog::Some, _) | (_, Waiting::Awake) => Duration::ZERO,
                (Backlog::None, Waiting::Asleep) => TURN,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            for event in &events {
                match event.token() {
                    ALARM | WAKER => {}
                    Token(index) if index >= pool::FIRST_TOKEN => self.answered(index - pool::FIRST_TOKEN),
                    Token(index) => self.readable(index),
                }
            }
        }
    }

    /// Adds up what was counted, and lets the publisher see it at once if it waits for that.
    fn tell_others(&mut self) {
        let delivered = self.tally.fresh.delivered > 0;
        self.tally.add_up(&self.shared.counters);
        let moments = &self.shared.moments;
        let from = moments.measured_from.load(Ordering::Acquire);
        self.tally.measured = from..moments.load_until.load(Ordering::Acquire);
        if delivered
            && self.publishers.is_empty()
            && self.load.is_closed_loop(&self.plan)
            && let Some(waker) = self.shared.publisher.get()
        {
            // If it cannot be woken it looks by itself at its next turn.
            let _ = waker.wake();
        }
    }

    fn pump(&mut self) {
        let Self { pool, poll, plan, sources, opened, .. } = self;
        let failed = pool.pump(|token| {
            *opened += 1;
            socket::Socket::open(poll.registry(), token, plan.target.address(), sources.address(*opened))
        });
        for (job, error) in failed {
            self.lose(job.client, &format!("no connection for a request: {error}"));
        }
    }

    /// A client's own socket has an event.
    fn readable(&mut self, index: usize) {
        let now = self.shared.now();
        let Self { clients, buffer, tally, marker, plan, streams, .. } = self;
        let Some(client) = clients.get_mut(index) else { return };
        // Taken out, so that the client can take what comes out of it. An event of a socket that is no more is nothing.
        let Some(mut line) = client.line.take() else { return };
        let before = client.stage;
        let keeps_place = plan.keeps_place();
        let mut hearing =
            Hearing { marker, dialect: plan.dialect.as_ref(), tally, streams: *streams, keeps_place, now };
        let end = read(&mut line, buffer, client, &mut hearing);
        client.line = Some(line);
        self.follow_up(index, before, now);
        if let Err(reason) = end {
            self.lose(index, &reason);
        }
    }

    fn outcome(self) -> Outcome {
        let lost = |client: &Client| {
            client.ledger.lost(|stream| self.shared.published(stream).unwrap_or(client.echoes))
        };
        let lost = self.clients.iter().map(lost).sum();
        Outcome { tally: self.tally, lost }
    }
}

/// Reads all there is and hands it to the client; the error says why there will be no more.
fn read(
    line: &mut Line,
    buffer: &mut [u8],
    client: &mut Client,
    hearing: &mut Hearing<'_>,
) -> Result<(), String> {
    let Line { socket, channel } = line;
    socket.flush();
    loop {
        let (count, has_more) = match socket.read(buffer) {
            socket::Got::More(count) => (count, true),
            socket::Got::Last(count) => (count, false),
            socket::Got::End => return Err("the connection was closed".to_owned()),
        };
        if count > 0 {
            hearing.tally.fresh.reads += 1;
            hearing.tally.fresh.bytes += count as u64;
            let out = socket.out();
            let bytes = buffer.get(..count).unwrap_or_default();
            let fed = channel.feed(bytes, |news| client.handle(&news, out, hearing));
            fed.map_err(|fault| fault.to_string())?;
        }
        if !has_more {
            return Ok(());
        }
    }
}
