//! A hub in its server: what it offers, and what surrounds it.
//!
//! A call finds its method here. Overloads are chosen by the number of arguments alone (spec 7.4); nothing about unknown names is
//! remembered, so no client can make the server keep anything.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use heliostat_bus::TopicName;
use heliostat_proto::name::{AnyCase, GroupName, HubName};

use crate::{
    failure::Failure,
    http::request::Request,
    hub::{
        descriptor::{HubDescriptor, MethodDescriptor, Outgoing},
        invocation::{Event, Invocation},
        pipeline::Pipeline,
        signal::Signal,
    },
};

/// A hub of one server: what it offers, and what surrounds it. A handle: clones are the same hub.
#[derive(Clone, Debug)]
pub(crate) struct HubEntry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: HubName,
    everyone: TopicName,
    descriptor: Arc<HubDescriptor>,
    pipeline: Arc<Pipeline>,
}

impl HubEntry {
    pub(crate) fn new(name: HubName, descriptor: Arc<HubDescriptor>, pipeline: Arc<Pipeline>) -> Self {
        let everyone = TopicName::from(Signal::Everyone.address(&name).topic);
        Self(Arc::new(Inner { name, everyone, descriptor, pipeline }))
    }

    /// The same hub with this around it.
    pub(super) fn within(&self, pipeline: &Arc<Pipeline>) -> Self {
        Self::new(self.0.name.clone(), Arc::clone(&self.0.descriptor), Arc::clone(pipeline))
    }

    /// The declared name, in its declared spelling.
    pub(crate) fn name(&self) -> &HubName {
        &self.0.name
    }

    /// The topic of every connection that listed the hub.
    pub(crate) fn everyone(&self) -> &TopicName {
        &self.0.everyone
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.0.pipeline
    }

    fn descriptor(&self) -> &HubDescriptor {
        &self.0.descriptor
    }

    pub(crate) fn property(&self) -> String {
        self.descriptor().name.property()
    }

    /// Whether the client of this request may have the hub's messages.
    pub(crate) fn may_connect(&self, request: &Request) -> bool {
        self.pipeline().may_connect(self.name().as_str(), request)
            && match self.descriptor().outgoing {
                Outgoing::Open => true,
                Outgoing::Protected => self.descriptor().rules.iter().all(|rule| rule.allows(request)),
            }
    }

    /// Whether this call of `method` may run.
    pub(crate) fn may_call(&self, method: &MethodDescriptor, call: &Invocation) -> bool {
        let mut rules = self.descriptor().rules.iter().chain(method.rules());
        self.pipeline().may_call(call) && rules.all(|rule| rule.allows(call.request()))
    }

    /// The hub's own callback for an event, or nothing.
    pub(crate) fn callback(
        &self,
        event: Event,
        connection: Invocation,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let callback = match event {
            Event::Connected => &self.descriptor().connected,
            Event::Reconnected => &self.descriptor().reconnected,
            Event::Disconnected(_) => &self.descriptor().disconnected,
        };
        match callback {
            Some(callback) => callback(connection),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    pub(crate) fn rejoining_groups(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        let groups = match &self.descriptor().rejoining_groups {
            Some(rule) => rule(request, groups),
            None => groups,
        };
        self.pipeline().rejoining_groups(self.name().as_str(), request, groups)
    }

    /// One overload of every method name, the one with the fewest parameters: what the proxy script shows.
    pub(crate) fn shown_methods(&self) -> impl Iterator<Item = &MethodDescriptor> {
        self.descriptor()
            .methods
            .values()
            .filter_map(|overloads| overloads.iter().min_by_key(|method| method.arity()))
    }

    /// The overload of `method` that takes `count` arguments.
    ///
    /// An exact count wins over one that leaves optional arguments out.
    pub(crate) fn resolve(&self, method: &str, count: usize) -> Result<&MethodDescriptor, ResolveError> {
        let overloads =
            self.descriptor().methods.get(&AnyCase(method)).ok_or_else(|| self.unknown(method))?;
        // Most methods have one form, and most calls fit it.
        if let [only] = overloads.as_slice()
            && only.arity() == count
        {
            return Ok(only);
        }
        self.choose(overloads, method, count)
    }

    fn choose<'a>(
        &self,
        overloads: &'a [MethodDescriptor],
        method: &str,
        count: usize,
    ) -> Result<&'a MethodDescriptor, ResolveError> {
        let exact = |candidate: &&MethodDescriptor| candidate.arity() == count;
        let lenient =
            |candidate: &&MethodDescriptor| (candidate.least_arity()..=candidate.arity()).contains(&count);
        // Several fit: the error says so. None fits: optional arguments may be missing.
        let found = match only(overloads.iter().filter(exact)) {
            Found::None => only(overloads.iter().filter(lenient)),
            one_or_several @ (Found::One(_) | Found::Several) => one_or_several,
        };
        let (hub, method) = (self.name().clone(), method.to_owned());
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
        ResolveError::UnknownMethod { hub: self.name().clone(), method: method.to_owned() }
    }
}

fn candidates(overloads: &[MethodDescriptor]) -> String {
    overloads.iter().map(MethodDescriptor::signature).collect::<Vec<_>>().join(", ")
}

/// Why no method of a hub fits a call. The peer's mistake: shown to it only where detailed errors are on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ResolveError {
    #[error("hub '{hub}' has no method '{method}'")]
    UnknownMethod { hub: HubName, method: String },
    #[error("hub '{hub}' has no method '{method}' for {count} argument(s); it has {candidates}")]
    NoOverload { hub: HubName, method: String, count: usize, candidates: String },
    #[error("hub '{hub}' has several methods '{method}' for {count} argument(s): {candidates}")]
    Ambiguous { hub: HubName, method: String, count: usize, candidates: String },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{
        caller::Caller,
        clients::Clients,
        descriptor::{Name, ParameterDescriptor, parameter},
        progress::Progress,
        result::Answer,
    };

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
            "hub 'ChatHub' has no method 'Overload' for 3 argument(s); it has Overload(), Overload(a), overload(a, b)"
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
}
