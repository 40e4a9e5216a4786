//! One call from its arrival to its answer: resolve, authorise, bind, invoke, answer.
//!
//! Whatever goes wrong becomes an error *result*; a handler that panics costs its caller an error and nobody anything else. What the
//! client learns of an error is chosen here and nowhere else (spec 7.3).

use futures_util::{FutureExt, future::BoxFuture};
use heliostat_proto::classic::{self, FailureKind, HubInvocation, HubResult, Outcome};
use tracing::Instrument;

use crate::{
    application::{Context, Received},
    begun::Begun,
    endpoint::DetailedErrors,
    failure::Failure,
    hub::{
        descriptor::MethodDescriptor,
        entry::HubEntry,
        guard::{CaughtPanic, guard, guard_now},
        invocation::{Call, Invocation, Occasion},
        pipeline::{Verdict, leave},
        result::Answer,
    },
    metrics::Counter,
};

/// What comes of a method.
type Returned = Result<Answer, Failure>;

/// Begins one call, and encodes what came of it when it is over.
pub(crate) fn answer(
    context: Context,
    hub: HubEntry,
    sent: HubInvocation,
    detailed: DetailedErrors,
) -> Begun<Received> {
    let span = tracing::debug_span!(
        target: "SignalR.HubDispatcher", "invocation", connection = %context.id, hub = %hub.name(), method = sent.method()
    );
    let too_deep = sent.arguments().err();
    let invocation = Invocation::new(context, hub, Occasion::Call(Call::new(sent)));
    let entered = span.enter();
    if let Some(error) = too_deep {
        return Begun::Done(finish(&invocation, Err(error.into()), detailed));
    }
    let work = match guard_now(|| begin(&invocation)) {
        Ok(Begun::Waits(work)) => work,
        Ok(Begun::Done(returned)) => return Begun::Done(conclude(&invocation, Ok(returned), detailed)),
        Err(panic) => return Begun::Done(conclude(&invocation, Err(panic), detailed)),
    };
    drop(entered);
    Begun::Waits(go_on(invocation, work, detailed).instrument(span).boxed())
}

/// Finds the method, asks whether it may run, and runs it until it waits.
fn begin(invocation: &Invocation) -> Begun<Returned> {
    let hub = invocation.entry();
    let method = match method(hub, invocation) {
        Ok(method) => method,
        Err(failure) => return Begun::Done(Err(failure)),
    };
    let (entered, verdict) = hub.pipeline().enter(|module| module.before_incoming(invocation));
    let begun = match verdict {
        Verdict::Proceed => method.run(invocation),
        Verdict::Veto => Begun::Done(Ok(Answer::none())),
    };
    match begun {
        Begun::Done(Ok(answer)) => Begun::Done(Ok(leave(entered, invocation, answer))),
        begun @ (Begun::Done(Err(_)) | Begun::Waits(_)) => begun,
    }
}

/// The method that is called, if it is there and may be.
fn method<'a>(hub: &'a HubEntry, invocation: &Invocation) -> Result<&'a MethodDescriptor, Failure> {
    let name = invocation.method().unwrap_or_default();
    let method = hub.resolve(name, invocation.arguments().len())?;
    if hub.may_call(method, invocation) { Ok(method) } else { Err(not_authorized(hub, method)) }
}

/// The rest of a call whose method waits.
async fn go_on(
    invocation: Invocation,
    work: BoxFuture<'static, Returned>,
    detailed: DetailedErrors,
) -> Received {
    let returned = guard(async {
        let answer = work.await?;
        Ok(leave(&invocation.entry().pipeline().modules, &invocation, answer))
    });
    conclude(&invocation, returned.await, detailed)
}

/// A failure is logged and may be amended by modules; then the call is over.
fn conclude(
    invocation: &Invocation,
    returned: Result<Returned, CaughtPanic>,
    detailed: DetailedErrors,
) -> Received {
    let outcome = returned.unwrap_or_else(|panic| Err(panic.into())).or_else(|failure| {
        log_failure(invocation, &failure);
        guard_now(|| invocation.entry().pipeline().incoming_error(invocation, failure))
            .unwrap_or_else(|panic| Err(panic.into()))
    });
    finish(invocation, outcome, detailed)
}

fn not_authorized(hub: &HubEntry, method: &MethodDescriptor) -> Failure {
    Failure::new(format!(
        "the caller may not call the method '{}' of hub '{}'",
        method.name().text(),
        hub.name()
    ))
}

fn log_failure(invocation: &Invocation, failure: &Failure) {
    invocation.context().core.counters().error(Counter::ErrorsHubInvocationTotal);
    tracing::debug!(target: "SignalR.HubDispatcher", %failure, "a call failed");
}

/// Ends the call and encodes its result. Nothing may be reported about the call from here on.
fn finish(invocation: &Invocation, outcome: Returned, detailed: DetailedErrors) -> Received {
    let Some(call) = invocation.call() else { return Received::Nothing };
    call.end();
    let (id, state) = (call.id(), call.state.changes());
    let state = state.as_ref();
    let encoded = match outcome {
        Ok(answer) => answer.encode(id, state),
        Err(failure) => {
            let (text, kind) = told(call, &failure, detailed);
            let failure = classic::Failure { text: &text, kind, trace: None };
            let mut json = Vec::new();
            let result = HubResult { id, state, outcome: Outcome::<()>::Failed(failure) };
            result.encode(&mut json).map(|()| json).map_err(Failure::from)
        }
    };
    match encoded {
        Ok(json) => Received::Reply { json, after: call.last_report() },
        Err(failure) => Received::Failed(failure),
    }
}

/// What the client learns of a failure. A hub error is meant for it; of everything else it learns the text only where that is allowed.
fn told<'a>(call: &Call, failure: &'a Failure, detailed: DetailedErrors) -> (String, FailureKind<'a>) {
    match (failure.hub_error(), detailed) {
        (Some(error), _) => (error.message().to_owned(), FailureKind::HubError { data: error.data() }),
        (None, DetailedErrors::On) => (failure.to_string(), FailureKind::Unexpected),
        (None, DetailedErrors::Off) => {
            (classic::generic_failure(call.hub(), call.method()), FailureKind::Unexpected)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::failure::HubError;

    fn call() -> Call {
        Call::new(HubInvocation::parse(r#"{"H":"chathub","M":"SEND","I":0}"#).unwrap())
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
