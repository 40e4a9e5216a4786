//! What is particular to long polling (spec 6.5).

use std::time::Duration;

use heliostat::{Settings, TransportKind};

use crate::{
    actor::{ACT, farm, stage, stage_with},
    client::{Exchange, Piece},
    session::{Heard, STREAMS, Session, VERSIONS},
    site::Site,
};

async fn polling(site: &Site) -> Session {
    Session::new(site, ACT, TransportKind::LongPolling).await.begin().await.session
}

/// Every piece of a poll up to its end, and how long it took.
async fn pieces(site: &Site, session: &Session) -> (Vec<String>, Duration) {
    let asked = tokio::time::Instant::now();
    let mut exchange = site.open(&session.receive("poll")).await;
    let mut pieces = Vec::new();
    loop {
        match exchange.piece().await {
            Piece::Bytes(bytes) => pieces.push(String::from_utf8(bytes).unwrap()),
            Piece::End => return (pieces, asked.elapsed()),
            Piece::Cut => panic!("cut off after {pieces:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_144_connect_answers_with_the_init_and_a_cursor() {
    let (site, _) = stage();
    for version in VERSIONS {
        let session = Session::of_version(&site, ACT, TransportKind::LongPolling, version).await;
        let asked = tokio::time::Instant::now();
        let answer = site.ask(&session.receive("connect")).await;
        assert_eq!(answer.json()["S"], 1, "{version:?}");
        assert!(answer.json()["C"].as_str().is_some_and(|cursor| !cursor.is_empty()));
        assert!(asked.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn cp_145_a_poll_is_answered_as_soon_as_there_is_a_message() {
    let (site, _) = stage();
    let session = polling(&site).await;
    let polling = session.clone();
    let poll = tokio::spawn(async move { polling.open("poll").await.json().await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!poll.is_finished());
    let sent = tokio::time::Instant::now();
    site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
    assert_eq!(poll.await.unwrap()["M"][0], "hello");
    assert!(sent.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn cp_146_cp_148_an_idle_poll_gets_a_space_every_ten_seconds_and_ends_after_110_with_the_same_cursor() {
    let (site, log) = stage();
    let session = polling(&site).await;
    let (pieces, took) = pieces(&site, &session).await;
    let (spaces, answer) = pieces.split_at(pieces.len() - 1);
    assert!(spaces.iter().all(|piece| piece == " "), "{pieces:?}");
    assert!((10..=11).contains(&spaces.len()), "{pieces:?}");
    let answer: serde_json::Value = serde_json::from_str(&answer[0]).unwrap();
    assert_eq!(answer, serde_json::json!({ "C": session.cursor, "M": [] }));
    assert!(took >= Duration::from_secs(110) && took <= Duration::from_secs(115), "{took:?}");
    assert_eq!(log.lines(), ["connected -"]);
}

#[tokio::test(start_paused = true)]
async fn cp_147_the_head_of_the_answer_comes_before_the_first_message() {
    let (site, _) = stage();
    let session = polling(&site).await;
    let asked = tokio::time::Instant::now();
    let mut exchange = Exchange::begin(site.dial().await, &session.receive("poll")).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1), "the head is there");
    assert_eq!(exchange.head.header("content-type"), Some("application/json; charset=UTF-8"));
    site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
    assert!(matches!(exchange.piece().await, Piece::Bytes(_)));
}

#[tokio::test(start_paused = true)]
async fn cp_149_what_is_sent_between_two_polls_is_in_the_next() {
    let (site, _) = stage();
    let mut session = polling(&site).await;
    let context = site.server.persistent(ACT).unwrap();
    for round in 0..5 {
        for number in 0..3 {
            context.broadcast((round, number)).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        let answer = site.ask(&session.receive("poll")).await.json();
        assert_eq!(answer["M"], serde_json::json!([[round, 0], [round, 1], [round, 2]]));
        session.cursor = Some(answer["C"].as_str().unwrap().to_owned());
    }
}

#[tokio::test(start_paused = true)]
async fn cp_150_a_get_with_a_query_and_a_post_with_a_form_are_the_same_poll() {
    let (site, _) = stage();
    let session = polling(&site).await;
    site.server.persistent(ACT).unwrap().broadcast("hello").unwrap();
    let cursor = session.cursor.clone().unwrap();
    let get = session.command("poll").with("messageId", &cursor);
    let post = session.command("poll").by("POST").form(&[("messageId", &cursor), ("groupsToken", "")]);
    let empty_post = get.clone().by("POST").body("");
    for ask in [get, post, empty_post] {
        assert_eq!(site.ask(&ask).await.json()["M"], serde_json::json!(["hello"]), "{ask:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_151_cp_160_cp_207_an_abort_completes_the_running_poll_and_every_stream_at_once() {
    let (site, log) = stage();
    let session = polling(&site).await;
    let mut poll = session.open("poll").await;
    let at = tokio::time::Instant::now();
    session.abort().await;
    let heard = poll.rest().await;
    assert!(
        matches!(&heard[..], [Heard::Json(last), Heard::End(None)] if last["M"] == serde_json::json!([])),
        "{heard:?}"
    );
    for kind in STREAMS {
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        channel.session.abort().await;
        let heard = channel.rest().await;
        assert!(matches!(heard[..], [Heard::End(None | Some(1000))]), "{kind:?}: {heard:?}");
    }
    assert!(at.elapsed() < Duration::from_secs(1));
    log.wait("disconnected - Stopped").await;
}

#[tokio::test(start_paused = true)]
async fn cp_010_cp_152_polls_raise_nothing_and_reconnect_raises_reconnected() {
    let (site, log) = stage();
    let mut session = polling(&site).await;
    for round in 0..30 {
        if round % 3 == 0 {
            site.server.persistent(ACT).unwrap().broadcast(round).unwrap();
        }
        let (pieces, _) = pieces(&site, &session).await;
        let answer: serde_json::Value = serde_json::from_str(pieces.last().unwrap()).unwrap();
        session.cursor = Some(answer["C"].as_str().unwrap().to_owned());
        tokio::time::sleep(Duration::from_secs(29)).await;
    }
    assert_eq!(log.lines(), ["connected -"]);
    let _poll = session.open("reconnect").await;
    log.wait("reconnected -").await;
    session.abort().await;
    log.wait("disconnected - Stopped").await;
    assert_eq!(log.lines(), ["connected -", "reconnected -", "disconnected - Stopped"]);
}

#[tokio::test(start_paused = true)]
async fn cp_153_one_answer_takes_all_that_has_gathered() {
    let settings = Settings {
        message_buffer: heliostat::MessageBuffer { messages: 5000, ..Default::default() },
        ..Settings::default()
    };
    let (site, _) = stage_with(|builder| builder.settings(settings));
    let session = polling(&site).await;
    let context = site.server.persistent(ACT).unwrap();
    for number in 0..5000 {
        context.broadcast(number).unwrap();
    }
    let answer = site.ask(&session.receive("poll")).await.json();
    let expected: Vec<_> = (0..5000).map(serde_json::Value::from).collect();
    assert_eq!(answer["M"].as_array().unwrap(), &expected);
}

#[tokio::test(start_paused = true)]
async fn cp_104_the_delay_between_polls_is_told_in_milliseconds_to_polls_alone() {
    let settings = Settings { long_poll_delay: Duration::from_millis(2500), ..Settings::default() };
    let (site, _) = stage_with(|builder| builder.settings(settings));
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let answer = site.ask(&session.receive("connect")).await.json();
    assert_eq!(answer["L"], 2500);
    for kind in STREAMS {
        let mut channel = Session::new(&site, ACT, kind).await.open("connect").await;
        assert!(channel.until_initialized().await.get("L").is_none(), "{kind:?}");
    }
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    assert!(site.ask(&session.receive("connect")).await.json().get("L").is_none());
}

#[tokio::test(start_paused = true)]
async fn cp_154_a_shutdown_answers_polls_with_t_and_the_client_reconnects_elsewhere() {
    let [(first, _), (second, log)] = farm();
    let session = polling(&first).await;
    let mut poll = session.open("poll").await;
    let server = first.server.clone();
    let shutdown = tokio::spawn(async move { server.shutdown().await });
    let heard = poll.rest().await;
    assert!(matches!(&heard[..], [Heard::Json(last), Heard::End(None)] if last["T"] == 1), "{heard:?}");
    shutdown.await.unwrap();
    let mut channel = poll.session.at(&second).open("reconnect").await;
    log.wait("reconnected -").await;
    second.server.persistent(ACT).unwrap().broadcast("here").unwrap();
    assert_eq!(channel.messages(1).await, ["here"]);
}

#[tokio::test(start_paused = true)]
async fn cp_155_cp_007_a_send_may_land_on_a_server_that_does_not_hold_the_transport() {
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let [(holder, _), (other, at_other)] = farm();
        let channel = Session::new(&holder, ACT, kind).await.begin().await;
        let answer = channel.session.at(&other).post("note there").await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, ""), "{kind:?}");
        assert_eq!(at_other.lines(), ["received - note there"]);
        assert_eq!(other.counter("Connections Current"), 0, "a send alone makes no connection");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_156_a_hubs_send_works_without_a_list_of_hubs() {
    struct Sums;
    #[heliostat::hub]
    impl Sums {
        fn add(&self, a: i32, b: i32) -> i32 {
            a + b
        }
    }
    let site = Site::in_memory(heliostat::Server::builder().hub(Sums).build().unwrap());
    let listed = r#"[{"name":"sums"}]"#;
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let session = Session::new(&site, "/signalr", kind).await;
        let connect = session.receive("connect").with("connectionData", listed);
        let mut channel = session.try_open_as(&connect).await.unwrap();
        channel.until_initialized().await;
        let answer = session.post(r#"{"H":"sums","M":"add","A":[1,2],"I":0}"#).await;
        assert_eq!(answer.body, r#"{"R":3,"I":"0"}"#, "{kind:?}");
    }
}
