//! One call of a hub method, and whose fault it is if there is no result.

use std::time::Duration;

use heliostat_client::{ConnectionError, HubProxy, InvokeError, RequestError};
use serde_json::value::RawValue;

use super::entry::{Failure, FailureKind};

/// Calls a method and says why if there is no result.
pub(crate) async fn invoke(
    hub: &HubProxy,
    method: &str,
    arguments: Vec<Box<RawValue>>,
    timeout: Option<Duration>,
    progress: impl FnMut(Box<RawValue>),
) -> Result<Box<RawValue>, Failure> {
    let call = hub.invoke_with_progress::<Box<RawValue>, Box<RawValue>>(method, arguments, progress);
    let result = match timeout {
        None => call.await,
        Some(timeout) => tokio::time::timeout(timeout, call).await.map_err(|_| Failure {
            kind: FailureKind::Timeout,
            message: format!("no answer in {timeout:?}; the method may be running all the same"),
            data: None,
        })?,
    };
    result.map_err(|error| failure(&error))
}

fn failure(error: &InvokeError) -> Failure {
    let kind = if matches!(error, InvokeError::Failed { .. } | InvokeError::Hub { .. }) {
        FailureKind::Hub
    } else if matches!(error, InvokeError::Late) {
        FailureKind::Timeout
    } else if let InvokeError::Request(error) = error {
        kind_of(error)
    } else {
        FailureKind::Connection
    };
    let data = if let InvokeError::Hub { data, .. } = error { data.clone() } else { None };
    Failure { kind, message: error.to_string(), data }
}

/// Whether the server does not let us in, or the connection is at fault.
fn kind_of(error: &RequestError) -> FailureKind {
    if matches!(error, RequestError::Status { status: 401 | 403, .. }) {
        FailureKind::Refused
    } else {
        FailureKind::Connection
    }
}

/// The kind of failure behind a start that failed.
pub(crate) fn start_failure(error: &ConnectionError) -> Failure {
    let refused = error.causes().iter().any(|cause| kind_of(&cause.error) == FailureKind::Refused);
    let kind = if refused { FailureKind::Refused } else { FailureKind::Connection };
    Failure { kind, message: error.to_string(), data: None }
}
