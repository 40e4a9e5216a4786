//! Short requests and their answers, one after the other on one socket: the usual life of an HTTP connection between a client and its
//! server.
//!
//! A library that is ready for everything keeps buffers per connection and moves each request through many hands. Here a request is read
//! into a buffer that all connections of a thread share, taken as it lies there, and answered with one write. An idle connection, or one
//! whose poll waits for news, holds no buffer. Whatever is unusual goes on with the library, from the first byte that was not answered.

#[cfg(test)]
mod tests;

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use hyper::service::Service;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::{
    Http1, Http1Error, RequestBody, Stop, Streaming,
    alarm::Alarm,
    answer_head::{AnswerHead, Last, Length},
    beside::{Asked, Beside, KnownHead},
    poll_answer::{self, Meanwhile},
    prepared::Prepared,
    short_request::{Seen, ShortRequest, see},
    wire::{MOST_IN_REQUEST, Wire},
};
use crate::ahead::{self, Trail};
use crate::transport::{
    TakenOver, chunk,
    handover::Chunking,
    passage::{Passage, Socket},
    response_body::{Course, ResponseBody},
};

/// How a conversation ends.
pub(super) enum Outcome {
    /// Closed.
    Over,
    /// The rest of the last answer is this stream's.
    Stream(Streaming),
    /// The last answer began this WebSocket.
    Socket(Socket),
    /// The library goes on with these bytes.
    Unusual(TcpStream, Bytes),
}

/// What there is to do next.
enum Next<F> {
    /// This answer comes, and may be the last.
    Answer(Asked<F>, Last),
    /// The library's.
    Unusual,
    Over,
}

/// One physical connection between two short requests, or in one.
pub(super) struct Conversation<'a, F> {
    limits: Http1,
    wire: Wire,
    /// What has come and is not answered.
    read: Bytes,
    stop: Pin<&'a mut Stop<F>>,
    alarm: Alarm<'a>,
    /// Of the last poll or call: the next one mostly is the same connection's.
    trail: Trail,
    /// The head of a poll or call: the next one mostly begins with the same bytes.
    known: Option<KnownHead>,
}

/// Converses until something else goes on, or nothing.
pub(super) async fn converse<S>(
    limits: Http1,
    socket: TcpStream,
    service: &Beside<S>,
    stop: Pin<&mut Stop<impl Future<Output = ()>>>,
) -> Result<Outcome, Http1Error>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Error: Into<Http1Error>,
{
    let sleep = pin!(sleep_until(Instant::now() + limits.header_timeout));
    let (wire, read, alarm) = (Wire::new(socket), Bytes::new(), Alarm::new(sleep));
    let mut conversation =
        Conversation { limits, wire, read, stop, alarm, trail: Trail::default(), known: None };
    loop {
        let (asked, asked_last) = match conversation.next(service).await? {
            Next::Answer(asked, last) => (asked, last),
            Next::Unusual => return Ok(Outcome::Unusual(conversation.wire.socket, conversation.read)),
            Next::Over => return Ok(Outcome::Over),
        };
        let answer = match asked {
            Asked::Done(answer) => Some(answer),
            Asked::Waits(mut answer) => conversation.attend(answer.as_mut()).await.map(Prepared::from),
            Asked::Others(answer) => {
                let answer = conversation.attend(pin!(answer)).await.transpose().map_err(Into::into)?;
                answer.map(Prepared::of)
            }
        };
        let Some(Prepared { head, last, course }) = answer else { return Ok(Outcome::Over) };
        let mut last = conversation.last(asked_last, last);
        match course {
            Course::Whole(body) => conversation.wire.say_whole(&head, &body, last)?,
            Course::Poll(link, prompt) => {
                let meanwhile = Meanwhile {
                    read: &mut conversation.read,
                    alarm: &mut conversation.alarm,
                    stop: conversation.stop.as_mut(),
                };
                let answer = poll_answer::answer((link, prompt), conversation.wire, (head, last), meanwhile);
                let Some(answered) = answer.await else { return Ok(Outcome::Over) };
                (conversation.wire, last) = answered;
            }
            Course::Endless(link, preamble) => {
                conversation.say_beginning(&head, preamble.as_deref());
                let Wire { socket, unsent } = conversation.wire;
                return Ok(Outcome::Stream(Streaming { link, socket, chunking: Chunking::PerFrame, unsent }));
            }
            Course::Socket(passage) => {
                return Ok(Outcome::Socket(conversation.hand_over(&head, passage)));
            }
        }
        conversation.flush().await?;
        if last == Last::Yes {
            return Ok(Outcome::Over);
        }
    }
}

impl<F: Future<Output = ()>> Conversation<'_, F> {
    /// Waits for a request. What came along with the one before is looked at first.
    async fn next<S>(&mut self, service: &Beside<S>) -> Result<Next<S::Future>, Http1Error>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    {
        let mut until = None;
        poll_fn(|context| self.poll_next(context, service, &mut until)).await
    }

    /// `until` is when to give up waiting, if that has begun.
    fn poll_next<S>(
        &mut self,
        context: &mut Context<'_>,
        service: &Beside<S>,
        until: &mut Option<Instant>,
    ) -> Poll<Result<Next<S::Future>, Http1Error>>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    {
        if until.is_some() {
            // It has waited.
            self.trail.fetch();
        }
        loop {
            if let Some(next) = self.take(service) {
                return Poll::Ready(Ok(next));
            }
            match self.wire.poll_read(context, &mut self.read) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Next::Over)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => break,
            }
        }
        if self.stop.as_mut().poll(context).is_ready() && self.read.is_empty() {
            return Poll::Ready(Ok(Next::Over));
        }
        let until = until.get_or_insert_with(|| Instant::now() + self.limits.header_timeout);
        ready!(self.alarm.poll(context, *until));
        Poll::Ready(if self.read.is_empty() {
            Ok(Next::Over)
        } else {
            Err("the client took too long for the head of its request".into())
        })
    }

    /// What there is to do with what has come, if it is enough for anything.
    fn take<S>(&mut self, service: &Beside<S>) -> Option<Next<S::Future>>
    where
        S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    {
        if self.read.is_empty() {
            return None;
        }
        if let Some(known) = &self.known
            && let Some((body, size)) = known.body(&self.read)
            && let Some(asked) = service.ask_again(known, body)
        {
            let last = known.last;
            return Some(self.taken(asked, last, size));
        }
        let ask = |short: ShortRequest<'_>| Some((service.ask(&short)?, short.last));
        match see(&self.read, self.limits.max_head, ask) {
            Seen::Whole(((asked, known), last), size) => {
                self.known = known.or(self.known.take());
                Some(self.taken(asked, last, size))
            }
            Seen::Part if self.read.len() < MOST_IN_REQUEST.min(self.limits.max_head) => None,
            Seen::Part | Seen::Unusual => Some(Next::Unusual),
        }
    }

    /// Lets go of a request that is being answered.
    fn taken<A>(&mut self, asked: Asked<A>, last: Last, size: usize) -> Next<A> {
        if let Some(known) = &self.known {
            ahead::note(known.lines());
        }
        // That of a poll goes along with its answer.
        if !matches!(asked, Asked::Done(Prepared { course: Course::Poll(..), .. }))
            && let Some(trail) = Trail::take()
        {
            self.trail = trail;
        }
        self.read.advance(size);
        if self.read.is_empty() {
            self.read = Bytes::new();
        }
        Next::Answer(asked, last)
    }

    /// Waits for `work`, and for the client's end: then there is nothing to wait for any more.
    async fn attend<T>(&mut self, mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
        poll_fn(|context| self.poll_attended(context, work.as_mut())).await
    }

    fn poll_attended<T>(
        &mut self,
        context: &mut Context<'_>,
        work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    ) -> Poll<Option<T>> {
        if let Poll::Ready(done) = work.poll(context) {
            return Poll::Ready(Some(done));
        }
        if self.wire.poll_gone(context, &mut self.read).is_ready() {
            return Poll::Ready(None);
        }
        // Who wants to stop wakes us, and is asked again when there is an answer.
        _ = self.stop.as_mut().poll(context);
        Poll::Pending
    }

    /// Whether it is the last answer, because the client, the application or whoever asked to stop wants so.
    fn last(&self, asked: Last, answered: Last) -> Last {
        match (asked, answered) {
            (Last::No, Last::No) if !self.stop.is_done => Last::No,
            (Last::No | Last::Yes, _) => Last::Yes,
        }
    }

    /// What a stream begins with waits for the stream's own task.
    fn say_beginning(&mut self, head: &AnswerHead, preamble: Option<&[u8]>) {
        self.wire.leave(|beginning| {
            head.write(beginning, Length::Chunks, Last::Yes);
            if let Some(preamble) = preamble {
                chunk(beginning, preamble);
            }
        });
    }

    /// The socket is not HTTP's any more; its new owner says our last words.
    fn hand_over(mut self, head: &AnswerHead, passage: Passage) -> Socket {
        self.wire.leave(|last_words| head.write(last_words, Length::None, Last::No));
        passage.arrive(TakenOver::new(self.wire.socket, self.read.to_vec(), self.wire.unsent))
    }

    /// Waits until the kernel has everything.
    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.wire.poll_flush(context)).await
    }
}
