//! The two tokens that a client carries: who it is, and which groups it is in (spec 4, 12).

use heliostat::{KeyRing, TransportKind};

use crate::{
    actor::{ACT, farm, stage, stage_with},
    session::{ALL, STREAMS, Session},
};

/// The status of a start with this token: 200 if it is accepted.
async fn status_with(session: &Session, token: &str) -> u16 {
    let mut session = session.clone();
    token.clone_into(&mut session.token);
    session.ask("start").await.status()
}

#[tokio::test(start_paused = true)]
async fn cp_087_the_id_that_counts_is_the_one_in_the_token() {
    let (site, _) = stage();
    let ann = Session::new(&site, ACT, TransportKind::WebSockets).await;
    let bob = Session::new(&site, ACT, TransportKind::WebSockets).await;
    let mut of_ann = ann.begin().await;
    let mut of_bob = bob.with("connectionId", &ann.id).begin().await;
    let context = site.server.persistent(ACT).unwrap();
    context.send(heliostat::ConnectionId::parse(&ann.id).unwrap(), "for ann").unwrap();
    context.send(heliostat::ConnectionId::parse(&of_bob.session.id).unwrap(), "for bob").unwrap();
    assert_eq!(of_ann.messages(1).await, ["for ann"]);
    assert_eq!(of_bob.messages(1).await, ["for bob"]);
}

#[tokio::test(start_paused = true)]
async fn cp_088_cp_089_user_names_compare_without_case_and_may_contain_colons() {
    let (site, _) = stage();
    for name in ["Ann", "corp:ann:2", "a b+c%", ":"] {
        let session = Session::of_user(&site, ACT, TransportKind::LongPolling, name).await;
        assert_eq!(session.ask("start").await.status(), 200, "{name}");
        let shouted = session.command("start").without_header("X-User");
        let shouted = shouted.header("X-User", &name.to_uppercase());
        assert_eq!(site.ask(&shouted).await.status(), 200, "{name}");
    }
    let anonymous = Session::new(&site, ACT, TransportKind::LongPolling).await;
    assert_eq!(site.ask(&anonymous.command("start").header("X-User", "")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn cp_090_a_server_with_the_same_keys_accepts_the_token_and_another_does_not() {
    let [(one, _), (two, _)] = farm();
    let (stranger, _) = stage();
    for kind in ALL {
        let session = Session::new(&one, ACT, kind).await;
        session.at(&two).begin().await;
        let refused = session.at(&stranger).try_open("connect").await.err();
        assert_eq!(refused.map(|answer| answer.status()), Some(400), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_091_a_token_survives_a_restart_if_the_keys_are_kept_and_rotation_too() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || KeyRing::in_folder(folder.path()).unwrap();
    let (before, _) = stage_with(|builder| builder.keys(kept()));
    let session = Session::new(&before, ACT, TransportKind::WebSockets).await.begin().await.vanish();
    let (after, log) = stage_with(|builder| builder.keys(kept()));
    let mut channel = session.at(&after).open("reconnect").await;
    log.wait("reconnected -").await;
    channel.send("echo still me").await;
    assert_eq!(channel.messages(1).await, ["still me"]);

    kept().rotated(2).unwrap().save_in_folder(folder.path()).unwrap();
    let (rotated, _) = stage_with(|builder| builder.keys(kept()));
    session.at(&rotated).open("reconnect").await;
}

#[tokio::test(start_paused = true)]
async fn cp_092_a_groups_token_is_no_connection_token_and_vice_versa() {
    let (site, _) = stage();
    let mut channel = Session::new(&site, ACT, TransportKind::ServerSentEvents).await.begin().await;
    channel.change_groups("join room").await;
    let mut session = channel.session.clone();
    let groups_token = session.groups_token.clone().unwrap();
    assert_eq!(status_with(&session, &groups_token).await, 400);
    session.groups_token = Some(session.token.clone());
    let mut without_groups = session.open("reconnect").await;
    let context = site.server.persistent(ACT).unwrap();
    context.send_to_group("room", "inside").unwrap();
    context.broadcast("for all").unwrap();
    assert_eq!(without_groups.messages(1).await, ["for all"]);
}

#[tokio::test(start_paused = true)]
async fn cp_093_a_groups_token_of_another_connection_is_ignored() {
    for kind in STREAMS {
        let (site, _) = stage();
        let mut ann = Session::new(&site, ACT, kind).await.begin().await;
        ann.change_groups("join room").await;
        let mut eve = Session::new(&site, ACT, kind).await.begin().await.vanish();
        eve.groups_token = ann.session.groups_token.clone();
        let mut eve = eve.open("reconnect").await;
        let context = site.server.persistent(ACT).unwrap();
        context.send_to_group("room", "inside").unwrap();
        context.broadcast("for all").unwrap();
        assert_eq!(ann.messages(2).await, ["inside", "for all"]);
        assert_eq!(eve.messages(1).await, ["for all"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_096_changing_any_letter_of_a_token_is_noticed() {
    let (site, _) = stage();
    let session = Session::of_user(&site, ACT, TransportKind::LongPolling, "ann").await;
    for at in 0..session.token.len() {
        let mut changed = session.token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(status_with(&session, &changed).await, 400, "letter {at}");
    }
    for length in 0..session.token.len() {
        assert_eq!(status_with(&session, &session.token[..length]).await, 400, "cut at {length}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_097_a_token_that_is_not_escaped_arrives_whole() {
    let (site, _) = stage();
    let session = Session::new(&site, ACT, TransportKind::LongPolling).await;
    let raw = session.command("start").without("connectionToken");
    let raw = raw.raw(&format!("connectionToken={}", session.token));
    assert_eq!(site.ask(&raw).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn cp_251_a_user_who_changes_during_a_connection_gets_403_on_the_next_request() {
    for kind in ALL {
        let (site, log) = stage();
        let channel = Session::of_user(&site, ACT, kind, "ann").await.begin().await;
        let session = channel.session.clone();
        for command in ["send", "start", "reconnect", "poll", "abort"] {
            let as_bob = session.receive(command).without_header("X-User").header("X-User", "bob");
            let answer = site.ask(&as_bob).await;
            assert_eq!(answer.status(), 403, "{kind:?} {command}");
        }
        assert_eq!(log.lines(), ["connected -"]);
    }
}
