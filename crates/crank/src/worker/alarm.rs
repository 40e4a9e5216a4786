//! Wakes the loop when the next message is due, to the microsecond.
//!
//! The poll's own timeout counts in milliseconds, which is longer than many a latency that is to be measured.

#[cfg(target_os = "linux")]
mod precise {
    use std::{
        io,
        os::fd::{AsRawFd, OwnedFd},
    };

    use mio::{Interest, Registry, Token, unix::SourceFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// A timer of the kernel.
    #[derive(Debug)]
    pub(crate) struct Alarm {
        timer: OwnedFd,
        set_for: u64,
    }

    impl Alarm {
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { timer, set_for: 0 })
        }

        /// Rings at `due`, unless it is set for that already. Both times in nanoseconds of the same clock.
        pub(crate) fn set(&mut self, due: u64, now: u64) {
            const SECOND: u64 = 1_000_000_000;
            if self.set_for == due {
                return;
            }
            // Zero would turn it off.
            let wait = due.saturating_sub(now).max(1);
            let value = Timespec {
                tv_sec: i64::try_from(wait / SECOND).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(wait % SECOND).unwrap_or_default(),
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            // A timer that cannot be set is one that is late: the loop turns without it too.
            if timerfd_settime(
                &self.timer,
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: never, it_value: value },
            )
            .is_ok()
            {
                self.set_for = due;
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use precise::Alarm;

/// Where there is no such timer, the poll's timeout must do.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(crate) fn new(_: &mio::Registry, _: mio::Token) -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) fn set(&mut self, _due: u64, _now: u64) {}
}
