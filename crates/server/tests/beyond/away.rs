//! Nothing that is sent to a client is lost while it is away, however many other connections come and go meanwhile.

use std::time::Duration;

use heliostat::{
    AfterLoss, ConnectionId, GroupError, Groups, LateReturn, LossCause, LostCount, Server, Settings,
    TransportKind, UserId,
};

use crate::{
    actor::{ACT, stage_with},
    losses::Told,
    session::{ALL, Channel, Session},
    site::Site,
};

/// More than the topics that nobody reads any more and that are kept all the same.
const MANY: usize = 1100;

struct Rooms;

#[heliostat::hub]
impl Rooms {
    async fn enter(&self, groups: Groups, room: String) -> Result<(), GroupError> {
        groups.join(&room).await
    }
}

/// A server with [`Rooms`], whose users are called as they say.
fn rooms(told: &Told) -> Site {
    let builder = Server::builder().hub(Rooms).on_lost(told.hook(AfterLoss::GoOn));
    Site::in_memory(builder.user_id(|request| UserId::parse(request.query("user")?).ok()).build().unwrap())
}

async fn begin(site: &Site, kind: TransportKind, user: &str) -> Channel {
    let session = Session::new(site, "/signalr", kind).await;
    session.with("user", user).with("connectionData", r#"[{"name":"rooms"}]"#).begin().await
}

/// Other connections come, each with a user of its own, and go.
async fn come_and_go(site: &Site, count: usize) {
    for number in 0..count {
        let channel = begin(site, TransportKind::WebSockets, &format!("user {number}")).await;
        channel.session.abort().await;
    }
}

fn id_of(session: &Session) -> ConnectionId {
    ConnectionId::parse(&session.id).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_away_finds_everything_though_thousands_come_and_go_meanwhile() {
    let told = Told::default();
    let site = rooms(&told);
    // They are over while the others are away.
    for _ in 0..50 {
        begin(&site, TransportKind::ServerSentEvents, "gone").await.vanish();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut away = Vec::new();
    for kind in ALL {
        let mut channel = begin(&site, kind, kind.as_str()).await;
        let enter = format!(r#"{{"H":"rooms","M":"enter","A":["{kind}"],"I":0}}"#);
        channel.change_groups(&enter).await;
        away.push(channel.vanish());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let clients = site.server.hub::<Rooms>().unwrap().clients();
    let send = |when: &str| {
        for session in &away {
            let whom = session.kind.as_str();
            clients.client(id_of(session)).invoke(when, ("you",)).unwrap();
            clients.user(whom).invoke(when, ("your user",)).unwrap();
            clients.group(whom).invoke(when, ("your group",)).unwrap();
        }
        clients.all().invoke(when, ("everyone",)).unwrap();
    };
    send("first");
    come_and_go(&site, MANY).await;
    tokio::time::sleep(Duration::from_secs(27)).await;
    assert_eq!(site.counter("Connections Disconnected"), i64::try_from(MANY).unwrap() + 50);
    send("last");
    for session in &away {
        let messages = session.open("reconnect").await.messages(8).await;
        let said: Vec<_> =
            messages.iter().map(|message| format!("{} {}", message["M"], message["A"])).collect();
        let whom = ["you", "your user", "your group", "everyone"];
        let expected = ["first", "last"].map(|when| whom.map(|whom| format!(r#""{when}" ["{whom}"]"#)));
        assert_eq!(said, expected.concat(), "{}", session.kind);
    }
    assert_eq!(told.take().await, []);
    assert_eq!(site.counter("Messages Lost Total"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_may_come_back_after_the_end_is_told_of_what_was_pushed_out_meanwhile() {
    for (others, lost) in [(10, 0), (MANY, 1)] {
        let told = Told::default();
        let hook = told.hook(AfterLoss::GoOn);
        let settings = Settings { late_return: LateReturn::Continue, ..Settings::default() };
        let (site, log) = stage_with(|builder| builder.settings(settings).on_lost(hook));
        let session = Session::new(&site, ACT, TransportKind::LongPolling).await.begin().await.vanish();
        tokio::time::sleep(Duration::from_secs(36)).await;
        log.wait("disconnected - TimedOut").await;
        site.server.persistent(ACT).unwrap().send(id_of(&session), "kept").unwrap();
        for _ in 0..others {
            Session::new(&site, ACT, TransportKind::LongPolling).await.open("connect").await.vanish();
        }
        tokio::time::sleep(Duration::from_secs(36)).await;
        let mut channel = session.open("reconnect").await;
        if lost == 0 {
            assert_eq!(channel.messages(1).await, ["kept"]);
        }
        let expected = (session.id.clone(), LossCause::TooLongAway, LostCount::AtLeast(1));
        assert_eq!(told.take().await, vec![expected; lost], "{others} others");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_when_nobody_remembers_it_is_told_what_was_sent_before_its_end() {
    let told = Told::default();
    let hook = told.hook(AfterLoss::GoOn);
    let (site, log) = stage_with(|builder| builder.on_lost(hook));
    // Keeps what all read.
    let _stays = Session::new(&site, ACT, TransportKind::ServerSentEvents).await.begin().await;
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await.with("who", "ann").begin().await;
    let session = session.vanish();
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.server.persistent(ACT).unwrap().send(id_of(&session), "unread").unwrap();
    tokio::time::sleep(Duration::from_secs(145)).await;
    let _channel = session.open("reconnect").await;
    log.wait("reconnected ann").await;
    assert_eq!(told.take().await, [(session.id, LossCause::TooLongAway, LostCount::AtLeast(1))]);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_a_connection_that_is_over_or_never_was_leaves_nothing_behind() {
    let (site, log) = stage_with(|builder| builder);
    let topics = || site.counter("Message Bus Topics Current");
    let _stays = Session::new(&site, ACT, TransportKind::ServerSentEvents).await.begin().await;
    let before = topics();
    for kind in ALL {
        let everyone = site.server.persistent(ACT).unwrap();
        let stopped = Session::new(&site, ACT, kind).await.begin().await.session;
        stopped.abort().await;
        let lost = Session::new(&site, ACT, kind).await.with("who", kind.as_str()).begin().await.vanish();
        let never = Session::new(&site, ACT, kind).await;
        let dismissed = Session::new(&site, ACT, kind).await.begin().await;
        assert!(site.server.disconnect(id_of(&dismissed.session)));
        let dismissed = dismissed.vanish();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(topics(), before + 1, "{kind}: of the one that may come back");
        everyone.send(id_of(&lost), "unread").unwrap();
        tokio::time::sleep(Duration::from_secs(40)).await;
        log.wait(&format!("disconnected {kind} TimedOut")).await;
        for session in [stopped, lost, never, dismissed] {
            let id = id_of(&session);
            everyone.send(id, "too late").unwrap();
            let change = everyone.add_to_group(id, "room").await;
            assert!(matches!(change, Err(GroupError::NotConnected { .. })), "{kind}: it is known at once");
            assert_eq!(topics(), before, "{kind}");
        }
    }
}
