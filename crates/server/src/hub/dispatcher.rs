//! All hubs of a server as one application: which hubs a request is about, and whose callbacks run for it.
//!
//! The list of hubs is read and authorised for *every* request, ping and negotiate included (spec 2.5, step 3). A receive request's list
//! decides what the connection hears and whose callbacks run; a call needs no place in it (spec 7.2).

use std::sync::Arc;

use futures_util::future::join_all;
use heliostat_bus::TopicName;
use heliostat_proto::{
    classic::HubInvocation,
    connection::Reason,
    connection_data,
    javascript::{self, ProxyHub, ProxyMethod},
    name::{GroupName, HubName, UserId, same_name},
};

use crate::{
    application::{About, Admission, Application, Context, Handling, Received, Refusal},
    begun::Begun,
    endpoint::{DetailedErrors, EndpointOptions, JavaScriptProxies},
    failure::Failure,
    http::request::Request,
    hub::{
        call,
        descriptor::MethodDescriptor,
        entry::HubEntry,
        guard::{guard, guard_now},
        invocation::{Event, Invocation, Occasion},
        listed::{Hubs, Listed},
        registry::HubRegistry,
        signal::{self, Signal},
    },
    metrics::Counter,
};

/// All hubs of a server, at one endpoint.
#[derive(Debug)]
pub(crate) struct HubApplication {
    registry: Arc<HubRegistry>,
    listed: Listed,
    detailed_errors: DetailedErrors,
    javascript_proxies: JavaScriptProxies,
}

/// One admitted request and the hubs that it lists and may hear.
#[derive(Debug)]
struct HubAdmission {
    detailed_errors: DetailedErrors,
    request: Arc<Request>,
    hubs: Arc<Hubs>,
}

impl HubApplication {
    pub(crate) fn new(registry: Arc<HubRegistry>, options: &EndpointOptions) -> Self {
        Self {
            registry,
            listed: Listed::default(),
            detailed_errors: options.detailed_errors,
            javascript_proxies: options.javascript_proxies,
        }
    }

    fn judge(&self, request: Arc<Request>) -> Result<Arc<dyn Admission>, Refusal> {
        let listed = self.listed(request.query("connectionData").unwrap_or_default())?;
        let lists_none = listed.listed.is_empty();
        // Only when all are known: who names a hub that does not exist is told so, whatever else it may.
        let hubs = heard(listed, &request);
        if hubs.listed.is_empty() && !lists_none {
            return Err(Refusal::NotAuthorized);
        }
        Ok(Arc::new(HubAdmission { detailed_errors: self.detailed_errors, request, hubs }))
    }

    /// The hubs that this text lists.
    fn listed(&self, text: &str) -> Result<Arc<Hubs>, Refusal> {
        if let Some(hubs) = self.listed.find(text) {
            return Ok(Arc::clone(hubs));
        }
        let names =
            connection_data::parse(Some(text)).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let listed = names.iter().map(|name| self.resolve(name.as_str())).collect::<Result<_, _>>()?;
        let hubs = Arc::new(Hubs { registry: Arc::clone(&self.registry), listed });
        self.listed.remember(text, &hubs);
        Ok(hubs)
    }

    fn resolve(&self, name: &str) -> Result<HubEntry, Refusal> {
        let unknown = || {
            Refusal::UnknownHub(format!("connectionData names the hub '{name}', which does not exist here"))
        };
        self.registry.find(name).ok_or_else(unknown)
    }
}

/// Those of the hubs that the client of this request may hear.
fn heard(hubs: Arc<Hubs>, request: &Request) -> Arc<Hubs> {
    let may_hear = |hub: &&HubEntry| hub.may_connect(request);
    let Hubs { registry, listed } = &*hubs;
    match listed.iter().position(|hub| !may_hear(&hub)) {
        None => hubs,
        Some(refused) => {
            let behind = listed.iter().skip(refused + 1).filter(may_hear);
            let listed = listed.iter().take(refused).chain(behind).cloned().collect();
            Arc::new(Hubs { registry: Arc::clone(registry), listed })
        }
    }
}

impl Application for HubApplication {
    fn admit(&self, request: Arc<Request>) -> Begun<Result<Arc<dyn Admission>, Refusal>> {
        // A rule that panics lets nobody in.
        Begun::Done(guard_now(|| self.judge(request)).unwrap_or(Err(Refusal::NotAuthorized)))
    }

    fn group_prefix(&self) -> &'static str {
        signal::GROUP_PREFIX
    }

    fn script(&self, service_url: &str) -> Option<String> {
        Some(match self.javascript_proxies {
            JavaScriptProxies::On => {
                let hubs: Vec<_> = self.registry.iter().map(|hub| proxy(&hub)).collect();
                javascript::render(&hubs, service_url)
            }
            JavaScriptProxies::Off => javascript::DISABLED.to_owned(),
        })
    }
}

fn proxy(hub: &HubEntry) -> ProxyHub {
    let method = |method: &MethodDescriptor| ProxyMethod {
        property: method.name().property(),
        wire_name: method.name().text().to_owned(),
        parameters: method.sent_parameters().map(str::to_owned).collect(),
    };
    ProxyHub {
        name: hub.property(),
        property: hub.property(),
        methods: hub.shown_methods().map(method).collect(),
    }
}

impl Admission for HubAdmission {
    fn request(&self) -> &Arc<Request> {
        &self.request
    }

    fn topics(&self, user: Option<&UserId>) -> Vec<TopicName> {
        let of_each = if user.is_some() { 2 } else { 1 };
        let mut topics = Vec::with_capacity(of_each * self.hubs.listed.len() + 1);
        for hub in &self.hubs.listed {
            topics.push(hub.everyone().clone());
            let of_user = user.map(|user| Signal::User(user.as_str()).address(hub.name()).topic);
            topics.extend(of_user.map(TopicName::from));
        }
        topics
    }

    fn hears(&self, hub: &HubName) -> bool {
        self.hubs.listed.iter().any(|heard| heard.name() == hub)
    }

    fn rejoining_groups(&self, groups: Vec<String>) -> Vec<String> {
        let mut rejoined = Vec::new();
        for hub in &self.hubs.listed {
            let own = |group: &String| GroupName::parse(signal::unqualified(hub.name(), group)?).ok();
            let claimed = groups.iter().filter_map(own).collect();
            // A hook that panics leaves the client in no group of its hub.
            let kept = guard_now(|| hub.rejoining_groups(&self.request, claimed)).unwrap_or_default();
            rejoined.extend(kept.iter().map(|group| signal::qualified(hub.name(), group.as_str())));
        }
        rejoined
    }

    fn connected(&self, about: About<'_>) -> Option<Handling> {
        self.each_hub(about, Event::Connected)
    }

    fn reconnected(&self, about: About<'_>) -> Option<Handling> {
        self.each_hub(about, Event::Reconnected)
    }

    fn disconnected(&self, about: About<'_>, reason: Reason) -> Option<Handling> {
        self.each_hub(about, Event::Disconnected(reason))
    }

    fn received(&self, context: Context, data: &str) -> Begun<Received> {
        let invocation = match HubInvocation::parse(data) {
            Ok(invocation) => invocation,
            Err(error) => return Begun::Done(Received::Malformed(error.to_string())),
        };
        match self.hub(invocation.hub()) {
            Some(hub) => call::answer(context, hub, invocation, self.detailed_errors),
            None => {
                context.core.counters().error(Counter::ErrorsHubResolutionTotal);
                let why = format!("the hub '{}' does not exist here", invocation.hub());
                Begun::Done(Received::Malformed(why))
            }
        }
    }
}

impl HubAdmission {
    /// The hub of this name, in any spelling. Nearly all clients call hubs that they list, and they list few: those are found soonest.
    fn hub(&self, name: &str) -> Option<HubEntry> {
        let Hubs { registry, listed } = &*self.hubs;
        let called = listed.iter().find(|hub| same_name(hub.name().as_str(), name));
        called.cloned().or_else(|| registry.find(name))
    }

    /// Runs a callback on all hubs that listen at once. All run to their end even if one fails; the first failure in the list's order is
    /// reported.
    fn each_hub(&self, about: About<'_>, event: Event) -> Option<Handling> {
        let guarded = |hub: &HubEntry| {
            let (name, run) = (hub.name().clone(), callback(hub.clone(), about.context(), event));
            async move {
                let outcome = guard(run).await.unwrap_or_else(|panic| Err(panic.into()));
                outcome.inspect_err(|failure| log_callback(&name, failure))
            }
        };
        let mut listening = self.hubs.listed.iter().filter(|hub| hub.listens(event));
        let first = listening.next()?;
        // Most clients list one hub: no list of futures for them.
        let Some(second) = listening.next() else { return Some(Box::pin(guarded(first))) };
        let all = join_all([first, second].into_iter().chain(listening).map(guarded));
        Some(Box::pin(async move { all.await.into_iter().collect() }))
    }
}

fn log_callback(hub: &HubName, failure: &Failure) {
    tracing::warn!(target: "SignalR.HubDispatcher", %hub, %failure, "a lifetime callback of a hub failed");
}

/// One callback of one hub, with the modules around it.
async fn callback(hub: HubEntry, context: Context, event: Event) -> Result<(), Failure> {
    let connection = Invocation::new(context, hub, Occasion::Event(event));
    let hub = connection.entry();
    hub.pipeline().callback(event, &connection, || hub.callback(event, connection.clone())).await
}
