//! What a message means to a client of hubs, and where answers go.

use std::borrow::Cow;
use std::sync::Arc;

use heliostat_proto::classic::{HubAnswer, HubFailure, HubFailureKind, HubMessage, HubMessageError};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Driver;
use crate::call::ClientCall;
use crate::caller_state::CallerState;
use crate::dispatcher::Notice;
use crate::error::{Cause, ConnectionError, ErrorKind, InvokeError, RequestError};
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
