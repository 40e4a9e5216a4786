//! The names an application gives to things, and how they compare.
//!
//! Hubs and methods are called by code written in several languages, so their names compare without case and keep
//! the spelling they were declared with. Groups and users are data, so they compare exactly.
//! Each kind has a type of its own, so that nobody can compare a name by the other rule or swap two of them.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use equivalent::Equivalent;

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing has an empty name.
    #[error("the name of a {kind} must not be empty; give it at least one character")]
    Empty {
        /// What was to be named.
        kind: &'static str,
    },
    /// Classic protocol, section 7.4: a dot separates hub and group in a topic, so no hub name contains one.
    #[error("the hub name {name:?} contains a dot, which separates hub and group; use another character")]
    DotInHubName {
        /// The refused name.
        name: String,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as it was declared.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn parse_any(name: &str) -> Result<Self, NameError> {
                if name.is_empty() { Err(NameError::Empty { kind: $kind }) } else { Ok(Self(name.into())) }
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({:?})"), self.as_str())
            }
        }

        impl Eq for $type {}
    };
}

macro_rules! compared_without_case {
    ($type:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                same_name(&self.0, &other.0)
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                AnyCase(&self.0).hash(state);
            }
        }

        impl Equivalent<$type> for AnyCase<'_> {
            fn equivalent(&self, name: &$type) -> bool {
                same_name(self.0, &name.0)
            }
        }
    };
}

macro_rules! compared_exactly {
    ($type:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl $type {
            /// Checks a name.
            ///
            /// # Errors
            ///
            /// [`NameError::Empty`].
            pub fn parse(name: &str) -> Result<Self, NameError> {
                Self::parse_any(name)
            }
        }
    };
}

name! {
    /// The name of a hub. Compares without case; shows the spelling it was declared with.
    HubName, "hub"
}
compared_without_case!(HubName);

impl HubName {
    /// Checks the name of a hub.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`], or [`NameError::DotInHubName`].
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if name.contains('.') {
            return Err(NameError::DotInHubName { name: name.to_owned() });
        }
        Self::parse_any(name)
    }
}

name! {
    /// The name of a hub method. Compares without case; shows the spelling it was declared with.
    MethodName, "method"
}
compared_without_case!(MethodName);

impl MethodName {
    /// Checks the name of a method.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`].
    pub fn parse(name: &str) -> Result<Self, NameError> {
        Self::parse_any(name)
    }
}

name! {
    /// The name of a group within one hub or endpoint. Compares exactly.
    GroupName, "group"
}
compared_exactly!(GroupName);

name! {
    /// Who a user is for addressing, by default the user's name. Compares exactly.
    UserId, "user"
}
compared_exactly!(UserId);

/// A hub or method name as somebody wrote it, to look it up with: it finds what was declared under any spelling, checks nothing and
/// allocates nothing.
///
/// It is the key of a table that knows [`Equivalent`] (those of the crates `hashbrown` and `indexmap` do).
///
/// # Examples
///
/// ```
/// use heliostat_proto::name::{AnyCase, HubName};
/// use hashbrown::HashMap;
///
/// let mut hubs = HashMap::new();
/// hubs.insert(HubName::parse("ChatHub")?, 1);
/// assert_eq!(hubs.get(&AnyCase("CHATHUB")), Some(&1));
/// # Ok::<_, heliostat_proto::name::NameError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnyCase<'a>(pub &'a str);

impl Hash for AnyCase<'_> {
    /// Of the folded name. Other letters may have names in common with ASCII ones, so both are hashed in the same way.
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.0.is_ascii() {
            hash_any_case(self.0.as_bytes(), state);
        } else {
            hash_any_case(folded(self.0).collect::<String>().as_bytes(), state);
        }
        // Ends the sequence, as `str` does, so that neighbouring fields cannot run into each other.
        state.write_u8(0xFF);
    }
}

/// Hashes a word at a time, with the bit set that distinguishes the cases of an ASCII letter. Some other bytes differ by that bit as
/// well: they only share a place in the table.
fn hash_any_case<H: Hasher>(name: &[u8], state: &mut H) {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (words, last) = name.as_chunks::<{ size_of::<u64>() }>();
    for word in words {
        state.write_u64(u64::from_le_bytes(*word) | CASE);
    }
    state.write_u64(last.iter().fold(0, |word, byte| word << u8::BITS | u64::from(*byte)) | CASE);
}

/// Whether two hub or method names mean the same: equal but for case, letter by letter.
#[must_use]
pub fn same_name(a: &str, b: &str) -> bool {
    // ASCII folds to ASCII, so where ASCII letters differ by more than their case, only others can make up for it.
    a == b || a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && folded(a).eq(folded(b))
}

/// The form of a hub or method name under which a table can keep it: two names that mean the same have equal forms.
/// Allocates only if the name is not in that form already.
#[must_use]
pub fn fold_name(name: &str) -> Cow<'_, str> {
    if folded(name).eq(name.chars()) { Cow::Borrowed(name) } else { Cow::Owned(folded(name).collect()) }
}

/// The name a browser's proxy uses: the first letter of every dot-separated part in lower case.
///
/// ```
/// # use heliostat_proto::name::camel_case;
/// assert_eq!(camel_case("ChatHub"), "chatHub");
/// assert_eq!(camel_case("Stock.Ticker"), "stock.ticker");
/// ```
#[must_use]
pub fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut first = true;
    for letter in name.chars() {
        if first {
            camel.push(fold(letter));
        } else {
            camel.push(letter);
        }
        first = letter == '.';
    }
    camel
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(fold)
}

/// Simple case folding, one letter for one: the few letters whose lower case is longer stay as they are, so that
/// a name never changes its length.
fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cp_161_hub_and_method_names_compare_without_case_and_keep_their_spelling() {
        let declared = HubName::parse("ChatHub").unwrap();
        assert_eq!(declared, HubName::parse("chathub").unwrap());
        assert_eq!(declared.to_string(), "ChatHub");
        assert_eq!(MethodName::parse("Straße").unwrap(), MethodName::parse("STRAßE").unwrap());
        assert_ne!(MethodName::parse("Send").unwrap(), MethodName::parse("Send2").unwrap());
    }

    #[test]
    fn groups_and_users_compare_exactly() {
        assert_ne!(GroupName::parse("Lobby").unwrap(), GroupName::parse("lobby").unwrap());
        assert_ne!(UserId::parse("Ann").unwrap(), UserId::parse("ann").unwrap());
        assert!(HashSet::from([GroupName::parse("lobby").unwrap()]).contains("lobby"));
    }

    #[test]
    fn cp_180_an_empty_name_is_refused_and_the_error_says_whose() {
        assert_eq!(
            GroupName::parse("").unwrap_err().to_string(),
            "the name of a group must not be empty; give it at least one character"
        );
        assert_eq!(UserId::parse(""), Err(NameError::Empty { kind: "user" }));
        assert_eq!(HubName::parse(""), Err(NameError::Empty { kind: "hub" }));
        assert_eq!(MethodName::parse(""), Err(NameError::Empty { kind: "method" }));
    }

    #[test]
    fn a_hub_name_with_a_dot_is_refused() {
        assert_eq!(HubName::parse("a.b"), Err(NameError::DotInHubName { name: "a.b".into() }));
    }

    #[test]
    fn cp_065_camel_case_lowers_the_first_letter_of_each_part() {
        for (name, expected) in [
            ("ChatHub", "chatHub"),
            ("chatHub", "chatHub"),
            ("A.B.C", "a.b.c"),
            ("Über.Äpfel", "über.äpfel"),
            ("", ""),
            (".X", ".x"),
            ("HTTPHub", "hTTPHub"),
        ] {
            assert_eq!(camel_case(name), expected);
        }
    }

    #[test]
    fn a_letter_whose_lower_case_is_longer_keeps_the_length_of_the_name() {
        assert_eq!(fold_name("İ"), "İ");
    }

    proptest! {
        #[test]
        fn equal_names_have_equal_forms_and_equal_hashes(a in "\\PC{1,6}", b in "\\PC{1,6}") {
            let (a, b) = (a.replace('.', "_"), b.replace('.', "_"));
            for (a, b) in [(a.clone(), b), (a.clone(), a.to_uppercase()), (a.clone(), a.to_lowercase())] {
                let (first, second) = (HubName::parse(&a).unwrap(), HubName::parse(&b).unwrap());
                prop_assert_eq!(first == second, fold_name(&a) == fold_name(&b));
                prop_assert_eq!(HashSet::from([first.clone()]).contains(&second), first == second);
                let table = hashbrown::HashSet::<_>::from([first.clone()]);
                prop_assert_eq!(table.contains(&AnyCase(&b)), first == second);
            }
        }
    }
}
