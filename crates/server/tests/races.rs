//! Where threads of the driver race: loom tries the ways in which they can meet, within a bound, and the order of memory with it.
//!
//! What runs here is the product's own source, compiled once more over loom's locks and atomics: the three files take them from their
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
#[path = "../src/transport/wakes.rs"]
mod wakes;

use std::task::{Wake, Waker};

use loom::{
    sync::{
        self, Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use doorbell::Doorbell;
use line::{Line, Turn};
use wakes::Wakes;

/// More switches than this between threads at points where none has to wait are not tried: with three all tests take a second or two,
/// and what two threads can do wrong to each other takes at most two or three (CHESS, PLDI 2007).
const SWITCHES: usize = 3;

fn in_all_ways(story: impl Fn() + Send + Sync + 'static) {
    in_ways_with(SWITCHES, story);
}

fn in_ways_with(switches: usize, story: impl Fn() + Send + Sync + 'static) {
    let mut ways = loom::model::Builder::new();
    ways.preemption_bound = Some(switches);
    ways.check(story);
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

/// Where a task leaves its waker, which goes when it is used. A lock makes more visible than the real one does; who comes when is the same.
#[derive(Default)]
struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    fn new() -> Self {
        Self::default()
    }

    fn register(&self, waker: &Waker) {
        *self.0.lock().unwrap() = Some(waker.clone());
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap().take();
        waker.iter().for_each(Waker::wake_by_ref);
    }
}

/// Whether a task is to be polled.
struct Schedule(AtomicBool);

impl Wake for Schedule {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.swap(true, Ordering::AcqRel);
    }
}

/// Two threads that want something of a task. Relaxed, so that only the wake-up can make it visible.
struct Wishes {
    wishes: [AtomicUsize; 2],
    task: AtomicWaker,
    wakes: Wakes,
    schedule: std::sync::Arc<Schedule>,
}

impl Wishes {
    fn wish(&self, who: usize) {
        self.wishes[who].store(1, Ordering::Relaxed);
        self.wakes.wake(&self.task);
    }

    /// Polls the task until nobody wakes it. It looks at what is wanted only if somebody here woke it.
    fn run_until_idle(&self, seen: &mut [usize; 2]) {
        while self.schedule.0.swap(false, Ordering::AcqRel) {
            if self.wakes.take(&self.task, &Waker::from(std::sync::Arc::clone(&self.schedule))) {
                *seen = [0, 1].map(|who| self.wishes[who].load(Ordering::Relaxed));
            }
        }
    }
}

#[test]
fn no_wish_is_left_unseen_when_two_threads_wake_a_task() {
    in_all_ways(|| {
        let shared = Arc::new(Wishes {
            wishes: [AtomicUsize::new(0), AtomicUsize::new(0)],
            task: AtomicWaker::new(),
            wakes: Wakes::new(),
            schedule: std::sync::Arc::new(Schedule(AtomicBool::new(true))),
        });
        let mut seen = [0, 0];
        shared.run_until_idle(&mut seen);
        let others = [0, 1].map(|who| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.wish(who))
        });
        // Its socket wakes it.
        shared.schedule.0.swap(true, Ordering::AcqRel);
        shared.run_until_idle(&mut seen);
        for other in others {
            other.join().unwrap();
            shared.run_until_idle(&mut seen);
        }
        assert_eq!(seen, [1, 1], "a wish was left unseen");
    });
}

/// Results that may wait for a client before it is not read any more.
const MOST_WAITING: usize = 1;

/// A WebSocket, shared by publishers, calls that end, the kernel and its task. What each of them does is what `Socket` and `Carrier` do.
struct Shared {
    news: AtomicUsize,
    replies: Mutex<usize>,
    out: Doorbell<Out>,
    task: AtomicWaker,
    wakes: Wakes,
    has_room: AtomicBool,
    /// Woken by the kernel when it has.
    writable: AtomicWaker,
}

/// What was written, and whether the kernel has taken it.
struct Out {
    news: usize,
    replies: usize,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Behind,
}

impl Shared {
    /// The kernel takes nothing yet.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            news: AtomicUsize::new(0),
            replies: Mutex::new(0),
            out: Doorbell::new(Out { news: 0, replies: 0, progress: Progress::Done }),
            task: AtomicWaker::new(),
            wakes: Wakes::new(),
            has_room: AtomicBool::new(false),
            writable: AtomicWaker::new(),
        })
    }

    fn publish(&self) {
        self.news.fetch_add(1, Ordering::Relaxed);
        self.out.ring(|out| self.write_due(out));
    }

    /// A call's result is larger than what may wait.
    fn end_call(&self) {
        *self.replies.lock().unwrap() += MOST_WAITING + 1;
        self.out.ring(|out| self.write_due(out));
    }

    fn make_room(&self) {
        self.has_room.store(true, Ordering::Release);
        self.writable.wake();
    }

    fn write_due(&self, out: &mut Out) {
        if out.progress == Progress::Behind {
            return;
        }
        let replies = std::mem::take(&mut *self.replies.lock().unwrap());
        if replies > MOST_WAITING {
            self.wakes.wake(&self.task);
        }
        let news = self.news.load(Ordering::Relaxed);
        if (news, replies) == (out.news, 0) {
            return;
        }
        (out.news, out.replies) = (news, out.replies + replies);
        if !self.has_room.load(Ordering::Acquire) {
            out.progress = Progress::Behind;
            self.wakes.wake(&self.task);
        }
    }

    fn flush(&self, out: &mut Out, waker: &Waker) {
        if out.progress == Progress::Behind {
            self.writable.register(waker);
            if self.has_room.load(Ordering::Acquire) {
                out.progress = Progress::Done;
            }
        }
    }

    fn is_full(&self) -> bool {
        *self.replies.lock().unwrap() > MOST_WAITING
    }
}

/// The task of a [`Shared`] on a runtime of one thread.
struct Task {
    shared: Arc<Shared>,
    schedule: std::sync::Arc<Schedule>,
    progress: Progress,
    /// The client has sent something that was not looked at yet.
    has_mail: bool,
}

impl Task {
    /// What was due before there was a socket is not written yet.
    fn of(shared: &Arc<Shared>) -> Self {
        let schedule = std::sync::Arc::new(Schedule(AtomicBool::new(true)));
        Self { shared: Arc::clone(shared), schedule, progress: Progress::Behind, has_mail: false }
    }

    /// The client says something, which wakes the task.
    fn hear(&mut self) {
        self.has_mail = true;
        self.schedule.0.swap(true, Ordering::AcqRel);
    }

    fn run_until_idle(&mut self) {
        while self.schedule.0.swap(false, Ordering::AcqRel) {
            self.poll();
        }
    }

    fn poll(&mut self) {
        let (shared, waker) = (&self.shared, Waker::from(std::sync::Arc::clone(&self.schedule)));
        let mut may_write = shared.wakes.take(&shared.task, &waker) || self.progress != Progress::Done;
        loop {
            if may_write {
                let write = |out: &mut Out| {
                    shared.flush(out, &waker);
                    shared.write_due(out);
                    out.progress
                };
                self.progress = shared.out.hold(write, |out| shared.write_due(out));
            }
            if !self.has_mail || shared.is_full() {
                return;
            }
            (self.has_mail, may_write) = (false, true);
        }
    }
}

#[test]
fn no_news_is_left_unwritten_when_only_its_socket_wakes_the_task() {
    // Three threads with many steps: one switch more takes half a minute.
    in_ways_with(2, || {
        let shared = Shared::new();
        let mut task = Task::of(&shared);
        task.run_until_idle();
        let others = [Shared::publish, Shared::make_room].map(|what| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || what(&shared))
        });
        task.hear();
        task.run_until_idle();
        others.into_iter().for_each(|other| other.join().unwrap());
        task.run_until_idle();
        let left = shared.out.hold(|out| (out.news, out.progress), |_| panic!("a ring was left unanswered"));
        assert_eq!(left, (1, Progress::Done), "news was left unwritten");
    });
}

#[test]
fn no_client_is_left_unread_when_its_results_were_too_much_for_a_moment() {
    in_all_ways(|| {
        let shared = Shared::new();
        shared.make_room();
        let mut task = Task::of(&shared);
        task.run_until_idle();
        let call = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.end_call()
        });
        task.hear();
        task.run_until_idle();
        call.join().unwrap();
        task.run_until_idle();
        assert!(!task.has_mail, "the client was left unread");
    });
}
