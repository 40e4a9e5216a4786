//! A client process: the driver of the client's machine, and an application that starts again when it was
//! disconnected.

use std::time::{Duration, Instant};

use heliostat_proto::connection::client::{
    Answer, ClientConnection, ClientError, ClientSettings, Effect, Event as News, Frame, Input, Open, Phase,
    Response, Sending, Signal, StartAnswer, Terms, Turn,
};
use heliostat_proto::connection::{LinkId, Opening};
use heliostat_proto::transport_kind::TransportKind;

use crate::clock::{Clock, Time};
use crate::failure::Invariant;
use crate::message::{ClientNumber, ConnectionNumber, Packet, Received, ServerNumber, WireNumber};
use crate::network::Wire;
use crate::timeline::{What, Who};
use crate::world::{Event, Inbox, World};

/// How long a client waits for the answer to a negotiation.
const NEGOTIATION_LIMIT: Duration = Duration::from_secs(20);
/// How late a timer may be, in a process that runs.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) machine: ClientConnection<Received>,
    pub(crate) clock: Clock,
    /// Each process that took this place has its own number.
    pub(crate) life: u32,
    pub(crate) paused_until: Time,
    paused_from: Time,
    pub(crate) inbox: Inbox,
    pub(crate) is_interrupted: bool,
    /// What waits for the path to work again.
    pub(crate) held: Vec<Event>,
    pub(crate) connection: Option<ConnectionNumber>,
    /// Where it goes, as long as that server is there.
    pub(crate) server: Option<ServerNumber>,
    /// Where its next start request goes astray to.
    pub(crate) starts_at: Option<ServerNumber>,
    pub(crate) wire: Option<(LinkId, WireNumber)>,
    pub(crate) calls: Vec<u32>,
    /// Its newest negotiation.
    turn: Option<Turn>,
    tick_at: Time,
    reconnecting_since: Option<Instant>,
    longest_pause: Duration,
}

impl Client {
    pub(crate) fn new(settings: ClientSettings, clock: Clock, now: Time) -> Self {
        Self {
            machine: ClientConnection::new(settings, clock.show(now)),
            clock,
            life: 0,
            paused_until: Time::default(),
            paused_from: Time::default(),
            inbox: Inbox::Read,
            is_interrupted: false,
            held: Vec::new(),
            connection: None,
            server: None,
            starts_at: None,
            wire: None,
            calls: Vec::new(),
            turn: None,
            tick_at: Time::NEVER,
            reconnecting_since: None,
            longest_pause: Duration::ZERO,
        }
    }
}

impl World {
    pub(crate) fn client_receives(&mut self, client: ClientNumber, packet: Packet) {
        match packet {
            Packet::Negotiated(turn, connection) => {
                if self.clients[client].turn == Some(turn) {
                    self.clients[client].connection = Some(connection);
                }
                let terms = Terms::of(&self.settings.timeouts);
                self.client_handles(client, Input::Negotiated(turn, Answer::Welcome(terms)));
            }
            Packet::StartAnswered(turn, answer) => {
                self.client_handles(client, Input::StartAnswered(turn, answer));
            }
            Packet::CallAnswered(call) => self.client_gets_result(client, call, What::CallAnswered(call)),
            Packet::CallFailed(call) => self.client_gets_result(client, call, What::CallFailed(call)),
            Packet::Opened(wire) => self.client_hears(client, wire, Input::Opened),
            Packet::Says(wire, frame) => self.client_reads(client, wire, frame),
            Packet::Ping(wire) => {
                if let Some(server) = self.wires[wire].server {
                    self.send_to_server(client, server, Packet::Pong(wire));
                }
            }
            Packet::ClosedByServer(wire) => self.client_notices(wire),
            Packet::Negotiate(_) | Packet::Start(..) | Packet::Abort(_) | Packet::Call(..) => {}
            Packet::Open { .. } | Packet::ClosedByClient(_) | Packet::CallOn(..) | Packet::Pong(_) => {}
        }
    }

    fn client_hears(
        &mut self,
        client: ClientNumber,
        wire: WireNumber,
        input: impl FnOnce(LinkId) -> Input<Received>,
    ) {
        if let Some(link) = self.wires[wire].link {
            self.client_handles(client, input(link));
        }
    }

    fn client_reads(&mut self, client: ClientNumber, wire: WireNumber, frame: Frame<Received>) {
        let Wire { connection, kind, reads_from, .. } = self.wires[wire];
        if let Frame::Response(Response { signal, .. }) = &frame {
            if *signal == Signal::Initialized {
                self.ledger.initialized(connection, reads_from.unwrap_or_default());
            }
            if kind == TransportKind::LongPolling {
                self.wires[wire].left_by_client = true;
            }
        }
        self.client_hears(client, wire, |link| Input::Received(link, frame));
    }

    /// The transport tells the client that it is over.
    pub(crate) fn client_notices(&mut self, wire: WireNumber) {
        if !std::mem::replace(&mut self.wires[wire].left_by_client, true) {
            self.note(Who::Client(self.wires[wire].client), What::Notices(wire));
            self.client_hears(self.wires[wire].client, wire, Input::Lost);
        }
    }

    pub(crate) fn client_handles(&mut self, client: ClientNumber, input: Input<Received>) {
        let process = &mut self.clients[client];
        let now = process.clock.show(self.now);
        process.machine.handle(input, now);
        while let Some(effect) = self.clients[client].machine.poll_effect() {
            self.client_does(client, effect);
        }
        self.client_wants_tick(client);
    }

    fn client_wants_tick(&mut self, client: ClientNumber) {
        let process = &mut self.clients[client];
        if let Some(due) = process.machine.poll_timeout() {
            let at = process.clock.when(due).max(self.now);
            if at < process.tick_at {
                process.tick_at = at;
                let life = process.life;
                self.schedule(at, Event::ClientTick(client, life));
            }
        }
    }

    pub(crate) fn client_ticks(&mut self, client: ClientNumber, life: u32) {
        let process = &mut self.clients[client];
        if process.life == life {
            process.tick_at = Time::NEVER;
            let is_due =
                process.machine.poll_timeout().is_some_and(|due| due <= process.clock.show(self.now));
            if is_due {
                self.client_handles(client, Input::Tick);
            } else {
                self.client_wants_tick(client);
            }
        }
    }

    fn client_does(&mut self, client: ClientNumber, effect: Effect<Received>) {
        match effect {
            Effect::Negotiate(turn, _) => {
                self.clients[client].turn = Some(turn);
                self.client_requests(client, Packet::Negotiate(turn));
                let (life, at) = (self.clients[client].life, self.now + NEGOTIATION_LIMIT);
                self.schedule(at, Event::NegotiationFails(client, life, turn));
            }
            Effect::Open(open) => self.client_opens(client, open),
            Effect::Close(link) => self.client_closes(client, link),
            Effect::SendStart(turn, _) => {
                if let Some(connection) = self.clients[client].connection {
                    let start = Packet::Start(turn, connection);
                    match self.clients[client].starts_at.take() {
                        Some(server) => self.send_to_server(client, server, start),
                        None => self.client_requests(client, start),
                    }
                }
            }
            Effect::SendAbort(_) => {
                if let Some(connection) = self.clients[client].connection {
                    self.client_requests(client, Packet::Abort(connection));
                }
            }
            Effect::FailPending => {
                for call in std::mem::take(&mut self.clients[client].calls) {
                    self.note(Who::Client(client), What::CallFailed(call));
                }
            }
            Effect::CompleteStart => self.note(Who::Client(client), What::Started),
            Effect::FailStart(_) => self.note(Who::Client(client), What::StartFailed),
            Effect::Raise(event) => self.client_raises(client, event),
            Effect::Deliver(Received::Message(order)) => self.client_delivers(client, order),
            Effect::Deliver(Received::Result(call)) => {
                self.client_gets_result(client, call, What::CallAnswered(call));
            }
        }
    }

    /// A request that needs no transport connection.
    fn client_requests(&mut self, client: ClientNumber, packet: Packet) {
        match self.route(client) {
            Some(server) => self.send_to_server(client, server, packet),
            None => {
                self.sender = self.clients[client].life;
                self.refuse(client, packet);
            }
        }
    }

    fn client_opens(&mut self, client: ClientNumber, open: Open) {
        let Open { link, kind, how, place } = open;
        let Some(connection) = self.clients[client].connection else { return };
        let wire = self.wires.len();
        self.wires.push(Wire::new(client, Some(link), connection, kind));
        self.clients[client].wire = Some((link, wire));
        self.note(Who::Client(client), What::Opens(kind, wire));
        let Some(server) = self.route(client) else {
            return self.refuse(client, Packet::Open { wire, how, place });
        };
        self.wires[wire].server = Some(server);
        self.send_to_server(client, server, Packet::Open { wire, how, place: place.clone() });
        // Browsers and proxies repeat requests of which nobody will read the answer.
        if self.random.u32(0..1000) < self.settings.repeats {
            let wire = self.wires.len();
            let mut repeated = Wire::new(client, None, connection, kind);
            repeated.is_cut = true;
            repeated.server = self.any_server();
            let server = repeated.server;
            self.wires.push(repeated);
            if let Some(server) = server {
                self.send_to_server(client, server, Packet::Open { wire, how, place });
            }
        }
    }

    fn client_closes(&mut self, client: ClientNumber, link: LinkId) {
        if let Some((_, wire)) = self.clients[client].wire.filter(|(open, _)| *open == link)
            && !std::mem::replace(&mut self.wires[wire].left_by_client, true)
            && let Some(server) = self.wires[wire].server
        {
            self.send_to_server(client, server, Packet::ClosedByClient(wire));
        }
    }

    fn client_raises(&mut self, client: ClientNumber, event: News) {
        let process = &mut self.clients[client];
        let now = process.clock.show(self.now);
        match &event {
            News::StateChanged { to, .. } => {
                process.reconnecting_since = (*to == Phase::Reconnecting).then_some(now);
            }
            News::Error(ClientError::TimedOut { within }) => self.check_giving_up(client, now, *within),
            News::Error(ClientError::Slept { slept, .. }) => {
                // It slept for at least as long as it says, but for the beat in which it fell asleep.
                let (longest, slept) = (process.longest_pause, *slept);
                if longest + slept / 4 < slept {
                    let connection = process.connection.unwrap_or_default();
                    self.fail(Invariant::TooEarly { connection, after: longest, allowed: slept });
                }
            }
            News::Error(ClientError::EndedByServer { .. }) => {
                if let Some(connection) = process.connection
                    && !self.ledger.has_ended(connection)
                {
                    self.fail(Invariant::StoppedForNothing { connection });
                }
            }
            News::Closed => {
                let (life, at) = (process.life, self.now + Duration::from_secs(2));
                self.schedule(at, Event::StartAgain(client, life));
            }
            News::Reconnected => self.seen.reconnects += 1,
            News::Error(_) | News::ConnectionSlow | News::Reconnecting => {}
        }
        self.note(Who::Client(client), What::Event(event));
    }

    fn check_giving_up(&mut self, client: ClientNumber, now: Instant, allowed: Duration) {
        let process = &self.clients[client];
        let Some(since) = process.reconnecting_since else { return };
        let (after, connection) = (now - since, process.connection.unwrap_or_default());
        let has_just_woken = self.now == process.paused_until;
        if after < allowed {
            self.fail(Invariant::TooEarly { connection, after, allowed });
        } else if after > allowed + TOLERANCE && !has_just_woken {
            self.fail(Invariant::TooLate { connection, after, allowed });
        }
    }

    fn client_delivers(&mut self, client: ClientNumber, order: u64) {
        let Some(connection) = self.clients[client].connection else { return };
        if let Err(invariant) = self.ledger.deliver(connection, order) {
            self.fail(invariant);
        }
        let what = match self.ledger.label(order) {
            Some(label) => What::Delivered(label.into()),
            None => What::DeliveredOrder(order),
        };
        self.note(Who::Client(client), what);
    }

    /// The application calls a method of the server.
    pub(crate) fn client_calls(&mut self, client: ClientNumber, call: u32) {
        let process = &self.clients[client];
        match process.machine.sending() {
            Sending::Refused(refusal) => return self.note(Who::Client(client), What::CallRefused(refusal)),
            Sending::On(_) => {
                let wire = process.wire;
                if let Some((_, wire)) = wire
                    && let Some(server) = self.wires[wire].server
                {
                    self.send_to_server(client, server, Packet::CallOn(wire, call));
                }
            }
            Sending::ByRequest(_) => self.client_requests(client, Packet::Call(call)),
        }
        self.clients[client].calls.push(call);
        self.note(Who::Client(client), What::CallSent(call));
    }

    fn client_gets_result(&mut self, client: ClientNumber, call: u32, result: What) {
        let calls = &mut self.clients[client].calls;
        if let Some(index) = calls.iter().position(|pending| *pending == call) {
            calls.swap_remove(index);
            self.note(Who::Client(client), result);
        }
    }

    pub(crate) fn negotiation_fails(&mut self, client: ClientNumber, turn: Turn) {
        self.client_handles(client, Input::Negotiated(turn, Answer::Failed));
    }

    /// The process does not run for this long.
    pub(crate) fn pause_client(&mut self, client: ClientNumber, duration: Duration) {
        let process = &mut self.clients[client];
        if process.paused_until < self.now {
            process.paused_from = self.now;
        }
        process.paused_until = process.paused_until.max(self.now + duration);
        let pause = process.paused_until.since_start() - process.paused_from.since_start();
        process.longest_pause = process.longest_pause.max(pause);
        process.inbox.close();
        let until = process.paused_until;
        self.schedule(until, Event::ClientWakes(client));
        self.note(Who::Client(client), What::Pauses);
    }

    /// The process is gone without a word, and another begins in its place.
    pub(crate) fn kill_client(&mut self, client: ClientNumber) {
        self.note(Who::Client(client), What::Dies);
        for wire in &mut self.wires {
            if wire.client == client {
                wire.left_by_client = true;
                wire.is_cut = true;
            }
        }
        let old = &self.clients[client];
        let (life, clock) = (old.life + 1, old.clock);
        let mut new = Client::new(self.settings.client.clone(), clock, self.now);
        new.life = life;
        self.clients[client] = new;
    }

    /// Where the client's next request goes.
    fn route(&mut self, client: ClientNumber) -> Option<ServerNumber> {
        let strays = self.random.u32(0..1000) < self.settings.strays;
        let old = self.clients[client].server.filter(|server| self.servers[*server].is_up && !strays);
        let server = old.or_else(|| self.any_server());
        self.clients[client].server = server;
        server
    }

    pub(crate) fn any_server(&mut self) -> Option<ServerNumber> {
        let up: Vec<ServerNumber> =
            (0..self.servers.len()).filter(|server| self.servers[*server].is_up).collect();
        if up.is_empty() { None } else { Some(up[self.random.usize(0..up.len())]) }
    }
}

/// Whether this asks for a connection that is new.
pub(crate) fn connects(how: Opening) -> bool {
    matches!(how, Opening::ConnectDelayed | Opening::ConnectAtOnce)
}

/// What a server says to a start request.
pub(crate) const STARTED: StartAnswer = StartAnswer::Started;
