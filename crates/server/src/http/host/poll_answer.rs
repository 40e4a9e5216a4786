//! The answer to a poll, while there is none: whoever publishes says it, as publishers write streams and WebSockets.
//!
//! As long as a poll waits, its wire lies on a [desk](super::desk) to which publishers come. The one who has news writes the answer and lets
//! go of the transport connection, and nobody wakes the conversation's task: it sleeps until the client asks again, or until its alarm goes
//! off. So a poll costs its task one turn instead of two.
//!
//! The head of the answer waits for the first byte of its body, for a moment: mostly that is one write instead of two, and the client
//! wakes up once. Whoever stands between us and a client that waits for long sees an answer begin all the same (CP-147).

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use heliostat_proto::connection::Input;
use tokio::time::Instant;

use super::{
    Stop,
    alarm::Alarm,
    answer_head::{AnswerHead, Last},
    desk::{Attended, Desk, Sitting},
    wire::Wire,
};
use crate::{
    ahead::{self, Trail},
    transport::{Link, Now, response_body::Prompt},
};

/// So long the head of the answer to a poll may wait for its body. Nobody notices, and a busy client has its answer by then.
const HEAD_WAITS: Duration = Duration::from_millis(100);

/// What goes on in a conversation while a poll waits.
pub(super) struct Meanwhile<'a, 'b, F> {
    pub(super) read: &'b mut Bytes,
    pub(super) alarm: &'b mut Alarm<'a>,
    pub(super) stop: Pin<&'b mut Stop<F>>,
}

/// Lays the wire where the answer is said when there is one. Gives it back then, and whether it was the last answer; nothing if the client
/// did not wait.
pub(super) async fn answer<F: Future<Output = ()>>(
    (link, prompt): (Arc<Link>, Prompt),
    wire: Wire,
    head: (AnswerHead, Last),
    mut meanwhile: Meanwhile<'_, '_, F>,
) -> Option<(Wire, Last)> {
    // Since it came.
    let until = Instant::from_std(link.written_at()) + HEAD_WAITS;
    let mut wait = Wait::begin(link, wire, head)?;
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            ahead::fetch(&*wait.desk);
            // The client asks again, if it is not gone.
            wait.desk.fetch_trail();
            // Mostly it does, and then nobody needs to know how to wake this.
            if let Attended::Said(sitting) = wait.attend(context, meanwhile.read) {
                return Poll::Ready(Some(sitting.leave()));
            }
        }
        // Before it looks for news, so that none is missed.
        wait.desk.task().register(context.waker());
        let is_head_said = match wait.attend(context, meanwhile.read) {
            Attended::Said(sitting) => return Poll::Ready(Some(sitting.leave())),
            Attended::Gone => return Poll::Ready(None),
            Attended::Waits { is_head_said } => is_head_said,
        };
        if meanwhile.stop.as_mut().poll(context).is_ready() {
            wait.turn(|sitting| sitting.speech.last = Last::Yes);
        }
        if !is_head_said && (prompt == Prompt::Yes || meanwhile.alarm.poll(context, until).is_ready()) {
            wait.turn(Sitting::say_head);
        }
        Poll::Pending
    })
    .await
}

/// However the wait ends, even by a bug: the transport connection is over then, and the wire is not left lying.
struct Wait {
    desk: Arc<Desk>,
    started: std::time::Instant,
    /// It has not sat down yet.
    comes: Option<Sitting>,
    has_left: bool,
}

impl Wait {
    /// Nothing if it is no poll.
    fn begin(link: Arc<Link>, wire: Wire, head: (AnswerHead, Last)) -> Option<Self> {
        let desk = Arc::clone(link.desk()?);
        desk.keep(&Trail::take().unwrap_or_default());
        let started = link.core.started;
        Some(Self { desk, started, comes: Some(Sitting::new(link, wire, head)), has_left: false })
    }

    fn attend(&mut self, context: &mut Context<'_>, read: &mut Bytes) -> Attended {
        let attended = self.desk.attend(self.comes.take(), (context, &Now::since(self.started)), read);
        self.has_left = matches!(attended, Attended::Said(_));
        attended
    }

    fn turn(&self, work: impl FnOnce(&mut Sitting)) {
        self.desk.turn(&Now::since(self.started), work);
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        // Dropped outside of the desk.
        for sitting in [self.comes.take(), self.desk.clear()].into_iter().flatten() {
            sitting.link.close(Input::Lost(sitting.link.id));
        }
    }
}
