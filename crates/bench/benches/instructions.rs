//! How many instructions the hot functions take. Unlike time, that hardly differs from run to run and machine to machine, so a change
//! of one per cent shows.
//!
//! Each has a limit about a tenth above what it takes: who exceeds it has made something slower, and either mends it or raises the limit
//! and says why. `scripts/test` counts them too.
//!
//! `cargo bench -p heliostat-bench --bench instructions` needs valgrind and `gungraun-runner` of the same version as `gungraun` in Cargo.lock.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "the harness's macros write public items and whole paths"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use heliostat_bus::{Bus, Delivery, Epoch, Limits, Payload, Start, Subscription, TopicName, Woken};
use heliostat_proto::{
    classic::{HubInvocation, ResponseHead, encode_response},
    connection::{Input, LinkId, Opening, ServerConnection, Timeouts},
    frame::event_stream,
    parameters::Parameters,
    transport_kind::TransportKind,
};

const CALL: &str =
    r#"{"H":"loadHub","M":"echo","A":["~hc:1:2:3 and something to make it a hundred bytes"],"I":7}"#;
const MESSAGE: &[u8] =
    br#"{"H":"LoadHub","M":"called","A":["~hc:1:2:3 and something to make it a hundred bytes"]}"#;
const CURSOR: &str = "d-4A3F2C1B-12";
const QUERY: &str = "transport=longPolling&clientProtocol=2.1&connectionToken=AZ0tqD3rcSvwDWqB1QdTm9t1xHx1l9vFqBh9Z1rF2m0bqFQkqkq0Y9QJ8m2\
                     cQ0c1r1zJx0xJfCw5xVtYgq0zC1lqBh9Z1rF2m0b&connectionData=%5B%7B%22name%22%3A%22loadhub%22%7D%5D";
const FORM: &str = "data=%7B%22H%22%3A%22loadHub%22%2C%22M%22%3A%22echo%22%2C%22A%22%3A%5B%22~hc%3A1%3A2%3A3+and+something+to+make+it+a+\
                    hundred+bytes%22%5D%2C%22I%22%3A7%7D";
/// Readers of one message.
const READERS: usize = 100;

/// More than so many instructions fail.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = Callgrind::default().hard_limits([(EventKind::Ir, instructions)]).clone();
    LibraryBenchmarkConfig::default().tool(limit).clone()
}

#[derive(Debug)]
struct Message;

impl Payload for Message {
    fn bytes(&self) -> usize {
        MESSAGE.len()
    }

    fn is_command(&self) -> bool {
        false
    }
}

/// A topic that has been in use for a while, and who reads it.
struct Audience {
    bus: Bus<Arc<Message>, usize>,
    readers: Vec<Subscription<Arc<Message>, usize>>,
    woken: Woken<usize>,
    taken: Vec<Delivery<Arc<Message>>>,
}

impl Audience {
    fn of(readers: usize) -> Self {
        let bus = Bus::new(Epoch::new(1), Limits::default());
        let topics = |id: usize| [TopicName::from("h-LoadHub"), TopicName::from(format!("c-{id}"))];
        let readers = (0..readers).map(|id| bus.subscribe(id, topics(id), Start::Now)).collect();
        let mut audience = Self { bus, readers, woken: Woken::default(), taken: Vec::new() };
        (0..10).for_each(|_| audience.hears());
        audience
    }

    fn hears(&mut self) {
        self.woken.clear();
        self.bus.publish("h-LoadHub", Arc::new(Message), &mut self.woken);
        for reader in &mut self.readers {
            self.taken.clear();
            let _ = reader.take(32, &mut self.taken);
        }
    }
}

// One message, taken by a hundred readers; beside `to_nobody` it shows what a reader costs.
#[library_benchmark]
#[bench::to_a_hundred(args = (Audience::of(READERS)), config = at_most(25_800))]
#[bench::to_nobody(args = (Audience::of(0)), config = at_most(480))]
fn publish(mut audience: Audience) -> Audience {
    audience.hears();
    black_box(audience)
}

#[library_benchmark]
#[bench::a_call(args = (CALL), config = at_most(1_350))]
fn parse_invocation(text: &str) -> Option<HubInvocation> {
    black_box(HubInvocation::parse(black_box(text))).ok()
}

/// As it is on a thread that has read one before.
fn after_another(text: &'static str) -> &'static str {
    drop(Parameters::from_form(text.as_bytes()));
    text
}

// What every request brings, and what a call over POST brings besides.
#[library_benchmark]
#[bench::a_query(args = (after_another(QUERY)), config = at_most(2_550))]
#[bench::a_form(args = (after_another(FORM)), config = at_most(2_730))]
fn read_parameters(text: &str) -> Parameters {
    black_box(Parameters::from_form(black_box(text.as_bytes())))
}

#[library_benchmark]
#[bench::one_message(args = (Vec::with_capacity(1024)), config = at_most(270))]
fn encode_delivery(mut out: Vec<u8>) -> Vec<u8> {
    encode_response(&mut out, &ResponseHead::new(black_box(CURSOR)), [black_box(MESSAGE)]);
    black_box(out)
}

/// A buffer, after another event: the first one also finds out what the processor can do.
fn after_another_event() -> Vec<u8> {
    event_stream::encode(&mut Vec::new(), MESSAGE);
    Vec::with_capacity(1024)
}

#[library_benchmark]
#[bench::one_message(args = (after_another_event()), config = at_most(365))]
fn encode_event(mut out: Vec<u8>) -> Vec<u8> {
    event_stream::encode(&mut out, black_box(MESSAGE));
    black_box(out)
}

/// A connection that has been open for a keep-alive.
fn connection() -> (ServerConnection, Instant) {
    let now = Instant::now();
    let timeouts = Arc::new(Timeouts::default());
    let mut machine = ServerConnection::new(timeouts, now);
    let opened =
        Input::Opened { link: LinkId::new(1), kind: TransportKind::WebSockets, how: Opening::ConnectDelayed };
    for input in [opened, Input::Started] {
        machine.handle(input, now);
        while machine.poll_effect().is_some() {}
    }
    (machine, now + Duration::from_secs(10))
}

#[library_benchmark]
#[bench::keep_alive(args = (connection()), config = at_most(1_100))]
fn tick((mut machine, now): (ServerConnection, Instant)) -> ServerConnection {
    machine.handle(Input::Tick, now);
    while black_box(machine.poll_effect()).is_some() {}
    black_box(machine)
}

library_benchmark_group!(
    name = hot,
    benchmarks = [publish, parse_invocation, read_parameters, encode_delivery, encode_event, tick]
);
main!(library_benchmark_groups = hot);
