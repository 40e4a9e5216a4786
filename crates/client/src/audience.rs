//! Who wants to hear what of a connection.
//!
//! Handlers are called outside of the lock, from a copy of the list, so they may add and remove handlers themselves.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heliostat_proto::name::{HubName, same_name};
use serde_json::{Map, Value};

use crate::call::ClientCall;
use crate::event::Event;
use crate::handler::ArgumentsError;

/// What a listener does with a piece of news. A callback is done when it returns; a stream waits for room.
pub(crate) type Doing = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;
pub(crate) type OnEvent = Arc<dyn Fn(&Event) -> Doing + Send + Sync>;
pub(crate) type OnCall = Arc<dyn Fn(&ClientCall) -> Result<Doing, ArgumentsError> + Send + Sync>;

/// The state that a hub's client shares with the hub.
pub(crate) type HubState = Arc<Mutex<Map<String, Value>>>;

/// All listeners of one connection.
#[derive(Default)]
pub(crate) struct Audience(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    next: u64,
    events: Vec<(u64, OnEvent)>,
    hubs: Vec<HubList>,
}

struct HubList {
    name: HubName,
    state: HubState,
    calls: Vec<(u64, Wanted, OnCall)>,
}

/// Which functions of a hub a listener implements.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    All,
    Method(Box<str>),
}

impl Audience {
    pub(crate) fn on_event(&self, listener: OnEvent) -> u64 {
        let mut lists = self.lists();
        let id = lists.take_id();
        lists.events.push((id, listener));
        id
    }

    pub(crate) fn on_call(&self, hub: &HubName, wanted: Wanted, listener: OnCall) -> u64 {
        let mut lists = self.lists();
        let id = lists.take_id();
        lists.hub(hub).calls.push((id, wanted, listener));
        id
    }

    pub(crate) fn leave(&self, id: u64) {
        let mut lists = self.lists();
        lists.events.retain(|(other, _)| *other != id);
        for hub in &mut lists.hubs {
            hub.calls.retain(|(other, ..)| *other != id);
        }
    }

    /// Everybody leaves, because the connection is no more. Whatever handlers hold is dropped outside of the lock.
    pub(crate) fn dismiss(&self) {
        let mut lists = self.lists();
        let events = std::mem::take(&mut lists.events);
        let calls: Vec<_> = lists.hubs.iter_mut().map(|hub| std::mem::take(&mut hub.calls)).collect();
        drop(lists);
        drop((events, calls));
    }

    /// The state shared with this hub, which is in the list of hubs from now on.
    pub(crate) fn hub(&self, name: &HubName) -> HubState {
        Arc::clone(&self.lists().hub(name).state)
    }

    /// The state shared with this hub, if it is in the list.
    pub(crate) fn state_of(&self, name: &str) -> Option<HubState> {
        let lists = self.lists();
        lists.hubs.iter().find(|hub| same_name(hub.name.as_str(), name)).map(|hub| Arc::clone(&hub.state))
    }

    /// 2.4: `connectionData`, with the hubs in the order in which they were asked for.
    pub(crate) fn connection_data(&self) -> String {
        let lists = self.lists();
        let hubs = lists.hubs.iter().map(|hub| serde_json::json!({ "Name": hub.name.as_str() })).collect();
        Value::Array(hubs).to_string()
    }

    pub(crate) fn wants_events(&self) -> bool {
        !self.lists().events.is_empty()
    }

    pub(crate) fn for_event(&self) -> Vec<OnEvent> {
        self.lists().events.iter().map(|(_, listener)| Arc::clone(listener)).collect()
    }

    /// 7.5: hub and method are found without case; what nobody wants is ignored.
    pub(crate) fn for_call(&self, call: &ClientCall) -> Vec<OnCall> {
        let lists = self.lists();
        let Some(hub) = lists.hubs.iter().find(|hub| same_name(hub.name.as_str(), &call.hub)) else {
            return Vec::new();
        };
        let wanted = hub.calls.iter().filter(|(_, wanted, _)| wanted.includes(&call.method));
        wanted.map(|(.., listener)| Arc::clone(listener)).collect()
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lists {
    fn take_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn hub(&mut self, name: &HubName) -> &mut HubList {
        let at = self.hubs.iter().position(|hub| hub.name == *name).unwrap_or_else(|| {
            self.hubs.push(HubList { name: name.clone(), state: HubState::default(), calls: Vec::new() });
            self.hubs.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed in the line above")]
        &mut self.hubs[at]
    }
}

impl Wanted {
    fn includes(&self, method: &str) -> bool {
        match self {
            Self::All => true,
            Self::Method(wanted) => same_name(wanted, method),
        }
    }
}
