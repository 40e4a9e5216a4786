//! Modules around everything that hubs do.

use std::sync::{Arc, Mutex};

use heliostat::{
    Answer, Clients, Failure, GroupName, HubError, IncomingError, Invocation, OutgoingMessage,
    PipelineModule, Request, SendError, Server, Verdict, hub,
};
use http::StatusCode;
use serde_json::json;

use crate::client::{Client, Wire};

type Log = Arc<Mutex<Vec<String>>>;

struct Chat(Log);

#[hub]
impl Chat {
    #[connected]
    fn on_connected(&self) {
        note(&self.0, "connected");
    }

    fn send(&self, clients: Clients, text: String) -> Result<usize, SendError> {
        note(&self.0, "send");
        clients.all().invoke("message", (&text,))?;
        Ok(text.len())
    }

    fn fail(&self) -> Result<(), Failure> {
        Err(Failure::new("secret"))
    }
}

fn note(log: &Log, line: impl Into<String>) {
    log.lock().unwrap().push(line.into());
}

/// Writes down every hook, and vetoes what it is told to.
#[derive(Debug)]
struct Module {
    name: &'static str,
    vetoes: &'static str,
    log: Log,
}

impl Module {
    fn before(&self, hook: &str) -> Verdict {
        note(&self.log, format!("{} before {hook}", self.name));
        if hook == self.vetoes { Verdict::Veto } else { Verdict::Proceed }
    }

    fn after(&self, hook: &str) {
        note(&self.log, format!("{} after {hook}", self.name));
    }
}

impl PipelineModule for Module {
    fn before_incoming(&self, call: &Invocation) -> Verdict {
        assert_eq!(call.hub(), "Chat");
        self.before("incoming")
    }

    fn after_incoming(&self, _call: &Invocation, answer: Answer) -> Answer {
        self.after("incoming");
        answer
    }

    fn before_outgoing(&self, message: &OutgoingMessage<'_>) -> Verdict {
        assert_eq!((message.hub(), message.method()), ("Chat", "message"));
        self.before("outgoing")
    }

    fn after_outgoing(&self, _message: &OutgoingMessage<'_>) {
        self.after("outgoing");
    }

    fn before_connect(&self, _connection: &Invocation) -> Verdict {
        self.before("connect")
    }

    fn after_connect(&self, _connection: &Invocation) {
        self.after("connect");
    }
}

/// A server with two modules; what the outer one vetoes.
fn server(vetoes: &'static str) -> (Server, Log) {
    let log = Log::default();
    let module = |name, vetoes| Module { name, vetoes, log: Arc::clone(&log) };
    let server = Server::builder()
        .hub(Chat(Arc::clone(&log)))
        .module(module("outer", ""))
        .module(module("inner", vetoes))
        .build()
        .unwrap();
    (server, log)
}

async fn client(server: &Server) -> Client {
    Client::connect(server, &["chat"]).await
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test]
async fn cp_190_the_first_added_module_is_the_outermost() {
    let (server, log) = server("");
    let client = client(&server).await;
    let connected = [
        "outer before connect",
        "inner before connect",
        "connected",
        "inner after connect",
        "outer after connect",
    ];
    assert_eq!(taken(&log), connected);
    assert_eq!(client.invoke("chat", "send", json!(["hi"])).await["R"], 2);
    assert_eq!(
        taken(&log),
        [
            "outer before incoming",
            "inner before incoming",
            "send",
            "outer before outgoing",
            "inner before outgoing",
            "inner after outgoing",
            "outer after outgoing",
            "inner after incoming",
            "outer after incoming",
        ]
    );
}

#[tokio::test]
async fn cp_190_a_vetoed_call_has_a_null_result_and_no_error() {
    let (server, log) = server("incoming");
    let client = client(&server).await;
    taken(&log);
    assert_eq!(client.invoke("chat", "send", json!(["hi"])).await, json!({ "I": "0" }));
    assert_eq!(taken(&log), ["outer before incoming", "inner before incoming", "outer after incoming"]);
}

#[tokio::test]
async fn cp_190_a_vetoed_send_reaches_nobody_and_is_no_error() {
    let (server, log) = server("outgoing");
    let client = client(&server).await;
    assert_eq!(client.invoke("chat", "send", json!(["hi"])).await["R"], 2);
    let sent = Server::metrics(&server).message_bus_messages_published_total;
    assert_eq!(client.invoke("chat", "send", json!(["hi"])).await["R"], 2);
    assert_eq!(server.metrics().message_bus_messages_published_total, sent);
    assert!(!taken(&log).contains(&"inner after outgoing".to_owned()));
}

#[tokio::test]
async fn cp_190_a_vetoed_connect_skips_the_callback_and_connects() {
    let (server, log) = server("connect");
    let client = client(&server).await;
    assert!(!taken(&log).contains(&"connected".to_owned()));
    assert_eq!(client.invoke("chat", "send", json!(["hi"])).await["R"], 2);
}

#[derive(Debug)]
struct Errors(fn(&mut IncomingError));

impl PipelineModule for Errors {
    fn incoming_error(&self, _call: &Invocation, error: &mut IncomingError) {
        (self.0)(error);
    }
}

async fn result_of_fail(modules: [fn(&mut IncomingError); 2]) -> serde_json::Value {
    let [outer, inner] = modules;
    let server = Server::builder()
        .hub(Chat(Log::default()))
        .module(Errors(outer))
        .module(Errors(inner))
        .build()
        .unwrap();
    client(&server).await.invoke("chat", "fail", json!([])).await
}

#[tokio::test]
async fn cp_191_the_error_hook_can_replace_the_error_or_set_a_result() {
    let replace: fn(&mut IncomingError) = |error| error.replace(HubError::new("sorry"));
    let answer: fn(&mut IncomingError) = |error| error.answer_with(7);
    let nothing: fn(&mut IncomingError) = |_| {};
    let shout: fn(&mut IncomingError) = |error| {
        if let Some(text) = error.failure().map(ToString::to_string) {
            error.replace(HubError::new(text.to_uppercase()));
        }
    };
    assert_eq!(result_of_fail([nothing, replace]).await, json!({ "I": "0", "H": true, "E": "sorry" }));
    assert_eq!(result_of_fail([answer, nothing]).await, json!({ "I": "0", "R": 7 }));
    // The innermost module is asked first.
    assert_eq!(result_of_fail([shout, replace]).await["E"], "SORRY");
    assert_eq!(result_of_fail([shout, answer]).await["R"], 7);
}

#[tokio::test]
async fn cp_191_the_error_hook_hears_of_unknown_methods_too() {
    let answer: fn(&mut IncomingError) = |error| error.answer_with("handled");
    let server = Server::builder().hub(Chat(Log::default())).module(Errors(answer)).build().unwrap();
    assert_eq!(client(&server).await.invoke("chat", "nosuch", json!([])).await["R"], "handled");
}

#[derive(Debug)]
struct Gate;

impl PipelineModule for Gate {
    fn authorize_connect(&self, hub: &str, request: &Request) -> Verdict {
        assert_eq!(hub, "Chat");
        if request.query("connectionData").is_some_and(|hubs| hubs.contains("CHAT")) {
            Verdict::Veto
        } else {
            Verdict::Proceed
        }
    }

    fn rejoining_groups(&self, _hub: &str, _request: &Request, mut groups: Vec<GroupName>) -> Vec<GroupName> {
        groups.extend(GroupName::parse("from the module"));
        groups
    }
}

#[tokio::test]
async fn cp_190_a_module_may_refuse_a_hub_to_a_client() {
    let server = Server::builder().hub(Chat(Log::default())).module(Gate).build().unwrap();
    assert_eq!(Wire::new(&server, &["chat"]).ask("negotiate", None).await.0, StatusCode::OK);
    assert_eq!(Wire::new(&server, &["CHAT"]).ask("negotiate", None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn cp_185_a_module_may_add_groups_for_clients_that_come_back() {
    let server = Server::builder().hub(Chat(Log::default())).module(Gate).build().unwrap();
    let mut client = client(&server).await;
    client.reconnect();
    let hub = server.hub::<Chat>().unwrap();
    // The reconnect request is on its way: send until it has arrived.
    loop {
        hub.clients().group("from the module").invoke("message", ("hi",)).unwrap();
        tokio::select! {
            message = client.next() => break assert_eq!(message["A"], json!(["hi"])),
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    }
}
