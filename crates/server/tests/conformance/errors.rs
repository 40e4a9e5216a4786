//! What is refused, with which status, and what is let pass all the same (spec 2.5, 2.10).

use heliostat::{Jsonp, TransportKind, TransportSet};

use crate::{
    actor::{ACT, stage, stage_at},
    client::{Ask, Frame},
    session::{ALL, Heard, STREAMS, Session},
    site::Site,
};

const WITH_TRANSPORT: [&str; 7] = ["connect", "start", "reconnect", "poll", "send", "abort", ""];

#[tokio::test(start_paused = true)]
async fn cp_037_cp_038_a_missing_or_unknown_transport_gives_400() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    for (index, command) in WITH_TRANSPORT.into_iter().enumerate() {
        let whole = session.command(command);
        for ask in [
            whole.clone().without("transport"),
            whole.clone().with("transport", ""),
            whole.clone().with("transport", "carrierPigeon"),
            whole.with("transport", "longPolling,longPolling"),
        ] {
            let answer = site.ask(&ask).await;
            assert_eq!(answer.status(), 400, "{ask:?}");
            assert!(answer.body.contains("transport"), "it says what is wrong: {}", answer.body);
        }
        assert_eq!(site.counter("Requests Refused Total"), 4 * (index as i64 + 1));
    }
    assert!(log.lines().is_empty());
    assert_eq!(site.counter("Connections Current"), 0, "no connection was created");
}

#[tokio::test(start_paused = true)]
async fn cp_039_cp_040_a_missing_or_unreadable_connection_token_gives_400() {
    let (site, log) = stage();
    for kind in ALL {
        let session = Session::new(&site, ACT, kind).await;
        for command in WITH_TRANSPORT {
            let whole = session.receive(command);
            for ask in [
                whole.clone().without("connectionToken"),
                whole.clone().with("connectionToken", ""),
                whole.clone().with("connectionToken", "garbage"),
                whole.clone().with("connectionToken", &session.id),
                whole.with("connectionToken", &format!("{}AAAA", session.token)),
            ] {
                let answer = site.ask(&ask).await;
                assert_eq!(answer.status(), 400, "{ask:?}");
                assert!(answer.body.contains("oken"), "it says what is wrong: {}", answer.body);
            }
        }
    }
    assert!(log.lines().is_empty());
    assert_eq!(site.counter("Connections Current"), 0);
}

#[tokio::test(start_paused = true)]
async fn cp_041_a_token_of_another_user_gives_403_on_every_command() {
    let (site, log) = stage();
    for kind in ALL {
        let of_ann = Session::of_user(&site, ACT, kind, "ann").await;
        let anonymous = Session::new(&site, ACT, kind).await;
        for command in WITH_TRANSPORT {
            for ask in [
                anonymous.receive(command).with("connectionToken", &of_ann.token),
                anonymous.receive(command).with("connectionToken", &of_ann.token).header("X-User", "bob"),
                of_ann.receive(command).with("connectionToken", &anonymous.token),
            ] {
                let answer = site.ask(&ask).await;
                assert_eq!(answer.status(), 403, "{ask:?}");
                assert!(answer.body.contains("user"), "{}", answer.body);
            }
        }
    }
    assert!(log.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cp_042_the_transport_is_checked_before_the_token() {
    let (site, _) = stage();
    let answer = site.ask(&Ask::get("/act/connect").with("connectionToken", "garbage")).await;
    assert!(answer.status() == 400 && answer.body.contains("transport"), "{answer:?}");
    let of_ann = Session::of_user(&site, ACT, TransportKind::LongPolling, "ann").await;
    let foreign = Ask::get("/act/connect").with("connectionToken", &of_ann.token).with("transport", "x");
    assert_eq!(site.ask(&foreign).await.status(), 400);
}

struct Open;

#[heliostat::hub]
impl Open {
    fn nothing(&self) {}
}

struct Members;

#[heliostat::hub(authorize)]
impl Members {
    fn secret(&self) -> u32 {
        7
    }
}

fn hubs() -> Site {
    Site::in_memory(heliostat::Server::builder().hub(Open).hub(Members).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn cp_043_cp_044_cp_045_a_bad_list_of_hubs_is_refused_on_every_command_and_creates_nothing() {
    let site = hubs();
    for kind in ALL {
        let session = Session::new(&site, "/signalr", kind).await;
        for data in [
            "{",
            "7",
            "{}",
            "[7]",
            r#"["open"]"#,
            "[{}]",
            r#"[{"name":""}]"#,
            r#"[{"name":7}]"#,
            r#"[{"name":"nobody"}]"#,
            r#"[{"name":"open"},{"name":"nobody"}]"#,
            r#"[{"name":"open"},{"Name":"OPEN"}]"#,
        ] {
            for command in ["negotiate", "connect", "start", "reconnect", "poll", "send", "abort"] {
                let ask = session.receive(command).with("connectionData", data);
                assert_eq!(site.ask(&ask).await.status(), 400, "{kind:?} {command} {data}");
            }
        }
    }
    let unknown = 2 * 7 * ALL.len();
    assert_eq!(site.counter("Errors: Hub Resolution Total"), i64::try_from(unknown).unwrap());
    assert_eq!(site.counter("Connections Current"), 0);
}

#[tokio::test(start_paused = true)]
async fn cp_046_if_all_hubs_refuse_it_is_401_for_strangers_and_403_for_known_users() {
    let site = Site::in_memory(heliostat::Server::builder().hub(Members).hub(Admins).build().unwrap());
    let session = Session::new(&site, "/signalr", TransportKind::WebSockets).await;
    for command in ["negotiate", "connect", "start", "send", "abort"] {
        let members = session.command(command).with("connectionData", r#"[{"name":"members"}]"#);
        let answer = site.ask(&members).await;
        assert_eq!((answer.status(), answer.body.as_str()), (401, ""), "{command}");
        let admins = session.command(command).with("connectionData", r#"[{"name":"admins"}]"#);
        let answer = site.ask(&admins.header("X-User", "ann")).await;
        assert_eq!((answer.status(), answer.body.as_str()), (403, ""), "{command}");
    }
}

struct Admins;

#[heliostat::hub(authorize(roles = "Admin"))]
impl Admins {
    fn secret(&self) -> u32 {
        7
    }
}

#[tokio::test(start_paused = true)]
async fn cp_046_a_persistent_connection_that_refuses_gives_401_or_403_too() {
    let (site, _) = stage();
    for command in ["negotiate", "ping", "connect", "send"] {
        let denied = Ask::get(&format!("{ACT}/{command}")).header("X-Denied", "yes");
        assert_eq!(site.ask(&denied).await.status(), 401, "{command}");
        assert_eq!(site.ask(&denied.header("X-User", "ann")).await.status(), 403, "{command}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_047_if_only_some_hubs_refuse_the_rest_is_served() {
    let site = hubs();
    for kind in ALL {
        let session = Session::new(&site, "/signalr", kind).await;
        let both = session.with("connectionData", r#"[{"name":"open"},{"name":"members"}]"#);
        let mut channel = both.begin().await;
        let outside = |name| site.server.hub_named(name).unwrap().clients();
        outside("members").all().invoke("members only", ()).unwrap();
        outside("open").all().invoke("for all", ()).unwrap();
        assert_eq!(channel.messages(1).await[0]["M"], "for all", "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_048_malformed_calls_are_refused_with_400_and_the_connection_lives_on() {
    let site = hubs();
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let session = Session::new(&site, "/signalr", kind).await;
        let session = session.with("connectionData", r#"[{"name":"open"}]"#).begin().await.session;
        for data in BAD_CALLS {
            assert_eq!(session.post(data).await.status(), 400, "{kind:?} {data}");
        }
        let missing = session.command("send").by("POST").body("dat=x");
        assert_eq!(site.ask(&missing).await.status(), 400);
        let good = session.post(r#"{"H":"open","M":"nothing","A":[],"I":0}"#).await;
        assert_eq!((good.status(), good.body.as_str()), (200, r#"{"I":"0"}"#));
    }
}

const BAD_CALLS: [&str; 9] = [
    "",
    "{",
    "null",
    "[]",
    "7",
    r#"{"M":"nothing","A":[],"I":0}"#,
    r#"{"H":"nobody","M":"nothing","A":[],"I":0}"#,
    r#"{"H":"","M":"nothing","A":[],"I":0}"#,
    "\u{0}\u{1}",
];

#[tokio::test(start_paused = true)]
async fn cp_049_malformed_web_socket_data_gives_no_answer_and_leaves_the_socket_open() {
    let site = hubs();
    let session = Session::new(&site, "/signalr", TransportKind::WebSockets).await;
    let mut channel = session.with("connectionData", r#"[{"name":"open"}]"#).begin().await;
    for data in BAD_CALLS {
        channel.send(data).await;
    }
    channel.send(r#"{"H":"open","M":"nothing","A":[],"I":0}"#).await;
    assert_eq!(channel.json().await, serde_json::json!({ "I": "0" }));
    assert_eq!(site.counter("Requests Refused Total"), BAD_CALLS.len() as i64);
}

#[tokio::test(start_paused = true)]
async fn cp_050_a_web_sockets_request_without_an_upgrade_gives_400() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await;
    for command in ["connect", "reconnect", "send", ""] {
        let answer = site.ask(&session.command(command)).await;
        assert_eq!(answer.status(), 400, "{command}");
        assert!(answer.body.contains("WebSocket"), "{}", answer.body);
    }
    for (missing, value) in [("Sec-WebSocket-Version", "12"), ("Sec-WebSocket-Key", ""), ("Upgrade", "h2c")] {
        let mut ask = session.command("connect");
        for (name, right) in [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            match (name == missing, value) {
                (false, _) => ask = ask.header(name, right),
                (true, "") => {}
                (true, wrong) => ask = ask.header(name, wrong),
            }
        }
        assert_eq!(site.ask(&ask).await.status(), 400, "{missing}");
    }
    assert!(log.lines().is_empty());
    assert_eq!(site.counter("Connections Current"), 0);
}

#[tokio::test(start_paused = true)]
async fn cp_051_a_foreign_or_unknown_cursor_starts_at_now() {
    for kind in ALL {
        let (site, _) = stage();
        let mut session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let of_the_original = "d-7C41A0F2-A,0|B,0|C,1";
        for (count, foreign) in
            [of_the_original, "s-0,2F8", "nonsense", "d-0-FFFFFFFF"].into_iter().enumerate()
        {
            site.server.persistent(ACT).unwrap().broadcast("missed").unwrap();
            session.cursor = Some(foreign.to_owned());
            let mut channel = session.open("reconnect").await;
            site.server.persistent(ACT).unwrap().broadcast("heard").unwrap();
            assert_eq!(channel.messages(1).await, ["heard"], "{kind:?} {foreign}");
            assert_eq!(site.counter("Gaps Reported Total"), count as i64 + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_051_a_cursor_of_ours_from_the_future_starts_at_now_too() {
    for kind in ALL {
        let (site, _) = stage();
        let mut session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let cursor = session.cursor.clone().unwrap();
        session.cursor = Some(format!("{}-FFFFFF", &cursor[..cursor.rfind('-').unwrap()]));
        let mut channel = session.open("reconnect").await;
        site.server.persistent(ACT).unwrap().broadcast("heard").unwrap();
        assert_eq!(channel.messages(1).await, ["heard"], "{kind:?}");
        assert_eq!(site.counter("Gaps Reported Total"), 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_052_a_malformed_cursor_of_ours_is_an_error_for_that_request_only() {
    for kind in ALL {
        let (site, log) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let session = channel.session.clone();
        let cursor = session.cursor.clone().unwrap();
        let ours = &cursor[..cursor.rfind('-').unwrap()];
        for rest in ["-", "-XYZ", "-1-2", "-1,2", "-FFFFFFFFFFFFFFFFF", "- 1"] {
            let mut wrong = session.clone();
            wrong.cursor = Some(format!("{ours}{rest}"));
            let answer = wrong.try_open("reconnect").await.err();
            assert_eq!(answer.map(|answer| answer.status()), Some(400), "{kind:?} {rest}");
        }
        assert_eq!(log.lines(), ["connected -"]);
        if kind != TransportKind::LongPolling {
            channel.send("echo still here").await;
            assert_eq!(channel.messages(1).await, ["still here"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_053_an_unreadable_groups_token_means_no_groups() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        channel.change_groups("join room").await;
        let mut session = channel.vanish();
        session.groups_token = Some("garbage".to_owned());
        let mut channel = session.open("reconnect").await;
        let context = site.server.persistent(ACT).unwrap();
        context.send_to_group("room", "inside").unwrap();
        context.broadcast("for all").unwrap();
        assert_eq!(channel.messages(1).await, ["for all"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_054_a_callback_is_refused_with_403_on_every_command_where_jsonp_is_off() {
    let (site, _) = stage();
    for kind in ALL {
        let session = Session::new(&site, ACT, kind).await;
        for command in
            ["negotiate", "ping", "start", "connect", "reconnect", "poll", "send", "abort", "hubs", ""]
        {
            let answer = site.ask(&session.receive(command).with("callback", "cb")).await;
            assert_eq!((answer.status(), answer.body.as_str()), (403, ""), "{kind:?} {command}");
        }
        assert_eq!(site.ask(&session.command("negotiate").with("callback", "")).await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_248_a_removed_transport_answers_400_and_negotiate_does_not_offer_web_sockets() {
    for removed in ALL {
        let options = heliostat::EndpointOptions {
            transports: TransportSet::all().without(removed),
            jsonp: Jsonp::Off,
            ..Default::default()
        };
        let (site, _) = stage_at(options, |builder| builder);
        for kind in ALL {
            let session = Session::new(&site, ACT, kind).await;
            let refused = session.try_open("connect").await.err().map(|answer| answer.status());
            assert_eq!(refused, (kind == removed).then_some(400), "{kind:?} without {removed:?}");
        }
        let negotiated = site.ask(&Ask::get("/act/negotiate")).await.json();
        assert_eq!(negotiated["TryWebSockets"], removed != TransportKind::WebSockets);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_253_a_send_above_the_limit_is_refused_with_413_and_the_largest_allowed_is_not() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let mut channel = session.begin().await;
    let fits = format!("echo {}", "x".repeat(64 * 1024 - 5));
    assert_eq!(session.post(&fits).await.status(), 200);
    assert_eq!(channel.messages(1).await, [&fits[5..]]);
    let refused = session.post(&format!("{fits}x")).await;
    assert_eq!(refused.status(), 413);
    assert!(refused.body.contains("65536"), "it names the limit: {}", refused.body);
    let escaped = "\u{20ac}".repeat(64 * 1024 / 3);
    assert_eq!(
        session.post(&escaped).await.status(),
        200,
        "the limit is on the message, not on its %XX form"
    );
}

#[tokio::test(start_paused = true)]
async fn cp_253_a_body_that_never_ends_is_cut_off() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let ask = session.command("send").by("POST").body(vec![b'x'; 16 * 1024 * 1024]);
    let exchange = crate::client::Exchange::begin(site.dial().await, &ask);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), exchange).await;
    let status = answer.expect("the server does not read on").map(|exchange| exchange.head.status);
    assert!(matches!(status, None | Some(413)), "{status:?}");
    assert_eq!(site.ask(&Ask::get("/act/ping")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_request_harm_nobody() {
    let (site, _) = stage();
    for request in [
        &b"nonsense\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /act/negotiate\r\n\r\n",
        b"GET /act/negotiate HTTP/9.9\r\n\r\n",
        b"GET /act/%ZZ%/negotiate?%=%%&&==&\xFF\xFE HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1/act/negotiate HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT /act/connect HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /act/send HTTP/1.1\r\nHost: x\r\nContent-Length: banana\r\n\r\n",
        b"POST /act/send HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /act/send?transport=longPolling HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nxx",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut closed = request.to_vec();
        closed.extend_from_slice(b"\r\n\r\n");
        let status = site.status_of(&closed).await;
        assert!(status.is_none_or(|status| status != 500), "{status:?} to {:?}", String::from_utf8_lossy(request));
        assert_eq!(site.ask(&Ask::get("/act/ping")).await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_answers_500_and_its_connection_lives_on() {
    for kind in ALL {
        let (site, log) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        for order in ["fail", "panic"] {
            if kind == TransportKind::WebSockets {
                channel.send(order).await;
            } else {
                assert_eq!(channel.session.post(order).await.status(), 500, "{kind:?} {order}");
            }
            log.wait(&format!("received - {order}")).await;
        }
        channel.send("echo alive").await;
        assert_eq!(channel.messages(1).await, ["alive"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_web_socket_frames_end_that_transport_and_nothing_else() {
    let broken: [(&str, &[u8]); 6] = [
        ("a frame without a mask", b"\x81\x02hi"),
        ("a reserved opcode", b"\x83\x80\x00\x00\x00\x00"),
        ("reserved bits", b"\xF1\x80\x00\x00\x00\x00"),
        ("text that is not UTF-8", b"\x81\x82\x00\x00\x00\x00\xFF\xFE"),
        ("a continuation of nothing", b"\x80\x80\x00\x00\x00\x00"),
        ("a control frame in pieces", b"\x09\x80\x00\x00\x00\x00"),
    ];
    let (site, log) = stage();
    let mut witness = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    for (name, bytes) in broken {
        let session = Session::new(&site, ACT, TransportKind::WebSockets).await.with("who", "broken");
        let mut channel = session.begin().await;
        channel.socket().send_bytes(bytes).await;
        let end = channel.rest().await.pop();
        assert!(matches!(end, Some(Heard::Cut | Heard::End(Some(1002 | 1003 | 1007)))), "{name}: {end:?}");
        let mut again = channel.session.open("reconnect").await;
        again.send("echo back").await;
        assert_eq!(again.messages(1).await, ["back"], "{name}");
    }
    assert!(!log.lines().iter().any(|line| line.starts_with("disconnected")));
    witness.send("echo unharmed").await;
    assert_eq!(witness.messages(1).await, ["unharmed"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_cut_off_in_the_middle_is_a_lost_transport() {
    let (site, log) = stage();
    for bytes in [&b"\x81"[..], b"\x81\xFE\x10", b"\x81\x85\x11\x22\x33\x44he"] {
        let mut channel = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
        channel.socket().send_bytes(bytes).await;
        let session = channel.vanish();
        let mut again = session.open("reconnect").await;
        again.send("echo back").await;
        assert_eq!(again.messages(1).await, ["back"]);
    }
    assert_eq!(log.count("received - he"), 0);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_refusal_is_counted() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let refused = [
        (Ask::get("/act/connect"), 400),
        (session.command("connect").with("connectionToken", "x"), 400),
        (session.command("connect").header("X-User", "ann"), 403),
        (session.command("negotiate").with("callback", "x"), 403),
        (session.command("negotiate").header("X-Denied", ""), 401),
        (session.command("send").by("POST").body(vec![b'x'; 300_000]), 413),
        (session.command("send").by("POST"), 400),
        (session.command("send").with("transport", "webSockets"), 400),
        (session.command("connect").with("transport", "foreverFrame"), 400),
    ];
    let count = refused.len() as i64;
    for (ask, status) in refused {
        assert_eq!(site.ask(&ask).await.status(), status, "{ask:?}");
    }
    assert_eq!(site.counter("Requests Refused Total"), count);
}

#[tokio::test(start_paused = true)]
async fn a_ping_frame_is_answered_and_a_pong_is_ignored() {
    let (site, _) = stage();
    let mut channel = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    channel.socket().send_frame(0x8A, b"unasked").await;
    channel.socket().send_frame(0x89, b"there?").await;
    assert_eq!(channel.socket().frame().await, Frame::Pong);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_leaves_the_transport_of_its_connection_alone() {
    for kind in STREAMS {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        for command in ["connect", "reconnect", "send", "abort"] {
            let foreign = channel.session.receive(command).header("X-User", "eve");
            assert_eq!(site.ask(&foreign).await.status(), 403);
        }
        channel.send("echo here").await;
        assert_eq!(channel.messages(1).await, ["here"], "{kind:?}");
    }
}
