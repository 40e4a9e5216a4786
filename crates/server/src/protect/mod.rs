//! Seals text that travels through clients, so that it comes back unread and unchanged.
//!
//! XChaCha20-Poly1305: its 192-bit nonce may be drawn at random for every token for ever, which no counter shared between servers
//! would have to be kept for. The *purpose* is authenticated with the text, so a groups token never opens as a connection token.
//! Layout, before base64url: `version (1) · nonce (24) · sealed text · tag (16)`. Which key sealed it is not written down; there are
//! never more than a few, and trying them all tells an attacker nothing about the ring.

mod connection_token;
mod groups_token;
mod key_ring;
mod known_tokens;
mod random;

pub(crate) use connection_token::{ConnectionToken, ConnectionTokenError};
pub(crate) use groups_token::GroupsToken;
pub use key_ring::{KeyRing, KeyRingError};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, Tag, XChaCha20Poly1305, XNonce,
    aead::{AeadInOut, inout::InOutBuf},
};
use known_tokens::{ISSUED, KnownTokens, OPENED};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Longer texts are refused before any work is done: a groups token with hundreds of groups stays far below.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What a sealed text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    ConnectionToken,
    GroupsToken,
}

impl Purpose {
    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::ConnectionToken => b"heliostat.connection-token.v2",
            Self::GroupsToken => b"heliostat.groups-token.v1",
        }
    }
}

/// Seals with the newest key, opens with any.
pub(crate) struct Protector {
    ciphers: Vec<XChaCha20Poly1305>,
    /// Of connections that have only just begun.
    issued: KnownTokens,
    /// Of clients that send theirs with every call or poll.
    opened: KnownTokens,
}

impl std::fmt::Debug for Protector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protector").field("keys", &self.ciphers.len()).finish()
    }
}

impl Protector {
    pub(crate) fn new(keys: &KeyRing) -> Self {
        let ciphers = keys.iter().map(|key| XChaCha20Poly1305::new(key.into())).collect();
        Self { ciphers, issued: KnownTokens::new(ISSUED), opened: KnownTokens::new(OPENED) }
    }

    /// Seals `text`. `None` only if the operating system has no random numbers to give.
    pub(crate) fn seal(&self, purpose: Purpose, text: &[u8]) -> Option<String> {
        self.seal_with(random::bytes().ok()?, purpose, text)
    }

    /// The same with a nonce that the operating system has drawn, for this text alone.
    fn seal_with(&self, nonce: [u8; NONCE_BYTES], purpose: Purpose, text: &[u8]) -> Option<String> {
        let mut token = Vec::with_capacity(1 + NONCE_BYTES + text.len() + TAG_BYTES);
        token.push(VERSION);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(text);
        let (_, place) = token.split_at_mut_checked(1 + NONCE_BYTES)?;
        let (cipher, nonce) = (self.ciphers.first()?, XNonce::from(nonce));
        let tag = cipher.encrypt_inout_detached(&nonce, purpose.as_bytes(), InOutBuf::from(place)).ok()?;
        token.extend_from_slice(&tag);
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// Opens a token that one of our keys sealed for `purpose`.
    pub(crate) fn open(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = token.split_first()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        if version != VERSION {
            return None;
        }
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        self.ciphers.iter().find_map(|cipher| {
            let mut text = vec![0; sealed.len()];
            let place = InOutBuf::new(sealed, &mut text).ok()?;
            cipher.decrypt_inout_detached(&nonce, purpose.as_bytes(), place, &tag).ok()?;
            Some(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protector() -> Protector {
        Protector::new(&KeyRing::random().unwrap())
    }

    #[test]
    fn what_was_sealed_opens() {
        let protector = protector();
        let token = protector.seal(Purpose::ConnectionToken, b"hello").unwrap();
        assert_eq!(protector.open(Purpose::ConnectionToken, &token).unwrap(), b"hello");
    }

    #[test]
    fn cp_092_a_token_of_one_purpose_does_not_open_for_the_other() {
        let protector = protector();
        let token = protector.seal(Purpose::GroupsToken, b"hello").unwrap();
        assert_eq!(protector.open(Purpose::ConnectionToken, &token), None);
    }

    #[test]
    fn cp_096_changing_any_character_of_a_token_is_noticed() {
        let protector = protector();
        let token = protector.seal(Purpose::ConnectionToken, b"5f0e2c1a:ann").unwrap();
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(protector.open(Purpose::ConnectionToken, &changed), None, "character {index}");
        }
    }

    #[test]
    fn cp_097_a_token_has_no_character_that_a_form_decoder_could_spoil() {
        let protector = protector();
        for length in 0..64 {
            let token = protector.seal(Purpose::ConnectionToken, &vec![0xFF; length]).unwrap();
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
        }
    }

    #[test]
    fn a_rotated_ring_opens_old_tokens_and_seals_with_the_new_key() {
        let old = KeyRing::random().unwrap();
        let token = Protector::new(&old).seal(Purpose::ConnectionToken, b"x").unwrap();
        let rotated = old.clone().rotated(2).unwrap();
        assert_eq!(Protector::new(&rotated).open(Purpose::ConnectionToken, &token).unwrap(), b"x");
        let newer = Protector::new(&rotated).seal(Purpose::ConnectionToken, b"y").unwrap();
        assert_eq!(Protector::new(&old).open(Purpose::ConnectionToken, &newer), None);
    }
}
