//! What a hub offers: its name, its methods, its callbacks, its rules. Made by `#[hub]`, read by the dispatcher.
//!
//! Only what stands here can be called. Overloads of one name differ in their number of arguments, and in nothing else (spec 7.4).

use std::{fmt, future::Future, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use hashbrown::HashMap;
use heliostat_proto::name::{GroupName, MethodName, camel_case};

use crate::{
    begun::Begun,
    failure::Failure,
    http::request::Request,
    hub::{
        arguments::Binder,
        authorize::Requirement,
        from_invocation::{Origin, Parameter},
        invocation::Invocation,
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
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use heliostat::hub;
///
/// #[derive(Default)]
/// struct TicketHub(AtomicU64);
///
/// #[hub]
/// impl TicketHub {
///     fn take(&self) -> u64 {
///         self.0.fetch_add(1, Ordering::Relaxed) + 1
///     }
/// }
///
/// let hub = TicketHub::default();
/// assert_eq!((hub.take(), hub.take()), (1, 2));
/// ```
pub trait Hub: Send + Sync + Sized + 'static {
    #[doc(hidden)]
    fn describe(self: Arc<Self>) -> HubDescriptor;
}

type Handler = Box<dyn Fn(&Invocation) -> Begun<Result<Answer, Failure>> + Send + Sync>;
pub(super) type Callback = Box<dyn Fn(Invocation) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;
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
    pub(super) name: Name,
    pub(super) methods: HashMap<MethodName, Vec<MethodDescriptor>>,
    pub(super) rules: Vec<Requirement>,
    pub(super) outgoing: Outgoing,
    pub(super) connected: Option<Callback>,
    pub(super) reconnected: Option<Callback>,
    pub(super) disconnected: Option<Callback>,
    pub(super) rejoining_groups: Option<Rejoin>,
}

/// One method of a hub: one overload of its name.
pub struct MethodDescriptor {
    name: Name,
    parameters: Vec<ParameterDescriptor>,
    /// How many arguments clients send, and how many at least: trailing optional ones may be missing.
    arity: usize,
    least_arity: usize,
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
    /// A method whose handler may wait.
    pub fn new<F: Future<Output = Result<Answer, Failure>> + Send + 'static>(
        name: Name,
        parameters: Vec<ParameterDescriptor>,
        handler: impl Fn(Invocation) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::handled(
            name,
            parameters,
            Box::new(move |invocation| Begun::with(handler(invocation.clone()).boxed())),
        )
    }

    /// A method whose handler does not wait.
    pub fn at_once(
        name: Name,
        parameters: Vec<ParameterDescriptor>,
        handler: impl Fn(&Invocation) -> Result<Answer, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::handled(name, parameters, Box::new(move |invocation| Begun::Done(handler(invocation))))
    }

    fn handled(name: Name, parameters: Vec<ParameterDescriptor>, handler: Handler) -> Self {
        let sent: Vec<Need> = parameters.iter().filter_map(|parameter| parameter.need).collect();
        let (arity, last_required) = (sent.len(), sent.iter().rposition(|need| *need == Need::Required));
        let least_arity = last_required.map_or(0, |last| last + 1);
        Self { name, parameters, arity, least_arity, rules: Vec::new(), handler }
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

    pub(crate) fn run(&self, invocation: &Invocation) -> Begun<Result<Answer, Failure>> {
        (self.handler)(invocation)
    }

    /// The names of what clients send.
    pub(crate) fn sent_parameters(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.parameters.iter().filter(|parameter| parameter.need.is_some()).map(|parameter| parameter.name)
    }

    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    pub(super) const fn arity(&self) -> usize {
        self.arity
    }

    pub(super) const fn least_arity(&self) -> usize {
        self.least_arity
    }

    /// `add(a, b)`, as error texts show it.
    pub(super) fn signature(&self) -> String {
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

    #[test]
    fn cp_065_implicit_names_are_camel_cased_and_explicit_ones_verbatim() {
        assert_eq!(Name::Implicit("ChatHub").property(), "chatHub");
        assert_eq!(Name::Explicit("ChatHub").property(), "ChatHub");
    }
}
