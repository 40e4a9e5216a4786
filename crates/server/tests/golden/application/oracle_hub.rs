//! The hub that nearly all recordings talk to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use heliostat::{
    Caller, Clients, ConnectionId, Failure, GroupError, Groups, HubError, Progress, Reason, Request,
    SendError, State, hub,
};
use serde_json::{Number, Value, json};

use super::{
    argument::{Base64, DayOfWeek, Nullable, Point},
    event_log::EventLog,
};

pub(super) struct Oracle {
    pub(super) events: Arc<EventLog>,
}

#[hub(name = "oracle")]
impl Oracle {
    #[connected]
    fn on_connected(&self, id: ConnectionId) {
        self.events.note(format!("hub OnConnected {id}"));
    }

    #[reconnected]
    fn on_reconnected(&self, id: ConnectionId) {
        self.events.note(format!("hub OnReconnected {id}"));
    }

    #[disconnected]
    fn on_disconnected(&self, id: ConnectionId, reason: Reason) {
        let stop_called = super::event_log::stop_called(reason);
        self.events.note(format!("hub OnDisconnected {id} stopCalled={stop_called}"));
    }

    fn echo(&self, s: Nullable<String>) -> Option<String> {
        s.0
    }

    fn echo_any(&self, o: Value) -> Value {
        o
    }

    fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn add_async(&self, a: i32, b: i32) -> i32 {
        tokio::task::yield_now().await;
        a + b
    }

    fn nothing(&self) {}

    async fn nothing_async(&self) {
        tokio::task::yield_now().await;
    }

    fn null(&self) -> Option<String> {
        None
    }

    fn point(&self, p: Nullable<Point>) -> Option<Point> {
        p.0
    }

    fn dbl(&self) -> f64 {
        1.5
    }

    fn bool(&self) -> bool {
        true
    }

    fn arr(&self) -> [i32; 3] {
        [1, 2, 3]
    }

    fn date(&self) -> &'static str {
        "2020-01-02T03:04:05Z"
    }

    fn html(&self) -> &'static str {
        "<b>&'\"\u{2028}é\u{1F600}</b>"
    }

    fn sum(&self, a: Vec<i32>) -> i32 {
        a.iter().sum()
    }

    #[method(name = "Overload")]
    fn overload_without_arguments(&self) -> i32 {
        0
    }

    #[method(name = "Overload")]
    fn overload_with_one_argument(&self, _a: i32) -> i32 {
        1
    }

    #[method(name = "Overload")]
    fn overload_with_two_arguments(&self, _a: i32, _b: i32) -> i32 {
        2
    }

    fn g(&self, g: Guid) -> Guid {
        g
    }

    fn nul(&self, n: Nullable<i32>) -> Option<i32> {
        n.0
    }

    fn dict(&self, d: BTreeMap<String, i32>) -> BTreeMap<String, i32> {
        d
    }

    fn dec(&self, d: Number) -> Number {
        d
    }

    fn lng(&self, l: i64) -> i64 {
        l
    }

    fn dt(&self, d: String) -> String {
        d
    }

    fn bytes(&self, b: Base64) -> Base64 {
        b
    }

    fn en(&self, e: DayOfWeek) -> DayOfWeek {
        e
    }

    #[method(name = "Dyn")]
    fn member_a(&self, o: Value) -> Option<Value> {
        o.get("a").cloned()
    }

    fn big(&self, n: usize) -> String {
        "x".repeat(n)
    }

    fn opt(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    #[method(name = "renamed")]
    fn orig(&self) -> &'static str {
        "renamed!"
    }

    fn who_am_i(&self, caller: Caller) -> String {
        format!("{}|{}", caller.id(), caller.user().map_or("", |user| user.name()))
    }

    fn qs(&self, request: Arc<Request>, name: String) -> Option<String> {
        request.query(&name).map(str::to_owned)
    }

    fn hdr(&self, request: Arc<Request>, name: String) -> Option<String> {
        request.header(&name).map(str::to_owned)
    }

    #[method(name = "Throw")]
    fn fails(&self) -> Result<(), Failure> {
        Err(Failure::new("secret detail"))
    }

    async fn throw_async(&self) -> Result<(), Failure> {
        tokio::spawn(async { Err(Failure::new("async secret")) }).await?
    }

    fn throw_hub(&self) -> Result<(), HubError> {
        Err(HubError::new("visible").with_data(json!({ "code": 42 })))
    }

    fn throw_hub_no_data(&self) -> Result<(), HubError> {
        Err(HubError::new("visible"))
    }

    /// The original failed with two causes, of which the first, an ordinary one, was shown.
    fn throw_agg(&self) -> Result<(), Failure> {
        Err(Failure::new("inner1"))
    }

    fn cancelled(&self) -> Result<(), Failure> {
        Err(Failure::cancelled())
    }

    async fn join(&self, groups: Groups, g: String) -> Result<(), GroupError> {
        groups.join(&g).await
    }

    async fn leave(&self, groups: Groups, g: String) -> Result<(), GroupError> {
        groups.leave(&g).await
    }

    fn call_me(&self, caller: Caller, m: String) -> Result<(), SendError> {
        caller.invoke("message", (m,))
    }

    fn call_me_many(&self, caller: Caller, m: String, n: i32) -> Result<(), SendError> {
        let point = Point { x: n, name: m.clone() };
        caller.invoke("many", (m, n, point, [1, 2], Value::Null, true))
    }

    fn call_all(&self, clients: Clients, m: String) -> Result<(), SendError> {
        clients.all().invoke("message", (m,))
    }

    fn call_others(&self, clients: Clients, m: String) -> Result<(), SendError> {
        clients.others().invoke("message", (m,))
    }

    fn call_client(&self, clients: Clients, id: String, m: String) -> Result<(), Failure> {
        Ok(clients.client(ConnectionId::parse(&id)?).invoke("message", (m,))?)
    }

    fn all_except(&self, clients: Clients, id: String, m: String) -> Result<(), Failure> {
        Ok(clients.all_except([ConnectionId::parse(&id)?]).invoke("message", (m,))?)
    }

    fn call_user(&self, clients: Clients, user: String, m: String) -> Result<(), SendError> {
        clients.user(user).invoke("message", (m,))
    }

    fn call_group(&self, clients: Clients, g: String, m: String) -> Result<(), SendError> {
        clients.group(g).invoke("message", (m,))
    }

    fn call_others_in_group(&self, clients: Clients, g: String, m: String) -> Result<(), SendError> {
        clients.others_in_group(g).invoke("message", (m,))
    }

    fn set_color(&self, state: State, v: Value) -> Option<Value> {
        state.write("color", v);
        state.read("color")
    }

    fn read_color(&self, state: State) -> Option<Value> {
        state.read("color")
    }

    fn read_other(&self, state: State) -> Option<Value> {
        state.read("other")
    }

    fn nested(&self, state: State) -> i32 {
        if let Some(mut other) = state.read::<Value>("other") {
            other["a"] = json!(2);
        }
        1
    }

    fn bump2(&self, state: State) -> i64 {
        let counter = state.read::<i64>("counter").unwrap_or_default() + 1;
        state.write("counter", counter);
        counter
    }

    fn state_and_call(&self, caller: Caller, state: State, v: Value) -> Result<(), SendError> {
        state.write("color", v);
        caller.invoke("message", ("m",))
    }

    fn call_then_state(&self, caller: Caller, state: State, v: Value) -> Result<(), SendError> {
        caller.invoke("message", ("m",))?;
        state.write("color", v);
        Ok(())
    }

    async fn progress(&self, n: u32, progress: Progress<u32>) -> Result<&'static str, Failure> {
        for value in 1..=n {
            progress.report(value)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok("done")
    }
}

impl Oracle {
    /// Has the name of a call in the recordings, and must not be callable: only the methods of the hub block are.
    #[expect(dead_code, reason = "the recordings try to call it from outside")]
    fn stat() -> i32 {
        0
    }
}

/// A GUID, checked and otherwise left alone.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
struct Guid(String);

impl TryFrom<String> for Guid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        ConnectionId::parse(&text).map_err(|error| error.to_string())?;
        Ok(Self(text))
    }
}
