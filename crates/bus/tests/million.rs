//! A million messages to ten thousand topics, and the memory stays where its limit says.
//!
//! Alone in its file, and so in its process: it looks at the memory of the whole process.

use std::sync::Arc;

use heliostat_bus::{Bus, Epoch, Limits, Payload, Start, TopicName, Woken};

const TOPICS: usize = 10_000;
const MESSAGES: usize = 1_000_000;
const TOTAL_BYTES: usize = 32 << 20;
/// What the process may grow by. Twice the limit, because queues double their room when they grow and an allocator has
/// gaps, and 16 MiB for the topics themselves. Without the limit it would be over 200 MiB.
const GROWTH: usize = 2 * TOTAL_BYTES + (16 << 20);

/// A message of its own memory, as in real life.
struct Body(Box<[u8]>);

impl Payload for Body {
    fn bytes(&self) -> usize {
        // The reference counts and the fat pointer lie next to the bytes.
        self.0.len() + 32
    }

    fn is_command(&self) -> bool {
        false
    }
}

/// The memory the process has, where the system tells.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

#[test]
fn a_million_messages_to_ten_thousand_topics_stay_within_the_limit() {
    let bus = Bus::new(Epoch::new(1), Limits { total_bytes: TOTAL_BYTES, ..Limits::default() });
    let names = (0..TOPICS).map(|topic| TopicName::from(format!("hg-ChatHub.{topic}"))).collect::<Vec<_>>();
    let before = resident_bytes();
    let mut readers =
        names.iter().map(|name| bus.subscribe((), [name.clone()], Start::Now)).collect::<Vec<_>>();

    let mut woken = Woken::default();
    for message in 0..MESSAGES {
        woken.clear();
        // Half of them to the first hundred topics, so that there are busy and quiet ones. The factor is prime, so all
        // topics have their turn.
        let topic = (message * 7919) % if message % 2 == 0 { 100 } else { TOPICS };
        let body = Body(vec![0; 20 + message % 300].into_boxed_slice());
        bus.publish(names[topic].as_str(), Arc::new(body), &mut woken).unwrap();
        assert_eq!(woken.len(), 1);
        // Looking at the account costs nothing next to a publish; at the process it does.
        if message % 64 == 0 {
            assert!(bus.statistics().bytes <= TOTAL_BYTES);
        }
        if message % 50_000 == 0
            && let (Some(before), Some(now)) = (before, resident_bytes())
        {
            assert!(now < before + GROWTH, "grown by {} MiB", (now - before) >> 20);
        }
    }

    let statistics = bus.statistics();
    assert_eq!(statistics.published_total, MESSAGES as u64);
    assert!(statistics.bytes > TOTAL_BYTES / 2, "the room there is, is used");

    // Every message is accounted for: got by its reader or told as lost.
    let mut batch = Vec::new();
    let (mut got, mut lost) = (0, 0);
    for reader in &mut readers {
        batch.clear();
        let taken = reader.take(usize::MAX, &mut batch);
        assert!(!taken.more);
        got += batch.len() as u64;
        lost += taken.lost;
    }
    assert_eq!(got, statistics.messages);
    assert_eq!(got + lost, MESSAGES as u64);
}
