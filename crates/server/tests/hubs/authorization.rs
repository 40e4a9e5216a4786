//! Who may connect to a hub and who may call its methods.

use heliostat::{
    Authorize, DetailedErrors, EndpointOptions, Invocation, Request, Requirement, Server, ServerBuilder,
    User, hub,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Wire};

struct Open;
struct Members;
struct Admins;
struct Office;
struct Broadcast;

#[hub]
impl Open {
    fn anybody(&self) -> &'static str {
        "o"
    }

    #[authorize]
    fn user(&self) -> &'static str {
        "u"
    }

    #[authorize(roles = "Admin, Ops")]
    fn admin(&self) -> &'static str {
        "a"
    }
}

#[hub(authorize)]
impl Members {
    fn ping(&self) -> &'static str {
        "pong"
    }

    #[authorize(users = "ann")]
    fn ann(&self) -> &'static str {
        "hello ann"
    }
}

#[hub(authorize(roles = "Admin"))]
impl Admins {
    fn ping(&self) -> &'static str {
        "pong"
    }
}

fn from_the_office(request: &Request) -> bool {
    request.query("connectionData").is_some_and(|hubs| hubs.contains("OFFICE"))
}

#[hub(authorize(with = from_the_office))]
impl Office {
    fn ping(&self) -> &'static str {
        "pong"
    }
}

#[hub(authorize, require_outgoing = false)]
impl Broadcast {
    fn ping(&self) -> &'static str {
        "pong"
    }
}

fn builder() -> ServerBuilder {
    let detailed = EndpointOptions { detailed_errors: DetailedErrors::On, ..EndpointOptions::default() };
    Server::builder()
        .hub(Open)
        .hub(Members)
        .hub(Admins)
        .hub(Office)
        .hub(Broadcast)
        .map_hubs("/signalr", EndpointOptions::default())
        .map_hubs("/detailed", detailed)
}

fn server() -> Server {
    builder().build().unwrap()
}

async fn status(server: &Server, hubs: &[&str], user: Option<User>) -> StatusCode {
    let wire = Wire::new(server, hubs);
    let wire = match user {
        Some(user) => wire.with_user(user),
        None => wire,
    };
    wire.ask("negotiate", None).await.0
}

fn failed(method: &str) -> Value {
    json!({ "I": "0", "E": format!("Calling '{method}' failed.") })
}

#[tokio::test]
async fn cp_046_if_all_hubs_refuse_the_answer_is_401_or_403() {
    let server = server();
    assert_eq!(status(&server, &["members"], None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, &["members", "admins"], None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, &["admins"], Some(User::new("ann"))).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&server, &["admins"], Some(User::new("ann").with_role("admin"))).await, StatusCode::OK);
    assert_eq!(status(&server, &["members"], Some(User::new("ann"))).await, StatusCode::OK);
}

#[tokio::test]
async fn cp_047_if_only_some_hubs_refuse_they_are_dropped() {
    let server = server();
    let mut client = Client::connect(&server, &["open", "members"]).await;
    server.hub::<Members>().unwrap().clients().all().invoke("message", ("secret",)).unwrap();
    server.hub::<Open>().unwrap().clients().all().invoke("message", ("open",)).unwrap();
    assert_eq!(client.next().await["A"], json!(["open"]));
}

#[tokio::test]
async fn cp_192_hub_authorization_is_checked_on_connect_and_on_each_call() {
    let server = server();
    let anonymous = Client::connect(&server, &["open"]).await;
    assert_eq!(anonymous.invoke("members", "ping", json!([])).await, failed("members.ping"));
    let ann = Wire::new(&server, &["members"]).with_user(User::new("ann")).connect().await;
    assert_eq!(ann.invoke("members", "ping", json!([])).await["R"], "pong");
}

#[tokio::test]
async fn cp_193_method_authorization_adds_to_that_of_the_hub() {
    let server = server();
    let bob =
        Wire::new(&server, &["open", "members"]).with_user(User::new("bob").with_role("ops")).connect().await;
    assert_eq!(bob.invoke("members", "ping", json!([])).await["R"], "pong");
    assert_eq!(bob.invoke("members", "ann", json!([])).await, failed("members.ann"));
    assert_eq!(bob.invoke("open", "admin", json!([])).await["R"], "a");
    let anonymous = Client::connect(&server, &["open"]).await;
    assert_eq!(anonymous.invoke("open", "anybody", json!([])).await["R"], "o");
    assert_eq!(anonymous.invoke("open", "user", json!([])).await, failed("open.user"));
    assert_eq!(anonymous.invoke("open", "admin", json!([])).await, failed("open.admin"));
}

#[tokio::test]
async fn cp_194_without_require_outgoing_anybody_listens_but_only_users_call() {
    let server = server();
    let mut client = Client::connect(&server, &["broadcast"]).await;
    server.hub::<Broadcast>().unwrap().clients().all().invoke("message", ("hi",)).unwrap();
    assert_eq!(client.next().await["A"], json!(["hi"]));
    assert_eq!(client.invoke("broadcast", "ping", json!([])).await, failed("broadcast.ping"));
}

#[tokio::test]
async fn a_function_of_the_application_may_decide_alone() {
    let server = server();
    assert_eq!(status(&server, &["OFFICE"], None).await, StatusCode::OK);
    assert_eq!(status(&server, &["office"], None).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn with_detailed_errors_a_refusal_names_method_and_hub() {
    let client = Wire::new(&server(), &["open"]).at("/detailed").connect().await;
    let result = client.invoke("open", "USER", json!([])).await;
    assert_eq!(result, json!({ "I": "0", "E": "the caller may not call the method 'user' of hub 'Open'" }));
}

#[tokio::test]
async fn a_requirement_of_the_server_holds_for_every_hub() {
    let server = builder().authorize(Requirement::authenticated()).build().unwrap();
    assert_eq!(status(&server, &["open"], None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, &["broadcast"], None).await, StatusCode::UNAUTHORIZED);
    let ann = Wire::new(&server, &["open"]).with_user(User::new("ann")).connect().await;
    assert_eq!(ann.invoke("open", "anybody", json!([])).await["R"], "o");
}

#[derive(Debug)]
struct Closed;

impl Authorize for Closed {
    fn may_connect(&self, _request: &Request, _hub: &str) -> bool {
        true
    }

    fn may_call(&self, call: &Invocation) -> bool {
        call.method() == Some("user")
    }
}

#[tokio::test]
async fn an_authorizer_may_tell_connecting_and_calling_apart() {
    let server = builder().authorize(Closed).build().unwrap();
    let ann = Wire::new(&server, &["open"]).with_user(User::new("ann")).connect().await;
    assert_eq!(ann.invoke("open", "anybody", json!([])).await, failed("open.anybody"));
    assert_eq!(ann.invoke("open", "user", json!([])).await["R"], "u");
}

#[tokio::test]
async fn cp_043_cp_044_cp_045_a_hub_list_that_makes_no_sense_is_refused() {
    let server = server();
    assert_eq!(status(&server, &["nosuch"], None).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&server, &["open", "OPEN"], None).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&server, &[""], None).await, StatusCode::BAD_REQUEST);
}
