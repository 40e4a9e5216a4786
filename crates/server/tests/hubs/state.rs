//! The caller's state, there and back.

use heliostat::{Caller, Clients, SendError, Server, State, hub};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Client;

struct Paint;

#[hub]
impl Paint {
    fn set_color(&self, color: Value, state: State) -> Option<Value> {
        state.write("color", color);
        state.read("color")
    }

    fn read_color(&self, state: State) -> Option<String> {
        state.read("color")
    }

    fn bump(&self, state: State) -> u32 {
        let counter = state.read::<u32>("counter").unwrap_or(0) + 1;
        state.write("counter", counter);
        counter
    }

    fn write_then_call(&self, state: State, caller: Caller, clients: Clients) -> Result<(), SendError> {
        caller.invoke("message", ("before",))?;
        state.write("color", "green");
        caller.invoke("message", ("after",))?;
        clients.caller().invoke("message", ("again",))?;
        clients.all().invoke("message", ("all",))
    }

    fn write_then_fail(&self, state: State) -> Result<(), heliostat::HubError> {
        state.write("color", "black");
        Err(heliostat::HubError::new("no"))
    }
}

async fn client() -> Client {
    Client::connect(&Server::builder().hub(Paint).build().unwrap(), &["Paint"]).await
}

async fn call(client: &Client, method: &str, arguments: Value, state: Value) -> Value {
    client.send(&json!({ "H": "paint", "M": method, "A": arguments, "I": 0, "S": state })).await
}

#[tokio::test]
async fn cp_181_changed_keys_travel_with_the_result_and_unchanged_ones_do_not() {
    let client = client().await;
    let cases = [
        (json!("red"), json!({}), json!({ "S": { "color": "red" }, "R": "red", "I": "0" })),
        (
            json!("blue"),
            json!({ "color": "red", "x": 1 }),
            json!({ "S": { "color": "blue" }, "R": "blue", "I": "0" }),
        ),
        (json!("red"), json!({ "color": "red" }), json!({ "R": "red", "I": "0" })),
        (json!(null), json!({ "color": "red" }), json!({ "S": { "color": null }, "I": "0" })),
    ];
    for (color, state, result) in cases {
        assert_eq!(call(&client, "setColor", json!([color]), state).await, result);
    }
    assert_eq!(call(&client, "bump", json!([]), json!({ "counter": 4 })).await["S"], json!({ "counter": 5 }));
}

#[tokio::test]
async fn state_keys_are_compared_with_case_and_may_be_absent() {
    let client = client().await;
    assert_eq!(call(&client, "readColor", json!([]), json!({ "color": "red" })).await["R"], "red");
    assert_eq!(call(&client, "readColor", json!([]), json!({ "Color": "red" })).await, json!({ "I": "0" }));
    assert_eq!(call(&client, "readColor", json!([]), json!(null)).await, json!({ "I": "0" }));
}

#[tokio::test]
async fn cp_181_changed_keys_travel_with_calls_to_the_caller_after_the_write() {
    let mut client = client().await;
    let result = call(&client, "writeThenCall", json!([]), json!({ "color": "red" })).await;
    assert_eq!(result, json!({ "S": { "color": "green" }, "I": "0" }));
    let changed = json!({ "color": "green" });
    for (argument, state) in
        [("before", Value::Null), ("after", changed.clone()), ("again", changed), ("all", Value::Null)]
    {
        let message = client.next().await;
        assert_eq!((&message["A"], &message["S"]), (&json!([argument]), &state));
    }
}

#[tokio::test]
async fn changed_state_travels_with_an_error_too() {
    let client = client().await;
    let result = call(&client, "writeThenFail", json!([]), json!({})).await;
    assert_eq!(result, json!({ "S": { "color": "black" }, "I": "0", "H": true, "E": "no" }));
}

#[tokio::test]
async fn cp_182_a_state_above_4096_characters_is_refused() {
    let client = client().await;
    let (status, _) = client
        .wire()
        .send(&json!({ "H": "paint", "M": "bump", "A": [], "I": 0, "S": { "x": "y".repeat(4096) } }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
