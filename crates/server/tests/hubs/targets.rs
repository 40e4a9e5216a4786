//! Whom a call to clients reaches.

use heliostat::{
    Arguments, Clients, ConnectionId, Failure, Groups, HubContext, HubError, SendError, Server, Target,
    TargetError, User, hub, hub_client,
};
use serde_json::{Value, json};

use crate::client::{Client, Wire};

struct ChatHub;
struct NewsHub;

#[hub_client]
trait ChatClient {
    fn add_message(&self, name: &str, text: &str) -> Result<(), SendError>;
    #[method(name = "Clear")]
    fn clear(&self) -> Result<(), SendError>;
}

fn id(text: &str) -> Result<ConnectionId, HubError> {
    ConnectionId::parse(text).map_err(|error| HubError::new(error.to_string()))
}

#[hub]
impl ChatHub {
    async fn join(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.join(&group).await?)
    }

    async fn leave(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.leave(&group).await?)
    }

    fn all(&self, clients: Clients, text: String) -> Result<(), SendError> {
        message(clients.all(), &text)
    }

    fn others(&self, clients: Clients, text: String) -> Result<(), SendError> {
        message(clients.others(), &text)
    }

    fn all_except(&self, clients: Clients, but: String, text: String) -> Result<(), Failure> {
        Ok(message(clients.all_except([id(&but)?]), &text)?)
    }

    fn one(&self, clients: Clients, to: String, text: String) -> Result<(), Failure> {
        Ok(message(clients.client(id(&to)?), &text)?)
    }

    fn several(&self, clients: Clients, to: Vec<String>, text: String) -> Result<(), Failure> {
        let ids = to.iter().map(|to| id(to)).collect::<Result<Vec<_>, _>>()?;
        Ok(message(clients.clients(&ids), &text)?)
    }

    fn user(&self, clients: Clients, name: String, text: String) -> Result<(), SendError> {
        message(clients.user(name), &text)
    }

    fn users(&self, clients: Clients, names: Vec<String>, text: String) -> Result<(), SendError> {
        message(clients.users(names), &text)
    }

    fn group(&self, clients: Clients, name: String, text: String) -> Result<(), SendError> {
        message(clients.group(name), &text)
    }

    fn groups(&self, clients: Clients, names: Vec<String>, text: String) -> Result<(), SendError> {
        message(clients.groups(names), &text)
    }

    fn group_except(&self, clients: Clients, name: String, but: String, text: String) -> Result<(), Failure> {
        Ok(message(clients.group_except(name, [id(&but)?]), &text)?)
    }

    fn others_in(&self, clients: Clients, names: Vec<String>, text: String) -> Result<(), SendError> {
        message(clients.others_in_groups(&names), &text)?;
        names.first().map_or(Ok(()), |name| message(clients.others_in_group(name), &text))
    }

    fn typed(&self, clients: Clients) -> Result<(), SendError> {
        clients.all().add_message("ann", "hi")?;
        clients.caller().clear()
    }
}

#[hub(name = "news")]
impl NewsHub {}

fn message(target: Target, text: &str) -> Result<(), SendError> {
    target.invoke("message", (text,))
}

fn server() -> Server {
    Server::builder().hub(ChatHub).hub(NewsHub).build().unwrap()
}

async fn chat(server: &Server) -> Client {
    Client::connect(server, &["chathub"]).await
}

async fn call(client: &Client, method: &str, arguments: Value) {
    assert_eq!(client.invoke("chathub", method, arguments).await, json!({ "I": "0" }), "{method}");
}

/// What each client heard until now.
async fn heard<const N: usize>(server: &Server, clients: [&mut Client; N]) -> [Vec<Value>; N] {
    server.hub::<ChatHub>().unwrap().clients().all().invoke("message", ("end",)).unwrap();
    let mut all = [const { Vec::new() }; N];
    for (client, heard) in clients.into_iter().zip(&mut all) {
        *heard = client.heard_before("end").await;
    }
    all
}

#[tokio::test]
async fn cp_173_a_call_to_clients_names_the_hub_as_declared() {
    let server = server();
    let mut client = chat(&server).await;
    call(&client, "all", json!(["hi"])).await;
    assert_eq!(client.next().await, json!({ "H": "ChatHub", "M": "message", "A": ["hi"] }));
}

#[tokio::test]
async fn a_client_trait_calls_functions_in_camel_case() {
    let server = server();
    let mut client = chat(&server).await;
    call(&client, "typed", json!([])).await;
    assert_eq!(client.next().await, json!({ "H": "ChatHub", "M": "addMessage", "A": ["ann", "hi"] }));
    assert_eq!(client.next().await, json!({ "H": "ChatHub", "M": "Clear", "A": [] }));
}

#[tokio::test]
async fn cp_174_a_connection_hears_only_of_hubs_that_it_listed() {
    let server = server();
    let mut listens = chat(&server).await;
    let mut other = Client::connect(&server, &["news"]).await;
    call(&other, "all", json!(["hi"])).await;
    // Nor of one that means it alone: all hubs share the topic of one connection.
    let of_chat = server.hub::<ChatHub>().unwrap();
    of_chat.clients().clients([other.id]).invoke("message", ("not for you",)).unwrap();
    server.hub::<NewsHub>().unwrap().clients().all().invoke("message", ("news",)).unwrap();
    assert_eq!(listens.next().await["A"], json!(["hi"]));
    assert_eq!(other.next().await, json!({ "H": "news", "M": "message", "A": ["news"] }));
}

#[tokio::test]
async fn cp_175_all_others_and_all_except() {
    let server = server();
    let (mut a, mut b, mut c) = (chat(&server).await, chat(&server).await, chat(&server).await);
    call(&a, "all", json!(["all"])).await;
    call(&a, "others", json!(["others"])).await;
    call(&a, "allExcept", json!([b.id.to_string(), "except"])).await;
    let [a, b, c] = heard(&server, [&mut a, &mut b, &mut c]).await;
    assert_eq!(a, ["all", "except"]);
    assert_eq!(b, ["all", "others"]);
    assert_eq!(c, ["all", "others", "except"]);
}

#[tokio::test]
async fn cp_176_client_clients_and_caller_reach_exactly_the_given_ids() {
    let server = server();
    let (mut a, mut b, mut c) = (chat(&server).await, chat(&server).await, chat(&server).await);
    call(&a, "one", json!([b.id.to_string(), "one"])).await;
    call(&a, "several", json!([[a.id.to_string(), c.id.to_string()], "several"])).await;
    let [a, b, c] = heard(&server, [&mut a, &mut b, &mut c]).await;
    assert_eq!((a, b, c), (vec![json!("several")], vec![json!("one")], vec![json!("several")]));
}

#[tokio::test]
async fn cp_177_a_user_is_reached_on_all_connections_and_the_anonymous_never() {
    let server = server();
    let ann = || Wire::new(&server, &["chathub"]).with_user(User::new("ann")).connect();
    let (mut first, mut second, mut anonymous) = (ann().await, ann().await, chat(&server).await);
    call(&anonymous, "user", json!(["ann", "user"])).await;
    call(&anonymous, "users", json!([["ann", "Ann", "bob"], "users"])).await;
    let [first, second, anonymous] = heard(&server, [&mut first, &mut second, &mut anonymous]).await;
    assert_eq!(
        (&first, &second),
        (&vec![json!("user"), json!("users")], &vec![json!("user"), json!("users")])
    );
    assert!(anonymous.is_empty());
}

#[tokio::test]
async fn cp_178_groups_reach_members_only_with_exclusions() {
    let server = server();
    let (mut a, mut b, mut c) = (chat(&server).await, chat(&server).await, chat(&server).await);
    call(&a, "join", json!(["lobby"])).await;
    call(&b, "join", json!(["lobby"])).await;
    call(&b, "join", json!(["attic"])).await;
    call(&c, "group", json!(["lobby", "group"])).await;
    call(&c, "group", json!(["LOBBY", "case matters"])).await;
    call(&c, "groups", json!([["lobby", "attic"], "groups"])).await;
    call(&c, "groupExcept", json!(["lobby", a.id.to_string(), "except"])).await;
    call(&a, "othersIn", json!([["lobby"], "others"])).await;
    call(&b, "leave", json!(["lobby"])).await;
    call(&c, "group", json!(["lobby", "late"])).await;
    let [a, b, c] = heard(&server, [&mut a, &mut b, &mut c]).await;
    assert_eq!(a, ["group", "groups", "late"]);
    assert_eq!(b, ["group", "groups", "groups", "except", "others", "others"]);
    assert!(c.is_empty());
}

#[tokio::test]
async fn groups_of_two_hubs_never_meet() {
    let server = server();
    let mut client = Client::connect(&server, &["chathub", "news"]).await;
    call(&client, "join", json!(["lobby"])).await;
    server.hub::<NewsHub>().unwrap().clients().group("lobby").invoke("message", ("wrong hub",)).unwrap();
    let [heard] = heard(&server, [&mut client]).await;
    assert!(heard.is_empty());
}

#[tokio::test]
async fn cp_179_any_spelling_of_the_hub_reaches_its_clients() {
    let server = server();
    let mut client = chat(&server).await;
    for spelling in ["ChatHub", "chathub", "CHATHUB"] {
        let hub: HubContext = server.hub_named(spelling).unwrap();
        assert_eq!(hub.name(), "ChatHub");
        hub.clients().all().invoke("message", (spelling,)).unwrap();
        assert_eq!(client.next().await["A"], json!([spelling]));
    }
    assert!(server.hub_named("nosuch").is_none());
}

#[tokio::test]
async fn a_hub_context_changes_groups_too() {
    let server = server();
    let mut client = chat(&server).await;
    let hub = server.hub::<ChatHub>().unwrap();
    hub.groups().add(client.id, "lobby").await.unwrap();
    hub.clients().group("lobby").invoke("message", ("in",)).unwrap();
    hub.groups().remove(&client.id, "lobby").await.unwrap();
    hub.clients().group("lobby").invoke("message", ("out",)).unwrap();
    let [heard] = heard(&server, [&mut client]).await;
    assert_eq!(heard, ["in"]);
}

#[tokio::test]
async fn cp_180_empty_lists_reach_nobody_and_empty_names_are_errors() {
    fn refused(target: &Target) -> Option<TargetError> {
        match target.invoke("message", ("x",)) {
            Err(SendError::Target(error)) => Some(error),
            _ => None,
        }
    }
    let server = server();
    let hub = server.hub::<ChatHub>().unwrap();
    let clients = hub.clients();
    let (no_ids, no_names): ([ConnectionId; 0], [&str; 0]) = ([], []);
    for target in [clients.clients(no_ids), clients.groups(no_names), clients.users(no_names)] {
        target.invoke("message", ("x",)).unwrap();
    }
    assert_eq!(refused(&clients.group("")), Some(TargetError::EmptyGroup));
    assert_eq!(refused(&clients.groups(["a", ""])), Some(TargetError::EmptyGroup));
    assert_eq!(refused(&clients.user("")), Some(TargetError::EmptyUser));
    assert!(hub.groups().add(ConnectionId::from_random([0; 16]), "").await.is_err());
}

/// Counts how often it is written.
struct Counted(std::cell::Cell<u32>);

impl Arguments for Counted {
    fn serialize_arguments<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.set(self.0.get() + 1);
        serializer.collect_seq(["once"])
    }
}

#[tokio::test]
async fn cp_196_a_call_to_several_targets_is_serialised_once() {
    let server = server();
    let (mut a, mut b) = (chat(&server).await, chat(&server).await);
    let counted = Counted(std::cell::Cell::new(0));
    let clients = server.hub::<ChatHub>().unwrap().clients();
    clients.clients([a.id, b.id]).invoke("message", &counted).unwrap();
    assert_eq!(counted.0.get(), 1);
    assert_eq!(a.next().await["A"], json!(["once"]));
    assert_eq!(b.next().await["A"], json!(["once"]));
}

#[tokio::test]
async fn cp_195_line_separators_are_escaped_in_calls_to_clients() {
    let server = server();
    let client = chat(&server).await;
    let place = client.pause();
    server.hub::<ChatHub>().unwrap().clients().all().invoke("message", ("a\u{2028}b",)).unwrap();
    let (_, body) = client.wire().ask("poll", Some(&place)).await;
    assert!(body.contains(r#""A":["a\u2028b"]"#), "{body}");
}
