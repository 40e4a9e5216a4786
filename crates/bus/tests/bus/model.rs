//! Whatever is done in whatever order, the bus does what a model does that is too simple to be wrong: no gap, no
//! duplicate, one total order, each loss counted, each topic forgotten when its time has come and not before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use heliostat_bus::{
    Bus, Collected, Epoch, Gap, Limits, Position, Resting, Start, Subscription, Taken, TopicName, Woken,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::note::{Kind, Note};

const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
const IDLE_TOPICS: usize = 2;
const TIME_TO_LIVE: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Publish { topic: usize, count: u64, kind: Kind },
    Subscribe { topics: Vec<usize>, start: StartStep },
    Drop { reader: usize },
    Rest { reader: usize },
    Resume { resting: usize },
    DropResting { resting: usize },
    Retire { reader: usize, topic: usize },
    RetireResting { resting: usize, topic: usize },
    Add { reader: usize, topic: usize },
    Remove { reader: usize, topic: usize },
    Take { reader: usize, limit: usize },
    Collect { seconds: u64 },
}

#[derive(Clone, Copy, Debug)]
enum StartStep {
    Now,
    Unknown,
    /// So many numbers before the head.
    Back(u64),
    Beyond,
}

fn step() -> impl Strategy<Value = Step> {
    let topic = 0..TOPICS.len();
    let reader = 0_usize..6;
    let kind = prop_oneof![6 => Just(Kind::Message), 1 => Just(Kind::Command)];
    let start = prop_oneof![
        3 => Just(StartStep::Now),
        1 => Just(StartStep::Unknown),
        1 => Just(StartStep::Beyond),
        6 => (0_u64..80).prop_map(StartStep::Back),
    ];
    prop_oneof![
        8 => (topic.clone(), 1_u64..12, kind).prop_map(|(topic, count, kind)| Step::Publish { topic, count, kind }),
        3 => (vec(topic.clone(), 0..4), start).prop_map(|(topics, start)| Step::Subscribe { topics, start }),
        2 => reader.clone().prop_map(|reader| Step::Drop { reader }),
        2 => reader.clone().prop_map(|reader| Step::Rest { reader }),
        2 => (0_usize..2).prop_map(|resting| Step::Resume { resting }),
        1 => (0_usize..2).prop_map(|resting| Step::DropResting { resting }),
        1 => (reader.clone(), topic.clone()).prop_map(|(reader, topic)| Step::Retire { reader, topic }),
        1 => (0_usize..2, topic.clone()).prop_map(|(resting, topic)| Step::RetireResting { resting, topic }),
        2 => (reader.clone(), topic.clone()).prop_map(|(reader, topic)| Step::Add { reader, topic }),
        1 => (reader.clone(), topic).prop_map(|(reader, topic)| Step::Remove { reader, topic }),
        5 => (reader, 1_usize..40).prop_map(|(reader, limit)| Step::Take { reader, limit }),
        2 => (0_u64..3).prop_map(|seconds| Step::Collect { seconds }),
    ]
}

/// A bus as one would write it without a thought for time or memory.
#[derive(Default)]
struct Model {
    head: u64,
    now: u64,
    topics: BTreeMap<&'static str, Topic>,
    /// Longest idle first, and since when.
    idle: Vec<(&'static str, Option<u64>)>,
    forgotten_through: u64,
    retired_through: u64,
    aged_through: u64,
    notes: Vec<(u64, u64)>,
    evicted: u64,
    lost: u64,
}

#[derive(Default)]
struct Topic {
    kept: VecDeque<u64>,
    last: u64,
    evicted_through: u64,
    forgotten_through: u64,
    readers: BTreeSet<usize>,
}

/// What the model knows of a reader: every message of its topics that it has neither got nor lost.
struct Reader {
    id: usize,
    position: u64,
    due: BTreeMap<&'static str, Vec<(u64, Kind)>>,
    lost: u64,
    gap: Option<Gap>,
}

impl Model {
    fn publish(&mut self, name: &str) -> Option<u64> {
        let topic = self.topics.get_mut(name)?;
        self.head += 1;
        topic.last = self.head;
        topic.kept.push_back(self.head);
        if topic.kept.len() > Limits::FEWEST_MESSAGES {
            topic.evicted_through = topic.kept.pop_front().unwrap();
            self.evicted += 1;
        }
        Some(self.head)
    }

    /// Tells what the topic is found to have lost: for certain, and perhaps.
    fn join(
        &mut self,
        name: &'static str,
        reader: &mut Reader,
        kinds: &BTreeMap<u64, Kind>,
    ) -> Option<(u64, u64)> {
        if reader.due.contains_key(name) {
            return None;
        }
        self.idle.retain(|(idle, _)| *idle != name);
        let forgotten_through = self.forgotten_through.max(self.retired_through.min(self.aged_through));
        let topic =
            self.topics.entry(name).or_insert_with(|| Topic { forgotten_through, ..Topic::default() });
        topic.readers.insert(reader.id);
        let due = topic.kept.iter().filter(|&&number| number > reader.position);
        reader.due.insert(name, due.map(|&number| (number, kinds[&number])).collect());
        Some((topic.evicted_through, topic.evicted_through.max(topic.forgotten_through)))
    }

    fn leave(&mut self, name: &'static str, reader: usize) {
        let topic = self.topics.get_mut(name).unwrap();
        topic.readers.remove(&reader);
        if topic.readers.is_empty() {
            self.idle.push((name, None));
        }
    }

    /// The same for good.
    fn retire(&mut self, name: &'static str, reader: usize) {
        let topic = self.topics.get_mut(name).unwrap();
        topic.readers.remove(&reader);
        if topic.readers.is_empty() {
            self.retired_through = self.retired_through.max(topic.last);
            self.evicted += self.topics.remove(name).unwrap().kept.len() as u64;
        }
    }

    fn forget_oldest_idle(&mut self) -> u64 {
        let (name, _) = self.idle.remove(0);
        let topic = self.topics.remove(name).unwrap();
        self.forgotten_through = self.forgotten_through.max(topic.last);
        self.evicted += topic.kept.len() as u64;
        topic.kept.len() as u64
    }

    fn forget_idle(&mut self) {
        while self.idle.len() > IDLE_TOPICS {
            self.forget_oldest_idle();
        }
    }

    fn collect(&mut self, seconds: u64) -> Collected {
        self.now += seconds;
        let mut collected = Collected::default();
        for (_, since) in &mut self.idle {
            since.get_or_insert(self.now);
        }
        while self.idle.first().is_some_and(|(_, since)| self.now - since.unwrap() >= TIME_TO_LIVE) {
            collected.messages += self.forget_oldest_idle();
            collected.topics += 1;
        }
        let old = self.notes.iter().filter(|(noted, _)| (self.now - noted) * 2 >= TIME_TO_LIVE);
        self.aged_through = old.map(|&(_, head)| head).chain([self.aged_through]).max().unwrap();
        if self.notes.last().is_none_or(|&(noted, _)| noted < self.now) {
            self.notes.push((self.now, self.head));
        }
        let too_old = self.notes.iter().filter(|(noted, _)| self.now - noted >= TIME_TO_LIVE);
        let too_old = too_old.map(|&(_, head)| head).max().unwrap_or(0);
        for topic in self.topics.values_mut() {
            while topic.kept.front().is_some_and(|&number| number <= too_old) {
                topic.evicted_through = topic.kept.pop_front().unwrap();
                self.evicted += 1;
                collected.messages += 1;
            }
        }
        collected
    }

    fn take(&mut self, reader: &mut Reader, limit: usize) -> (Vec<u64>, Taken) {
        let mut lost = std::mem::take(&mut reader.lost);
        let mut due = Vec::new();
        for (name, messages) in &mut reader.due {
            let kept = &self.topics[name].kept;
            let before = messages.len();
            messages.retain(|(number, _)| kept.contains(number));
            lost += (before - messages.len()) as u64;
            due.extend_from_slice(messages);
        }
        due.sort_by_key(|&(number, _)| number);
        let command = due.iter().take(limit).position(|&(_, kind)| kind == Kind::Command);
        let taken = command.map_or(due.len().min(limit), |command| command + 1);
        let more = command.is_some() || taken < due.len();
        due.truncate(taken);
        let batch = due.iter().map(|&(number, _)| number).collect::<Vec<_>>();
        for messages in reader.due.values_mut() {
            messages.retain(|(number, _)| !batch.contains(number));
        }
        reader.position = if more { batch[taken - 1] } else { self.head };
        self.lost += lost;
        (batch, Taken { lost, more })
    }
}

/// The bus and the model, side by side.
struct Both {
    bus: Bus<Note, usize>,
    model: Model,
    kinds: BTreeMap<u64, Kind>,
    readers: Vec<(Subscription<Note, usize>, Reader)>,
    resting: Vec<(Resting<Note, usize>, Reader)>,
    next_id: usize,
    epoch: Instant,
}

impl Both {
    fn new() -> Self {
        let limits = Limits { topic_messages: 1, idle_topics: IDLE_TOPICS, ..Limits::default() };
        let bus = Bus::new(Epoch::new(7), limits);
        let (model, kinds, readers, resting) = (Model::default(), BTreeMap::new(), Vec::new(), Vec::new());
        Self { bus, model, kinds, readers, resting, next_id: 0, epoch: start_of_time() }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Publish { topic, count, kind } => {
                (0..count).for_each(|_| self.publish(TOPICS[topic], kind))
            }
            Step::Subscribe { topics, start } => self.subscribe(&topics, start),
            Step::Drop { reader } if reader < self.readers.len() => {
                let (real, model) = self.readers.swap_remove(reader);
                let names = names(real.topics());
                drop(real);
                self.leave(names, &model);
            }
            Step::Retire { reader, topic } if reader < self.readers.len() => {
                let (real, model) = self.readers.swap_remove(reader);
                let names = names(real.topics());
                real.retire(TOPICS[topic]);
                self.retire(names, topic, &model);
            }
            Step::Rest { reader } if reader < self.readers.len() => {
                let (real, model) = self.readers.swap_remove(reader);
                self.resting.push((real.rest(), model));
            }
            Step::Resume { resting } if resting < self.resting.len() => {
                let (real, model) = self.resting.swap_remove(resting);
                assert_eq!(real.position().get(), model.position);
                self.readers.push((real.resume(model.id), model));
            }
            Step::DropResting { resting } if resting < self.resting.len() => {
                let (real, model) = self.resting.swap_remove(resting);
                let names = names(real.topics());
                drop(real);
                self.leave(names, &model);
            }
            Step::RetireResting { resting, topic } if resting < self.resting.len() => {
                let (real, model) = self.resting.swap_remove(resting);
                let names = names(real.topics());
                real.retire(TOPICS[topic]);
                self.retire(names, topic, &model);
            }
            Step::Add { reader, topic } if reader < self.readers.len() => {
                let (real, model) = &mut self.readers[reader];
                real.add(TopicName::from(TOPICS[topic]));
                let found = self.model.join(TOPICS[topic], model, &self.kinds);
                if found.is_some_and(|(_, perhaps_through)| model.position < perhaps_through) {
                    model.lost += 1;
                }
            }
            Step::Remove { reader, topic } if reader < self.readers.len() => {
                let (real, model) = &mut self.readers[reader];
                real.remove(TOPICS[topic]);
                if model.due.remove(TOPICS[topic]).is_some() {
                    self.model.leave(TOPICS[topic], model.id);
                    self.model.forget_idle();
                }
            }
            Step::Take { reader, limit } if reader < self.readers.len() => self.take(reader, limit),
            Step::Collect { seconds } => {
                let expected = self.model.collect(seconds);
                let now = self.epoch + Duration::from_secs(self.model.now);
                assert_eq!(self.bus.collect(now, Duration::from_secs(TIME_TO_LIVE)), expected);
            }
            Step::Drop { .. } | Step::Add { .. } | Step::Remove { .. } | Step::Take { .. } => {}
            Step::Rest { .. } | Step::Resume { .. } | Step::DropResting { .. } => {}
            Step::Retire { .. } | Step::RetireResting { .. } => {}
        }
        self.compare();
    }

    fn leave(&mut self, names: Vec<&'static str>, reader: &Reader) {
        for name in names {
            self.model.leave(name, reader.id);
        }
        self.model.forget_idle();
    }

    fn retire(&mut self, mut names: Vec<&'static str>, topic: usize, reader: &Reader) {
        if let Some(index) = names.iter().position(|name| *name == TOPICS[topic]) {
            self.model.retire(names.swap_remove(index), reader.id);
        }
        self.leave(names, reader);
    }

    fn publish(&mut self, name: &'static str, kind: Kind) {
        let mut woken = Woken::default();
        let expected = self.model.publish(name);
        let note = Note { number: self.model.head, bytes: 1, kind };
        assert_eq!(self.bus.publish(name, note, &mut woken).map(Position::get), expected);
        let Some(number) = expected else { return assert!(woken.is_empty()) };
        self.kinds.insert(number, kind);
        let models = self.readers.iter_mut().map(|(_, model)| model);
        for reader in models.chain(self.resting.iter_mut().map(|(_, model)| model)) {
            if let Some(due) = reader.due.get_mut(name) {
                due.push((number, kind));
            }
        }
        let mut wake: Vec<_> = woken.iter().copied().collect();
        wake.sort_unstable();
        let rests = |id: &&usize| self.resting.iter().any(|(_, model)| model.id == **id);
        let awake = self.model.topics[name].readers.iter().filter(|id| !rests(id));
        assert!(wake.iter().eq(awake), "all its readers are woken, each once, but those at rest");
    }

    fn subscribe(&mut self, topics: &[usize], start: StartStep) {
        let head = self.model.head;
        let (start, position, gap) = match start {
            StartStep::Now => (Start::Now, head, None),
            StartStep::Unknown => (Start::Unknown, head, Some(Gap::UnknownCursor)),
            StartStep::Beyond => (Start::After(Position::new(head + 1)), head, Some(Gap::UnknownCursor)),
            StartStep::Back(numbers) => {
                let position = head.saturating_sub(numbers);
                (Start::After(Position::new(position)), position, None)
            }
        };
        let id = self.next_id;
        self.next_id += 1;
        let names = topics.iter().map(|&topic| TopicName::from(TOPICS[topic]));
        let real = self.bus.subscribe(id, names, start);
        let mut model = Reader { id, position, due: BTreeMap::new(), lost: 0, gap };
        for &topic in topics {
            let found = self.model.join(TOPICS[topic], &mut model, &self.kinds);
            // A reader that starts at the head cannot be behind.
            if found.is_some_and(|(_, missing_through)| position < missing_through) {
                model.lost += 1;
                model.gap = Some(Gap::Forgotten);
            }
        }
        assert_eq!(real.start_gap(), model.gap);
        self.readers.push((real, model));
    }

    fn take(&mut self, reader: usize, limit: usize) {
        let (real, model) = &mut self.readers[reader];
        let (expected, taken) = self.model.take(model, limit);
        let mut batch = Vec::new();
        assert!(real.has_news() || expected.is_empty() && taken.lost == 0, "a reader with news knows it");
        assert_eq!(real.take(limit, &mut batch), taken);
        assert_eq!(batch.iter().map(|delivery| delivery.position.get()).collect::<Vec<_>>(), expected);
        for delivery in batch {
            assert_eq!(
                delivery.payload.number,
                delivery.position.get(),
                "each number brings its own payload"
            );
        }
    }

    fn compare(&self) {
        for (real, model) in &self.readers {
            assert_eq!(real.position().get(), model.position);
            assert!(
                real.topics().map(TopicName::as_str).collect::<BTreeSet<_>>().iter().eq(model.due.keys())
            );
        }
        let statistics = self.bus.statistics();
        assert_eq!(statistics.topics, self.model.topics.len());
        assert_eq!(statistics.idle_topics, self.model.idle.len());
        assert_eq!(statistics.subscriptions, self.readers.len() + self.resting.len());
        assert_eq!(statistics.published_total, self.model.head);
        assert_eq!(statistics.evicted_total, self.model.evicted);
        assert_eq!(statistics.lost_total, self.model.lost);
        let kept = self.model.topics.values().map(|topic| topic.kept.len()).sum::<usize>();
        assert_eq!(statistics.messages, kept as u64);
        assert_eq!(statistics.bytes == 0, kept == 0, "what is given back is what was taken");
    }
}

/// In the order of the bus's own list, in which it leaves them.
fn names<'a>(topics: impl Iterator<Item = &'a TopicName>) -> Vec<&'static str> {
    let known = |name: &TopicName| TOPICS.into_iter().find(|topic| *topic == name.as_str()).unwrap();
    topics.map(known).collect()
}

#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be had from the clock; it is read once")]
fn start_of_time() -> Instant {
    Instant::now()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// CP-197, CP-199, CP-201, CP-105: whatever happens, readers get what the model says.
    #[test]
    fn any_interleaving_agrees_with_the_model(steps in vec(step(), 1..160)) {
        let mut both = Both::new();
        for step in steps {
            both.run(step);
        }
        while !both.resting.is_empty() {
            both.run(Step::Resume { resting: 0 });
        }
        // In the end everybody catches up.
        for reader in 0..both.readers.len() {
            while both.readers[reader].0.has_news() {
                both.take(reader, 7);
            }
        }
        both.compare();
    }
}
