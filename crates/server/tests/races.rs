//! Where threads of the driver race: loom tries the ways in which they can meet, within a bound, and the order of memory with it.
//!
//! What runs here is the product's own source, compiled once more over loom's locks and atomics: the two files take them from their
//! parent module, which is this one. Nothing in the product knows of loom. A whole connection, which needs tokio, is raced by real
//! threads in `src/connection/races.rs`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should stop where it goes wrong"
)]

#[path = "../src/transport/doorbell.rs"]
mod doorbell;
#[path = "../src/connection/line.rs"]
mod line;

use loom::{
    sync::{
        self, Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use doorbell::Doorbell;
use line::{Line, Turn};

/// More switches than this between threads at points where none has to wait are not tried: with three all tests take a second or two,
/// and what two threads can do wrong to each other takes at most two or three (CHESS, PLDI 2007).
const SWITCHES: usize = 3;

fn in_all_ways(story: impl Fn() + Send + Sync + 'static) {
    let mut all = loom::model::Builder::new();
    all.preemption_bound = Some(SWITCHES);
    all.check(story);
}

/// What publishers have to say, and what went to the client of it.
struct Wire {
    news: [AtomicUsize; 2],
    door: Doorbell<[usize; 2]>,
}

impl Wire {
    fn new() -> Arc<Self> {
        Arc::new(Self { news: [AtomicUsize::new(0), AtomicUsize::new(0)], door: Doorbell::new([0, 0]) })
    }

    /// As a publisher does: the news first, then the bell. Relaxed, so that only the bell can make it visible.
    fn publish(&self, publisher: usize) {
        self.news[publisher].fetch_add(1, Ordering::Relaxed);
        self.door.ring(|written| self.write(written));
    }

    /// As the link's task does: it has the socket to itself for a moment, and goes on to something that may take long.
    fn read(&self) {
        // Others come while it is inside; by itself loom does not let them where nothing is shared.
        self.door.hold(|_| thread::yield_now(), |written| self.write(written));
    }

    fn write(&self, written: &mut [usize; 2]) {
        for (written, news) in written.iter_mut().zip(&self.news) {
            *written = news.load(Ordering::Relaxed);
        }
    }

    /// Everybody has left, nobody will ring again.
    fn expect_written(&self, expected: [usize; 2]) {
        // The other threads have been joined: no more answers are needed to look.
        let written = self.door.hold(|written| *written, |_| panic!("a ring was left unanswered"));
        assert_eq!(written, expected, "news was left unwritten");
    }
}

#[test]
fn no_news_is_left_unwritten_when_two_publishers_meet() {
    in_all_ways(|| {
        let wire = Wire::new();
        let other = thread::spawn({
            let wire = Arc::clone(&wire);
            move || wire.publish(1)
        });
        wire.publish(0);
        wire.publish(0);
        other.join().unwrap();
        wire.expect_written([2, 1]);
    });
}

#[test]
fn no_news_is_left_unwritten_when_two_publishers_meet_the_reading_task() {
    in_all_ways(|| {
        let wire = Wire::new();
        let others = [0, 1].map(|publisher| {
            let wire = Arc::clone(&wire);
            thread::spawn(move || wire.publish(publisher))
        });
        wire.read();
        others.into_iter().for_each(|other| other.join().unwrap());
        wire.expect_written([1, 1]);
    });
}

/// What is done by those who push: pieces of two threads, numbered.
struct Work {
    line: Line<(usize, usize)>,
    at_work: AtomicUsize,
    done: Mutex<Vec<(usize, usize)>>,
}

impl Work {
    fn new() -> Arc<Self> {
        Arc::new(Self { line: Line::default(), at_work: AtomicUsize::new(0), done: Mutex::default() })
    }

    /// Pushes two pieces, and works the line off when told to, as `Callbacks` does in a task.
    fn push_two(&self, who: usize) {
        for number in 0..2 {
            if self.line.push((who, number)) == Turn::Mine {
                while let Some(piece) = self.line.next() {
                    assert_eq!(self.at_work.fetch_add(1, Ordering::Relaxed), 0, "two pieces at once");
                    self.done.lock().unwrap().push(piece);
                    self.at_work.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
}

#[test]
fn work_of_two_threads_is_done_one_at_a_time_in_order_and_none_is_lost() {
    in_all_ways(|| {
        let work = Work::new();
        let other = thread::spawn({
            let work = Arc::clone(&work);
            move || work.push_two(1)
        });
        work.push_two(0);
        other.join().unwrap();
        let done = work.done.lock().unwrap();
        let of =
            |who: usize| done.iter().filter(|piece| piece.0 == who).map(|piece| piece.1).collect::<Vec<_>>();
        assert_eq!([of(0), of(1)], [[0, 1], [0, 1]], "{done:?}");
    });
}
