//! Where the polls of one connection are answered, one after the other.
//!
//! While a poll waits its wire lies here, and whoever publishes comes and says the answer. Between two polls nobody sits here, and publishers
//! who come find nothing to do. So the reader stays where they look for it, and a poll that goes on just where the one before ended has no
//! topic to tell.
//!
//! One transport connection has the right to sit here, from its beginning until nobody knows it any more. A poll that comes while another has
//! it brings a desk of its own.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use heliostat_proto::connection::Input;

use super::{
    answer_head::{AnswerHead, Last, Length},
    wire::Wire,
};
use crate::{
    ahead::{SharedTrail, Trail},
    transport::{
        AtomicWaker, LAST_CHUNK, Link, Now, chunk,
        doorbell::Doorbell,
        link::{Says, Step},
    },
};

/// Where polls are answered.
pub(crate) struct Desk {
    place: Doorbell<Option<Sitting>>,
    /// The task of the present poll. The next one mostly has the same.
    task: AtomicWaker,
    /// Who carries the present poll, if that is another host, with nobody here.
    elsewhere: AtomicWaker,
    /// What the poll needed: whoever answers it needs much of that as well.
    trail: SharedTrail,
    is_claimed: AtomicBool,
}

/// The right of one transport connection to sit at a desk.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Desk>);

/// A poll that waits.
pub(super) struct Sitting {
    pub(super) link: Arc<Link>,
    wire: Wire,
    pub(super) speech: Speech,
    phase: Phase,
    /// The client has asked on before it was answered, so its socket will not wake the task.
    is_ahead: bool,
}

/// An answer, as far as it is not said yet.
pub(super) struct Speech {
    head: Option<AnswerHead>,
    pub(super) last: Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Said,
    /// The client is gone.
    Gone,
}

/// What a look at the desk comes to.
pub(super) enum Attended {
    /// The answer is said, and whoever sat there has left.
    Said(Sitting),
    /// The client did not wait.
    Gone,
    Waits {
        is_head_said: bool,
    },
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// A new one, and the right to sit there.
    pub(crate) fn claimed() -> Claim {
        Claim(Arc::new(Self {
            place: Doorbell::new(None),
            task: AtomicWaker::new(),
            elsewhere: AtomicWaker::new(),
            trail: SharedTrail::default(),
            is_claimed: AtomicBool::new(true),
        }))
    }

    /// The right to sit here, if nobody has it.
    pub(crate) fn claim(self: &Arc<Self>) -> Option<Claim> {
        (!self.is_claimed.swap(true, Ordering::AcqRel)).then(|| Claim(Arc::clone(self)))
    }

    /// Says what is due, unless another thread is at it: then that one does. It may let go of the transport connection, so it is not for
    /// those who have locked the connection's record.
    pub(crate) fn pump(&self, now: &Now) {
        self.place.ring(|place| self.answer(place, now));
    }

    /// Has fetched what the present poll needed.
    pub(crate) fn fetch_trail(&self) {
        self.trail.fetch();
    }

    /// Another host carries the poll: it is woken when there is news.
    pub(crate) fn register(&self, elsewhere: &Waker) {
        self.elsewhere.register(elsewhere);
    }

    /// Whom a waiting poll's link wakes.
    pub(crate) const fn task(&self) -> &AtomicWaker {
        &self.task
    }

    /// What a poll needed that will wait here is going to be needed again.
    pub(super) fn keep(&self, needed: &Trail) {
        self.trail.set(needed);
    }

    /// The task's own work: it finishes what the kernel could not take, and looks whether the client is still there. If it has just `come` it
    /// sits down first.
    pub(super) fn attend(
        &self,
        come: Option<Sitting>,
        (context, now): (&mut Context<'_>, &Now),
        read: &mut Bytes,
    ) -> Attended {
        let attend = |place: &mut Option<Sitting>| {
            if come.is_some() {
                *place = come;
            }
            let Some(sitting) = place else { return Attended::Gone };
            sitting.attend(context, now, read);
            match sitting.phase {
                Phase::Waiting => Attended::Waits { is_head_said: sitting.speech.head.is_none() },
                Phase::Said => place.take().map_or(Attended::Gone, Attended::Said),
                Phase::Gone => Attended::Gone,
            }
        };
        self.place.hold(attend, |place| self.answer(place, now))
    }

    /// Changes something about the poll that waits. Those who ring meanwhile are answered after it.
    pub(super) fn turn(&self, now: &Now, work: impl FnOnce(&mut Sitting)) {
        self.place.hold(|place| place.as_mut().map(work), |place| self.answer(place, now));
    }

    /// Takes away who sits there, to be dropped outside.
    pub(super) fn clear(&self) -> Option<Sitting> {
        self.place.hold(Option::take, |_| ())
    }

    fn answer(&self, place: &mut Option<Sitting>, now: &Now) {
        match place {
            Some(sitting) => sitting.speak(now),
            None => self.elsewhere.wake(),
        }
    }
}

impl Claim {
    pub(crate) const fn desk(&self) -> &Arc<Desk> {
        &self.0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.is_claimed.store(false, Ordering::Release);
    }
}

impl Sitting {
    pub(super) fn new(link: Arc<Link>, wire: Wire, (head, last): (AnswerHead, Last)) -> Self {
        let speech = Speech { head: Some(head), last };
        Self { link, wire, speech, phase: Phase::Waiting, is_ahead: false }
    }

    /// What is left of the poll when its answer is said: the wire, and whether nothing follows on it.
    pub(super) fn leave(self) -> (Wire, Last) {
        (self.wire, self.speech.last)
    }

    fn attend(&mut self, context: &mut Context<'_>, now: &Now, read: &mut Bytes) {
        if matches!(self.wire.poll_flush(context), Poll::Ready(Err(_))) {
            self.phase = Phase::Gone;
        }
        self.speak(now);
        if self.phase == Phase::Waiting && self.wire.poll_gone(context, read).is_ready() {
            self.phase = Phase::Gone;
        }
        self.is_ahead = !read.is_empty();
    }

    /// Says what is due, by whoever comes with it: keep-alives, then exactly one response.
    fn speak(&mut self, now: &Now) {
        while self.phase == Phase::Waiting && self.wire.unsent.is_empty() {
            let is_head_said = self.speech.head.is_none();
            let (link, wire) = (&self.link, &mut self.wire);
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
            self.note(&said);
            let is_unsent = !self.wire.unsent.is_empty();
            let has_work = match self.phase {
                Phase::Waiting => is_unsent,
                // If all is said within a moment, the client's next request or the alarm wakes the task early enough.
                Phase::Said => is_unsent || is_head_said || self.is_ahead || self.speech.last == Last::Yes,
                Phase::Gone => true,
            };
            if has_work {
                self.link.wake();
            }
        }
    }

    /// The client waits for the head, or whoever stands between does. If the answer was said meanwhile, the alarm has gone off and nothing
    /// else would wake the task.
    pub(super) fn say_head(&mut self) {
        if self.phase == Phase::Waiting {
            let said = self.speech.say_piece(&mut self.wire, &[]);
            self.note(&said);
        }
        if self.phase != Phase::Waiting || !self.wire.unsent.is_empty() {
            self.link.wake();
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
