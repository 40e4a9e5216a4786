//! The server on one core, the load on another.
//!
//! A process inherits the cores of the thread that starts it. So this thread moves to the server's core to start it, and then to the
//! load's: no helper program is needed, and the server's runtime sees how many cores it has.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{error::BenchError, options::Cores};

/// Where this thread, and what it starts, may run.
pub(crate) struct Arrangement {
    all: CpuSet,
    server: CpuSet,
    load: CpuSet,
}

impl Arrangement {
    pub(crate) fn of(cores: Cores) -> Result<Self, BenchError> {
        let all = sched_getaffinity(None).map_err(refused)?;
        if cores == Cores::Free {
            return Ok(Self { all, server: all, load: all });
        }
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        let (Some(first), Some(second)) = (allowed.next(), allowed.next()) else {
            return Err(BenchError::OneCore);
        };
        Ok(Self { all, server: only(first), load: only(second) })
    }

    /// Does `start` on the server's core, and goes on on the load's.
    pub(crate) fn start<T>(&self, start: impl FnOnce() -> Result<T, BenchError>) -> Result<T, BenchError> {
        sched_setaffinity(None, &self.server).map_err(refused)?;
        let started = start();
        sched_setaffinity(None, &self.load).map_err(refused)?;
        started
    }
}

impl Drop for Arrangement {
    fn drop(&mut self) {
        // It was allowed before; if it is not any more, the next arrangement says so.
        let _ = sched_setaffinity(None, &self.all);
    }
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

fn refused(error: rustix::io::Errno) -> BenchError {
    BenchError::NotPinned(io::Error::from(error))
}
