//! Code around everything that hubs do: every call in, every call out, every callback.
//!
//! The module that was added first is the outermost: its *before* hooks run first, its *after* hooks last. A veto stops what lies
//! further in; the *after* hooks of the modules outside it still run (spec 7.10).

use std::{fmt, future::Future, sync::Arc};

use heliostat_proto::name::GroupName;
use serde::Serialize;

use crate::{
    failure::Failure,
    http::request::Request,
    hub::{
        authorize::Authorize,
        invocation::{Event, Invocation},
        result::Answer,
    },
};

/// What a *before* hook decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// Do not do it. The client is told of no error: a call has a null result, a callback or a send counts as done.
    Veto,
}

/// Code around everything that the hubs of a server do.
///
/// # Contract
/// All hooks have defaults that change nothing. They run on the task that handles the event and must not block. Modules are fixed
/// when the server is built. A hook that panics fails the call or callback that it was asked about.
///
/// # Examples
/// ```
/// use heliostat::{Answer, Invocation, PipelineModule};
///
/// #[derive(Debug)]
/// struct Audit;
///
/// impl PipelineModule for Audit {
///     fn after_incoming(&self, call: &Invocation, answer: Answer) -> Answer {
///         // … write down `call.hub()`, `call.method()`, `call.user()`
///         answer
///     }
/// }
/// ```
pub trait PipelineModule: fmt::Debug + Send + Sync + 'static {
    /// A client calls a method that exists and that it may call.
    fn before_incoming(&self, call: &Invocation) -> Verdict {
        let _ = call;
        Verdict::Proceed
    }

    /// The method has returned; the answer may be replaced. Not asked if the call failed.
    fn after_incoming(&self, call: &Invocation, answer: Answer) -> Answer {
        let _ = call;
        answer
    }

    /// A call failed: unknown method, not authorized, wrong arguments, or the method's own error. The error may be replaced or turned
    /// into an answer. The innermost module is asked first.
    fn incoming_error(&self, call: &Invocation, error: &mut IncomingError) {
        let _ = (call, error);
    }

    /// A hub is about to call clients.
    fn before_outgoing(&self, message: &OutgoingMessage<'_>) -> Verdict {
        let _ = message;
        Verdict::Proceed
    }

    /// The call to clients has been handed to the bus.
    fn after_outgoing(&self, message: &OutgoingMessage<'_>) {
        let _ = message;
    }

    /// A hub is about to hear of a new connection.
    fn before_connect(&self, connection: &Invocation) -> Verdict {
        let _ = connection;
        Verdict::Proceed
    }

    /// The hub's connected callback has succeeded.
    fn after_connect(&self, connection: &Invocation) {
        let _ = connection;
    }

    /// A hub is about to hear that a connection has a new transport connection.
    fn before_reconnect(&self, connection: &Invocation) -> Verdict {
        let _ = connection;
        Verdict::Proceed
    }

    /// The hub's reconnected callback has succeeded.
    fn after_reconnect(&self, connection: &Invocation) {
        let _ = connection;
    }

    /// A hub is about to hear that a connection is over; [`Invocation::reason`] says why.
    fn before_disconnect(&self, connection: &Invocation) -> Verdict {
        let _ = connection;
        Verdict::Proceed
    }

    /// The hub's disconnected callback has succeeded.
    fn after_disconnect(&self, connection: &Invocation) {
        let _ = connection;
    }

    /// May this client have the messages of this hub? Asked before the authorizers; a veto drops the hub from the client's list.
    fn authorize_connect(&self, hub: &str, request: &Request) -> Verdict {
        let _ = (hub, request);
        Verdict::Proceed
    }

    /// A client that comes back claims, with a valid token, to be in these groups of a hub. What is returned is what it is in. The
    /// hub's own rule is asked first, then the modules from the innermost outwards.
    fn rejoining_groups(&self, hub: &str, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        let _ = (hub, request);
        groups
    }
}

/// A call to clients on its way out.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingMessage<'a> {
    hub: &'a str,
    method: &'a str,
    json: &'a [u8],
}

impl<'a> OutgoingMessage<'a> {
    pub(crate) const fn new(hub: &'a str, method: &'a str, json: &'a [u8]) -> Self {
        Self { hub, method, json }
    }

    /// The declared name of the hub.
    #[must_use]
    pub const fn hub(&self) -> &'a str {
        self.hub
    }

    /// The client's method.
    #[must_use]
    pub const fn method(&self) -> &'a str {
        self.method
    }

    /// The message as it will be sent: JSON with the members `H`, `M`, `A` and perhaps `S`.
    #[must_use]
    pub const fn json(&self) -> &'a [u8] {
        self.json
    }
}

/// Why a call failed, and what will be said about it.
#[derive(Debug)]
pub struct IncomingError {
    outcome: Result<Answer, Failure>,
}

impl IncomingError {
    pub(crate) const fn new(failure: Failure) -> Self {
        Self { outcome: Err(failure) }
    }

    /// The failure, unless a module further in has already turned it into an answer.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.outcome.as_ref().err()
    }

    /// Fails with this instead.
    pub fn replace(&mut self, failure: impl Into<Failure>) {
        self.outcome = Err(failure.into());
    }

    /// Answers with this value: for the client the call has succeeded.
    pub fn answer_with(&mut self, value: impl Serialize) {
        self.outcome = Answer::new(&value);
    }

    pub(crate) fn into_outcome(self) -> Result<Answer, Failure> {
        self.outcome
    }
}

/// All modules and authorizers of one server, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipeline {
    pub(crate) modules: Vec<Arc<dyn PipelineModule>>,
    pub(crate) authorizers: Vec<Arc<dyn Authorize>>,
}

impl Pipeline {
    /// Asks `before` from the outside in until one vetoes. Returns the modules whose *after* hooks are due, and the verdict.
    pub(crate) fn enter(
        &self,
        before: impl Fn(&dyn PipelineModule) -> Verdict,
    ) -> (&[Arc<dyn PipelineModule>], Verdict) {
        match self.modules.iter().position(|module| before(module.as_ref()) == Verdict::Veto) {
            Some(vetoed) => (self.modules.get(..vetoed).unwrap_or_default(), Verdict::Veto),
            None => (&self.modules, Verdict::Proceed),
        }
    }

    /// Runs a callback unless a module vetoes, which counts as done.
    pub(crate) async fn callback<F: Future<Output = Result<(), Failure>>>(
        &self,
        event: Event,
        connection: &Invocation,
        run: impl FnOnce() -> F,
    ) -> Result<(), Failure> {
        let (entered, verdict) = self.enter(|module| match event {
            Event::Connected => module.before_connect(connection),
            Event::Reconnected => module.before_reconnect(connection),
            Event::Disconnected(_) => module.before_disconnect(connection),
        });
        if verdict == Verdict::Proceed {
            run().await?;
        }
        entered.iter().rev().for_each(|module| match event {
            Event::Connected => module.after_connect(connection),
            Event::Reconnected => module.after_reconnect(connection),
            Event::Disconnected(_) => module.after_disconnect(connection),
        });
        Ok(())
    }

    pub(crate) fn outgoing(&self, message: &OutgoingMessage<'_>, send: impl FnOnce()) {
        let (entered, verdict) = self.enter(|module| module.before_outgoing(message));
        if verdict == Verdict::Proceed {
            send();
        }
        entered.iter().rev().for_each(|module| module.after_outgoing(message));
    }

    pub(crate) fn incoming_error(&self, call: &Invocation, failure: Failure) -> Result<Answer, Failure> {
        let mut error = IncomingError::new(failure);
        self.modules.iter().rev().for_each(|module| module.incoming_error(call, &mut error));
        error.into_outcome()
    }

    pub(crate) fn rejoining_groups(
        &self,
        hub: &str,
        request: &Request,
        groups: Vec<GroupName>,
    ) -> Vec<GroupName> {
        self.modules.iter().rev().fold(groups, |groups, module| module.rejoining_groups(hub, request, groups))
    }

    /// The modules first, then the authorizers: spec 7.10 has the built-in module consult the inner ones before its own checks.
    pub(crate) fn may_connect(&self, hub: &str, request: &Request) -> bool {
        self.modules.iter().all(|module| module.authorize_connect(hub, request) == Verdict::Proceed)
            && self.authorizers.iter().all(|authorizer| authorizer.may_connect(request, hub))
    }

    pub(crate) fn may_call(&self, call: &Invocation) -> bool {
        self.authorizers.iter().all(|authorizer| authorizer.may_call(call))
    }
}

/// Shows the answer of a call to the modules whose *after* hooks are due, from the inside out.
pub(crate) fn leave(entered: &[Arc<dyn PipelineModule>], call: &Invocation, answer: Answer) -> Answer {
    entered.iter().rev().fold(answer, |answer, module| module.after_incoming(call, answer))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Recorder {
        name: &'static str,
        verdict: Verdict,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl PipelineModule for Recorder {
        fn before_outgoing(&self, _message: &OutgoingMessage<'_>) -> Verdict {
            self.log.lock().unwrap().push(format!("before {}", self.name));
            self.verdict
        }

        fn after_outgoing(&self, _message: &OutgoingMessage<'_>) {
            self.log.lock().unwrap().push(format!("after {}", self.name));
        }
    }

    fn run(verdicts: &[(&'static str, Verdict)]) -> Vec<String> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let module = |&(name, verdict)| {
            Arc::new(Recorder { name, verdict, log: Arc::clone(&log) }) as Arc<dyn PipelineModule>
        };
        let pipeline = Pipeline { modules: verdicts.iter().map(module).collect(), authorizers: Vec::new() };
        pipeline.outgoing(&OutgoingMessage::new("Chat", "message", b"{}"), || {
            log.lock().unwrap().push("send".into())
        });
        let log = log.lock().unwrap();
        log.clone()
    }

    #[test]
    fn cp_190_the_first_added_module_is_the_outermost() {
        let log = run(&[("outer", Verdict::Proceed), ("inner", Verdict::Proceed)]);
        assert_eq!(log, ["before outer", "before inner", "send", "after inner", "after outer"]);
    }

    #[test]
    fn cp_190_a_veto_stops_everything_further_in() {
        let log = run(&[("outer", Verdict::Proceed), ("middle", Verdict::Veto), ("inner", Verdict::Proceed)]);
        assert_eq!(log, ["before outer", "before middle", "after outer"]);
    }

    #[test]
    fn cp_191_an_error_can_be_replaced_or_turned_into_an_answer() {
        let mut error = IncomingError::new(Failure::new("secret"));
        error.replace(crate::failure::HubError::new("sorry"));
        assert_eq!(error.failure().map(ToString::to_string).as_deref(), Some("sorry"));
        error.answer_with(7);
        assert!(error.failure().is_none());
        assert_eq!(error.into_outcome().unwrap().json(), Some("7"));
    }
}
