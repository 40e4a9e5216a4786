//! A chat in a terminal: what is typed is sent to a room, what is said there is shown.
//!
//! Run a server with a hub like the one in the project's README (`join(room)`, `say(room, text)`, and the client's
//! `message(room, text)`), then:
//!
//!     cargo run -p heliostat-client --example chat -- http://127.0.0.1:5080/signalr lobby

#![expect(
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a program for a terminal, which shows some events and passes over the others"
)]

use std::error::Error;

use heliostat_client::{
    Backoff, Event, HubConnection, HubProxy, InvokeError, Restart, hub_client, hub_proxy,
};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// What the hub can do.
#[hub_proxy]
trait Chat {
    async fn join(&self, room: &str) -> Result<(), InvokeError>;
    async fn say(&self, room: &str, text: &str) -> Result<(), InvokeError>;
}

/// What the hub calls here.
#[hub_client]
trait ChatClient {
    fn message(&self, room: &str, text: &str);
}

struct Terminal;

impl ChatClient for Terminal {
    fn message(&self, room: &str, text: &str) {
        println!("[{room}] {text}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:5080/signalr".to_owned());
    let room = arguments.next().unwrap_or_else(|| "lobby".to_owned());

    let connection =
        HubConnection::builder(&url).restart(Restart::WithBackoff(Backoff::default())).build()?;
    let chat = connection.hub("ChatHub")?;
    Terminal.attach_to(&chat);
    connection.on_event(|event| match event {
        Event::Reconnecting => println!("(the line is broken, one moment)"),
        Event::Reconnected => println!("(back, nothing was missed)"),
        Event::Restarting { after, .. } => {
            println!("(the connection has ended; the next attempt is in {after:?})")
        }
        _ => {}
    });
    connection.start().await?;
    tokio::spawn(rejoin(connection.events(), chat.clone(), room.clone()));
    chat.join(&room).await?;

    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Err(error) = chat.say(&room, &line).await {
            println!("(not sent: {error})");
        }
    }
    connection.stop().await;
    Ok(())
}

/// A connection that has started again is a new one, and in no group.
async fn rejoin(mut events: heliostat_client::Events, chat: HubProxy, room: String) {
    while let Some(event) = events.next().await {
        if let Event::Restarted = event
            && let Err(error) = chat.join(&room).await
        {
            println!("(not in {room}: {error})");
        }
    }
}
