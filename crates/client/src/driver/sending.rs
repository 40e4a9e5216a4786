//! Sending what the application wants sent, by whatever way there is, and what becomes of it.
//!
//! Whoever waits for something sent hears of it exactly once: here, in an answer, or when the connection ends.

use std::sync::Arc;

use heliostat_proto::connection::client::{Phase, Sending};
use serde_json::value::RawValue;

use super::{Done, Driver, Outgoing, Whose};
use crate::error::{InvokeError, RequestError, SendError};
use crate::message::Message;
use crate::settings::InFlight;

impl Driver {
    /// Sends by whatever way there is now.
    pub(super) fn send(&mut self, outgoing: Outgoing) {
        match self.machine.sending() {
            Sending::On(link) => {
                if let Whose::Call(id) = outgoing.whose {
                    self.shared.calls.sent(id, &outgoing.text);
                }
                match self.lines.get(&link) {
                    Some(line) => line.write(outgoing),
                    None => outgoing.whose.fail(SendError::Lost, &self.shared.calls),
                }
            }
            Sending::ByRequest(kind) => {
                if let Whose::Call(id) = outgoing.whose {
                    self.shared.calls.sent(id, &outgoing.text);
                }
                let session = self.session.clone();
                self.sends.spawn(async move {
                    let Outgoing { text, whose, permit } = outgoing;
                    let answer = session.send(kind, &text).await;
                    drop(permit);
                    Done::Sent(whose, answer)
                });
            }
            Sending::Refused(refusal) => match outgoing.whose {
                Whose::Call(id) if self.repeats() => self.shared.calls.sent(id, &outgoing.text),
                whose @ (Whose::Sender(_) | Whose::Call(_) | Whose::Nobody) => {
                    whose.fail(refusal.into(), &self.shared.calls);
                }
            },
        }
    }

    /// Whether a call that cannot be sent now is sent after the reconnect.
    fn repeats(&self) -> bool {
        self.shared.options.in_flight == InFlight::Repeat && self.machine.phase() == Phase::Reconnecting
    }

    pub(super) fn fail_pending(&mut self) {
        if !self.repeats() {
            self.shared.calls.lose();
        }
    }

    /// A new WebSocket knows nothing of the calls on the old one.
    pub(super) fn repeat(&mut self) {
        if self.shared.options.in_flight == InFlight::Repeat
            && let Sending::On(link) = self.machine.sending()
            && let Some(line) = self.lines.get(&link)
        {
            for (_, text) in self.shared.calls.unanswered() {
                line.write(Outgoing { text, whose: Whose::Nobody, permit: None });
            }
        }
    }

    /// What was sent by a request of its own was answered (6.6).
    pub(super) fn sent(&mut self, whose: Whose, answer: Result<Vec<u8>, RequestError>) {
        let body = match answer {
            Ok(body) => body,
            Err(error) => return whose.fail(SendError::Request(error), &self.shared.calls),
        };
        // 1.3: nothing that comes after the end is heard.
        if self.machine.phase() == Phase::Disconnected {
            return whose.fail(SendError::Lost, &self.shared.calls);
        }
        let json = String::from_utf8_lossy(&body);
        let json = json.trim();
        let call = match whose {
            Whose::Sender(done) => {
                let _ = done.send(Ok(()));
                None
            }
            Whose::Call(id) => Some(id),
            Whose::Nobody => None,
        };
        match serde_json::from_str::<&RawValue>(json) {
            Ok(json) => self.deliver(Message::of(json)),
            Err(_) if json.is_empty() => {}
            Err(error) => {
                let error = RequestError::Hub(Arc::new(error.into()));
                if let Some(id) = call {
                    self.shared.calls.answer(id, Err(InvokeError::Request(error)));
                }
                return;
            }
        }
        // The answer belonged to another call, or was empty: none will come.
        if let Some(id) = call {
            self.shared.calls.answer(id, Err(InvokeError::Lost));
        }
    }
}
