//! One poll after the other: the next one goes on where the last answer ended, if the client has got it, and nothing is missed or
//! repeated otherwise.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use heliostat::{
    AfterLoss, EndpointOptions, Jsonp, LossCause, LostCount, MessageBuffer, PersistentContext, Server,
    Settings, TransportKind, UserId,
};
use serde_json::{Value, json};

use crate::{
    actor::{ACT, stage, stage_at, stage_with},
    session::{Heard, Session},
    site::Site,
};

async fn polling(site: &Site) -> (Session, PersistentContext) {
    let session = Session::new(site, ACT, TransportKind::LongPolling).await.begin().await.session;
    (session, site.server.persistent(ACT).unwrap())
}

/// Polls once; the client remembers cursor and groups token.
async fn poll(session: &mut Session) -> Vec<Value> {
    let mut channel = session.open("poll").await;
    let answer = channel.json().await;
    assert_eq!(channel.hear_soon().await, Heard::End(None));
    *session = channel.session;
    answer["M"].as_array().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_published_between_two_polls_comes_exactly_once() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    for number in 0..20 {
        everyone.broadcast((number, "between")).unwrap();
        assert_eq!(poll(&mut session).await, [json!([number, "between"])]);
        let mut channel = session.open("poll").await;
        everyone.broadcast((number, "while it waits")).unwrap();
        assert_eq!(channel.json().await["M"], json!([[number, "while it waits"]]));
        session = channel.session;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_not_got_its_answer_gets_it_again_and_goes_on() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    for _ in 0..3 {
        everyone.broadcast("first").unwrap();
        let before = session.cursor.clone();
        assert_eq!(poll(&mut session).await, ["first"]);
        everyone.broadcast("second").unwrap();
        session.cursor = before;
        assert_eq!(poll(&mut session).await, ["first", "second"]);
        everyone.broadcast("third").unwrap();
        assert_eq!(poll(&mut session).await, ["third"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_names_a_later_place_than_its_last_answer_begins_there() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    let (mut other, _) = polling(&site).await;
    everyone.broadcast("first").unwrap();
    poll(&mut session).await;
    everyone.broadcast("second").unwrap();
    poll(&mut other).await;
    everyone.broadcast("third").unwrap();
    session.cursor = other.cursor.clone();
    assert_eq!(poll(&mut session).await, ["third"]);
}

#[tokio::test(start_paused = true)]
async fn each_poll_reads_the_groups_that_its_own_token_names() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    let mut tokens = vec![(Vec::new(), session.groups_token.clone())];
    for groups in [vec!["a"], vec!["a", "b"]] {
        let mut channel = session.open("poll").await;
        channel.change_groups(&format!("join {}", groups.last().unwrap())).await;
        session = channel.session;
        tokens.push((groups, session.groups_token.clone()));
    }
    // Each twice, so that the second time goes on with the first.
    for (groups, token) in tokens.iter().rev().chain(&tokens).flat_map(|set| [set, set]) {
        session.groups_token.clone_from(token);
        for group in ["a", "b"] {
            everyone.send_to_group(group, group).unwrap();
        }
        everyone.broadcast("end").unwrap();
        let expected: Vec<_> = groups.iter().chain(&["end"]).copied().map(Value::from).collect();
        assert_eq!(poll(&mut session).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_joined_and_left_between_polls_is_read_in_between() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    for _ in 0..3 {
        for order in ["join room", "leave room"] {
            let mut channel = session.open("poll").await;
            channel.change_groups(order).await;
            session = channel.session;
            everyone.send_to_group("room", order).unwrap();
            everyone.broadcast("end").unwrap();
            let expected = if order == "join room" { vec![order, "end"] } else { vec!["end"] };
            assert_eq!(poll(&mut session).await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_poll_hears_the_hubs_that_it_lists_and_what_is_for_its_own_user() {
    struct One;
    #[heliostat::hub]
    impl One {}
    struct Two;
    #[heliostat::hub]
    impl Two {}
    let user = |request: &heliostat::Request| UserId::parse(request.query("as")?).ok();
    let server = Server::builder().hub(One).hub(Two).user_id(user).build().unwrap();
    let site = Site::in_memory(server);
    let session = Session::new(&site, "/signalr", TransportKind::LongPolling).await;
    // Topics are there once somebody reads them.
    for name in ["ann", "bob"] {
        let reader = Session::new(&site, "/signalr", TransportKind::LongPolling).await;
        reader.with("connectionData", r#"[{"name":"one"}]"#).with("as", name).begin().await;
    }
    let both = session.clone().with("connectionData", r#"[{"name":"one"},{"name":"two"}]"#);
    let mut cursor = both.begin().await.session.cursor.unwrap();
    for (hubs, user, expected) in [
        (r#"[{"name":"one"}]"#, "ann", vec!["one ann", "one all"]),
        (r#"[{"name":"one"}]"#, "ann", vec!["one ann", "one all"]),
        (r#"[{"name":"one"}]"#, "bob", vec!["one bob", "one all"]),
        (r#"[{"name":"one"},{"name":"two"}]"#, "", vec!["two all", "one all"]),
        (r#"[{"name":"One"}]"#, "ann", vec!["one ann", "one all"]),
        (r#"[{"name":"two"}]"#, "ann", vec!["two all"]),
    ] {
        let hub = |name| site.server.hub_named(name).unwrap();
        for name in ["ann", "bob"] {
            hub("one").clients().user(name).invoke("m", (format!("one {name}"),)).unwrap();
        }
        hub("two").clients().all().invoke("m", ("two all",)).unwrap();
        hub("one").clients().all().invoke("m", ("one all",)).unwrap();
        let ask =
            session.command("poll").with("connectionData", hubs).with("as", user).with("messageId", &cursor);
        let answer = site.ask(&ask).await.json();
        let heard: Vec<_> = answer["M"].as_array().unwrap().iter().map(|message| &message["A"][0]).collect();
        assert_eq!(heard, expected, "{hubs} {user}");
        cursor = answer["C"].as_str().unwrap().to_owned();
    }
}

#[tokio::test(start_paused = true)]
async fn each_poll_is_answered_to_its_own_callback() {
    let (site, _) = stage_at(EndpointOptions { jsonp: Jsonp::On, ..Default::default() }, |builder| builder);
    let (mut session, everyone) = polling(&site).await;
    for callback in [None, Some("f"), Some("g"), Some("g"), None] {
        everyone.broadcast("hello").unwrap();
        let mut ask = session.receive("poll");
        if let Some(callback) = callback {
            ask = ask.with("callback", callback);
        }
        let body = site.ask(&ask).await.body;
        let answer = callback.map_or(body.as_str(), |callback| {
            body.split_once(callback).unwrap().1.trim_start_matches('(').trim_end_matches(");")
        });
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["M"], json!(["hello"]));
        session.cursor = Some(answer["C"].as_str().unwrap().to_owned());
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_polls_at_once_the_newer_gets_the_messages_and_the_older_an_empty_answer() {
    let (site, _) = stage();
    let (mut session, everyone) = polling(&site).await;
    everyone.broadcast("before").unwrap();
    poll(&mut session).await;
    for number in 0..3 {
        let mut older = session.open("poll").await;
        let mut newer = session.open("poll").await;
        assert_eq!(older.json().await["M"], json!([]));
        everyone.broadcast(number).unwrap();
        assert_eq!(newer.json().await["M"], json!([number]));
        assert_eq!(newer.hear_soon().await, Heard::End(None));
        session = newer.session;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_that_polls_too_late_has_missed_is_counted_exactly() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let (site, _) = stage_with(|builder| {
        let message_buffer = MessageBuffer { messages: 32, ..MessageBuffer::default() };
        builder.settings(Settings { message_buffer, ..Settings::default() }).on_lost(move |lost| {
            noted.lock().unwrap().push((lost.cause, lost.count));
            AfterLoss::GoOn
        })
    });
    let (mut session, everyone) = polling(&site).await;
    everyone.broadcast("before").unwrap();
    poll(&mut session).await;
    (0..40).for_each(|number| everyone.broadcast(number).unwrap());
    assert_eq!(poll(&mut session).await, (8..40).map(Value::from).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_millis(1)).await;
    let expected = (LossCause::TooLongAway, LostCount::Exactly(8));
    assert_eq!(*told.lock().unwrap(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_poll_again_leaves_nothing_behind() {
    let (site, log) = stage();
    let (mut session, everyone) = polling(&site).await;
    everyone.broadcast("hello").unwrap();
    poll(&mut session).await;
    assert_eq!(site.counter("Message Bus Subscribers Current"), 0, "between two polls nobody reads");
    assert_eq!(site.counter("Connections Current LongPolling"), 0);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    log.wait("disconnected - TimedOut").await;
    assert_eq!(site.counter("Message Bus Topics Current"), 0);
    assert_eq!(site.counter("Connections Current"), 0);
}

#[tokio::test(start_paused = true)]
async fn after_polls_another_transport_goes_on_where_they_ended() {
    let (site, log) = stage();
    let (mut session, everyone) = polling(&site).await;
    everyone.broadcast("polled").unwrap();
    poll(&mut session).await;
    everyone.broadcast("streamed").unwrap();
    let mut channel = session.over(TransportKind::ServerSentEvents).open("reconnect").await;
    assert_eq!(channel.messages(1).await, ["streamed"]);
    let mut back = channel.vanish().over(TransportKind::LongPolling);
    everyone.broadcast("polled again").unwrap();
    assert_eq!(poll(&mut back).await, ["polled again"]);
    assert_eq!(log.lines(), ["connected -", "reconnected -"]);
}
