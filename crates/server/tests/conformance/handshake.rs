//! From connect to started: the init message, the start request, and what the application is told when (spec 5.4 to 5.6).

use std::time::Duration;

use heliostat::TransportKind;

use crate::{
    actor::{ACT, farm, stage},
    session::{ALL, HTTP_STREAMS, Heard, STREAMS, Session, VERSIONS},
};

#[tokio::test(start_paused = true)]
async fn cp_100_every_connect_is_initialized_exactly_once() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, _) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await;
            let mut first = session.begin().await;
            first.send("echo after").await;
            let mut after = Vec::new();
            while after.is_empty() {
                let response = first.json().await;
                assert!(response.get("S").is_none(), "{kind:?} {version:?}");
                after.extend(response["M"].as_array().unwrap().clone());
            }
            let mut second = session.open("connect").await;
            assert_eq!(
                second.until_initialized().await["S"],
                1,
                "{kind:?} {version:?}: a repeated connect too"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_101_a_reconnect_or_poll_is_never_initialized_even_if_it_replays_the_init() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.open("connect").await;
        let before_init = {
            let mut early = channel.session.clone();
            channel.until_initialized().await;
            let epoch = channel.session.cursor.clone().unwrap();
            early.cursor = Some(format!("{}-0", &epoch[..epoch.rfind('-').unwrap()]));
            early
        };
        before_init.ask("start").await;
        for command in ["reconnect", "poll", "reconnect"] {
            let mut again = before_init.open(command).await;
            site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
            let response = again.json().await;
            assert!(response.get("S").is_none(), "{kind:?} {command}: {response}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_102_cp_201_the_init_has_its_own_place_in_the_log_and_its_cursor_is_past_it() {
    for kind in ALL {
        let (site, _) = stage();
        let published = site.counter("Message Bus Messages Published Total");
        let mut channel = Session::new(&site, ACT, kind).await.open("connect").await;
        channel.until_initialized().await;
        assert_eq!(site.counter("Message Bus Messages Published Total"), published + 1, "{kind:?}");
        assert_eq!(site.counter("Message Bus Messages Received Total"), 1);
        let session = channel.session.clone();
        let mut again =
            session.open(if kind == TransportKind::LongPolling { "poll" } else { "reconnect" }).await;
        site.server.persistent(ACT).unwrap().broadcast("next").unwrap();
        let response = again.json().await;
        assert_eq!(response["M"], serde_json::json!(["next"]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_098_cp_099_cp_103_every_response_has_c_and_m_and_nothing_that_is_absent() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.open("connect").await;
        let mut responses = vec![channel.until_initialized().await];
        channel.session.ask("start").await;
        channel.send("echo hello").await;
        responses.push(channel.json().await);
        responses.push(channel.change_groups("join room").await);
        responses.push(channel.change_groups("leave room").await);
        for response in responses {
            let object = response.as_object().unwrap();
            assert!(object["C"].is_string() && object["M"].is_array(), "{kind:?} {response}");
            for (key, value) in object {
                assert!(["C", "M", "S", "G"].contains(&key.as_str()), "{kind:?} {response}");
                assert!(!value.is_null() && value != 0, "{kind:?} {response}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_109_cp_110_start_runs_connected_and_answers_when_it_has_finished() {
    for kind in ALL {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.with("on-connected", "slow hello");
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        assert!(log.lines().is_empty(), "{kind:?}: not before the start");
        let asked = tokio::time::Instant::now();
        let answer = session.ask("start").await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, r#"{ "Response": "started" }"#));
        assert!(asked.elapsed() >= Duration::from_secs(3), "{kind:?}");
        assert_eq!(log.lines(), ["connecting -", "connected -"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_111_start_fails_if_connected_does() {
    for kind in ALL {
        for order in ["fail", "panic"] {
            let (site, log) = stage();
            let session = Session::new(&site, ACT, kind).await.with("on-connected", order);
            let mut channel = session.open("connect").await;
            channel.until_initialized().await;
            assert_eq!(session.ask("start").await.status(), 500, "{kind:?} {order}");
            assert_eq!(session.ask("start").await.status(), 500, "{kind:?} {order}: also if asked again");
            session.abort().await;
            log.wait("disconnected - Stopped").await;
            assert_eq!(log.lines(), ["connecting -", "disconnected - Stopped"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_112_a_server_that_does_not_hold_the_transport_accepts_the_start() {
    for kind in STREAMS {
        let [(holder, at_holder), (other, at_other)] = farm();
        let session = Session::new(&holder, ACT, kind).await;
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        let answer = session.at(&other).ask("start").await;
        assert_eq!(answer.body, r#"{ "Response": "started" }"#, "{kind:?}");
        assert_eq!(at_other.lines(), ["connected -"]);
        assert!(at_holder.lines().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_start_is_answered_and_runs_connected_once() {
    let (site, log) = stage();
    let channel = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    for _ in 0..3 {
        assert_eq!(channel.session.ask("start").await.body, r#"{ "Response": "started" }"#);
    }
    assert_eq!(log.lines(), ["connected -"]);
    assert_eq!(site.counter("Connections Connected"), 1);
}

#[tokio::test(start_paused = true)]
async fn cp_113_below_1_4_connected_runs_during_connect_and_before_the_init() {
    for kind in ALL {
        for version in [None, Some("1.3")] {
            let (site, log) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await;
            let session = session.with("on-connected", "slow hello");
            let asked = tokio::time::Instant::now();
            let mut channel = session.open("connect").await;
            // The 101 of a WebSocket cannot be held back; the first byte of a response can (D-6).
            assert_eq!(asked.elapsed() < Duration::from_secs(3), kind == TransportKind::WebSockets);
            channel.until_initialized().await;
            assert!(asked.elapsed() >= Duration::from_secs(3), "{kind:?} {version:?}");
            assert_eq!(log.lines(), ["connecting -", "connected -"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_114_below_1_4_a_second_connect_does_not_run_connected_again_and_waits_for_the_first() {
    for kind in STREAMS {
        let (site, log) = stage();
        let session = Session::of_version(&site, ACT, kind, None).await.with("on-connected", "slow hello");
        let both = session.clone();
        let first = tokio::spawn(async move { both.try_open("connect").await.map(|_| ()) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut second = session.open("connect").await;
        second.until_initialized().await;
        first.await.unwrap().unwrap();
        assert_eq!(log.lines(), ["connecting -", "connected -"], "{kind:?}");
        assert_eq!(site.counter("Connections Connected"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn below_1_4_a_failed_connected_ends_the_receive_request() {
    for kind in ALL {
        let (site, _) = stage();
        let session = Session::of_version(&site, ACT, kind, None).await.with("on-connected", "fail");
        match session.try_open("connect").await {
            Err(answer) => assert_eq!(answer.status(), 500, "{kind:?}"),
            Ok(mut channel) => {
                assert_eq!(kind, TransportKind::WebSockets);
                assert_eq!(channel.rest().await, [Heard::End(Some(1000))]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_115_what_connected_sends_to_its_caller_arrives() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, _) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await;
            let mut channel = session.with("on-connected", "echo welcome").open("connect").await;
            let mut messages = Vec::new();
            while messages.is_empty() {
                if version.is_some_and(|version| version >= "1.4") {
                    channel.session.ask("start").await;
                }
                let response = channel.json().await;
                messages.extend(response["M"].as_array().unwrap().clone());
            }
            assert_eq!(messages, ["welcome"], "{kind:?} {version:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_join_a_group_while_it_connects() {
    for kind in ALL {
        let (site, _) = stage();
        let session = Session::new(&site, ACT, kind).await.with("on-connected", "join room");
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        let starting = session.clone();
        let start = tokio::spawn(async move { starting.ask("start").await.status() });
        channel.until("G").await;
        assert_eq!(start.await.unwrap(), 200, "{kind:?}");
        site.server.persistent(ACT).unwrap().send_to_group("room", "inside").unwrap();
        assert_eq!(channel.messages(1).await, ["inside"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_133_what_a_client_sends_while_connected_runs_waits_for_it() {
    for kind in STREAMS {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.with("on-connected", "slow hello");
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        let starting = session.clone();
        let start = tokio::spawn(async move { starting.ask("start").await.status() });
        log.wait("connecting -").await;
        channel.order("note early").await;
        assert_eq!(start.await.unwrap(), 200);
        log.wait("received - note early").await;
        assert_eq!(log.lines(), ["connecting -", "connected -", "received - note early"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_157_cp_123_fallback_tries_another_transport_with_the_same_token() {
    for from in ALL {
        for to in ALL {
            let (site, log) = stage();
            let session = Session::new(&site, ACT, from).await;
            let mut first = session.open("connect").await;
            first.until_initialized().await;
            let mut second = session.over(to).open("connect").await;
            second.until_initialized().await;
            assert_eq!(second.session.ask("start").await.status(), 200);
            let end = first.rest().await.pop();
            assert!(matches!(end, Some(Heard::End(None | Some(1000)))), "{from:?} to {to:?}: {end:?}");
            second.send("echo here").await;
            assert_eq!(second.messages(1).await, ["here"], "{from:?} to {to:?}");
            assert_eq!(log.lines(), ["connected -", "received - echo here"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_139_a_browsers_own_retry_repeats_the_original_connect_of_a_live_connection() {
    for kind in HTTP_STREAMS {
        for version in VERSIONS {
            let (site, log) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await;
            let first = session.begin().await;
            site.server.persistent(ACT).unwrap().broadcast("seen").unwrap();
            // The query string is the old one: without a cursor.
            let mut retried = session.open("connect").await;
            retried.until_initialized().await;
            drop(first);
            retried.send("echo here").await;
            assert_eq!(retried.messages(1).await, ["here"], "{kind:?} {version:?}");
            assert_eq!(log.count("connected -"), 1);
            assert!(!log.lines().iter().any(|line| line.starts_with("disconnected")));
        }
    }
}
