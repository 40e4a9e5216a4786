//! Looking at connections without getting in their way.
//!
//! Whatever is shown here is kept anyway or costs a relaxed atomic; it is put together only when somebody asks, one connection at a time,
//! so a list of many is not one moment. Nothing here changes anything.

mod connection_info;
mod moment;
mod timeline;

pub use connection_info::{ConnectionInfo, ConnectionState};
pub(crate) use moment::{Clock, moment, optional_moment};
pub use timeline::{Layer, Timeline, TimelineEvent, What};
