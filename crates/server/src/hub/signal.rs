//! Whom a message is for, and the topic that stands for them on the bus.
//!
//! Topics are compared byte for byte, so a hub's name appears in them in exactly one spelling: the declared one (spec 7.6, D-4).
//! Whoever looks a hub up by another spelling still gets the declared one from its descriptor.

use heliostat_proto::{id::ConnectionId, name::HubName};

use crate::topic;

/// What stands before a qualified group name to make it a topic.
pub(crate) const GROUP_PREFIX: &str = "hg-";

/// One receiver, or one set of receivers that has a topic of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal<'a> {
    /// Every connection that listed the hub.
    Everyone,
    /// One connection.
    Connection(ConnectionId),
    /// All connections of one user.
    User(&'a str),
    /// The members of one group.
    Group(&'a str),
}

/// Where a call to clients goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) topic: String,
    /// In a topic that all hubs share: whose call it is. Who did not list that hub leaves it unread.
    pub(crate) of: Option<HubName>,
}

impl Signal<'_> {
    /// Where a call of `hub` to these receivers goes.
    ///
    /// A topic costs every connection that reads it some memory, and a look at each batch. So a connection has one of its own for all
    /// hubs; the others have many readers, and only those that want all of what is in them.
    pub(crate) fn address(self, hub: &HubName) -> Address {
        let name = hub.as_str();
        let (topic, of) = match self {
            Self::Everyone => (["h-", name].concat(), None),
            Self::Connection(id) => (topic::of_connection(id), Some(hub.clone())),
            Self::User(user) => (["hu-", name, ".", user].concat(), None),
            Self::Group(group) => ([GROUP_PREFIX, name, ".", group].concat(), None),
        };
        Address { topic, of }
    }
}

/// The name of a group as the connection layer knows it: groups of two hubs never meet.
pub(crate) fn qualified(hub: &HubName, group: &str) -> String {
    format!("{}.{group}", hub.as_str())
}

/// The group's own name, if it belongs to `hub`. The hub is compared without case (spec 7.8, rejoin).
pub(crate) fn unqualified<'a>(hub: &HubName, group: &'a str) -> Option<&'a str> {
    // A hub's name holds no dot, so the first one ends it.
    let (owner, name) = group.split_once('.')?;
    (HubName::parse(owner).ok()? == *hub).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> HubName {
        HubName::parse("ChatHub").unwrap()
    }

    #[test]
    fn every_kind_of_receiver_has_its_own_topic_with_the_declared_hub_name() {
        let of_hub = |topic: &str| Address { topic: topic.to_owned(), of: None };
        assert_eq!(Signal::Everyone.address(&chat()), of_hub("h-ChatHub"));
        assert_eq!(Signal::User("Ann").address(&chat()), of_hub("hu-ChatHub.Ann"));
        assert_eq!(Signal::Group("Lobby").address(&chat()), of_hub("hg-ChatHub.Lobby"));
    }

    #[test]
    fn all_hubs_share_the_topic_of_one_connection_and_say_whose_call_it_is() {
        let id = ConnectionId::from_random([7; 16]);
        let topic = format!("c-{id}");
        assert_eq!(Signal::Connection(id).address(&chat()), Address { topic, of: Some(chat()) });
    }

    #[test]
    fn a_group_name_survives_qualification_even_with_dots() {
        let qualified = qualified(&chat(), "room.7");
        assert_eq!(qualified, "ChatHub.room.7");
        assert_eq!(unqualified(&chat(), &qualified), Some("room.7"));
    }

    #[test]
    fn a_group_of_another_hub_is_not_ours() {
        assert_eq!(unqualified(&chat(), "chathub.a"), Some("a"));
        assert_eq!(unqualified(&chat(), "ChatHub2.a"), None);
        assert_eq!(unqualified(&chat(), "ChatHub"), None);
        assert_eq!(unqualified(&chat(), ".a"), None);
    }
}
