//! Connections that can be looked at.

use std::{collections::HashMap, time::Duration};

use heliostat::{ConnectionId, ConnectionInfo, ConnectionState, Reason, TransportKind, UserId, What};

use crate::{
    actor::{ACT, stage},
    session::{ALL, Channel, Session},
    site::Site,
};

fn id(session: &Session) -> ConnectionId {
    ConnectionId::parse(&session.id).unwrap()
}

fn info(site: &Site, session: &Session) -> ConnectionInfo {
    site.server.connection(id(session)).unwrap()
}

/// What is heard within a moment is of no interest, but has to be read.
async fn settle(channel: &mut Channel) {
    channel.during(Duration::from_millis(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_shows_its_life_from_connecting_to_the_end() {
    for kind in ALL {
        let (site, _) = stage();
        let session = Session::of_user(&site, ACT, kind, "ann").await;
        assert_eq!(site.server.connection(id(&session)), None, "{kind}: negotiating leaves nothing behind");
        let mut channel = session.open("connect").await;
        assert_eq!(info(&site, &session).state, ConnectionState::Connecting, "{kind}");
        channel.until_initialized().await;
        session.ask("start").await;
        if kind == TransportKind::LongPolling {
            channel = channel.session.open("poll").await;
        }
        let now = info(&site, &session);
        assert_eq!(now.state, ConnectionState::Connected, "{kind}");
        assert_eq!(now.user.unwrap().as_str(), "ann");
        assert_eq!((now.transport, now.endpoint.as_str()), (Some(kind), ACT));
        assert_eq!(now.protocol_version.unwrap().to_string(), "2.0");

        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(channel.vanish());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let away = info(&site, &session);
        let ConnectionState::Away { since } = away.state else { panic!("{kind}: {away:?}") };
        let lived = since.duration_since(away.since).unwrap();
        assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&lived), "{kind}: {lived:?}");
        assert_eq!(away.transport, Some(kind), "{kind}: what carried it last");

        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(
            info(&site, &session).state,
            ConnectionState::Ended { reason: Reason::TimedOut },
            "{kind}"
        );
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(site.server.connections().is_empty(), "{kind}: nothing remains");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_and_times_are_those_of_the_wire() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        if kind == TransportKind::LongPolling {
            channel = channel.session.open("poll").await;
        }
        let before = info(&site, &channel.session);
        tokio::time::sleep(Duration::from_secs(3)).await;
        channel.send("echo 12345").await;
        channel.messages(1).await;
        let after = info(&site, &channel.session);
        assert_eq!(after.bytes_read - before.bytes_read, 10, "{kind}");
        let written = after.bytes_written - before.bytes_written;
        assert!((20..120).contains(&written), "{kind}: {written}");
        let since = |earlier: ConnectionInfo, later: &ConnectionInfo| {
            let written = later.last_written.unwrap().duration_since(earlier.last_written.unwrap()).unwrap();
            (later.last_heard.duration_since(earlier.last_heard).unwrap().as_secs(), written.as_secs())
        };
        assert_eq!(since(before, &after), (3, 3), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn users_and_groups_are_counted_and_those_who_are_over_are_not() {
    let (site, _) = stage();
    let mut channels = Vec::new();
    for (who, groups) in [("ann", vec!["lobby", "cellar"]), ("ann", vec!["lobby"]), ("bob", vec![])] {
        let mut channel = Session::of_user(&site, ACT, TransportKind::WebSockets, who).await.begin().await;
        for group in groups {
            channel.change_groups(&format!("join {group}")).await;
        }
        channels.push(channel);
    }
    let user = |name: &str| UserId::parse(name).unwrap();
    let by_user = HashMap::from([(user("ann"), 2), (user("bob"), 1)]);
    assert_eq!(site.server.connections_by_user(), by_user);
    let by_group = site.server.connections_by_group();
    let count =
        |name: &str| by_group.iter().find(|(group, _)| group.ends_with(name)).map(|(_, count)| *count);
    assert_eq!((count(".lobby"), count(".cellar"), by_group.len()), (Some(2), Some(1), 2));

    channels[0].session.abort().await;
    assert_eq!(site.server.connections_by_user()[&user("ann")], 1);
    assert_eq!(site.server.connections().len(), 3, "a tombstone can be looked at");
    assert_eq!(site.server.connections_by_group().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn long_after_its_end_a_connection_still_shows_what_it_was() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::of_user(&site, ACT, kind, "ann").await.begin().await;
        channel.change_groups("join lobby").await;
        let session = channel.session.clone();
        let before = info(&site, &session);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(site.server.disconnect_because(id(&session), "the lobby was closed"), "{kind}");
        drop(channel.vanish());
        tokio::time::sleep(Duration::from_secs(90)).await;
        let over = info(&site, &session);
        assert_eq!(over.state, ConnectionState::Ended { reason: Reason::DisconnectedByServer }, "{kind}");
        assert!(over.groups.len() == 1 && over.groups[0].ends_with("lobby"), "{kind}: {:?}", over.groups);
        assert!(over.bytes_written >= before.bytes_written && over.bytes_read == before.bytes_read, "{kind}");
        assert!(over.last_written >= before.last_written && over.last_heard >= before.last_heard, "{kind}");
        let same = |info: &ConnectionInfo| {
            (info.transport, info.protocol_version, info.endpoint.clone(), info.user.clone(), info.since)
        };
        assert_eq!(same(&over), same(&before), "{kind}");
        let timeline = site.server.timeline(id(&session)).unwrap();
        assert_eq!((timeline.began, timeline.forgotten), (over.since, 0), "{kind}");
        assert!(timeline.events.iter().any(|event| event.what == What::Disconnected), "{kind}");
        assert_eq!(site.server.connections(), [over], "{kind}: looking changes nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn the_lag_is_what_a_client_that_does_not_read_has_not_got() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let mut channel = session.begin().await;
    settle(&mut channel).await;
    assert_eq!(info(&site, &session).lag, 0);
    let everyone = site.server.persistent(ACT).unwrap();
    let large = "x".repeat(30_000);
    for _ in 0..40 {
        everyone.broadcast(&large).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lag = info(&site, &session).lag;
    assert!((1..=40).contains(&lag), "{lag}");
    channel.messages(40).await;
    settle(&mut channel).await;
    assert_eq!(info(&site, &session).lag, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_written_as_json() {
    let (site, _) = stage();
    let session = Session::of_user(&site, ACT, TransportKind::LongPolling, "ann").await;
    let channel = session.begin().await;
    drop(channel);
    let json = serde_json::to_value(info(&site, &session)).unwrap();
    assert_eq!(json["id"], session.id.as_str());
    assert_eq!((&json["user"], &json["transport"]), (&"ann".into(), &"longPolling".into()));
    assert_eq!(json["state"]["name"], "away");
    for moment in [&json["since"], &json["lastHeard"], &json["lastWritten"], &json["state"]["since"]] {
        assert!(moment.as_str().unwrap().ends_with('Z'), "{json}");
    }
    session.abort().await;
    let json = serde_json::to_value(info(&site, &session)).unwrap();
    assert_eq!(json["state"], serde_json::json!({ "name": "ended", "reason": "Stopped" }));
}
