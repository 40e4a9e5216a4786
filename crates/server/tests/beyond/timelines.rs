//! What happened to a connection, as it is told afterwards.

use std::time::Duration;

use heliostat::{ConnectionId, ConnectionState, TransportKind};

use crate::{
    actor::{ACT, stage},
    session::{Heard, Session},
    site::Site,
};

/// One line per event.
fn told(site: &Site, session: &Session) -> String {
    let timeline = site.server.timeline(ConnectionId::parse(&session.id).unwrap()).unwrap();
    let line = |event: &heliostat::TimelineEvent| {
        let link = event.transport_connection.map_or(String::new(), |link| format!(" {link}"));
        let count =
            if event.count == 1 { String::new() } else { format!(" x{} in {:?}", event.count, event.lasted) };
        format!(
            "+{}s {:?}{link}: {:?}{count}, {}",
            event.offset.as_secs(),
            event.layer,
            event.what,
            event.cause
        )
    };
    timeline.events.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_life_with_a_reconnect_on_a_stream() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let channel = session.begin().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(channel.vanish());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _back = session.open("reconnect").await;
    let _again = session.open("reconnect").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.abort().await;
    insta::assert_snapshot!(told(&site, &session), @r"
    +0s Transport 1: Opened, connect over serverSentEvents
    +0s SignalR: Connected, the client has started
    +3s Physical 1: Lost, the physical connection is gone
    +8s Transport 2: Opened, reconnect over serverSentEvents
    +8s SignalR: Reconnected, the client has come back
    +8s Transport 3: Opened, reconnect over serverSentEvents
    +8s Transport 2: Ended, a newer one took its place
    +8s SignalR: Reconnected, the client has come back
    +9s Transport 3: Ended, the client stopped
    +9s SignalR: Disconnected, the client stopped
    ");
}

#[tokio::test(start_paused = true)]
async fn polls_are_folded_until_the_client_vanishes() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let mut channel = session.begin().await;
    let everyone = site.server.persistent(ACT).unwrap();
    for number in 0..100 {
        everyone.broadcast(number).unwrap();
        channel.messages(1).await;
    }
    channel = channel.session.open("poll").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(channel.vanish());
    tokio::time::sleep(Duration::from_secs(60)).await;
    insta::assert_snapshot!(told(&site, &session), @r"
    +0s Transport 1: Opened, connect over longPolling
    +0s Transport 1: Answered, the poll was answered
    +0s SignalR: Connected, the client has started
    +0s Transport 101: Polled x100 in 0ns, polls that were answered
    +0s Transport 102: Opened, poll over longPolling
    +3s Physical 102: Lost, the physical connection is gone
    +33s SignalR: Disconnected, the client did not come back in time
    ");
}

#[tokio::test(start_paused = true)]
async fn a_half_open_web_socket_and_a_dismissal() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    let mut channel = session.begin().await;
    channel.socket().go_deaf();
    channel.during(Duration::from_secs(25)).await;
    let _back = session.open("reconnect").await;
    site.server.disconnect(ConnectionId::parse(&session.id).unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    insta::assert_snapshot!(told(&site, &session), @r"
    +0s Transport 1: Opened, connect over webSockets
    +0s SignalR: Connected, the client has started
    +20s Physical 1: Silent, nothing was heard for two keep-alives; the client counts as away
    +25s Transport 2: Opened, reconnect over webSockets
    +25s Transport 1: Ended, a newer one took its place
    +25s SignalR: Reconnected, the client has come back
    +25s Transport 2: Ended, the client was told to stop
    +25s SignalR: Disconnected, the application sent the client away
    ");
}

#[tokio::test(start_paused = true)]
async fn a_silent_web_socket_that_is_heard_again_and_then_never() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    let mut channel = session.begin().await;
    let state = || site.server.connection(ConnectionId::parse(&session.id).unwrap()).unwrap().state;
    channel.socket().go_deaf();
    channel.during(Duration::from_secs(25)).await;
    assert!(matches!(state(), ConnectionState::Away { .. }), "{:?}", state());

    site.server.persistent(ACT).unwrap().broadcast("meanwhile").unwrap();
    channel.send("echo there").await;
    assert_eq!(channel.messages(2).await, ["meanwhile", "there"]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(state(), ConnectionState::Connected, "at once, not with the next keep-alive");

    while channel.hear().await != Heard::Cut {}
    insta::assert_snapshot!(told(&site, &session), @r"
    +0s Transport 1: Opened, connect over webSockets
    +0s SignalR: Connected, the client has started
    +20s Physical 1: Silent, nothing was heard for two keep-alives; the client counts as away
    +25s Physical 1: HeardAgain, the client is there
    +45s Physical 1: Silent, nothing was heard for two keep-alives; the client counts as away
    +80s Physical 1: Cut, nothing was heard until the time to come back was over
    +80s SignalR: Disconnected, the client did not come back in time
    ");
    let metrics = site.server.metrics();
    assert_eq!((metrics.connections_silent_total, metrics.connections_heard_again_total), (2, 1));
    let lifetime = log.lines().into_iter().filter(|line| !line.starts_with("received")).collect::<Vec<_>>();
    assert_eq!(lifetime, ["connected -", "disconnected - TimedOut"], "nobody heard of it");
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_in_the_timeline_without_a_hook_too() {
    let (site, _) = stage();
    let mut session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    session.cursor = Some("d-1-2".to_owned());
    let _channel = session.open("reconnect").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    insta::assert_snapshot!(told(&site, &session), @r"
    +0s Transport 1: Opened, reconnect over serverSentEvents
    +0s SignalR: Reconnected, the client has come back
    +0s SignalR: MessagesLost, its cursor is of another log
    ");
}

#[tokio::test(start_paused = true)]
async fn a_timeline_is_written_as_json() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    let _channel = session.begin().await;
    let timeline = site.server.timeline(ConnectionId::parse(&session.id).unwrap()).unwrap();
    let mut json = serde_json::to_value(&timeline).unwrap();
    assert_eq!(json["connection"], session.id.as_str());
    assert!(json["began"].as_str().unwrap().ends_with('Z'));
    let mut opened = json["events"][0].take();
    assert!(opened["at"].take().as_str().unwrap().ends_with('Z'));
    let expected = serde_json::json!({
        "at": null, "offset": 0, "lasted": 0, "count": 1, "layer": "transport", "what": "opened",
        "cause": "connect over webSockets", "transportConnection": 1
    });
    assert_eq!(opened, expected);
}

#[tokio::test]
async fn nobody_has_a_timeline_of_an_unknown_connection() {
    let (site, _) = stage();
    assert_eq!(site.server.timeline(ConnectionId::from_random([7; 16])), None);
}
