//! All hubs of one server, found by type and by name.
//!
//! Names are compared without case and are unique; a dot in one would make its topics ambiguous with those of groups (spec 7.4).

use std::{any::TypeId, sync::Arc};

use hashbrown::{HashMap, hash_map::Entry};
use heliostat_proto::name::{AnyCase, HubName, NameError};

use crate::hub::{
    authorize::Authorize,
    descriptor::Hub,
    entry::HubEntry,
    pipeline::{Pipeline, PipelineModule},
};

/// Why a hub cannot be added to a server.
///
/// # Examples
/// ```
/// use heliostat::{BuildError, HubRegistryError, Server, hub};
///
/// struct ChatHub;
///
/// #[hub]
/// impl ChatHub {}
///
/// let refused = Server::builder().hub(ChatHub).hub(ChatHub).build();
/// assert!(matches!(refused, Err(BuildError::Hubs(HubRegistryError::DuplicateName { .. }))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubRegistryError {
    /// Two hubs answer to one name.
    #[error(
        "there is already a hub named '{name}' (names are compared without case); \
         rename one with `#[hub(name = \"…\")]`"
    )]
    DuplicateName {
        /// The name of the first one.
        name: HubName,
    },
    /// No hub can have such a name.
    #[error("{0}; set it with `#[hub(name = \"…\")]`")]
    BadName(#[from] NameError),
}

/// All hubs of one server, and what surrounds them.
#[derive(Debug, Default)]
pub(crate) struct HubRegistry {
    hubs: HashMap<HubName, Registered>,
    pipeline: Arc<Pipeline>,
}

#[derive(Debug)]
struct Registered {
    type_id: TypeId,
    hub: HubEntry,
}

impl HubRegistry {
    pub(crate) fn add<H: Hub>(&mut self, hub: H) -> Result<(), HubRegistryError> {
        let descriptor = Arc::new(Arc::new(hub).describe());
        let name = HubName::parse(descriptor.name().text())?;
        match self.hubs.entry(name.clone()) {
            Entry::Occupied(taken) => Err(HubRegistryError::DuplicateName { name: taken.key().clone() }),
            Entry::Vacant(free) => {
                let hub = HubEntry::new(name, descriptor, Arc::clone(&self.pipeline));
                free.insert(Registered { type_id: TypeId::of::<H>(), hub });
                Ok(())
            }
        }
    }

    /// The first module is the outermost.
    pub(crate) fn add_module(&mut self, module: impl PipelineModule) {
        self.surround(|pipeline| pipeline.modules.push(Arc::new(module)));
    }

    pub(crate) fn add_authorizer(&mut self, rule: impl Authorize) {
        self.surround(|pipeline| pipeline.authorizers.push(Arc::new(rule)));
    }

    /// Changes what is around all hubs, those that were added before as well.
    fn surround(&mut self, change: impl FnOnce(&mut Pipeline)) {
        change(Arc::make_mut(&mut self.pipeline));
        for registered in self.hubs.values_mut() {
            registered.hub = registered.hub.within(&self.pipeline);
        }
    }

    /// The hub of this name, in any spelling.
    pub(crate) fn find(&self, name: &str) -> Option<HubEntry> {
        self.hubs.get(&AnyCase(name)).map(|registered| registered.hub.clone())
    }

    /// The hub of this type; of several with one type, the one whose name sorts first.
    pub(crate) fn find_type(&self, type_id: TypeId) -> Option<HubEntry> {
        let of_type = self.hubs.iter().filter(|(_, hub)| hub.type_id == type_id);
        of_type.min_by_key(|(name, _)| name.as_str()).map(|(_, registered)| registered.hub.clone())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = HubEntry> {
        self.hubs.values().map(|registered| registered.hub.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::descriptor::{HubDescriptor, Name, Outgoing};

    struct Named(&'static str);

    impl Hub for Named {
        fn describe(self: Arc<Self>) -> HubDescriptor {
            HubDescriptor::new(Name::Implicit(self.0), Outgoing::Protected)
        }
    }

    #[test]
    fn cp_179_any_spelling_finds_the_hub_under_its_declared_name() {
        let mut registry = HubRegistry::default();
        registry.add(Named("ChatHub")).unwrap();
        for spelling in ["ChatHub", "chathub", "CHATHUB"] {
            assert_eq!(registry.find(spelling).unwrap().name().as_str(), "ChatHub");
        }
        assert!(registry.find("chat").is_none());
        assert!(registry.find("").is_none());
        assert_eq!(registry.find_type(TypeId::of::<Named>()).unwrap().name().as_str(), "ChatHub");
        assert!(registry.find_type(TypeId::of::<()>()).is_none());
    }

    #[test]
    fn two_hubs_with_one_name_are_refused_whatever_their_case() {
        let mut registry = HubRegistry::default();
        registry.add(Named("ChatHub")).unwrap();
        let error = registry.add(Named("chathub")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is already a hub named 'ChatHub' (names are compared without case); \
             rename one with `#[hub(name = \"…\")]`"
        );
    }

    #[test]
    fn a_name_with_a_dot_or_without_letters_is_refused() {
        for name in ["a.b", ""] {
            assert!(
                matches!(HubRegistry::default().add(Named(name)), Err(HubRegistryError::BadName(_))),
                "{name}"
            );
        }
    }
}
