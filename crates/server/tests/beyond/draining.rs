//! Servers that are emptied while their clients go on.

use std::time::Duration;

use heliostat::{Drain, TransportKind};
use tokio::time::Instant;

use crate::{
    actor::{ACT, farm, stage},
    session::{ALL, Channel, Heard, Session},
    site::Site,
};

async fn begin(site: &Site, kind: TransportKind, who: &str) -> Channel {
    let mut channel = Session::new(site, ACT, kind).await.with("who", who).begin().await;
    if kind == TransportKind::LongPolling {
        channel = channel.session.open("poll").await;
    }
    channel
}

/// Hears until the transport connection ends; says whether the client was told to reconnect by a poll's answer.
async fn until_asked_to_move(channel: &mut Channel) {
    loop {
        match channel.hear_soon().await {
            Heard::Json(response) if response["T"] == 1 => {
                assert_eq!(channel.session.kind, TransportKind::LongPolling);
                return;
            }
            Heard::Json(response) => {
                assert!(
                    response.get("D").is_none() && response.get("E").is_none(),
                    "told to stop: {response}"
                );
            }
            Heard::Preamble(_) | Heard::KeepAlive => {}
            Heard::End(code) => {
                assert_ne!(channel.session.kind, TransportKind::LongPolling, "a poll says so");
                assert!(matches!(code, None | Some(1000)), "{code:?}");
                return;
            }
            Heard::Cut => panic!("{:?}: cut off", channel.session.kind),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clients_move_to_another_server_under_their_id_and_nobody_hears_of_an_end() {
    for kind in ALL {
        let [(site, log), (other, other_log)] = farm();
        let mut channel = begin(&site, kind, "ann").await;
        let draining = tokio::spawn({
            let server = site.server.clone();
            async move { server.drain(Drain::default()).await }
        });
        until_asked_to_move(&mut channel).await;
        let session = channel.vanish().at(&other);
        let mut moved = session.open("reconnect").await;
        other_log.wait("reconnected ann").await;
        moved.send("echo here I am").await;
        assert_eq!(moved.messages(1).await, ["here I am"], "{kind}");
        assert_eq!(draining.await.unwrap(), 0, "{kind}");
        site.server.shutdown().await;
        assert_eq!(log.lines(), ["connected ann"], "{kind}: no end, not even by the shutdown");
        assert_eq!(site.counter("Connections Disconnected"), 0);
        assert_eq!(site.counter("Connections Current"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn new_clients_are_refused_with_503_and_a_time_to_come_back() {
    for kind in ALL {
        let (site, _) = stage();
        let stranger = Session::new(&site, ACT, kind).await;
        let _here = begin(&site, kind, "ann").await;
        assert!(!site.server.is_leaving());
        let server = site.server.clone();
        let draining = tokio::spawn(async move {
            server.drain(Drain { every: Duration::from_secs(9), ..Drain::default() }).await
        });
        tokio::task::yield_now().await;
        assert!(site.server.is_leaving());
        for command in ["negotiate", "start"] {
            assert_eq!(stranger.ask(command).await.status(), 503, "{kind} {command}");
        }
        for command in ["connect", "reconnect", "poll"] {
            let answer = stranger.try_open(command).await.err().expect("refused");
            assert_eq!(answer.status(), 503, "{kind} {command}");
            assert_eq!(answer.head.header("retry-after"), Some("1"), "{kind} {command}");
        }
        assert_eq!(draining.await.unwrap(), 0);
        let again = stranger.try_open("connect").await.err().expect("still refused");
        assert_eq!(again.status(), 503);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_leave_in_paced_steps() {
    let (site, _) = stage();
    let mut channels = Vec::new();
    for number in 0..5 {
        channels.push(begin(&site, TransportKind::ServerSentEvents, &number.to_string()).await);
    }
    let began = Instant::now();
    let drain = Drain { connections: 2, every: Duration::from_secs(3), deadline: Duration::from_secs(60) };
    let server = site.server.clone();
    let draining = tokio::spawn(async move { server.drain(drain).await });
    let mut ended = Vec::new();
    for mut channel in channels {
        ended.push(tokio::spawn(async move {
            until_asked_to_move(&mut channel).await;
            began.elapsed().as_secs()
        }));
    }
    let mut seconds = Vec::new();
    for at in ended {
        seconds.push(at.await.unwrap());
    }
    seconds.sort_unstable();
    assert_eq!(seconds, [0, 0, 3, 3, 6]);
    assert_eq!(draining.await.unwrap(), 0);
    assert!(began.elapsed() < Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_away_may_come_back_and_is_sent_on() {
    let (site, log) = stage();
    let session = begin(&site, TransportKind::WebSockets, "ann").await.vanish();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let server = site.server.clone();
    let draining = tokio::spawn(async move { server.drain(Drain::default()).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut channel = session.open("reconnect").await;
    until_asked_to_move(&mut channel).await;
    assert_eq!(draining.await.unwrap(), 0);
    assert_eq!(log.lines(), ["connected ann", "reconnected ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_comes_back_is_gone_as_ever() {
    let (site, log) = stage();
    let began = Instant::now();
    drop(begin(&site, TransportKind::WebSockets, "ann").await.vanish());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(site.server.drain(Drain::default()).await, 0);
    assert!(began.elapsed() >= Duration::from_secs(30), "it had its time");
    log.wait("disconnected ann TimedOut").await;
}

#[tokio::test(start_paused = true)]
async fn a_connecting_client_is_let_start_before_it_is_sent_on() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await.with("who", "ann");
    let mut channel = session.open("connect").await;
    let server = site.server.clone();
    let draining = tokio::spawn(async move { server.drain(Drain::default()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(session.ask("start").await.status(), 200);
    until_asked_to_move(&mut channel).await;
    assert_eq!(draining.await.unwrap(), 0);
    assert_eq!(log.lines(), ["connected ann"]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_says_how_many_are_left() {
    let (site, log) = stage();
    for who in ["ann", "bob"] {
        drop(begin(&site, TransportKind::WebSockets, who).await.vanish());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drain = Drain { deadline: Duration::from_secs(3), ..Drain::default() };
    assert_eq!(site.server.drain(drain).await, 2);
    site.server.shutdown().await;
    log.wait("disconnected ann ShuttingDown").await;
    log.wait("disconnected bob ShuttingDown").await;
}
