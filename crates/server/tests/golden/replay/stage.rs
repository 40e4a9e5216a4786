//! The exchanges under way, and what each step has to wait for.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use super::{
    CLOCK_DOUBT, COURTESY, PATIENCE,
    plan::{self, Step},
    poll_loop::{Beginning, PollLoop},
    preparation::Preparation,
    substitution::{self, Identities, Place},
};
use crate::{
    delivery::{Delivered, What},
    purpose::{self, Command, Identity},
    recording::{Ended, Exchange, Frame, Recording},
    wire::{Changes, Live, Order},
};

#[derive(Debug)]
pub(crate) struct Stage<'a> {
    recording: &'a Recording,
    server: SocketAddr,
    began: Instant,
    changes: Changes,
    identities: Identities,
    actors: Vec<Actor>,
}

/// What an exchange of the recording has become.
#[derive(Clone, Debug)]
enum Actor {
    NotYet,
    Single(Live),
    Loop(Arc<PollLoop>),
}

impl<'a> Stage<'a> {
    pub(crate) fn new(recording: &'a Recording, server: SocketAddr, began: Instant) -> Self {
        Self {
            recording,
            server,
            began,
            changes: Changes::new(),
            identities: Identities::default(),
            actors: vec![Actor::NotYet; recording.exchanges.len()],
        }
    }

    /// Fetches the token that the recording uses without having asked for it.
    pub(crate) async fn prepare(&mut self) {
        let Some(preparation) = Preparation::of(self.recording) else { return };
        let live = Live::begin(self.server, preparation.request.clone(), &self.changes).await;
        assert!(
            self.changes.until(PATIENCE, || live.is_over()).await,
            "the preparing negotiate must be answered"
        );
        let answer = live.so_far();
        let identity = Identity::of(&answer).unwrap_or_else(|| {
            panic!("the preparing negotiate must hand out an identity, but it was {answer:#?}")
        });
        self.identities.prepare(preparation.token(identity));
    }

    pub(crate) async fn take(&mut self, step: Step) {
        match step {
            Step::Request(index) => {
                self.wait_before_request(index).await;
                self.request(index).await;
            }
            Step::BeginLoop(index) => {
                self.wait_before_request(index).await;
                self.begin_loop(index).await;
            }
            Step::Frame(index, place) => {
                let recorded = &self.recording.exchanges[index];
                let at = recorded.t_ms + recorded.frames[place].t_ms;
                let others = |other: usize| other == index || self.is_ready(other, at, CLOCK_DOUBT);
                let ready = || self.may_send(index, place) && (0..self.actors.len()).all(others);
                self.changes.until(PATIENCE, ready).await;
                if let Actor::Single(live) = &self.actors[index] {
                    live.order(Order::Frame(self.substituted_frame(index, place)));
                }
            }
            Step::Close(index) => {
                self.changes.until(PATIENCE, || self.arrived(index) >= self.recorded(index, u64::MAX)).await;
                match &self.actors[index] {
                    Actor::NotYet => {}
                    Actor::Single(live) => live.order(Order::Drop),
                    Actor::Loop(polls) => polls.close(),
                }
                self.changes.until(PATIENCE, || self.is_over(index)).await;
            }
        }
    }

    /// Waits for everything the server still has to end.
    pub(crate) async fn finish(&self) {
        let ends = |index: usize| match &self.actors[index] {
            Actor::NotYet => true,
            Actor::Single(live) => {
                live.is_over() || !self.recording.exchanges[index].response.ended_by.by_server()
            }
            Actor::Loop(polls) => polls.is_over() || !self.recording.is_aborted_later(index),
        };
        self.changes.until(PATIENCE, || (0..self.actors.len()).all(ends)).await;
    }

    pub(crate) fn into_exchanges(self) -> Vec<Vec<Exchange>> {
        (0..self.actors.len()).map(|index| self.so_far(index)).collect()
    }

    async fn request(&mut self, index: usize) {
        let recorded = &self.recording.exchanges[index];
        let replayed: Vec<_> = (0..index).map(|index| self.so_far(index)).collect();
        for (earlier, replayed) in replayed.iter().enumerate() {
            self.learn(earlier, replayed);
        }
        let request = substitution::substitute(self.recording, index, &self.identities, &replayed);
        if Command::of(&recorded.request) == Command::Abort {
            self.abort(index).await;
        }
        let live = Live::begin(self.server, request, &self.changes).await;
        self.actors[index] = Actor::Single(live);
    }

    fn learn(&mut self, index: usize, replayed: &[Exchange]) {
        if let Some(replayed) = replayed.first() {
            self.identities.learn(&self.recording.exchanges[index], replayed);
        }
    }

    async fn begin_loop(&mut self, index: usize) {
        let own: Vec<usize> = (0..index).filter(|earlier| self.same_connection(*earlier, index)).collect();
        // A poll takes the place of the receive request before it, so that one has to be over.
        self.changes.until(PATIENCE, || own.iter().all(|earlier| self.is_over_or_not_yet(*earlier))).await;
        let replayed: Vec<Exchange> = own.iter().flat_map(|earlier| self.so_far(*earlier)).collect();
        let beginning = Beginning {
            server: self.server,
            request: self.recording.exchanges[index].request.clone(),
            identities: self.identities.clone(),
            place: Place::after(replayed.iter()),
        };
        let polls = PollLoop::begin(beginning, &self.changes);
        self.changes.until(PATIENCE, || polls.is_waiting()).await;
        self.actors[index] = Actor::Loop(polls);
    }

    /// The loops of the aborted connection poll no more; the poll under way is the one the abort ends.
    async fn abort(&self, index: usize) {
        for earlier in 0..index {
            if let Actor::Loop(polls) = &self.actors[earlier]
                && self.same_connection(earlier, index)
            {
                self.changes.until(PATIENCE, || polls.is_waiting()).await;
                // Two requests on two physical connections may overtake each other.
                self.changes.until(COURTESY, || polls.is_held()).await;
                polls.finish();
            }
        }
    }

    /// Whatever stood before this request in the recording must have happened here; what stood close before it is given a
    /// chance.
    async fn wait_before_request(&self, index: usize) {
        let at = self.recording.exchanges[index].t_ms;
        self.changes
            .until(PATIENCE, || (0..index).all(|earlier| self.is_ready(earlier, at, CLOCK_DOUBT)))
            .await;
        self.changes.until(COURTESY, || (0..index).all(|earlier| self.is_ready(earlier, at, 0))).await;
    }

    /// Whether an earlier exchange has come as far as it had in the recording at that time; `doubt` is how long before that
    /// time something must have been recorded to count.
    fn is_ready(&self, index: usize, at: u64, doubt: u64) -> bool {
        let recorded = &self.recording.exchanges[index];
        let Actor::Single(live) = &self.actors[index] else {
            let is_loop = matches!(self.actors[index], Actor::Loop(_));
            return !is_loop || self.arrived(index) >= self.recorded(index, at.saturating_sub(doubt));
        };
        if live.is_over() {
            return true;
        }
        // The end of a plain request has its cause in that request; the end of a receive request has it in a later one.
        let needed =
            if Command::of(&recorded.request) == Command::Poll || purpose::is_stream(&recorded.request) {
                doubt
            } else {
                0
            };
        let ended = recorded.response.ended_by.by_server()
            && recorded.t_ms + recorded.response.ended_at_ms + needed <= at;
        let streaming = !purpose::is_stream(&recorded.request) || live.has_head();
        let arrived = !purpose::delivers(recorded)
            || self.arrived(index) >= self.recorded(index, at.saturating_sub(doubt));
        !ended && streaming && arrived
    }

    /// Whether everything before that frame has happened: the start of its connection and all earlier frames.
    fn may_send(&self, index: usize, place: usize) -> bool {
        let Actor::Single(live) = &self.actors[index] else { return true };
        let started = plan::start_of(self.recording, index).is_none_or(|start| self.is_over(start));
        let mut recorded = self.recording.exchanges[index].clone();
        recorded.frames.truncate(place);
        live.is_over() || (started && live.has_head() && covers(&live.so_far(), &recorded))
    }

    fn substituted_frame(&self, index: usize, place: usize) -> Frame {
        let frame = &self.recording.exchanges[index].frames[place];
        Frame { data: frame.data.as_deref().map(|data| self.identities.ids(data)), ..frame.clone() }
    }

    /// How many messages, group tokens and initialisations this exchange or loop had brought by then in the recording.
    fn recorded(&self, index: usize, at: u64) -> usize {
        let units = |exchange: &Exchange| match at.checked_sub(exchange.t_ms) {
            Some(since) if purpose::delivers(exchange) => Delivered::of(exchange).units_until(since),
            Some(_) | None => 0,
        };
        if self.recording.is_loop_poll(&self.recording.exchanges[index]) {
            plan::polls_of(self.recording, index).map(|poll| units(&self.recording.exchanges[poll])).sum()
        } else {
            units(&self.recording.exchanges[index])
        }
    }

    /// How many it has brought here.
    fn arrived(&self, index: usize) -> usize {
        let exchanges = self.so_far(index);
        let delivering = exchanges.iter().filter(|exchange| purpose::delivers(exchange));
        delivering.map(|exchange| Delivered::of(exchange).units_until(u64::MAX)).sum()
    }

    fn is_over(&self, index: usize) -> bool {
        match &self.actors[index] {
            Actor::NotYet => false,
            Actor::Single(live) => live.is_over(),
            Actor::Loop(polls) => polls.is_over(),
        }
    }

    fn is_over_or_not_yet(&self, index: usize) -> bool {
        matches!(self.actors[index], Actor::NotYet)
            || self.is_over(index)
            || !Command::of(&self.recording.exchanges[index].request).receives()
    }

    fn same_connection(&self, one: usize, other: usize) -> bool {
        let token = |index: usize| purpose::token(&self.recording.exchanges[index].request);
        token(one) == token(other)
    }

    fn so_far(&self, index: usize) -> Vec<Exchange> {
        let lives = match &self.actors[index] {
            Actor::NotYet => Vec::new(),
            Actor::Single(live) => vec![live.clone()],
            Actor::Loop(polls) => polls.polls(),
        };
        let label = &self.recording.exchanges[index].label;
        let dated = |live: &Live| {
            let t_ms = u64::try_from((live.began() - self.began).as_millis()).unwrap_or(u64::MAX);
            let mut exchange = live.so_far();
            if !live.is_over() {
                // Nobody ended it: that the server did not is what counts.
                exchange.response.ended_by = Ended::ClientTimeout;
            }
            Exchange { label: label.clone(), t_ms, ..exchange }
        };
        lives.iter().map(dated).collect()
    }
}

/// Whether a WebSocket has brought at least as much as the recorded one, keep-alives aside.
fn covers(replayed: &Exchange, recorded: &Exchange) -> bool {
    let count = |exchange: &Exchange| {
        let delivered = Delivered::of(exchange);
        let closes =
            delivered.arrivals.iter().filter(|arrival| matches!(arrival.what, What::Close(_))).count();
        delivered.units_until(u64::MAX) + closes
    };
    count(replayed) >= count(recorded)
}
