//! Connection tokens that this process has sealed or opened lately. A client brings its token back within a moment of getting it, and with
//! every call and every poll, and opening one costs more than reading the request around it.
//!
//! Only a text that one of this protector's keys has sealed gets here, and only the very same text is found again. Whose it is, is
//! checked in every request. Where a text is kept, only this process can foretell, so nobody learns anything by trying.

use std::{
    hash::BuildHasher,
    sync::{Mutex, OnceLock, PoisonError},
};

use hashbrown::DefaultHashBuilder;
use heliostat_proto::id::ConnectionId;

use super::ConnectionToken;
use crate::ahead::{self, Lines};

/// So many new tokens are remembered at most: what can be between negotiate and start at one time. With more, some are opened three times,
/// as all would be without this. A place costs 24 bytes, and what is in it some 100.
pub(super) const ISSUED: usize = 512;

/// So many others are remembered at most: the clients that call or poll at one time.
pub(super) const OPENED: usize = 16 * 1024;

/// So many letters tell tokens apart, and say where one is kept: in them are 17 bytes of the nonce, and nobody can guess another's.
const START: usize = 24;

/// The tokens of one protector. One that finds its place taken replaces the one that is there.
pub(super) struct KnownTokens {
    hashes: DefaultHashBuilder,
    count: usize,
    /// Made when there is one to remember.
    places: OnceLock<Box<[Place]>>,
}

type Place = Mutex<Option<Known>>;

/// A token and its text, in one piece of memory, since whoever looks for it has not seen it for long: the id, how long the text is, the text,
/// the user's name.
struct Known(Box<[u8]>);

impl Known {
    /// `None` if the text has more than 255 letters. That of an anonymous user has 76, which leaves room for a name of 130.
    fn of(text: &str, token: &ConnectionToken) -> Option<Self> {
        let length = u8::try_from(text.len()).ok()?;
        Some(Self(
            [&token.id.to_bytes()[..], &[length], text.as_bytes(), token.user.as_bytes()].concat().into(),
        ))
    }

    /// The token, if this is its text.
    fn token(&self, text: &str) -> Option<ConnectionToken> {
        let (id, rest) = self.0.split_first_chunk()?;
        let (&length, rest) = rest.split_first()?;
        let (known, user) = rest.split_at_checked(usize::from(length))?;
        let user = std::str::from_utf8(user).ok().filter(|_| known == text.as_bytes())?;
        Some(ConnectionToken { id: ConnectionId::from_bytes(*id), user: user.to_owned() })
    }
}

impl KnownTokens {
    pub(super) fn new(count: usize) -> Self {
        Self { hashes: DefaultHashBuilder::default(), count, places: OnceLock::new() }
    }

    pub(super) fn find(&self, text: &str) -> Option<ConnectionToken> {
        let place = self.place(self.places.get()?, text)?;
        ahead::note(Lines::of(place));
        let place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let known = place.as_ref()?;
        ahead::note(Lines::of(&*known.0));
        known.token(text)
    }

    pub(super) fn remember(&self, text: &str, token: &ConnectionToken) {
        let Some(known) = Known::of(text, token) else { return };
        let places = self.places.get_or_init(|| (0..self.count).map(|_| Place::default()).collect());
        if let Some(place) = self.place(places, text) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
    }

    fn place<'a>(&self, places: &'a [Place], text: &str) -> Option<&'a Place> {
        let places_in_all = u64::try_from(places.len()).ok()?;
        let start = text.as_bytes().get(..START).unwrap_or(text.as_bytes());
        places.get(usize::try_from(self.hashes.hash_one(start).checked_rem(places_in_all)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use heliostat_proto::id::ConnectionId;

    use super::{
        super::{ConnectionTokenError, KeyRing, Protector},
        *,
    };

    fn sealed(protector: &Protector, number: u8, user: &str) -> String {
        let token = ConnectionToken { id: ConnectionId::from_random([number; 16]), user: user.to_owned() };
        token.seal(protector, [number; super::super::NONCE_BYTES]).unwrap()
    }

    fn remembered(tokens: &KnownTokens) -> usize {
        tokens
            .places
            .get()
            .map_or(0, |places| places.iter().filter(|place| place.lock().unwrap().is_some()).count())
    }

    #[test]
    fn a_remembered_token_is_still_its_users_alone() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, 1, "ann");
        let first = ConnectionToken::open_again(&protector, &token, "ann").unwrap();
        assert_eq!(remembered(&protector.opened), 1);
        assert_eq!(ConnectionToken::open_again(&protector, &token, "Ann"), Ok(first));
        let other = ConnectionToken::open_again(&protector, &token, "bob");
        assert_eq!(other, Err(ConnectionTokenError::OtherUser));
    }

    #[test]
    fn an_issued_token_is_known_when_its_client_comes_back_and_is_its_users_alone() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let (id, token) = ConnectionToken::issue(&protector, "ann").unwrap();
        assert_eq!(remembered(&protector.issued), 1);
        assert_eq!(ConnectionToken::open(&protector, &token, "ANN").unwrap().id, id);
        let other = ConnectionToken::open(&protector, &token, "bob");
        assert_eq!(other, Err(ConnectionTokenError::OtherUser));
        assert_eq!(remembered(&protector.opened), 0, "a WebSocket does not come again and again");
        assert_eq!(ConnectionToken::open_again(&protector, &token, "ann").unwrap().id, id);
        assert_eq!(remembered(&protector.opened), 1);
    }

    #[test]
    fn an_issued_token_opens_though_it_was_forgotten() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let issued: Vec<_> =
            (0..2 * ISSUED).map(|_| ConnectionToken::issue(&protector, "").unwrap()).collect();
        assert!(remembered(&protector.issued) <= ISSUED);
        for (id, token) in issued {
            assert_eq!(ConnectionToken::open(&protector, &token, "").unwrap().id, id);
        }
    }

    #[test]
    fn a_text_that_does_not_open_is_not_remembered() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, 1, "ann");
        for text in ["", "garbage", &token[1..], &format!("{token}A")] {
            let opened = ConnectionToken::open_again(&protector, text, "ann");
            assert_eq!(opened, Err(ConnectionTokenError::Unreadable), "{text}");
        }
        assert_eq!(remembered(&protector.opened), 0);
    }

    #[test]
    fn servers_with_other_keys_share_no_memory() {
        let (here, there) =
            (Protector::new(&KeyRing::random().unwrap()), Protector::new(&KeyRing::random().unwrap()));
        let token = sealed(&here, 1, "ann");
        assert!(ConnectionToken::open_again(&here, &token, "ann").is_ok());
        assert_eq!(ConnectionToken::open_again(&there, &token, "ann"), Err(ConnectionTokenError::Unreadable));
    }

    #[test]
    fn what_differs_only_in_its_end_is_not_found() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let token = sealed(&protector, 1, "ann");
        assert!(ConnectionToken::open_again(&protector, &token, "ann").is_ok());
        for length in [0, 1, START - 1, START, START + 1, token.len() - 1] {
            assert_eq!(protector.opened.find(&token[..length]), None, "{length}");
        }
        let other = if token.ends_with('A') { "B" } else { "A" };
        assert_eq!(protector.opened.find(&format!("{}{other}", &token[..token.len() - 1])), None);
        assert!(protector.opened.find(&token).is_some());
    }

    #[test]
    fn long_tokens_are_opened_every_time() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let name = "a".repeat(255);
        let token = sealed(&protector, 1, &name);
        assert!(ConnectionToken::open_again(&protector, &token, &name).is_ok());
        assert_eq!(remembered(&protector.opened), 0);
    }

    #[test]
    fn a_place_that_is_taken_is_taken_over() {
        let protector = Protector::new(&KeyRing::random().unwrap());
        let tokens = KnownTokens::new(1);
        let (first, second) = (sealed(&protector, 1, "ann"), sealed(&protector, 2, "bob"));
        for (text, user) in [(&first, "ann"), (&second, "bob")] {
            tokens.remember(text, &ConnectionToken::open(&protector, text, user).unwrap());
        }
        assert_eq!(tokens.find(&first), None);
        assert_eq!(tokens.find(&second), ConnectionToken::open(&protector, &second, "bob").ok());
    }
}
