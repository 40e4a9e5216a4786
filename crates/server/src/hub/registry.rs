//! All hubs of one server, found by type and by name.
//!
//! Names are compared without case and are unique; a dot in one would make its topics ambiguous with those of groups (spec 7.4).

use std::{
    any::TypeId,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use heliostat_proto::name::{HubName, NameError};

use crate::hub::{
    authorize::Authorize,
    descriptor::{Hub, HubDescriptor},
    entry::HubEntry,
    pipeline::{Pipeline, PipelineModule},
};

/// Why a hub cannot be added to a server.
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
    descriptor: Arc<HubDescriptor>,
}

impl HubRegistry {
    pub(crate) fn add<H: Hub>(&mut self, hub: H) -> Result<(), HubRegistryError> {
        let descriptor = Arc::new(Arc::new(hub).describe());
        let name = HubName::parse(descriptor.name().text())?;
        match self.hubs.entry(name) {
            Entry::Occupied(taken) => Err(HubRegistryError::DuplicateName { name: taken.key().clone() }),
            Entry::Vacant(free) => {
                free.insert(Registered { type_id: TypeId::of::<H>(), descriptor });
                Ok(())
            }
        }
    }

    /// The first module is the outermost.
    pub(crate) fn add_module(&mut self, module: impl PipelineModule) {
        Arc::make_mut(&mut self.pipeline).modules.push(Arc::new(module));
    }

    pub(crate) fn add_authorizer(&mut self, rule: impl Authorize) {
        Arc::make_mut(&mut self.pipeline).authorizers.push(Arc::new(rule));
    }

    /// The hub of this name, in any spelling.
    pub(crate) fn find(&self, name: &str) -> Option<HubEntry> {
        self.named(&HubName::parse(name).ok()?)
    }

    /// The hub of this name, in any spelling.
    pub(crate) fn named(&self, name: &HubName) -> Option<HubEntry> {
        self.hubs.get_key_value(name).map(|(name, hub)| self.entry(name, hub))
    }

    /// The hub of this type; of several with one type, the one whose name sorts first.
    pub(crate) fn find_type(&self, type_id: TypeId) -> Option<HubEntry> {
        let of_type = self.hubs.iter().filter(|(_, hub)| hub.type_id == type_id);
        of_type.min_by_key(|(name, _)| name.as_str()).map(|(name, hub)| self.entry(name, hub))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = HubEntry> {
        self.hubs.iter().map(|(name, hub)| self.entry(name, hub))
    }

    fn entry(&self, name: &HubName, hub: &Registered) -> HubEntry {
        HubEntry::new(name.clone(), Arc::clone(&hub.descriptor), Arc::clone(&self.pipeline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::descriptor::{Name, Outgoing};

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
