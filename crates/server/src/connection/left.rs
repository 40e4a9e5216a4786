//! What stays of a transport connection that is over, until there is another.
//!
//! While the state machine waits for the client, its reader keeps its topics and its place. So no topic of a client that is away is
//! forgotten, however many other connections come and go. A client that polls only fetches the next answer: the next poll takes the reader
//! up if it goes on exactly there, and meanwhile it stays where publishers look for it. After a loss it rests, and nobody goes past it. Who
//! comes back otherwise begins anew from its cursor, and only then does the old reader leave.
//!
//! When the connection is over its id is refused for as long as messages are kept, so nobody asks for the topic that it had for itself: that
//! is forgotten at once. (In a log that other servers read too, or that outlives this one, whoever reads it would have to refuse the id.)

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use heliostat_bus::TopicName;
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
    /// Its reader, while its client may come back.
    at_rest: Option<AtRest>,
}

impl Left {
    /// The reader that rests, if it reads just what is asked for.
    pub(super) fn take_rest(&mut self, seed: &LinkSeed) -> Option<AtRest> {
        self.at_rest.take_if(|rest| seed.resumes(rest, &self.groups))
    }
}

impl State {
    /// Whether the client is away and may come back.
    fn waits(&self) -> bool {
        matches!(self.machine.state(), MachineState::Detached { .. })
    }

    /// Whether nobody gets in under its id until its messages are too old.
    fn is_refused(&self, core: &Core) -> bool {
        matches!(*self.machine.state(), MachineState::Ended { reason, .. } if core.refuses_after(reason))
    }

    /// Lets go of a reader for which nobody will come any more.
    pub(super) fn tidy(&mut self, core: &Core, own: &TopicName) {
        if !self.waits()
            && let Some(rest) = self.left.as_mut().and_then(|left| left.at_rest.take())
            && self.is_refused(core)
        {
            rest.retire(own);
        }
    }
}

impl Record {
    /// A transport connection is over: what must outlive it is kept. In one step, so that nobody who looks for the members of a group
    /// misses this one. While the client may come back that is the whole reader.
    pub(crate) fn part(self: &Arc<Self>, core: &Arc<Core>, link: &Link, input: Input) {
        let now = core.now();
        let mut state = self.lock();
        state.links -= 1;
        let mut reader = link.take_reader();
        self.traffic.written(link.take_bytes_written());
        if let Some(reader) = &reader {
            // Whoever writes it has locked the record.
            let before = self.read_up_to.load(Ordering::Relaxed);
            self.read_up_to.store(before.max(reader.position().get()), Ordering::Relaxed);
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
        if is_current && state.waits() {
            let is_answered = matches!(input, Input::Answered(_));
            let rest = reader.take().map(if is_answered { Reader::wait } else { Reader::rest });
            if let Some(left) = &mut state.left {
                left.at_rest = rest;
            }
        }
        let is_refused = state.is_refused(core);
        self.conclude(core, state, input, endings);
        // Outside of the lock: leaving the topics takes their locks.
        if let Some(reader) = reader.filter(|_| is_refused) {
            reader.retire(&self.topic);
        }
    }
}
