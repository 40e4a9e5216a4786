//! Settings, their defaults and bounds, and what operators can see (spec 9.1, 11).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use heliostat::{
    Cors, DetailedErrors, EndpointOptions, JavaScriptProxies, Jsonp, KeepAlive, LateReturn, MessageBuffer,
    Origins, Server, Settings, Timeouts, TransportKind, TransportSet,
};

use crate::{
    actor::{ACT, stage, stage_with},
    client::Ask,
    session::{ALL, Session},
};

#[tokio::test(start_paused = true)]
async fn cp_208_cp_247_all_settings_have_the_originals_defaults() {
    let server = Server::builder().build().unwrap();
    let timeouts = server.timeouts();
    let seconds = Duration::from_secs;
    assert_eq!(timeouts.connection(), seconds(110));
    assert_eq!(timeouts.disconnect(), seconds(30));
    assert_eq!(timeouts.keep_alive(), KeepAlive::Every(seconds(10)));
    assert_eq!(timeouts.transport_connect(), seconds(5));
    assert_eq!(timeouts.long_poll_delay(), Duration::ZERO);
    assert_eq!(timeouts.keep_alive_timeout(), Some(seconds(20)));
    assert_eq!(timeouts.disconnect_threshold(), seconds(5));
    assert_eq!(timeouts.topic_time_to_live(), seconds(100));
    let Settings { long_poll_delay, message_buffer, max_incoming_message, .. } = server.settings();
    let Settings { late_return, highest_protocol_version, .. } = server.settings();
    let MessageBuffer { messages, topic_bytes, total_bytes } = message_buffer;
    assert_eq!((*long_poll_delay, *messages, *max_incoming_message), (Duration::ZERO, 1000, Some(65_536)));
    assert!(*topic_bytes > 0 && *total_bytes > *topic_bytes);
    assert_eq!(*late_return, LateReturn::Stop);
    assert_eq!(highest_protocol_version.to_string(), "2.0");
    assert_eq!(server.mapped_paths().collect::<Vec<_>>(), ["/signalr"]);
    let options = EndpointOptions::default();
    assert_eq!(options.jsonp, Jsonp::Off);
    assert_eq!(options.javascript_proxies, JavaScriptProxies::On);
    assert_eq!(options.detailed_errors, DetailedErrors::Off);
    assert_eq!(options.cors, Cors::Off);
    assert_eq!(options.origins, Origins::Any);
    assert_eq!(options.transports, TransportSet::all());
    assert!(options.negotiate.is_none());
}

#[test]
fn cp_209_cp_211_timeouts_that_do_not_fit_are_refused_and_the_error_says_what_would() {
    let seconds = Duration::from_secs;
    let text = |error: heliostat::TimeoutsError| error.to_string();
    assert!(Timeouts::new(seconds(6)).is_ok());
    assert!(text(Timeouts::new(seconds(5)).unwrap_err()).contains("6s"));
    let timeouts = Timeouts::new(seconds(30)).unwrap();
    assert!(timeouts.clone().with_keep_alive(KeepAlive::Every(seconds(10))).is_ok());
    assert!(timeouts.clone().with_keep_alive(KeepAlive::Every(seconds(2))).is_ok());
    assert!(
        text(timeouts.clone().with_keep_alive(KeepAlive::Every(seconds(11))).unwrap_err()).contains("10s")
    );
    assert!(text(timeouts.with_keep_alive(KeepAlive::Every(seconds(1))).unwrap_err()).contains("2s"));
}

#[tokio::test(start_paused = true)]
async fn cp_198_cp_247_the_buffer_keeps_as_many_messages_as_it_is_told_but_at_least_32() {
    for (asked, kept) in [(100, 100), (32, 32), (1, 32), (0, 32)] {
        let buffer = MessageBuffer { messages: asked, ..MessageBuffer::default() };
        let settings = Settings { message_buffer: buffer, ..Settings::default() };
        let (site, _) = stage_with(|builder| builder.settings(settings));
        let session = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.session;
        for number in 0..300 {
            site.server.persistent(ACT).unwrap().broadcast(number).unwrap();
        }
        let answer = site.ask(&session.receive("poll")).await.json();
        let got: Vec<_> =
            answer["M"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect();
        assert_eq!(got.last(), Some(&299));
        assert!(got.len() >= kept && got.len() <= kept + kept / 2, "{asked}: {}", got.len());
        // It comes with a cursor alone, which says that something was lost, not how much.
        assert!(site.counter("Messages Lost Total") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_202_cp_204_topics_live_as_long_as_somebody_may_come_back_and_nobody_makes_one_by_publishing() {
    let (site, _) = stage();
    let context = site.server.persistent(ACT).unwrap();
    context.broadcast("to nobody").unwrap();
    context.send_to_group("nobody", "here").unwrap();
    assert_eq!(site.counter("Message Bus Topics Current"), 0);
    assert_eq!(site.counter("Message Bus Messages Published Total"), 0);
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await.vanish();
    tokio::time::sleep(Duration::from_secs(34)).await;
    assert_eq!(site.counter("Message Bus Topics Current"), 2, "its own and that of all");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(site.counter("Message Bus Topics Current"), 1, "nobody asks for its own when it is over");
    tokio::time::sleep(Duration::from_secs(95)).await;
    assert_eq!(site.counter("Message Bus Topics Current"), 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(site.counter("Message Bus Topics Current"), 0);
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn cp_249_the_counters_have_the_originals_names() {
    let (site, _) = stage();
    let names: BTreeSet<_> = site.server.metrics().iter().map(|(name, _)| name).collect();
    for name in [
        "Connections Connected",
        "Connections Reconnected",
        "Connections Disconnected",
        "Connections Current",
        "Connections Current ForeverFrame",
        "Connections Current LongPolling",
        "Connections Current ServerSentEvents",
        "Connections Current WebSockets",
        "Connection Messages Received Total",
        "Connection Messages Sent Total",
        "Message Bus Messages Received Total",
        "Message Bus Messages Published Total",
        "Message Bus Subscribers Current",
        "Message Bus Subscribers Total",
        "Message Bus Topics Current",
        "Errors: All Total",
        "Errors: Hub Resolution Total",
        "Errors: Hub Invocation Total",
        "Errors: Transport Total",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_249_the_counters_count() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        if kind == TransportKind::LongPolling {
            channel = channel.session.open("poll").await;
        }
        let current = match kind {
            TransportKind::WebSockets => "Connections Current WebSockets",
            TransportKind::ServerSentEvents => "Connections Current ServerSentEvents",
            TransportKind::ForeverFrame => "Connections Current ForeverFrame",
            TransportKind::LongPolling => "Connections Current LongPolling",
        };
        for name in
            ["Connections Connected", "Connections Current", current, "Message Bus Subscribers Current"]
        {
            assert_eq!(site.counter(name), 1, "{kind:?} {name}");
        }
        channel.send("echo hello").await;
        channel.messages(1).await;
        assert_eq!(site.counter("Connection Messages Sent Total"), 1, "{kind:?}");
        assert_eq!(site.counter("Connection Messages Received Total"), 1, "{kind:?}");
        // The init message is the other one.
        assert_eq!(site.counter("Message Bus Messages Published Total"), 2, "{kind:?}");
        assert_eq!(site.counter("Message Bus Messages Received Total"), 2, "{kind:?}");
        let session = channel.session.open("reconnect").await.vanish();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(site.counter("Connections Reconnected"), 1, "{kind:?}");
        assert_eq!(site.counter(current), 0, "{kind:?}");
        session.abort().await;
        assert_eq!(site.counter("Connections Disconnected"), 1, "{kind:?}");
        assert_eq!(site.counter("Errors: All Total"), 0, "{kind:?}");
    }
}

/// Collects where log lines come from.
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<BTreeSet<String>>>);

impl tracing::Subscriber for Sources {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.file().is_some_and(|file| file.contains("server/src") || file.contains("server\\src"))
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.0.lock().unwrap().insert(event.metadata().target().to_owned());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn cp_250_log_lines_come_from_the_originals_trace_sources() {
    let sources = Sources::default();
    // For all threads: with one for this thread alone, others could decide meanwhile that nobody listens.
    tracing::subscriber::set_global_default(sources.clone()).unwrap();
    let (site, log) = stage();
    for kind in ALL {
        let session = Session::new(&site, ACT, kind).await;
        let mut channel = session.begin().await;
        for order in ["fail", "panic"] {
            match kind {
                TransportKind::WebSockets => channel.send(order).await,
                TransportKind::ServerSentEvents
                | TransportKind::ForeverFrame
                | TransportKind::LongPolling => assert_eq!(session.post(order).await.status(), 500),
            }
        }
        log.wait("received - panic").await;
        let mut foreign = channel.session.clone();
        foreign.cursor = Some("elsewhere".to_owned());
        foreign.open("reconnect").await.vanish().abort().await;
    }
    assert_eq!(site.ask(&Ask::get("/act/connect")).await.status(), 400);
    let fails = Session::new(&site, ACT, TransportKind::WebSockets).await.with("on-connected", "panic");
    fails.open("connect").await.until_initialized().await;
    fails.ask("start").await;
    let sources = sources.0.lock().unwrap().clone();
    assert!(sources.iter().all(|source| source.starts_with("SignalR.")), "{sources:?}");
    for source in [
        "SignalR.PersistentConnection",
        "SignalR.Connection",
        "SignalR.MessageBus",
        "SignalR.Transports.TransportHeartBeat",
        "SignalR.Transports.WebSocketTransport",
        "SignalR.Transports.ServerSentEventsTransport",
        "SignalR.Transports.ForeverFrameTransport",
        "SignalR.Transports.LongPollingTransport",
    ] {
        assert!(sources.contains(source), "{source}: {sources:?}");
    }
}
