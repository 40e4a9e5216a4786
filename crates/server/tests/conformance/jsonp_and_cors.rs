//! Pages of other origins: answers as function calls, readable answers, and origins that may not come in (spec 2.7, 2.8, 12.3).

use std::time::Duration;

use heliostat::{Cors, EndpointOptions, Jsonp, Origins, TransportKind};

use crate::{
    actor::{ACT, stage, stage_at},
    client::{Answer, Ask, Exchange, Piece},
    session::{ALL, HTTP_STREAMS, Session},
    site::Site,
};

const JAVASCRIPT: Option<&str> = Some("application/javascript; charset=UTF-8");
const PAGE: &str = "https://page.example";

fn with_jsonp() -> Site {
    stage_at(EndpointOptions { jsonp: Jsonp::On, ..Default::default() }, |builder| builder).0
}

/// What the function `cb` is called with.
fn unwrap_call(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.head.header("content-type"), JAVASCRIPT, "{answer:?}");
    let json = answer.body.strip_prefix("cb(").and_then(|rest| rest.strip_suffix(");"));
    serde_json::from_str(json.unwrap_or_else(|| panic!("no call of cb: {answer:?}"))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn cp_055_negotiate_ping_and_start_call_the_function() {
    let site = with_jsonp();
    let negotiated = site.ask(&Ask::get("/act/negotiate").with("callback", "cb")).await;
    assert!(unwrap_call(&negotiated)["ConnectionToken"].is_string());
    let ping = site.ask(&Ask::get("/act/ping").with("callback", "cb")).await;
    assert_eq!(ping.body, r#"cb({ "Response": "pong" });"#);
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let start = site.ask(&session.command("start").with("callback", "cb")).await;
    assert_eq!(start.body, r#"cb({ "Response": "started" });"#);
    assert_eq!(start.head.header("content-type"), JAVASCRIPT);
}

#[tokio::test(start_paused = true)]
async fn cp_056_polls_and_sends_call_the_function_and_idle_polls_stay_silent() {
    struct Two;
    #[heliostat::hub]
    impl Two {
        fn two(&self) -> u32 {
            2
        }
    }
    let options = EndpointOptions { jsonp: Jsonp::On, ..Default::default() };
    let server = heliostat::Server::builder().hub(Two).map_hubs("/signalr", options).build().unwrap();
    let site = Site::in_memory(server);
    let session = Session::new(&site, "/signalr", TransportKind::LongPolling).await;
    let mut session = session.with("connectionData", r#"[{"name":"two"}]"#).with("callback", "cb");
    let first = unwrap_call(&site.ask(&session.receive("connect")).await);
    assert_eq!(first["S"], 1);
    session.cursor = Some(first["C"].as_str().unwrap().to_owned());
    session.ask("start").await;
    let call = r#"{"H":"two","M":"two","A":[],"I":0}"#;
    let sent = site.ask(&session.command("send").with("data", call)).await;
    assert_eq!(sent.body, r#"cb({"R":2,"I":"0"});"#);
    assert_eq!(sent.head.header("content-type"), JAVASCRIPT);

    let mut poll = Exchange::begin(site.dial().await, &session.receive("poll")).await.unwrap();
    assert_eq!(poll.head.header("content-type"), JAVASCRIPT);
    let silence = tokio::time::timeout(Duration::from_secs(100), poll.piece()).await;
    assert!(silence.is_err(), "no keep-alive bytes: {silence:?}");
    site.server.hub_named("two").unwrap().clients().all().invoke("hello", ()).unwrap();
    assert_eq!(unwrap_call(&poll.whole().await)["M"][0]["M"], "hello");
}

#[tokio::test(start_paused = true)]
async fn cp_057_a_send_with_a_callback_reads_its_data_from_the_query() {
    let site = with_jsonp();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let mut channel = session.begin().await;
    let send = session.command("send").with("callback", "cb").with("data", "echo a+b c");
    let answer = site.ask(&send).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, ""));
    assert_eq!(channel.messages(1).await, ["a+b c"]);
    let without_callback = session.command("send").with("data", "echo x");
    assert_eq!(site.ask(&without_callback).await.status(), 400, "otherwise data is a form field");
}

#[tokio::test(start_paused = true)]
async fn cp_058_bad_function_names_are_refused_everywhere() {
    let site = with_jsonp();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    for name in ["1a", "a b", "a(", "a;alert(1)//", "a..b", "while", "a.new", "<script>", "a\u{2028}"] {
        for command in ["negotiate", "ping", "start", "connect", "reconnect", "poll", "send", "abort"] {
            let answer = site.ask(&session.command(command).with("callback", name)).await;
            assert_eq!(answer.status(), 400, "{command} {name}");
            assert!(!answer.body.contains("script>"), "a bad name is not echoed: {}", answer.body);
        }
    }
    for name in ["cb", "$", "jQuery1_2", "a.b.$c", "\u{e4}"] {
        assert_eq!(site.ask(&Ask::get("/act/ping").with("callback", name)).await.status(), 200, "{name}");
    }
}

fn readable(answer: &Answer) -> (Option<&str>, Option<&str>) {
    let head = &answer.head;
    (head.header("access-control-allow-origin"), head.header("access-control-allow-credentials"))
}

#[tokio::test(start_paused = true)]
async fn cp_059_with_cors_the_exact_origin_is_allowed_with_credentials_on_all_answers() {
    for cors in [Cors::allow([PAGE]), Cors::AnyOrigin] {
        let (site, _) = stage_at(EndpointOptions { cors, ..Default::default() }, |builder| builder);
        let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
        for command in ["negotiate", "ping", "start", "send", "abort"] {
            let answer = site.ask(&session.command(command).header("Origin", PAGE)).await;
            assert_eq!(readable(&answer), (Some(PAGE), Some("true")), "{command}");
            assert_eq!(answer.head.header("vary"), Some("Origin"));
        }
        let refused = site.ask(&Ask::get("/act/connect").header("Origin", PAGE)).await;
        assert_eq!((refused.status(), readable(&refused)), (400, (Some(PAGE), Some("true"))));
        for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling]
        {
            let session = Session::new(&site, ACT, kind).await;
            let channel =
                session.try_open_as(&session.receive("connect").header("Origin", PAGE)).await.unwrap();
            assert_eq!(channel.header("access-control-allow-origin"), Some(PAGE));
        }
        let preflight = Ask::new("OPTIONS", "/act/negotiate").header("Origin", PAGE);
        let preflight = preflight
            .header("Access-Control-Request-Method", "GET")
            .header("Access-Control-Request-Headers", "authorization");
        let answer = site.ask(&preflight).await;
        assert_eq!((answer.status(), readable(&answer)), (204, (Some(PAGE), Some("true"))));
        assert_eq!(answer.head.header("access-control-allow-headers"), Some("authorization"));
    }
}

#[tokio::test(start_paused = true)]
async fn cp_059_an_origin_that_is_not_listed_is_served_but_cannot_read_the_answer() {
    let options = EndpointOptions { cors: Cors::allow([PAGE]), ..Default::default() };
    let (site, _) = stage_at(options, |builder| builder);
    for origin in ["https://other.example", "http://page.example", "https://page.example.evil", "null"] {
        let answer = site.ask(&Ask::get("/act/negotiate").header("Origin", origin)).await;
        assert_eq!((answer.status(), readable(&answer)), (200, (None, None)), "{origin}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_060_cp_061_without_cors_there_are_no_cors_headers_and_the_request_is_served() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    for command in ["negotiate", "ping", "start", "abort"] {
        let answer = site.ask(&session.command(command).header("Origin", PAGE)).await;
        assert_eq!((answer.status(), readable(&answer)), (200, (None, None)), "{command}");
        assert_eq!(answer.head.header("vary"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_252_with_a_list_of_origins_foreign_pages_get_403_on_every_transport() {
    let options = EndpointOptions { origins: Origins::allow([PAGE]), ..Default::default() };
    let (site, log) = stage_at(options, |builder| builder);
    for kind in ALL {
        let session = Session::new(&site, ACT, kind).await;
        for command in ["negotiate", "ping", "connect", "start", "reconnect", "send", "abort"] {
            let ask = session.receive(command);
            for foreign in ["https://evil.example", "null", "https://page.example:8443"] {
                let ask = ask.clone().header("Origin", foreign);
                let status = match site.socket(&ask).await {
                    Ok(_) => 101,
                    Err(answer) => answer.status(),
                };
                assert_eq!(status, 403, "{kind:?} {command} {foreign}");
            }
        }
        assert!(log.lines().is_empty());
        let from_page = session.receive("connect").header("Origin", "HTTPS://Page.Example");
        session.try_open_as(&from_page).await.unwrap().until_initialized().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_does_not_change_what_a_stream_sends() {
    let site = with_jsonp();
    for kind in HTTP_STREAMS {
        let session = Session::new(&site, ACT, kind).await.with("callback", "cb");
        let mut channel = session.open("connect").await;
        assert_eq!(channel.until_initialized().await["S"], 1);
    }
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await.with("callback", "cb");
    let mut exchange = Exchange::begin(site.dial().await, &session.receive("connect")).await.unwrap();
    assert!(matches!(exchange.piece().await, Piece::Bytes(bytes) if bytes.starts_with(b"cb({")));
}
