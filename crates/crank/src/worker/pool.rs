//! HTTP connections that all clients of a thread share, for what a browser would send on its own few: negotiate, start, send, abort.

use std::{collections::VecDeque, io};

use mio::Token;

use super::socket::{Got, Socket};
use crate::wire::{
    answer::{Answer, Answering},
    head::After,
};

/// Where the tokens of these connections begin; below are those of clients.
pub(crate) const FIRST_TOKEN: usize = 1 << 30;
/// Requests that may wait for a connection. Beyond it nothing more is produced.
const MAX_WAITING: usize = 100_000;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Negotiate,
    Start,
    Call,
    Abort,
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: usize,
    pub(crate) purpose: Purpose,
    pub(crate) request: Vec<u8>,
    attempt: Attempt,
}

/// A connection that was kept open may be closed by the server in the very moment it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    Second,
}

impl Job {
    pub(crate) const fn new(client: usize, purpose: Purpose, request: Vec<u8>) -> Self {
        Self { client, purpose, request, attempt: Attempt::First }
    }
}

#[derive(Debug)]
pub(crate) struct Pool {
    lines: Vec<Line>,
    idle: Vec<usize>,
    waiting: VecDeque<Job>,
    most: usize,
}

#[derive(Debug, Default)]
struct Line {
    socket: Option<Socket>,
    answering: Answering,
    job: Option<Job>,
}

impl Pool {
    /// With at most that many connections.
    pub(crate) fn new(most: usize) -> Self {
        Self { lines: Vec::new(), idle: Vec::new(), waiting: VecDeque::new(), most: most.max(1) }
    }

    pub(crate) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Whether every request has been answered.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.idle.len() == self.lines.len()
    }

    /// Sends what waits, as far as there are connections; gives back what cannot be sent at all.
    pub(crate) fn pump(
        &mut self,
        mut open: impl FnMut(Token) -> io::Result<Socket>,
    ) -> Vec<(Job, io::Error)> {
        let mut failed = Vec::new();
        while !self.waiting.is_empty() {
            let index = match self.idle.pop() {
                Some(index) => index,
                None if self.lines.len() < self.most => {
                    self.lines.push(Line::default());
                    self.lines.len() - 1
                }
                None => break,
            };
            let (Some(line), Some(job)) = (self.lines.get_mut(index), self.waiting.pop_front()) else {
                break;
            };
            // A second attempt has a connection that nobody has used.
            let opened = match line.socket.take().filter(|_| job.attempt == Attempt::First) {
                Some(socket) => Ok(socket),
                None => open(Token(FIRST_TOKEN + index)),
            };
            match opened {
                Ok(mut socket) => {
                    socket.out().extend_from_slice(&job.request);
                    socket.flush();
                    line.socket = Some(socket);
                    line.job = Some(job);
                }
                Err(error) => {
                    self.idle.push(index);
                    failed.push((job, error));
                }
            }
        }
        failed
    }

    /// An event of the n-th connection: what has been answered, if anything has. `None` as an answer means that there is none.
    pub(crate) fn handle(&mut self, index: usize, buffer: &mut [u8]) -> Option<(Job, Option<Answer>)> {
        let line = self.lines.get_mut(index)?;
        let socket = line.socket.as_mut()?;
        socket.flush();
        loop {
            let (count, has_more) = match socket.read(buffer) {
                Got::More(count) => (count, true),
                Got::Last(count) => (count, false),
                Got::End => return self.ended(index),
            };
            match line.answering.feed(buffer.get(..count).unwrap_or_default()) {
                Ok(Some(answer)) => {
                    if answer.after == After::Closes {
                        line.socket = None;
                        line.answering = Answering::default();
                    }
                    let job = line.job.take()?;
                    self.idle.push(index);
                    return Some((job, Some(answer)));
                }
                Ok(None) if has_more => {}
                Ok(None) => return None,
                Err(_) => return self.ended(index),
            }
        }
    }

    fn ended(&mut self, index: usize) -> Option<(Job, Option<Answer>)> {
        let line = self.lines.get_mut(index)?;
        line.socket = None;
        let mut answering = std::mem::take(&mut line.answering);
        let mut job = line.job.take()?;
        self.idle.push(index);
        if answering.is_untouched() && job.attempt == Attempt::First {
            job.attempt = Attempt::Second;
            self.waiting.push_front(job);
            return None;
        }
        Some((job, answering.end()))
    }
}
