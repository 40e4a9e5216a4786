//! The client's side of one transport connection: what it says, and what its silence says.
//!
//! 9.4: only streams are watched. A poll is over with its answer, and the next one follows; it is lost only if it
//! takes longer than the server lets it.

use std::time::Duration;

use super::state::{Carrier, Mood, Place, Session};
use super::{ClientConnection, ClientError, EARLY_MESSAGES, Effect, Farewell, Frame, Open, Response, Signal};
use crate::connection::{LinkId, Opening};
use crate::transport_kind::TransportKind;

/// How a transport connection that works is found.
pub(super) enum Pulse {
    Fine(Carrier),
    /// Worth a warning.
    Slow(Carrier),
    Gone,
}

impl<M> ClientConnection<M> {
    pub(super) fn open(&mut self, session: &Session, how: Opening) -> LinkId {
        self.links += 1;
        let link = LinkId::new(self.links);
        let place = match how {
            Opening::ConnectDelayed | Opening::ConnectAtOnce => Place::default(),
            Opening::Reconnect | Opening::Poll => session.place.clone(),
        };
        self.effects.push_back(Effect::Open(Open { link, kind: session.kind, how, place }));
        link
    }

    /// What carries the connection after the first frame that came on this link.
    pub(super) fn carry(&mut self, session: &Session, link: LinkId, read: &Read) -> Carrier {
        let carrier = self.carry_open(session, link);
        self.go_on(session, carrier, read)
    }

    pub(super) fn carry_open(&self, session: &Session, link: LinkId) -> Carrier {
        match session.kind {
            TransportKind::LongPolling => {
                Carrier::Poll { link, until: self.now + session.terms.longest_poll() }
            }
            TransportKind::WebSockets | TransportKind::ServerSentEvents | TransportKind::ForeverFrame => {
                Carrier::Stream { link, heard_at: self.now, mood: Mood::Calm }
            }
        }
    }

    /// A stream was heard; an answered poll is followed by the next.
    pub(super) fn go_on(&mut self, session: &Session, carrier: Carrier, read: &Read) -> Carrier {
        match (carrier, read.pause) {
            (Carrier::Poll { .. }, Some(Duration::ZERO)) => self.poll(session),
            (Carrier::Poll { .. }, Some(pause)) => Carrier::Pause { until: self.now + pause },
            (Carrier::Poll { .. }, None) | (Carrier::Stream { .. } | Carrier::Pause { .. }, _) => {
                carrier.heard(self.now)
            }
        }
    }

    pub(super) fn poll(&mut self, session: &Session) -> Carrier {
        let link = self.open(session, Opening::Poll);
        Carrier::Poll { link, until: self.now + session.terms.longest_poll() }
    }

    /// What time has made of a transport connection.
    pub(super) fn examine(&mut self, session: &Session, carrier: Carrier) -> Pulse {
        match carrier {
            Carrier::Stream { link, heard_at, mood } => {
                let is_past =
                    |after: Option<Duration>| after.is_some_and(|after| heard_at + after <= self.now);
                match mood {
                    _ if is_past(session.terms.keep_alive_timeout) => Pulse::Gone,
                    Mood::Calm if is_past(session.terms.warning()) => {
                        Pulse::Slow(Carrier::Stream { link, heard_at, mood: Mood::Warned })
                    }
                    Mood::Calm | Mood::Warned => Pulse::Fine(carrier),
                }
            }
            Carrier::Poll { until, .. } if until <= self.now => Pulse::Gone,
            Carrier::Pause { until } if until <= self.now => Pulse::Fine(self.poll(session)),
            Carrier::Poll { .. } | Carrier::Pause { .. } => Pulse::Fine(carrier),
        }
    }
}

/// What a frame said besides its messages.
pub(super) struct Read {
    pub(super) signal: Signal,
    /// Set by a response, which ends a poll: how long to wait before the next.
    pub(super) pause: Option<Duration>,
}

impl Read {
    pub(super) fn failure(&self, early: usize) -> Option<ClientError> {
        match &self.signal {
            Signal::Stop(reason) => Some(ClientError::EndedByServer { reason: reason.clone() }),
            _ if early > EARLY_MESSAGES => Some(ClientError::TooMuchTooSoon { limit: EARLY_MESSAGES }),
            Signal::None | Signal::Initialized | Signal::Reconnect => None,
        }
    }

    /// A server that ended the connection need not be told.
    pub(super) fn farewell(&self) -> Farewell {
        match self.signal {
            Signal::Stop(_) => Farewell::Silence,
            Signal::None | Signal::Initialized | Signal::Reconnect => Farewell::Abort,
        }
    }
}

impl Session {
    /// 5.10: `E` ends it, then groups token and cursor are stored, then the messages delivered.
    pub(super) fn read<M>(&mut self, frame: Frame<M>, mut deliver: impl FnMut(M)) -> Read {
        match frame {
            Frame::KeepAlive => Read { signal: Signal::None, pause: None },
            Frame::Result(result) => {
                deliver(result);
                Read { signal: Signal::None, pause: None }
            }
            Frame::Response(Response { signal: signal @ Signal::Stop(_), .. }) => {
                Read { signal, pause: None }
            }
            Frame::Response(response) => {
                let Response { cursor, groups_token, long_poll_delay, signal, messages } = response;
                let Place { cursor: old_cursor, groups_token: old_token } = std::mem::take(&mut self.place);
                self.place =
                    Place { cursor: cursor.or(old_cursor), groups_token: groups_token.or(old_token) };
                messages.into_iter().for_each(deliver);
                Read { signal, pause: Some(long_poll_delay.unwrap_or_default()) }
            }
        }
    }
}
