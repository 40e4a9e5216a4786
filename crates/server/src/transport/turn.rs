//! Messages that arrive together are answered together.
//!
//! A client that has sixteen calls in flight sends them in one piece. If each of them published to a thousand readers at once, a thousand
//! sockets would be written to sixteen times; one write that carries sixteen messages costs little more than one that carries one. So while
//! it is known that another message follows at once, what is published is put into the log, and its readers are told at the end of the turn.
//!
//! Nothing waits for anything that may take long: the last message of a turn tells its readers at once, and the others' with them; so does
//! any that comes later than [`PATIENCE`] after the first; and commands, which somebody waits for, are never put off.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use crate::server::Core;

/// A handler that computes for long must not hold up what the ones before it have published.
const PATIENCE: Duration = Duration::from_millis(1);
/// Topics that may wait: each publish looks through them.
const MOST_TOPICS: usize = 64;

thread_local! {
    static TURN: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Messages of one client are being worked off on this thread.
#[derive(Debug)]
#[must_use = "readers are told when it is dropped"]
pub(super) struct Turn<'a> {
    core: &'a Core,
    /// The turn that this one interrupts: a handler may run a socket of its own.
    outer: Option<State>,
}

#[derive(Debug)]
struct State {
    /// Which server's: a handler may publish on another one.
    core: usize,
    follows: Follows,
    /// What was published and when it began, while there is any.
    waiting: Vec<String>,
    since: Option<Instant>,
}

/// Whether another message follows at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    Another,
    Nothing,
}

/// What becomes of a message that is being published.
#[derive(Debug)]
pub(crate) enum Telling {
    /// Its readers are told at the end of the turn.
    Later,
    /// They are told now, and those of these topics with them.
    Now(Vec<String>),
}

impl<'a> Turn<'a> {
    pub(super) fn begin(core: &'a Core) -> Self {
        let state =
            State { core: address(core), follows: Follows::Another, waiting: Vec::new(), since: None };
        Self { core, outer: TURN.replace(Some(state)) }
    }

    /// The message that now begins is the last one for the time being.
    pub(super) fn is_last(&self) {
        TURN.with_borrow_mut(|turn| {
            if let Some(state) = turn {
                state.follows = Follows::Nothing;
            }
        });
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(state) = TURN.replace(self.outer.take())
            && !state.waiting.is_empty()
        {
            self.core.tell(&state.waiting);
        }
    }
}

/// Something is about to be published to `topic`.
pub(crate) fn telling(core: &Core, topic: &str) -> Telling {
    TURN.with_borrow_mut(|turn| match turn {
        Some(state) if state.core == address(core) => state.telling(core, topic),
        Some(_) | None => Telling::Now(Vec::new()),
    })
}

impl State {
    fn telling(&mut self, core: &Core, topic: &str) -> Telling {
        if self.follows == Follows::Nothing && self.waiting.is_empty() {
            return Telling::Now(Vec::new());
        }
        let now = core.now();
        let is_late = self.since.is_some_and(|since| since + PATIENCE <= now);
        if self.follows == Follows::Nothing || is_late || self.waiting.len() >= MOST_TOPICS {
            self.since = None;
            return Telling::Now(std::mem::take(&mut self.waiting));
        }
        self.since.get_or_insert(now);
        if !self.waiting.iter().any(|known| known == topic) {
            self.waiting.push(topic.to_owned());
        }
        Telling::Later
    }
}

fn address(core: &Core) -> usize {
    std::ptr::from_ref(core).addr()
}
