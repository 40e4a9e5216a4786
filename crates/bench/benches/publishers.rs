//! What a message costs when many threads publish at once, held against the least that one log can cost: under one lock a number is taken
//! and the message kept.
//!
//! `cargo bench -p heliostat-bench --bench publishers` prints a table. Both sides take turns in one run, and a row is the median of its
//! turns. *Processor* is what publishing costs the thread that does it; *together* is how much all of them get done, which is what falls
//! when they wait for each other.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Barrier, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use heliostat_bus::{Bus, Epoch, Limits, Payload, Start, Subscription, TopicName, Woken};
use rustix::time::{ClockId, clock_gettime};

/// Each thread publishes so many in a turn, once its topic is full.
const MESSAGES: u32 = 200_000;
/// An odd number, so that there is a middle one.
const TURNS: usize = 7;
/// As many as a topic keeps.
const KEPT: usize = 1000;
/// Topics of connections that are there while others come and go.
const CROWD: usize = 100_000;
/// Those who read one topic.
const AUDIENCE: usize = 10_000;
/// Messages to them.
const BROADCASTS: u32 = 2_000;

fn main() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut threads = vec![1, cores, 4 * cores];
    threads.dedup();
    println!(
        "| work | threads | processor per message | × bare | together | × one thread | bare, × one thread |"
    );
    println!("|---|---|---|---|---|---|---|");
    for work in [Work::OwnTopics, Work::OneTopic, Work::Groups] {
        let mut alone = None;
        for &threads in &threads {
            let found = turns(work, threads);
            let alone = alone.get_or_insert(found);
            println!(
                "| {} | {threads} | {} ns | {:.2} | {:.1} million/s | {:.2} | {:.2} |",
                work.name(),
                found.ours.processor.as_nanos(),
                found.ratio(),
                found.ours.together / 1e6,
                found.ours.together / alone.ours.together,
                found.bare.together / alone.bare.together,
            );
        }
    }
    println!();
    println!("| while connections come and go beside {CROWD} others | ours | bare |");
    println!("|---|---|---|");
    let [ours, bare] = in_turns(ours_beside, bare_beside);
    println!("| processor per message of one publisher | {} ns | {} ns |", ours.as_nanos(), bare.as_nanos());
    let [ours, bare] = in_turns(ours_growing, bare_growing);
    println!("| the slowest of {CROWD} newcomers | {} µs | {} µs |", ours.as_micros(), bare.as_micros());
    println!();
    println!(
        "| a message to {AUDIENCE} readers of one topic, without what it costs to tell them | ours | bare |"
    );
    println!("|---|---|---|");
    for (what, comings) in [("who stay", 0), ("of whom one leaves and one comes before they are told", 1)] {
        let [ours, bare] = in_turns(|| ours_to_many(comings), bare_to_many);
        println!("| {what} | {} ns | {} ns |", ours.as_nanos(), bare.as_nanos());
    }
}

/// Who publishes to whom.
#[derive(Clone, Copy)]
enum Work {
    /// Each thread to a topic of its own that one reads.
    OwnTopics,
    /// All to one topic that one reads.
    OneTopic,
    /// Each thread to a topic of its own that ten read.
    Groups,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::OwnTopics => "a topic for each thread",
            Self::OneTopic => "one topic for all",
            Self::Groups => "a topic for each thread, ten readers",
        }
    }

    const fn readers(self) -> usize {
        match self {
            Self::OwnTopics | Self::OneTopic => 1,
            Self::Groups => 10,
        }
    }
}

/// What one side found.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Per message.
    processor: Duration,
    /// Messages a second, of all threads.
    together: f64,
}

/// What both sides found in one turn.
#[derive(Clone, Copy, Default)]
struct Found {
    ours: Cost,
    bare: Cost,
}

#[derive(Debug)]
struct Message;

impl Payload for Message {
    fn bytes(&self) -> usize {
        100
    }

    fn is_command(&self) -> bool {
        false
    }
}

/// What wakes a reader, as far from the next one's as it is in a server.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Handle;

type TestBus = Bus<Arc<Message>, Arc<Handle>>;

/// A number for each message of all, and the last ones of each topic.
#[derive(Default)]
struct BareLog {
    numbers: Mutex<u64>,
}

#[derive(Default)]
struct BareTopic(Mutex<VecDeque<(u64, Arc<Message>)>>);

impl BareLog {
    fn publish(&self, topic: &BareTopic, message: Arc<Message>) {
        let mut kept = topic.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        let mut last = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        kept.push_back((*last, message));
    }
}

/// The turn in the middle, by what a message costs beside the bare one.
fn turns(work: Work, threads: usize) -> Found {
    let turn = |_| Found { ours: ours(work, threads), bare: bare(work, threads) };
    let mut turns: Vec<Found> = (0..TURNS).map(turn).collect();
    turns.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    turns.get(TURNS / 2).copied().unwrap_or_default()
}

impl Found {
    fn ratio(&self) -> f64 {
        self.ours.processor.as_secs_f64() / self.bare.processor.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

fn ours(work: Work, threads: usize) -> Cost {
    let bus = TestBus::new(Epoch::new(1), Limits::default());
    let name = |thread: usize| match work {
        Work::OneTopic => String::from("h-all"),
        Work::OwnTopics | Work::Groups => format!("h-{thread}"),
    };
    let readers: Vec<_> =
        (0..threads * work.readers()).map(|reader| subscribed(&bus, name(reader % threads))).collect();
    let cost = published(threads, |thread| {
        let (bus, topic, mut woken) = (bus.clone(), name(thread), Woken::default());
        move || {
            woken.clear();
            bus.publish(&topic, Arc::new(Message), &mut woken);
        }
    });
    drop(readers);
    cost
}

fn bare(work: Work, threads: usize) -> Cost {
    let log = Arc::new(BareLog::default());
    let topics: Vec<_> = (0..threads).map(|_| Arc::new(BareTopic::default())).collect();
    published(threads, |thread| {
        let place = match work {
            Work::OneTopic => 0,
            Work::OwnTopics | Work::Groups => thread,
        };
        let (log, topic) = (Arc::clone(&log), topics.get(place).cloned().unwrap_or_default());
        move || log.publish(&topic, Arc::new(Message))
    })
}

fn subscribed(bus: &TestBus, topic: String) -> Subscription<Arc<Message>, Arc<Handle>> {
    bus.subscribe(Arc::new(Handle), [TopicName::from(topic)], Start::Now)
}

/// All begin at the same moment.
fn published<F: FnMut() + Send>(threads: usize, publisher: impl Fn(usize) -> F) -> Cost {
    let begin = Barrier::new(threads);
    let each: Vec<(Duration, Duration)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (mut publish, begin) = (publisher(thread), &begin);
                scope.spawn(move || {
                    (0..KEPT).for_each(|_| publish());
                    begin.wait();
                    let (since, before) = (Instant::now(), processor_time());
                    (0..MESSAGES).for_each(|_| publish());
                    (processor_time().saturating_sub(before), since.elapsed())
                })
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let processor: Duration = each.iter().map(|(processor, _)| *processor).sum();
    let took = each.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let messages = u32::try_from(each.len()).unwrap_or(u32::MAX).saturating_mul(MESSAGES);
    Cost { processor: processor / messages.max(1), together: f64::from(messages) / took.as_secs_f64() }
}

/// The medians of both sides' turns.
fn in_turns(ours: impl Fn() -> Duration, bare: impl Fn() -> Duration) -> [Duration; 2] {
    let turns: Vec<_> = (0..TURNS).map(|_| [ours(), bare()]).collect();
    [0, 1].map(|side| {
        let mut all: Vec<Duration> = turns.iter().filter_map(|turn| turn.get(side)).copied().collect();
        all.sort_unstable();
        all.get(TURNS / 2).copied().unwrap_or_default()
    })
}

/// What a message costs while another thread has one connection after the other come and go.
fn beside(come_and_go: impl Fn(usize) + Send, publish: impl FnMut()) -> Duration {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| (CROWD..).take_while(|_| !is_over.load(Ordering::Relaxed)).for_each(come_and_go));
        let cost = per_message(MESSAGES, publish);
        is_over.store(true, Ordering::Relaxed);
        cost
    })
}

/// What each of so many messages costs this thread, once the topic is full.
fn per_message(messages: u32, mut publish: impl FnMut()) -> Duration {
    (0..KEPT).for_each(|_| publish());
    let before = processor_time();
    (0..messages).for_each(|_| publish());
    processor_time().saturating_sub(before) / messages
}

fn ours_beside() -> Duration {
    let bus = TestBus::new(Epoch::new(1), Limits::default());
    let _reader = subscribed(&bus, String::from("h-all"));
    let _crowd: Vec<_> = (0..CROWD).map(|number| subscribed(&bus, connection(number))).collect();
    let come_and_go = |number| {
        let name = connection(number);
        subscribed(&bus, name.clone()).retire(&name);
    };
    let mut woken = Woken::default();
    beside(come_and_go, || {
        woken.clear();
        bus.publish("h-all", Arc::new(Message), &mut woken);
    })
}

/// Those who come and go here have a table of their own.
fn bare_beside() -> Duration {
    let (log, topic) = (BareLog::default(), BareTopic::default());
    let names = Mutex::new((0..CROWD).map(connection).collect::<HashSet<_>>());
    let come_and_go = |number| {
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(connection(number));
        names.remove(&connection(number));
    };
    beside(come_and_go, || log.publish(&topic, Arc::new(Message)))
}

/// How long the slowest of many newcomers takes. If all names are under one lock, so long nobody finds any.
fn slowest(mut come: impl FnMut(String)) -> Duration {
    let took = |number| {
        let (name, before) = (connection(number), processor_time());
        come(name);
        processor_time().saturating_sub(before)
    };
    (0..CROWD).map(took).max().unwrap_or_default()
}

fn ours_growing() -> Duration {
    let bus = TestBus::new(Epoch::new(1), Limits::default());
    let mut crowd = Vec::with_capacity(CROWD);
    slowest(|name| crowd.push(subscribed(&bus, name)))
}

fn bare_growing() -> Duration {
    let mut names = HashSet::new();
    slowest(|name| _ = names.insert(name))
}

/// What a publisher does under the lock of a large topic, and what those cost it who come and go while it tells the others.
fn ours_to_many(comings: usize) -> Duration {
    let bus = TestBus::new(Epoch::new(1), Limits::default());
    let reader = || subscribed(&bus, String::from("h-all"));
    let mut readers: VecDeque<_> = (0..AUDIENCE).map(|_| reader()).collect();
    let mut woken = Woken::new();
    per_message(BROADCASTS, || {
        bus.publish("h-all", Arc::new(Message), &mut woken);
        for _ in 0..comings {
            readers.pop_front();
            readers.push_back(reader());
        }
        woken.clear();
    })
}

fn bare_to_many() -> Duration {
    let (log, topic) = (BareLog::default(), BareTopic::default());
    per_message(BROADCASTS, || log.publish(&topic, Arc::new(Message)))
}

fn connection(number: usize) -> String {
    format!("c-{number:032x}")
}

/// Of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
    seconds + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}
