//! A running long polling client: it polls again as soon as it is answered.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use super::substitution::{self, Identities, Place};
use crate::{
    delivery::Delivered,
    recording::{Exchange, Request},
    wire::{Changes, Live, Order},
};

/// No recording needs more polls than this in a loop: a server that answers every poll at once must not keep the test forever.
const MOST_POLLS: usize = 300;

#[derive(Debug)]
pub(crate) struct PollLoop {
    state: Mutex<State>,
    changes: Changes,
}

#[derive(Debug)]
struct State {
    polls: Vec<Live>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// The connection is being aborted: the poll under way is the last one.
    LastPoll,
    Over,
}

/// What a loop repeats, and from where it begins.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) server: SocketAddr,
    pub(crate) request: Request,
    pub(crate) identities: Identities,
    pub(crate) place: Place,
}

impl PollLoop {
    pub(crate) fn begin(beginning: Beginning, changes: &Changes) -> Arc<Self> {
        let state = Mutex::new(State { polls: Vec::new(), phase: Phase::Running });
        let this = Arc::new(Self { state, changes: changes.clone() });
        tokio::spawn(Arc::clone(&this).run(beginning));
        this
    }

    async fn run(self: Arc<Self>, beginning: Beginning) {
        let mut place = beginning.place;
        for _ in 0..MOST_POLLS {
            if self.state().phase != Phase::Running {
                break;
            }
            let request = substitution::next_poll(&beginning.request, &beginning.identities, &place);
            let poll = Live::begin(beginning.server, request, &self.changes).await;
            self.update(|state| state.polls.push(poll.clone()));
            let answered = || poll.is_over() || self.state().phase == Phase::Over;
            while !self.changes.until(super::PATIENCE, answered).await {}
            let exchange = poll.so_far();
            if !goes_on(&exchange) {
                break;
            }
            let next = Place::after(std::iter::once(&exchange));
            place = Place { cursor: next.cursor.or(place.cursor), groups: next.groups.or(place.groups) };
        }
        self.update(|state| state.phase = Phase::Over);
    }

    /// Lets the poll under way be the last one. There has to be one: an abort is answered through it.
    pub(crate) fn finish(&self) {
        self.update(|state| {
            if state.phase == Phase::Running {
                state.phase = Phase::LastPoll;
            }
        });
    }

    /// Drops the poll under way and makes no other.
    pub(crate) fn close(&self) {
        self.update(|state| {
            state.phase = Phase::Over;
            if let Some(poll) = state.polls.last() {
                poll.order(Order::Drop);
            }
        });
    }

    /// Whether a poll is under way, or none will come any more.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Over || state.polls.last().is_some_and(|poll| !poll.is_over())
    }

    /// Whether the server has shown, by its early headers, that it holds the poll.
    pub(crate) fn is_held(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Over
            || state.polls.last().is_some_and(|poll| !poll.is_over() && poll.has_head())
    }

    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Over && state.polls.iter().all(Live::is_over)
    }

    pub(crate) fn polls(&self) -> Vec<Live> {
        self.state().polls.clone()
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changes.ring();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the state of a loop")
    }
}

/// A client polls again after a proper answer that does not tell it to stop or to reconnect.
fn goes_on(exchange: &Exchange) -> bool {
    let delivered = Delivered::of(exchange);
    let last = delivered.responses().last().map(|(_, response)| response);
    exchange.response.status == Some(200)
        && exchange.response.ended_by.by_server()
        && last.is_some_and(|response| ["T", "D", "E"].iter().all(|stop| response.get(stop).is_none()))
}
