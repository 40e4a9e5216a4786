//! The same over TCP, where sockets are taken over from the HTTP library and bytes come in pieces of the kernel's choosing.

use std::time::Duration;

use heliostat::{EndpointOptions, Http1, MessageBuffer, Server, Settings, TransportKind};
use hyper_util::service::TowerToHyperService;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::{
    actor::{ACT, Actor},
    client::{Ask, Line},
    log::Log,
    session::{ALL, HTTP_STREAMS, Heard, STREAMS, Session, VERSIONS},
    site::{HOSTS, Host, PATIENCE, Site},
};

async fn stage_at(host: Host) -> (Site, Log) {
    let actor = Actor::default();
    let log = actor.log.clone();
    let server = Server::builder().map(ACT, actor, EndpointOptions::default()).build().unwrap();
    (Site::on_tcp(server, host).await, log)
}

async fn stage() -> (Site, Log) {
    stage_at(Host::Ours).await
}

fn everywhere() -> impl Iterator<Item = (Host, TransportKind)> {
    HOSTS.into_iter().flat_map(|host| ALL.map(|kind| (host, kind)))
}

#[tokio::test]
async fn every_transport_and_version_connects_talks_reconnects_and_stops_over_tcp() {
    for (host, kind) in everywhere() {
        for version in VERSIONS {
            let (site, log) = stage_at(host).await;
            let mut channel = Session::of_version(&site, ACT, kind, version).await.begin().await;
            channel.send("echo hello").await;
            assert_eq!(channel.messages(1).await, ["hello"], "{kind:?} {version:?}");
            channel.change_groups("join room").await;
            let session = channel.vanish();
            let context = site.server.persistent(ACT).unwrap();
            context.send_to_group("room", "while away").unwrap();
            let mut channel = session.open("reconnect").await;
            log.wait("reconnected -").await;
            assert_eq!(channel.messages(1).await, ["while away"], "{kind:?} {version:?}");
            if kind == TransportKind::LongPolling {
                channel = channel.session.open("poll").await;
            }
            channel.session.abort().await;
            let end = channel.rest().await.pop();
            assert!(matches!(end, Some(Heard::End(None | Some(1000)))), "{kind:?} {version:?}: {end:?}");
            log.wait("disconnected - Stopped").await;
        }
    }
}

#[tokio::test]
async fn megabytes_in_both_directions_arrive_whole_over_tcp() {
    for (host, kind) in everywhere() {
        let (site, _) = stage_at(host).await;
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        let large = "\u{20ac}".repeat(700_000);
        context.broadcast(&large).unwrap();
        assert_eq!(channel.messages(1).await[0].as_str(), Some(&*large), "{kind:?}");
        for number in 0..50 {
            let text = format!("{number}{}", "x".repeat(60_000));
            channel.send(&format!("echo {text}")).await;
            assert_eq!(channel.messages(1).await[0].as_str(), Some(&*text), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_over_tcp_is_understood() {
    let (site, _) = stage().await;
    let mut line = site.dial().await;
    let request = b"POST /act/negotiate?connectionData=[{\"Name\":\"x\"}] HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b";
    for byte in request {
        line.write_all(&[*byte]).await.unwrap();
        line.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn cp_133_frames_that_follow_the_upgrade_at_once_are_not_lost_over_tcp() {
    let (site, _) = stage().await;
    for _ in 0..20 {
        let session = Session::of_version(&site, ACT, TransportKind::WebSockets, None).await;
        let mut channel = session.open("connect").await;
        for number in 0..20 {
            channel.send(&format!("echo {number}")).await;
        }
        let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(channel.messages(20).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_133_a_frame_that_comes_with_the_upgrade_waits_for_connected_and_no_longer_over_tcp() {
    for host in HOSTS {
        let (site, log) = stage_at(host).await;
        // A client that has no start: `connected` runs as soon as it connects.
        let session = Session::of_version(&site, ACT, TransportKind::WebSockets, Some("1.3")).await;
        let slow = session.with("on-connected", "slow hello");
        let mut line = site.dial().await;
        let mut bytes = slow.receive("connect").for_a_web_socket().to_bytes();
        bytes.extend_from_slice(b"\x81\x8A\0\0\0\0note early");
        line.write_all(&bytes).await.unwrap();
        log.wait("received - note early").await;
        assert_eq!(log.lines(), ["connecting -", "connected -", "received - note early"], "{host:?}");
    }
}

#[tokio::test]
async fn the_head_of_a_web_socket_and_its_first_frame_come_in_one_piece_over_tcp() {
    let (site, _) = stage().await;
    for version in VERSIONS.into_iter().filter(|version| version.is_some_and(|version| version >= "1.4")) {
        let session = Session::of_version(&site, ACT, TransportKind::WebSockets, version).await;
        let mut line = site.dial().await;
        line.write_all(&session.receive("connect").for_a_web_socket().to_bytes()).await.unwrap();
        let mut piece = Vec::with_capacity(4096);
        line.read_buf(&mut piece).await.unwrap();
        let piece = String::from_utf8_lossy(&piece);
        assert!(piece.starts_with("HTTP/1.1 101 ") && piece.contains("\"S\":1"), "{version:?} {piece}");
    }
}

#[tokio::test]
async fn the_head_of_a_web_socket_that_has_nothing_to_say_yet_does_not_wait_over_tcp() {
    for host in HOSTS {
        let (site, _) = stage_at(host).await;
        // A client that has no start: it hears nothing before `connected` has finished.
        let session = Session::of_version(&site, ACT, TransportKind::WebSockets, Some("1.3")).await;
        let mut line = site.dial().await;
        let slow = session.with("on-connected", "slow done");
        line.write_all(&slow.receive("connect").for_a_web_socket().to_bytes()).await.unwrap();
        let head = stream_until(&mut line, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 ") && head.ends_with("\r\n\r\n"), "{host:?} {head}");
    }
}

#[tokio::test]
async fn a_web_socket_lives_as_long_as_the_future_that_spoke_http_and_keeps_nothing_of_it_over_tcp() {
    for unusual in ["", "&unusual=\""] {
        let (site, log) = stage().await;
        for given_up_by_the_host in [false, true] {
            let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut line: Line = Box::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(site.server.service());
            let (of_http, is_over) = oneshot::channel::<()>();
            let stop = async move {
                let _of_http = of_http;
                std::future::pending().await
            };
            let served = tokio::spawn(Http1::default().serve(stream, service, stop));
            let request =
                String::from_utf8(session.receive("connect").for_a_web_socket().to_bytes()).unwrap();
            let request = request.replace(" HTTP/1.1", &format!("{unusual} HTTP/1.1"));
            line.write_all(request.as_bytes()).await.unwrap();
            stream_until(&mut line, "\"S\":1").await;
            is_over.await.unwrap_err();
            assert!(!served.is_finished(), "{unusual}");
            site.ask(&session.command("start")).await;
            log.wait("connected -").await;
            if given_up_by_the_host {
                served.abort();
                assert_eq!(line.read(&mut [0]).await.unwrap(), 0, "{unusual}");
                assert!(served.await.unwrap_err().is_cancelled());
            } else {
                drop(line);
                served.await.unwrap().unwrap();
            }
            assert_eq!(site.counter("Connections Current WebSockets"), 0, "{unusual}");
            session.abort().await;
            log.wait("disconnected - Stopped").await;
        }
    }
}

#[tokio::test]
async fn cp_147_the_head_of_a_poll_that_waits_for_long_comes_before_the_first_message_over_tcp() {
    for host in HOSTS {
        let (site, _) = stage_at(host).await;
        let channel = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
        let session = &channel.session;
        let mut line = site.dial().await;
        line.write_all(&session.receive("poll").to_bytes()).await.unwrap();
        let head = stream_until(&mut line, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{host:?} {head}");
        site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
        let rest = stream_until(&mut line, "0\r\n\r\n").await;
        assert!(rest.contains("[\"hello\"]"), "{host:?} {rest}");
        channel.session.abort().await;
    }
}

/// Polls, and waits until the poll is there.
async fn poll(site: &Site, session: &Session, line: &mut Line) {
    let before = site.counter("Message Bus Subscribers Total");
    line.write_all(&session.receive("poll").to_bytes()).await.unwrap();
    while site.counter("Message Bus Subscribers Total") == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_answer_to_a_poll_that_waits_only_for_a_moment_comes_in_one_piece_over_tcp() {
    let (site, _) = stage().await;
    let channel = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
    let mut line = site.dial().await;
    poll(&site, &channel.session, &mut line).await;
    site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
    let mut piece = Vec::with_capacity(4096);
    line.read_buf(&mut piece).await.unwrap();
    let piece = String::from_utf8_lossy(&piece);
    assert!(piece.contains("content-length: ") && piece.ends_with("[\"hello\"]}"), "{piece}");
}

#[tokio::test]
async fn what_a_client_asks_while_its_poll_waits_is_answered_behind_it_over_tcp() {
    for host in HOSTS {
        let (site, _) = stage_at(host).await;
        let channel = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
        let mut line = site.dial().await;
        poll(&site, &channel.session, &mut line).await;
        line.write_all(&Ask::get("/act/ping").to_bytes()).await.unwrap();
        // So that it may have been read.
        site.ask(&Ask::get("/act/ping")).await;
        site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
        let answers = stream_until(&mut line, "pong").await;
        let (first, ping) = answers.split_once("[\"hello\"]}").expect("the poll's answer");
        assert!(
            first.starts_with("HTTP/1.1 200 OK") && ping.contains("HTTP/1.1 200 OK"),
            "{host:?} {answers}"
        );
        channel.session.abort().await;
    }
}

/// Whether the answer comes before its head is due or long after it: then the time for the next request begins.
#[tokio::test]
async fn who_does_not_ask_again_after_a_poll_is_let_go_over_tcp() {
    let (site, _) = stage().await;
    let host = Http1 { header_timeout: Duration::from_millis(30), ..Http1::default() };
    for waits_for_its_head in [false, true] {
        let channel = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut line: Line = Box::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(site.server.service());
        let served = tokio::spawn(host.serve(stream, service, std::future::pending()));
        poll(&site, &channel.session, &mut line).await;
        if waits_for_its_head {
            stream_until(&mut line, "\r\n\r\n").await;
        }
        site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
        let mut rest = String::new();
        let read = line.read_to_string(&mut rest);
        tokio::time::timeout(PATIENCE, read).await.expect("an end").unwrap();
        assert!(rest.contains("[\"hello\"]"), "{rest}");
        served.await.unwrap().unwrap();
        channel.session.abort().await;
    }
}

#[tokio::test]
async fn a_thread_of_the_applications_own_answers_polls_over_tcp() {
    for host in HOSTS {
        let (site, log) = stage_at(host).await;
        let mut channel = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
        for _ in 0..10 {
            let context = site.server.persistent(ACT).unwrap();
            std::thread::spawn(move || context.broadcast("hello").unwrap()).join().unwrap();
            assert_eq!(channel.messages(1).await, ["hello"], "{host:?}");
        }
        channel.session.abort().await;
        log.wait("disconnected - Stopped").await;
    }
}

#[tokio::test]
async fn polls_that_come_in_turn_through_different_hosts_hear_everything_once_over_tcp() {
    let (site, _) = stage().await;
    let mut sites = Vec::new();
    for host in HOSTS {
        sites.push(Site::on_tcp(site.server.clone(), host).await);
    }
    let mut session = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.session;
    let everyone = site.server.persistent(ACT).unwrap();
    for (first, second) in sites.iter().flat_map(|first| sites.iter().map(move |second| (first, second))) {
        for site in [first, second] {
            everyone.broadcast("between").unwrap();
            let mut channel = session.at(site).open("poll").await;
            assert_eq!(channel.messages(1).await, ["between"]);
            let mut channel = channel.session.open("poll").await;
            everyone.broadcast("while it waits").unwrap();
            assert_eq!(channel.messages(1).await, ["while it waits"]);
            session = channel.session;
        }
    }
    assert_eq!(site.counter("Messages Lost Total"), 0);
}

#[tokio::test]
async fn polls_may_come_on_two_lines_in_turn_and_both_stay_usable_over_tcp() {
    for host in HOSTS {
        let (site, _) = stage_at(host).await;
        let mut session = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.session;
        let everyone = site.server.persistent(ACT).unwrap();
        let mut lines = [site.dial().await, site.dial().await];
        for number in 0..12 {
            // In turn, and now and then the same once more.
            let [line, other] = &mut lines;
            let line = if number % 3 == 0 { other } else { line };
            poll(&site, &session, line).await;
            everyone.broadcast(number).unwrap();
            let answer = stream_until(line, &format!("[{number}]}}")).await;
            let cursor = answer.split("\"C\":\"").nth(1).and_then(|rest| rest.split('"').next());
            session.cursor = cursor.map(str::to_owned);
            lines.rotate_left(1);
        }
        for line in &mut lines {
            line.write_all(&Ask::get("/act/ping").to_bytes()).await.unwrap();
            stream_until(line, "pong").await;
        }
        session.abort().await;
    }
}

#[tokio::test]
async fn a_poll_that_comes_before_the_answer_of_the_one_before_is_read_is_answered_for_itself_over_tcp() {
    for host in [Host::Any, Host::OursAlone] {
        let (site, _) = stage_at(host).await;
        let slow = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.session;
        let mut other = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await;
        let everyone = site.server.persistent(ACT).unwrap();
        let mut line = site.dial().await;
        poll(&site, &slow, &mut line).await;
        // More than the kernel takes before the client reads.
        let large = "x".repeat(5_000_000);
        everyone.broadcast(&large).unwrap();
        assert_eq!(other.messages(1).await, [&*large]);
        // Cursors are the same for everybody, so a client may know where it will be.
        let ahead = slow.command("poll").with("messageId", other.session.cursor.as_deref().unwrap());
        for number in 0..3 {
            let next = other.session.cursor.clone().unwrap();
            let asked = site.open(&ahead.clone().with("messageId", &next)).await;
            everyone.broadcast(number).unwrap();
            assert_eq!(asked.whole().await.json()["M"], serde_json::json!([number]), "{host:?}");
            assert_eq!(other.messages(1).await, [number], "{host:?}");
        }
        let answer = stream_until(&mut line, "\"]}").await;
        assert!(answer.contains(&large), "{host:?}: the first answer is whole all the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_hear_many_publishers_in_one_order_over_tcp() {
    for host in HOSTS {
        many_clients_hear_many_publishers(host).await;
    }
}

async fn many_clients_hear_many_publishers(host: Host) {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 200;
    let (site, _) = stage_at(host).await;
    let mut listeners = Vec::new();
    for kind in ALL.into_iter().cycle().take(40) {
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        listeners.push(tokio::spawn(async move { channel.messages(PUBLISHERS * EACH).await }));
    }
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let context = site.server.persistent(ACT).unwrap();
        tokio::spawn(async move {
            for number in 0..EACH {
                context.broadcast((publisher, number)).unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let mut first = None;
    for listener in listeners {
        let heard = listener.await.unwrap();
        assert_eq!(heard.len(), PUBLISHERS * EACH);
        assert_eq!(first.get_or_insert_with(|| heard.clone()), &heard, "everybody hears the same order");
    }
    assert_eq!(site.counter("Messages Lost Total"), 0);
}

/// The answer to a stream request, up to and with `last`.
async fn stream_until(line: &mut Line, last: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(last) {
        assert_ne!(line.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn cp_135_a_stream_for_a_client_of_http_1_0_has_no_chunks_and_ends_with_its_connection() {
    for (host, kind) in everywhere().filter(|(_, kind)| HTTP_STREAMS.contains(kind)) {
        let (site, log) = stage_at(host).await;
        let session = Session::new(&site, ACT, kind).await;
        let mut line = site.dial().await;
        let request =
            String::from_utf8(session.receive("connect").to_bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
        line.write_all(request.as_bytes()).await.unwrap();
        let mut text = stream_until(&mut line, "\"S\":1").await;
        assert!(!text.to_ascii_lowercase().contains("chunked"), "{host:?} {text}");
        site.ask(&session.command("start")).await;
        site.server.persistent(ACT).unwrap().broadcast("one").unwrap();
        text.push_str(&stream_until(&mut line, "one").await);
        session.abort().await;
        log.wait("disconnected - Stopped").await;
        let mut rest = String::new();
        line.read_to_string(&mut rest).await.unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let frames = format!("{body}{rest}");
        let is_frame =
            |line: &str| line.is_empty() || line.starts_with("data: ") || line.starts_with("<script>r(c, ");
        let mut lines =
            frames.lines().skip_while(|line| kind == TransportKind::ForeverFrame && !line.contains("<body>"));
        lines.next();
        assert!(lines.all(is_frame), "{host:?} {kind:?} {frames}");
    }
}

#[tokio::test]
async fn a_stream_whose_client_vanishes_is_noticed_and_what_it_did_not_read_is_replayed() {
    for (host, kind) in everywhere() {
        let (site, log) = stage_at(host).await;
        let channel = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        let session = channel.vanish();
        let padding = "x".repeat(60_000);
        let numbers: Vec<u64> = (0..20).collect();
        for number in &numbers {
            context.broadcast((number, &padding)).unwrap();
        }
        let mut channel = session.open("reconnect").await;
        log.wait("reconnected -").await;
        let mut heard = Vec::new();
        while heard.len() < numbers.len() {
            heard.extend(channel.messages(1).await.iter().map(|message| message[0].as_u64().unwrap()));
        }
        assert_eq!(heard, numbers, "{host:?} {kind:?}");
    }
}

#[tokio::test]
async fn cp_199_a_reader_over_tcp_that_stands_still_gets_everything_once_it_reads() {
    for (host, kind) in everywhere().filter(|(_, kind)| STREAMS.contains(kind)) {
        // More than the kernel's buffers hold, less than the server keeps.
        const MESSAGES: u64 = 800;
        let buffer = MessageBuffer { topic_bytes: 64 * 1024 * 1024, ..MessageBuffer::default() };
        let settings = Settings { message_buffer: buffer, ..Settings::default() };
        let server =
            Server::builder().settings(settings).map(ACT, Actor::default(), EndpointOptions::default());
        let site = Site::on_tcp(server.build().unwrap(), host).await;
        let mut slow = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        let padding = "x".repeat(20_000);
        for number in 0..MESSAGES {
            context.broadcast((number, &padding)).unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut next = 0;
        while next < MESSAGES {
            for message in slow.messages(1).await {
                assert_eq!(message[0], next, "{host:?} {kind:?}");
                next += 1;
            }
        }
    }
}
