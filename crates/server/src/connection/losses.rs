//! What one connection's client missed, on its way to the application.
//!
//! A reader finds a loss under its own lock, perhaps on a publisher's thread. Here it is only noted; the application hears of it in the
//! connection's queue of callbacks, so it never runs under a lock, beside another callback or after `disconnected`.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use heliostat_proto::connection::Input;

use super::{Callback, Record};
use crate::{
    lost::{AfterLoss, LossCause, Lost, LostCount},
    metrics::Counter,
    server::Core,
    trace,
};

/// What the client reads when it is sent away for it.
const FAREWELL: &str = "messages to this connection were lost";

/// What waits to be told, if anything does: hardly any connection ever has something.
#[derive(Debug, Default)]
pub(crate) struct Losses(Mutex<Option<Box<Waiting>>>);

/// At most one per cause.
#[derive(Debug, Default)]
struct Waiting(Vec<(LossCause, LostCount)>);

impl Losses {
    /// Says whether it is the first that waits to be told.
    fn add(&self, (cause, count): (LossCause, LostCount)) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_none();
        let Waiting(waiting) = &mut **waiting.get_or_insert_default();
        match waiting.iter_mut().find(|(other, _)| *other == cause) {
            Some((_, known)) => *known = sum(*known, count),
            None => waiting.push((cause, count)),
        }
        is_first
    }

    fn take(&self) -> Vec<(LossCause, LostCount)> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.map_or_else(Vec::new, |waiting| waiting.0)
    }
}

fn sum(one: LostCount, other: LostCount) -> LostCount {
    use LostCount::{AtLeast, Exactly, Unknown};
    match (one, other) {
        (Exactly(one), Exactly(other)) => Exactly(one.saturating_add(other)),
        (AtLeast(one) | Exactly(one), AtLeast(other) | Exactly(other)) => AtLeast(one.saturating_add(other)),
        (Unknown, AtLeast(count) | Exactly(count)) | (AtLeast(count) | Exactly(count), Unknown) => {
            AtLeast(count)
        }
        (Unknown, Unknown) => Unknown,
    }
}

impl Record {
    /// A reader found that its client misses something. Takes no lock that its caller may hold.
    pub(crate) fn lost(self: &Arc<Self>, core: &Arc<Core>, loss: (LossCause, LostCount)) {
        let (cause, count) = loss;
        match count {
            LostCount::Exactly(count) | LostCount::AtLeast(count) => {
                core.counters.add(Counter::MessagesLostTotal, count);
                tracing::warn!(target: trace::MESSAGE_BUS, connection = %self.id, count, %cause, "messages were lost");
            }
            LostCount::Unknown => {
                core.counters.increment(Counter::GapsReportedTotal);
                tracing::debug!(target: trace::MESSAGE_BUS, connection = %self.id, %cause, "messages may have been lost");
            }
        }
        if self.losses.add(loss) {
            let (record, core) = (Arc::clone(self), Arc::clone(core));
            let _runtime = core.enter();
            let tell = {
                let core = Arc::clone(&core);
                async move {
                    record.tell_losses(&core);
                    Ok(())
                }
            };
            self.call_back(Callback::Other(tell.boxed()));
        }
    }

    fn tell_losses(self: &Arc<Self>, core: &Arc<Core>) {
        let losses = self.losses.take();
        if self.is_over() {
            return;
        }
        for (cause, count) in losses {
            self.note_loss(core, cause);
            let Some(hook) = &core.on_lost else { continue };
            let lost = Lost { connection: self.id, user: self.user(core), count, cause };
            match hook.ask(&lost) {
                AfterLoss::GoOn => {}
                AfterLoss::Disconnect => _ = self.dismiss(core, Input::MessagesLost, &FAREWELL.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LostCount::{AtLeast, Exactly, Unknown};

    #[test]
    fn losses_of_one_cause_are_told_together_and_never_more_exactly_than_known() {
        let losses = Losses::default();
        assert!(losses.add((LossCause::TooSlow, Exactly(2))));
        assert!(!losses.add((LossCause::TooSlow, Exactly(3))));
        assert!(!losses.add((LossCause::OtherLog, Unknown)));
        assert_eq!(losses.take(), [(LossCause::TooSlow, Exactly(5)), (LossCause::OtherLog, Unknown)]);
        assert!(losses.add((LossCause::TooSlow, AtLeast(1))), "the next one has to be told again");
        assert_eq!(sum(Exactly(2), AtLeast(1)), AtLeast(3));
        assert_eq!(sum(Unknown, Exactly(2)), AtLeast(2));
        assert_eq!(sum(Unknown, Unknown), Unknown);
    }
}
