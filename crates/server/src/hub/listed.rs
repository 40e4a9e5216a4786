//! The lists of hubs that clients have named, as the hubs that they are.
//!
//! Every request of a client brings the same list, and all clients of one program bring the same text. What it stands for never changes
//! while a server lives, so it is read once. Whether this client may hear these hubs is asked in every request.

use std::sync::{Arc, OnceLock};

use crate::hub::{entry::HubEntry, registry::HubRegistry};

/// So many texts are remembered, the first ones that come: a page or a program has one, and looking through these costs less than a hash.
/// Should somebody fill them with lists of his own, the others are read every time.
const TEXTS: usize = 16;

/// Longer texts are not remembered, in bytes. That is room for ten hubs and more.
const LONGEST: usize = 512;

/// Lists that were read, by their exact texts.
#[derive(Debug, Default)]
pub(crate) struct Listed([OnceLock<(Box<str>, Arc<Hubs>)>; TEXTS]);

/// Hubs in the order of a list, and where all others are found. Every request holds one, so it is one thing to hold.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    pub(crate) registry: Arc<HubRegistry>,
    pub(crate) listed: Box<[HubEntry]>,
}

impl Listed {
    pub(crate) fn find(&self, text: &str) -> Option<&Arc<Hubs>> {
        let known = self.0.iter().map_while(OnceLock::get).find(|(known, _)| **known == *text);
        known.map(|(_, hubs)| hubs)
    }

    pub(crate) fn remember(&self, text: &str, hubs: &Arc<Hubs>) {
        if text.len() > LONGEST {
            return;
        }
        let mut listed = (Box::from(text), Arc::clone(hubs));
        for place in &self.0 {
            match place.set(listed) {
                Ok(()) => return,
                Err(back) => listed = back,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(listed: &Listed) -> usize {
        listed.0.iter().filter_map(OnceLock::get).count()
    }

    #[test]
    fn a_text_is_found_as_it_is_and_no_other() {
        let (listed, hubs) = (Listed::default(), Arc::default());
        listed.remember("[]", &hubs);
        assert!(listed.find("[]").is_some_and(|found| Arc::ptr_eq(found, &hubs)));
        assert!(listed.find("[ ]").is_none() && listed.find("").is_none());
    }

    #[test]
    fn only_so_many_texts_are_remembered_and_no_long_ones() {
        let (listed, hubs) = (Listed::default(), Arc::default());
        listed.remember(&"x".repeat(LONGEST + 1), &hubs);
        assert_eq!(remembered(&listed), 0);
        for number in 0..2 * TEXTS {
            listed.remember(&number.to_string(), &hubs);
        }
        assert_eq!(remembered(&listed), TEXTS);
        assert!(listed.find("0").is_some() && listed.find(&(TEXTS + 1).to_string()).is_none());
    }
}
