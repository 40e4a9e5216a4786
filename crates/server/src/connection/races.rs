//! Everything that can end or change a connection, at once, over and over: the callbacks still tell one story.
//!
//! A record takes part in tokio (handlers run as tasks, the heartbeat is one), which loom cannot host; so
//! real threads race here, many times, each time from another head start. The queue under it is tried by loom in
//! `tests/races.rs`, and the state machine in proto's own tests.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use heliostat_bus::{Position, Start, Statistics, TopicName};
use heliostat_proto::{
    connection::{Input, Opening, Reason},
    id::ConnectionId,
    name::{HubName, UserId},
    protocol_version::ProtocolVersion,
    transport_kind::TransportKind,
};

use super::{Arrival, Callback, Known, Outcome, Owner, Record};
use crate::{
    application::{About, Admission, Context, Handling, Received},
    begun::Begun,
    failure::Failure,
    http::request::Request,
    server::{Core, Server},
    settings::{LateReturn, Settings},
    transport::{Framing, GroupsRead, Initializes, Link, LinkSeed, Now, ReaderSeed, link::Says},
};

/// Enough for every two threads to meet in every order on two cores; about a second in a debug build.
const ROUNDS: u32 = 2000;

/// An application that writes down what it is told, and whether it was told two things at once.
#[derive(Debug, Default)]
struct Witness {
    heard: Mutex<Vec<&'static str>>,
    is_busy: AtomicBool,
    was_disturbed: AtomicBool,
}

/// The witness, as a request brings it.
#[derive(Debug)]
struct Present {
    witness: Arc<Witness>,
    request: Arc<Request>,
}

impl Present {
    fn hear(&self, what: &'static str) -> BoxFuture<'static, ()> {
        let witness = Arc::clone(&self.witness);
        async move {
            if witness.is_busy.swap(true, Ordering::SeqCst) {
                witness.was_disturbed.store(true, Ordering::SeqCst);
            }
            tokio::task::yield_now().await;
            witness.heard.lock().unwrap().push(what);
            witness.is_busy.store(false, Ordering::SeqCst);
        }
        .boxed()
    }
}

impl Admission for Present {
    fn request(&self) -> &Arc<Request> {
        &self.request
    }

    fn hears(&self, _: &HubName) -> bool {
        true
    }

    fn topics(&self, _: Option<&UserId>) -> Vec<TopicName> {
        Vec::new()
    }

    fn rejoining_groups(&self, groups: Vec<String>) -> Vec<String> {
        groups
    }

    fn connected(&self, _: About<'_>) -> Option<Handling> {
        Some(self.hear("connected").map(Ok).boxed())
    }

    fn reconnected(&self, _: About<'_>) -> Option<Handling> {
        Some(self.hear("reconnected").map(Ok).boxed())
    }

    fn disconnected(&self, _: About<'_>, _: Reason) -> Option<Handling> {
        Some(self.hear("disconnected").map(Ok).boxed())
    }

    fn received(&self, _: Context, _: &str) -> Begun<Received> {
        Begun::Done(Received::Nothing)
    }
}

/// One connection and everything that can happen to it.
struct Stage {
    core: Arc<Core>,
    record: Arc<Record>,
    witness: Arc<Witness>,
    kind: TransportKind,
    links: Mutex<Vec<Arc<Link>>>,
}

impl Stage {
    fn new(core: &Arc<Core>, number: u32) -> Self {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&number.to_ne_bytes());
        let record = core.record(ConnectionId::from_random(random)).unwrap();
        let kind = if number % 4 < 2 { TransportKind::ServerSentEvents } else { TransportKind::LongPolling };
        Self { core: Arc::clone(core), record, witness: Arc::default(), kind, links: Mutex::default() }
    }

    fn polls(&self) -> bool {
        self.kind == TransportKind::LongPolling
    }

    fn owner(&self) -> Owner {
        let admission =
            Present { witness: Arc::clone(&self.witness), request: Arc::new(Request::to_connect(self.kind)) };
        Owner { admission: Arc::new(admission), endpoint: 0 }
    }

    fn open(&self, opening: Opening) {
        let owner = self.owner();
        let framing = if self.polls() { Framing::LongPolling } else { Framing::EventStream };
        let seed = LinkSeed {
            kind: self.kind,
            admission: Arc::clone(&owner.admission),
            topics: vec![self.record.topic.clone()],
            start: Start::After(Position::ZERO),
            came_at: self.core.now(),
            reader: ReaderSeed {
                connection: self.record.id,
                framing,
                groups: GroupsRead { prefix: "", names: BTreeSet::new() },
                initializes: Initializes::Yes,
            },
        };
        let arrival = Arrival { seed, opening, endpoint: owner.endpoint };
        let opened = self.record.open(&self.core, arrival);
        self.links.lock().unwrap().extend(opened);
    }

    fn start(&self) {
        self.record.start(&self.core, self.owner());
    }

    /// The client is gone, or has got the answer to its poll.
    fn lose(&self) {
        let last = self.links.lock().unwrap().last().cloned();
        if let Some(link) = last {
            link.close(if self.polls() { Input::Answered(link.id) } else { Input::Lost(link.id) });
        }
    }

    /// The client comes back.
    fn come_back(&self) {
        self.open(if self.polls() { Opening::Poll } else { Opening::Reconnect });
    }

    /// The heartbeat comes late, three times: pinged, given up, forgotten.
    fn time_passes(&self) {
        for hours in 1..4 {
            self.record.tick(&self.core, self.core.now() + Duration::from_secs(hours * 3600), None);
        }
    }

    fn hear(&self, input: Input) {
        self.record.handle(&self.core, input);
    }

    /// Everything at once, from as many threads.
    fn race(&self, round: u32) {
        let acts: [fn(&Self); 7] = [
            Self::start,
            Self::come_back,
            Self::lose,
            |stage| stage.hear(Input::Aborted),
            Self::time_passes,
            |stage| stage.hear(Input::Disconnect),
            |stage| stage.hear(Input::ShuttingDown),
        ];
        let ready = Barrier::new(acts.len());
        std::thread::scope(|threads| {
            for (head_start, act) in (1u32..).zip(acts) {
                let ready = &ready;
                threads.spawn(move || {
                    let _runtime = self.core.enter();
                    ready.wait();
                    // The barrier lets them go in much the same order each time.
                    for _ in 0..round.wrapping_mul(head_start * 2_654_435) % 1500 {
                        std::hint::spin_loop();
                    }
                    act(self);
                });
            }
        });
    }

    /// What the application was told, when it has been told everything.
    async fn story(&self) -> Vec<&'static str> {
        let (done, last) = tokio::sync::oneshot::channel();
        let end = async move { done.send(()).map_err(|()| Failure::new("nobody waits")) };
        self.record.call_back(Callback::Other(end.boxed()));
        last.await.unwrap();
        self.witness.heard.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_ends_and_returns_race_connected_is_first_and_disconnected_last_and_each_comes_once() {
    let server = Server::builder().build().unwrap();
    let mut stories = BTreeSet::new();
    for round in 0..ROUNDS {
        let stage = Stage::new(&server.core, round);
        stage.open(Opening::ConnectDelayed);
        let has_started = round % 2 == 0;
        if has_started {
            stage.start();
        }
        tokio::task::block_in_place(|| stage.race(round));
        let story = stage.story().await;
        assert!(!stage.witness.was_disturbed.load(Ordering::SeqCst), "two at once: {story:?}");
        let times = |what: &str| story.iter().filter(|heard| **heard == what).count();
        assert!(
            times("connected") <= 1 && story.iter().skip(1).all(|heard| *heard != "connected"),
            "{story:?}"
        );
        // An end is told of what was told to have begun, and of nothing else.
        assert_eq!(times("disconnected"), usize::from(!story.is_empty()), "{story:?}");
        assert!(story.is_empty() || story.last() == Some(&"disconnected"), "{story:?}");
        let began = times("connected") == 1;
        assert!(began || !has_started, "{story:?}");
        let outcome = if began { Outcome::Succeeded } else { Outcome::NotDue };
        assert_eq!(stage.record.callbacks.connected().await, outcome);
        assert!(stage.record.ended.token().is_cancelled());
        stage.links.lock().unwrap().drain(..).for_each(|link| link.close(Input::Lost(link.id)));
        stories.insert(story);
    }
    assert!(stories.len() > 1, "they never really raced: {stories:?}");
    let metrics = server.metrics();
    assert_eq!(metrics.connections_current, 0, "nothing is kept of them");
    let Statistics { subscriptions, topics, idle_topics, .. } = server.core.bus.statistics();
    assert_eq!((subscriptions, topics), (0, idle_topics), "no reader rests for ever");
    assert_eq!(metrics.connections_current_long_polling, 0);
    assert_eq!(metrics.message_bus_subscribers_current, 0);
}

/// One poll after the other: the reader is handed on, and is gone when nobody can come for it any more.
#[tokio::test]
async fn a_reader_rests_while_its_client_may_come_back_and_no_longer() {
    let server = Server::builder().build().unwrap();
    let stage = Stage::new(&server.core, 2);
    let subscriptions = || server.core.bus.statistics().subscriptions;
    stage.open(Opening::ConnectDelayed);
    for poll in 0..3 {
        assert_eq!(subscriptions(), 1, "poll {poll}");
        stage.lose();
        assert_eq!(server.metrics().message_bus_subscribers_current, 0, "who rests is not there");
        assert_eq!(subscriptions(), 1, "poll {poll}");
        stage.open(Opening::Poll);
    }
    // A newer one takes its place.
    stage.open(Opening::Poll);
    let older = stage.links.lock().unwrap().remove(4 - 1);
    older.close(Input::Answered(older.id));
    assert_eq!(subscriptions(), 1);
    // Who returns otherwise begins anew.
    stage.lose();
    stage.open(Opening::Reconnect);
    assert_eq!(subscriptions(), 1);
    // The client is gone, perhaps for a moment.
    let last = stage.links.lock().unwrap().last().cloned().unwrap();
    last.close(Input::Lost(last.id));
    assert_eq!((subscriptions(), server.core.bus.statistics().idle_topics), (1, 0), "its topics are kept");
    // It is over while the reader rests.
    stage.open(Opening::Poll);
    stage.lose();
    assert_eq!(subscriptions(), 1);
    stage.hear(Input::Aborted);
    assert_eq!((subscriptions(), server.core.bus.statistics().topics), (0, 0));
}

/// The topic of a connection goes with its last reader, whichever that is, and only if its end is final.
#[tokio::test]
async fn the_topic_of_a_connection_that_is_over_is_forgotten_at_once() {
    let server = Server::builder().build().unwrap();
    let topics = |server: &Server| server.core.bus.statistics().topics;
    for number in 1..3 {
        // It is over while one transport connection is being replaced by another.
        let stage = Stage::new(&server.core, number);
        stage.open(Opening::ConnectDelayed);
        stage.start();
        stage.come_back();
        stage.hear(Input::Aborted);
        let mut links = std::mem::take(&mut *stage.links.lock().unwrap());
        if number == 2 {
            links.reverse();
        }
        for (left, link) in (0..links.len()).rev().zip(links) {
            link.close(Input::Lost(link.id));
            assert_eq!(topics(&server), left.min(1), "the last one takes it along");
        }
        let topic = stage.record.topic.as_str();
        assert_eq!(
            server.core.publish(topic, "1".into(), &[]),
            None,
            "nothing is kept of what comes too late"
        );
        assert_eq!(topics(&server), 0);
    }
    for (late_return, left) in [(LateReturn::Stop, 0), (LateReturn::Continue, 1)] {
        let settings = Settings { late_return, ..Settings::default() };
        let server = Server::builder().settings(settings).build().unwrap();
        let stage = Stage::new(&server.core, 1);
        stage.open(Opening::ConnectDelayed);
        stage.start();
        stage.lose();
        stage.record.tick(&stage.core, stage.core.now() + Duration::from_secs(3600), None);
        assert_eq!(topics(&server), left, "{late_return:?}: it may come back");
    }
}

#[tokio::test]
async fn a_look_takes_only_the_booking_it_was_booked_for() {
    let server = Server::builder().build().unwrap();
    let stage = Stage::new(&server.core, 1);
    let booked = || stage.record.booked(&stage.record.lock());
    stage.open(Opening::ConnectDelayed);
    stage.start();
    let first = booked().expect("a keep-alive is due some time");
    stage.record.tick(&stage.core, stage.core.now(), None);
    assert_eq!(booked(), Some(first), "it was asked for");
    stage.record.tick(&stage.core, stage.core.now(), Some(first + Duration::from_nanos(1)));
    assert_eq!(booked(), Some(first), "another time was booked meanwhile");
    stage.record.tick(&stage.core, first, Some(first));
    assert!(booked().is_some_and(|next| next > first), "the next one");
    stage.hear(Input::Aborted);
    stage.lose();
    assert_eq!(booked(), None, "it is over");
}

#[tokio::test]
async fn a_tombstone_says_whose_connection_it_was_and_keeps_no_request() {
    let server = Server::builder().user_id(|_| UserId::parse("ann").ok()).build().unwrap();
    let stage = Stage::new(&server.core, 1);
    stage.open(Opening::ConnectDelayed);
    stage.start();
    let owner = stage.record.lock().owner.clone().unwrap();
    stage.hear(Input::Aborted);
    let ended = server.connection(stage.record.id).unwrap();
    stage.lose();
    assert_eq!(stage.story().await, ["connected", "disconnected"]);
    let (id, record) = (stage.record.id, Arc::downgrade(&stage.record));
    drop(stage);
    tokio::task::yield_now().await;
    assert!(record.upgrade().is_none(), "nobody holds it any more");
    assert_eq!(Arc::strong_count(owner.admission.request()), 1, "only this test holds it");
    let info = server.connection(id).unwrap();
    assert!(matches!(info.state, crate::ConnectionState::Ended { .. }), "{info:?}");
    assert_eq!(info.user.as_ref().map(UserId::as_str), Some("ann"));
    assert_eq!((info.endpoint.as_str(), info.protocol_version), ("/signalr", ProtocolVersion::parse("2.1")));
    assert_eq!(info, ended, "the same as before it was buried");
}

#[tokio::test]
async fn a_tombstone_waits_for_all_transport_connections_and_goes_with_a_shutdown() {
    let server = Server::builder().build().unwrap();
    let stage = Stage::new(&server.core, 1);
    let is_buried = || matches!(server.core.registry.find(stage.record.id), Some(Known::Tombstone(_)));
    stage.open(Opening::ConnectDelayed);
    stage.start();
    let replaced = stage.links.lock().unwrap().last().cloned().unwrap();
    stage.open(Opening::Reconnect);
    stage.hear(Input::Aborted);
    stage.lose();
    assert!(stage.record.is_over() && !is_buried(), "the older one may still have something to say");
    replaced.wrote(100, Says::Something, &Now::of(&server.core));
    replaced.close(Input::Lost(replaced.id));
    assert!(is_buried());
    assert_eq!(server.connection(stage.record.id).unwrap().bytes_written, 100);
    assert_eq!(server.metrics().connections_current, 1);
    server.shutdown().await;
    assert_eq!(server.metrics().connections_current, 0);
}

#[tokio::test]
async fn a_connection_is_among_the_living_then_among_the_dead_and_then_nowhere() {
    let server = Server::builder().build().unwrap();
    let (stage, registry) = (Stage::new(&server.core, 1), &server.core.registry);
    let id = stage.record.id;
    let found = || registry.find(id).map(|known| matches!(known, Known::Tombstone(_)));
    let listed = || (registry.records().len(), registry.all().len());
    stage.open(Opening::ConnectDelayed);
    stage.start();
    assert_eq!((found(), listed()), (Some(false), (1, 1)));
    stage.hear(Input::Aborted);
    stage.lose();
    assert_eq!((found(), listed()), (Some(true), (0, 1)));
    assert!(server.core.record(id).is_err(), "nobody begins anew under this id");
    assert!(registry.remove(&stage.record), "its tombstone goes as well");
    assert_eq!((found(), listed()), (None, (0, 0)));
    let newer = server.core.record(id).unwrap();
    assert!(!registry.remove(&stage.record) && !registry.remove_tombstone(id));
    assert_eq!(newer.id, id);
    assert_eq!((found(), listed()), (Some(false), (1, 1)));
}

#[tokio::test]
async fn a_start_that_comes_too_late_leaves_nothing_behind() {
    let server = Server::builder().build().unwrap();
    let stage = Stage::new(&server.core, 1);
    stage.open(Opening::ConnectDelayed);
    stage.start();
    stage.hear(Input::Aborted);
    let late = stage.owner();
    stage.record.start(&server.core, late.clone());
    assert_eq!(Arc::strong_count(late.admission.request()), 1, "only this test holds it");
    assert_eq!(stage.story().await, ["connected", "disconnected"]);
}

#[tokio::test]
async fn a_user_rule_that_panics_does_not_hold_up_an_end() {
    let (panics, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (rule, noted) = (Arc::clone(&panics), Arc::clone(&asked));
    let user_id = move |_: &Request| {
        noted.store(rule.load(Ordering::SeqCst), Ordering::SeqCst);
        assert!(!rule.load(Ordering::SeqCst), "on purpose");
        None
    };
    let server = Server::builder().user_id(user_id).build().unwrap();
    let stage = Stage::new(&server.core, 1);
    stage.open(Opening::ConnectDelayed);
    stage.start();
    panics.store(true, Ordering::SeqCst);
    stage.hear(Input::Aborted);
    stage.lose();
    assert!(asked.load(Ordering::SeqCst) && stage.record.is_over());
    assert_eq!(stage.story().await, ["connected", "disconnected"]);
}
