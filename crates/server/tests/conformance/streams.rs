//! What is particular to the transports that are endless HTTP responses, and what all transports have in common (spec 6.1, 6.3, 6.4).

use std::time::Duration;

use heliostat::{MessageBuffer, Settings, TransportKind};

use crate::{
    actor::{ACT, stage, stage_with},
    client::{Exchange, Piece},
    session::{ALL, Heard, STREAMS, Session},
    site::Site,
};

async fn exchange(site: &Site, kind: TransportKind, command: &str) -> (Session, Exchange) {
    let session = Session::new(site, ACT, kind).await;
    let exchange = site.open(&session.receive(command)).await;
    (session, exchange)
}

async fn text(exchange: &mut Exchange) -> String {
    match tokio::time::timeout(Duration::from_secs(1), exchange.piece()).await {
        Ok(Piece::Bytes(bytes)) => String::from_utf8(bytes).unwrap(),
        other => panic!("no piece came at once: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn cp_135_the_preamble_of_an_event_stream_comes_at_once_on_connect_and_reconnect() {
    let (site, _) = stage();
    for command in ["connect", "reconnect"] {
        let (_, mut exchange) = exchange(&site, TransportKind::ServerSentEvents, command).await;
        assert!(text(&mut exchange).await.starts_with("data: initialized\n\n"), "{command}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_136_cp_137_an_event_is_one_data_line_and_a_blank_line_and_nothing_else() {
    let (site, _) = stage();
    let (session, mut exchange) = exchange(&site, TransportKind::ServerSentEvents, "connect").await;
    let mut all = String::new();
    for message in ["plain", "two\nlines\r\n", "data: x\n\nid: 7", "\u{85}\u{2028}"] {
        session.post(&format!("echo {message}")).await;
    }
    site.server.persistent(ACT).unwrap().broadcast("end").unwrap();
    while !all.contains("\"end\"") {
        all.push_str(&text(&mut exchange).await);
    }
    assert!(!all.contains('\r'));
    for event in all.split_terminator("\n\n") {
        assert!(event.starts_with("data: ") && !event.contains('\n'), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_138_an_event_stream_is_ascii_whatever_is_sent() {
    let (site, _) = stage();
    let mut channel = Session::new(&site, ACT, TransportKind::ServerSentEvents).await.begin().await;
    let message = "\u{e4}\u{20ac}\u{1f600}";
    channel.send(&format!("echo {message}")).await;
    assert_eq!(channel.messages(1).await, [message]);
    let (session, mut exchange) = exchange(&site, TransportKind::ServerSentEvents, "connect").await;
    session.post(&format!("echo {message}")).await;
    let mut all = String::new();
    while !all.contains("\\u20ac") {
        all.push_str(&text(&mut exchange).await);
    }
    assert!(all.is_ascii());
}

#[tokio::test(start_paused = true)]
async fn cp_140_cp_142_the_prologue_of_a_forever_frame_defines_c_and_r_and_calls_started() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ForeverFrame).await;
    for command in ["connect", "reconnect"] {
        let ask = session.command(command).with("frameId", "0042");
        let mut exchange = site.open(&ask).await;
        let prologue = text(&mut exchange).await;
        for part in ["<html", "c = ", "r = ", "getConnection('42')", ".started(c)", "<body>"] {
            assert!(prologue.contains(part), "{command}: {part} in {prologue}");
        }
    }
    for id in ["", "1a", "-1", "+1", " 1", "1.0", "4294967296", "'</script><script>alert(1)//"] {
        let answer = site.ask(&session.command("connect").with("frameId", id)).await;
        assert_eq!(answer.status(), 400, "{id:?}");
        assert!(!answer.body.contains("alert"), "{}", answer.body);
    }
    assert_eq!(site.ask(&session.command("connect")).await.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn cp_141_cp_143_each_message_of_a_forever_frame_is_one_script_that_it_cannot_leave() {
    let (site, _) = stage();
    let mut channel = Session::new(&site, ACT, TransportKind::ForeverFrame).await.begin().await;
    let attack = "</script><script>alert(1)</script><!--";
    channel.send(&format!("echo {attack}")).await;
    assert_eq!(channel.messages(1).await, [attack]);
    let (session, mut exchange) = exchange(&site, TransportKind::ForeverFrame, "connect").await;
    session.post(&format!("echo {attack}")).await;
    let mut all = String::new();
    while !all.contains("alert") {
        all.push_str(&text(&mut exchange).await);
    }
    let scripts = all.split("<body>\r\n").nth(1).unwrap();
    for script in scripts.split_terminator("\r\n") {
        let json = script.strip_prefix("<script>r(c, ").and_then(|rest| rest.strip_suffix(");</script>"));
        assert!(!json.unwrap().contains(['<', '>']), "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_108_keep_alive_bytes_are_those_of_the_table() {
    for (kind, expected) in [
        (TransportKind::ServerSentEvents, "data: {}\n\n"),
        (TransportKind::ForeverFrame, "<script>r(c, {});</script>\n\n"),
        (TransportKind::LongPolling, " "),
    ] {
        let (site, _) = stage();
        let channel = Session::new(&site, ACT, kind).await.begin().await;
        let ask =
            channel.session.receive(if kind == TransportKind::LongPolling { "poll" } else { "reconnect" });
        let mut exchange = site.open(&ask).await;
        let mut last = String::new();
        while let Ok(Piece::Bytes(bytes)) =
            tokio::time::timeout(Duration::from_secs(11), exchange.piece()).await
        {
            last = String::from_utf8(bytes).unwrap();
            if last == expected {
                break;
            }
        }
        assert_eq!(last, expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_214_cp_216_an_idle_stream_hears_a_keep_alive_every_ten_seconds_for_ever() {
    for kind in STREAMS {
        let (site, log) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let began = tokio::time::Instant::now();
        let heard = channel.during(Duration::from_secs(1000)).await;
        assert!(heard.iter().all(|heard| *heard == Heard::KeepAlive), "{kind:?}: {heard:?}");
        assert!((99..=100).contains(&heard.len()), "{kind:?}: {} in {:?}", heard.len(), began.elapsed());
        assert_eq!(log.lines(), ["connected -"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_214_a_keep_alive_counts_from_the_last_write() {
    for kind in STREAMS {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            context.broadcast("busy").unwrap();
            assert!(
                matches!(channel.hear_soon().await, Heard::Json(_)),
                "{kind:?}: no keep-alive while busy"
            );
        }
        let last = tokio::time::Instant::now();
        assert_eq!(channel.hear_soon().await, Heard::KeepAlive);
        let silence = last.elapsed();
        assert!(
            silence >= Duration::from_secs(10) && silence <= Duration::from_secs(15),
            "{kind:?} {silence:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn cp_105_what_was_sent_while_a_client_was_away_arrives_once_and_in_order() {
    for kind in ALL {
        let (site, log) = stage();
        let context = site.server.persistent(ACT).unwrap();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let mut sent = Vec::new();
        let mut got = Vec::new();
        for round in 0..8 {
            for number in 0..25 {
                let message = format!("{round}.{number}");
                context.broadcast(&message).unwrap();
                sent.push(message);
                if number == 5 && round % 2 == 0 {
                    got.extend(channel.messages(1).await);
                }
            }
            // It goes without a word, perhaps with messages that it never read.
            let session = channel.vanish();
            context.broadcast(format!("{round}.away")).unwrap();
            sent.push(format!("{round}.away"));
            tokio::time::sleep(Duration::from_secs(round)).await;
            channel = session.open("reconnect").await;
        }
        while got.len() < sent.len() {
            got.extend(channel.messages(1).await);
        }
        let got: Vec<_> = got.iter().map(|message| message.as_str().unwrap()).collect();
        assert_eq!(got, sent, "{kind:?}");
        assert_eq!(log.count("reconnected -"), 8);
        assert_eq!(site.counter("Messages Lost Total"), 0);
        assert_eq!(site.counter("Gaps Reported Total"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_106_a_cursor_survives_query_and_form() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.session;
    let context = site.server.persistent(ACT).unwrap();
    context.broadcast("one").unwrap();
    let cursor = session.cursor.clone().unwrap();
    let raw = session.command("poll").raw(&format!("messageId={cursor}"));
    assert_eq!(site.ask(&raw).await.json()["M"][0], "one", "as it is");
    let escaped = session.command("poll").with("messageId", &cursor);
    assert_eq!(site.ask(&escaped).await.json()["M"][0], "one", "escaped");
    let form = session.command("poll").by("POST").form(&[("messageId", &cursor)]);
    assert_eq!(site.ask(&form).await.json()["M"][0], "one", "in a form");
}

#[tokio::test(start_paused = true)]
async fn cp_123_a_newer_receive_request_replaces_the_older_without_callbacks() {
    for kind in ALL {
        for command in ["connect", "reconnect", "poll"] {
            let (site, log) = stage();
            let channel = Session::new(&site, ACT, kind).await.begin().await;
            let session = channel.session.clone();
            let mut old =
                if kind == TransportKind::LongPolling { session.open("poll").await } else { channel };
            let mut new = session.open(command).await;
            let mut rest = old.rest().await;
            let end = rest.pop();
            assert!(matches!(end, Some(Heard::End(None | Some(1000)))), "{kind:?} {command}: {end:?}");
            if kind == TransportKind::LongPolling {
                assert!(
                    matches!(&rest[..], [Heard::Json(empty)] if empty["M"] == serde_json::json!([])),
                    "{rest:?}"
                );
            }
            new.send("echo here").await;
            assert_eq!(new.messages(1).await, ["here"], "{kind:?} {command}");
            let lines = log.lines();
            assert!(!lines.iter().any(|line| line.starts_with("disconnected")), "{lines:?}");
            // A WebSocket waits a moment for the answer to its close frame.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let gauge = site.counter("Message Bus Subscribers Current");
            assert!(gauge <= 1, "{kind:?} {command}: {gauge} readers");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_123_of_many_reconnects_at_once_one_is_left() {
    for kind in STREAMS {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let racers: Vec<_> = (0..20)
            .map(|_| {
                let session = session.clone();
                tokio::spawn(async move { session.open("reconnect").await })
            })
            .collect();
        let mut channels = Vec::new();
        for racer in racers {
            channels.push(racer.await.unwrap());
        }
        site.server.persistent(ACT).unwrap().broadcast("who hears?").unwrap();
        let mut hear = 0;
        for channel in &mut channels {
            let heard = channel.during(Duration::from_secs(1)).await;
            let is_response = |heard: &&Heard| matches!(heard, Heard::Json(_));
            match heard.iter().filter(is_response).count() {
                0 => assert!(matches!(heard.last(), Some(Heard::End(_))), "{kind:?} {heard:?}"),
                count => hear += count,
            }
        }
        assert_eq!(hear, 1, "{kind:?}");
        assert_eq!(site.counter("Message Bus Subscribers Current"), 1);
        assert!(!log.lines().iter().any(|line| line.starts_with("disconnected")));
        assert_eq!(log.count("connected -"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_124_writes_of_one_transport_never_interleave() {
    struct Busy;
    #[heliostat::hub]
    impl Busy {
        async fn work(&self, caller: heliostat::Clients, n: u32) -> String {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                caller.all().invoke("progress", (n, "p".repeat(3000))).unwrap();
            }
            "r".repeat(5000)
        }
    }
    let site = Site::in_memory(heliostat::Server::builder().hub(Busy).build().unwrap());
    for kind in STREAMS {
        let session = Session::new(&site, "/signalr", kind).await;
        let mut channel = session.with("connectionData", r#"[{"name":"busy"}]"#).begin().await;
        for number in 0..40 {
            channel.order(&format!(r#"{{"H":"busy","M":"work","A":[{number}],"I":{number}}}"#)).await;
        }
        let (mut progress, mut results) = (0, 0);
        while progress < 120 || (kind == TransportKind::WebSockets && results < 40) {
            // Every piece parses as whole JSON, or `json` panics.
            let response = channel.json().await;
            results += usize::from(response.get("I").is_some());
            progress += response["M"].as_array().map_or(0, Vec::len);
        }
        assert_eq!(progress, 120, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_205_a_response_of_a_stream_has_ten_messages_at_most() {
    for kind in STREAMS {
        let (site, _) = stage();
        let session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let context = site.server.persistent(ACT).unwrap();
        for number in 0..95 {
            context.broadcast(number).unwrap();
        }
        let mut channel = session.open("reconnect").await;
        let mut all = Vec::new();
        while all.len() < 95 {
            let response = channel.json().await;
            let batch = response["M"].as_array().unwrap().clone();
            assert!((1..=10).contains(&batch.len()), "{kind:?}: {}", batch.len());
            all.extend(batch);
        }
        assert_eq!(all, (0..95).map(serde_json::Value::from).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn cp_107_cp_206_a_group_that_is_joined_starts_at_now() {
    for kind in STREAMS {
        let (site, _) = stage();
        let mut member = Session::new(&site, ACT, kind).await.begin().await;
        member.change_groups("join room").await;
        let context = site.server.persistent(ACT).unwrap();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        context.send_to_group("room", "before").unwrap();
        channel.change_groups("join room").await;
        context.send_to_group("room", "after").unwrap();
        assert_eq!(channel.messages(1).await, ["after"], "{kind:?}");
        assert_eq!(member.messages(2).await, ["before", "after"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_199_cp_200_a_reader_that_stands_still_holds_up_nobody_and_its_loss_is_counted() {
    const MESSAGES: u64 = 100_000;
    for kind in STREAMS {
        let buffer = MessageBuffer { messages: 1000, ..MessageBuffer::default() };
        let settings = Settings { message_buffer: buffer, ..Settings::default() };
        let (site, log) = stage_with(|builder| builder.settings(settings));
        let mut slow = Session::new(&site, ACT, kind).await.begin().await;
        let mut quick = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        let padding = "x".repeat(200);
        let (mut next, mut sent) = (0, 0);
        while sent < MESSAGES {
            for _ in 0..100 {
                context.broadcast((sent, &padding)).unwrap();
                sent += 1;
            }
            while next < sent {
                for message in quick.messages(1).await {
                    assert_eq!(message[0], next, "{kind:?}: the quick reader hears everything in order");
                    next += 1;
                }
            }
        }
        assert_eq!(site.counter("Messages Lost Total"), 0, "{kind:?}: nobody has come for them yet");
        // Now it reads: first what was under way, then the oldest that is still kept, and then all the rest.
        let mut numbers = Vec::new();
        while numbers.last() != Some(&(MESSAGES - 1)) {
            numbers.extend(slow.messages(1).await.iter().map(|message| message[0].as_u64().unwrap()));
        }
        let gaps: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
        assert_eq!(gaps.len(), 1, "{kind:?}: one gap, no duplicate: {gaps:?}");
        let lost = gaps[0][1] - gaps[0][0] - 1;
        assert_eq!(site.counter("Messages Lost Total"), i64::try_from(lost).unwrap(), "{kind:?}");
        assert!(MESSAGES - gaps[0][1] >= 1000, "{kind:?}: {} were kept", MESSAGES - gaps[0][1]);
        assert!(
            numbers.len() < 10_000,
            "{kind:?}: {} were held for a reader that did not read",
            numbers.len()
        );
        assert!(!log.lines().iter().any(|line| line.starts_with("disconnected")));
    }
}
