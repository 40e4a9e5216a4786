//! The persistent connections.

use std::{sync::Arc, time::Duration};

use heliostat::{
    Access, Connection, EndpointOptions, Failure, PersistentConnection, Reason, Request, ServerBuilder,
};
use serde_json::json;

use super::event_log::{EventLog, stop_called};

/// Maps all persistent connections.
pub(super) fn map(
    builder: ServerBuilder,
    options: &EndpointOptions,
    events: &Arc<EventLog>,
) -> ServerBuilder {
    let options = || options.clone();
    builder
        .map("/raw", LogConnection { events: Arc::clone(events) }, options())
        .map("/ErrorsAreFun", ErrorsAreFun, options())
        .map("/fall-back-throws", FallBackThrows, options())
        .map("/multisend", MultiSend, options())
        .map("/async-on-connected", AsyncOnConnected, options())
        .map("/add-group", AddGroup, options())
        .map("/basicauth/echo", BasicAuthEcho, options())
        .map("/cookieauth/echo", CookieAuthEcho, options())
        .map("/protected", Protected, options())
}

/// Does what the text says, and otherwise echoes it.
struct LogConnection {
    events: Arc<EventLog>,
}

impl PersistentConnection for LogConnection {
    async fn connected(&self, connection: &Connection) -> Result<(), Failure> {
        self.events.note(format!("raw OnConnected {}", connection.id()));
        Ok(())
    }

    async fn received(&self, connection: &Connection, data: &str) -> Result<(), Failure> {
        self.events.note(format!("raw OnReceived {} {data}", connection.id()));
        let (word, rest) = data.split_once(':').unwrap_or((data, ""));
        match word {
            "broadcast" => connection.everyone().broadcast(rest)?,
            "throw" => return Err(Failure::new("boom")),
            "join" => connection.join(rest).await?,
            "leave" => connection.leave(rest).await?,
            "group" => {
                let (group, text) = rest.split_once(':').unwrap_or((rest, ""));
                connection.everyone().send_to_group(group, text)?;
            }
            "obj" => connection.send(json!({ "a": 1, "b": "x", "c": [1, 2], "d": null }))?,
            _ => connection.send(data)?,
        }
        Ok(())
    }

    async fn reconnected(&self, connection: &Connection) -> Result<(), Failure> {
        self.events.note(format!("raw OnReconnected {}", connection.id()));
        Ok(())
    }

    async fn disconnected(&self, connection: &Connection, reason: Reason) {
        self.events.note(format!(
            "raw OnDisconnected {} stopCalled={}",
            connection.id(),
            stop_called(reason)
        ));
    }
}

struct ErrorsAreFun;

impl PersistentConnection for ErrorsAreFun {
    async fn connected(&self, _connection: &Connection) -> Result<(), Failure> {
        Err(Failure::new("not found"))
    }
}

struct FallBackThrows;

impl PersistentConnection for FallBackThrows {
    async fn connected(&self, _connection: &Connection) -> Result<(), Failure> {
        Err(std::io::Error::other("not now").into())
    }
}

struct MultiSend;

impl PersistentConnection for MultiSend {
    async fn connected(&self, connection: &Connection) -> Result<(), Failure> {
        connection.send("OnConnectedAsync1")?;
        connection.send("OnConnectedAsync2")?;
        Ok(())
    }
}

struct AsyncOnConnected;

impl PersistentConnection for AsyncOnConnected {
    async fn connected(&self, _connection: &Connection) -> Result<(), Failure> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

struct AddGroup;

impl PersistentConnection for AddGroup {
    async fn connected(&self, connection: &Connection) -> Result<(), Failure> {
        connection.join("test").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection.join("test2").await?;
        Ok(())
    }
}

struct BasicAuthEcho;

impl PersistentConnection for BasicAuthEcho {
    async fn authorize(&self, request: &Request) -> Access {
        authenticated(request)
    }
}

/// The login page in front of it is none of SignalR's business.
struct CookieAuthEcho;

impl PersistentConnection for CookieAuthEcho {
    async fn authorize(&self, request: &Request) -> Access {
        authenticated(request)
    }
}

struct Protected;

impl PersistentConnection for Protected {
    async fn authorize(&self, _request: &Request) -> Access {
        Access::Denied
    }
}

fn authenticated(request: &Request) -> Access {
    if request.user().is_some() { Access::Allowed } else { Access::Denied }
}
