//! Callbacks, and what comes back with a client that comes back.

use std::sync::Arc;

use heliostat::{
    Caller, Clients, ConnectionId, Failure, GroupName, Groups, HubContext, Reason, Request, Server, hub,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client::Client;

struct First(UnboundedSender<String>);
struct Second(UnboundedSender<String>);

fn tell(log: &UnboundedSender<String>, line: String) {
    // The test may be over when the last callbacks run.
    let _ = log.send(line);
}

#[hub]
impl First {
    #[connected]
    fn on_connected(&self, id: ConnectionId, request: Arc<Request>) -> Result<(), Failure> {
        tell(&self.0, format!("first connected {id} {}", request.path()));
        match request.query("connectionData") {
            Some(hubs) if hubs.contains("REFUSED") => Err(Failure::new("not today")),
            _ => Ok(()),
        }
    }

    #[reconnected]
    async fn on_reconnected(&self, id: ConnectionId) {
        tell(&self.0, format!("first reconnected {id}"));
    }

    #[disconnected]
    async fn on_disconnected(&self, id: ConnectionId, reason: Reason) -> Result<(), Failure> {
        tell(&self.0, format!("first disconnected {id} {reason:?}"));
        Err(Failure::new("the others still hear of it"))
    }

    #[rejoining_groups]
    fn which_groups(&self, request: &Request, mut groups: Vec<GroupName>) -> Vec<GroupName> {
        // Every poll asks too; only coming back changes anything here.
        if request.path().ends_with("/reconnect") {
            groups.retain(|group| group.as_str() != "dropped");
            groups.extend(GroupName::parse("added"));
        }
        groups
    }

    async fn join(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.join(&group).await?)
    }
}

#[hub]
impl Second {
    #[connected]
    async fn on_connected(&self, caller: Caller, clients: Clients) -> Result<(), Failure> {
        tell(&self.0, format!("second connected {}", caller.id()));
        caller.invoke("welcome", ())?;
        Ok(clients.others().invoke("arrived", ())?)
    }

    #[disconnected]
    #[expect(clippy::panic, reason = "the point of the test")]
    fn on_disconnected(&self, id: ConnectionId) {
        tell(&self.0, format!("second disconnected {id}"));
        panic!("nobody else is harmed");
    }
}

fn server() -> (Server, UnboundedReceiver<String>) {
    let (log, lines) = unbounded_channel();
    (Server::builder().hub(First(log.clone())).hub(Second(log)).build().unwrap(), lines)
}

/// The next `count` lines, sorted: callbacks of one event run side by side.
async fn lines(log: &mut UnboundedReceiver<String>, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..count {
        lines.push(log.recv().await.unwrap());
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn cp_187_callbacks_run_on_all_listed_hubs_and_on_no_other() {
    let (server, mut log) = server();
    let both = Client::connect(&server, &["first", "SECOND"]).await;
    let id = both.id;
    assert_eq!(
        lines(&mut log, 2).await,
        [format!("first connected {id} /signalr/start"), format!("second connected {id}")]
    );
    let one = Client::connect(&server, &["second"]).await;
    let none = Client::connect(&server, &[]).await;
    assert_eq!(lines(&mut log, 1).await, [format!("second connected {}", one.id)]);
    both.stop().await;
    none.stop().await;
    let ended = [format!("first disconnected {id} Stopped"), format!("second disconnected {id}")];
    assert_eq!(lines(&mut log, 2).await, ended);
}

#[tokio::test]
async fn the_caller_can_be_called_while_it_connects() {
    let (server, _log) = server();
    let mut first = Client::connect(&server, &["second"]).await;
    assert_eq!(first.next().await["M"], "welcome");
    let _second = Client::connect(&server, &["second"]).await;
    assert_eq!(first.next().await["M"], "arrived");
}

#[tokio::test]
async fn cp_189_a_failing_callback_does_not_prevent_the_others() {
    let (server, mut log) = server();
    let client = Client::connect(&server, &["first", "second"]).await;
    lines(&mut log, 2).await;
    // First fails and Second panics; both are heard of, and the server goes on.
    client.stop().await;
    assert_eq!(lines(&mut log, 2).await.len(), 2);
    Client::connect(&server, &["first"]).await.stop().await;
}

#[tokio::test(start_paused = true)]
async fn cp_188_a_client_that_vanishes_has_not_stopped() {
    let (server, mut log) = server();
    let client = Client::connect(&server, &["first"]).await;
    lines(&mut log, 1).await;
    let id = client.id;
    drop(client);
    assert_eq!(lines(&mut log, 1).await, [format!("first disconnected {id} TimedOut")]);
}

/// What a client heard of these groups.
async fn heard(hub: &HubContext, client: &mut Client, groups: &[&str]) -> Vec<Value> {
    for group in groups {
        hub.clients().group(group).invoke("message", (group,)).unwrap();
    }
    hub.clients().all().invoke("message", ("end",)).unwrap();
    client.heard_before("end").await
}

#[tokio::test]
async fn cp_184_cp_185_groups_come_back_through_the_hook_which_may_drop_and_add() {
    let (server, mut log) = server();
    let hub = server.hub::<First>().unwrap();
    let mut client = Client::connect(&server, &["first"]).await;
    for group in ["kept", "dropped"] {
        assert_eq!(client.invoke("first", "join", json!([group])).await, json!({ "I": "0" }));
    }
    let groups = ["kept", "dropped", "added"];
    assert_eq!(heard(&hub, &mut client, &groups[..2]).await, ["kept", "dropped"]);
    lines(&mut log, 1).await;
    client.reconnect();
    assert_eq!(lines(&mut log, 1).await, [format!("first reconnected {}", client.id)]);
    assert_eq!(heard(&hub, &mut client, &groups).await, ["kept", "added"]);
}

#[tokio::test]
async fn cp_186_groups_are_not_carried_over_to_a_new_connection() {
    let (server, _log) = server();
    let hub = server.hub::<First>().unwrap();
    let client = Client::connect(&server, &["first"]).await;
    client.invoke("first", "join", json!(["kept"])).await;
    client.stop().await;
    let mut again = Client::connect(&server, &["first"]).await;
    assert!(heard(&hub, &mut again, &["kept"]).await.is_empty());
}
