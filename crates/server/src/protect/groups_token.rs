//! Remembers a connection's groups in the client, which brings them along when it reconnects (spec 4.2).
//!
//! Nothing about it is ever an error: a token that is unreadable or belongs to another connection means *no groups*.

use heliostat_proto::id::ConnectionId;

use super::{Protector, Purpose};

/// The groups of one connection as sealed text and back.
#[derive(Debug)]
pub(crate) enum GroupsToken {}

impl GroupsToken {
    /// The whole set, sealed for this connection.
    pub(crate) fn seal<'a>(
        protector: &Protector,
        id: ConnectionId,
        groups: impl Iterator<Item = &'a str>,
    ) -> Option<String> {
        let names: Vec<&str> = groups.collect();
        let names = serde_json::to_string(&names).ok()?;
        protector.seal(Purpose::GroupsToken, format!("{id}:{names}").as_bytes())
    }

    /// The groups that a token names, if it is this connection's.
    pub(crate) fn open(protector: &Protector, id: ConnectionId, token: Option<&str>) -> Vec<String> {
        token
            .and_then(|token| Self::parse(&protector.open(Purpose::GroupsToken, token)?, id))
            .unwrap_or_default()
    }

    fn parse(text: &[u8], id: ConnectionId) -> Option<Vec<String>> {
        let (owner, names) = std::str::from_utf8(text).ok()?.split_once(':')?;
        if ConnectionId::parse(owner).ok()? != id {
            return None;
        }
        serde_json::from_str(names).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::KeyRing, *};

    #[test]
    fn cp_093_a_groups_token_of_another_connection_means_no_groups() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let (ann, bob) = (ConnectionId::from_random([1; 16]), ConnectionId::from_random([2; 16]));
        let token = GroupsToken::seal(&protector, ann, ["ChatHub.lobby", "ChatHub.a:b\"c"].into_iter());
        assert_eq!(GroupsToken::open(&protector, ann, token.as_deref()), ["ChatHub.lobby", "ChatHub.a:b\"c"]);
        assert!(GroupsToken::open(&protector, bob, token.as_deref()).is_empty());
    }

    #[test]
    fn cp_053_an_unreadable_groups_token_means_no_groups() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let id = ConnectionId::from_random([1; 16]);
        assert!(GroupsToken::open(&protector, id, Some("garbage")).is_empty());
        assert!(GroupsToken::open(&protector, id, None).is_empty());
    }
}
