//! What a message means to a client of hubs, and where answers go.

use std::borrow::Cow;
use std::sync::Arc;

use heliostat_proto::classic::{HubAnswer, HubFailure, HubFailureKind, HubMessage, HubMessageError};
use heliostat_proto::connection::client::Phase;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Driver, Whose};
use crate::call::ClientCall;
use crate::caller_state::CallerState;
use crate::dispatcher::Notice;
use crate::error::{Cause, ConnectionError, ErrorKind, InvokeError, RequestError, SendError};
use crate::event::Event;
use crate::message::Message;
use crate::shared::Layer;

impl Driver {
    /// A message or a result for the application.
    ///
    /// Results and progress go to their callers at once, so that whoever waits for one may hold up the handlers.
    pub(super) fn deliver(&mut self, message: Message) {
        match self.shared.layer {
            Layer::Raw => self.tell(Event::Received(message)),
            Layer::Hubs => {
                let read = self.read(&message);
                self.tell(Event::Received(message));
                match read {
                    Ok(Some(call)) => self.give(Notice::Call(call)),
                    Ok(None) => {}
                    Err(error) => {
                        let cause = Cause { transport: None, error: RequestError::Hub(Arc::new(error)) };
                        self.fail(ConnectionError::new(ErrorKind::Request, vec![cause]));
                    }
                }
            }
        }
    }

    /// Answers what it answers. A call of a function is left to be told.
    fn read(&self, message: &Message) -> Result<Option<ClientCall>, HubMessageError> {
        let calls = &self.shared.calls;
        match HubMessage::decode(message.json())? {
            HubMessage::Answer(HubAnswer { id, outcome, state }) => {
                if let Some(id) = number(id.as_deref()) {
                    self.merge(calls.hub(id).as_deref(), state);
                    calls.answer(id, answer(outcome));
                }
            }
            HubMessage::Progress { id, value, state } => {
                if let Some(id) = number(Some(&id)) {
                    self.merge(calls.hub(id).as_deref(), state);
                    calls.progress(id, Message::of(value));
                }
            }
            HubMessage::Call(call) => {
                let call = ClientCall::of(call);
                self.merge(Some(&call.hub), call.state.clone());
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    /// 7.7: what the hub changed in the state of its caller.
    fn merge(&self, hub: Option<&str>, changes: Map<String, Value>) {
        if !changes.is_empty()
            && let Some(state) = hub.and_then(|hub| self.shared.audience.state_of(hub))
        {
            CallerState::new(state).merge(changes);
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

/// Ids are numbers of our own. What is none answers no call of this client.
fn number(id: Option<&str>) -> Option<u64> {
    id?.parse().ok()
}

fn answer(outcome: Result<Option<&RawValue>, HubFailure<'_>>) -> Result<Option<Message>, InvokeError> {
    match outcome {
        Ok(value) => Ok(value.map(Message::of)),
        Err(HubFailure { text, kind, trace }) => {
            let message = Cow::into_owned(text).into();
            Err(match kind {
                HubFailureKind::Unexpected => {
                    InvokeError::Failed { message, trace: trace.map(|trace| trace.into_owned().into()) }
                }
                HubFailureKind::HubError { data } => InvokeError::Hub { message, data },
            })
        }
    }
}
