//! One SignalR connection as one server sees it: what happens to it goes in, what has to be done comes out.
//!
//! Promises, whatever comes in whatever order:
//! - [`Effect::RaiseConnected`] comes at most once and never after another callback;
//!   [`Effect::RaiseDisconnected`] comes at most once, as the last callback, and only if the connection had
//!   started.
//! - A transport connection that was opened is over exactly once: it is ended by an [`Effect::End`], or it
//!   was reported as [`Input::Lost`] or [`Input::Answered`], never both.
//! - No client is given up before its grace is over, and no keep-alive is sent into a link that was just
//!   written to.
//! - The client of a WebSocket counts as away only if it left a ping unanswered for a keep-alive and was not heard
//!   for two; and, by a driver that ticks on time, never later than that. Its transport connection is kept until
//!   the grace is over: heard before, it is simply here again.
//! - Nothing comes out after [`Effect::Forget`].

mod effect;
mod input;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

pub use effect::{Effect, Ending, Reason};
pub use input::{Input, Opening};

use super::link::{Link, LinkId};
use super::state::{Stage, State};
use super::timeouts::Timeouts;
use crate::transport_kind::TransportKind;

/// Whether a request for a connection may go on; to be asked before it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It may.
    Welcome,
    /// The connection is over, and its client must be told to stop: by a refusal, or, if it understands the
    /// frame, by letting it in: [`Input::Opened`] is then answered with [`Ending::Disconnected`].
    Ended,
    /// This record is void and the id is unknown: make a new record.
    Forgotten,
}

/// The server's machine for one SignalR connection.
///
/// Feed it with [`handle`](Self::handle), then drain [`poll_effect`](Self::poll_effect), then see to it that
/// [`Input::Tick`] comes by [`poll_timeout`](Self::poll_timeout). The module's documentation shows it at
/// work.
#[derive(Clone, Debug)]
pub struct ServerConnection {
    state: State,
    // The latest time heard of. Threads that read the clock before they wait for a lock bring older ones.
    now: Instant,
    timeouts: Arc<Timeouts>,
    // An input adds three at most, and the driver drains it after each.
    effects: VecDeque<Effect>,
}

impl ServerConnection {
    /// Creates the record of a connection of which this server knows nothing yet.
    #[must_use]
    pub fn new(timeouts: Arc<Timeouts>, now: Instant) -> Self {
        let state = State::Awaited { until: now + timeouts.longest_grace() };
        Self { state, now, timeouts, effects: VecDeque::new() }
    }

    /// Something happened at `now`. Afterwards drain [`poll_effect`](Self::poll_effect).
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        self.state = self.next(input, now);
    }

    /// What to do next, until there is nothing left.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        if self.effects.is_empty() {
            // There are many machines, and most of them rest.
            self.effects = VecDeque::new();
        }
        effect
    }

    /// When to call `handle(Input::Tick, …)` if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.due(&self.timeouts)
    }

    /// Whether a request for this connection may go on.
    #[must_use]
    pub fn admits(&self) -> Admission {
        match self.state {
            State::Awaited { .. } | State::Attached { .. } => Admission::Welcome,
            State::Silent { .. } | State::Detached { .. } => Admission::Welcome,
            State::Ended { .. } => Admission::Ended,
            State::Forgotten => Admission::Forgotten,
        }
    }

    /// What this server knows about the connection.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Since when the client is away and may still come back, if it is.
    #[must_use]
    pub fn away_since(&self) -> Option<Instant> {
        self.state.away(&self.timeouts).map(|(since, _)| since)
    }

    /// All transitions. A new state or input stops the build here until someone decides. `at` is when the
    /// input happened, which may be before what is known already.
    #[expect(
        clippy::too_many_lines,
        reason = "one table of all transitions; to cut it would hide what is missing"
    )]
    fn next(&mut self, input: Input, at: Instant) -> State {
        use Input::{Aborted, Answered, Disconnect, Heard, Leave, Lost, MessagesLost, Moved, Opened};
        use Input::{ShuttingDown, Started, Tick, Wrote};
        use State::{Attached, Awaited, Detached, Ended, Forgotten, Silent};
        match (self.state, input) {
            // The newest receive request carries the connection; the one before it ends without callbacks.
            (Attached { link: current, .. } | Silent { link: current, .. }, Opened { link, .. })
                if current.id == link =>
            {
                self.state
            }
            (
                Attached { stage, .. } | Silent { stage, .. } | Detached { stage, .. },
                Opened { link, kind, how },
            ) => self.attach(Some(stage), how, (link, kind)),
            (Awaited { .. }, Opened { link, kind, how }) => self.attach(None, how, (link, kind)),
            // D-1: a client that comes back too late is told to stop, and nobody hears of it.
            (Ended { .. }, Opened { link, .. }) => {
                self.effects.push_back(Effect::End(link, Ending::Disconnected));
                self.state
            }

            // A start request may reach a server that does not carry the connection (5.6), or come between
            // two polls.
            (Awaited { .. }, Started) => {
                let until = self.now + self.timeouts.longest_grace();
                self.effects.push_back(Effect::RaiseConnected);
                Detached { stage: Stage::Announced, since: self.now, until }
            }
            (Attached { stage, link }, Started) => Attached { stage: self.start(stage), link },
            (Silent { stage, link }, Started) => Silent { stage: self.start(stage), link },
            (Detached { stage, since, until }, Started) => {
                Detached { stage: self.start(stage), since, until }
            }

            (Attached { stage, link }, Wrote(id)) if id == link.id => {
                Attached { stage, link: link.wrote(at) }
            }
            (Silent { stage, link }, Wrote(id)) if id == link.id => Silent { stage, link: link.wrote(at) },
            (Attached { stage, link }, Heard(id)) if id == link.id => {
                Attached { stage, link: link.heard(at) }
            }
            // What is known already is no news.
            (Silent { stage, link }, Heard(id)) if id == link.id && at > link.heard_at => {
                self.effects.push_back(Effect::NoteHeardAgain(id));
                Attached { stage, link: link.heard(at) }
            }
            (Attached { stage, link } | Silent { stage, link }, Answered(id) | Lost(id)) if id == link.id => {
                self.detach(stage, link)
            }

            (Attached { stage, .. } | Silent { stage, .. } | Detached { stage, .. }, Aborted) => {
                self.end(stage, Ending::Stopped, Reason::Stopped)
            }
            (
                Attached { stage, .. } | Silent { stage, .. } | Detached { stage, .. },
                Disconnect | MessagesLost,
            ) => self.dismiss(stage, input),
            (Awaited { .. }, Disconnect | MessagesLost) => self.dismiss(Stage::Initializing, input),

            // The connection lives on elsewhere: over here, and for that very reason nobody may think that the
            // client is gone (D-8). No tombstone: it may come back.
            (Attached { stage, .. } | Silent { stage, .. } | Detached { stage, .. }, Moved) => {
                self.leave(stage, Ending::Replaced, Reason::Replaced)
            }
            (Attached { stage, .. } | Silent { stage, .. } | Detached { stage, .. }, ShuttingDown) => {
                self.leave(stage, Ending::ShuttingDown, Reason::ShuttingDown)
            }
            (Awaited { .. }, Moved) => self.forget(Ending::Replaced),
            // Its client is there and will be there elsewhere: nobody is told of an end. Of a client that is away
            // nobody knows whether it will; it keeps its time to come back and be sent on.
            (Attached { .. } | Awaited { .. }, Leave) => self.forget(Ending::ShuttingDown),
            (Awaited { .. } | Ended { .. }, ShuttingDown) => self.forget(Ending::ShuttingDown),
            // 9.3: a stop of an unknown connection has no effect, so there is nothing to remember either.
            (Awaited { .. }, Aborted) => self.forget(Ending::Stopped),

            (Attached { stage, link }, Tick) if self.is_past(link.expires(&self.timeouts)) => {
                self.effects.push_back(Effect::End(link.id, Ending::ConnectionTimeout));
                self.detach(stage, link)
            }
            (Attached { stage, link }, Tick) if link.is_silent(self.now, &self.timeouts) => {
                self.effects.push_back(Effect::NoteSilent(link.id));
                Silent { stage, link: self.keep_alive(link) }
            }
            (Attached { stage, link }, Tick) => Attached { stage, link: self.look_after(link) },
            (Silent { stage, .. } | Detached { stage, .. }, Tick) if self.is_too_late() => {
                self.give_up(stage)
            }
            (Silent { stage, link }, Tick) => Silent { stage, link: self.keep_alive(link) },
            (Awaited { until } | Ended { until, .. }, Tick) if until <= self.now => {
                self.forget(Ending::Disconnected)
            }

            // News that comes too early or too late is normal on a network: it changes nothing.
            (
                Awaited { .. } | Attached { .. } | Silent { .. },
                Wrote(_) | Heard(_) | Answered(_) | Lost(_),
            )
            | (Detached { .. } | Ended { .. }, Wrote(_) | Heard(_) | Answered(_) | Lost(_))
            | (Awaited { .. } | Detached { .. } | Ended { .. }, Tick)
            | (Ended { .. }, Started | Aborted | Disconnect | MessagesLost | Moved | Leave)
            | (Silent { .. } | Detached { .. }, Leave)
            | (Forgotten, Opened { .. } | Started | Wrote(_) | Heard(_) | Answered(_) | Lost(_))
            | (Forgotten, Aborted | Disconnect | MessagesLost | Moved | Leave | ShuttingDown | Tick) => {
                self.state
            }
        }
    }

    /// Lets a transport connection carry the connection, instead of the one that carries it now. `stage` is
    /// `None` if this server did not know it.
    fn attach(&mut self, stage: Option<Stage>, how: Opening, (id, kind): (LinkId, TransportKind)) -> State {
        self.end_link(Ending::Replaced);
        let (stage, news) = match (how, stage) {
            // Only a client that has started reconnects, even if its start request went to another server.
            (Opening::Reconnect, None | Some(_)) => (Stage::Started, Some(Effect::RaiseReconnected)),
            (Opening::ConnectAtOnce, None | Some(Stage::Initializing | Stage::Adopted)) => {
                (Stage::Started, Some(Effect::RaiseConnected))
            }
            (Opening::ConnectDelayed, None) => (Stage::Initializing, None),
            (Opening::Poll, None) => (Stage::Adopted, None),
            // Another transport is tried, a browser repeats its first request, or the next poll comes.
            (Opening::ConnectAtOnce, Some(Stage::Announced | Stage::Started))
            | (Opening::ConnectDelayed | Opening::Poll, Some(Stage::Announced)) => (Stage::Started, None),
            (Opening::ConnectDelayed | Opening::Poll, Some(stage)) => (stage, None),
        };
        self.effects.extend(news);
        State::Attached { stage, link: Link::new(id, kind, self.now) }
    }

    /// D-12: the application is told of the start once.
    fn start(&mut self, stage: Stage) -> Stage {
        match stage {
            Stage::Initializing | Stage::Adopted => {
                self.effects.push_back(Effect::RaiseConnected);
                Stage::Started
            }
            Stage::Announced | Stage::Started => stage,
        }
    }

    /// D-9: the time to the next keep-alive counts from the last write. A client of which little is heard is asked on
    /// the same occasion.
    fn keep_alive(&mut self, link: Link) -> Link {
        if !self.is_past(link.keep_alive_due(&self.timeouts)) {
            return link;
        }
        self.effects.push_back(Effect::SendKeepAlive(link.id));
        let asks = link.is_worth_asking(&self.timeouts);
        if asks { self.ping(link.wrote(self.now)) } else { link.wrote(self.now) }
    }

    fn look_after(&mut self, link: Link) -> Link {
        let link = self.keep_alive(link);
        if self.is_past(link.ping_due(&self.timeouts)) { self.ping(link) } else { link }
    }

    fn ping(&mut self, link: Link) -> Link {
        self.effects.push_back(Effect::SendPing(link.id));
        link.pinged(self.now)
    }

    /// D-18: the grace counts from the moment at which the transport connection was over; that of a silent client has
    /// begun before.
    fn detach(&self, stage: Stage, link: Link) -> State {
        let from_now = (self.now, self.now + self.timeouts.grace(link.kind));
        let (since, until) = self.state.away(&self.timeouts).unwrap_or(from_now);
        State::Detached { stage, since, until }
    }

    /// The client did not come back. Had it not started here, or started here and never been carried here, then
    /// perhaps it is well elsewhere: it must not be refused later.
    fn give_up(&mut self, stage: Stage) -> State {
        match stage {
            Stage::Initializing => self.forget(Ending::Silent),
            Stage::Announced => self.leave(stage, Ending::Silent, Reason::TimedOut),
            Stage::Adopted | Stage::Started => self.end(stage, Ending::Silent, Reason::TimedOut),
        }
    }

    fn end(&mut self, stage: Stage, ending: Ending, reason: Reason) -> State {
        self.end_link(ending);
        self.tell(stage, reason);
        State::Ended { reason, until: self.now + self.timeouts.topic_time_to_live() }
    }

    /// The application sends the client away.
    fn dismiss(&mut self, stage: Stage, input: Input) -> State {
        let lost = input == Input::MessagesLost;
        let reason = if lost { Reason::MessagesLost } else { Reason::DisconnectedByServer };
        self.end(stage, Ending::Disconnected, reason)
    }

    /// The end of the connection on this server, not of the connection.
    fn leave(&mut self, stage: Stage, ending: Ending, reason: Reason) -> State {
        self.end_link(ending);
        self.tell(stage, reason);
        self.effects.push_back(Effect::Forget);
        State::Forgotten
    }

    /// D-17: an application that was not told of the connection is not told of its end.
    fn tell(&mut self, stage: Stage, reason: Reason) {
        match stage {
            Stage::Initializing => {}
            Stage::Adopted | Stage::Announced | Stage::Started => {
                self.effects.push_back(Effect::RaiseDisconnected(reason));
            }
        }
    }

    fn forget(&mut self, ending: Ending) -> State {
        self.end_link(ending);
        self.effects.push_back(Effect::Forget);
        State::Forgotten
    }

    /// Ends the transport connection that carries the connection now, if there is one.
    fn end_link(&mut self, ending: Ending) {
        self.effects.extend(self.state.link().map(|link| Effect::End(link.id, ending)));
    }

    fn is_too_late(&self) -> bool {
        self.is_past(self.state.away(&self.timeouts).map(|(_, until)| until))
    }

    fn is_past(&self, deadline: Option<Instant>) -> bool {
        deadline.is_some_and(|deadline| deadline <= self.now)
    }
}
