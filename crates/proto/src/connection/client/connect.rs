//! The way to a connection: negotiate, try one transport after the other, send the start request.
//!
//! 6.7: the next transport is tried until one has shown that it works, by an init message; from then on there is
//! no way back. What comes before the start is complete is kept (5.6).

use super::link::Pulse;
use super::state::{Attempt, Carrier, Connecting, Place, Session, State};
use super::{
    Answer, ClientConnection, ClientError, Effect, Farewell, Frame, Phase, REDIRECTS, Signal, StartAnswer,
    Terms, Turn,
};
use crate::connection::Opening;
use crate::transport_kind::TransportKind;

impl<M> ClientConnection<M> {
    pub(super) fn start(&mut self) -> State<M> {
        self.turn += 1;
        self.last_error = None;
        self.change(Phase::Disconnected, Phase::Connecting);
        self.effects.push_back(Effect::Negotiate(Turn(self.turn), None));
        State::Negotiating { redirects: 0 }
    }

    pub(super) fn negotiated(&mut self, redirects: u8, answer: Answer) -> State<M> {
        let error = match answer {
            Answer::Welcome(terms) => match terms.transports(&self.settings) {
                Ok(transports) => return self.try_transports(terms, transports),
                Err(error) => error,
            },
            Answer::Redirect(redirect) if redirects < REDIRECTS => {
                self.effects.push_back(Effect::Negotiate(Turn(self.turn), Some(redirect)));
                return State::Negotiating { redirects: redirects + 1 };
            }
            Answer::Redirect(_) => ClientError::TooManyRedirects { redirects },
            Answer::Refused(reason) => ClientError::Refused { reason },
            Answer::Failed => ClientError::NegotiationFailed,
        };
        self.end(State::Negotiating { redirects }, Some(error), Farewell::Silence)
    }

    pub(super) fn try_transports(&mut self, terms: Terms, mut transports: Vec<TransportKind>) -> State<M> {
        transports.reverse();
        let kind = transports.last().copied().unwrap_or(TransportKind::LongPolling);
        self.try_next(Connecting {
            session: Session { terms: Box::new(terms), kind, place: Place::default() },
            attempt: Attempt::Waiting { until: self.now },
            until: self.now,
            untried: transports,
            early: Vec::new(),
        })
    }

    /// What was tried has failed, or nothing was tried yet.
    pub(super) fn try_next(&mut self, mut connecting: Connecting<M>) -> State<M> {
        let Some(kind) = connecting.untried.pop() else {
            connecting.attempt = Attempt::Waiting { until: self.now };
            return self.end(State::Connecting(connecting), Some(ClientError::NoTransport), Farewell::Abort);
        };
        connecting.session.kind = kind;
        connecting.until =
            self.now + connecting.session.terms.transport_connect + self.settings.transport_connect;
        self.open_while_connecting(connecting, Opening::ConnectDelayed)
    }

    pub(super) fn open_while_connecting(&mut self, mut connecting: Connecting<M>, how: Opening) -> State<M> {
        let link = self.open(&connecting.session, how);
        connecting.attempt = Attempt::Trying { link, until: connecting.until };
        State::Connecting(connecting)
    }

    pub(super) fn tick_while_connecting(&mut self, connecting: Connecting<M>) -> State<M> {
        match connecting.attempt {
            _ if connecting.until <= self.now => {
                self.effects.extend(connecting.attempt.link().map(Effect::Close));
                self.try_next(connecting)
            }
            Attempt::Waiting { until } if until <= self.now => {
                self.open_while_connecting(connecting, Opening::Poll)
            }
            Attempt::Waiting { .. } | Attempt::Trying { .. } => State::Connecting(connecting),
        }
    }

    pub(super) fn receive_while_connecting(
        &mut self,
        mut connecting: Connecting<M>,
        frame: Frame<M>,
    ) -> State<M> {
        let mut early = std::mem::take(&mut connecting.early);
        let read = connecting.session.read(frame, |message| early.push(message));
        if let Some(error) = read.failure(early.len()) {
            let state = State::Connecting(connecting).once_answered(self.now);
            return self.end(state, Some(error), read.farewell());
        }
        let Connecting { session, attempt, until, untried, .. } = connecting;
        let Some(link) = attempt.link() else { return State::Disconnected };
        if read.signal == Signal::Initialized {
            self.effects.push_back(Effect::SendStart(Turn(self.turn), session.kind));
            let carrier = self.carry(&session, link, &read);
            return State::Starting { session, carrier, early };
        }
        let attempt = match (session.kind, read.pause) {
            (TransportKind::LongPolling, Some(pause)) => Attempt::Waiting { until: self.now + pause },
            _ => attempt,
        };
        self.tick_while_connecting(Connecting { session, attempt, until, untried, early })
    }

    pub(super) fn receive_while_starting(
        &mut self,
        mut session: Session,
        carrier: Carrier,
        (mut early, frame): (Vec<M>, Frame<M>),
    ) -> State<M> {
        let read = session.read(frame, |message| early.push(message));
        if let Some(error) = read.failure(early.len()) {
            let state = State::Starting { session, carrier, early }.once_answered(self.now);
            return self.end(state, Some(error), read.farewell());
        }
        let carrier = self.go_on(&session, carrier, &read);
        State::Starting { session, carrier, early }
    }

    pub(super) fn started(
        &mut self,
        session: Session,
        carrier: Carrier,
        (early, answer): (Vec<M>, StartAnswer),
    ) -> State<M> {
        match answer {
            StartAnswer::Started => {
                self.change(Phase::Connecting, Phase::Connected);
                self.effects.extend(early.into_iter().map(Effect::Deliver));
                self.effects.push_back(Effect::CompleteStart);
                State::Connected { session, carrier: carrier.heard(self.now) }
            }
            StartAnswer::Failed => {
                let state = State::Starting { session, carrier, early };
                self.end(state, Some(ClientError::StartFailed), Farewell::Abort)
            }
        }
    }

    pub(super) fn tick_while_starting(&mut self, state: State<M>) -> State<M> {
        let State::Starting { session, carrier, early } = state else { return state };
        match self.examine(&session, carrier) {
            Pulse::Fine(carrier) | Pulse::Slow(carrier) => State::Starting { session, carrier, early },
            Pulse::Gone => {
                let state = State::Starting { session, carrier, early };
                self.end(state, Some(ClientError::LostWhileStarting), Farewell::Abort)
            }
        }
    }
}
