//! What a process costs: processor time, memory, open files, read from `/proc`.
//!
//! Where there is no `/proc`, or it does not let us, there are no figures; a run goes on without them.

mod find;
mod sample;

pub(crate) use find::listening_on;
pub use sample::{Cpu, Memory};
pub(crate) use sample::{Sample, sample};
