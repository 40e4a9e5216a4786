//! Real threads: what the lock-free parts promise holds under contention, and nobody sleeps through a message.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use heliostat_bus::{Bus, Delivery, Epoch, Limits, Position, Start, Subscription, TopicName, Woken};

use crate::note::Note;

const WRITERS: u64 = 3;
const MESSAGES: u64 = 20_000;
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
/// Far longer than any scheduler pauses, so that a wake-up that never comes is a failure and not a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// What wakes a reader.
#[derive(Clone, Default)]
struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    fn ring(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }

    fn wait(&self) {
        let (rung, condition) = &*self.0;
        let (mut rung, waited) =
            condition.wait_timeout_while(rung.lock().unwrap(), PATIENCE, |rung| !*rung).unwrap();
        assert!(!waited.timed_out(), "nobody woke a reader that had news");
        *rung = false;
    }
}

type TestBus = Bus<Note, Bell>;

fn all_topics() -> impl Iterator<Item = TopicName> {
    TOPICS.into_iter().map(TopicName::from)
}

/// Publishes numbers to the topics in turn; every writer counts from its own beginning.
fn write(bus: &TestBus, writer: u64) {
    let mut woken = Woken::default();
    for number in 0..MESSAGES {
        let topic = TOPICS[(number % 4) as usize];
        bus.publish(topic, Note::message(writer * MESSAGES + number), &mut woken).unwrap();
        woken.iter().for_each(Bell::ring);
        woken.clear();
    }
}

/// Reads until so many messages have been got or lost. Whatever came is strictly increasing.
fn read(
    mut reader: Subscription<Note, Bell>,
    bell: &Bell,
    total: u64,
    limit: usize,
) -> (Vec<Delivery<Note>>, u64) {
    let (mut got, mut lost) = (Vec::new(), 0);
    loop {
        let taken = reader.take(limit, &mut got);
        lost += taken.lost;
        if got.len() as u64 + lost == total {
            assert!(got.is_sorted_by(|one, next| one.position < next.position), "one total order");
            return (got, lost);
        }
        assert!(got.len() as u64 + lost < total, "nothing comes twice and no loss is counted twice");
        if !taken.more && !reader.has_news() {
            bell.wait();
        }
    }
}

#[test]
fn every_reader_gets_everything_once_and_in_the_same_order() {
    let limits = Limits { topic_messages: 1 << 20, topic_bytes: usize::MAX, ..Limits::default() };
    let bus = TestBus::new(Epoch::new(1), limits);
    let readers = [1, 10, 5000].map(|limit| {
        let bell = Bell::default();
        let reader = bus.subscribe(bell.clone(), all_topics(), Start::Now);
        thread::spawn(move || read(reader, &bell, WRITERS * MESSAGES, limit))
    });
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let bus = &bus;
            scope.spawn(move || write(bus, writer));
        }
    });
    let everything = readers.map(|reader| reader.join().unwrap());
    for (got, lost) in &everything {
        assert_eq!(*lost, 0);
        assert!(got.iter().map(|delivery| delivery.position.get()).eq(1..=WRITERS * MESSAGES), "no gap");
        assert!(got.iter().eq(&everything[0].0), "the same for everybody");
        for writer in 0..WRITERS {
            let own = got.iter().map(|delivery| delivery.payload.number).filter(|n| n / MESSAGES == writer);
            assert!(own.eq(writer * MESSAGES..(writer + 1) * MESSAGES), "in the order each writer published");
        }
    }
}

#[test]
fn what_a_reader_misses_under_load_is_counted_exactly() {
    // So little room that stores overflow by count and the whole log by bytes, all the time.
    let limits = Limits { topic_messages: 32, total_bytes: 8 << 10, ..Limits::default() };
    let bus = TestBus::new(Epoch::new(1), limits);
    let bell = Bell::default();
    let reader = bus.subscribe(bell.clone(), all_topics(), Start::Now);
    let reader = thread::spawn(move || read(reader, &bell, WRITERS * MESSAGES, 3));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert!(bus.statistics().bytes <= 8 << 10, "the bytes stay within their limit at all times");
                thread::yield_now();
            }
        });
        let writers = [0, 1, 2].map(|writer| {
            let bus = &bus;
            scope.spawn(move || write(bus, writer))
        });
        let results = writers.map(thread::ScopedJoinHandle::join);
        is_over.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
    let (got, lost) = reader.join().unwrap();
    assert_eq!(got.len() as u64 + lost, WRITERS * MESSAGES);
    assert_eq!(bus.statistics().lost_total, lost);
}

#[test]
fn readers_that_come_and_go_miss_nothing_between_their_cursors() {
    let limits = Limits { topic_messages: 1 << 20, topic_bytes: usize::MAX, ..Limits::default() };
    let bus = TestBus::new(Epoch::new(1), limits);
    // Somebody stays, so that the topics exist before the writers begin.
    let stays = bus.subscribe(Bell::default(), all_topics(), Start::Now);
    let published = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (bus, published) = (&bus, &published);
            scope.spawn(move || {
                write(bus, writer);
                published.fetch_add(MESSAGES, Ordering::Release);
            });
        }
        for limit in [7, 64] {
            let (bus, published) = (&bus, &published);
            scope.spawn(move || {
                let mut got: Vec<Delivery<Note>> = Vec::new();
                let mut cursor = bus.cursor(Position::ZERO);
                while (got.len() as u64) < WRITERS * MESSAGES {
                    let was_over = published.load(Ordering::Acquire) == WRITERS * MESSAGES;
                    let start = bus.start_from(Some(&cursor.to_string())).unwrap();
                    let mut reader = bus.subscribe(Bell::default(), all_topics(), start);
                    assert_eq!(reader.start_gap(), None);
                    let before = got.len();
                    for _ in 0..20 {
                        assert_eq!(reader.take(limit, &mut got).lost, 0);
                    }
                    assert!(!was_over || got.len() > before, "what was published is found");
                    cursor = got.last().map_or(cursor, |last| bus.cursor(last.position));
                }
                assert!(got.iter().map(|delivery| delivery.position.get()).eq(1..=WRITERS * MESSAGES));
            });
        }
    });
    drop(stays);
    assert_eq!(bus.statistics().subscriptions, 0);
}

#[test]
fn topics_that_are_forgotten_under_publishers_leave_nothing_behind() {
    // No idle topic is kept: every unsubscribe forgets one, with publishers in the middle of it.
    let bus = Bus::<Note, ()>::new(Epoch::new(1), Limits { idle_topics: 0, ..Limits::default() });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..MESSAGES {
                let mut reader = bus.subscribe((), all_topics(), Start::Now);
                reader.remove("b");
                let _ = reader.take(10, &mut Vec::new());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        // Another takes them out the other way.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for topic in TOPICS {
                    bus.subscribe((), all_topics(), Start::Now).retire(topic);
                }
            }
        });
        for topic in ["a", "b"] {
            let (bus, is_over) = (&bus, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    bus.publish(topic, Note::message(0), &mut Woken::default());
                }
            });
        }
    });
    let statistics = bus.statistics();
    assert_eq!((statistics.topics, statistics.messages, statistics.bytes), (0, 0, 0));
    assert!(statistics.published_total > 0, "the publishers did meet a topic now and then");
}

/// A handle that takes as long to clone as its barrier is not passed twice: who goes through a topic's readers stands there.
struct Held(Arc<(AtomicBool, Barrier)>);

impl Clone for Held {
    fn clone(&self) -> Self {
        let (holds, barrier) = &*self.0;
        if holds.load(Ordering::Relaxed) {
            barrier.wait();
            barrier.wait();
        }
        Self(Arc::clone(&self.0))
    }
}

#[test]
fn while_the_readers_of_one_topic_are_gone_through_everything_else_goes_on() {
    let bus = Bus::<Note, Held>::new(Epoch::new(1), Limits::default());
    let handle = || Held(Arc::new((AtomicBool::new(false), Barrier::new(2))));
    let held = handle();
    let _held = bus.subscribe(Held(Arc::clone(&held.0)), [TopicName::from("a")], Start::Now);
    let mut other = bus.subscribe(handle(), [TopicName::from("b")], Start::Now);
    let (holds, barrier) = &*held.0;
    holds.store(true, Ordering::Relaxed);
    thread::scope(|scope| {
        let publisher = scope.spawn(|| bus.publish("a", Note::message(1), &mut Woken::default()));
        barrier.wait();
        // The message has its number, and somebody is still at the readers.
        assert_eq!(bus.head(), Position::new(1));
        assert_eq!(bus.publish("b", Note::message(2), &mut Woken::default()), Some(Position::new(2)));
        let mut batch = Vec::new();
        assert_eq!(other.take(10, &mut batch).lost, 0);
        assert_eq!(batch.len(), 1);
        let came = bus.subscribe(handle(), [TopicName::from("c")], Start::Now);
        came.retire("c");
        assert_eq!(bus.statistics().topics, 2);
        barrier.wait();
        assert_eq!(publisher.join().unwrap(), Some(Position::new(1)));
    });
}
