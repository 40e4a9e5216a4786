//! A server with a hub for everything, on a port of its own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use heliostat::{
    Caller, Clients, ConnectionId, EndpointOptions, Failure, GroupError, Groups, HubError, KeepAlive,
    KeyRing, PersistentConnection, Progress, ProgressError, Reason, SendError, Server, State, Timeouts, hub,
};
use heliostat_client::{Builder, Event, Events, HubConnection, Transport, TransportKind};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The transports that a client without a page can use.
pub(crate) const ALL: [TransportKind; 3] =
    [TransportKind::WebSockets, TransportKind::ServerSentEvents, TransportKind::LongPolling];

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What happened in the application, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until this was noted so often.
    pub(crate) async fn wait(&self, what: &str, times: usize) {
        let begin = Instant::now();
        while self.all().iter().filter(|line| *line == what).count() < times {
            assert!(begin.elapsed() < PATIENCE, "no {what:?} ({times}) in {:?}", self.all());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) struct TestHub {
    log: Log,
}

#[hub]
impl TestHub {
    #[connected]
    async fn on_connected(&self) {
        self.log.note("connected");
    }

    #[reconnected]
    async fn on_reconnected(&self) {
        self.log.note("reconnected");
    }

    #[disconnected]
    async fn on_disconnected(&self, reason: Reason) {
        self.log.note(format!("disconnected {reason:?}"));
    }

    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn nothing(&self) {}

    fn fail(&self) -> Result<(), Failure> {
        Err(std::io::Error::other("a secret").into())
    }

    fn refuse(&self) -> Result<(), HubError> {
        Err(HubError::new("room is full").with_data(serde_json::json!({ "max": 20 })))
    }

    async fn work(&self, steps: u8, progress: Progress<u8>) -> Result<String, ProgressError> {
        for step in 1..=steps {
            progress.report(step)?;
        }
        Ok("done".to_owned())
    }

    async fn sleep(&self, millis: u64) -> u64 {
        self.log.note(format!("sleep {millis}"));
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis
    }

    async fn join(&self, groups: Groups, group: String) -> Result<(), GroupError> {
        groups.join(&group).await
    }

    fn say(&self, clients: Clients, group: String, text: String) -> Result<(), SendError> {
        clients.group(&group).invoke("said", (&group, text))
    }

    fn call_me(&self, caller: Caller, method: String, arguments: serde_json::Value) -> Result<(), SendError> {
        caller
            .invoke(&method, serde_json::from_value::<Vec<serde_json::Value>>(arguments).unwrap_or_default())
    }

    fn count(&self, state: State) -> u32 {
        let count = state.read::<u32>("count").unwrap_or(0) + 1;
        state.write("count", count);
        count
    }

    fn who(&self, caller: Caller) -> ConnectionId {
        caller.id()
    }

    fn header(&self, caller: Caller, name: String) -> Option<String> {
        caller.request().header(&name).map(str::to_owned)
    }

    fn query(&self, caller: Caller, name: String) -> Option<String> {
        caller.request().query(&name).map(str::to_owned)
    }
}

/// A second hub, which is not always asked for.
pub(crate) struct News;

#[hub]
impl News {
    fn publish(&self, clients: Clients, text: String) -> Result<(), SendError> {
        clients.all().invoke("headline", (text,))
    }
}

/// Sends back what it gets.
pub(crate) struct Echo;

impl PersistentConnection for Echo {
    async fn received(&self, connection: &heliostat::Connection, data: &str) -> Result<(), Failure> {
        Ok(connection.send(data)?)
    }
}

/// A server on its port. It ends with this value.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) log: Log,
    pub(crate) address: std::net::SocketAddr,
    task: AbortHandle,
}

/// Timeouts that a test can wait for.
pub(crate) fn short() -> Timeouts {
    let millis = Duration::from_millis;
    Timeouts::unchecked_for_tests(millis(1500), KeepAlive::Every(millis(250)), millis(5000))
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Timeouts::default()).await
    }

    pub(crate) async fn with(timeouts: Timeouts) -> Self {
        Self::at(timeouts, KeyRing::random().unwrap(), "127.0.0.1:0").await
    }

    pub(crate) async fn at(timeouts: Timeouts, keys: KeyRing, address: &str) -> Self {
        let log = Log::default();
        let server = Server::builder()
            .timeouts(timeouts)
            .keys(keys)
            .hub(TestHub { log: log.clone() })
            .hub(News)
            .map_hubs("/signalr", EndpointOptions::default())
            .map("/echo", Echo, EndpointOptions::default())
            .build()
            .unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback_service(server.service());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }).abort_handle();
        Self { server, log, address, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/signalr", self.address)
    }

    pub(crate) fn builder(&self, kind: TransportKind) -> Builder<HubConnection> {
        builder(&self.url(), kind)
    }

    pub(crate) async fn connect(&self, kind: TransportKind) -> HubConnection {
        let connection = self.builder(kind).build().unwrap();
        connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        connection
    }
}

pub(crate) fn builder(url: &str, kind: TransportKind) -> Builder<HubConnection> {
    HubConnection::builder(url)
        .transport(Transport::Only(kind))
        .no_proxy()
        .reconnect_delay(Duration::from_millis(100))
}

impl TestHub {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next event of which this is true; those before it are passed over.
pub(crate) async fn until(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> Event {
    let search = async {
        loop {
            let event = events.next().await.expect("the events end before the one that is waited for");
            if is_it(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("the event does not come")
}

/// What an event is called, for tests of their order.
pub(crate) fn name(event: &Event) -> &'static str {
    match event {
        Event::Starting => "starting",
        Event::StateChanged { .. } => "stateChanged",
        Event::Received(_) => "received",
        Event::ConnectionSlow => "connectionSlow",
        Event::Reconnecting => "reconnecting",
        Event::Reconnected => "reconnected",
        Event::Error(_) => "error",
        Event::Closed { .. } => "closed",
        Event::Restarting { .. } => "restarting",
        Event::Restarted => "restarted",
        _ => "other",
    }
}
