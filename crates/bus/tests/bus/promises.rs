//! The promises of the bus one by one, and the rows of the protocol's checklist that it has to keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heliostat_bus::{
    Bus, Collected, CursorError, Delivery, Epoch, Gap, Limits, Position, Start, Statistics, Subscription,
    TopicName, Woken,
};

use crate::note::{Kind, Note, numbers};

type TestBus = Bus<Note, &'static str>;

fn bus(limits: Limits) -> TestBus {
    Bus::new(Epoch::new(0x7E), limits)
}

fn topics<const N: usize>(names: [&str; N]) -> [TopicName; N] {
    names.map(TopicName::from)
}

/// Publishes and says who is to be woken.
fn publish(bus: &TestBus, topic: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<&'static str> {
    let mut woken = Woken::default();
    for number in numbers {
        bus.publish(topic, Note::message(number), &mut woken);
    }
    woken.iter().copied().collect()
}

fn command(bus: &TestBus, topic: &str, number: u64) {
    let note = Note { number, bytes: 0, kind: Kind::Command };
    bus.publish(topic, note, &mut Woken::default()).unwrap();
}

/// All there is for this reader: the numbers, and how many it lost.
fn take_all(reader: &mut Subscription<Note, &'static str>) -> (Vec<u64>, u64) {
    let mut batch = Vec::new();
    let taken = reader.take(usize::MAX, &mut batch);
    assert!(!taken.more);
    (numbers(&batch), taken.lost)
}

#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be had from the clock; it is read once")]
fn start_of_time() -> Instant {
    Instant::now()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn cp_197_messages_of_one_topic_arrive_in_publish_order() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..100);
    assert_eq!(take_all(&mut ann), ((0..100).collect(), 0));
}

#[test]
fn messages_of_several_topics_arrive_in_the_order_of_the_log() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["odd", "even"]), Start::Now);
    for number in 0..10 {
        publish(&bus, if number % 2 == 0 { "even" } else { "odd" }, [number]);
    }
    assert_eq!(take_all(&mut ann), ((0..10).collect(), 0));
}

#[test]
fn cp_198_a_topic_retains_a_thousand_messages_by_default() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..1001);
    assert_eq!(take_all(&mut ann), ((1..1001).collect(), 1));
}

#[test]
fn cp_198_a_topic_retains_32_messages_at_least() {
    let bus = bus(Limits { topic_messages: 0, ..Limits::default() });
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..40);
    assert_eq!(take_all(&mut ann), ((8..40).collect(), 8));
}

#[test]
fn a_topic_keeps_its_last_message_even_if_it_is_too_large() {
    let bus = bus(Limits { topic_bytes: 50, ..Limits::default() });
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..3);
    assert_eq!(take_all(&mut ann), (vec![2], 2));
}

#[test]
fn cp_199_a_reader_that_falls_behind_continues_with_the_oldest_retained_message() {
    let bus = bus(Limits { topic_messages: 32, ..Limits::default() });
    let mut slow = bus.subscribe("slow", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..10);
    let mut batch = Vec::new();
    assert_eq!(slow.take(5, &mut batch).lost, 0);
    publish(&bus, "room", 10..100);
    assert_eq!(take_all(&mut slow), ((68..100).collect(), 63));
    assert_eq!(bus.statistics().lost_total, 63, "losses are visible to operators");
    publish(&bus, "room", [100]);
    assert_eq!(take_all(&mut slow), (vec![100], 0), "a loss is told once");
}

#[test]
fn cp_200_a_reader_that_never_reads_holds_up_nobody() {
    let bus = bus(Limits { topic_messages: 32, ..Limits::default() });
    let _stuck = bus.subscribe("stuck", topics(["room"]), Start::Now);
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    for number in 0..10_000 {
        publish(&bus, "room", [number]);
        assert_eq!(take_all(&mut ann), (vec![number], 0));
    }
    assert_eq!(bus.statistics().messages, 32);
}

#[test]
fn cp_201_the_cursor_of_a_batch_covers_that_batch() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["room", "other"]), Start::Now);
    publish(&bus, "room", 0..3);
    publish(&bus, "other", 3..6);
    let mut batch = Vec::new();
    assert!(ann.take(4, &mut batch).more);
    assert_eq!(ann.cursor(), bus.cursor(batch.last().unwrap().position));
    let cursor = ann.cursor().to_string();
    drop(ann);
    let mut ann = bus.subscribe("ann", topics(["room", "other"]), bus.start_from(Some(&cursor)).unwrap());
    assert_eq!(take_all(&mut ann), (vec![4, 5], 0));
}

#[test]
fn cp_105_a_returning_reader_finds_what_was_sent_while_it_was_away() {
    let bus = bus(Limits::default());
    let ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    let cursor = ann.cursor().to_string();
    drop(ann);
    assert_eq!(publish(&bus, "room", 0..3), Vec::<&str>::new(), "there is nobody to wake");
    let mut ann = bus.subscribe("ann", topics(["room"]), bus.start_from(Some(&cursor)).unwrap());
    assert_eq!(ann.start_gap(), None);
    assert_eq!(take_all(&mut ann), (vec![0, 1, 2], 0));
}

#[test]
fn a_reader_that_returns_too_late_is_told_that_there_is_a_gap() {
    let bus = bus(Limits { topic_messages: 32, ..Limits::default() });
    let ann = bus.subscribe("ann", topics(["room", "quiet"]), Start::Now);
    let start = Start::After(ann.position());
    drop(ann);
    publish(&bus, "room", 0..40);
    let mut ann = bus.subscribe("ann", topics(["room", "quiet"]), start);
    assert_eq!(ann.start_gap(), Some(Gap::Forgotten));
    assert!(ann.has_news());
    assert_eq!(
        take_all(&mut ann),
        ((8..40).collect(), 1),
        "how many were lost is not known, but that some were is"
    );
}

#[test]
fn a_topic_that_was_forgotten_and_made_anew_does_not_hide_the_gap() {
    let bus = bus(Limits { idle_topics: 0, ..Limits::default() });
    let ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    let start = Start::After(ann.position());
    publish(&bus, "room", 0..3);
    drop(ann);
    assert_eq!(bus.statistics().topics, 0);
    let _bob = bus.subscribe("bob", topics(["room"]), Start::Now);
    let mut ann = bus.subscribe("ann", topics(["room"]), start);
    assert_eq!(ann.start_gap(), Some(Gap::Forgotten));
    assert_eq!(take_all(&mut ann), (vec![], 1));
    // Whoever has seen all that was forgotten has no gap.
    let ann = bus.subscribe("ann", topics(["room"]), Start::After(bus.head()));
    assert_eq!(ann.start_gap(), None);
}

#[test]
fn a_topic_that_is_added_again_on_the_way_back_does_not_hide_the_gap() {
    let bus = bus(Limits { idle_topics: 0, ..Limits::default() });
    let ann = bus.subscribe("ann", topics(["ann"]), Start::Now);
    let _keeps_the_topic = bus.subscribe("bob", topics(["ann"]), Start::Now);
    let start = Start::After(ann.position());
    // Ann joins and leaves, on a transport connection that brings nothing to her.
    command(&bus, "ann", 1);
    let mut lost = ann;
    lost.add(TopicName::from("room"));
    publish(&bus, "room", [2]);
    lost.remove("room");
    drop(lost);
    // She comes back with what she saw last, and joins again when she reads the command.
    let mut ann = bus.subscribe("ann", topics(["ann"]), start);
    let mut batch = Vec::new();
    assert!(ann.take(10, &mut batch).more);
    ann.add(TopicName::from("room"));
    assert_eq!(take_all(&mut ann), (vec![], 1));
}

#[test]
fn cp_202_a_topic_without_readers_survives_for_the_time_to_live_and_is_then_removed() {
    let bus = bus(Limits::default());
    let now = start_of_time();
    let ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    bus.collect(now, MINUTE);
    drop(ann);
    // Its idle time counts from the first call after its reader has left.
    assert_eq!(bus.collect(now + MINUTE, MINUTE), Collected::default());
    assert_eq!(bus.collect(now + MINUTE * 2 - Duration::from_millis(1), MINUTE), Collected::default());
    assert_eq!(bus.statistics().topics, 1);
    assert_eq!(bus.collect(now + MINUTE * 2, MINUTE), Collected { topics: 1, messages: 0 });
    assert_eq!(bus.statistics().topics, 0);
}

#[test]
fn cp_202_a_reader_that_returns_starts_the_idle_time_anew() {
    let bus = bus(Limits::default());
    let now = start_of_time();
    drop(bus.subscribe("ann", topics(["room"]), Start::Now));
    bus.collect(now, MINUTE);
    drop(bus.subscribe("ann", topics(["room"]), Start::Now));
    assert_eq!(bus.collect(now + MINUTE, MINUTE), Collected::default());
    assert_eq!(bus.collect(now + MINUTE * 2, MINUTE).topics, 1);
}

#[test]
fn a_message_is_forgotten_when_nobody_can_come_back_for_it() {
    let bus = bus(Limits::default());
    let now = start_of_time();
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..3);
    bus.collect(now, MINUTE);
    publish(&bus, "room", 3..5);
    bus.collect(now + MINUTE / 2, MINUTE);
    assert_eq!(bus.collect(now + MINUTE, MINUTE), Collected { topics: 0, messages: 3 });
    assert_eq!(take_all(&mut ann), (vec![3, 4], 3));
    assert_eq!(bus.collect(now + MINUTE * 3 / 2, MINUTE), Collected { topics: 0, messages: 2 });
    assert_eq!(bus.statistics().bytes, 0);
}

#[test]
fn cp_203_at_most_a_thousand_idle_topics_are_kept_the_longest_idle_leaves_first() {
    let bus = bus(Limits::default());
    for topic in 0..1500 {
        drop(bus.subscribe("ann", [TopicName::from(topic.to_string())], Start::Now));
    }
    assert_eq!((bus.statistics().topics, bus.statistics().idle_topics), (1000, 1000));
    assert_eq!(bus.publish("499", Note::message(0), &mut Woken::default()), None);
    assert!(bus.publish("500", Note::message(0), &mut Woken::default()).is_some());
}

#[test]
fn the_topics_of_readers_that_end_for_good_push_nobody_elses_out() {
    let bus = bus(Limits::default());
    let ann = bus.subscribe("ann", topics(["room", "ann's"]), Start::Now);
    let start = Start::After(ann.position());
    drop(ann);
    publish(&bus, "ann's", [0]);
    for number in 0..5000 {
        let name = format!("{number}'s");
        let other = bus.subscribe("other", topics(["lobby", &name]), Start::Now);
        publish(&bus, &name, [1]);
        if number % 2 == 0 {
            other.rest().retire(&name)
        } else {
            other.retire(&name)
        }
        assert_eq!(
            bus.publish(&name, Note::message(2), &mut Woken::default()),
            None,
            "it is forgotten at once"
        );
    }
    let Statistics { topics: left, messages, .. } = bus.statistics();
    assert_eq!((left, messages), (3, 1), "the lobby is, and what Ann is away from");
    publish(&bus, "room", [3]);
    let mut ann = bus.subscribe("ann", topics(["room", "ann's"]), start);
    // Nor does it blur what somebody misses who comes to a new topic a little late.
    ann.add(TopicName::from("new"));
    assert_eq!((ann.start_gap(), take_all(&mut ann)), (None, (vec![0, 3], 0)));
}

#[test]
fn readers_at_rest_keep_their_topics_however_many_there_are() {
    let bus = bus(Limits::default());
    let name = |number: u64| TopicName::from(format!("{number}'s"));
    let away = (0..1500).map(|number| bus.subscribe("away", [name(number)], Start::Now).rest());
    let away: Vec<_> = away.collect();
    for number in 0..1500 {
        assert!(bus.publish(name(number).as_str(), Note::message(number), &mut Woken::default()).is_some());
    }
    for (number, rest) in (0..).zip(away) {
        // As a client comes back that has seen less than its last reader.
        let mut back = bus.subscribe("back", [name(number)], Start::After(rest.position()));
        drop(rest);
        assert_eq!((back.start_gap(), take_all(&mut back)), (None, (vec![number], 0)));
        back.retire(name(number).as_str());
    }
    assert_eq!(bus.statistics().topics, 0);
}

#[test]
fn a_topic_is_not_retired_while_somebody_else_reads_it() {
    let bus = bus(Limits::default());
    let bob = bus.subscribe("bob", topics(["ann's"]), Start::Now);
    bus.subscribe("ann", topics(["ann's"]), Start::Now).retire("ann's");
    assert_eq!(publish(&bus, "ann's", [1]), ["bob"]);
    bus.subscribe("ann", topics(["ann's"]), Start::Now).retire("another");
    drop(bob);
    assert_eq!(bus.statistics().idle_topics, 1, "who reads it last says what becomes of it");
}

#[test]
fn who_comes_back_to_a_retired_topic_when_nobody_should_any_more_is_told_of_the_gap() {
    let bus = bus(Limits::default());
    let now = start_of_time();
    let ann = bus.subscribe("ann", topics(["ann's", "room"]), Start::Now);
    let _stays = bus.subscribe("bob", topics(["room"]), Start::Now);
    let start = Start::After(ann.position());
    publish(&bus, "ann's", [1]);
    ann.retire("ann's");
    let gap_from = |start| {
        let back = bus.subscribe("ann", topics(["ann's", "room"]), start);
        let gap = back.start_gap();
        back.retire("ann's");
        gap
    };
    bus.collect(now, MINUTE);
    assert_eq!(gap_from(start), None, "too early to be told");
    bus.collect(now + MINUTE / 2, MINUTE);
    assert_eq!(gap_from(start), Some(Gap::Forgotten));
    assert_eq!(gap_from(Start::After(bus.head())), None, "who has seen all of it has no gap");
}

#[test]
fn cp_204_publishing_to_a_topic_nobody_subscribed_to_creates_nothing() {
    let bus = bus(Limits::default());
    assert_eq!(bus.publish("room", Note::message(0), &mut Woken::default()), None);
    assert_eq!(bus.statistics(), Statistics::default());
    assert_eq!(bus.head(), Position::ZERO);
}

#[test]
fn cp_205_a_batch_has_no_more_messages_than_asked_for() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["a", "b"]), Start::Now);
    publish(&bus, "a", 0..12);
    publish(&bus, "b", 12..24);
    let mut got = Vec::new();
    for more in [true, true, false] {
        let mut batch = Vec::new();
        assert_eq!(ann.take(10, &mut batch).more, more);
        assert!(batch.len() <= 10);
        got.extend(numbers(&batch));
    }
    assert!(got.into_iter().eq(0..24));
}

#[test]
fn a_batch_of_none_is_a_batch_of_one() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["a"]), Start::Now);
    publish(&bus, "a", 0..2);
    let mut batch = Vec::new();
    assert!(ann.take(0, &mut batch).more, "otherwise a reader could ask for ever");
    assert_eq!(numbers(&batch), [0]);
}

#[test]
fn a_batch_is_appended_to_what_is_there() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["a", "b"]), Start::Now);
    let mut batch = Vec::new();
    for number in [3, 2, 1, 0] {
        publish(&bus, if number % 2 == 0 { "b" } else { "a" }, [number]);
        publish(&bus, "a", [number + 10]);
        let _ = ann.take(10, &mut batch);
    }
    assert_eq!(numbers(&batch), [3, 13, 2, 12, 1, 11, 0, 10]);
}

#[test]
fn cp_206_subscribing_starts_at_now() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..3);
    let mut bob = bus.subscribe("bob", topics(["room"]), Start::Now);
    assert_eq!(bob.position(), bus.head());
    assert!(!bob.has_news());
    assert_eq!(publish(&bus, "room", [3]), ["ann", "bob"]);
    assert_eq!(take_all(&mut bob), (vec![3], 0));
    assert_eq!(take_all(&mut ann), (vec![0, 1, 2, 3], 0));
}

#[test]
fn cp_107_a_topic_added_at_run_time_starts_at_the_readers_place() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["c-ann"]), Start::Now);
    let mut bob = bus.subscribe("bob", topics(["lobby"]), Start::Now);
    publish(&bus, "lobby", [0]);
    command(&bus, "c-ann", 1);
    publish(&bus, "lobby", [2]);
    publish(&bus, "c-ann", [3]);

    // The batch ends right after the command, so the lobby is joined exactly there: 0 came before, 2 comes after.
    let mut batch = Vec::new();
    assert!(ann.take(10, &mut batch).more);
    assert_eq!(numbers(&batch), [1]);
    ann.add(TopicName::from("lobby"));
    assert_eq!(take_all(&mut ann), (vec![2, 3], 0));
    assert_eq!(take_all(&mut bob), (vec![0, 2], 0));
}

#[test]
fn a_topic_removed_at_a_command_brings_nothing_after_it() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["lobby", "c-ann", "other"]), Start::Now);
    publish(&bus, "lobby", [0]);
    command(&bus, "c-ann", 1);
    publish(&bus, "lobby", [2]);
    publish(&bus, "other", [3]);
    let mut batch = Vec::new();
    assert!(ann.take(10, &mut batch).more);
    assert_eq!(numbers(&batch), [0, 1]);
    ann.remove("lobby");
    assert_eq!(take_all(&mut ann), (vec![3], 0));
    assert_eq!(publish(&bus, "lobby", [4]), Vec::<&str>::new());
}

#[test]
fn a_delivery_names_the_topic_it_came_from() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["a", "b"]), Start::Now);
    publish(&bus, "b", [0]);
    publish(&bus, "a", [1]);
    let mut batch = Vec::new();
    let _ = ann.take(10, &mut batch);
    let from = |delivery: &Delivery<Note>| ann.topics().nth(delivery.topic).unwrap().to_string();
    assert_eq!(batch.iter().map(from).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn cp_118_a_topic_added_twice_brings_each_message_once() {
    let bus = bus(Limits::default());
    let mut ann = bus.subscribe("ann", topics(["room", "room"]), Start::Now);
    ann.add(TopicName::from("room"));
    assert_eq!(ann.topics().len(), 1);
    assert_eq!(publish(&bus, "room", [0]), ["ann"]);
    assert_eq!(take_all(&mut ann), (vec![0], 0));
    ann.remove("room");
    ann.remove("room");
    assert_eq!(publish(&bus, "room", [1]), Vec::<&str>::new());
}

#[test]
fn a_cursor_of_another_log_starts_at_now_and_reports_the_gap() {
    let bus = bus(Limits::default());
    let _stays = bus.subscribe("stays", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..3);
    // What other servers issue, what nobody issues, and a place this log has not reached.
    for text in ["garbage", "d-00000000-A,0|B,0|C,0", "d-0-A,0", "s-0,2F8", "d-7F-1", "d-7E-FFFF", "d-7E-4"] {
        let start = bus.start_from(Some(text)).unwrap();
        assert_eq!(start, Start::Unknown, "{text}");
        let ann = bus.subscribe("ann", topics(["room"]), start);
        assert_eq!((ann.position(), ann.start_gap()), (bus.head(), Some(Gap::UnknownCursor)), "{text}");
        assert!(!ann.has_news());
    }
}

#[test]
fn a_cursor_of_this_log_that_says_nonsense_is_an_error() {
    let bus = bus(Limits::default());
    for text in ["d-7E-", "d-7E-A,0|B,0", "d-7E-x", "d-7E-1-2", "d-7E-+1", "d-7E-11111111111111111"] {
        assert_eq!(bus.start_from(Some(text)), Err(CursorError::Malformed), "{text}");
    }
    assert_eq!(bus.start_from(Some("")), Ok(Start::Now));
}

#[test]
fn the_whole_log_stays_within_its_bytes_and_the_oldest_leave_first() {
    let bus = bus(Limits { total_bytes: 100_000, ..Limits::default() });
    let mut ann = bus.subscribe("ann", topics(["a"]), Start::Now);
    let mut bob = bus.subscribe("bob", topics(["b"]), Start::Now);
    for number in 0..1000 {
        publish(&bus, if number < 500 { "a" } else { "b" }, [number]);
        assert!(bus.statistics().bytes <= 100_000);
    }
    let (got, lost) = take_all(&mut ann);
    assert!(lost > 0 && got.into_iter().eq(lost..500), "the oldest leave first, wherever they are");
    assert_eq!(take_all(&mut bob), ((500..1000).collect(), 0));
    assert!(bus.statistics().bytes > 50_000, "no more is dropped than the room needs");
}

#[test]
fn a_message_larger_than_all_the_room_is_kept_alone() {
    let bus = bus(Limits { total_bytes: 1000, ..Limits::default() });
    let mut ann = bus.subscribe("ann", topics(["room"]), Start::Now);
    publish(&bus, "room", 0..3);
    let huge = Note { number: 3, bytes: 5000, kind: Kind::Message };
    assert!(bus.publish("room", huge, &mut Woken::default()).is_some());
    assert_eq!(take_all(&mut ann), (vec![3], 3));
    publish(&bus, "room", [4]);
    assert!(bus.statistics().bytes <= 1000, "and it goes as soon as there is another");
    assert_eq!(take_all(&mut ann), (vec![4], 0));
}

#[test]
fn a_payload_is_kept_once_and_dropped_when_the_last_reader_is_done() {
    let bus = Bus::<Arc<Note>, ()>::new(Epoch::new(1), Limits::default());
    let mut readers = [(); 3].map(|()| bus.subscribe((), topics(["room"]), Start::Now));
    let note = Arc::new(Note::message(0));
    bus.publish("room", Arc::clone(&note), &mut Woken::default());
    assert_eq!(Arc::strong_count(&note), 2);
    let mut batch = Vec::new();
    for reader in &mut readers {
        let _ = reader.take(10, &mut batch);
    }
    assert_eq!(Arc::strong_count(&note), 5);
    bus.collect(start_of_time(), Duration::ZERO);
    drop(batch);
    assert_eq!(Arc::strong_count(&note), 1);
}

#[test]
fn a_handle_may_use_the_bus_when_it_is_dropped() {
    /// A connection that owns a subscription, and is itself the handle of another.
    #[derive(Clone)]
    struct Owner(#[expect(dead_code, reason = "owned to be dropped")] Option<Arc<Subscription<Note, Owner>>>);

    let bus = Bus::<Note, Owner>::new(Epoch::new(1), Limits::default());
    let inner = bus.subscribe(Owner(None), topics(["room"]), Start::Now);
    let outer = bus.subscribe(Owner(Some(Arc::new(inner))), topics(["room"]), Start::Now);
    drop(outer);
    assert_eq!(bus.statistics().subscriptions, 0);
    assert_eq!(bus.statistics().idle_topics, 1);
}

#[test]
fn a_reader_at_rest_wakes_nobody_and_finds_what_was_published_meanwhile_once() {
    let bus = bus(Limits { idle_topics: 0, ..Limits::default() });
    let mut ann = bus.subscribe("ann", topics(["room", "ann's"]), Start::Now);
    publish(&bus, "room", [1]);
    assert_eq!(take_all(&mut ann), (vec![1], 0));
    let ann = ann.rest();
    assert_eq!(publish(&bus, "room", [2]), [""; 0]);
    assert_eq!(publish(&bus, "ann's", [3]), [""; 0], "the topic is there, though nobody else reads it");
    assert_eq!((bus.statistics().topics, bus.statistics().idle_topics), (2, 0));
    let mut ann = ann.resume("ann again");
    assert_eq!(*ann.handle(), "ann again");
    assert_eq!(publish(&bus, "room", [4]), ["ann again"]);
    assert_eq!(take_all(&mut ann), (vec![2, 3, 4], 0));
    drop(ann.rest());
    assert_eq!(bus.statistics().topics, 0, "who is gone keeps no topic");
}

#[test]
fn what_a_reader_lost_at_rest_is_counted_exactly() {
    let bus = bus(Limits { topic_messages: 32, ..Limits::default() });
    let ann = bus.subscribe("ann", topics(["room"]), Start::Now).rest();
    publish(&bus, "room", 0..40);
    assert_eq!(take_all(&mut ann.resume("ann")), ((8..40).collect(), 8));
}

/// A handle that counts how often one of them was copied.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

#[test]
fn whoever_publishes_to_many_copies_none_of_their_handles_and_who_leaves_meanwhile_copies_few() {
    let bus = Bus::<Note, Counted>::new(Epoch::new(1), Limits::default());
    let copies = Arc::new(AtomicUsize::new(0));
    let handle = || Counted(Arc::clone(&copies));
    let mut readers: Vec<_> =
        (0..1000).map(|_| bus.subscribe(handle(), topics(["room"]), Start::Now)).collect();
    let copied = || copies.swap(0, Ordering::Relaxed);
    copied();
    let mut woken = Woken::default();
    for number in 0..10 {
        woken.clear();
        bus.publish("room", Note::message(number), &mut woken);
        assert_eq!((woken.len(), copied()), (1000, 0));
    }
    // Somebody still goes through them.
    let first = readers.swap_remove(0);
    drop(first);
    assert!((1..200).contains(&copied()));
    assert_eq!(woken.len(), 1000, "who left is still gone past");
    woken.clear();
    bus.publish("room", Note::message(10), &mut woken);
    assert_eq!((woken.len(), copied()), (999, 0));
}
