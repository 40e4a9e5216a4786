//! The scenarios of the connection-lifetime article, over a proxy that misbehaves.

use std::time::Duration;

use heliostat::{KeyRing, Timeouts};
use heliostat_client::{
    ClientError, Event, HubConnection, InFlight, InvokeError, SendRefusal, State, TransportKind,
};
use tokio::time::{Instant, timeout};

use crate::proxy::{Mood, Proxy};
use crate::site::{ALL, PATIENCE, Site, builder, name, short, until};

const STREAMS: [TransportKind; 2] = [TransportKind::WebSockets, TransportKind::ServerSentEvents];

async fn connect(proxy: &Proxy, kind: TransportKind) -> HubConnection {
    let connection = builder(&proxy.url(), kind).build().unwrap();
    connection.hub("TestHub").unwrap();
    connection.start().await.unwrap();
    connection
}

fn is(wanted: &'static str) -> impl Fn(&Event) -> bool {
    move |event| name(event) == wanted
}

#[tokio::test]
async fn cp_258_t1_a_silent_link_is_slow_then_lost_then_back_and_nothing_is_missed() {
    for kind in STREAMS {
        let site = Site::with(short()).await;
        let proxy = Proxy::to(site.address).await;
        let connection = connect(&proxy, kind).await;
        let hub = connection.hub("TestHub").unwrap();
        hub.invoke::<()>("join", ("room",)).await.unwrap();
        let mut said = hub.listen::<(String, String)>("said");
        let mut events = connection.events();
        proxy.set(Mood::Paused);
        until(&mut events, is("connectionSlow")).await;
        until(&mut events, is("reconnecting")).await;
        assert_eq!(connection.state(), State::Reconnecting);
        let context = site.server.hub_named("TestHub").unwrap();
        context.clients().group("room").invoke("said", ("room", "while away")).unwrap();
        proxy.cut();
        proxy.set(Mood::Through);
        until(&mut events, is("reconnected")).await;
        let heard = timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(heard.1, "while away", "{kind}");
        site.log.wait("reconnected", 1).await;
        assert_eq!(hub.invoke::<i64>("add", (1, 2)).await.unwrap(), 3);
        connection.stop().await;
        site.log.wait("disconnected Stopped", 1).await;
        assert_eq!(site.log.all(), ["connected", "reconnected", "disconnected Stopped"], "{kind}");
    }
}

#[tokio::test]
async fn cp_258_a_cut_link_comes_back_with_its_groups_and_all_messages_in_order() {
    for kind in ALL {
        let site = Site::new().await;
        let proxy = Proxy::to(site.address).await;
        let connection = connect(&proxy, kind).await;
        let hub = connection.hub("TestHub").unwrap();
        hub.invoke::<()>("join", ("room",)).await.unwrap();
        let id = connection.connection_id();
        let mut said = hub.listen::<(String, u32)>("said");
        let group = site.server.hub_named("TestHub").unwrap().clients().group("room");
        for round in 0..5u32 {
            for number in 0..20 {
                group.invoke("said", ("room", round * 20 + number)).unwrap();
                if number == 7 {
                    proxy.cut();
                }
                tokio::task::yield_now().await;
            }
            for number in 0..20 {
                let heard = timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap();
                assert_eq!(heard.1, round * 20 + number, "{kind}");
            }
        }
        assert_eq!(connection.connection_id(), id);
        assert_eq!(site.log.all().first().map(String::as_str), Some("connected"));
        connection.stop().await;
    }
}

#[tokio::test]
async fn cp_258_t2_a_client_that_comes_back_too_late_is_told_to_stop() {
    for kind in ALL {
        // The server gives up after a second, this client knows of thirty.
        let site = Site::with(short()).await;
        let proxy = Proxy::to(site.address).await;
        let connection = connect(&proxy, kind).await;
        let mut events = connection.events();
        proxy.set(Mood::Refusing);
        proxy.cut();
        until(&mut events, is("reconnecting")).await;
        let closed = until(&mut events, is("closed")).await;
        let Event::Closed { error: Some(error) } = closed else { panic!("{closed:?}") };
        assert!(matches!(error.rule(), Some(ClientError::TimedOut { .. })), "{error}");
        assert!(!error.causes().is_empty(), "{error}");
        assert_eq!(connection.last_error().unwrap().rule(), error.rule());
        site.log.wait("disconnected TimedOut", 1).await;
        assert_eq!(site.log.all(), ["connected", "disconnected TimedOut"], "{kind}");
    }
}

#[tokio::test]
async fn cp_258_t4_a_client_moves_to_another_server_with_the_same_keys() {
    for kind in ALL {
        let keys = KeyRing::random().unwrap();
        let first = Site::at(Timeouts::default(), keys.clone(), "127.0.0.1:0").await;
        let second = Site::at(Timeouts::default(), keys, "127.0.0.1:0").await;
        let proxy = Proxy::to(first.address).await;
        let connection = connect(&proxy, kind).await;
        let hub = connection.hub("TestHub").unwrap();
        hub.invoke::<()>("join", ("room",)).await.unwrap();
        // The groups token has come when the first message of the group has.
        let mut said = hub.listen::<(String, String)>("said");
        hub.invoke::<()>("say", ("room", "before")).await.unwrap();
        timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap();
        let id = connection.connection_id();
        let mut events = connection.events();
        proxy.lead_to(second.address);
        proxy.cut();
        until(&mut events, is("reconnected")).await;
        assert_eq!(connection.connection_id(), id);
        hub.invoke::<()>("say", ("room", "hello")).await.unwrap();
        let heard = timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(heard.1, "hello", "{kind}: still in the group");
        connection.stop().await;
        second.log.wait("disconnected Stopped", 1).await;
        assert_eq!(second.log.all(), ["reconnected", "disconnected Stopped"], "{kind}");
        assert_eq!(first.log.all(), ["connected"], "{kind}");
    }
}

#[tokio::test]
async fn cp_258_t6_idle_polls_follow_one_another_without_an_event() {
    let timeouts = Timeouts::unchecked_for_tests(
        Duration::from_secs(10),
        heliostat::KeepAlive::Every(Duration::from_millis(50)),
        Duration::from_millis(200),
    );
    let site = Site::with(timeouts).await;
    let connection = site.connect(TransportKind::LongPolling).await;
    let mut events = connection.events();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(connection.hub("TestHub").unwrap().invoke::<i64>("add", (1, 1)).await.unwrap(), 2);
    connection.stop().await;
    let mut seen = Vec::new();
    while !seen.contains(&"closed") {
        seen.push(name(&timeout(PATIENCE, events.next()).await.unwrap().unwrap()));
    }
    assert_eq!(seen, ["received", "stateChanged", "closed"]);
    site.log.wait("disconnected Stopped", 1).await;
    assert_eq!(site.log.all(), ["connected", "disconnected Stopped"]);
}

#[tokio::test]
async fn cp_258_t7_a_short_glitch_raises_nothing() {
    for kind in STREAMS {
        let site = Site::new().await;
        let proxy = Proxy::to(site.address).await;
        let connection = connect(&proxy, kind).await;
        let mut events = connection.events();
        proxy.set(Mood::Paused);
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Mood::Through);
        assert_eq!(connection.hub("TestHub").unwrap().invoke::<i64>("add", (1, 1)).await.unwrap(), 2);
        assert_eq!(events.poll_ready().map(|event| name(&event)), Some("received"), "{kind}");
        assert_eq!(events.poll_ready().map(|event| name(&event)), None, "{kind}");
    }
}

#[tokio::test]
async fn cp_235_calls_in_flight_fail_when_a_web_socket_is_lost_and_go_on_elsewhere() {
    for kind in ALL {
        let site = Site::new().await;
        // Requests of their own go straight to the server, so the cut hits the transport connection alone.
        let proxy = Proxy::to(site.address).await;
        let connection = connect(&proxy, kind).await;
        let hub = connection.hub("TestHub").unwrap();
        let mut events = connection.events();
        let call = {
            let hub = hub.clone();
            tokio::spawn(async move { hub.invoke::<u64>("sleep", (400,)).await })
        };
        site.log.wait("sleep 400", 1).await;
        proxy.cut();
        let result = timeout(PATIENCE, call).await.unwrap().unwrap();
        match kind {
            TransportKind::WebSockets => assert!(matches!(result, Err(InvokeError::Lost)), "{result:?}"),
            _ => assert!(
                matches!(result, Err(InvokeError::Request(_) | InvokeError::Lost)),
                "{kind}: {result:?}"
            ),
        }
        until(&mut events, is("reconnected")).await;
        assert_eq!(hub.invoke::<i64>("add", (1, 2)).await.unwrap(), 3);
    }
}

#[tokio::test]
async fn calls_are_sent_again_after_a_reconnect_if_the_application_wants_that() {
    let site = Site::new().await;
    let proxy = Proxy::to(site.address).await;
    let connection =
        builder(&proxy.url(), TransportKind::WebSockets).in_flight(InFlight::Repeat).build().unwrap();
    let hub = connection.hub("TestHub").unwrap();
    connection.start().await.unwrap();
    let mut events = connection.events();
    let calls = [300, 310].map(|millis| {
        let hub = hub.clone();
        tokio::spawn(async move { hub.invoke::<u64>("sleep", (millis,)).await })
    });
    site.log.wait("sleep 300", 1).await;
    site.log.wait("sleep 310", 1).await;
    proxy.set(Mood::Refusing);
    proxy.cut();
    until(&mut events, is("reconnecting")).await;
    // Made while the WebSocket is away, so it waits too.
    let added = tokio::spawn({
        let hub = hub.clone();
        async move { hub.invoke::<i64>("add", (1, 2)).await }
    });
    tokio::task::yield_now().await;
    proxy.set(Mood::Through);
    for (call, millis) in calls.into_iter().zip([300, 310]) {
        assert_eq!(timeout(PATIENCE, call).await.unwrap().unwrap().unwrap(), millis);
    }
    assert_eq!(timeout(PATIENCE, added).await.unwrap().unwrap().unwrap(), 3);
    site.log.wait("sleep 300", 2).await;
}

#[tokio::test]
async fn cp_234_what_is_sent_while_a_web_socket_is_away_is_refused() {
    let site = Site::new().await;
    let proxy = Proxy::to(site.address).await;
    let connection = connect(&proxy, TransportKind::WebSockets).await;
    let mut events = connection.events();
    proxy.set(Mood::Refusing);
    proxy.cut();
    until(&mut events, is("reconnecting")).await;
    let hub = connection.hub("TestHub").unwrap();
    let result = hub.invoke::<()>("nothing", ()).await;
    assert!(matches!(result, Err(InvokeError::Refused(SendRefusal::Reconnecting))), "{result:?}");
}

#[tokio::test]
async fn the_events_of_a_whole_life_come_in_the_documented_order() {
    for kind in ALL {
        let site = Site::new().await;
        let proxy = Proxy::to(site.address).await;
        let connection = builder(&proxy.url(), kind).build().unwrap();
        connection.hub("TestHub").unwrap();
        let mut events = connection.events();
        connection.start().await.unwrap();
        proxy.cut();
        let mut seen = Vec::new();
        while seen.last() != Some(&"reconnected") {
            seen.push(name(&timeout(PATIENCE, events.next()).await.unwrap().unwrap()));
        }
        let begin = Instant::now();
        connection.stop().await;
        assert!(begin.elapsed() < Duration::from_secs(3), "{kind}");
        while seen.last() != Some(&"closed") {
            seen.push(name(&timeout(PATIENCE, events.next()).await.unwrap().unwrap()));
        }
        assert_eq!(
            seen,
            [
                "starting",
                "stateChanged",
                "stateChanged",
                "stateChanged",
                "reconnecting",
                "stateChanged",
                "reconnected",
                "stateChanged",
                "closed",
            ],
            "{kind}"
        );
        drop(connection);
        assert!(timeout(PATIENCE, events.next()).await.unwrap().is_none());
    }
}
