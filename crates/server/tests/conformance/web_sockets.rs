//! What is particular to WebSockets (spec 6.2).

use std::time::Duration;

use heliostat::{Server, Settings, TransportKind};

use crate::{
    actor::{ACT, stage, stage_with},
    client::Frame,
    session::{Channel, Heard, Session},
    site::Site,
};

async fn connected(site: &Site) -> Channel {
    Session::new(site, ACT, TransportKind::WebSockets).await.begin().await
}

#[tokio::test(start_paused = true)]
async fn cp_125_the_upgrade_needs_no_sub_protocol_and_takes_none() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    for ask in [
        session.receive("connect"),
        session.receive("connect").header("Sec-WebSocket-Protocol", "soap, wamp"),
        session.receive("connect").header("Sec-WebSocket-Extensions", "permessage-deflate"),
    ] {
        let channel = session.try_open_as(&ask).await.unwrap();
        assert_eq!(channel.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(channel.header("sec-websocket-protocol"), None);
        assert_eq!(channel.header("sec-websocket-extensions"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_125_the_headers_of_the_upgrade_are_lists_without_case() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    for (connection, upgrade) in [("keep-alive, Upgrade", "WebSocket"), ("UPGRADE", "h2c, websocket")] {
        let ask = session
            .receive("connect")
            .header("Connection", connection)
            .header("Upgrade", upgrade)
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(site.open(&ask).await.head.status, 101, "{connection}, {upgrade}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_126_every_message_of_the_server_is_one_text_frame_with_one_json_value() {
    let (site, _) = stage();
    let mut channel = connected(&site).await;
    let context = site.server.persistent(ACT).unwrap();
    let lengths = [0, 1, 100, 125, 126, 65_000, 65_536, 200_000];
    for length in lengths {
        context.broadcast("x".repeat(length)).unwrap();
    }
    let mut came = Vec::new();
    while came.len() < lengths.len() {
        let Frame::Text(text) = channel.socket().frame().await else { panic!("a text frame") };
        let response: serde_json::Value = serde_json::from_str(&text).unwrap();
        let messages = response["M"].as_array().unwrap();
        came.extend(messages.iter().map(|message| message.as_str().unwrap().len()));
    }
    assert_eq!(came, lengths);
}

#[tokio::test(start_paused = true)]
async fn cp_127_hub_results_are_bare_objects_on_the_same_socket() {
    struct Sums;
    #[heliostat::hub]
    impl Sums {
        fn add(&self, a: i32, b: i32) -> i32 {
            a + b
        }
    }
    let site = Site::in_memory(Server::builder().hub(Sums).build().unwrap());
    let mut channel = Session::new(&site, "/signalr", TransportKind::WebSockets).await.begin().await;
    channel.send(r#"{"H":"sums","M":"add","A":[1,2],"I":7}"#).await;
    assert_eq!(channel.socket().frame().await, Frame::Text(r#"{"R":3,"I":"7"}"#.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn cp_128_a_message_in_fragments_is_put_together_even_around_a_ping() {
    let (site, _) = stage();
    let mut channel = connected(&site).await;
    let socket = channel.socket();
    // The cuts are in the middle of a character.
    let text = "echo \u{20ac}\u{1f600}".as_bytes();
    socket.send_frame(0x01, &text[..6]).await;
    socket.send_frame(0x00, &text[6..10]).await;
    socket.send_frame(0x89, b"still there?").await;
    socket.send_frame(0x00, b"").await;
    socket.send_frame(0x80, &text[10..]).await;
    assert_eq!(socket.frame().await, Frame::Pong);
    assert_eq!(channel.messages(1).await, ["\u{20ac}\u{1f600}"]);
}

#[tokio::test(start_paused = true)]
async fn cp_129_a_message_above_64_kib_closes_the_socket_with_1009_in_one_frame_or_many() {
    let (site, log) = stage();
    let fits = format!("echo {}", "x".repeat(64 * 1024 - 5));
    let mut channel = connected(&site).await;
    channel.send(&fits).await;
    assert_eq!(channel.messages(1).await[0].as_str().map(str::len), Some(64 * 1024 - 5));
    channel.send(&format!("{fits}x")).await;
    assert_eq!(channel.rest().await, [Heard::End(Some(1009))]);

    let mut channel = channel.session.open("reconnect").await;
    let half = "x".repeat(40 * 1024);
    channel.socket().send_frame(0x01, half.as_bytes()).await;
    channel.socket().send_frame(0x80, half.as_bytes()).await;
    assert_eq!(channel.rest().await, [Heard::End(Some(1009))]);
    assert!(!log.lines().iter().any(|line| line.starts_with("disconnected")), "the client may come back");
    assert_eq!(site.counter("Errors: Transport Total"), 2);
    assert_eq!(site.counter("Errors: All Total"), 2);
}

#[tokio::test(start_paused = true)]
async fn cp_129_a_frame_that_only_announces_its_size_is_refused_before_it_comes() {
    let (site, _) = stage();
    let mut channel = connected(&site).await;
    let announced = [0x81, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, b'x'];
    channel.socket().send_bytes(&announced).await;
    assert_eq!(channel.rest().await, [Heard::End(Some(1009))]);
}

#[tokio::test(start_paused = true)]
async fn cp_129_cp_130_the_limit_is_a_setting_and_may_be_absent() {
    for (limit, length, accepted) in [
        (Some(100), 100, true),
        (Some(100), 101, false),
        (Some(200_000), 200_000, true),
        (None, 3_000_000, true),
    ] {
        let settings = Settings { max_incoming_message: limit, ..Settings::default() };
        let (site, log) = stage_with(|builder| builder.settings(settings));
        let mut channel = connected(&site).await;
        let note = format!("note {}", "x".repeat(length - 5));
        channel.send(&note).await;
        if accepted {
            log.wait(&format!("received - {note}")).await;
        } else {
            assert_eq!(channel.rest().await, [Heard::End(Some(1009))]);
        }
        let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
        assert_eq!(session.post(&note).await.status(), if accepted { 200 } else { 413 });
    }
}

#[tokio::test(start_paused = true)]
async fn cp_131_cp_132_a_close_with_or_without_a_status_does_not_run_disconnected_before_abort_or_grace() {
    for payload in [&b""[..], &1000_u16.to_be_bytes(), &1001_u16.to_be_bytes()] {
        let (site, log) = stage();
        let mut channel = connected(&site).await;
        channel.socket().send_frame(0x88, payload).await;
        let end = channel.rest().await;
        let code = (!payload.is_empty()).then(|| u16::from_be_bytes([payload[0], payload[1]]));
        assert_eq!(end, [Heard::End(code)], "the close is answered");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(log.lines(), ["connected -"]);
        assert_eq!(site.counter("Errors: Transport Total"), 0, "a normal close");
        channel.session.abort().await;
        log.wait("disconnected - Stopped").await;
    }
}

#[tokio::test(start_paused = true)]
async fn cp_133_messages_of_one_socket_begin_in_their_order() {
    let (site, log) = stage();
    let mut channel = connected(&site).await;
    for number in 0..500 {
        channel.send(&format!("{} {number}", if number % 7 == 0 { "slow" } else { "echo" })).await;
    }
    log.wait("received - echo 499").await;
    let numbers: Vec<_> = log
        .lines()
        .iter()
        .filter(|line| line.starts_with("received"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .collect();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn cp_134_a_binary_frame_ends_that_transport_without_harming_others() {
    let (site, log) = stage();
    let mut other = connected(&site).await;
    let mut channel = connected(&site).await;
    channel.socket().send_frame(0x82, b"echo binary").await;
    assert_eq!(channel.rest().await, [Heard::End(Some(1003))]);
    let mut again = channel.session.open("reconnect").await;
    for channel in [&mut again, &mut other] {
        channel.send("echo fine").await;
        assert_eq!(channel.messages(1).await, ["fine"]);
    }
    assert_eq!(log.count("received - echo binary"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_very_many_calls_at_once_is_slowed_down_and_loses_none() {
    let (site, log) = stage();
    let mut channel = connected(&site).await;
    for number in 0..400 {
        channel.send(&format!("slow {number}")).await;
    }
    let mut answers = channel.messages(400).await;
    answers.sort_by_key(|answer| answer.as_str().unwrap().parse::<u32>().unwrap());
    let expected: Vec<_> = (0..400).map(|number| serde_json::json!(number.to_string())).collect();
    assert_eq!(answers, expected);
    assert_eq!(log.lines().iter().filter(|line| line.starts_with("received")).count(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_line_is_open_but_who_answers_nothing_is_given_up() {
    let (site, log) = stage();
    let mut channel = connected(&site).await;
    channel.socket().go_deaf();
    let lost_at = tokio::time::Instant::now();
    let listening = tokio::spawn(async move { while channel.hear().await != Heard::Cut {} });
    while log.count("disconnected - TimedOut") == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Two keep-alives until it is missed, and then the grace. Its line is closed with it, not before.
    let took = lost_at.elapsed();
    assert!(took >= Duration::from_secs(55) && took <= Duration::from_secs(56), "{took:?}");
    listening.await.unwrap();

    let mut living = connected(&site).await;
    assert!(living.during(Duration::from_secs(600)).await.iter().all(|heard| *heard == Heard::KeepAlive));
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_is_passed_on_together_and_in_order() {
    let (site, _) = stage();
    let (mut reader, mut sender) = (connected(&site).await, connected(&site).await);
    for number in 0..16 {
        sender.send(&format!("others {number}")).await;
    }
    let (mut sizes, mut came) = (Vec::new(), Vec::new());
    while came.len() < 16 {
        let messages = reader.messages(1).await;
        sizes.push(messages.len());
        came.extend(messages.iter().map(|message| message.as_str().unwrap().parse::<u32>().unwrap()));
    }
    assert_eq!(came, (0..16).collect::<Vec<_>>());
    assert_eq!(sizes, [10, 6], "as many in one response as a response may have");
}

#[tokio::test(start_paused = true)]
async fn who_joins_and_sends_in_one_breath_hears_it() {
    let (site, _) = stage();
    let (mut channel, mut other) = (connected(&site).await, connected(&site).await);
    other.send("join room").await;
    other.until("G").await;
    for order in ["others before", "join room", "group room hello", "others after"] {
        channel.send(order).await;
    }
    assert_eq!(channel.messages(1).await, ["hello"]);
    assert_eq!(other.messages(3).await, ["before", "hello", "after"]);
}
