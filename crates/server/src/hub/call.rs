//! One call from its arrival to its answer: resolve, authorise, bind, invoke, answer.
//!
//! Whatever goes wrong becomes an error *result*; a handler that panics costs its caller an error and nobody anything else. What the
//! client learns of an error is chosen here and nowhere else (spec 7.3).

use std::sync::atomic::AtomicBool;

use heliostat_proto::classic::{self, FailureKind, HubInvocation, HubResult, Outcome};
use tracing::Instrument;

use crate::{
    application::{Context, Received},
    endpoint::DetailedErrors,
    failure::Failure,
    hub::{
        caller_state::CallerState,
        descriptor::MethodDescriptor,
        entry::HubEntry,
        guard::{guard, guard_now},
        invocation::{Call, Invocation, Occasion},
        pipeline::Verdict,
        result::Answer,
    },
};

/// Runs one call and encodes what came of it.
pub(crate) async fn answer(
    context: Context,
    hub: HubEntry,
    sent: HubInvocation,
    detailed: DetailedErrors,
) -> Received {
    let span = tracing::debug_span!(
        target: "SignalR.HubDispatcher", "invocation", connection = %context.id, hub = %hub.name(), method = sent.method
    );
    let (arguments, too_deep) = match sent.arguments {
        Ok(arguments) => (arguments, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let invocation = Invocation::new(
        context,
        hub,
        Occasion::Call(Call {
            hub: sent.hub,
            method: sent.method,
            arguments,
            id: sent.id,
            state: CallerState::new(sent.state),
            over: AtomicBool::new(false),
        }),
    );
    async move {
        let outcome = match too_deep {
            Some(error) => Err(error.into()),
            None => attempt(&invocation).await,
        };
        finish(&invocation, outcome, detailed)
    }
    .instrument(span)
    .await
}

/// The call with everything around it.
async fn attempt(invocation: &Invocation) -> Result<Answer, Failure> {
    match guard(run(invocation)).await.unwrap_or_else(|panic| Err(panic.into())) {
        Ok(answer) => Ok(answer),
        Err(failure) => {
            log_failure(invocation, &failure);
            guard_now(|| invocation.entry().pipeline().incoming_error(invocation, failure))
                .unwrap_or_else(|panic| Err(panic.into()))
        }
    }
}

async fn run(invocation: &Invocation) -> Result<Answer, Failure> {
    let hub = invocation.entry();
    let method = hub.resolve(invocation.method().unwrap_or_default(), invocation.arguments().len())?;
    if !hub.may_call(method, invocation) {
        return Err(not_authorized(hub, method));
    }
    let (entered, verdict) = hub.pipeline().enter(|module| module.before_incoming(invocation));
    let answer = match verdict {
        Verdict::Proceed => method.run(invocation.clone()).await?,
        Verdict::Veto => Answer::none(),
    };
    Ok(entered.iter().rev().fold(answer, |answer, module| module.after_incoming(invocation, answer)))
}

fn not_authorized(hub: &HubEntry, method: &MethodDescriptor) -> Failure {
    Failure::new(format!(
        "the caller may not call the method '{}' of hub '{}'",
        method.name().text(),
        hub.name()
    ))
}

fn log_failure(invocation: &Invocation, failure: &Failure) {
    invocation.context().core.counters().invocation_error();
    tracing::debug!(target: "SignalR.HubDispatcher", %failure, "a call failed");
}

/// Ends the call and encodes its result. Nothing may be reported about the call from here on.
fn finish(invocation: &Invocation, outcome: Result<Answer, Failure>, detailed: DetailedErrors) -> Received {
    let Some(call) = invocation.call() else { return Received::Nothing };
    call.end();
    let state = call.state.changes();
    let mut out = Vec::new();
    let encoded = match &outcome {
        Ok(answer) => {
            let outcome = Outcome::Returned(&answer.raw());
            HubResult { id: &call.id, state: state.as_ref(), outcome }.encode(&mut out)
        }
        Err(failure) => {
            let (text, kind) = told(call, failure, detailed);
            let failure = classic::Failure { text: &text, kind, trace: None };
            HubResult::<()> { id: &call.id, state: state.as_ref(), outcome: Outcome::Failed(failure) }
                .encode(&mut out)
        }
    };
    match encoded {
        Ok(()) => Received::Reply(out),
        Err(error) => Received::Failed(error.into()),
    }
}

/// What the client learns of a failure. A hub error is meant for it; of everything else it learns the text only where that is allowed.
fn told<'a>(call: &Call, failure: &'a Failure, detailed: DetailedErrors) -> (String, FailureKind<'a>) {
    match (failure.hub_error(), detailed) {
        (Some(error), _) => (error.message().to_owned(), FailureKind::HubError { data: error.data() }),
        (None, DetailedErrors::On) => (failure.to_string(), FailureKind::Unexpected),
        (None, DetailedErrors::Off) => {
            (classic::generic_failure(&call.hub, &call.method), FailureKind::Unexpected)
        }
    }
}

#[cfg(test)]
mod tests {
    use heliostat_proto::classic::InvocationId;
    use serde_json::json;

    use super::*;
    use crate::failure::HubError;

    fn call() -> Call {
        Call {
            hub: "chathub".into(),
            method: "SEND".into(),
            arguments: Vec::new(),
            id: InvocationId::new("0"),
            state: CallerState::default(),
            over: AtomicBool::new(false),
        }
    }

    #[test]
    fn cp_164_without_detailed_errors_the_text_names_hub_and_method_as_the_client_wrote_them() {
        let failure = Failure::new("secret detail");
        let call = call();
        let (text, kind) = told(&call, &failure, DetailedErrors::Off);
        assert_eq!(text, "Calling 'chathub.SEND' failed.");
        assert!(matches!(kind, FailureKind::Unexpected));
    }

    #[test]
    fn cp_165_with_detailed_errors_the_text_is_the_errors_own() {
        let (text, _) = told(&call(), &Failure::new("secret detail"), DetailedErrors::On);
        assert_eq!(text, "secret detail");
        let (text, _) = told(&call(), &Failure::cancelled(), DetailedErrors::On);
        assert_eq!(text, "the operation was cancelled");
    }

    #[test]
    fn cp_166_a_hub_error_is_always_shown() {
        let failure = Failure::from(HubError::new("visible").with_data(json!({ "code": 42 })));
        for detailed in [DetailedErrors::Off, DetailedErrors::On] {
            let (text, kind) = told(&call(), &failure, detailed);
            assert_eq!(text, "visible");
            assert!(matches!(kind, FailureKind::HubError { data: Some(_) }));
        }
    }
}
