//! Messages in memory: one log, many topics, and readers that can come back.
//!
//! A SignalR connection whose transport connection was cut must find, on its return, what was sent to it in
//! the meantime. So nothing is pushed at readers: every message goes into the store of its topic under the
//! next number of *one log*, and each reader takes what lies beyond its own [`Position`].
//!
//! What this crate promises:
//!
//! * **Total order, no gap, no duplicate.** A reader gets the messages of its topics in the order of their
//!   numbers, each once, however publishers, readers and topic changes interleave.
//! * **Bounded memory.** Stores are limited by count, by bytes and by age ([`Limits`], [`Bus::collect`]); what a
//!   reader missed because of that is *counted*, never passed over in silence ([`Taken::lost`]).
//! * **A slow reader costs nothing but its place.** It blocks neither publishers nor other readers.
//! * **Pure.** No clock, no socket, no `async`: whoever publishes gets the handles of the readers to wake.
//!
//! ```
//! use std::sync::Arc;
//! use heliostat_bus::{Bus, Epoch, Limits, Payload, Start, TopicName, Woken};
//!
//! struct Text(&'static str);
//! impl Payload for Text {
//!     fn bytes(&self) -> usize {
//!         self.0.len()
//!     }
//!     fn is_command(&self) -> bool {
//!         false
//!     }
//! }
//!
//! // The second type is the handle a publisher wakes a reader with; here a number will do.
//! let bus: Bus<Arc<Text>, u32> = Bus::new(Epoch::new(0x7E), Limits::default());
//! let mut ann = bus.subscribe(1, [TopicName::from("lobby")], Start::Now);
//!
//! let mut woken = Woken::new();
//! bus.publish("lobby", Arc::new(Text("hello")), &mut woken);
//! assert!(woken.iter().eq(&[1]));
//!
//! let mut batch = Vec::new();
//! ann.take(10, &mut batch);
//! assert_eq!(batch[0].payload.0, "hello");
//! let cursor = bus.cursor(batch[0].position).to_string();
//! assert_eq!(cursor, "d-7E-1");
//!
//! // Ann's transport connection breaks, a message is sent, Ann returns with her cursor: nothing is lost.
//! drop(ann);
//! bus.publish("lobby", Arc::new(Text("still there?")), &mut woken);
//! let start = bus.start_from(Some(&cursor))?;
//! let mut ann = bus.subscribe(2, [TopicName::from("lobby")], start);
//! batch.clear();
//! ann.take(10, &mut batch);
//! assert_eq!(batch[0].payload.0, "still there?");
//! # Ok::<(), heliostat_bus::CursorError>(())
//! ```

mod age;
mod bus;
mod cursor;
mod directory;
mod limits;
mod lock;
mod log;
mod marks;
mod message;
mod pages;
mod position;
mod readers;
mod store;
mod subscription;
mod topic;
mod woken;

pub use bus::{Bus, Collected, Statistics};
pub use cursor::{Cursor, CursorError, Epoch, Start};
pub use limits::Limits;
pub use message::{Delivery, Payload};
pub use position::Position;
pub use subscription::{Gap, Resting, Subscription, Taken};
pub use topic::TopicName;
pub use woken::Woken;
