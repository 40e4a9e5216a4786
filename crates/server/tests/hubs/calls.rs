//! A call and its result.

use std::{sync::Mutex, time::Duration};

use heliostat::{
    Caller, Cancellation, DetailedErrors, EndpointOptions, Failure, HubError, Progress, ProgressError,
    SendError, Server, hub,
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{sync::oneshot, time::sleep};

use crate::client::{Client, Wire};

#[derive(Default)]
struct Calls {
    late: Mutex<Option<oneshot::Sender<Result<(), ProgressError>>>>,
}

#[hub]
impl Calls {
    fn echo(&self, text: Option<String>) -> Option<String> {
        text
    }

    fn any(&self, value: Value) -> Value {
        value
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    fn nothing(&self) {}

    #[method(name = "Overload")]
    fn overload_none(&self) -> u8 {
        0
    }

    #[method(name = "Overload")]
    fn overload_one(&self, _a: i32) -> u8 {
        1
    }

    #[method(name = "Overload")]
    fn overload_two(&self, _a: i32, _caller: Caller, _b: i32) -> u8 {
        2
    }

    fn find(&self, word: String, limit: Option<u32>) -> String {
        format!("{word} {limit:?}")
    }

    fn fail(&self) -> Result<(), Failure> {
        Err(Failure::new("secret detail"))
    }

    async fn refuse(&self) -> Result<u8, HubError> {
        Err(HubError::new("visible").with_data(json!({ "code": 42 })))
    }

    fn cancelled(&self) -> Result<(), Failure> {
        Err(Failure::cancelled())
    }

    #[expect(clippy::panic, reason = "the point of the test")]
    async fn explode(&self) -> u8 {
        panic!("row {}", 7)
    }

    fn lines(&self) -> &'static str {
        "a\u{2028}b\u{2029}c\u{85}d"
    }

    async fn work(&self, steps: u32, progress: Progress<u32>) -> Result<&'static str, ProgressError> {
        for step in 1..=steps {
            progress.report(step)?;
        }
        Ok("done")
    }

    fn too_late(&self, progress: Progress<u32>) {
        let report = self.late.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            sleep(Duration::from_millis(50)).await;
            let _ = report.send(progress.report(100));
        });
    }

    async fn wait_for_the_end(&self, caller: Caller, cancellation: Cancellation) -> Result<(), SendError> {
        caller.invoke("waiting", ())?;
        cancellation.cancelled().await;
        Ok(())
    }
}

fn server() -> Server {
    let detailed = EndpointOptions { detailed_errors: DetailedErrors::On, ..EndpointOptions::default() };
    let plain = EndpointOptions::default();
    Server::builder()
        .hub(Calls::default())
        .map_hubs("/signalr", plain)
        .map_hubs("/detailed", detailed)
        .build()
        .unwrap()
}

async fn client() -> Client {
    Client::connect(&server(), &["Calls"]).await
}

async fn detailed() -> Client {
    Wire::new(&server(), &["calls"]).at("/detailed").connect().await
}

#[tokio::test]
async fn cp_161_hub_and_method_names_are_matched_without_case() {
    let client = client().await;
    for (hub, method) in [("Calls", "add"), ("calls", "Add"), ("CALLS", "ADD")] {
        assert_eq!(client.invoke(hub, method, json!([1, 2])).await, json!({ "R": 3, "I": "0" }));
    }
}

#[tokio::test]
async fn cp_162_the_id_is_a_number_or_text_and_is_echoed_as_text() {
    let client = client().await;
    for id in [json!(7), json!("7")] {
        let result = client.send(&json!({ "H": "calls", "M": "nothing", "A": [], "I": id })).await;
        assert_eq!(result, json!({ "I": "7" }));
    }
}

#[tokio::test]
async fn cp_163_a_void_or_null_result_omits_r_but_has_i() {
    let client = client().await;
    assert_eq!(client.invoke("calls", "nothing", json!([])).await, json!({ "I": "0" }));
    assert_eq!(client.invoke("calls", "echo", json!([null])).await, json!({ "I": "0" }));
    assert_eq!(client.invoke("calls", "any", json!([null])).await, json!({ "I": "0" }));
    assert_eq!(client.send(&json!({ "H": "calls", "M": "nothing", "I": 0 })).await, json!({ "I": "0" }));
}

#[tokio::test]
async fn cp_164_without_detailed_errors_every_failure_reads_the_same() {
    let client = client().await;
    let calls = [
        ("Fail", json!([])),
        ("Cancelled", json!([])),
        ("NoSuch", json!([])),
        ("Add", json!([1])),
        ("Add", json!(["x", 1])),
        ("Explode", json!([])),
    ];
    for (method, arguments) in calls {
        let result = client.invoke("calls", method, arguments).await;
        assert_eq!(result, json!({ "I": "0", "E": format!("Calling 'calls.{method}' failed.") }));
    }
}

#[tokio::test]
async fn cp_165_with_detailed_errors_the_text_is_the_errors_own() {
    let client = detailed().await;
    let cases = [
        ("Fail", json!([]), "secret detail"),
        ("Cancelled", json!([]), "the operation was cancelled"),
        ("NoSuch", json!([]), "hub 'Calls' has no method 'NoSuch'"),
        ("Add", json!([1]), "hub 'Calls' has no method 'Add' for 1 argument(s); it has add(a, b)"),
        ("Explode", json!([]), "the handler panicked: row 7"),
    ];
    for (method, arguments, text) in cases {
        assert_eq!(client.invoke("calls", method, arguments).await, json!({ "I": "0", "E": text }));
    }
    let wrong = client.invoke("calls", "add", json!(["x", 1])).await;
    assert!(wrong["E"].as_str().unwrap().starts_with("argument 1 ('a') has the wrong type"), "{wrong}");
}

#[tokio::test]
async fn cp_166_a_hub_error_is_shown_with_its_data_whatever_the_setting() {
    for client in [client().await, detailed().await] {
        let result = client.invoke("calls", "refuse", json!([])).await;
        assert_eq!(result, json!({ "I": "0", "H": true, "E": "visible", "D": { "code": 42 } }));
    }
}

#[tokio::test]
async fn cp_167_no_error_carries_a_trace() {
    let client = detailed().await;
    for method in ["fail", "refuse", "explode", "nosuch"] {
        assert_eq!(client.invoke("calls", method, json!([])).await["T"], Value::Null, "{method}");
    }
}

#[tokio::test]
async fn cp_168_progress_is_marked_with_the_id_of_its_call() {
    let mut client = client().await;
    let call = json!({ "H": "calls", "M": "work", "A": [3], "I": 5 });
    assert_eq!(client.send(&call).await, json!({ "R": "done", "I": "5" }));
    for step in 1..=3 {
        assert_eq!(client.next().await, json!({ "I": "P|5", "P": { "I": "5", "D": step } }));
    }
}

#[tokio::test(start_paused = true)]
async fn cp_168_over_http_the_result_waits_for_the_reports_to_be_read_but_not_for_ever() {
    let client = client().await;
    let form = client.pause();
    let call = json!({ "H": "calls", "M": "work", "A": [3], "I": 5 });
    let asked = tokio::time::Instant::now();
    let wire = client.wire().clone();
    let poll = tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        wire.ask("poll", Some(&form)).await
    });
    client.send(&call).await;
    let waited = asked.elapsed().as_millis();
    assert!((100..200).contains(&waited), "the poll came after 100 ms, the result after {waited} ms");
    assert!(poll.await.unwrap().1.contains(r#""D":3"#));

    let asked = tokio::time::Instant::now();
    client.send(&call).await;
    let waited = asked.elapsed().as_millis();
    assert!((200..1000).contains(&waited), "nobody polls, and the result came after {waited} ms");
}

#[tokio::test]
async fn reporting_progress_after_the_call_is_over_is_an_error() {
    let (sender, report) = oneshot::channel();
    let calls = Calls { late: Mutex::new(Some(sender)) };
    let server = Server::builder().hub(calls).build().unwrap();
    let client = Client::connect(&server, &["calls"]).await;
    assert_eq!(client.invoke("calls", "tooLate", json!([])).await, json!({ "I": "0" }));
    assert!(matches!(report.await.unwrap(), Err(ProgressError::CallIsOver)));
}

#[tokio::test]
async fn cp_169_overloads_are_chosen_by_argument_count() {
    let client = client().await;
    for (arguments, chosen) in [(json!([]), 0), (json!([1]), 1), (json!([1, 2]), 2)] {
        assert_eq!(client.invoke("calls", "overload", arguments).await["R"], chosen);
    }
    assert!(client.invoke("calls", "overload", json!([1, 2, 3])).await["E"].is_string());
}

#[tokio::test]
async fn a_trailing_optional_argument_may_be_missing() {
    let client = client().await;
    assert_eq!(client.invoke("calls", "find", json!(["x"])).await["R"], "x None");
    assert_eq!(client.invoke("calls", "find", json!(["x", 3])).await["R"], "x Some(3)");
}

#[tokio::test]
async fn cp_170_what_is_not_exported_is_an_unknown_method_and_no_http_error() {
    let client = client().await;
    for method in ["NoSuch", "overload_none", "OnConnected", "ToString", "describe"] {
        let (status, body) = client.wire().send(&json!({ "H": "calls", "M": method, "A": [], "I": 0 })).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("\"E\":"), "{body}");
    }
}

#[tokio::test]
async fn cp_171_arguments_nested_deeper_than_20_are_an_error_result() {
    let client = client().await;
    let nested = |depth| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    let fits = nested(20);
    assert_eq!(client.invoke("calls", "any", json!([fits])).await["R"], fits);
    assert!(client.invoke("calls", "any", json!([nested(21)])).await["E"].is_string());
}

#[tokio::test]
async fn cp_172_a_hub_that_is_not_listed_can_be_called() {
    let client = Client::connect(&server(), &[]).await;
    assert_eq!(client.invoke("calls", "add", json!([1, 2])).await["R"], 3);
}

#[tokio::test]
async fn cp_048_what_is_no_call_is_refused_and_harms_nobody() {
    let client = client().await;
    for data in
        ["{\"H\":", "[1,2]", "{}", "{\"H\":\"nosuch\",\"M\":\"x\",\"I\":0}", "{\"H\":\"calls\",\"I\":0}"]
    {
        let (status, _) =
            client.wire().ask("send", Some(&format!("data={}", crate::client::escape(data)))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{data}");
    }
    assert_eq!(client.invoke("calls", "add", json!([1, 2])).await["R"], 3);
}

#[tokio::test]
async fn cp_195_line_separators_are_escaped_in_results() {
    let client = client().await;
    let (_, body) = client.wire().send(&json!({ "H": "calls", "M": "lines", "A": [], "I": 0 })).await;
    assert_eq!(body, r#"{"R":"a\u2028b\u2029c\u0085d","I":"0"}"#);
}

#[tokio::test]
async fn a_handler_learns_that_its_caller_has_gone() {
    let mut client = client().await;
    let wire = client.wire().clone();
    let waiting = tokio::spawn(async move {
        wire.send(&json!({ "H": "calls", "M": "waitForTheEnd", "A": [], "I": 0 })).await
    });
    assert_eq!(client.next().await["M"], "waiting");
    client.stop().await;
    waiting.await.unwrap();
}

#[tokio::test]
async fn failures_are_counted() {
    let server = server();
    let client = Client::connect(&server, &["calls"]).await;
    client.invoke("calls", "fail", json!([])).await;
    client.invoke("calls", "explode", json!([])).await;
    client.wire().send(&json!({ "H": "nosuch", "M": "x", "A": [], "I": 0 })).await;
    let metrics = server.metrics();
    assert_eq!(metrics.errors_hub_invocation_total, 2);
    assert_eq!(metrics.errors_hub_resolution_total, 1);
    assert_eq!(metrics.errors_all_total, 3);
}
