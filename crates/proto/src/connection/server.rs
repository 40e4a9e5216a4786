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

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::link::{Link, LinkId};
use super::state::{Stage, State};
use super::timeouts::Timeouts;
use crate::transport_kind::TransportKind;

/// What happened to a SignalR connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A receive request was accepted: the first news about this transport connection, which carries the
    /// SignalR connection from now on.
    Opened {
        /// A number that no other transport connection of this SignalR connection has had.
        link: LinkId,
        /// What was opened.
        kind: TransportKind,
        /// What the client asked for.
        how: Opening,
    },
    /// The client sent its start request (since 1.4).
    Started,
    /// Bytes went out on this transport connection. May be told late, with the time at which they went out.
    Wrote(LinkId),
    /// Something came from the client on this transport connection: a message, or the answer to a ping. May
    /// be told late, with the time at which it came, but before the next [`Tick`](Self::Tick).
    Heard(LinkId),
    /// This long poll was completed in the normal way; the client will poll again.
    Answered(LinkId),
    /// The physical connection under this transport connection is gone, or its client closed it.
    Lost(LinkId),
    /// The client stopped.
    Aborted,
    /// The application wants the client to go.
    Disconnect,
    /// The application wants the client to go because messages to it were lost.
    MessagesLost,
    /// This server is being emptied, and the client is to go on elsewhere, under the same id.
    Leave,
    /// Another server carries the connection now.
    Moved,
    /// This server ends.
    ShuttingDown,
    /// Time passed; see [`ServerConnection::poll_timeout`].
    Tick,
}

/// What a client that opens a transport connection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// To connect; a start request will follow (since 1.4).
    ConnectDelayed,
    /// To connect; no start request will follow (below 1.4).
    ConnectAtOnce,
    /// To go on after a loss.
    Reconnect,
    /// To go on with the next long poll.
    Poll,
}

/// Something the driver must do, in the order in which it is told. Callbacks of one SignalR connection run
/// one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an effect nobody carries out is a lost message"]
pub enum Effect {
    /// Tell the application that the connection is there.
    RaiseConnected,
    /// Tell the application that the connection goes on, perhaps from another server.
    RaiseReconnected,
    /// Tell the application that the connection is over.
    RaiseDisconnected(Reason),
    /// Write a keep-alive, if this transport connection can carry one (a poll answered as JSONP cannot).
    SendKeepAlive(LinkId),
    /// Write a WebSocket ping: nothing was heard from the client for a keep-alive, or a keep-alive is due anyway,
    /// and then both are told one after the other so that they can be one write. Its answer, which browsers give
    /// by themselves, shows that it is still there.
    SendPing(LinkId),
    /// Note, for whoever looks, that nothing was heard for two keep-alives: the client counts as away from now on.
    /// What carries it is kept, and nobody is called.
    NoteSilent(LinkId),
    /// Note that the client that counted as away was heard again: it is here as if nothing had happened.
    NoteHeardAgain(LinkId),
    /// Finish this transport connection, if it did not just finish by itself (a client may poll again before
    /// the answer to its last poll is reported). News about it is ignored from now on.
    End(LinkId, Ending),
    /// Drop the record. Should the id come back, it belongs to an unknown connection.
    Forget,
}

/// How a transport connection is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// A newer one took its place, here or on another server. It just ends; a long poll gets an empty
    /// response.
    Replaced,
    /// It was open for long enough. It just ends; a long poll gets an empty response. The client comes back
    /// at once.
    ConnectionTimeout,
    /// Its client stopped and waits for it to end.
    Stopped,
    /// Its client counted as away because nothing was heard of it, and its time to come back is over: there is
    /// nobody to say anything to. The physical connection is cut.
    Silent,
    /// Its client must stop: it gets the frame that says so, and then the end.
    Disconnected,
    /// This server ends, or is being emptied. It just ends, which makes its client reconnect; a long poll gets a
    /// response that asks to.
    ShuttingDown,
}

/// Why a SignalR connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The client stopped.
    Stopped,
    /// The client did not come back in time.
    TimedOut,
    /// The application disconnected it.
    DisconnectedByServer,
    /// Messages to it were lost, and the application does not want it to go on without them.
    MessagesLost,
    /// This server ends. The client is asked to reconnect, and may go on at another server under the same id.
    ShuttingDown,
    /// Another server carries the connection now: it is over here, but not for its client.
    Replaced,
}

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connection::KeepAlive;
    use Effect::{End, Forget, NoteHeardAgain, NoteSilent, SendKeepAlive, SendPing};
    use Effect::{RaiseConnected, RaiseDisconnected, RaiseReconnected};
    use TransportKind::{LongPolling, ServerSentEvents, WebSockets};

    const STREAMS: [TransportKind; 3] = [WebSockets, ServerSentEvents, TransportKind::ForeverFrame];

    /// A machine and the seconds since it was made.
    struct Server {
        machine: ServerConnection,
        start: Instant,
    }

    impl Server {
        #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
        fn new(timeouts: Timeouts) -> Self {
            let start = Instant::now();
            Self { machine: ServerConnection::new(Arc::new(timeouts), start), start }
        }

        /// A server with a client that connected and started at second 0 on link 1.
        fn with_client(kind: TransportKind) -> Self {
            let mut server = Self::new(Timeouts::default());
            server.open(0, 1, kind, Opening::ConnectDelayed);
            assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
            server
        }

        fn at(&mut self, second: u64, input: Input) -> Vec<Effect> {
            self.machine.handle(input, self.start + Duration::from_secs(second));
            std::iter::from_fn(|| self.machine.poll_effect()).collect()
        }

        fn open(&mut self, second: u64, number: u64, kind: TransportKind, how: Opening) -> Vec<Effect> {
            self.at(second, Input::Opened { link: link(number), kind, how })
        }

        fn due(&self) -> Option<u64> {
            self.machine.poll_timeout().map(|due| (due - self.start).as_secs())
        }
    }

    const fn link(number: u64) -> LinkId {
        LinkId::new(number)
    }

    #[test]
    fn cp_003_losing_the_transport_does_not_raise_disconnected() {
        let mut server = Server::with_client(WebSockets);
        assert_eq!(server.at(1, Input::Lost(link(1))), []);
        assert!(matches!(server.machine.state(), State::Detached { stage: Stage::Started, .. }));
    }

    #[test]
    fn cp_004_cp_151_cp_160_a_stop_ends_the_transport_and_the_connection_at_once() {
        for kind in STREAMS.into_iter().chain([LongPolling]) {
            let mut server = Server::with_client(kind);
            let expected = [End(link(1), Ending::Stopped), RaiseDisconnected(Reason::Stopped)];
            assert_eq!(server.at(3, Input::Aborted), expected);
        }
    }

    #[test]
    fn cp_005_cp_217_a_client_that_vanished_is_given_up_when_the_grace_is_over_and_not_before() {
        for (kind, grace) in STREAMS.map(|kind| (kind, 35)).into_iter().chain([(LongPolling, 30)]) {
            let mut server = Server::with_client(kind);
            server.at(7, Input::Lost(link(1)));
            assert_eq!(server.due(), Some(7 + grace));
            assert_eq!(server.at(6 + grace, Input::Tick), []);
            assert_eq!(server.at(7 + grace, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
        }
    }

    #[test]
    fn cp_006_cp_220_cp_222_a_connection_that_is_over_is_not_ended_again() {
        let mut server = Server::with_client(WebSockets);
        server.at(1, Input::Aborted);
        for input in [Input::Aborted, Input::Disconnect, Input::Lost(link(1)), Input::Tick, Input::Started] {
            assert_eq!(server.at(50, input), []);
        }
        let mut server = Server::with_client(WebSockets);
        server.at(1, Input::Lost(link(1)));
        assert_eq!(server.at(36, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
        assert_eq!(server.at(37, Input::Aborted), []);
    }

    #[test]
    fn cp_007_a_reconnect_of_an_unknown_connection_raises_reconnected_without_connected() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.open(0, 1, WebSockets, Opening::Reconnect), [RaiseReconnected]);
        assert_eq!(server.at(0, Input::Started), []);
        let expected = [End(link(1), Ending::Stopped), RaiseDisconnected(Reason::Stopped)];
        assert_eq!(server.at(1, Input::Aborted), expected);
    }

    #[test]
    fn cp_007_a_poll_of_an_unknown_connection_raises_nothing_but_its_end_is_told() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.open(0, 1, LongPolling, Opening::Poll), []);
        server.at(1, Input::Answered(link(1)));
        assert_eq!(server.at(31, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
    }

    #[test]
    fn a_start_that_comes_after_the_first_poll_of_an_unknown_connection_raises_connected() {
        let mut server = Server::new(Timeouts::default());
        server.open(0, 1, LongPolling, Opening::Poll);
        assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
        assert_eq!(server.at(0, Input::Started), []);
    }

    #[test]
    fn a_reconnect_before_the_start_shows_that_the_start_was_handled_elsewhere() {
        let mut server = Server::new(Timeouts::default());
        server.open(0, 1, WebSockets, Opening::ConnectDelayed);
        let expected = [End(link(1), Ending::Replaced), RaiseReconnected];
        assert_eq!(server.open(1, 2, WebSockets, Opening::Reconnect), expected);
        assert_eq!(server.at(1, Input::Started), [], "connected never comes after reconnected");
        server.at(2, Input::Lost(link(2)));
        assert_eq!(server.at(37, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
    }

    #[test]
    fn cp_008_cp_221_a_client_that_comes_back_too_late_is_told_to_stop_and_nobody_hears_of_it() {
        for how in [Opening::ConnectDelayed, Opening::ConnectAtOnce, Opening::Reconnect, Opening::Poll] {
            let mut server = Server::with_client(WebSockets);
            server.at(0, Input::Lost(link(1)));
            assert_eq!(server.at(35, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
            assert_eq!(server.machine.admits(), Admission::Ended);
            assert_eq!(server.open(36, 2, WebSockets, how), [End(link(2), Ending::Disconnected)]);
            assert_eq!(server.due(), Some(135), "coming back does not prolong the tombstone");
        }
    }

    #[test]
    fn cp_010_cp_152_polls_raise_nothing_and_a_reconnect_does() {
        let mut server = Server::with_client(LongPolling);
        for number in 1..20 {
            assert_eq!(server.at(number * 5, Input::Answered(link(number))), []);
            assert_eq!(server.open(number * 5, number + 1, LongPolling, Opening::Poll), []);
        }
        assert_eq!(server.at(100, Input::Lost(link(20))), []);
        assert_eq!(server.open(103, 21, LongPolling, Opening::Reconnect), [RaiseReconnected]);
    }

    #[test]
    fn cp_112_a_start_without_a_transport_raises_connected_and_the_grace_runs() {
        let mut server =
            Server::new(Timeouts::default().with_long_poll_delay(Duration::from_secs(8)).unwrap());
        assert_eq!(server.at(2, Input::Started), [RaiseConnected]);
        assert_eq!(
            server.due(),
            Some(2 + 38),
            "the transport is not known, so the longest grace it could have"
        );
        assert_eq!(server.at(40, Input::Tick), [RaiseDisconnected(Reason::TimedOut), Forget]);
        assert_eq!(server.machine.admits(), Admission::Forgotten, "it may be well elsewhere: no tombstone");
    }

    #[test]
    fn a_client_that_started_here_and_is_carried_here_later_is_connected_once_and_leaves_a_tombstone() {
        for how in [Opening::ConnectDelayed, Opening::ConnectAtOnce, Opening::Poll, Opening::Reconnect] {
            let mut server = Server::new(Timeouts::default());
            assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
            assert_eq!(server.at(1, Input::Started), []);
            let back = if how == Opening::Reconnect { vec![RaiseReconnected] } else { vec![] };
            assert_eq!(server.open(5, 1, LongPolling, how), back);
            server.at(5, Input::Answered(link(1)));
            assert_eq!(server.at(35, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
            assert_eq!(server.machine.admits(), Admission::Ended);
        }
    }

    #[test]
    fn cp_113_cp_114_a_client_below_1_4_is_connected_by_its_first_connect_only() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.open(0, 1, WebSockets, Opening::ConnectAtOnce), [RaiseConnected]);
        let replaced = [End(link(1), Ending::Replaced)];
        assert_eq!(server.open(5, 2, ServerSentEvents, Opening::ConnectAtOnce), replaced);
    }

    #[test]
    fn cp_123_cp_139_a_newer_transport_replaces_the_old_one_without_callbacks() {
        let mut server = Server::with_client(ServerSentEvents);
        let replaced = [End(link(1), Ending::Replaced)];
        assert_eq!(server.open(4, 2, ServerSentEvents, Opening::ConnectDelayed), replaced);
        for late in [Input::Lost(link(1)), Input::Answered(link(1)), Input::Wrote(link(1)), Input::Started] {
            assert_eq!(server.at(5, late), []);
        }
        assert_eq!(server.machine.state().link().map(|link| link.id), Some(link(2)));
        assert_eq!(
            server.due(),
            Some(14),
            "a late write on the old transport does not count for the new one"
        );
    }

    #[test]
    fn cp_123_a_reconnect_replaces_a_transport_that_the_server_believed_alive() {
        let mut server = Server::with_client(WebSockets);
        let expected = [End(link(1), Ending::Replaced), RaiseReconnected];
        assert_eq!(server.open(22, 2, WebSockets, Opening::Reconnect), expected);
    }

    #[test]
    fn cp_131_a_closed_web_socket_ends_the_connection_only_with_the_stop_that_follows() {
        let mut server = Server::with_client(WebSockets);
        assert_eq!(server.at(3, Input::Lost(link(1))), []);
        assert_eq!(server.at(4, Input::Aborted), [RaiseDisconnected(Reason::Stopped)]);
    }

    #[test]
    fn cp_146_an_idle_poll_ends_after_the_connection_timeout() {
        let mut server = Server::with_client(LongPolling);
        for second in (10..110).step_by(10) {
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
        }
        assert_eq!(server.at(110, Input::Tick), [End(link(1), Ending::ConnectionTimeout)]);
        assert_eq!(server.at(110, Input::Answered(link(1))), [], "its own answer is no news");
        assert_eq!(server.due(), Some(140));
    }

    #[test]
    fn cp_154_cp_223_a_shutdown_ends_the_transport_and_says_so_and_the_client_may_come_back() {
        for kind in STREAMS.into_iter().chain([LongPolling]) {
            let mut server = Server::with_client(kind);
            let told = RaiseDisconnected(Reason::ShuttingDown);
            assert_eq!(server.at(1, Input::ShuttingDown), [End(link(1), Ending::ShuttingDown), told, Forget]);
            assert_eq!(server.machine.admits(), Admission::Forgotten);
        }
    }

    #[test]
    fn cp_157_another_transport_may_be_tried_before_the_start() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.open(0, 1, WebSockets, Opening::ConnectDelayed), []);
        let replaced = [End(link(1), Ending::Replaced)];
        assert_eq!(server.open(5, 2, LongPolling, Opening::ConnectDelayed), replaced);
        assert_eq!(server.at(5, Input::Answered(link(2))), []);
        assert_eq!(server.at(6, Input::Started), [RaiseConnected], "a start may come between two polls");
        assert_eq!(server.due(), Some(35), "and does not prolong the grace");
    }

    #[test]
    fn cp_214_a_keep_alive_is_due_one_keep_alive_after_the_last_write() {
        let mut server = Server::with_client(ServerSentEvents);
        server.at(4, Input::Wrote(link(1)));
        assert_eq!(server.due(), Some(14));
        assert_eq!(server.at(13, Input::Tick), []);
        assert_eq!(server.at(14, Input::Tick), [SendKeepAlive(link(1))]);
        assert_eq!(server.due(), Some(24), "a keep-alive that cannot be written is not repeated at once");
    }

    #[test]
    fn cp_215_without_keep_alives_a_stream_ends_after_the_connection_timeout() {
        for kind in STREAMS {
            let mut server = Server::new(Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap());
            server.open(0, 1, kind, Opening::ConnectAtOnce);
            server.at(100, Input::Wrote(link(1)));
            assert_eq!(server.due(), Some(110));
            assert_eq!(server.at(110, Input::Tick), [End(link(1), Ending::ConnectionTimeout)]);
            assert_eq!(server.open(112, 2, kind, Opening::Reconnect), [RaiseReconnected]);
        }
    }

    #[test]
    fn cp_216_with_keep_alives_a_stream_never_times_out() {
        for kind in STREAMS {
            let mut server = Server::with_client(kind);
            for second in (10..1000).step_by(10) {
                server.at(second - 1, Input::Heard(link(1)));
                assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
            }
        }
    }

    /// A server with a client on a WebSocket that was heard at second 1 and never again.
    fn server_with_a_silent_client() -> Server {
        let mut server = Server::with_client(WebSockets);
        server.at(1, Input::Heard(link(1)));
        assert_eq!(server.at(10, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
        assert_eq!(server.at(20, Input::Tick), [SendKeepAlive(link(1))], "it is asked once");
        assert_eq!(server.due(), Some(21));
        assert_eq!(server.at(21, Input::Tick), [NoteSilent(link(1))]);
        assert_eq!(server.machine.away_since(), Some(server.start + Duration::from_secs(21)));
        server
    }

    #[test]
    fn a_silent_client_is_away_after_two_keep_alives_and_given_up_when_the_grace_is_over() {
        let mut server = server_with_a_silent_client();
        assert_eq!(server.machine.admits(), Admission::Welcome);
        for second in [30, 40, 50] {
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))], "what carries it is kept");
        }
        assert_eq!(server.due(), Some(21 + 35));
        let over = [End(link(1), Ending::Silent), RaiseDisconnected(Reason::TimedOut)];
        assert_eq!(server.at(56, Input::Tick), over);
        assert_eq!(server.machine.admits(), Admission::Ended);
    }

    #[test]
    fn a_silent_client_that_is_heard_again_is_here_and_nobody_hears_of_it() {
        let mut server = server_with_a_silent_client();
        server.at(30, Input::Tick);
        assert_eq!(server.at(31, Input::Heard(link(2))), [], "that was another");
        assert_eq!(server.at(1, Input::Heard(link(1))), [], "old news");
        assert_eq!(server.at(34, Input::Heard(link(1))), [NoteHeardAgain(link(1))]);
        assert_eq!(server.machine.away_since(), None);
        assert_eq!(server.at(40, Input::Tick), [SendKeepAlive(link(1))], "it has just been heard");
        assert_eq!(server.at(44, Input::Tick), [SendPing(link(1))]);
        assert_eq!(server.due(), Some(50));
    }

    #[test]
    fn a_silent_client_that_comes_back_over_another_transport_connection_has_reconnected() {
        let mut server = server_with_a_silent_client();
        let back = [End(link(1), Ending::Replaced), RaiseReconnected];
        assert_eq!(server.open(30, 2, WebSockets, Opening::Reconnect), back);
        for late in [Input::Lost(link(1)), Input::Heard(link(1))] {
            assert_eq!(server.at(31, late), [], "it was over before");
        }
        assert_eq!(server.due(), Some(40));
    }

    #[test]
    fn a_silent_client_whose_transport_connection_breaks_has_the_rest_of_its_time() {
        let mut server = server_with_a_silent_client();
        assert_eq!(server.at(29, Input::Lost(link(1))), []);
        assert_eq!(server.due(), Some(21 + 35));
        assert_eq!(server.machine.away_since(), Some(server.start + Duration::from_secs(21)));
        assert_eq!(server.at(56, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
    }

    #[test]
    fn a_silent_client_that_had_not_started_is_forgotten() {
        let mut server = Server::new(Timeouts::default());
        server.open(0, 1, WebSockets, Opening::ConnectDelayed);
        for second in [10, 20, 30, 40, 50] {
            server.at(second, Input::Tick);
        }
        assert_eq!(server.at(55, Input::Tick), [End(link(1), Ending::Silent), Forget]);
    }

    #[test]
    fn a_server_that_is_emptied_keeps_a_silent_client_until_it_is_heard_or_given_up() {
        let mut server = server_with_a_silent_client();
        assert_eq!(server.at(22, Input::Leave), []);
        server.at(23, Input::Heard(link(1)));
        assert_eq!(server.at(24, Input::Leave), [End(link(1), Ending::ShuttingDown), Forget]);
    }

    #[test]
    fn an_idle_client_is_asked_with_each_keep_alive_and_a_talkative_one_is_not() {
        let mut server = Server::with_client(WebSockets);
        for second in (10..100).step_by(10) {
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
            assert_eq!(server.at(second, Input::Heard(link(1))), [], "a prompt answer");
            assert_eq!(server.due(), Some(second + 10), "one look in a keep-alive");
        }
        for second in (100..200).step_by(10) {
            server.at(second - 2, Input::Heard(link(1)));
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
        }
    }

    #[test]
    fn pings_that_went_out_alone_go_with_the_keep_alives_again() {
        let mut server = Server::with_client(WebSockets);
        server.at(7, Input::Wrote(link(1)));
        assert_eq!(server.at(10, Input::Tick), [SendPing(link(1))], "nothing was heard for a keep-alive");
        server.at(10, Input::Heard(link(1)));
        for second in [17, 27, 37] {
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
            server.at(second, Input::Heard(link(1)));
            assert_eq!(server.due(), Some(second + 10));
        }
    }

    #[test]
    fn an_answer_to_a_ping_counts_however_late_it_is_told() {
        let mut server = Server::with_client(WebSockets);
        assert_eq!(server.at(10, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
        server.at(19, Input::Wrote(link(1)));
        server.at(11, Input::Heard(link(1)));
        assert_eq!(server.due(), Some(21));
        assert_eq!(server.at(21, Input::Tick), [SendPing(link(1))], "ten seconds after it was heard");
        server.at(11, Input::Heard(link(1)));
        server.at(29, Input::Tick);
        assert_eq!(server.at(31, Input::Tick), [NoteSilent(link(1))], "old news is no answer");
    }

    #[test]
    fn a_driver_that_slept_asks_again_before_a_client_counts_as_away() {
        let mut server = Server::with_client(WebSockets);
        server.at(10, Input::Tick);
        let asks_again = [SendKeepAlive(link(1)), SendPing(link(1))];
        assert_eq!(server.at(26, Input::Tick), asks_again, "the answer may be unread");
        assert_eq!(server.at(36, Input::Tick), [NoteSilent(link(1)), SendKeepAlive(link(1))]);
    }

    #[test]
    fn nobody_is_pinged_who_cannot_answer() {
        let silent = Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap();
        let mut server = Server::new(silent.with_connection(Duration::from_secs(1000)).unwrap());
        server.open(0, 1, WebSockets, Opening::ConnectAtOnce);
        assert_eq!(server.at(500, Input::Tick), [], "without keep-alives silence means nothing");
        for kind in [ServerSentEvents, TransportKind::ForeverFrame, LongPolling] {
            let mut server = Server::with_client(kind);
            for second in (10..110).step_by(10) {
                assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
            }
        }
    }

    #[test]
    fn cp_218_a_poll_within_the_grace_prevents_the_end() {
        let mut server = Server::with_client(LongPolling);
        server.at(0, Input::Answered(link(1)));
        assert_eq!(server.at(29, Input::Tick), []);
        assert_eq!(server.open(29, 2, LongPolling, Opening::Poll), []);
        assert_eq!(server.at(30, Input::Tick), []);
        assert!(server.machine.state().link().is_some());
    }

    #[test]
    fn a_client_that_comes_back_before_a_late_tick_is_welcome() {
        let mut server = Server::with_client(WebSockets);
        server.at(0, Input::Lost(link(1)));
        assert_eq!(server.machine.admits(), Admission::Welcome);
        assert_eq!(server.open(50, 2, WebSockets, Opening::Reconnect), [RaiseReconnected]);
    }

    #[test]
    fn cp_219_a_stop_of_an_unknown_connection_does_nothing() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.at(0, Input::Aborted), [Forget]);
        assert_eq!(server.machine.admits(), Admission::Forgotten);
    }

    #[test]
    fn cp_224_a_connection_that_moved_to_another_server_is_replaced_not_timed_out_and_may_come_back() {
        let mut server = Server::with_client(WebSockets);
        let told = RaiseDisconnected(Reason::Replaced);
        assert_eq!(server.at(9, Input::Moved), [End(link(1), Ending::Replaced), told, Forget]);
        let mut server = Server::with_client(LongPolling);
        server.at(8, Input::Answered(link(1)));
        assert_eq!(server.at(9, Input::Moved), [told, Forget]);
        assert_eq!(server.machine.admits(), Admission::Forgotten);
    }

    #[test]
    fn d_16_the_application_may_disconnect_a_client_for_good() {
        let mut server = Server::with_client(WebSockets);
        let over = RaiseDisconnected(Reason::DisconnectedByServer);
        assert_eq!(server.at(9, Input::Disconnect), [End(link(1), Ending::Disconnected), over]);
        assert_eq!(server.machine.admits(), Admission::Ended);
        let mut server = Server::with_client(WebSockets);
        server.at(8, Input::Lost(link(1)));
        assert_eq!(server.at(9, Input::Disconnect), [over]);
    }

    #[test]
    fn d_17_the_end_of_a_connection_that_never_started_is_not_told() {
        let mut server = Server::new(Timeouts::default());
        server.open(0, 1, WebSockets, Opening::ConnectDelayed);
        assert_eq!(server.at(1, Input::Aborted), [End(link(1), Ending::Stopped)]);
        assert_eq!(server.at(1, Input::Started), [], "a stop that overtook the start");

        let mut server = Server::new(Timeouts::default());
        server.open(0, 1, WebSockets, Opening::ConnectDelayed);
        server.at(1, Input::Lost(link(1)));
        assert_eq!(
            server.at(36, Input::Tick),
            [Forget],
            "it may have started on another server: no tombstone"
        );
    }

    #[test]
    fn the_tombstone_goes_when_the_topics_have_gone() {
        let mut server = Server::with_client(WebSockets);
        server.at(1, Input::Aborted);
        assert_eq!(server.due(), Some(101));
        assert_eq!(server.at(100, Input::Tick), []);
        assert_eq!(server.at(101, Input::Tick), [Forget]);
        assert_eq!((server.due(), server.machine.admits()), (None, Admission::Forgotten));
    }

    #[test]
    fn a_record_that_nobody_uses_is_forgotten() {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.due(), Some(35));
        assert_eq!(server.at(35, Input::Tick), [Forget]);
    }

    #[test]
    fn a_clock_that_was_read_too_early_does_not_turn_time_back() {
        let mut server = Server::with_client(ServerSentEvents);
        server.at(9, Input::Wrote(link(1)));
        server.at(3, Input::Wrote(link(1)));
        assert_eq!(server.due(), Some(19));
        server.at(2, Input::Lost(link(1)));
        assert_eq!(server.due(), Some(9 + 35));
    }

    #[test]
    fn a_transport_that_is_reported_twice_does_not_replace_itself() {
        let mut server = Server::with_client(WebSockets);
        assert_eq!(server.open(1, 1, WebSockets, Opening::Reconnect), []);
        assert!(server.machine.state().link().is_some());
    }

    #[test]
    fn a_connection_costs_little_memory() {
        assert!(size_of::<ServerConnection>() <= 144, "{}", size_of::<ServerConnection>());
    }
}
