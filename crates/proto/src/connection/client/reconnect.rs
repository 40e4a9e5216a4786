//! Being connected, losing the transport connection, and coming back.
//!
//! 9.5: the time to come back counts from the loss and is the server's disconnect timeout, whatever is tried in
//! it. Who comes back shows its place, so that nothing is lost.

use std::time::{Duration, Instant};

use super::link::Pulse;
use super::state::{Attempt, Carrier, Session, State};
use super::{ClientConnection, ClientError, Effect, Event, Farewell, Frame, Phase, Response, Signal};
use crate::connection::{LinkId, Opening};
use crate::transport_kind::TransportKind;

/// When a lost connection is first tried again.
#[derive(Clone, Copy)]
pub(super) enum Urgency {
    /// WebSockets at once, the others after the delay: what ends a stream is often a server that just starts.
    OfItsKind,
    /// The server asked for it.
    AtOnce,
}

impl<M> ClientConnection<M> {
    pub(super) fn tick_while_connected(&mut self, session: Session, carrier: Carrier) -> State<M> {
        let carrier = match self.examine(&session, carrier) {
            Pulse::Fine(carrier) => carrier,
            Pulse::Slow(carrier) => {
                self.effects.push_back(Effect::Raise(Event::ConnectionSlow));
                carrier
            }
            Pulse::Gone => {
                self.effects.extend(carrier.link().map(Effect::Close));
                return self.reconnect(session, Urgency::OfItsKind);
            }
        };
        State::Connected { session, carrier }
    }

    pub(super) fn receive(&mut self, mut session: Session, carrier: Carrier, frame: Frame<M>) -> State<M> {
        let effects = &mut self.effects;
        let read = session.read(frame, |message| effects.push_back(Effect::Deliver(message)));
        if let Some(error) = read.failure(0) {
            let state = State::Connected { session, carrier }.once_answered(self.now);
            return self.end(state, Some(error), read.farewell());
        }
        if read.signal == Signal::Reconnect && session.kind == TransportKind::LongPolling {
            return self.reconnect(session, Urgency::AtOnce);
        }
        let carrier = self.go_on(&session, carrier, &read);
        State::Connected { session, carrier }
    }

    /// The transport connection is over.
    pub(super) fn reconnect(&mut self, session: Session, urgency: Urgency) -> State<M> {
        let until = self.now + session.terms.disconnect;
        if session.kind == TransportKind::WebSockets {
            self.effects.push_back(Effect::FailPending);
        }
        self.change(Phase::Connected, Phase::Reconnecting);
        self.effects.push_back(Effect::Raise(Event::Reconnecting));
        let attempt = match (urgency, session.kind) {
            (Urgency::AtOnce, _) | (Urgency::OfItsKind, TransportKind::WebSockets) => self.attempt(&session),
            (Urgency::OfItsKind, _) => Attempt::Waiting { until: self.now + self.settings.reconnect_delay },
        };
        State::Reconnecting { session, attempt, until }
    }

    pub(super) fn attempt(&mut self, session: &Session) -> Attempt {
        let patience = match session.kind {
            TransportKind::LongPolling => self.settings.poll_patience,
            TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
                session.terms.transport_connect + self.settings.transport_connect
            }
        };
        // An attempt that is given up when it is made would be made again and again.
        let patience = patience.max(self.settings.reconnect_delay).max(Duration::from_millis(1));
        Attempt::Trying { link: self.open(session, Opening::Reconnect), until: self.now + patience }
    }

    pub(super) fn reconnected(&mut self, session: &Session, link: LinkId) -> Carrier {
        self.change(Phase::Reconnecting, Phase::Connected);
        self.effects.push_back(Effect::Raise(Event::Reconnected));
        self.carry_open(session, link)
    }

    pub(super) fn receive_while_reconnecting(
        &mut self,
        mut session: Session,
        (link, until): (LinkId, Instant),
        frame: Frame<M>,
    ) -> State<M> {
        // 5.8: who is told to stop has not come back first.
        if let Frame::Response(Response { signal: Signal::Stop(reason), .. }) = frame {
            let attempt = Attempt::Trying { link, until };
            let state = State::Reconnecting { session, attempt, until }.once_answered(self.now);
            return self.end(state, Some(ClientError::EndedByServer { reason }), Farewell::Silence);
        }
        // A server that goes away has not taken it back; and whoever asked it at once again would ask for ever.
        if session.kind == TransportKind::LongPolling && asks_to_reconnect(&frame) {
            let effects = &mut self.effects;
            session.read(frame, |message| effects.push_back(Effect::Deliver(message)));
            let attempt = Attempt::Waiting { until: self.now + self.settings.reconnect_delay };
            return State::Reconnecting { session, attempt, until };
        }
        let carrier = self.reconnected(&session, link);
        self.receive(session, carrier, frame)
    }

    pub(super) fn tick_while_reconnecting(&mut self, state: State<M>) -> State<M> {
        let State::Reconnecting { session, attempt, until } = state else { return state };
        if until <= self.now {
            let error = ClientError::TimedOut { within: session.terms.disconnect };
            return self.end(State::Reconnecting { session, attempt, until }, Some(error), Farewell::Silence);
        }
        let attempt = match attempt {
            Attempt::Trying { link, until: due } if due <= self.now => {
                if session.kind == TransportKind::LongPolling {
                    let carrier = self.reconnected(&session, link);
                    return State::Connected { session, carrier };
                }
                self.effects.push_back(Effect::Close(link));
                self.attempt(&session)
            }
            Attempt::Waiting { until: due } if due <= self.now => self.attempt(&session),
            Attempt::Trying { .. } | Attempt::Waiting { .. } => attempt,
        };
        State::Reconnecting { session, attempt, until }
    }
}

fn asks_to_reconnect<M>(frame: &Frame<M>) -> bool {
    matches!(frame, Frame::Response(Response { signal: Signal::Reconnect, .. }))
}
