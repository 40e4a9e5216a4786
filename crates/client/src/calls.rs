//! Calls whose answer is still out.
//!
//! Invariant: whoever waits for an answer gets exactly one, or its entry is gone because it waits no more. Ids are
//! never used twice by one connection object, so an answer that comes too late meets nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::error::InvokeError;
use crate::message::Message;

/// So much progress may wait for the caller; what comes beyond it is not told. Its task only has to be run.
const PROGRESS: usize = 256;

/// What a call ended with: a result, which may be nothing.
pub(crate) type Answer = Result<Option<Message>, InvokeError>;

/// All of one connection.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    hub: Arc<str>,
    answer: oneshot::Sender<Answer>,
    progress: mpsc::Sender<Message>,
    way: Way,
}

/// How far a call has come.
enum Way {
    /// The driver does not have it yet.
    Written,
    /// It was sent, or waits for a reconnect. Kept so that it can be sent again.
    Sent(Arc<str>),
}

/// The caller's end. Dropping it forgets the call.
pub(crate) struct Call<'a> {
    calls: &'a Calls,
    pub(crate) id: u64,
    pub(crate) answer: oneshot::Receiver<Answer>,
    pub(crate) progress: mpsc::Receiver<Message>,
}

impl Calls {
    /// An id for a call whose answer nobody waits for.
    pub(crate) fn next_id(&self) -> u64 {
        let mut table = self.table();
        table.next += 1;
        table.next - 1
    }

    pub(crate) fn begin(&self, hub: &str) -> Call<'_> {
        let (answer_to, answer) = oneshot::channel();
        let (progress_to, progress) = mpsc::channel(PROGRESS);
        let id = self.next_id();
        let waiting =
            Waiting { hub: hub.into(), answer: answer_to, progress: progress_to, way: Way::Written };
        self.table().waiting.insert(id, waiting);
        Call { calls: self, id, answer, progress }
    }

    /// The driver takes charge of this call.
    pub(crate) fn sent(&self, id: u64, text: &Arc<str>) {
        if let Some(waiting) = self.table().waiting.get_mut(&id) {
            waiting.way = Way::Sent(Arc::clone(text));
        }
    }

    /// The hub that was called, whose caller state the answer may change.
    pub(crate) fn hub(&self, id: u64) -> Option<Arc<str>> {
        self.table().waiting.get(&id).map(|waiting| Arc::clone(&waiting.hub))
    }

    pub(crate) fn answer(&self, id: u64, answer: Answer) {
        let waiting = self.table().waiting.remove(&id);
        if let Some(waiting) = waiting {
            // Whoever does not listen any more is just going away.
            let _ = waiting.answer.send(answer);
        }
    }

    pub(crate) fn progress(&self, id: u64, value: Message) {
        if let Some(waiting) = self.table().waiting.get(&id) {
            let _ = waiting.progress.try_send(value);
        }
    }

    /// No answer will come for what was sent.
    pub(crate) fn lose(&self) {
        self.take(|waiting| matches!(waiting.way, Way::Sent(_)));
    }

    /// No answer will come at all.
    pub(crate) fn lose_all(&self) {
        self.take(|_| true);
    }

    fn take(&self, which: impl Fn(&Waiting) -> bool) {
        let mut table = self.table();
        let (lost, kept) =
            std::mem::take(&mut table.waiting).into_iter().partition(|(_, waiting)| which(waiting));
        table.waiting = kept;
        drop(table);
        let lost: BTreeMap<u64, Waiting> = lost;
        for waiting in lost.into_values() {
            let _ = waiting.answer.send(Err(InvokeError::Lost));
        }
    }

    /// What was sent and not answered, in the order of the calls.
    pub(crate) fn unanswered(&self) -> Vec<(u64, Arc<str>)> {
        let table = self.table();
        let sent = table.waiting.iter().filter_map(|(id, waiting)| match &waiting.way {
            Way::Sent(text) => Some((*id, Arc::clone(text))),
            Way::Written => None,
        });
        sent.collect()
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.table().waiting.is_empty()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.table().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_were_sent_are_lost_and_repeated() {
        let calls = Calls::default();
        let (mut first, mut second) = (calls.begin("h"), calls.begin("h"));
        calls.sent(first.id, &"text".into());
        assert_eq!(calls.unanswered(), [(first.id, "text".into())]);
        calls.lose();
        assert!(matches!(first.answer.try_recv(), Ok(Err(InvokeError::Lost))));
        assert!(second.answer.try_recv().is_err());
        calls.lose_all();
        assert!(matches!(second.answer.try_recv(), Ok(Err(InvokeError::Lost))));
        assert!(!calls.is_waited_for());
    }

    #[test]
    fn a_call_that_is_dropped_is_forgotten_and_its_id_is_not_used_again() {
        let calls = Calls::default();
        let first = calls.begin("h");
        let id = first.id;
        drop(first);
        assert!(!calls.is_waited_for());
        calls.answer(id, Ok(None));
        assert_ne!(calls.begin("h").id, id);
    }
}
