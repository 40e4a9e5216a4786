//! Proves that a server with our keys gave this connection id to this user (spec 4.1).
//!
//! The id inside is the one that is trusted; the token never expires and needs no memory on the server, so any server with the
//! keys can take the connection over. Clients send it with every request, so inside it says no more than it must: the sixteen bytes of the
//! id, and the user's name.

use heliostat_proto::id::ConnectionId;

use super::{NONCE_BYTES, Protector, Purpose, random};

const ID_BYTES: usize = 16;

/// What a connection token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionToken {
    pub(crate) id: ConnectionId,
    pub(super) user: String,
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
    /// A new connection of `user`, who is empty for anonymous users: its id, and its token text. `None` only if the operating system has no
    /// random numbers to give.
    pub(crate) fn issue(protector: &Protector, user: &str) -> Option<(ConnectionId, String)> {
        let token = Self { id: ConnectionId::from_random(random::bytes().ok()?), user: user.to_owned() };
        let text = token.seal(protector, random::bytes().ok()?)?;
        // Its client brings it back in a moment, twice.
        protector.issued.remember(&text, &token);
        Some((token.id, text))
    }

    pub(super) fn seal(&self, protector: &Protector, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let text = [&self.id.to_bytes(), self.user.as_bytes()].concat();
        protector.seal_with(nonce, Purpose::ConnectionToken, &text)
    }

    /// Opens a token and checks that it belongs to the user of the present request.
    pub(crate) fn open(protector: &Protector, text: &str, user: &str) -> Result<Self, ConnectionTokenError> {
        match protector.issued.find(text) {
            Some(token) => token.of(user),
            None => Self::unseal(protector, text)?.of(user),
        }
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
        let token = protector.issued.find(text).map_or_else(|| Self::unseal(protector, text), Ok)?;
        protector.opened.remember(text, &token);
        token.of(user)
    }

    fn unseal(protector: &Protector, text: &str) -> Result<Self, ConnectionTokenError> {
        let text = protector.open(Purpose::ConnectionToken, text).ok_or(ConnectionTokenError::Unreadable)?;
        Self::parse(&text).ok_or(ConnectionTokenError::Unreadable)
    }

    /// This token, if it is the user's. Spec 4.1: compared without case.
    fn of(self, user: &str) -> Result<Self, ConnectionTokenError> {
        if self.user == user || self.user.to_lowercase() == user.to_lowercase() {
            Ok(self)
        } else {
            Err(ConnectionTokenError::OtherUser)
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (id, user) = text.split_first_chunk::<ID_BYTES>()?;
        Some(Self { id: ConnectionId::from_bytes(*id), user: std::str::from_utf8(user).ok()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::KeyRing, *};

    fn id() -> ConnectionId {
        ConnectionId::from_random([7; 16])
    }

    fn sealed(protector: &Protector, user: &str) -> String {
        ConnectionToken { id: id(), user: user.to_owned() }.seal(protector, [9; NONCE_BYTES]).unwrap()
    }

    #[test]
    fn every_new_connection_has_an_id_and_a_token_of_its_own() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let [(first, one), (second, other)] =
            [(); 2].map(|()| ConnectionToken::issue(&protector, "ann").unwrap());
        assert_ne!(first, second);
        assert_ne!(one, other);
        assert_ne!(one[..32], other[..32], "the nonces too");
        let stranger = Protector::new(&KeyRing::random().unwrap());
        assert_eq!(ConnectionToken::open(&stranger, &one, "ann"), Err(ConnectionTokenError::Unreadable));
    }

    #[test]
    fn cp_087_a_token_gives_its_id_to_its_user_alone() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, "ann");
        assert_eq!(ConnectionToken::open(&protector, &token, "ann").unwrap().id, id());
        assert_eq!(ConnectionToken::open(&protector, &token, "bob"), Err(ConnectionTokenError::OtherUser));
        assert_eq!(ConnectionToken::open(&protector, &token, ""), Err(ConnectionTokenError::OtherUser));
    }

    #[test]
    fn cp_088_user_names_compare_without_case_and_anonymous_is_empty() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, "Ann");
        assert!(ConnectionToken::open(&protector, &token, "aNN").is_ok());
        let anonymous = sealed(&protector, "");
        assert!(ConnectionToken::open(&protector, &anonymous, "").is_ok());
    }

    #[test]
    fn cp_089_a_colon_in_a_user_name_is_no_problem() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, "corp:ann:2");
        assert!(ConnectionToken::open(&protector, &token, "corp:ann:2").is_ok());
        assert!(ConnectionToken::open(&protector, &token, "corp").is_err());
    }

    #[test]
    fn cp_090_another_server_with_the_same_keys_accepts_the_token() {
        let keys = KeyRing::random().unwrap();
        let token = sealed(&Protector::new(&keys), "ann");
        assert!(ConnectionToken::open(&Protector::new(&keys), &token, "ann").is_ok());
        let stranger = Protector::new(&KeyRing::random().unwrap());
        assert_eq!(ConnectionToken::open(&stranger, &token, "ann"), Err(ConnectionTokenError::Unreadable));
    }
}
