//! Where endpoints answer, which requests they understand, and what their answers look like (spec 2).

use heliostat::{EndpointOptions, Server, TransportKind};

use crate::{
    actor::{ACT, Actor, stage},
    client::{Ask, escape},
    log::Log,
    session::{ALL, HTTP_STREAMS, Session},
    site::Site,
};

#[tokio::test(start_paused = true)]
async fn cp_011_hubs_answer_under_signalr_by_default_and_under_any_configured_path() {
    let standard = Site::in_memory(Server::builder().build().unwrap());
    assert_eq!(standard.ask(&Ask::get("/signalr/ping")).await.status(), 200);
    let options = EndpointOptions::default;
    let server = Server::builder().map_hubs("/a/b", options()).map_hubs("/c", options()).build().unwrap();
    let elsewhere = Site::in_memory(server);
    for (path, status) in [("/a/b/ping", 200), ("/c/ping", 200), ("/signalr/ping", 404), ("/a/ping", 404)] {
        assert_eq!(elsewhere.ask(&Ask::get(path)).await.status(), status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_012_several_persistent_connections_live_in_one_server_and_do_not_hear_each_other() {
    #[derive(Default)]
    struct Other(Log);
    impl heliostat::PersistentConnection for Other {
        async fn received(
            &self,
            connection: &heliostat::Connection,
            data: &str,
        ) -> Result<(), heliostat::Failure> {
            self.0.note(data);
            Ok(connection.everyone().broadcast(data)?)
        }
    }
    let (actor, other) = (Actor::default(), Other::default());
    let (actor_log, other_log) = (actor.log.clone(), other.0.clone());
    let options = EndpointOptions::default;
    let builder = Server::builder().map(ACT, actor, options()).map("/deep/er", other, options());
    let site = Site::in_memory(builder.build().unwrap());
    let mut here = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    let mut there = Session::new(&site, "/deep/er", TransportKind::WebSockets).await.begin().await;
    there.send("for there").await;
    here.send("all for here").await;
    assert_eq!(here.messages(1).await, ["for here"]);
    assert_eq!(there.messages(1).await, ["for there"]);
    assert_eq!(other_log.lines(), ["for there"]);
    assert_eq!(actor_log.lines(), ["connected -", "received - all for here"]);
}

#[tokio::test(start_paused = true)]
async fn cp_013_a_base_path_matches_whole_segments_only() {
    let (site, _) = stage();
    for (path, status) in
        [("/act/ping", 200), ("/act2/ping", 404), ("/ac/ping", 404), ("/x/act/ping", 404), ("/actping", 404)]
    {
        assert_eq!(site.ask(&Ask::get(path)).await.status(), status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_014_commands_and_base_paths_are_recognised_in_any_case_whatever_stands_between() {
    let (site, _) = stage();
    for path in ["/act/negotiate", "/ACT/Negotiate", "/act/hubs/NEGOTIATE"] {
        let answer = site.ask(&Ask::get(path)).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.json()["ConnectionToken"].is_string(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_015_a_poll_on_the_bare_base_path_is_a_poll() {
    let (site, log) = stage();
    let session = Session::of_version(&site, ACT, TransportKind::LongPolling, None).await;
    let mut first = session.begin().await;
    let session = first.session.clone();
    first.rest().await;
    let mut poll = session.try_open_as(&session.receive("").at(ACT)).await.unwrap();
    session.post("echo hello").await;
    assert_eq!(poll.messages(1).await, ["hello"]);
    assert_eq!(log.count("reconnected -"), 0);
}

#[tokio::test(start_paused = true)]
async fn cp_016_any_other_transport_on_the_bare_base_path_is_a_reconnect() {
    for kind in [TransportKind::WebSockets, TransportKind::ServerSentEvents, TransportKind::ForeverFrame] {
        let (site, log) = stage();
        let session = Session::of_version(&site, ACT, kind, None).await.begin().await.vanish();
        let mut again = session.try_open_as(&session.receive("").at(ACT)).await.unwrap();
        log.wait("reconnected -").await;
        again.send("echo back").await;
        assert_eq!(again.messages(1).await, ["back"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_017_no_command_depends_on_the_method() {
    for method in ["GET", "POST", "PUT"] {
        let (site, log) = stage();
        let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
        for command in ["negotiate", "ping"] {
            assert_eq!(
                site.ask(&session.command(command).by(method)).await.status(),
                200,
                "{method} {command}"
            );
        }
        let connect = session.receive("connect").by(method);
        let mut channel = session.try_open_as(&connect).await.unwrap();
        channel.until_initialized().await;
        let session = channel.session.clone();
        assert_eq!(site.ask(&session.command("start").by(method)).await.status(), 200, "{method} start");
        let send = session.command("send").by(method).form(&[("data", "echo hello")]);
        assert_eq!(site.ask(&send).await.status(), 200, "{method} send");
        for command in ["poll", "reconnect"] {
            let mut poll = session.try_open_as(&session.receive(command).by(method)).await.unwrap();
            assert_eq!(poll.messages(1).await, ["hello"], "{method} {command}");
        }
        assert_eq!(site.ask(&session.command("abort").by(method)).await.status(), 200, "{method} abort");
        log.wait("disconnected - Stopped").await;
    }
}

#[tokio::test(start_paused = true)]
async fn cp_018_cp_019_cp_020_a_body_is_a_form_whatever_its_content_type_says() {
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let mut channel = session.begin().await;
    let send = session.command("send").by("POST").form(&[("data", "echo hello")]);
    let types = ["", "application/x-www-form-urlencoded; charset=UTF-8", "application/json", "text/plain"];
    for content_type in types {
        let ask = if content_type.is_empty() {
            send.clone()
        } else {
            send.clone().header("Content-Type", content_type)
        };
        assert_eq!(site.ask(&ask).await.status(), 200, "{content_type}");
        assert_eq!(channel.messages(1).await, ["hello"], "{content_type}");
    }
    let abort = session.command("abort").by("POST").header("Content-Type", "application/json; charset=UTF-8");
    assert_eq!(site.ask(&abort.body("")).await.status(), 200);
    log.wait("disconnected - Stopped").await;
}

#[tokio::test(start_paused = true)]
async fn cp_021_plus_is_a_space_and_percent_2b_a_plus_in_query_and_form() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::ServerSentEvents).await;
    let mut channel = session.begin().await;
    let send = session.command("send").by("POST");
    assert_eq!(site.ask(&send.clone().body("data=echo+a%2Bb+c")).await.status(), 200);
    assert_eq!(channel.messages(1).await, ["a+b c"]);
    assert_eq!(site.ask(&send.raw("mine=a+b%2Bc").body("data=query mine")).await.status(), 200);
    assert_eq!(channel.messages(1).await, ["a b+c"]);
}

#[tokio::test(start_paused = true)]
async fn cp_022_unescaped_brackets_braces_and_quotes_in_a_query_are_accepted_on_every_transport() {
    let server = Server::builder().hub(Listed).build().unwrap();
    let site = Site::in_memory(server);
    for kind in ALL {
        let session = Session::new(&site, "/signalr", kind).await;
        let data = r#"connectionData=[{"Name":"Listed"}]&x=|^`\"#;
        assert_eq!(site.ask(&session.command("negotiate").raw(data)).await.status(), 200);
        let mut channel = session.try_open_as(&session.receive("connect").raw(data)).await.unwrap();
        channel.until_initialized().await;
    }
}

struct Listed;

#[heliostat::hub]
impl Listed {
    fn nothing(&self) {}
}

#[tokio::test(start_paused = true)]
async fn cp_023_parameter_names_are_matched_without_case() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let connect = Ask::get(&format!("{ACT}/connect"))
        .with("TRANSPORT", "LONGpolling")
        .with("ConnectionTOKEN", &session.token)
        .with("CLIENTPROTOCOL", "2.1");
    let response = site.ask(&connect).await.json();
    let cursor = response["C"].as_str().unwrap();
    assert_eq!(response["S"], 1);
    session.ask("start").await;
    let send = session.command("send").by("POST").form(&[("DATA", "echo hello")]);
    assert_eq!(site.ask(&send).await.status(), 200);
    let poll = session.command("poll").with("MESSAGEid", cursor);
    assert_eq!(site.ask(&poll).await.json()["M"][0], "hello");
}

#[tokio::test(start_paused = true)]
async fn cp_024_unknown_parameters_are_ignored_and_the_application_sees_them() {
    for kind in ALL {
        let (site, _) = stage();
        let session =
            Session::new(&site, ACT, kind).await.with("tid", "4").with("_", "1").with("mine", "yes");
        let mut channel = session.begin().await;
        channel.send("query mine").await;
        assert_eq!(channel.messages(1).await, ["yes"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_025_cursor_and_groups_token_are_read_from_the_query_first_and_then_from_the_form() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let mut channel = session.begin().await;
    let early = channel.session.cursor.clone().unwrap();
    channel.send("echo one").await;
    channel.messages(1).await;
    let late = channel.session.cursor.clone().unwrap();
    let poll = session.command("poll").by("POST");
    let from_form = site.ask(&poll.clone().form(&[("messageId", &early)])).await.json();
    assert_eq!(from_form["M"][0], "one");
    let both = poll.with("messageId", &early).form(&[("messageId", &late)]);
    assert_eq!(site.ask(&both).await.json()["M"][0], "one", "the query counts");

    channel.session.cursor = Some(late);
    channel.change_groups("join room").await;
    let member = channel.session.clone();
    let reconnect = member.command("reconnect").by("POST");
    let fields = [
        ("messageId", member.cursor.as_deref().unwrap()),
        ("groupsToken", member.groups_token.as_deref().unwrap()),
    ];
    let mut poll = member.try_open_as(&reconnect.form(&fields)).await.unwrap();
    member.post("group room inside").await;
    assert_eq!(poll.messages(1).await, ["inside"]);
}

#[tokio::test(start_paused = true)]
async fn cp_026_a_connection_token_on_negotiate_is_ignored_even_if_it_is_not_valid_or_not_mine() {
    let (site, _) = stage();
    let of_ann = Session::of_user(&site, ACT, TransportKind::WebSockets, "ann").await;
    for token in ["garbage", "", &of_ann.token] {
        let answer = site.ask(&Ask::get("/act/negotiate").with("connectionToken", token)).await;
        assert_eq!(answer.status(), 200, "{token}");
        assert_ne!(answer.json()["ConnectionId"], of_ann.id);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_027_cp_028_hubs_are_listed_with_name_in_any_case_or_not_at_all() {
    let site = Site::in_memory(Server::builder().hub(Listed).build().unwrap());
    let session = Session::new(&site, "/signalr", TransportKind::LongPolling).await;
    for data in [r#"[{"name":"listed"}]"#, r#"[{"Name":"Listed"}]"#, r#"[{"NAME":"LISTED"}]"#, "[]", ""] {
        let answer = site.ask(&session.receive("connect").with("connectionData", data)).await;
        assert_eq!(answer.json()["S"], 1, "{data}");
    }
    assert_eq!(site.ask(&session.receive("connect")).await.json()["S"], 1);
}

#[tokio::test(start_paused = true)]
async fn cp_029_ping_answers_pong_without_token_or_transport() {
    let (site, _) = stage();
    let answer = site.ask(&Ask::get("/act/ping")).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, r#"{ "Response": "pong" }"#));
    assert_eq!(answer.head.header("content-type"), Some("application/json; charset=UTF-8"));
}

#[tokio::test(start_paused = true)]
async fn cp_030_abort_answers_at_once_with_an_empty_body_though_disconnected_still_runs() {
    struct Lingering(crate::actor::Gate, Log);
    impl heliostat::PersistentConnection for Lingering {
        async fn disconnected(&self, _: &heliostat::Connection, _: heliostat::Reason) {
            self.1.note("disconnecting");
            self.0.wait().await;
            self.1.note("disconnected");
        }
    }
    let (gate, log) = (crate::actor::Gate::default(), Log::default());
    let lingering = Lingering(gate.clone(), log.clone());
    let server = Server::builder().map(ACT, lingering, EndpointOptions::default()).build().unwrap();
    let site = Site::in_memory(server);
    let channel = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await;
    let answer = channel.session.ask("abort").await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, ""));
    assert_eq!(answer.head.header("content-type"), Some("text/plain"));
    log.wait("disconnecting").await;
    assert_eq!(log.lines(), ["disconnecting"]);
    gate.open();
    log.wait("disconnected").await;
}

#[tokio::test(start_paused = true)]
async fn cp_031_a_hubs_send_answers_with_its_result_when_the_method_has_finished() {
    struct Slow;
    #[heliostat::hub]
    impl Slow {
        async fn answer(&self) -> u32 {
            tokio::time::sleep(std::time::Duration::from_secs(7)).await;
            42
        }
    }
    let site = Site::in_memory(Server::builder().hub(Slow).build().unwrap());
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let session = Session::new(&site, "/signalr", kind).await;
        let _channel = session.begin().await;
        let asked = tokio::time::Instant::now();
        let answer = session.post(r#"{"H":"slow","M":"answer","A":[],"I":0}"#).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, r#"{"R":42,"I":"0"}"#));
        assert_eq!(answer.head.header("content-type"), Some("application/json; charset=UTF-8"));
        assert!(asked.elapsed().as_secs() >= 7);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_032_a_persistent_connections_send_answers_with_an_empty_body() {
    let (site, log) = stage();
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let session = Session::new(&site, ACT, kind).await;
        let _channel = session.begin().await;
        let answer = session.post("note").await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, ""), "{kind:?}");
    }
    assert_eq!(log.count("received - note"), 3);
}

#[tokio::test(start_paused = true)]
async fn cp_033_cp_036_every_answer_says_nosniff_and_is_not_kept_by_caches() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let mut answers = vec![
        site.ask(&Ask::get("/act/connect")).await,
        site.ask(&Ask::get("/act/ping").header("X-Denied", "")).await,
    ];
    for command in ["negotiate", "ping", "connect", "start", "send", "abort"] {
        answers.push(site.ask(&session.command(command).by("POST").form(&[("data", "note")])).await);
    }
    for answer in &answers {
        assert_eq!(answer.head.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert!(answer.head.header("cache-control").unwrap().contains("no-cache"), "{answer:?}");
        assert_eq!(answer.head.header("expires"), Some("-1"), "{answer:?}");
    }
    for kind in HTTP_STREAMS {
        let channel = Session::new(&site, ACT, kind).await.open("connect").await;
        assert_eq!(channel.header("x-content-type-options"), Some("nosniff"));
        assert!(channel.header("cache-control").unwrap().contains("no-cache"));
    }
}

#[tokio::test(start_paused = true)]
async fn cp_034_streams_have_no_length_and_nobody_may_hold_them_back() {
    let (site, _) = stage();
    for kind in [TransportKind::ServerSentEvents, TransportKind::ForeverFrame, TransportKind::LongPolling] {
        let session = Session::new(&site, ACT, kind).await;
        let connect = session.receive("connect").header("Accept-Encoding", "gzip, br");
        let channel = session.try_open_as(&connect).await.unwrap();
        assert_eq!(channel.header("content-length"), None, "{kind:?}");
        assert_eq!(channel.header("content-encoding"), None, "{kind:?}");
        assert_eq!(channel.header("transfer-encoding"), Some("chunked"), "{kind:?}");
        assert_eq!(channel.header("x-accel-buffering"), Some("no"), "{kind:?}");
        assert!(channel.header("cache-control").unwrap().contains("no-transform"), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_035_content_types_are_those_of_the_table() {
    const JSON: Option<&str> = Some("application/json; charset=UTF-8");
    let site = Site::in_memory(Server::builder().hub(Listed).build().unwrap());
    for (kind, expected) in [
        (TransportKind::ServerSentEvents, Some("text/event-stream")),
        (TransportKind::ForeverFrame, Some("text/html; charset=UTF-8")),
        (TransportKind::LongPolling, JSON),
    ] {
        let channel = Session::new(&site, "/signalr", kind).await.open("connect").await;
        assert_eq!(channel.header("content-type"), expected, "{kind:?}");
        for (command, expected) in
            [("negotiate", JSON), ("ping", JSON), ("start", JSON), ("abort", Some("text/plain"))]
        {
            let answer = channel.session.ask(command).await;
            assert_eq!(answer.head.header("content-type"), expected, "{command}");
        }
    }
    let session = Session::new(&site, "/signalr", TransportKind::LongPolling).await;
    let send = session.post(r#"{"H":"Listed","M":"nothing","A":[],"I":0}"#).await;
    assert_eq!(send.head.header("content-type"), JSON);
    let script = site.ask(&Ask::get("/signalr/hubs")).await;
    assert_eq!(script.head.header("content-type"), Some("application/javascript; charset=UTF-8"));
}

#[tokio::test(start_paused = true)]
async fn cp_062_hubs_and_js_give_the_script_with_the_path_that_was_asked() {
    let site = Site::in_memory(Server::builder().hub(Listed).build().unwrap());
    for path in ["/signalr/hubs", "/signalr/hubs/", "/signalr/js", "/signalr/js/"] {
        let answer = site.ask(&Ask::get(path)).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.body.contains("\"/signalr\"") && answer.body.contains("listed"), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn cp_070_with_proxies_switched_off_the_script_only_throws() {
    let options =
        EndpointOptions { javascript_proxies: heliostat::JavaScriptProxies::Off, ..Default::default() };
    let site = Site::in_memory(Server::builder().hub(Listed).map_hubs("/signalr", options).build().unwrap());
    let answer = site.ask(&Ask::get("/signalr/hubs")).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.body.contains("throw") && !answer.body.contains("listed"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn cp_076_the_url_is_the_path_that_was_asked_also_behind_a_prefix() {
    let (site, _) = stage();
    for (path, url) in [("/act/negotiate", "/act"), ("/act/deeper/negotiate", "/act/deeper")] {
        assert_eq!(site.ask(&Ask::get(path)).await.json()["Url"], url);
    }
    let long = format!("/act/negotiate?x={}", escape(&"x".repeat(12_000)));
    assert_eq!(site.ask(&Ask::get(&long)).await.status(), 200, "request lines may be long");
}

#[tokio::test(start_paused = true)]
async fn cp_076_behind_a_host_that_strips_the_path_the_url_is_still_the_public_one() {
    use http_body_util::BodyExt;
    use tower_service::Service;
    let (site, _) = stage();
    let mut nested = site.server.nested("/act").unwrap();
    for (path, url) in [("/negotiate", "/act"), ("/deeper/negotiate", "/act/deeper")] {
        let request = http::Request::get(path).body(String::new()).unwrap();
        let answer = nested.call(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["Url"], url, "{path}");
    }
    let error = site.server.nested("/nothing").unwrap_err();
    assert!(error.to_string().contains("/act"), "it names what is mapped: {error}");
}

#[tokio::test(start_paused = true)]
async fn cookies_and_the_user_reach_the_application_on_every_transport() {
    for kind in ALL {
        let (site, _) = stage();
        let session =
            Session::of_user(&site, ACT, kind, "ann").await.with_header("Cookie", "a=1; theme=dark");
        let mut channel = session.begin().await;
        for (order, expected) in [("cookie theme", "dark"), ("cookie a", "1"), ("user", "ann")] {
            channel.send(order).await;
            assert_eq!(channel.messages(1).await, [expected], "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_in_the_middle_of_a_request_leaves_nothing_behind() {
    use tokio::io::AsyncWriteExt;
    let (site, log) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let target = format!("/act/send?transport=longPolling&connectionToken={}", session.token);
    let request = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\ndata=echo+hello");
    for cut in [10, 40, request.len() - 20, request.len()] {
        let mut line = site.dial().await;
        line.write_all(&request.as_bytes()[..cut]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(log.lines().is_empty());
    assert_eq!(site.counter("Connections Current"), 0);
}
