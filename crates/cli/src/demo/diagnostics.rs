//! Every kind of call there is, so that a client can be tested against it: results, errors, progress, caller state,
//! and every way to reach other clients. Whatever reaches a client arrives as `called(text)`.
//!
//! What the server saw of each connection's life is kept for a while and can be asked for with `events`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heliostat::{
    Clients, ConnectionId, Failure, Groups, HubError, Progress, Reason, Request, SendError, State, hub,
    hub_client,
};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

/// Enough for a test run; older events make room.
const MAX_EVENTS: usize = 1_000;

/// Nobody keeps a call busy for longer than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A countdown longer than this would only test patience.
const LONGEST_COUNTDOWN: u32 = 1_000;

/// Progress and result may take different ways to the client (spec 7.3): the pause lets progress arrive first.
const COUNTDOWN_PAUSE: Duration = Duration::from_millis(20);

#[hub_client]
pub(crate) trait DiagnosticsClient {
    fn called(&self, text: &str) -> Result<(), SendError>;
}

/// Something that happened to a connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    event: &'static str,
    connection_id: ConnectionId,
    reason: Option<&'static str>,
}

/// What the server knows about a caller.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WhoAmI {
    connection_id: ConnectionId,
    user: Option<String>,
    transport: Option<&'static str>,
    protocol: String,
}

#[derive(Debug, Default)]
pub(crate) struct DiagnosticsHub {
    events: Mutex<VecDeque<Event>>,
}

#[hub]
impl DiagnosticsHub {
    /// The text of the value itself, so that nothing about it changes: no digits, no order of names.
    fn echo(&self, value: Box<RawValue>) -> Box<RawValue> {
        value
    }

    fn add(&self, a: i64, b: i64) -> Result<i64, HubError> {
        a.checked_add(b).ok_or_else(|| HubError::new("the sum does not fit 64 bits"))
    }

    /// An ordinary error: clients see its text only with detailed errors.
    fn fail(&self) -> Result<(), Failure> {
        Err(Failure::new("secret detail"))
    }

    /// An error that is meant for the client.
    fn fail_with_data(&self) -> Result<(), HubError> {
        Err(HubError::new("room is full").with_data(json!({ "max": 20 })))
    }

    async fn countdown(&self, n: u32, progress: Progress<u32>) -> Result<String, Failure> {
        if n > LONGEST_COUNTDOWN {
            return Err(HubError::new(format!("a countdown has at most {LONGEST_COUNTDOWN} steps")).into());
        }
        for step in 1..=n {
            progress.report(step)?;
            tokio::time::sleep(COUNTDOWN_PAUSE).await;
        }
        Ok("done".to_owned())
    }

    fn bump_counter(&self, state: State) -> i64 {
        let counter = state.read::<i64>("counter").unwrap_or(0).saturating_add(1);
        state.write("counter", counter);
        counter
    }

    fn who_am_i(&self, connection_id: ConnectionId, request: Arc<Request>) -> WhoAmI {
        WhoAmI {
            connection_id,
            user: super::visitor(&request).map(|user| user.to_string()),
            transport: request.transport().map(heliostat::TransportKind::as_str),
            protocol: request.protocol_version().to_string(),
        }
    }

    fn call_me(&self, clients: Clients, text: String) -> Result<(), SendError> {
        clients.caller().called(&text)
    }

    fn call_all(&self, clients: Clients, text: String) -> Result<(), SendError> {
        clients.all().called(&text)
    }

    fn call_others(&self, clients: Clients, text: String) -> Result<(), SendError> {
        clients.others().called(&text)
    }

    fn call_all_except(&self, clients: Clients, id: String, text: String) -> Result<(), Failure> {
        Ok(clients.all_except([connection_id(&id)?]).called(&text)?)
    }

    fn call_client(&self, clients: Clients, id: String, text: String) -> Result<(), Failure> {
        Ok(clients.client(connection_id(&id)?).called(&text)?)
    }

    fn call_user(&self, clients: Clients, user: String, text: String) -> Result<(), SendError> {
        clients.user(&user).called(&text)
    }

    async fn join(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.join(&group).await?)
    }

    async fn leave(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.leave(&group).await?)
    }

    fn call_group(&self, clients: Clients, group: String, text: String) -> Result<(), SendError> {
        clients.group(&group).called(&text)
    }

    fn call_others_in_group(&self, clients: Clients, group: String, text: String) -> Result<(), SendError> {
        clients.others_in_group(&group).called(&text)
    }

    /// A value from the query string of the request that carried the call.
    fn query(&self, request: Arc<Request>, name: String) -> Option<String> {
        request.query(&name).map(str::to_owned)
    }

    async fn sleep(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds).min(LONGEST_SLEEP)).await;
    }

    /// What happened to connections so far, oldest first.
    fn events(&self) -> Vec<Event> {
        self.log().iter().cloned().collect()
    }

    #[connected]
    async fn on_connected(&self, id: ConnectionId) {
        self.note("connected", id, None);
    }

    #[reconnected]
    async fn on_reconnected(&self, id: ConnectionId) {
        self.note("reconnected", id, None);
    }

    #[disconnected]
    async fn on_disconnected(&self, id: ConnectionId, reason: Reason) {
        self.note("disconnected", id, Some(word_for(reason)));
    }
}

impl DiagnosticsHub {
    fn log(&self) -> std::sync::MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &'static str, connection_id: ConnectionId, reason: Option<&'static str>) {
        let mut events = self.log();
        if events.len() >= MAX_EVENTS {
            events.pop_front();
        }
        events.push_back(Event { event, connection_id, reason });
    }
}

fn connection_id(text: &str) -> Result<ConnectionId, HubError> {
    ConnectionId::parse(text).map_err(|_| HubError::new(format!("{text:?} is not a connection id")))
}

fn word_for(reason: Reason) -> &'static str {
    match reason {
        Reason::Stopped => "stopped",
        Reason::TimedOut => "timedOut",
        Reason::DisconnectedByServer => "disconnectedByServer",
        Reason::ShuttingDown => "shuttingDown",
        Reason::Replaced => "replaced",
        Reason::MessagesLost => "messagesLost",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_events_forgets_the_oldest() {
        let hub = DiagnosticsHub::default();
        for _ in 0..MAX_EVENTS {
            hub.note("connected", ConnectionId::from_random([1; 16]), None);
        }
        hub.note("disconnected", ConnectionId::from_random([2; 16]), Some("stopped"));
        assert_eq!(hub.log().len(), MAX_EVENTS);
        assert_eq!(hub.log().back().unwrap().event, "disconnected");
    }
}
