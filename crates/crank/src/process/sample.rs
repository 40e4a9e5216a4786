//! One look at a process.

use std::{fs, path::Path, time::Duration};

use serde::Serialize;

use crate::report::seconds;

/// Processor time is counted in these since Linux promised it to programs (`USER_HZ`): 10 ms.
const TICK: Duration = Duration::from_millis(10);

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// In the program itself.
    #[serde(serialize_with = "seconds")]
    pub user: Duration,
    /// In the kernel, on its behalf.
    #[serde(serialize_with = "seconds")]
    pub system: Duration,
}

impl Cpu {
    /// Both together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.user + self.system
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What is in memory, shared pages included.
    pub rss: u64,
    /// The same with shared pages divided among those who share them; `None` if the system does not tell.
    pub pss: Option<u64>,
    /// What nobody else uses; likewise.
    pub private: Option<u64>,
    /// The most it has ever been.
    pub peak: u64,
}

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) cpu: Cpu,
    /// Processor time of the threads that live, to the nanosecond; `None` if the system does not tell.
    running: Option<Duration>,
    pub(crate) memory: Memory,
    pub(crate) open_files: Option<u64>,
}

impl Sample {
    /// Processor time since an earlier look, as exactly as can be known.
    pub(crate) fn cpu_since(&self, earlier: &Self) -> Duration {
        let ticks = self.cpu.since(&earlier.cpu).total();
        let exact = self.running.zip(earlier.running).map(|(now, then)| now.saturating_sub(then));
        // Threads that have ended since take their time along; then the ticks know more.
        exact.filter(|exact| *exact + 2 * TICK >= ticks).unwrap_or(ticks)
    }
}

/// Looks at a process; `None` if there is none, or we may not.
pub(crate) fn sample(pid: u32) -> Option<Sample> {
    let cpu = cpu_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let open_files = fs::read_dir(format!("/proc/{pid}/fd")).ok().map(|files| files.count() as u64);
    let running = running(Path::new(&format!("/proc/{pid}/task")));
    Some(Sample { cpu, running, memory: memory_of(&status, &rollup), open_files })
}

/// The first field of each thread's `schedstat` is the time it has run, in nanoseconds.
fn running(threads: &Path) -> Option<Duration> {
    let of_one = |thread: fs::DirEntry| {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split_whitespace().next()?.parse::<u64>().ok()
    };
    let nanoseconds: u64 = fs::read_dir(threads).ok()?.flatten().filter_map(of_one).sum();
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

/// The 14th and 15th field; the second is a name in parentheses that may hold anything.
fn cpu_of(stat: &str) -> Option<Cpu> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let mut time = || Some(TICK * ticks.next()?.ok()?);
    Some(Cpu { user: time()?, system: time()? })
}

fn memory_of(status: &str, rollup: &str) -> Memory {
    let private = ["Private_Clean:", "Private_Dirty:"].map(|name| bytes(rollup, name));
    Memory {
        rss: bytes(status, "VmRSS:").unwrap_or_default(),
        pss: bytes(rollup, "Pss:"),
        private: private.into_iter().sum(),
        peak: bytes(status, "VmHWM:").unwrap_or_default(),
    }
}

/// The value of a line such as `VmRSS:   1234 kB`.
fn bytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_kernel_are_read_whatever_the_process_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 3 0 100 1000 200 18446744073709551615";
        let cpu = cpu_of(stat).unwrap();
        assert_eq!((cpu.user, cpu.system), (Duration::from_millis(2_500), Duration::from_millis(300)));
    }

    #[test]
    fn memory_that_is_not_told_is_not_zero() {
        let status = "Name:\tx\nVmHWM:\t     300 kB\nVmRSS:\t     200 kB\n";
        let memory = memory_of(status, "");
        assert_eq!((memory.rss, memory.peak), (200 * 1024, 300 * 1024));
        assert_eq!((memory.pss, memory.private), (None, None));
        let rollup = "Pss:   9 kB\nPrivate_Clean:   1 kB\nPrivate_Dirty:   2 kB\n";
        let memory = memory_of(status, rollup);
        assert_eq!((memory.pss, memory.private), (Some(9 * 1024), Some(3 * 1024)));
    }

    #[test]
    fn time_is_exact_unless_a_thread_took_its_part_along() {
        let at = |ticks: u32, running: Option<u64>| Sample {
            cpu: Cpu { user: TICK * ticks, system: Duration::ZERO },
            running: running.map(Duration::from_micros),
            ..Sample::default()
        };
        let before = at(100, Some(1_000_000));
        assert_eq!(at(101, Some(1_012_345)).cpu_since(&before), Duration::from_micros(12_345));
        assert_eq!(at(150, Some(1_100_000)).cpu_since(&before), TICK * 50);
        assert_eq!(at(150, None).cpu_since(&before), TICK * 50);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_can_be_looked_at() {
        let sample = sample(std::process::id()).unwrap();
        assert!(sample.memory.rss > 0 && sample.open_files.unwrap() > 0);
    }
}
