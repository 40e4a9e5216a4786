//! Everything that the two attributes allow, on a client alone.

use std::collections::HashMap;
use std::fmt;

use heliostat_client::{HubConnection, InvokeError, hub_client, hub_proxy};

#[hub_proxy]
pub trait Chat {
    async fn join(&self, room: &str) -> Result<u32, InvokeError>;
    async fn nothing(&self) -> Result<(), InvokeError>;
    #[method(name = "Say")]
    async fn say_aloud(&self, room: String, words: &[String], more: Option<HashMap<String, u8>>) -> Result<(), InvokeError>;
    #[cfg(any())]
    async fn not_there(&self, missing: Missing) -> Result<(), InvokeError>;

    fn name_of(&self, room: &str) -> String {
        room.to_uppercase()
    }
}

#[derive(Debug)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("full")
    }
}

#[hub_client]
trait ChatClient {
    fn add_message(&self, name: &str, bytes: &[u8], count: u32, rest: Option<String>);
    #[method(name = "Gone")]
    fn leave(&self) -> Result<(), Full>;

    fn size(&self) -> usize {
        0
    }
}

struct Screen;

impl ChatClient for Screen {
    fn add_message(&self, _: &str, _: &[u8], _: u32, _: Option<String>) {}

    fn leave(&self) -> Result<(), Full> {
        Err(Full)
    }
}

fn can_be_sent<T: Send>(_: T) {}

fn main() {
    let connection = HubConnection::builder("http://localhost/signalr").build().unwrap();
    let chat = connection.hub("Chat").unwrap();
    assert_eq!(Screen.attach_to(&chat).len(), 2);
    can_be_sent(chat.join("lobby"));
    can_be_sent(async move { chat.say_aloud("lobby".to_owned(), &[], None).await });
}
