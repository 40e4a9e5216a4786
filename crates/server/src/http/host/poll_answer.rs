//! The answer to a poll, while there is none: whoever publishes says it, as publishers write streams and WebSockets.
//!
//! As long as a poll waits, its wire lies on a desk to which publishers come. The one who has news writes the answer and lets go of the
//! transport connection, and nobody wakes the conversation's task: it sleeps until the client asks again, or until its alarm goes off.
//! So a poll costs its task one turn instead of two.
//!
//! The head of the answer waits for the first byte of its body, for a moment: mostly that is one write instead of two, and the client
//! wakes up once. Whoever stands between us and a client that waits for long sees an answer begin all the same (CP-147).

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
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
    answer_head::{AnswerHead, Last, Length},
    wire::Wire,
};
use crate::ahead::{self, Trail};
use crate::transport::{
    LAST_CHUNK, Link, Now, chunk,
    doorbell::Doorbell,
    link::{Carrier, Says, Step},
    response_body::Prompt,
};

/// So long the head of the answer to a poll may wait for its body. Nobody notices, and a busy client has its answer by then.
const HEAD_WAITS: Duration = Duration::from_millis(100);

/// The answer that one poll waits for.
pub(crate) struct PollAnswer {
    desk: Doorbell<Desk>,
    trail: Trail,
}

/// Where it is written.
struct Desk {
    /// Taken back by the conversation when the answer is said.
    wire: Option<Wire>,
    speech: Speech,
    phase: Phase,
    /// The client has asked on before it was answered, so its socket will not wake the task.
    is_ahead: bool,
}

/// An answer, as far as it is not said yet.
struct Speech {
    head: Option<AnswerHead>,
    last: Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Said,
    /// The client is gone.
    Gone,
}

/// What a look at the desk comes to.
enum Attended {
    Over(Option<(Wire, Last)>),
    Waits { is_head_said: bool },
}

/// What goes on in a conversation while a poll waits.
pub(super) struct Meanwhile<'a, 'b, F> {
    pub(super) read: &'b mut Bytes,
    pub(super) alarm: &'b mut Alarm<'a>,
    pub(super) stop: Pin<&'b mut Stop<F>>,
}

impl fmt::Debug for PollAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PollAnswer")
    }
}

/// Lays the wire where the answer is said when there is one. Gives it back then, and whether it was the last answer; nothing if the client
/// did not wait.
pub(super) async fn answer<F: Future<Output = ()>>(
    (link, prompt): (Arc<Link>, Prompt),
    wire: Wire,
    (head, last): (AnswerHead, Last),
    mut meanwhile: Meanwhile<'_, '_, F>,
) -> Option<(Wire, Last)> {
    let speech = Speech { head: Some(head), last };
    let desk = Desk { wire: Some(wire), speech, phase: Phase::Waiting, is_ahead: false };
    let answer = Arc::new(PollAnswer { desk: Doorbell::new(desk), trail: Trail::take().unwrap_or_default() });
    link.attach(Carrier::Poll(Arc::clone(&answer)));
    let wait = Wait { link, answer };
    // Since it came.
    let until = Instant::from_std(wait.link.written_at()) + HEAD_WAITS;
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            ahead::fetch(&*wait.link);
            ahead::fetch(&*wait.answer);
            // The client asks again, if it is not gone.
            wait.answer.trail.fetch();
        }
        // Before it looks for news, so that none is missed.
        wait.link.register(context.waker());
        let looked = wait.turn(|desk, now| desk.attend(context, &wait.link, now, meanwhile.read));
        let is_head_said = match looked {
            Attended::Over(over) => return Poll::Ready(over),
            Attended::Waits { is_head_said } => is_head_said,
        };
        if meanwhile.stop.as_mut().poll(context).is_ready() {
            wait.turn(|desk, _| desk.speech.last = Last::Yes);
        }
        if !is_head_said && (prompt == Prompt::Yes || meanwhile.alarm.poll(context, until).is_ready()) {
            wait.turn(|desk, _| desk.say_head(&wait.link));
        }
        Poll::Pending
    })
    .await
}

/// However the wait ends, even by a bug: the transport connection is over then, and the wire is not left lying.
struct Wait {
    link: Arc<Link>,
    answer: Arc<PollAnswer>,
}

impl Wait {
    /// The task's turn at the desk. Those who ring meanwhile are answered after it.
    fn turn<T>(&self, work: impl FnOnce(&mut Desk, &Now<'_>) -> T) -> T {
        let now = Now::of(&self.link.core);
        self.answer.desk.hold(|desk| work(desk, &now), |desk| desk.speak(&self.link, &now))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.link.close(Input::Lost(self.link.id));
        // Dropped outside of the desk.
        let _wire = self.answer.desk.hold(|desk| desk.wire.take(), |_| {});
    }
}

impl PollAnswer {
    /// Says what is due, unless another thread is at it: then that one does. It may let go of the transport connection, so it is not for
    /// those who have locked the connection's record.
    pub(crate) fn pump(&self, link: &Link, now: &Now<'_>) {
        self.desk.ring(|desk| desk.speak(link, now));
    }

    /// What the poll needed: whoever answers it needs much of that as well.
    pub(crate) const fn trail(&self) -> &Trail {
        &self.trail
    }
}

impl Desk {
    /// The task's own work: it finishes what the kernel could not take, and looks whether the client is still there.
    fn attend(
        &mut self,
        context: &mut Context<'_>,
        link: &Link,
        now: &Now<'_>,
        read: &mut Bytes,
    ) -> Attended {
        if let Some(wire) = &mut self.wire
            && matches!(wire.poll_flush(context), Poll::Ready(Err(_)))
        {
            self.phase = Phase::Gone;
        }
        self.speak(link, now);
        if self.phase == Phase::Waiting
            && let Some(wire) = &mut self.wire
            && wire.poll_gone(context, read).is_ready()
        {
            self.phase = Phase::Gone;
        }
        self.is_ahead = !read.is_empty();
        match self.phase {
            Phase::Waiting => Attended::Waits { is_head_said: self.speech.head.is_none() },
            Phase::Said => Attended::Over(self.wire.take().map(|wire| (wire, self.speech.last))),
            Phase::Gone => Attended::Over(None),
        }
    }

    /// Says what is due, by whoever comes with it: keep-alives, then exactly one response.
    fn speak(&mut self, link: &Link, now: &Now<'_>) {
        while let Some(wire) = self.wire.as_mut().filter(|wire| wire.unsent.is_empty())
            && self.phase == Phase::Waiting
        {
            let is_head_said = self.speech.head.is_none();
            let said = match link.step() {
                Step::Wait => return,
                Step::KeepAlive(bytes) => {
                    link.wrote(bytes.len(), Says::Nothing, now);
                    self.speech.say_piece(wire, &bytes)
                }
                Step::Send(bytes) | Step::SendAndEnd(bytes) => {
                    link.wrote(bytes.len(), Says::Something, now);
                    // Before the client can ask again.
                    link.close(Input::Answered(link.id));
                    self.phase = Phase::Said;
                    self.speech.say_rest(wire, &bytes)
                }
                Step::End => {
                    link.close(Input::Lost(link.id));
                    self.phase = Phase::Said;
                    self.speech.say_rest(wire, &[])
                }
            };
            let is_unsent = !wire.unsent.is_empty();
            self.note(&said);
            let has_work = match self.phase {
                Phase::Waiting => is_unsent,
                // If all is said within a moment, the client's next request or the alarm wakes the task early enough.
                Phase::Said => is_unsent || is_head_said || self.is_ahead || self.speech.last == Last::Yes,
                Phase::Gone => true,
            };
            if has_work {
                link.wake();
            }
        }
    }

    /// The client waits for the head, or whoever stands between does. If the answer was said meanwhile, the alarm has gone off and nothing
    /// else would wake the task.
    fn say_head(&mut self, link: &Link) {
        if self.phase == Phase::Waiting
            && let Some(wire) = &mut self.wire
        {
            let said = self.speech.say_piece(wire, &[]);
            self.note(&said);
        }
        if self.phase != Phase::Waiting || self.wire.as_ref().is_some_and(|wire| !wire.unsent.is_empty()) {
            link.wake();
        }
    }

    fn note(&mut self, said: &io::Result<()>) {
        if said.is_err() {
            self.phase = Phase::Gone;
        }
    }
}

impl Speech {
    /// A part of the body, after the head if need be. More will follow.
    fn say_piece(&mut self, wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
        let (head, last) = (self.head.take(), self.last);
        wire.say_with(|wire, out| {
            if let Some(head) = head {
                head.write(out, Length::Chunks, last);
            }
            // An empty chunk would be the last.
            if !bytes.is_empty() {
                chunk(out, bytes);
            }
            wire.say(out)
        })
    }

    /// The rest of the body, which may be all of it.
    fn say_rest(&mut self, wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
        if let Some(head) = self.head.take() {
            return wire.say_whole(&head, bytes, self.last);
        }
        wire.say_with(|wire, out| {
            if !bytes.is_empty() {
                chunk(out, bytes);
            }
            out.extend_from_slice(LAST_CHUNK);
            wire.say(out)
        })
    }
}
