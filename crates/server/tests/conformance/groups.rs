//! Groups: the token that carries them, and when joining is done (spec 4.2, 5.7, 5.9, 7.8).

use std::time::Duration;

use heliostat::{ConnectionId, GroupError, TransportKind};

use crate::{
    actor::{ACT, farm, stage},
    session::{ALL, STREAMS, Session},
};

#[tokio::test(start_paused = true)]
async fn cp_094_cp_095_every_change_sends_a_token_for_the_whole_set_also_the_empty_one() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        let mut tokens = vec![(Vec::new(), None)];
        for (order, set) in [
            ("join a", vec!["a"]),
            ("join b", vec!["a", "b"]),
            ("leave a", vec!["b"]),
            ("leave b", vec![]),
            ("join c", vec!["c"]),
        ] {
            channel.change_groups(order).await;
            tokens.push((set, channel.session.groups_token.clone()));
        }
        let mut session = channel.vanish();
        for (set, token) in tokens {
            session.groups_token = token;
            let mut channel = session.open("reconnect").await;
            for group in ["a", "b", "c"] {
                context.send_to_group(group, group).unwrap();
            }
            context.broadcast("end").unwrap();
            let mut heard = Vec::new();
            while heard.last().is_none_or(|last| last != "end") {
                heard.extend(channel.messages(1).await);
            }
            heard.pop();
            assert_eq!(heard, set, "{kind:?}");
            session.cursor = channel.session.cursor.clone();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_094_a_change_that_changes_nothing_sends_no_token_and_completes() {
    for kind in STREAMS {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        channel.change_groups("join a").await;
        for order in ["join a", "leave stranger"] {
            channel.order(order).await;
            channel.order("echo done").await;
            let response = channel.json().await;
            assert!(
                response.get("G").is_none() && response["M"][0] == "done",
                "{kind:?} {order}: {response}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_116_adding_completes_when_the_connection_takes_part_and_not_before() {
    for kind in ALL {
        let (site, _) = stage();
        let session = Session::new(&site, ACT, kind).await.begin().await.vanish();
        let context = site.server.persistent(ACT).unwrap();
        let id = ConnectionId::parse(&session.id).unwrap();
        let adding = {
            let context = context.clone();
            tokio::spawn(async move { context.add_to_group(id, "room").await })
        };
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!adding.is_finished(), "{kind:?}: the client is away");
        context.send_to_group("room", "too early").unwrap();
        let mut channel = session.open("reconnect").await;
        channel.until("G").await;
        adding.await.unwrap().unwrap();
        context.send_to_group("room", "inside").unwrap();
        assert_eq!(channel.messages(1).await, ["inside"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_116_what_is_sent_to_a_group_right_after_joining_arrives() {
    for kind in STREAMS {
        let (site, _) = stage();
        let channel = Session::new(&site, ACT, kind).await.begin().await;
        let id = ConnectionId::parse(&channel.session.id).unwrap();
        let context = site.server.persistent(ACT).unwrap();
        let listening = tokio::spawn(async move {
            let mut channel = channel;
            channel.messages(50).await
        });
        for number in 0..50 {
            let group = format!("room {number}");
            context.add_to_group(id, &group).await.unwrap();
            context.send_to_group(&group, number).unwrap();
            context.remove_from_group(id, &group).await.unwrap();
            context.send_to_group(&group, "after leaving").unwrap();
        }
        let expected: Vec<_> = (0..50).map(serde_json::Value::from).collect();
        assert_eq!(listening.await.unwrap(), expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_117_a_change_for_a_connection_that_is_away_fails_after_30_to_35_seconds_and_for_none_at_once() {
    let (site, _) = stage();
    let context = site.server.persistent(ACT).unwrap();
    let unknown = ConnectionId::parse("5f0e2c1a-7d44-4b0e-9a53-0b6c1f2e9d77").unwrap();
    let away = Session::new(&site, ACT, TransportKind::WebSockets).await.begin().await.vanish();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let why = |error: &GroupError| match error {
        GroupError::NotConnected { connection, .. } => Some((*connection, "not connected")),
        GroupError::NotAcknowledged { connection, .. } => Some((*connection, "away")),
        GroupError::EmptyName | _ => None,
    };
    let away = ConnectionId::parse(&away.id).unwrap();
    for (id, expected, within) in [(unknown, "not connected", 0..=0), (away, "away", 30..=35)] {
        let asked = tokio::time::Instant::now();
        let error = context.add_to_group(id, "room").await.unwrap_err();
        assert_eq!(why(&error), Some((id, expected)));
        let took = asked.elapsed();
        assert!(within.contains(&took.as_secs()), "{id}: {took:?}");
    }
    assert_eq!(context.add_to_group(unknown, "").await, Err(GroupError::EmptyName));
}

#[tokio::test(start_paused = true)]
async fn cp_118_joining_twice_brings_each_message_once() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        channel.change_groups("join room").await;
        channel.order("join room").await;
        let context = site.server.persistent(ACT).unwrap();
        for number in 0..5 {
            context.send_to_group("room", number).unwrap();
        }
        assert_eq!(channel.messages(5).await, [0, 1, 2, 3, 4], "{kind:?}");
        // With its token it joins once more, and the command is in its replay too.
        let mut again = channel.vanish().open("reconnect").await;
        context.send_to_group("room", "once").unwrap();
        context.broadcast("end").unwrap();
        assert_eq!(again.messages(2).await, ["once", "end"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_184_cp_185_groups_come_back_through_the_rejoin_hook_which_may_drop_some() {
    for kind in ALL {
        let [(first, _), (second, _)] = farm();
        let mut channel = Session::new(&first, ACT, kind).await.begin().await;
        channel.change_groups("join kept").await;
        channel.change_groups("join dropped").await;
        let session = channel.vanish().at(&second).with("drop-group", "dropped");
        let mut channel = session.open("reconnect").await;
        let context = second.server.persistent(ACT).unwrap();
        context.send_to_group("dropped", "no").unwrap();
        context.send_to_group("kept", "yes").unwrap();
        assert_eq!(channel.messages(1).await, ["yes"], "{kind:?}");
        channel.change_groups("leave kept").await;
        let mut again = channel.vanish().open("reconnect").await;
        context.send_to_group("kept", "no").unwrap();
        context.broadcast("for all").unwrap();
        assert_eq!(again.messages(1).await, ["for all"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_186_groups_are_not_carried_over_to_a_new_connection() {
    for kind in ALL {
        let (site, _) = stage();
        let mut first = Session::new(&site, ACT, kind).await.begin().await;
        first.change_groups("join room").await;
        first.session.abort().await;
        let mut second = Session::new(&site, ACT, kind).await;
        second.groups_token = first.session.groups_token.clone();
        let mut channel = second.begin().await;
        let context = site.server.persistent(ACT).unwrap();
        context.send_to_group("room", "no").unwrap();
        context.broadcast("for all").unwrap();
        assert_eq!(channel.messages(1).await, ["for all"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_105_a_change_of_groups_is_replayed_at_its_place() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let before = channel.session.clone();
        let context = site.server.persistent(ACT).unwrap();
        channel.change_groups("join room").await;
        context.send_to_group("room", "inside").unwrap();
        channel.change_groups("leave room").await;
        context.send_to_group("room", "outside").unwrap();
        context.broadcast("end").unwrap();
        // It never got any of this: its cursor is from before it joined.
        let mut again = before.open("reconnect").await;
        assert_eq!(again.messages(2).await, ["inside", "end"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_groups_fits_into_the_request_line() {
    for kind in ALL {
        let (site, _) = stage();
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        for number in 0..100 {
            channel.change_groups(&format!("join a group with quite a long name, number {number}")).await;
        }
        let length = channel.session.groups_token.as_ref().unwrap().len();
        assert!(length > 5000, "{length}");
        let mut again = channel.vanish().open("reconnect").await;
        let context = site.server.persistent(ACT).unwrap();
        context.send_to_group("a group with quite a long name, number 99", "inside").unwrap();
        assert_eq!(again.messages(1).await, ["inside"], "{kind:?}");
    }
}
