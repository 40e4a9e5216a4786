//! What a hub offers: its name, its methods, its callbacks, its rules. Made by `#[hub]`, read by the dispatcher.
//!
//! Only what stands here can be called. Overloads of one name differ in their number of arguments, and in nothing else (spec 7.4).

use std::{collections::HashMap, fmt, future::Future, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use heliostat_proto::name::{GroupName, HubName, MethodName, camel_case};

use crate::{
    failure::Failure,
    http::request::Request,
    hub::{
        arguments::Binder,
        authorize::Requirement,
        from_invocation::{Origin, Parameter},
        invocation::{Event, Invocation},
        pipeline::Pipeline,
        result::Answer,
    },
};

/// A hub: methods that clients call, and callbacks about their connections.
///
/// Implemented by [`#[hub]`](macro@crate::hub); there is no reason to implement it by hand.
///
/// # Contract
/// One instance serves all calls of all connections of a server, at the same time; methods take `&self`. What belongs to all of them is a
/// field, behind a lock where it changes.
pub trait Hub: Send + Sync + Sized + 'static {
    #[doc(hidden)]
    fn describe(self: Arc<Self>) -> HubDescriptor;
}

type Handler = Box<dyn Fn(Invocation) -> BoxFuture<'static, Result<Answer, Failure>> + Send + Sync>;
type Callback = Box<dyn Fn(Invocation) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;
type Rejoin = Box<dyn Fn(&Request, Vec<GroupName>) -> Vec<GroupName> + Send + Sync>;

/// A name, and whether the application chose it: chosen names stand verbatim in the proxy script, others are camel-cased (spec 2.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Derived from a Rust name.
    Implicit(&'static str),
    /// Chosen by the application.
    Explicit(&'static str),
}

/// Whether a hub's rules decide who hears it, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outgoing {
    /// They do.
    #[default]
    Protected,
    /// Everybody may listen; the rules decide about calls only: `require_outgoing = false`.
    Open,
}

/// What one hub offers.
pub struct HubDescriptor {
    name: Name,
    methods: HashMap<MethodName, Vec<MethodDescriptor>>,
    rules: Vec<Requirement>,
    outgoing: Outgoing,
    connected: Option<Callback>,
    reconnected: Option<Callback>,
    disconnected: Option<Callback>,
    rejoining_groups: Option<Rejoin>,
}

/// One method of a hub: one overload of its name.
pub struct MethodDescriptor {
    name: Name,
    parameters: Vec<ParameterDescriptor>,
    rules: Vec<Requirement>,
    handler: Handler,
}

/// One parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterDescriptor {
    name: &'static str,
    need: Option<Need>,
}

/// Whether the client must send an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// Describes a parameter of type `T`.
#[must_use]
pub fn parameter<Kind, T: Parameter<Kind>>(name: &'static str) -> ParameterDescriptor {
    let need = match T::ORIGIN {
        Origin::Client if T::is_optional() => Some(Need::Optional),
        Origin::Client => Some(Need::Required),
        Origin::Invocation => None,
    };
    ParameterDescriptor { name, need }
}

impl HubDescriptor {
    /// A hub that offers nothing yet.
    #[must_use]
    pub fn new(name: Name, outgoing: Outgoing) -> Self {
        Self {
            name,
            outgoing,
            methods: HashMap::new(),
            rules: Vec::new(),
            connected: None,
            reconnected: None,
            disconnected: None,
            rejoining_groups: None,
        }
    }

    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    /// Adds a rule for the whole hub.
    pub fn authorize(&mut self, rule: Requirement) {
        self.rules.push(rule);
    }

    /// Adds a method.
    pub fn method(&mut self, method: MethodDescriptor) {
        // The macro refuses empty names, so nothing is left out here.
        if let Ok(name) = MethodName::parse(method.name.text()) {
            self.methods.entry(name).or_default().push(method);
        }
    }

    /// Sets the connected callback.
    pub fn connected<F: Future<Output = Result<(), Failure>> + Send + 'static>(
        &mut self,
        callback: impl Fn(Invocation) -> F + Send + Sync + 'static,
    ) {
        self.connected = Some(Box::new(move |invocation| callback(invocation).boxed()));
    }

    /// Sets the reconnected callback.
    pub fn reconnected<F: Future<Output = Result<(), Failure>> + Send + 'static>(
        &mut self,
        callback: impl Fn(Invocation) -> F + Send + Sync + 'static,
    ) {
        self.reconnected = Some(Box::new(move |invocation| callback(invocation).boxed()));
    }

    /// Sets the disconnected callback.
    pub fn disconnected<F: Future<Output = Result<(), Failure>> + Send + 'static>(
        &mut self,
        callback: impl Fn(Invocation) -> F + Send + Sync + 'static,
    ) {
        self.disconnected = Some(Box::new(move |invocation| callback(invocation).boxed()));
    }

    /// Sets the rule for groups of clients that come back.
    pub fn rejoining_groups(
        &mut self,
        rule: impl Fn(&Request, Vec<GroupName>) -> Vec<GroupName> + Send + Sync + 'static,
    ) {
        self.rejoining_groups = Some(Box::new(rule));
    }
}

impl MethodDescriptor {
    /// A method with its handler.
    pub fn new<F: Future<Output = Result<Answer, Failure>> + Send + 'static>(
        name: Name,
        parameters: Vec<ParameterDescriptor>,
        handler: impl Fn(Invocation) -> F + Send + Sync + 'static,
    ) -> Self {
        let handler = Box::new(move |invocation| handler(invocation).boxed());
        Self { name, parameters, rules: Vec::new(), handler }
    }

    /// Adds a rule for this method.
    #[must_use]
    pub fn authorize(mut self, rule: Requirement) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn rules(&self) -> &[Requirement] {
        &self.rules
    }

    pub(crate) fn run(&self, invocation: Invocation) -> BoxFuture<'static, Result<Answer, Failure>> {
        (self.handler)(invocation)
    }

    /// The names of what clients send.
    pub(crate) fn sent_parameters(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.parameters.iter().filter(|parameter| parameter.need.is_some()).map(|parameter| parameter.name)
    }

    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    fn arity(&self) -> usize {
        self.sent_parameters().count()
    }

    /// How many arguments it needs at least: trailing optional ones may be missing.
    fn least_arity(&self) -> usize {
        let sent: Vec<Need> = self.parameters.iter().filter_map(|parameter| parameter.need).collect();
        sent.iter().rposition(|need| *need == Need::Required).map_or(0, |last| last + 1)
    }

    /// `add(a, b)`, as error texts show it.
    fn signature(&self) -> String {
        let parameters: Vec<_> = self.sent_parameters().collect();
        format!("{}({})", self.name.text(), parameters.join(", "))
    }
}

impl Name {
    pub(crate) const fn text(&self) -> &'static str {
        match self {
            Self::Implicit(text) | Self::Explicit(text) => text,
        }
    }

    /// How the proxy script spells it.
    pub(crate) fn property(&self) -> String {
        match self {
            Self::Implicit(text) => camel_case(text),
            Self::Explicit(text) => (*text).to_owned(),
        }
    }
}

impl fmt::Debug for HubDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubDescriptor")
            .field("name", &self.name)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MethodDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodDescriptor")
            .field("name", &self.name)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Why no method of a hub fits a call. The peer's mistake: shown to it only where detailed errors are on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ResolveError {
    #[error("hub '{hub}' has no method '{method}'")]
    UnknownMethod { hub: HubName, method: String },
    #[error("hub '{hub}' has no method '{method}' with {count} arguments; it has {candidates}")]
    NoOverload { hub: HubName, method: String, count: usize, candidates: String },
    #[error("hub '{hub}' has several methods '{method}' that take {count} arguments: {candidates}")]
    Ambiguous { hub: HubName, method: String, count: usize, candidates: String },
}

/// A hub of one server: what it offers, and what surrounds it. A handle: clones are the same hub.
#[derive(Clone, Debug)]
pub(crate) struct HubEntry {
    name: HubName,
    descriptor: Arc<HubDescriptor>,
    pipeline: Arc<Pipeline>,
}

impl HubEntry {
    pub(crate) const fn new(name: HubName, descriptor: Arc<HubDescriptor>, pipeline: Arc<Pipeline>) -> Self {
        Self { name, descriptor, pipeline }
    }

    /// The declared name, in its declared spelling.
    pub(crate) const fn name(&self) -> &HubName {
        &self.name
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(crate) fn property(&self) -> String {
        self.descriptor.name.property()
    }

    /// Whether the client of this request may have the hub's messages.
    pub(crate) fn may_connect(&self, request: &Request) -> bool {
        self.pipeline.may_connect(self.name.as_str(), request)
            && match self.descriptor.outgoing {
                Outgoing::Open => true,
                Outgoing::Protected => self.descriptor.rules.iter().all(|rule| rule.allows(request)),
            }
    }

    /// Whether this call of `method` may run.
    pub(crate) fn may_call(&self, method: &MethodDescriptor, call: &Invocation) -> bool {
        let mut rules = self.descriptor.rules.iter().chain(method.rules());
        self.pipeline.may_call(call) && rules.all(|rule| rule.allows(call.request()))
    }

    /// The hub's own callback for an event, or nothing.
    pub(crate) fn callback(
        &self,
        event: Event,
        connection: Invocation,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let callback = match event {
            Event::Connected => &self.descriptor.connected,
            Event::Reconnected => &self.descriptor.reconnected,
            Event::Disconnected(_) => &self.descriptor.disconnected,
        };
        match callback {
            Some(callback) => callback(connection),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    pub(crate) fn rejoining_groups(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        let groups = match &self.descriptor.rejoining_groups {
            Some(rule) => rule(request, groups),
            None => groups,
        };
        self.pipeline.rejoining_groups(self.name.as_str(), request, groups)
    }

    /// One overload of every method name, the one with the fewest parameters: what the proxy script shows.
    pub(crate) fn shown_methods(&self) -> impl Iterator<Item = &MethodDescriptor> {
        self.descriptor
            .methods
            .values()
            .filter_map(|overloads| overloads.iter().min_by_key(|method| method.arity()))
    }

    /// The overload of `method` that takes `count` arguments.
    ///
    /// An exact count wins over one that leaves optional arguments out.
    pub(crate) fn resolve(&self, method: &str, count: usize) -> Result<&MethodDescriptor, ResolveError> {
        let name = MethodName::parse(method).map_err(|_| self.unknown(method))?;
        let overloads = self.descriptor.methods.get(&name).ok_or_else(|| self.unknown(method))?;
        let exact = |candidate: &&MethodDescriptor| candidate.arity() == count;
        let lenient =
            |candidate: &&MethodDescriptor| (candidate.least_arity()..=candidate.arity()).contains(&count);
        // Several fit: the error says so. None fits: optional arguments may be missing.
        let found = match only(overloads.iter().filter(exact)) {
            Found::None => only(overloads.iter().filter(lenient)),
            one_or_several @ (Found::One(_) | Found::Several) => one_or_several,
        };
        let (hub, method) = (self.name.clone(), method.to_owned());
        match found {
            Found::One(found) => Ok(found),
            Found::None => {
                Err(ResolveError::NoOverload { hub, method, count, candidates: candidates(overloads) })
            }
            Found::Several => {
                Err(ResolveError::Ambiguous { hub, method, count, candidates: candidates(overloads) })
            }
        }
    }

    fn unknown(&self, method: &str) -> ResolveError {
        ResolveError::UnknownMethod { hub: self.name.clone(), method: method.to_owned() }
    }
}

fn candidates(overloads: &[MethodDescriptor]) -> String {
    overloads.iter().map(MethodDescriptor::signature).collect::<Vec<_>>().join(", ")
}

enum Found<T> {
    None,
    One(T),
    Several,
}

fn only<T>(mut candidates: impl Iterator<Item = T>) -> Found<T> {
    match (candidates.next(), candidates.next()) {
        (None, _) => Found::None,
        (Some(found), None) => Found::One(found),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// Starts to bind the arguments of a call: what the macro calls first.
#[must_use]
pub fn bind(invocation: &Invocation) -> Binder<'_> {
    Binder::new(invocation)
}

/// The next parameter of a call: what the macro calls for each.
///
/// # Errors
/// The argument does not fit the type, or the extractor failed.
pub fn next<Kind, T: Parameter<Kind>>(binder: &mut Binder<'_>, name: &'static str) -> Result<T, Failure> {
    T::bind(binder, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{caller::Caller, clients::Clients, progress::Progress};

    fn method(name: Name, parameters: Vec<ParameterDescriptor>) -> MethodDescriptor {
        MethodDescriptor::new(name, parameters, |_| async { Ok(Answer::none()) })
    }

    fn entry(methods: Vec<MethodDescriptor>) -> HubEntry {
        let mut descriptor = HubDescriptor::new(Name::Implicit("ChatHub"), Outgoing::Protected);
        methods.into_iter().for_each(|method| descriptor.method(method));
        HubEntry::new(HubName::parse("ChatHub").unwrap(), Arc::new(descriptor), Arc::default())
    }

    fn overloads() -> HubEntry {
        entry(vec![
            method(Name::Explicit("Overload"), vec![]),
            method(Name::Explicit("Overload"), vec![parameter::<_, i32>("a")]),
            method(Name::Explicit("overload"), vec![parameter::<_, i32>("a"), parameter::<_, i32>("b")]),
        ])
    }

    #[test]
    fn cp_169_overloads_are_chosen_by_argument_count() {
        for count in 0..3 {
            assert_eq!(overloads().resolve("OVERLOAD", count).unwrap().arity(), count);
        }
        let error = overloads().resolve("Overload", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "hub 'ChatHub' has no method 'Overload' with 3 arguments; it has Overload(), Overload(a), overload(a, b)"
        );
    }

    #[test]
    fn cp_169_two_overloads_with_the_same_count_are_ambiguous() {
        let twice = || method(Name::Implicit("add"), vec![parameter::<_, i32>("a")]);
        let error = entry(vec![twice(), twice()]).resolve("add", 1).map(MethodDescriptor::arity).unwrap_err();
        assert!(matches!(error, ResolveError::Ambiguous { .. }), "{error}");
    }

    #[test]
    fn cp_161_method_names_are_matched_without_case() {
        let hub = entry(vec![method(Name::Implicit("echoAny"), vec![])]);
        for name in ["echoAny", "EchoAny", "ECHOANY"] {
            assert!(hub.resolve(name, 0).is_ok(), "{name}");
        }
    }

    #[test]
    fn cp_170_an_unknown_method_is_named_in_the_error() {
        let error = overloads().resolve("NoSuch", 1).map(MethodDescriptor::arity).unwrap_err();
        assert_eq!(error.to_string(), "hub 'ChatHub' has no method 'NoSuch'");
    }

    #[test]
    fn extracted_parameters_do_not_count() {
        let parameters = vec![
            parameter::<_, Caller>("caller"),
            parameter::<_, i32>("a"),
            parameter::<_, Clients>("clients"),
            parameter::<_, String>("b"),
            parameter::<_, Progress<u32>>("progress"),
        ];
        let hub = entry(vec![method(Name::Implicit("mixed"), parameters)]);
        let found = hub.resolve("mixed", 2).unwrap();
        assert_eq!(found.sent_parameters().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn trailing_optional_arguments_may_be_missing_but_an_exact_count_wins() {
        let one = || method(Name::Implicit("find"), vec![parameter::<_, String>("a")]);
        let optional = || {
            let parameters = vec![
                parameter::<_, String>("a"),
                parameter::<_, Option<u32>>("b"),
                parameter::<_, Option<u32>>("c"),
            ];
            method(Name::Implicit("find"), parameters)
        };
        let both = entry(vec![one(), optional()]);
        assert_eq!(both.resolve("find", 1).unwrap().arity(), 1);
        assert_eq!(both.resolve("find", 2).unwrap().arity(), 3);
        assert!(both.resolve("find", 0).is_err());
        assert_eq!(entry(vec![optional()]).resolve("find", 1).unwrap().arity(), 3);
    }

    #[test]
    fn an_optional_argument_before_a_required_one_cannot_be_missing() {
        let parameters = vec![parameter::<_, Option<u32>>("a"), parameter::<_, u32>("b")];
        let hub = entry(vec![method(Name::Implicit("f"), parameters)]);
        assert!(hub.resolve("f", 1).is_err());
        assert!(hub.resolve("f", 2).is_ok());
    }

    #[test]
    fn cp_065_implicit_names_are_camel_cased_and_explicit_ones_verbatim() {
        assert_eq!(Name::Implicit("ChatHub").property(), "chatHub");
        assert_eq!(Name::Explicit("ChatHub").property(), "ChatHub");
    }
}
