use std::time::Duration;

use super::*;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A client, and what becomes of its connection.
struct Stage {
    client: TcpStream,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), Http1Error>>,
}

/// Answers with what was asked and sent, and knows some paths.
async fn answer(request: Request<RequestBody>) -> Result<Response<ResponseBody>, Http1Error> {
    let asked = format!("{} {} ", request.method(), request.uri().path());
    let mut answer = Response::new(ResponseBody::empty());
    match request.uri().path() {
        "/never" => std::future::pending().await,
        "/slow" => tokio::time::sleep(Duration::from_millis(20)).await,
        "/nothing" => *answer.status_mut() = StatusCode::NO_CONTENT,
        "/last" => {
            answer.headers_mut().insert("connection", http::HeaderValue::from_static("close"));
        }
        "/large" => *answer.body_mut() = ResponseBody::whole(vec![b'x'; 5_000_000]),
        _ => {
            let body = request.into_body().collect().await?.to_bytes();
            *answer.body_mut() = ResponseBody::whole([asked.as_bytes(), &*body].concat());
        }
    }
    Ok(answer)
}

async fn stage_with(limits: Http1) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        if stopped.await.is_err() {
            std::future::pending().await
        }
    };
    let served = tokio::spawn(limits.serve(stream, service_fn(answer), stopped));
    Stage { client, stop: Some(stop), served }
}

async fn stage() -> Stage {
    stage_with(Http1::default()).await
}

impl Stage {
    async fn say(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// One answer with a known length: its head in small letters, and its body.
    async fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length =
            head.split("content-length: ").nth(1).map_or("0", |rest| rest.split('\r').next().unwrap());
        let mut body = vec![0; length.parse().unwrap()];
        self.client.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.answer().await.1
    }

    /// Everything up to the end of the connection.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let read = self.client.read_to_string(&mut rest);
        tokio::time::timeout(PATIENCE, read).await.expect("the connection ends").unwrap();
        rest
    }
}

#[tokio::test]
async fn one_request_after_the_other_is_answered_however_the_network_cuts_them() {
    let text = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\na=bGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    for cut in 1..text.len() {
        let mut stage = stage().await;
        stage.say(&text[..cut]).await;
        tokio::task::yield_now().await;
        stage.say(&text[cut..]).await;
        assert_eq!(stage.answer().await.1, "POST /a a=b", "{cut}");
        assert_eq!(stage.answer().await.1, "GET /b ", "{cut}");
    }
}

#[tokio::test]
async fn after_something_unusual_everything_is_answered_as_before() {
    let mut stage = stage().await;
    assert_eq!(stage.ask("GET /a HTTP/1.1\r\n\r\n").await, "GET /a ");
    stage.say("POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n").await;
    stage.say("GET /c HTTP/1.1\r\n\r\n").await;
    assert_eq!(stage.answer().await.1, "POST /b a=b");
    assert_eq!(stage.answer().await.1, "GET /c ");
    assert_eq!(stage.ask("GET /d HTTP/1.1\r\n\r\n").await, "GET /d ");
}

#[tokio::test]
async fn a_target_that_needs_another_form_gets_it_in_the_first_request_and_in_later_ones() {
    let mut stage = stage().await;
    for _ in 0..3 {
        assert_eq!(stage.ask("GET /a?b=\"c\" HTTP/1.1\r\n\r\n").await, "GET /a ");
    }
}

#[tokio::test]
async fn a_long_request_is_answered_too() {
    let long = "x".repeat(MOST_IN_REQUEST);
    let body = format!("POST /b HTTP/1.1\r\nContent-Length: {}\r\n\r\n{long}", long.len());
    let head = format!("GET /h HTTP/1.1\r\nX-Long: {long}\r\n\r\n");
    let mut stage = stage().await;
    assert_eq!(stage.ask(&body).await, format!("POST /b {long}"));
    assert_eq!(stage.ask(&head).await, "GET /h ");
}

#[tokio::test]
async fn nonsense_is_refused() {
    let mut stage = stage().await;
    stage.say("nonsense\r\n\r\n").await;
    assert!(stage.rest().await.starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let mut stage = stage_with(Http1 { max_head: 0, ..Http1::default() }).await;
    stage.say(&format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(9000))).await;
    assert!(stage.rest().await.starts_with("HTTP/1.1 431 "), "as hyper refuses it");
}

#[tokio::test]
async fn the_connection_ends_when_either_side_wants_it() {
    for text in ["GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /last HTTP/1.1\r\n\r\n"] {
        let mut stage = stage().await;
        stage.say(text).await;
        let rest = stage.rest().await;
        assert_eq!(rest.matches("connection: close").count(), 1, "{rest}");
        stage.served.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_answer_without_content_says_no_length() {
    let mut stage = stage().await;
    stage.say("GET /nothing HTTP/1.1\r\n\r\n").await;
    let (head, _) = stage.answer().await;
    assert!(head.starts_with("HTTP/1.1 204 No Content\r\n") && !head.contains("content-length"), "{head}");
    assert_eq!(stage.ask("GET /a HTTP/1.1\r\n\r\n").await, "GET /a ");
}

#[tokio::test]
async fn a_large_answer_waits_for_a_slow_reader_and_the_next_follows() {
    let mut stage = stage().await;
    stage.say("GET /large HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(stage.answer().await.1.len(), 5_000_000);
    assert_eq!(stage.answer().await.1, "GET /a ");
}

#[tokio::test]
async fn when_the_client_goes_its_request_is_given_up() {
    let Stage { mut client, served, stop } = stage().await;
    client.write_all(b"GET /never HTTP/1.1\r\n\r\n").await.unwrap();
    drop(client);
    tokio::time::timeout(PATIENCE, served).await.expect("nobody waits for ever").unwrap().unwrap();
    drop(stop);
}

#[tokio::test]
async fn when_the_service_stops_an_idle_connection_ends_and_a_busy_one_gets_its_answer() {
    let mut idle = stage().await;
    assert_eq!(idle.ask("GET /a HTTP/1.1\r\n\r\n").await, "GET /a ");
    let mut busy = stage().await;
    busy.say("GET /slow HTTP/1.1\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    for stage in [&mut idle, &mut busy] {
        stage.stop.take().unwrap().send(()).unwrap();
    }
    assert_eq!(idle.rest().await, "");
    let rest = busy.rest().await;
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.contains("connection: close\r\n"), "{rest}");
}

#[tokio::test]
async fn who_is_asked_to_stop_in_the_middle_of_an_unusual_request_gets_its_answer_all_the_same() {
    let mut stage = stage_with(Http1 { header_timeout: Duration::MAX, ..Http1::default() }).await;
    stage.say("POST /a HTTP/1.1\r\nTransfer-Enc").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    stage.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    stage.say("oding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n").await;
    let rest = stage.rest().await;
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("POST /a a=b"), "{rest}");
    stage.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_takes_too_long_for_a_head_is_cut_off_and_who_is_idle_is_let_go() {
    let limits = Http1 { header_timeout: Duration::from_millis(30), ..Http1::default() };
    let mut slow = stage_with(limits).await;
    slow.say("GET / HTTP/1.1\r\nHos").await;
    assert_eq!(slow.rest().await, "");
    assert!(slow.served.await.unwrap().unwrap_err().to_string().contains("too long"));
    let mut idle = stage_with(limits).await;
    assert_eq!(idle.ask("GET /a HTTP/1.1\r\n\r\n").await, "GET /a ");
    assert_eq!(idle.rest().await, "");
    idle.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_time_that_an_answer_takes_does_not_count_for_the_next_head() {
    let limits = Http1 { header_timeout: Duration::from_millis(15), ..Http1::default() };
    let mut stage = stage_with(limits).await;
    for _ in 0..3 {
        stage.say("GET /slow HTTP/1.1\r\n\r\n").await;
        assert!(stage.answer().await.0.starts_with("HTTP/1.1 200 OK"));
    }
}

/// Requests with what makes them usual, unusual or wrong, and always one behind them after which the connection ends.
fn conversations() -> impl Strategy<Value = String> {
    let method = select(vec!["GET", "POST", "HEAD", "OPTIONS", "PUT", "get"]);
    let target =
        select(vec!["/a", "/a?b=c", "/nothing", "/last", "/a?b=\"c\"", "/a#f", "*", "http://x/a", "a"]);
    let version = select(vec!["1.1", "1.1", "1.1", "1.0", "2.0"]);
    let header = select(vec![
        "Host: x",
        "Content-Length: 3",
        "content-length:\t3 ",
        "Content-Length: 0",
        "Content-Length: +3",
        "Content-Length: 3, 3",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Connection: close",
        "Connection: keep-alive, Close",
        "Connection: keep-alive",
        "Upgrade: h2c",
        " folded",
        "Bad Name: 1",
        "X: \u{e9}",
        "No colon",
    ]);
    let body = select(vec!["", "", "a=b", "3\r\na=b\r\n0\r\n\r\n"]);
    let request = (method, target, version, vec(header, 0..4), body).prop_map(
        |(method, target, version, headers, body)| {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            format!("{method} {target} HTTP/{version}\r\n{headers}\r\n{body}")
        },
    );
    vec(request, 1..3).prop_map(|requests| format!("{}GET /last HTTP/1.1\r\n\r\n", requests.concat()))
}

/// What the client hears up to the end of its connection: lines without their order in a head, and without the time of day.
async fn heard(mut client: TcpStream, text: &str) -> Vec<String> {
    // A server that has refused something does not read the rest.
    _ = client.write_all(text.as_bytes()).await;
    let mut heard = Vec::new();
    _ = tokio::time::timeout(PATIENCE, client.read_to_end(&mut heard)).await.expect("an end");
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let mut lines: Vec<_> =
        heard.split("\r\n").filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

async fn heard_from_hyper(text: &str) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let service =
        service_fn(|request: Request<hyper::body::Incoming>| answer(request.map(RequestBody::of_library)));
    let io = hyper_util::rt::TokioIo::new(crate::LenientStream::new(stream));
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    heard(client, text).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Nobody can tell by the answers who has read the requests, so nobody can slip one past who reads them otherwise.
    #[test]
    fn any_requests_are_answered_as_by_hyper_alone(text in conversations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, hypers) = runtime.block_on(async {
            (heard(stage().await.client, &text).await, heard_from_hyper(&text).await)
        });
        prop_assert_eq!(ours, hypers, "{:?}", text);
    }
}
