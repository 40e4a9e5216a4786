//! A persistent connection that does what its clients tell it to and notes what happens to it.

use std::{sync::Arc, time::Duration};

use heliostat::{
    Access, Connection, EndpointOptions, Failure, GroupName, PersistentConnection, Reason, Request, Server,
    ServerBuilder,
};

use crate::{log::Log, site::Site};

/// Where [`Actor`] is mapped.
pub(crate) const ACT: &str = "/act";

/// Told by `received` data (`verb rest`), and on connecting by the query parameter `on-connected` in the same form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actor {
    pub(crate) log: Log,
}

impl Actor {
    async fn act(&self, connection: &Connection, order: &str) -> Result<(), Failure> {
        let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
        match verb {
            "echo" => connection.send(rest)?,
            "json" => connection.send(serde_json::from_str::<serde_json::Value>(rest)?)?,
            "all" => connection.everyone().broadcast(rest)?,
            "others" => connection.broadcast_to_others(rest)?,
            "join" => connection.join(rest).await?,
            "leave" => connection.leave(rest).await?,
            "group" => {
                let (group, text) = rest.split_once(' ').unwrap_or((rest, ""));
                connection.everyone().send_to_group(group, text)?;
            }
            "query" => connection.send(connection.request().query(rest))?,
            "cookie" => connection.send(connection.request().cookie(rest))?,
            "user" => connection.send(connection.request().user().map(heliostat::User::name))?,
            "slow" => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                connection.send(rest)?;
            }
            "fail" => return Err(Failure::new("told to fail")),
            "panic" => panic!("told to panic"),
            _ => {}
        }
        Ok(())
    }
}

/// Who it is about: the query parameter `who`, so that tests need not know ids.
fn who(request: &Request) -> &str {
    request.query("who").unwrap_or("-")
}

impl PersistentConnection for Actor {
    async fn authorize(&self, request: &Request) -> Access {
        if request.header("X-Denied").is_some() { Access::Denied } else { Access::Allowed }
    }

    async fn connected(&self, connection: &Connection) -> Result<(), Failure> {
        let request = connection.request();
        if let Some(order) = request.query("on-connected") {
            self.log.note(format!("connecting {}", who(request)));
            self.act(connection, order).await?;
        }
        self.log.note(format!("connected {}", who(request)));
        Ok(())
    }

    async fn received(&self, connection: &Connection, data: &str) -> Result<(), Failure> {
        self.log.note(format!("received {} {data}", who(connection.request())));
        self.act(connection, data).await
    }

    async fn reconnected(&self, connection: &Connection) -> Result<(), Failure> {
        self.log.note(format!("reconnected {}", who(connection.request())));
        Ok(())
    }

    fn rejoining_groups(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        let unwanted = request.query("drop-group");
        groups.into_iter().filter(|group| Some(group.as_str()) != unwanted).collect()
    }

    async fn disconnected(&self, connection: &Connection, reason: Reason) {
        self.log.note(format!("disconnected {} {reason:?}", who(connection.request())));
    }
}

/// A server with an [`Actor`] at [`ACT`], through memory.
pub(crate) fn stage() -> (Site, Log) {
    stage_with(|builder| builder)
}

/// The same with more settings.
pub(crate) fn stage_with(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Site, Log) {
    stage_at(EndpointOptions::default(), settings)
}

/// The same with other options for the endpoint.
pub(crate) fn stage_at(
    options: EndpointOptions,
    settings: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> (Site, Log) {
    let actor = Actor::default();
    let log = actor.log.clone();
    let server = settings(Server::builder().map(ACT, actor, options)).build().expect("a valid server");
    (Site::in_memory(server), log)
}

/// Two servers with the same keys, as in a farm without a backplane.
pub(crate) fn farm() -> [(Site, Log); 2] {
    let keys = heliostat::KeyRing::random().expect("random numbers");
    [keys.clone(), keys].map(|keys| stage_with(|builder| builder.keys(keys)))
}

/// Something that a handler can wait for and a test can give.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<tokio::sync::Notify>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}
