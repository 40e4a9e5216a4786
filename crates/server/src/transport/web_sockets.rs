//! WebSockets: the only transport with both directions on one socket.
//!
//! The link's own task reads, and finishes writing what the kernel could not take at once; everything else is written by whoever has it
//! ([`Socket`](super::socket::Socket)). Messages that come together are worked off together: what they publish and their results leave in
//! one write per client ([`Turn`]).
//!
//! There are many of these tasks and most of them wait, so this one is a future written by hand, and holds no buffer while it does.

#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use heliostat_proto::connection::Input as News;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Link,
    incoming::{Arrived, Incoming, Violation},
    io::{Input, TakenOver},
    link, read_buffer,
    socket::{NORMAL, Progress, farewell},
    turn::Turn,
};
use crate::{ahead, application::Received, begun::Begun, metrics::Counter, trace};

/// How long the client may take to answer our close frame (spec 6.2).
const CLOSE_WITHIN: Duration = Duration::from_millis(250);
/// How long the client may take to read what was on its way when the server ended the socket. Who does not read is cut off.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(5);

/// Carries one WebSocket until it ends.
#[must_use = "a socket that nobody carries is not read"]
pub(crate) struct Carrier {
    link: Arc<Link>,
    input: Input,
    incoming: Incoming,
    /// What has come and is not taken yet: a frame that is not complete, or messages that must wait.
    kept: Vec<u8>,
    /// `connected` is running, and no message may begin before it has finished (CP-133).
    connecting: Option<BoxFuture<'static, ()>>,
    limit: Limit,
    hearing: Hearing,
    /// How far writing has come.
    progress: Progress,
}

/// What is still heard from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Everything,
    /// The server wants the socket to end, and what is due may take a while.
    UntilLastWord,
    /// Our close frame is out: only the client's own is of interest.
    Close,
    /// The client broke the protocol, and what it still sends is thrown away. To close with unread data would reset the connection and
    /// take our close frame along.
    Waste,
    /// The client has closed: when our answer is out, all is over.
    Nothing,
}

/// What came of looking for news from the client.
enum Heard {
    Something,
    NothingYet,
    /// The socket is of no more use.
    Gone,
}

/// Carries the socket for `link`.
pub(super) fn carry(link: Arc<Link>, taken: TakenOver, max_message: Option<usize>) -> Carrier {
    let TakenOver { input, output, read: kept, unsent } = taken;
    if let Some(socket) = output.lines() {
        link.attach(link::Carrier::WebSocket(socket));
    }
    link.socket.open(&link, output, unsent);
    let incoming = Incoming::new(max_message);
    let (limit, hearing) = (Limit::default(), Hearing::Everything);
    // What was due before there was a socket is not written yet.
    let progress = Progress::Behind;
    Carrier { link, input, incoming, kept, connecting: None, limit, hearing, progress }
}

impl Future for Carrier {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        ahead::fetch(&*this.link);
        // Before anything is looked at, so that no news is missed. Whoever has news writes it; mostly it is the client that woke this task,
        // and there is nothing to write yet.
        let mut may_write = this.link.takes_wake(context.waker()) || this.progress != Progress::Done;
        loop {
            if may_write && this.write(context).is_ready() || this.limit.poll(context).is_ready() {
                return Poll::Ready(());
            }
            match this.hear(context) {
                Heard::Something => may_write = true,
                Heard::NothingYet => return Poll::Pending,
                Heard::Gone => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Carrier {
    /// However the task ends, even by a bug: its transport connection is over then.
    fn drop(&mut self) {
        self.link.socket.abandon();
        self.link.close(News::Lost(self.link.id));
    }
}

impl Carrier {
    /// Writes what is due, and the close frame when all has been said. Ready when the socket is of no more use.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.hearing == Hearing::Everything && self.link.is_ending() {
            self.hearing = Hearing::UntilLastWord;
            self.limit.tighten(LAST_WORD_WITHIN);
        }
        self.progress = self.link.socket.poll_pump(&self.link, context);
        match self.progress {
            Progress::Broken => Poll::Ready(()),
            Progress::SaidAll => {
                self.close(Some(NORMAL), "", Hearing::Close);
                self.write(context)
            }
            Progress::Done if self.hearing == Hearing::Nothing => Poll::Ready(()),
            Progress::Done | Progress::Behind => Poll::Pending,
        }
    }

    fn close(&mut self, code: Option<u16>, reason: &str, hearing: Hearing) {
        self.link.socket.close(code, reason);
        self.hearing = hearing;
        self.limit.tighten(CLOSE_WITHIN);
    }

    fn hear(&mut self, context: &mut Context<'_>) -> Heard {
        if self.hearing == Hearing::Nothing || self.waits_for_connected(context) || self.holds_back() {
            return Heard::NothingYet;
        }
        if !self.kept.is_empty() {
            let mut kept = std::mem::take(&mut self.kept);
            let used = self.work_off(&mut kept);
            if used < kept.len() {
                kept.drain(..used);
                self.kept = kept;
            }
            // Who is to wait for `connected` from here on has not asked yet when that will be.
            if used > 0 || self.connecting.is_some() {
                return Heard::Something;
            }
        }
        self.read(context)
    }

    fn read(&mut self, context: &mut Context<'_>) -> Heard {
        ahead::fetch(&*self.link.record);
        read_buffer::lend(|buffer| match self.input.poll_read(context, buffer) {
            Poll::Pending => Heard::NothingYet,
            Poll::Ready(Ok(count @ 1..)) => {
                self.take_in(buffer.get_mut(..count).unwrap_or_default());
                Heard::Something
            }
            Poll::Ready(Ok(0) | Err(_)) => Heard::Gone,
        })
    }

    fn take_in(&mut self, bytes: &mut [u8]) {
        if self.hearing == Hearing::Waste {
            return;
        }
        self.link.heard();
        if !self.kept.is_empty() {
            self.kept.extend_from_slice(bytes);
            return;
        }
        let used = self.work_off(bytes);
        self.kept = bytes.get(used..).unwrap_or_default().to_vec();
    }

    /// Takes one frame after the other, as long as there are any and may be. Says how many bytes they took.
    fn work_off(&mut self, bytes: &mut [u8]) -> usize {
        let core = Arc::clone(&self.link.core);
        let turn = Turn::begin(&core);
        let mut used = 0;
        while let Some(rest) = bytes.get_mut(used..).filter(|rest| !rest.is_empty())
            && self.takes_more()
        {
            let left = rest.len();
            match self.incoming.take(rest) {
                Ok(None) => break,
                Ok(Some((arrived, size))) => {
                    if size == left {
                        turn.is_last();
                    }
                    used += size;
                    self.arrived(arrived);
                }
                Err(Violation { code, reason }) => {
                    self.link.core.counters.error(Counter::ErrorsTransportTotal);
                    self.close(Some(code), reason, Hearing::Waste);
                }
            }
        }
        match self.hearing {
            Hearing::Everything | Hearing::UntilLastWord | Hearing::Close => used,
            Hearing::Waste | Hearing::Nothing => bytes.len(),
        }
    }

    fn arrived(&mut self, arrived: Arrived<'_>) {
        let is_heard = matches!(self.hearing, Hearing::Everything | Hearing::UntilLastWord);
        match arrived {
            Arrived::Message(text) if is_heard && !self.link.is_dismissed() => begin(&self.link, &text),
            Arrived::Ping(payload) if is_heard => self.link.socket.pong(&self.link, payload),
            Arrived::Close(code) if is_heard => self.close(code, "", Hearing::Nothing),
            Arrived::Close(_) => self.hearing = Hearing::Nothing,
            Arrived::Message(_) | Arrived::Fragment | Arrived::Ping(_) | Arrived::Pong => {}
        }
    }

    /// Whether the next frame may be looked at.
    fn takes_more(&mut self) -> bool {
        let record = &self.link.record;
        match self.hearing {
            Hearing::Everything | Hearing::UntilLastWord if record.callbacks.is_connecting() => {
                let record = Arc::clone(record);
                self.connecting = Some(async move { _ = record.callbacks.connected().await }.boxed());
                self.link.socket.shut_to_calls();
                false
            }
            Hearing::Everything | Hearing::UntilLastWord | Hearing::Close => !self.holds_back(),
            Hearing::Waste | Hearing::Nothing => false,
        }
    }

    fn holds_back(&self) -> bool {
        self.link.socket.holds_back() || self.link.socket.is_full()
    }

    fn waits_for_connected(&mut self, context: &mut Context<'_>) -> bool {
        let Some(connecting) = &mut self.connecting else { return false };
        let waits = connecting.as_mut().poll(context).is_pending();
        if !waits {
            self.connecting = None;
            self.link.socket.open_to_calls();
        }
        waits
    }
}

/// How long a socket may still live once it is to end, whatever its client does.
#[derive(Debug, Default)]
struct Limit(Option<Pin<Box<Sleep>>>);

impl Limit {
    /// To be asked each time: a client that never stops talking would keep a mere timeout from ever being looked at.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(context))
    }

    fn tighten(&mut self, within: Duration) {
        let at = Instant::now() + within;
        match &mut self.0 {
            None => self.0 = Some(Box::pin(sleep_until(at))),
            Some(sleep) if at < sleep.deadline() => sleep.as_mut().reset(at),
            Some(_) => {}
        }
    }
}

/// Hands one message to the application. Its synchronous part runs here, so messages begin in their order (CP-133); if it has to
/// wait it goes on by itself and the socket is read on.
fn begin(link: &Arc<Link>, text: &str) {
    link.core.counters.increment(Counter::ConnectionMessagesSentTotal);
    link.record.traffic.read(text.len());
    link.socket.begin_call();
    match link.admission.received(link.context(), text) {
        Begun::Done(received) => finish(link, received),
        Begun::Waits(work) => {
            let link = Arc::clone(link);
            tokio::spawn(async move {
                let received = work.await;
                finish(&link, received);
                link.notify();
            });
        }
    }
}

fn finish(link: &Link, received: Received) {
    link.socket.end_call(link);
    match received {
        Received::Reply { json, .. } => link.socket.reply(json),
        Received::Nothing => {}
        // Spec 2.10, row 21: dropped, without an answer; the socket stays.
        Received::Malformed(why) => {
            link.core.counters.increment(Counter::RequestsRefusedTotal);
            trace::transport_refused(link.kind, link.record.id, why);
        }
        Received::Failed(failure) => {
            tracing::debug!(target: trace::CONNECTION, connection = %link.record.id, %failure, "a handler failed");
        }
    }
}

/// For a client whose connection is over: one frame, then the end.
pub(super) async fn say_and_close(taken: TakenOver, frame: &[u8], max_message: Option<usize>) {
    let TakenOver { mut input, mut output, read: mut kept, unsent } = taken;
    let mut incoming = Incoming::new(max_message);
    let all = [&*unsent, &farewell(frame)].concat();
    let mut left = &*all;
    let finished = std::future::poll_fn(|context| {
        while !left.is_empty() {
            match output.poll_write(context, left) {
                Poll::Ready(Ok(count @ 1..)) => left = left.get(count..).unwrap_or_default(),
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if matches!(output.poll_flush(context), Poll::Ready(Err(_))) {
            return Poll::Ready(());
        }
        loop {
            while let Ok(Some((arrived, size))) = incoming.take(&mut kept) {
                if matches!(arrived, Arrived::Close(_)) {
                    return Poll::Ready(());
                }
                kept.drain(..size);
            }
            let mut piece = [0; 256];
            match input.poll_read(context, &mut piece) {
                Poll::Ready(Ok(count @ 1..)) => {
                    kept.extend_from_slice(piece.get(..count).unwrap_or_default())
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    _ = tokio::time::timeout(CLOSE_WITHIN, finished).await;
}
