//! From nothing to ready: negotiate, connect, start, join. And the other way.

use mio::Token;

use super::{
    FAREWELL, Worker,
    client::{Client, Hearing, Line, Role, Stage},
    pool::{Job, Purpose},
    socket::Socket,
};
use crate::{
    Scenario,
    dialect::{Asking, Call, Opening},
    wire::{channel::Channel, frame, head::After, request::Request},
};

impl Worker {
    /// Begins as many handshakes as may be under way at once.
    pub(super) fn connect_more(&mut self, now: u64) {
        let most = (self.plan.connect_at_once / self.plan.threads).max(1);
        while self.shaking < most && self.next < self.clients.len() {
            self.begin(self.next, now);
            self.next += 1;
        }
    }

    /// Begins the handshake of one client, which was due at `since`.
    pub(super) fn begin(&mut self, index: usize, since: u64) {
        let Some(client) = self.clients.get_mut(index) else { return };
        *client = Client::new(client.number, client.role, client.transport);
        client.stage = Stage::Negotiating;
        client.since = since;
        self.shaking += 1;
        match self.plan.dialect.negotiate(self.plan.target.path()) {
            Some(request) => self.ask(index, Purpose::Negotiate, &request),
            None => self.open(index, Opening::First),
        }
    }

    /// Sends a request on a shared connection.
    fn ask(&mut self, index: usize, purpose: Purpose, request: &Request) {
        let mut bytes = Vec::new();
        request.write(&mut bytes, self.plan.target.authority());
        self.pool.push(Job::new(index, purpose, bytes));
    }

    /// Opens the client's own transport connection, or polls again on the one it has.
    pub(super) fn open(&mut self, index: usize, opening: Opening) {
        let Self { clients, plan, poll, sources, opened, .. } = self;
        let Some(client) = clients.get_mut(index) else { return };
        match opening {
            Opening::First => client.stage = Stage::Opening,
            Opening::Again => client.stage = Stage::Returning,
            Opening::Poll => {}
        }
        let request = plan.dialect.connect(asking(plan.target.path(), client), opening);
        if client.line.is_none() {
            *opened += 1;
            let source = sources.address(*opened);
            match Socket::open(poll.registry(), Token(index), plan.target.address(), source) {
                Ok(socket) => client.line = Some(Line { socket, channel: Channel::new(client.transport) }),
                Err(error) => {
                    self.lose(index, &format!("no connection: {error}"));
                    return;
                }
            }
        }
        if let Some(line) = &mut client.line {
            request.write(line.socket.out(), plan.target.authority());
            line.socket.flush();
        }
    }

    /// A shared connection has an event.
    pub(super) fn answered(&mut self, index: usize) {
        let Some((job, answer)) = self.pool.handle(index, &mut self.buffer) else { return };
        let now = self.shared.now();
        let Some(client) = self.clients.get_mut(job.client) else { return };
        let before = client.stage;
        let body = match answer {
            Some(answer) if answer.status == 200 => Ok(answer.body),
            Some(answer) => Err(format!("{:?} was answered with status {}", job.purpose, answer.status)),
            None => Err(format!("{:?} was not answered", job.purpose)),
        };
        match (job.purpose, body) {
            (Purpose::Abort, _) => return,
            (Purpose::Negotiate, Ok(body)) => {
                match self.plan.dialect.negotiated(&body, &mut client.session) {
                    Ok(()) => self.open(job.client, Opening::First),
                    Err(reason) => self.lose(job.client, &reason),
                }
            }
            (Purpose::Start, Ok(_)) => self.started(job.client, now),
            (Purpose::Call, Ok(body)) => {
                let Self { clients, tally, marker, plan, streams, .. } = self;
                let Some(client) = clients.get_mut(job.client) else { return };
                let dialect = plan.dialect.as_ref();
                tally.fresh.reads += 1;
                tally.fresh.bytes += body.len() as u64;
                // A reply has no place in the stream of messages.
                let mut hearing =
                    Hearing { marker, dialect, tally, streams: *streams, keeps_place: false, now };
                let _ = client.hear(&body, &mut hearing);
            }
            (Purpose::Call, Err(reason)) if before == Stage::Ready => {
                self.tally.fresh.failed_calls += 1;
                self.shared.explain(|| reason);
            }
            (Purpose::Negotiate | Purpose::Start | Purpose::Call, Err(reason)) => {
                self.lose(job.client, &reason)
            }
        }
        self.follow_up(job.client, before, now);
    }

    /// Does what the news of a client make necessary.
    pub(super) fn follow_up(&mut self, index: usize, before: Stage, now: u64) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if let Some(why) = client.dismissed.take() {
            self.lose(index, &why);
            return;
        }
        let poll_due = client.poll_due.take();
        let stage = client.stage;
        if let Some(after) = poll_due {
            if after == After::Closes {
                client.line = None;
            }
            if stage != Stage::Gone {
                self.open(index, Opening::Poll);
            }
        }
        match (before, stage) {
            (Stage::Joining, Stage::Ready) => self.ready(index, now),
            (_, Stage::Initialized) => self.start(index, now),
            (_, Stage::Ready) => self.spend_credit(index, now),
            _ => {}
        }
        self.flush(index);
    }

    pub(super) fn flush(&mut self, index: usize) {
        if let Some(line) = self.clients.get_mut(index).and_then(|client| client.line.as_mut()) {
            line.socket.flush();
        }
    }

    fn start(&mut self, index: usize, now: u64) {
        let Some(client) = self.clients.get_mut(index) else { return };
        match self.plan.dialect.start(asking(self.plan.target.path(), client)) {
            Some(request) => {
                client.stage = Stage::Starting;
                self.ask(index, Purpose::Start, &request);
            }
            None => self.started(index, now),
        }
    }

    fn started(&mut self, index: usize, now: u64) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if !client.stage.is_shaking_hands() {
            return;
        }
        // Group messages may come before the answer to joining.
        (0..self.streams.publishers).for_each(|stream| client.ledger.expect(stream));
        if client.role == Role::Receives {
            client.ledger.expect(self.streams.echo(client.number));
        }
        if self.plan.has_groups() && client.role == Role::Receives {
            let group = client.number % self.plan.groups;
            client.ledger.expect(self.streams.group(group));
            client.stage = Stage::Joining;
            self.call(index, Call::Join(&group_name(group)));
            self.flush(index);
        } else {
            client.stage = Stage::Ready;
            self.ready(index, now);
        }
    }

    fn ready(&mut self, index: usize, now: u64) {
        let Some(client) = self.clients.get(index) else { return };
        self.shaking = self.shaking.saturating_sub(1);
        self.shared.counters.connected.add(1);
        if client.role == Role::Receives {
            self.shared.joined(client.number % self.plan.groups);
        }
        if self.plan.scenario != Scenario::Connect || self.tally.measured.contains(&client.since) {
            self.tally.connecting.note(now.saturating_sub(client.since));
        }
    }

    /// Writes a call, on the client's own socket or as a request. Not flushed: calls may leave together.
    pub(super) fn call(&mut self, index: usize, call: Call<'_>) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let text = &mut self.load.text;
        text.clear();
        self.plan.dialect.call(text, call, client.next_call);
        client.next_call = client.next_call.wrapping_add(1);
        if client.transport == heliostat_proto::transport_kind::TransportKind::WebSockets {
            if let Some(line) = &mut client.line {
                frame::write(line.socket.out(), frame::Sent::Text, text.as_bytes(), fastrand::u32(..));
            }
            return;
        }
        let request = self.plan.dialect.send(asking(self.plan.target.path(), client), text);
        self.ask(index, Purpose::Call, &request);
    }

    /// Ends a client in order: its socket, then its SignalR connection.
    pub(super) fn leave(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let was_shaking = client.stage.is_shaking_hands();
        let had_connection = client.stage.is_established() || was_shaking;
        self.shaking = self.shaking.saturating_sub(u32::from(was_shaking));
        client.stage = Stage::Gone;
        if let Some(line) = &mut client.line
            && client.transport == heliostat_proto::transport_kind::TransportKind::WebSockets
        {
            frame::write(line.socket.out(), frame::Sent::Close, &1000_u16.to_be_bytes(), fastrand::u32(..));
            line.socket.flush();
        }
        client.line = None;
        let request = self.plan.dialect.abort(asking(self.plan.target.path(), client));
        if let Some(request) = request.filter(|_| had_connection && !client.session.token.is_empty()) {
            self.ask(index, Purpose::Abort, &request);
        }
    }

    /// Whether all have said goodbye, or had the time to.
    pub(super) fn has_left(&mut self, now: u64) -> bool {
        match self.leaves_by {
            Some(deadline) => self.pool.is_at_rest() || deadline <= now,
            None => {
                (0..self.clients.len()).for_each(|index| self.leave(index));
                self.leaves_by = Some(now.saturating_add(FAREWELL));
                false
            }
        }
    }
}

/// The name of a group.
pub(super) fn group_name(group: u32) -> String {
    format!("g{group}")
}

fn asking<'a>(path: &'a str, client: &'a Client) -> Asking<'a> {
    Asking { path, transport: client.transport, session: &client.session }
}
