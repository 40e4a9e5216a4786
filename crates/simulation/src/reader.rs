//! What a server's transport connection reads from the log and writes to the client.
//!
//! As in the real server, a command takes effect at its own number, the cursor of a response is that of its last
//! message, and a reader whose client does not take what it writes stops reading.

use std::collections::BTreeSet;

use heliostat_bus::{Cursor, Delivery, Epoch, Start, Subscription, TopicName};
use heliostat_proto::connection::client::{Frame, Place, Response, Signal};
use heliostat_proto::connection::{Input, LinkId, Opening};
use heliostat_proto::transport_kind::TransportKind;

use crate::client::connects;
use crate::message::{Body, ConnectionNumber, Entry, Group, Received, ServerNumber, WireNumber};
use crate::server::Reader;
use crate::timeline::{What, Who};
use crate::world::{Event, World};

/// Messages in one response of a streaming transport.
const STREAMING_BATCH: usize = 10;
/// Messages in one answer to a poll.
const POLL_BATCH: usize = 5000;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) wire: WireNumber,
    pub(crate) kind: TransportKind,
    pub(crate) subscription: Subscription<Entry, Reader>,
    pub(crate) groups: BTreeSet<Group>,
    how: Opening,
    /// What commands have added to the next response.
    is_initialized: bool,
    has_new_groups: bool,
}

impl World {
    pub(crate) fn subscribe(
        &mut self,
        server: ServerNumber,
        (id, wire): (LinkId, WireNumber),
        (how, place): (Opening, &Place),
    ) -> Link {
        let (connection, kind) = (self.wires[wire].connection, self.wires[wire].kind);
        let reader = Reader { server, life: self.servers[server].life, connection, link: id };
        let groups: BTreeSet<Group> = place.groups_token.as_deref().map(open_token).unwrap_or_default();
        let own = [self.all.clone(), self.topics[connection].clone()];
        let topics: Vec<TopicName> = own
            .into_iter()
            .chain(groups.iter().map(|group| self.groups[usize::from(*group)].clone()))
            .collect();
        let log = &self.logs[self.servers[server].log];
        let cursor = place.cursor.as_deref().filter(|_| !connects(how));
        let start = log.bus.start_from(cursor).unwrap_or(Start::Unknown);
        let subscription = log.bus.subscribe(reader, topics, start);
        let (head, from) = (log.base + log.bus.head().get(), log.base + subscription.position().get());
        self.wires[wire].reads_from = Some(from);
        if subscription.start_gap().is_some() {
            let after = cursor.and_then(|cursor| self.order_of(cursor)).unwrap_or(0);
            self.seen.gaps += 1;
            self.ledger.report(connection, after, head);
            self.note(Who::Server(server), What::Gap(connection));
        }
        Link { id, wire, kind, subscription, groups, how, is_initialized: false, has_new_groups: false }
    }

    /// Where a cursor stands among everything that was ever accepted.
    fn order_of(&self, cursor: &str) -> Option<u64> {
        let cursor = Cursor::parse(cursor).ok()?;
        let log = self.logs.iter().find(|log| log.bus.epoch() == cursor.epoch)?;
        Some(log.base + cursor.position.get())
    }

    /// Reads on where a full window had stopped it.
    pub(crate) fn pump_wire(&mut self, wire: WireNumber) {
        let (connection, Some(server)) = (self.wires[wire].connection, self.wires[wire].server) else {
            return;
        };
        let record = self.servers[server].records.get(&connection);
        let id =
            record.and_then(|record| record.links.iter().find(|link| link.wire == wire)).map(|link| link.id);
        if let Some(link) = id {
            let life = self.servers[server].life;
            self.schedule(self.now, Event::Pump(Reader { server, life, connection, link }));
        }
    }

    /// Writes what the reader has to read, as far as the network takes it.
    pub(crate) fn pump(&mut self, server: ServerNumber, connection: ConnectionNumber, id: LinkId) {
        let mut batch = Vec::new();
        loop {
            let Some((response, wire, kind)) = self.next_response(server, connection, (id, &mut batch))
            else {
                return;
            };
            self.server_says(server, wire, Frame::Response(response));
            if kind == TransportKind::LongPolling {
                let link = self.detach(server, connection, id);
                self.server_handles(server, connection, Input::Answered(id));
                if let Some(link) = link {
                    self.part(server, connection, link);
                }
                return;
            }
            self.server_handles(server, connection, Input::Wrote(id));
        }
    }

    fn next_response(
        &mut self,
        server: ServerNumber,
        connection: ConnectionNumber,
        (id, batch): (LinkId, &mut Vec<Delivery<Entry>>),
    ) -> Option<(Response<Received>, WireNumber, TransportKind)> {
        loop {
            let process = &mut self.servers[server];
            let log = &self.logs[process.log];
            let record = process.records.get_mut(&connection)?;
            let link = record.links.iter_mut().find(|link| link.id == id)?;
            let (wire, kind) = (link.wire, link.kind);
            if !self.wires[wire].has_room() {
                self.wires[wire].is_blocked = true;
                return None;
            }
            let before = log.base + link.subscription.position().get();
            batch.clear();
            let limit = if kind == TransportKind::LongPolling { POLL_BATCH } else { STREAMING_BATCH };
            let taken = link.subscription.take(limit, batch);
            let response = link.respond(batch, &self.groups, log.bus.epoch());
            let after = log.base + log.bus.head().get();
            if taken.lost > 0 {
                self.seen.gaps += 1;
                self.ledger.report(connection, before, after);
                self.note(Who::Server(server), What::Lost(connection, taken.lost));
            }
            if let Some(mut response) = response {
                let pause = self.settings.timeouts.long_poll_delay();
                response.long_poll_delay = (!pause.is_zero()).then_some(pause);
                return Some((response, wire, kind));
            }
            if !taken.more {
                return None;
            }
        }
    }
}

impl Link {
    /// What a batch makes the client read, if anything.
    fn respond(
        &mut self,
        batch: &[Delivery<Entry>],
        topics: &[TopicName],
        epoch: Epoch,
    ) -> Option<Response<Received>> {
        let last = batch.last()?;
        match last.payload.body {
            Body::Message => {}
            Body::Initialize => self.is_initialized |= connects(self.how),
            Body::Join(group) => {
                if self.groups.insert(group) {
                    self.subscription.add(topics[usize::from(group)].clone());
                    self.has_new_groups = true;
                }
            }
            Body::Leave(group) => {
                if self.groups.remove(&group) {
                    self.subscription.remove(topics[usize::from(group)].as_str());
                    self.has_new_groups = true;
                }
            }
        }
        let is_message = |delivery: &&Delivery<Entry>| delivery.payload.body == Body::Message;
        let messages: Vec<Received> = (batch.iter().filter(is_message))
            .map(|delivery| Received::Message(delivery.payload.order))
            .collect();
        let has_news = self.is_initialized || self.has_new_groups;
        if messages.is_empty() && !has_news {
            return None;
        }
        let cursor = Cursor { epoch, position: last.position };
        let groups_token = std::mem::take(&mut self.has_new_groups).then(|| seal_token(&self.groups));
        let is_initialized = std::mem::take(&mut self.is_initialized);
        Some(Response {
            cursor: Some(cursor.to_string().into()),
            groups_token,
            signal: if is_initialized { Signal::Initialized } else { Signal::None },
            messages,
            ..Response::default()
        })
    }
}

fn seal_token(groups: &BTreeSet<Group>) -> Box<str> {
    let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
    names.join(",").into()
}

fn open_token(token: &str) -> BTreeSet<Group> {
    token.split(',').filter_map(|group| group.parse().ok()).collect()
}
