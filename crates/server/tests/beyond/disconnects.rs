//! Clients that the application sends away, whether they listen or not.

use std::time::Duration;

use heliostat::{ConnectionId, Server, TransportKind, UserId};

use crate::{
    actor::{ACT, stage},
    client::Frame,
    session::{ALL, Channel, Heard, STREAMS, Session},
    site::Site,
};

async fn begin(site: &Site, kind: TransportKind, who: &str) -> Channel {
    Session::of_user(site, ACT, kind, who).await.with("who", who).begin().await
}

/// The response that tells the client to stop.
async fn stop_in(channel: &mut Channel) -> serde_json::Value {
    loop {
        let response = channel.json().await;
        if response.get("D").is_some() || response.get("E").is_some() {
            return response;
        }
    }
}

/// A poll hangs before anything is done to its connection.
async fn wait_in_poll(channel: &mut Channel) {
    if channel.session.kind == TransportKind::LongPolling {
        *channel = channel.session.open("poll").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_reads_why_it_is_sent_away_on_every_transport() {
    for kind in ALL {
        let (site, log) = stage();
        let mut channel = begin(&site, kind, "ann").await;
        wait_in_poll(&mut channel).await;
        let id = ConnectionId::parse(&channel.session.id).unwrap();
        assert!(site.server.disconnect_because(id, "you were banned"), "{kind}");
        assert!(!site.server.disconnect_because(id, "and again"), "{kind}: once is enough");
        assert_eq!(stop_in(&mut channel).await["E"], "you were banned", "{kind}");
        log.wait("disconnected ann DisconnectedByServer").await;
        assert_eq!(log.count("disconnected ann DisconnectedByServer"), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_text_there_is_one_that_stops_the_client() {
    let (site, _) = stage();
    let mut channel = begin(&site, TransportKind::WebSockets, "ann").await;
    assert!(site.server.disconnect(ConnectionId::parse(&channel.session.id).unwrap()));
    assert_eq!(stop_in(&mut channel).await["E"], "the server has ended this connection");
}

#[tokio::test(start_paused = true)]
async fn all_connections_of_a_user_end_and_nobody_elses() {
    let (site, log) = stage();
    let mut anns = Vec::new();
    for kind in ALL {
        let mut channel = begin(&site, kind, "ann").await;
        wait_in_poll(&mut channel).await;
        anns.push(channel);
    }
    let mut bob = begin(&site, TransportKind::WebSockets, "bob").await;
    assert_eq!(site.server.disconnect_user(&UserId::parse("ann").unwrap(), "your password was changed"), 4);
    for mut channel in anns {
        assert_eq!(stop_in(&mut channel).await["E"], "your password was changed");
    }
    log.wait("disconnected ann DisconnectedByServer").await;
    bob.send("echo still here").await;
    assert_eq!(bob.messages(1).await, ["still here"]);
    assert_eq!(site.server.disconnect_user(&UserId::parse("ann").unwrap(), ""), 0);
}

#[tokio::test(start_paused = true)]
async fn all_members_of_a_group_end_even_those_who_are_away() {
    for kind in ALL {
        let (site, log) = stage();
        let mut here = begin(&site, kind, "ann").await;
        here.change_groups("join room").await;
        wait_in_poll(&mut here).await;
        let mut away = begin(&site, kind, "bob").await;
        away.change_groups("join room").await;
        let away = away.vanish();
        let mut left = begin(&site, kind, "eve").await;
        left.change_groups("join room").await;
        left.change_groups("leave room").await;
        tokio::time::sleep(Duration::from_secs(1)).await;

        let group = site.server.persistent(ACT).unwrap();
        assert_eq!(group.disconnect_group("another", ""), 0);
        assert_eq!(group.disconnect_group("room", "the room was closed"), 2, "{kind}");
        assert_eq!(stop_in(&mut here).await["E"], "the room was closed", "{kind}");
        let mut back = away.open("reconnect").await;
        assert_eq!(stop_in(&mut back).await["E"], "the room was closed", "{kind}");
        log.wait("disconnected bob DisconnectedByServer").await;
        assert_eq!(log.count("reconnected bob"), 0, "{kind}");
        left.send("echo still here").await;
        assert_eq!(left.messages(1).await, ["still here"], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hacked_client_that_goes_on_is_cut_off_and_its_id_refused() {
    for kind in ALL {
        let (site, log) = stage();
        let mut channel = begin(&site, kind, "eve").await;
        wait_in_poll(&mut channel).await;
        let session = channel.session.clone();
        site.server.disconnect(ConnectionId::parse(&session.id).unwrap());
        stop_in(&mut channel).await;
        if kind == TransportKind::WebSockets {
            // Neither the order nor the close frame means anything to it.
            let socket = channel.socket();
            let talks = async {
                loop {
                    socket.send("echo I stay").await;
                    match socket.frame().await {
                        Frame::Gone => break,
                        Frame::Text(text) => panic!("it was answered: {text}"),
                        Frame::Pong | Frame::Close(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            };
            tokio::time::timeout(Duration::from_millis(300), talks).await.expect("the socket is cut");
        } else {
            assert!(matches!(channel.hear_soon().await, Heard::End(None)), "{kind}");
            assert_eq!(session.post("echo I stay").await.status(), 403, "{kind}");
        }
        let mut back = session.open("reconnect").await;
        assert!(stop_in(&mut back).await.get("E").is_some(), "{kind}");
        assert!(matches!(back.hear_soon().await, Heard::End(_)), "{kind}");
        let mut old = session.clone();
        old.version = Some("1.5".to_owned());
        assert_eq!(old.try_open("reconnect").await.err().unwrap().status(), 403, "{kind}");
        assert_eq!(session.ask("start").await.status(), 403, "{kind}");
        assert_eq!(log.count("received eve echo I stay"), 0, "{kind}");
        assert_eq!(log.count("reconnected eve"), 0, "{kind}");
        assert_eq!(log.count("disconnected eve DisconnectedByServer"), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_web_socket_whose_client_does_not_read_its_last_word_is_cut_off() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await.with("who", "eve");
    let mut channel = session.begin().await;
    let everyone = site.server.persistent(ACT).unwrap();
    let large = "x".repeat(30_000);
    (0..10).for_each(|_| everyone.broadcast(&large).unwrap());
    site.server.disconnect(ConnectionId::parse(&session.id).unwrap());
    log.wait("disconnected eve DisconnectedByServer").await;
    assert_eq!(site.counter("Connections Current WebSockets"), 1, "its client has a moment to read");
    channel.send("echo I stay").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(site.counter("Connections Current WebSockets"), 0);
    assert_eq!(log.count("received eve echo I stay"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_away_from_a_thread_without_a_runtime_is_gone_all_the_same() {
    let (site, log) = stage();
    let mut channel = begin(&site, STREAMS[0], "ann").await;
    let (server, id): (Server, _) = (site.server.clone(), ConnectionId::parse(&channel.session.id).unwrap());
    std::thread::spawn(move || assert!(server.disconnect(id))).join().unwrap();
    stop_in(&mut channel).await;
    log.wait("disconnected ann DisconnectedByServer").await;
}

struct Rooms;

#[heliostat::hub]
impl Rooms {
    async fn enter(&self, groups: heliostat::Groups, room: String) -> Result<(), heliostat::GroupError> {
        groups.join(&room).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_ends_the_members_of_its_group() {
    let site = Site::in_memory(Server::builder().hub(Rooms).build().unwrap());
    let mut channels = Vec::new();
    for room in ["lobby", "cellar"] {
        let session = Session::new(&site, "/signalr", TransportKind::WebSockets).await;
        let mut channel = session.with("connectionData", r#"[{"name":"rooms"}]"#).begin().await;
        channel.change_groups(&format!(r#"{{"H":"rooms","M":"enter","A":["{room}"],"I":0}}"#)).await;
        channels.push(channel);
    }
    let rooms = site.server.hub::<Rooms>().unwrap();
    assert_eq!(rooms.disconnect_group("cellar", "the cellar is flooded"), 1);
    assert_eq!(stop_in(&mut channels[1]).await["E"], "the cellar is flooded");
    assert_eq!(rooms.disconnect_group("cellar", ""), 0, "nobody is left in it");
    assert_eq!(rooms.disconnect_group("lobby", ""), 1);
}
