//! What stays of a transport connection that is over, until there is another.
//!
//! The client of a stream has gone away with its cursor, and comes back with it. A client that polls only fetches the next answer: its
//! reader rests, with its topics and its place, and the next poll takes it up if it goes on exactly there. A reader rests only while the
//! state machine waits for its client.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use heliostat_proto::{
    connection::{Input, State as MachineState},
    transport_kind::TransportKind,
};

use super::{
    Record,
    record::{State, written_at},
};
use crate::{
    server::Core,
    transport::{AtRest, GroupsRead, Link, LinkSeed, Reader},
};

/// What is known about a connection that is away.
pub(super) struct Left {
    pub(super) kind: TransportKind,
    pub(super) groups: GroupsRead,
    pub(super) written_at: Instant,
    pub(super) heard_at: Instant,
    /// Its reader, while its client is between two polls.
    at_rest: Option<AtRest>,
}

impl Left {
    /// The reader that rests, if it reads just what is asked for.
    pub(super) fn take_rest(&mut self, seed: &LinkSeed) -> Option<AtRest> {
        self.at_rest.take_if(|rest| seed.resumes(rest, &self.groups))
    }
}

impl State {
    /// Whether the client that has just got this news of will poll again, and is waited for.
    fn awaits_poll(&self, input: Input) -> bool {
        matches!((input, self.machine.state()), (Input::Answered(_), MachineState::Detached { .. }))
    }

    /// Lets go of a reader for which nobody will come any more.
    pub(super) fn tidy(&mut self) {
        if let Some(left) = &mut self.left
            && !matches!(self.machine.state(), MachineState::Detached { .. })
        {
            left.at_rest = None;
        }
    }
}

impl Record {
    /// A transport connection is over: what must outlive it is kept. In one step, so that nobody who looks for the members of a group
    /// misses this one. Between two polls that is the whole reader.
    pub(crate) fn part(self: &Arc<Self>, core: &Arc<Core>, link: &Link, input: Input) {
        let now = core.now();
        let mut state = self.lock();
        state.links -= 1;
        let mut reader = link.take_reader();
        self.traffic.written(link.take_bytes_written());
        if let Some(reader) = &reader {
            self.read_up_to.fetch_max(reader.position().get(), Ordering::Relaxed);
        }
        let is_current = state.link.as_ref().is_some_and(|current| current.id == link.id);
        if is_current {
            let (written_at, heard_at) = (written_at(&state.machine, link), link.heard_at());
            state.left = reader.as_mut().map(|reader| {
                let groups = reader.take_groups();
                Box::new(Left { kind: link.kind, groups, written_at, heard_at, at_rest: None })
            });
        }
        let endings = self.step(core, &mut state, input, now);
        if is_current && state.awaits_poll(input) {
            let rest = reader.take().map(Reader::rest);
            if let Some(left) = &mut state.left {
                left.at_rest = rest;
            }
        }
        self.conclude(core, state, input, endings);
        // Outside of the lock: leaving the topics takes their locks.
        drop(reader);
    }
}
