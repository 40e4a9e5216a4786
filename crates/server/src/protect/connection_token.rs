//! Proves that a server with our keys gave this connection id to this user (spec 4.1).
//!
//! The id inside is the one that is trusted; the token never expires and needs no memory on the server, so any server with the
//! keys can take the connection over.

use heliostat_proto::id::ConnectionId;

use super::{Protector, Purpose};

/// What a connection token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionToken {
    pub(crate) id: ConnectionId,
    user: String,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionTokenError {
    /// 400 (spec 2.10, row 13).
    #[error(
        "the connection token cannot be read: it is damaged, or was made by a server with other keys; negotiate again"
    )]
    Unreadable,
    /// 403 (spec 2.10, row 14).
    #[error(
        "the connection belongs to another user; a user cannot change during a connection, so start a new one"
    )]
    OtherUser,
}

impl ConnectionToken {
    /// A token text for a new connection of `user`, which is empty for anonymous users.
    pub(crate) fn seal(protector: &Protector, id: ConnectionId, user: &str) -> Option<String> {
        protector.seal(Purpose::ConnectionToken, format!("{id}:{user}").as_bytes())
    }

    /// Opens a token and checks that it belongs to the user of the present request.
    pub(crate) fn open(protector: &Protector, text: &str, user: &str) -> Result<Self, ConnectionTokenError> {
        Self::unseal(protector, text)?.of(user)
    }

    /// The same for a token that comes with every request of its connection: it is unsealed once and remembered for a while.
    pub(crate) fn open_again(
        protector: &Protector,
        text: &str,
        user: &str,
    ) -> Result<Self, ConnectionTokenError> {
        if let Some(token) = protector.opened.find(text) {
            return token.of(user);
        }
        let token = Self::unseal(protector, text)?;
        protector.opened.remember(text, &token);
        token.of(user)
    }

    fn unseal(protector: &Protector, text: &str) -> Result<Self, ConnectionTokenError> {
        let text = protector.open(Purpose::ConnectionToken, text).ok_or(ConnectionTokenError::Unreadable)?;
        Self::parse(&text).ok_or(ConnectionTokenError::Unreadable)
    }

    /// This token, if it is the user's. Spec 4.1: compared without case; whatever follows the *first* colon is the user's name.
    fn of(self, user: &str) -> Result<Self, ConnectionTokenError> {
        if self.user == user || self.user.to_lowercase() == user.to_lowercase() {
            Ok(self)
        } else {
            Err(ConnectionTokenError::OtherUser)
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (id, user) = std::str::from_utf8(text).ok()?.split_once(':')?;
        Some(Self { id: ConnectionId::parse(id).ok()?, user: user.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::KeyRing, *};

    fn id() -> ConnectionId {
        ConnectionId::from_random([7; 16])
    }

    #[test]
    fn cp_087_a_token_gives_its_id_to_its_user_alone() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = ConnectionToken::seal(&protector, id(), "ann").unwrap();
        assert_eq!(ConnectionToken::open(&protector, &token, "ann").unwrap().id, id());
        assert_eq!(ConnectionToken::open(&protector, &token, "bob"), Err(ConnectionTokenError::OtherUser));
        assert_eq!(ConnectionToken::open(&protector, &token, ""), Err(ConnectionTokenError::OtherUser));
    }

    #[test]
    fn cp_088_user_names_compare_without_case_and_anonymous_is_empty() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = ConnectionToken::seal(&protector, id(), "Ann").unwrap();
        assert!(ConnectionToken::open(&protector, &token, "aNN").is_ok());
        let anonymous = ConnectionToken::seal(&protector, id(), "").unwrap();
        assert!(ConnectionToken::open(&protector, &anonymous, "").is_ok());
    }

    #[test]
    fn cp_089_a_colon_in_a_user_name_is_no_problem() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = ConnectionToken::seal(&protector, id(), "corp:ann:2").unwrap();
        assert!(ConnectionToken::open(&protector, &token, "corp:ann:2").is_ok());
        assert!(ConnectionToken::open(&protector, &token, "corp").is_err());
    }

    #[test]
    fn cp_090_another_server_with_the_same_keys_accepts_the_token() {
        let keys = KeyRing::random().unwrap();
        let token = ConnectionToken::seal(&Protector::new(&keys), id(), "ann").unwrap();
        assert!(ConnectionToken::open(&Protector::new(&keys), &token, "ann").is_ok());
        let stranger = Protector::new(&KeyRing::random().unwrap());
        assert_eq!(ConnectionToken::open(&stranger, &token, "ann"), Err(ConnectionTokenError::Unreadable));
    }
}
