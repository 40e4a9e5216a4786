//! The same over TCP, where sockets are taken over from the HTTP library and bytes come in pieces of the kernel's choosing.

use heliostat::{EndpointOptions, Server, TransportKind};

use crate::{
    actor::{ACT, Actor},
    log::Log,
    session::{ALL, Heard, Session, VERSIONS},
    site::Site,
};

async fn stage() -> (Site, Log) {
    let actor = Actor::default();
    let log = actor.log.clone();
    let server = Server::builder().map(ACT, actor, EndpointOptions::default()).build().unwrap();
    (Site::on_tcp(server).await, log)
}

#[tokio::test]
async fn every_transport_and_version_connects_talks_reconnects_and_stops_over_tcp() {
    for kind in ALL {
        for version in VERSIONS {
            let (site, log) = stage().await;
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
    for kind in ALL {
        let (site, _) = stage().await;
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_hear_many_publishers_in_one_order_over_tcp() {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 200;
    let (site, _) = stage().await;
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
