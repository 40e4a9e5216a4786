//! Servers that answer nonsense: no panic, no hang, and an error that says something.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "what supports a test fails it by panicking, like the test itself"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heliostat_client::{HubConnection, State, Transport, TransportKind};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// No start may take longer: the server that is pretended grants 200 ms per transport.
const LIMIT: Duration = Duration::from_secs(10);

const WELCOME: &str = r#"{"Url":"/signalr","ConnectionToken":"t","ConnectionId":"5f0e2c1a-7d44-4b0e-9a53-0b6c1f2e9d77","KeepAliveTimeout":0.3,"DisconnectTimeout":0.3,"ConnectionTimeout":0.3,"TryWebSockets":true,"ProtocolVersion":"2.0","TransportConnectTimeout":0.2,"LongPollDelay":0.0}"#;
const INIT: &str =
    r#"{"C":"d-1","S":1,"M":[{"H":"chat","M":"said","A":["x",1]},{"I":"P|0","P":{"I":"0","D":1}}]}"#;
const STARTED: &str = r#"{ "Response": "started" }"#;

/// What the pretended server sends for each command: whole answers of HTTP, byte for byte.
#[derive(Clone, Debug)]
struct Answers {
    negotiate: Vec<u8>,
    receive: Vec<u8>,
    start: Vec<u8>,
    send: Vec<u8>,
}

fn http(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A text frame of a WebSocket.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = match u8::try_from(text.len()) {
        Ok(length @ 0..126) => vec![0x81, length],
        _ => [&[0x81, 126], u16::try_from(text.len()).unwrap().to_be_bytes().as_slice()].concat(),
    };
    frame.extend_from_slice(text);
    frame
}

/// The answer that opens a WebSocket.
fn switch(head: &str) -> Option<Vec<u8>> {
    let key = head.lines().find_map(|line| {
        line.to_ascii_lowercase().starts_with("sec-websocket-key:").then(|| line.split(':').nth(1))
    })??;
    let accept = derive_accept_key(key.trim().as_bytes());
    Some(format!("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes())
}

/// Answers of a good server to a client of this transport.
fn good(kind: TransportKind) -> Answers {
    let receive = match kind {
        TransportKind::WebSockets => frame(INIT.as_bytes()),
        TransportKind::LongPolling | TransportKind::ForeverFrame => {
            http(200, "application/json", INIT.as_bytes())
        }
        TransportKind::ServerSentEvents => {
            http(200, "text/event-stream", format!("data: initialized\n\ndata: {INIT}\n\n").as_bytes())
        }
    };
    Answers {
        negotiate: http(200, "application/json", WELCOME.as_bytes()),
        receive,
        start: http(200, "application/json", STARTED.as_bytes()),
        send: http(200, "application/json", br#"{"R":1,"I":"0"}"#),
    }
}

/// Starts a client against these answers, calls a method if that works, and stops it.
async fn meet(kind: TransportKind, answers: Answers) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/signalr", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let Ok(length) = socket.read(&mut head).await else { return };
                let head = String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned();
                let path = head.split(['?', ' ']).nth(1).unwrap_or_default();
                let answer = match path.rsplit('/').next().unwrap_or_default() {
                    "negotiate" => answers.negotiate,
                    "start" => answers.start,
                    "send" => answers.send,
                    "connect" | "reconnect" | "poll" => match switch(&head) {
                        Some(switched) => [switched, answers.receive].concat(),
                        None => answers.receive,
                    },
                    _ => http(200, "text/plain", b""),
                };
                let _ = socket.write_all(&answer).await;
                if head.contains("Upgrade") {
                    let _ = timeout(Duration::from_millis(400), socket.read(&mut [0; 4096])).await;
                }
            });
        }
    });
    let connection = HubConnection::builder(&url)
        .no_proxy()
        .transport(Transport::Only(kind))
        .reconnect_delay(Duration::from_millis(50))
        .longest_message(10_000)
        .build()
        .unwrap();
    let hub = connection.hub("chat").unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&heard);
    connection.on_event(move |event| note.lock().unwrap().push(format!("{event:?}")));
    hub.on("said", |_: String, _: u8| {});
    let life = async {
        let started = connection.start().await;
        if started.is_ok() {
            let _ = hub.invoke::<u8>("x", ()).await;
        }
        connection.stop().await;
        started
    };
    let started =
        timeout(LIMIT, life).await.map_err(|_| format!("it hangs after {:?}", heard.lock().unwrap()))?;
    server.abort();
    if let Err(error) = &started
        && error.to_string().len() < 20
    {
        return Err(format!("an error that says nothing: {error}"));
    }
    match connection.state() {
        State::Disconnected => Ok(()),
        state => Err(format!("{state:?} after the end: {started:?}")),
    }
}

fn kinds() -> impl Strategy<Value = TransportKind> {
    prop_oneof![
        Just(TransportKind::WebSockets),
        Just(TransportKind::ServerSentEvents),
        Just(TransportKind::LongPolling)
    ]
}

/// JSON that is nearly right: a member's value, or a piece of the text, is another.
fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let values = prop_oneof![
        Just("null"),
        Just("-1"),
        Just("1e308"),
        Just("[]"),
        Just("{}"),
        Just("\"\""),
        Just("true"),
        Just("\"\\ud800\""),
        Just("99999999999999999999"),
    ];
    let cut = (0..text.len(), 0..40usize, values).prop_map(move |(at, length, value)| {
        let mut bytes = text.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, value.bytes());
        bytes
    });
    let members: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
    let member = (
        prop::sample::select(members),
        prop_oneof![Just("null"), Just("-1"), Just("1e308"), Just("[]"), Just("\"x\"")],
    )
        .prop_map(move |(at, value)| {
            let end = text
                .get(at..)
                .and_then(|rest| rest.find([',', '}']))
                .map_or(text.len(), |length| at + length);
            let mut bytes = text.as_bytes().to_vec();
            bytes.splice(at..end, value.bytes());
            bytes
        });
    prop_oneof![cut, member]
}

fn body(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        mutated(text),
        proptest::collection::vec(any::<u8>(), 0..200),
        Just(vec![b' '; 20_000]),
        Just(vec![b'['; 9_000])
    ]
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(200u16), 1 => prop::sample::select(vec![101u16, 204, 301, 302, 400, 401, 403, 404, 500, 503])]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_to_negotiate_makes_a_client_panic_or_hang(kind in kinds(), status in status(), body in body(WELCOME)) {
        let answers = Answers { negotiate: http(status, "application/json", &body), ..good(kind) };
        prop_assert_eq!(Runtime::new().unwrap().block_on(meet(kind, answers)), Ok(()));
    }

    #[test]
    fn nothing_that_is_received_makes_a_client_panic_or_hang(kind in kinds(), status in status(), body in body(INIT), is_event: bool) {
        let body = if is_event && kind == TransportKind::ServerSentEvents { [b"data: ".as_slice(), &body, b"\n\n"].concat() } else { body };
        let content = if kind == TransportKind::ServerSentEvents { "text/event-stream" } else { "application/json" };
        let receive = match kind {
            TransportKind::WebSockets if is_event => frame(&body),
            TransportKind::WebSockets => body,
            _ => http(status, content, &body),
        };
        let answers = Answers { receive, ..good(kind) };
        prop_assert_eq!(Runtime::new().unwrap().block_on(meet(kind, answers)), Ok(()));
    }

    #[test]
    fn no_answer_to_start_or_send_makes_a_client_panic_or_hang(
        kind in kinds(), statuses in (status(), status()), start in body(STARTED), send in body(r#"{"S":{"a":1},"R":1,"I":"0"}"#), is_started: bool,
    ) {
        let start = if is_started { good(kind).start } else { http(statuses.0, "application/json", &start) };
        let answers = Answers { start, send: http(statuses.1, "application/json", &send), ..good(kind) };
        prop_assert_eq!(Runtime::new().unwrap().block_on(meet(kind, answers)), Ok(()));
    }

    #[test]
    fn a_server_that_speaks_no_http_makes_no_client_panic_or_hang(kind in kinds(), bytes: Vec<u8>, which in 0..4) {
        let mut answers = good(kind);
        match which {
            0 => answers.negotiate = bytes,
            1 => answers.receive = bytes,
            2 => answers.start = bytes,
            _ => answers.send = bytes,
        }
        prop_assert_eq!(Runtime::new().unwrap().block_on(meet(kind, answers)), Ok(()));
    }
}
