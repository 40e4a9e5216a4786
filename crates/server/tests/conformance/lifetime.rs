//! Which callbacks run, when, and how often: grace, tombstones, stops, shutdown, disconnecting (spec 1, 9, D-1, D-16 to D-18).

use std::time::Duration;

use heliostat::{ConnectionId, KeepAlive, LateReturn, Settings, Timeouts, TransportKind};

use crate::{
    actor::{ACT, farm, stage, stage_with},
    log::Log,
    session::{ALL, Channel, HTTP_STREAMS, Heard, STREAMS, Session, VERSIONS},
    site::Site,
};

const TICK: Duration = Duration::from_secs(1);

/// How long until the line is noted.
async fn time_until(log: &Log, line: &str) -> Duration {
    let began = tokio::time::Instant::now();
    while log.count(line) == 0 {
        assert!(began.elapsed() < Duration::from_secs(500), "'{line}' never came: {:?}", log.lines());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    began.elapsed()
}

/// A connection that has timed out, and nobody has forgotten it yet.
async fn timed_out(site: &Site, log: &Log, kind: TransportKind, version: Option<&str>) -> Session {
    let session = Session::of_version(site, ACT, kind, version).await.begin().await.vanish();
    time_until(log, "disconnected - TimedOut").await;
    session
}

fn id_of(session: &Session) -> ConnectionId {
    ConnectionId::parse(&session.id).unwrap()
}

#[tokio::test(start_paused = true)]
async fn cp_001_a_connection_keeps_its_id_over_any_number_of_reconnects() {
    for kind in ALL {
        let (site, log) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let id = id_of(&channel.session);
        for round in 1..=10 {
            channel = channel.vanish().open("reconnect").await;
            site.server.persistent(ACT).unwrap().send(id, round).unwrap();
            assert_eq!(channel.messages(1).await, [round], "{kind:?}");
        }
        assert_eq!(log.count("reconnected -"), 10);
        assert_eq!(log.count("connected -"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_002_stop_and_start_give_another_id() {
    let (site, log) = stage();
    let first = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    first.session.abort().await;
    let second = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    assert_ne!(first.session.id, second.session.id);
    assert_eq!(log.count("connected -"), 2);
}

#[tokio::test(start_paused = true)]
async fn cp_003_cp_005_cp_217_a_client_that_vanished_is_given_up_after_the_grace_and_not_before() {
    for kind in ALL {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let took = time_until(&log, "disconnected - TimedOut").await;
        let grace = if kind == TransportKind::LongPolling { 30 } else { 35 };
        let expected = Duration::from_secs(grace)..=Duration::from_secs(grace + 5);
        assert!(expected.contains(&took), "{kind:?}: {took:?}");
        assert_eq!(log.lines(), ["connected -", "disconnected - TimedOut"]);
        assert_eq!(site.counter("Connections Disconnected"), 1);
        drop(session);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_004_cp_188_a_stop_runs_disconnected_at_once_and_says_so() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, log) = stage();
            let channel = Session::of_version(&site, ACT, kind, version).await.begin().await;
            channel.session.abort().await;
            log.wait("disconnected - Stopped").await;
            assert_eq!(log.lines(), ["connected -", "disconnected - Stopped"], "{kind:?} {version:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_006_cp_220_cp_222_disconnected_runs_once_however_often_the_end_comes() {
    for kind in ALL {
        let (site, log) = stage();
        let channel = Session::new(&site, ACT, kind).await.begin().await;
        let session = channel.session.clone();
        let aborts = (0..10).map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.abort().await })
        });
        for abort in aborts.collect::<Vec<_>>() {
            abort.await.unwrap();
        }
        drop(channel);
        tokio::time::sleep(Duration::from_secs(60)).await;
        session.abort().await;
        assert!(!site.server.disconnect(id_of(&session)));
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(log.lines(), ["connected -", "disconnected - Stopped"], "{kind:?}");

        let (site, log) = stage();
        let session = timed_out(&site, &log, kind, Some("2.1")).await;
        session.abort().await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        session.abort().await;
        assert_eq!(
            log.lines(),
            ["connected -", "disconnected - TimedOut"],
            "{kind:?}: a late stop runs nothing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn cp_007_cp_112_a_server_that_never_saw_the_id_runs_reconnected_without_connected() {
    for kind in ALL {
        let [(first, at_first), (second, at_second)] = farm();
        let session = Session::new(&first, ACT, kind).await.begin().await.vanish();
        let mut channel = session.at(&second).open("reconnect").await;
        at_second.wait("reconnected -").await;
        second.server.persistent(ACT).unwrap().broadcast("from the second").unwrap();
        assert_eq!(channel.messages(1).await, ["from the second"], "{kind:?}");
        assert_eq!(second.counter("Gaps Reported Total"), 1, "what was missed is unknown");
        channel.session.abort().await;
        at_second.wait("disconnected - Stopped").await;
        assert_eq!(at_second.lines(), ["reconnected -", "disconnected - Stopped"]);
        assert_eq!(at_first.lines(), ["connected -"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_009_short_gaps_pass_unnoticed_a_long_one_is_a_reconnect_and_a_stop_is_the_end() {
    for kind in STREAMS {
        let (site, log) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(17)).await;
            let heard = channel.during(TICK).await;
            assert!(heard.iter().all(|heard| *heard == Heard::KeepAlive), "{kind:?}: {heard:?}");
        }
        let session = channel.vanish();
        tokio::time::sleep(Duration::from_secs(22)).await;
        let channel = session.open("reconnect").await;
        log.wait("reconnected -").await;
        channel.session.abort().await;
        log.wait("disconnected - Stopped").await;
        assert_eq!(log.lines(), ["connected -", "reconnected -", "disconnected - Stopped"], "{kind:?}");
    }
}

/// What becomes of a receive request whose connection is over.
async fn assert_stopped(session: &Session, command: &str) {
    let what = format!("{:?} {:?} {command}", session.kind, session.version);
    let told = match session.try_open(command).await {
        Err(answer) => {
            assert_eq!(answer.status(), 403, "{what}");
            false
        }
        Ok(mut channel) => {
            let mut heard = channel.rest().await;
            assert!(matches!(heard.pop(), Some(Heard::End(None | Some(1000)))), "{what}");
            let Some(Heard::Json(frame)) = heard.pop() else { panic!("{what}: {heard:?}") };
            assert_eq!(frame["D"], 1, "{what}");
            assert!(frame["E"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
            assert!(frame["C"].is_string() && frame["M"] == serde_json::json!([]), "{what}");
            assert!(heard.iter().all(|heard| matches!(heard, Heard::Preamble(_))), "{what}: {heard:?}");
            true
        }
    };
    let deaf = matches!(session.version.as_deref(), Some("1.4" | "1.5"));
    assert_eq!(told, !deaf, "{what}: 1.4 and 1.5 know no frame that stops them");
}

#[tokio::test(start_paused = true)]
async fn cp_008_cp_221_a_client_that_comes_back_too_late_is_stopped_in_the_way_it_understands() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, log) = stage();
            let session = timed_out(&site, &log, kind, version).await;
            for command in ["reconnect", "poll", "connect", ""] {
                assert_stopped(&session, command).await;
                tokio::time::sleep(TICK).await;
            }
            if kind != TransportKind::WebSockets {
                assert_eq!(session.post("note late").await.status(), 403, "{kind:?} {version:?}");
            }
            assert_eq!(session.ask("start").await.status(), 403);
            session.abort().await;
            assert_eq!(log.lines(), ["connected -", "disconnected - TimedOut"], "{kind:?} {version:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_221_a_client_that_stopped_is_refused_too() {
    for kind in ALL {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.begin().await.session;
        session.abort().await;
        assert_stopped(&session, "reconnect").await;
        assert_eq!(log.lines(), ["connected -", "disconnected - Stopped"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_221_when_the_tombstone_is_over_the_id_is_unknown_and_reconnects_as_after_a_failover() {
    for kind in ALL {
        let (site, log) = stage();
        let session = timed_out(&site, &log, kind, Some("2.1")).await;
        tokio::time::sleep(Duration::from_secs(98)).await;
        assert_stopped(&session, "reconnect").await;
        tokio::time::sleep(Duration::from_secs(8)).await;
        assert_eq!(site.counter("Connections Current"), 0, "{kind:?}: the tombstone is gone");
        let _channel = session.open("reconnect").await;
        log.wait("reconnected -").await;
    }
}

#[tokio::test(start_paused = true)]
async fn cp_221_with_the_originals_behaviour_a_late_client_goes_on() {
    for kind in ALL {
        let settings = Settings { late_return: LateReturn::Continue, ..Settings::default() };
        let (site, log) = stage_with(|builder| builder.settings(settings));
        let session = timed_out(&site, &log, kind, Some("2.1")).await;
        let mut channel = session.open("reconnect").await;
        log.wait("reconnected -").await;
        site.server.persistent(ACT).unwrap().broadcast("back").unwrap();
        assert_eq!(channel.messages(1).await, ["back"], "{kind:?}");
        channel.session.abort().await;
        log.wait("disconnected - Stopped").await;
    }
}

#[tokio::test(start_paused = true)]
async fn cp_218_a_client_that_is_back_within_the_grace_is_not_disconnected() {
    for kind in ALL {
        let (site, log) = stage();
        let mut session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(29)).await;
            let command = if kind == TransportKind::LongPolling { "poll" } else { "reconnect" };
            let channel = session.open(command).await;
            tokio::time::sleep(TICK).await;
            session = channel.vanish();
        }
        assert!(
            !log.lines().iter().any(|line| line.starts_with("disconnected")),
            "{kind:?}: {:?}",
            log.lines()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn cp_215_cp_212_without_keep_alives_streams_end_after_the_connection_timeout_and_clients_reconnect() {
    for kind in STREAMS {
        let timeouts = Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap();
        let (site, log) = stage_with(|builder| builder.timeouts(timeouts));
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let heard = channel.during(Duration::from_secs(120)).await;
        assert!(matches!(heard[..], [Heard::End(None | Some(1000))]), "{kind:?}: {heard:?}");
        let _again = channel.session.open("reconnect").await;
        log.wait("reconnected -").await;
        assert_eq!(log.lines(), ["connected -", "reconnected -"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_219_an_abort_of_an_unknown_connection_answers_200_and_does_nothing() {
    let (site, log) = stage();
    for kind in ALL {
        let session = Session::new(&site, ACT, kind).await;
        let known = site.counter("Connections Current");
        session.abort().await;
        assert_eq!(site.counter("Connections Current"), known, "nothing is remembered");
        let _channel = session.begin().await;
    }
    assert_eq!(log.lines(), ["connected -"; 4]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_that_never_started_is_not_told() {
    for kind in ALL {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await;
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        session.abort().await;
        let vanished = Session::new(&site, ACT, kind).await.open("connect").await.vanish();
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(log.lines().is_empty(), "{kind:?}: {:?}", log.lines());
        assert_eq!(site.counter("Connections Current"), 0, "{kind:?}: nothing is kept of it");
        drop(vanished);
    }
}

async fn all_kinds(site: &Site) -> Vec<Channel> {
    let mut channels = Vec::new();
    for kind in ALL {
        let session = Session::new(site, ACT, kind).await.with("who", kind.as_str());
        let mut channel = session.begin().await;
        if kind == TransportKind::LongPolling {
            channel = channel.session.open("poll").await;
        }
        channels.push(channel);
    }
    channels
}

#[tokio::test(start_paused = true)]
async fn cp_223_a_shutdown_ends_all_transports_promptly_and_refuses_new_ones() {
    let (site, log) = stage();
    let mut channels = all_kinds(&site).await;
    let began = tokio::time::Instant::now();
    let server = site.server.clone();
    let shutdown = tokio::spawn(async move { server.shutdown().await });
    for channel in &mut channels {
        let heard = channel.rest().await;
        assert!(
            matches!(heard.last(), Some(Heard::End(None | Some(1000)))),
            "{:?} {heard:?}",
            channel.session.kind
        );
    }
    shutdown.await.unwrap();
    assert!(began.elapsed() < TICK, "{:?}", began.elapsed());
    for channel in &channels {
        log.wait(&format!("disconnected {} ShuttingDown", channel.session.kind.as_str())).await;
        for command in ["negotiate", "connect", "reconnect", "poll"] {
            let refused = site.ask(&channel.session.receive(command)).await;
            let expected =
                if channel.session.kind == TransportKind::WebSockets { [503, 400] } else { [503, 503] };
            assert!(expected.contains(&refused.status()), "{command}: {refused:?}");
        }
        assert_eq!(channel.session.post("echo too late").await.status(), 503);
        assert_eq!(channel.session.ask("start").await.status(), 503);
    }
    assert_eq!(site.counter("Message Bus Subscribers Current"), 0);
}

#[tokio::test(start_paused = true)]
async fn cp_223_shutdown_resolves_only_when_the_transports_have_ended() {
    let (site, _) = stage();
    let channels = all_kinds(&site).await;
    // Nobody reads: the last words are still under way, or the time that a shutdown may take is over.
    site.server.shutdown().await;
    assert_eq!(site.counter("Message Bus Subscribers Current"), 0);
    drop(channels);
}

#[tokio::test(start_paused = true)]
async fn d_16_disconnect_ends_the_transport_with_the_frame_runs_disconnected_once_and_refuses_the_id() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, log) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await;
            let mut channel = session.begin().await;
            if kind == TransportKind::LongPolling {
                channel = channel.session.open("poll").await;
            }
            let what = format!("{kind:?} {version:?}");
            assert!(site.server.disconnect(id_of(&session)), "{what}");
            assert!(!site.server.disconnect(id_of(&session)), "{what}: it is over already");
            let heard = channel.rest().await;
            let [Heard::Json(frame), Heard::End(None | Some(1000))] = &heard[..] else {
                panic!("{what}: {heard:?}")
            };
            assert_eq!((&frame["D"], frame["E"].is_string()), (&serde_json::json!(1), true), "{what}");
            log.wait("disconnected - DisconnectedByServer").await;
            assert_stopped(&channel.session, "reconnect").await;
            if kind != TransportKind::WebSockets {
                assert_eq!(session.post("note late").await.status(), 403, "{what}");
            }
            session.abort().await;
            assert_eq!(log.lines(), ["connected -", "disconnected - DisconnectedByServer"], "{what}");
        }
    }
    let (site, _) = stage();
    let stranger = Session::new(&site, ACT, TransportKind::WebSockets).await;
    assert!(!site.server.disconnect(id_of(&stranger)), "nobody was there");
}

#[tokio::test(start_paused = true)]
async fn d_16_a_client_that_is_away_when_it_is_disconnected_hears_of_it_when_it_comes_back() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, log) = stage();
            let session = Session::of_version(&site, ACT, kind, version).await.begin().await.vanish();
            tokio::time::sleep(TICK).await;
            assert!(site.server.disconnect(id_of(&session)));
            log.wait("disconnected - DisconnectedByServer").await;
            assert_stopped(&session, "reconnect").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_of_one_connection_never_overlap_and_keep_their_order() {
    for kind in HTTP_STREAMS {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, kind).await.with("on-connected", "slow hello");
        let mut channel = session.open("connect").await;
        channel.until_initialized().await;
        let starting = session.clone();
        let start = tokio::spawn(async move { starting.ask("start").await });
        log.wait("connecting -").await;
        let _again = channel.session.open("reconnect").await;
        session.abort().await;
        log.wait("disconnected - Stopped").await;
        assert_eq!(
            log.lines(),
            ["connecting -", "connected -", "reconnected -", "disconnected - Stopped"],
            "{kind:?}"
        );
        start.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_idle_again_has_kept_nothing() {
    let (site, _) = stage();
    for kind in ALL {
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        channel.change_groups("join room").await;
        channel.session.abort().await;
        let _ = Session::new(&site, ACT, kind).await.begin().await.vanish();
    }
    tokio::time::sleep(Duration::from_secs(400)).await;
    for name in [
        "Connections Current",
        "Connections Current WebSockets",
        "Connections Current ServerSentEvents",
        "Connections Current ForeverFrame",
        "Connections Current LongPolling",
        "Message Bus Subscribers Current",
        "Message Bus Topics Current",
    ] {
        assert_eq!(site.counter(name), 0, "{name}");
    }
}
