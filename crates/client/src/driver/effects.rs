//! What the machine wants done.

use std::sync::Arc;

use heliostat_proto::connection::LinkId;
use heliostat_proto::connection::client::{
    Answer, ClientError, Effect, Event as Raised, Frame, Input, Phase, Redirect, Turn,
};
use heliostat_proto::negotiate::NegotiateAnswer;
use heliostat_proto::transport_kind::TransportKind;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::{Done, Driver, Negotiation};
use crate::dispatcher::Notice;
use crate::error::{Cause, ConnectionError, ErrorKind, RequestError};
use crate::event::Event;
use crate::exchange::Session;
use crate::message::Message;
use crate::transport::{Line, News};

/// So many failed requests are remembered.
const CAUSES: usize = 8;

impl Driver {
    /// Everything that the machine wants by now.
    pub(super) fn carry_out(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.carry_out_one(effect);
        }
        self.shared.status().transport = self.machine.transport();
        self.overflow();
        if self.machine.phase() == Phase::Disconnected && self.aborts == 0 {
            for done in self.stopping.drain(..) {
                // Whoever does not wait any more need not know.
                let _ = done.send(());
            }
        }
    }

    fn carry_out_one(&mut self, effect: Effect<Message>) {
        match effect {
            Effect::Negotiate(turn, redirect) => self.negotiate(turn, redirect),
            Effect::Open(open) => {
                let link = open.link;
                self.lines.insert(link, Line::open(&self.session, open, &self.reporters));
            }
            Effect::Close(link) => drop(self.lines.remove(&link)),
            Effect::SendStart(turn, kind) => {
                let session = self.session.clone();
                self.requests.spawn(async move { Done::Started(turn, session.start(kind).await) });
            }
            Effect::SendAbort(kind) => {
                let session = self.session.clone();
                self.aborts += 1;
                self.requests.spawn(async move {
                    session.abort(kind).await;
                    Done::Aborted
                });
            }
            Effect::FailPending => self.fail_pending(),
            Effect::CompleteStart => self.complete_start(),
            Effect::FailStart(error) => {
                let error = self.explained(error);
                for done in self.starting.drain(..) {
                    let _ = done.send(Err(error.clone()));
                }
            }
            Effect::Raise(raised) => self.raise(raised),
            Effect::Deliver(message) => self.deliver(message),
        }
    }

    pub(super) fn start(&mut self) {
        if self.machine.phase() == Phase::Disconnected {
            self.causes.clear();
            self.verdict = None;
            self.shared.status().last_error = None;
            self.session = Session::new(&self.shared);
            self.tell(Event::Starting);
        }
        self.handle(Input::Start);
    }

    pub(super) fn start_again(&mut self) {
        self.again.attempt();
        self.start();
    }

    fn negotiate(&mut self, turn: Turn, redirect: Option<Redirect>) {
        let session = self.session.clone();
        self.requests
            .spawn(async move { Done::Negotiated(turn, Box::new(negotiate(session, redirect).await)) });
    }

    pub(super) fn negotiated(&mut self, turn: Turn, negotiation: Negotiation) {
        let answer = match negotiation {
            Ok((answer, offer)) => {
                if let Some((session, welcome)) = offer {
                    self.session = session;
                    self.shared.status().offer = Some(welcome);
                }
                answer
            }
            Err(error) => {
                self.blame(None, error);
                Answer::Failed
            }
        };
        self.handle(Input::Negotiated(turn, answer));
    }

    fn complete_start(&mut self) {
        for done in self.starting.drain(..) {
            let _ = done.send(Ok(()));
        }
        self.causes.clear();
        if self.again.started() {
            self.tell(Event::Restarted);
        }
        self.ping = self
            .shared
            .options
            .ping_every
            .map(|every| tokio::time::interval_at(Instant::now() + every, every));
    }

    fn raise(&mut self, raised: Raised) {
        match raised {
            Raised::StateChanged { from, to } => {
                self.shared.status().phase = to;
                self.tell(Event::StateChanged { from, to });
            }
            Raised::ConnectionSlow => self.tell(Event::ConnectionSlow),
            Raised::Reconnecting => self.tell(Event::Reconnecting),
            Raised::Reconnected => {
                self.causes.clear();
                self.tell(Event::Reconnected);
                self.repeat();
            }
            Raised::Error(error) => {
                let error = self.explained(error);
                self.verdict = Some(error.clone());
                self.fail(error);
            }
            Raised::Closed => self.closed(),
        }
    }

    fn closed(&mut self) {
        self.shared.calls.lose();
        self.lines.clear();
        self.sends.abort_all();
        self.ping = None;
        self.shared.status().offer = None;
        let error = self.verdict.take();
        if let Some(error) = error.clone().filter(|_| self.machine.last_error().is_none()) {
            self.fail(error);
        }
        let is_wanted = error.is_some();
        self.tell(Event::Closed { error });
        let again = self.again.ended(self.shared.options.restart, Instant::now());
        if let Some((attempt, after)) = again.filter(|_| is_wanted) {
            self.tell(Event::Restarting { attempt, after });
        }
    }

    /// An error for the application.
    pub(super) fn fail(&mut self, error: ConnectionError) {
        self.shared.status().last_error = Some(error.clone());
        self.tell(Event::Error(error));
    }

    /// An error of the machine with the requests that led to it.
    fn explained(&self, error: ClientError) -> ConnectionError {
        let has_said_why = matches!(
            error,
            ClientError::Stopped | ClientError::Refused { .. } | ClientError::EndedByServer { .. }
        );
        let causes = if has_said_why { Vec::new() } else { self.causes.clone() };
        ConnectionError::new(ErrorKind::Rule(error), causes)
    }

    pub(super) fn blame(&mut self, transport: Option<TransportKind>, error: RequestError) {
        tracing::debug!(transport = transport.map(TransportKind::as_str), %error, "a request failed");
        if self.causes.len() >= CAUSES {
            self.causes.remove(0);
        }
        self.causes.push(Cause { transport, error });
    }

    pub(super) fn hear(&mut self, link: LinkId, news: News) {
        match news {
            News::Opened => self.handle(Input::Opened(link)),
            News::Received(frame) => self.handle(Input::Received(link, frame)),
            News::Garbled(error) => {
                let error = RequestError::Frame(Arc::new(error));
                let cause = Cause { transport: self.machine.transport(), error };
                self.fail(ConnectionError::new(ErrorKind::Request, vec![cause]));
                self.handle(Input::Received(link, Frame::KeepAlive));
            }
            News::Lost(error) => {
                self.lines.remove(&link);
                if self.machine.link() == Some(link) {
                    self.blame(self.machine.transport(), error);
                }
                self.handle(Input::Lost(link));
            }
        }
    }

    pub(super) fn ping(&mut self) {
        let session = self.session.clone();
        self.requests.spawn(async move { Done::Pinged(session.ping().await) });
    }

    /// 2.6: who is not let in any more stops, anything else is only told.
    pub(super) fn ping_failed(&mut self, error: RequestError) {
        let is_refused = matches!(error, RequestError::Status { status: 401 | 403, .. });
        let error = ConnectionError::new(ErrorKind::Request, vec![Cause { transport: None, error }]);
        match self.machine.phase() {
            Phase::Connected | Phase::Reconnecting if is_refused => self.condemn(error),
            Phase::Connected | Phase::Reconnecting => self.fail(error),
            Phase::Connecting | Phase::Disconnected => {}
        }
    }

    /// Puts an event in the queue of the application.
    pub(super) fn tell(&mut self, event: Event) {
        if self.shared.audience.wants_events() {
            self.give(Notice::Event(event));
        }
    }

    pub(super) fn give(&mut self, notice: Notice) {
        self.backlog.push_back(notice);
        self.make_room();
    }

    /// Moves what it can from the backlog into the queue.
    pub(super) fn make_room(&mut self) {
        while let Some(notice) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(notice) | TrySendError::Closed(notice)) =
                self.notices.try_send(notice)
            {
                return self.backlog.push_front(notice);
            }
        }
    }
}

async fn negotiate(session: Session, redirect: Option<Redirect>) -> Negotiation {
    let session = match redirect {
        Some(redirect) => session.redirected(&redirect)?,
        None => session,
    };
    Ok(match session.negotiate().await? {
        NegotiateAnswer::Welcome(welcome) => {
            let session = session.welcomed(&welcome);
            (Answer::Welcome(welcome.terms.clone()), Some((session, welcome)))
        }
        NegotiateAnswer::Redirect(to) => (Answer::Redirect(to), None),
        NegotiateAnswer::Refused(text) => (Answer::Refused(text), None),
    })
}
