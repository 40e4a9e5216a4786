//! The messages of the classic dialect: what travels inside the frames of a transport.

mod client_invocation;
mod hub_call;
mod hub_message;
mod hub_result;
mod incoming_frame;
mod invocation;
mod response;
mod returned_value;

pub use client_invocation::{ClientInvocation, ClientInvocationError};
pub use hub_call::HubCall;
pub use hub_message::{HubAnswer, HubFailure, HubFailureKind, HubMessage, HubMessageError, IncomingCall};
pub use hub_result::{Failure, FailureKind, HubResult, Outcome, Progress, generic_failure};
pub use incoming_frame::{FrameError, decode_frame};
pub use invocation::{
    HubInvocation, InvocationError, InvocationId, MAX_DEPTH, MAX_STATE_UNITS, TooDeep, is_too_deep,
};
pub use response::{ResponseHead, encode_response};
pub use returned_value::ReturnedValue;
