//! Who hears what is said to many: groups of sockets, and the clients that poll.
//!
//! What is due to a group is framed once per kind of socket and written to each member with one call.

use std::collections::HashMap;

use slab::Slab;

use super::socket::{Kind, Socket};
use crate::answer;

/// The group that every socket is in. The load tool's own groups have names.
pub(super) const EVERYBODY: &[u8] = b"";

/// All groups.
#[derive(Default)]
pub(super) struct Audience {
    groups: HashMap<Vec<u8>, Group>,
    /// The groups that something is due to.
    dirty: Vec<Vec<u8>>,
    /// Clients of long polling, by token.
    polling: HashMap<String, Polling>,
}

/// Some sockets and what they must hear, framed.
#[derive(Default)]
struct Group {
    members: Vec<usize>,
    due_frames: Vec<u8>,
    due_events: Vec<u8>,
}

/// One client of long polling.
#[derive(Default)]
struct Polling {
    /// The socket whose request waits.
    waiting: Option<usize>,
    /// Calls, separated by commas.
    due: Vec<u8>,
}

impl Audience {
    pub(super) fn join(&mut self, group: &[u8], id: usize) {
        self.groups.entry(group.to_vec()).or_default().members.push(id);
    }

    pub(super) fn leave(&mut self, id: usize) {
        for group in self.groups.values_mut() {
            group.members.retain(|member| *member != id);
        }
        for client in self.polling.values_mut().filter(|client| client.waiting == Some(id)) {
            client.waiting = None;
        }
    }

    /// A client asks for its next messages.
    pub(super) fn poll(&mut self, token: &str, id: usize, sockets: &mut Slab<Socket>) {
        let client = match self.polling.get_mut(token) {
            Some(client) => client,
            None => self.polling.entry(token.to_owned()).or_default(),
        };
        client.waiting = Some(id);
        client.answer(sockets);
    }

    /// Notes what is due; [`Audience::deliver`] writes it.
    pub(super) fn publish(&mut self, group: &[u8], text: &[u8]) {
        let called = answer::called(text);
        if group == EVERYBODY {
            self.polling.values_mut().for_each(|client| client.add(&called));
        }
        let Some(members) = self.groups.get_mut(group) else { return };
        if members.due_frames.is_empty() {
            self.dirty.push(group.to_vec());
        }
        let delivery = answer::delivery(&called);
        answer::frame_text(&mut members.due_frames, &delivery);
        answer::event(&mut members.due_events, &delivery);
    }

    /// Writes all that is due.
    pub(super) fn deliver(&mut self, sockets: &mut Slab<Socket>) {
        for name in self.dirty.drain(..) {
            let Some(group) = self.groups.get_mut(&name) else { continue };
            for member in &group.members {
                let Some(socket) = sockets.get_mut(*member) else { continue };
                match socket.kind {
                    Kind::WebSocket => socket.write(&group.due_frames),
                    Kind::EventStream => socket.write(&group.due_events),
                    Kind::Requests => {}
                }
            }
            group.due_frames.clear();
            group.due_events.clear();
            if name == EVERYBODY {
                self.polling.values_mut().for_each(|client| client.answer(sockets));
            }
        }
    }
}

impl Polling {
    fn add(&mut self, called: &[u8]) {
        if !self.due.is_empty() {
            self.due.push(b',');
        }
        self.due.extend_from_slice(called);
    }

    fn answer(&mut self, sockets: &mut Slab<Socket>) {
        if self.due.is_empty() {
            return;
        }
        if let Some(socket) = self.waiting.take().and_then(|id| sockets.get_mut(id)) {
            let delivery = answer::delivery(&self.due);
            socket.write(&answer::whole(&String::from_utf8_lossy(&delivery)));
            self.due.clear();
        }
    }
}
