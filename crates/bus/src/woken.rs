//! Who is to be woken.

use std::fmt;

use crate::pages::Page;
use crate::readers::Handle;

/// The readers of some topics, as they were when something was published there: filled by [`Bus::publish`](crate::Bus::publish)
/// and [`Bus::readers`](crate::Bus::readers), gone through by whoever published. A reader of two of the topics is in it twice.
///
/// Large topics lend their list instead of having each handle copied, so filling it takes a publisher's turn under a
/// topic's lock hardly longer for ten thousand readers than for ten. A handle may live in here although its reader has
/// left meanwhile; [`clear`](Self::clear) lets go of it, where the handle's own code may run.
///
/// # Examples
/// ```
/// # use heliostat_bus::{Bus, Epoch, Limits, Payload, Start, TopicName, Woken};
/// # #[derive(Clone)] struct Text(&'static str);
/// # impl Payload for Text {
/// #     fn bytes(&self) -> usize { self.0.len() }
/// #     fn is_command(&self) -> bool { false }
/// # }
/// let bus = Bus::new(Epoch::new(1), Limits::default());
/// let readers = ["ann", "bob"].map(|name| bus.subscribe(name, [TopicName::from("lobby")], Start::Now));
/// let mut woken = Woken::default();
/// bus.publish("lobby", Text("hello"), &mut woken);
/// # drop(readers);
/// assert_eq!(woken.iter().copied().collect::<Vec<_>>(), ["ann", "bob"]);
/// ```
pub struct Woken<S> {
    alone: Vec<S>,
    pages: Vec<Page<Handle<S>>>,
}

impl<S> Woken<S> {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { alone: Vec::new(), pages: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alone.len() + self.pages.iter().map(|page| page.len()).sum::<usize>()
    }

    /// Whether there is nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        // No topic lends an empty page.
        self.alone.is_empty() && self.pages.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.alone.iter().chain(self.pages.iter().flat_map(|page| page.iter().map(|handle| &handle.reader)))
    }

    /// Keeps `most` of them, or a few more, and returns the rest, if there are any.
    #[must_use = "who is not kept is woken by nobody else"]
    pub fn split(&mut self, most: usize) -> Option<Self> {
        let alone = self.alone.split_off(self.alone.len().min(most));
        let mut kept = self.alone.len();
        let pages = self.pages.iter().take_while(|page| {
            let is_kept = kept < most;
            kept += page.len();
            is_kept
        });
        let pages = pages.count();
        let rest = Self { alone, pages: self.pages.split_off(pages) };
        (!rest.is_empty()).then_some(rest)
    }

    /// Lets go of them all and keeps the room.
    pub fn clear(&mut self) {
        self.alone.clear();
        self.pages.clear();
    }

    pub(crate) fn push(&mut self, reader: S) {
        self.alone.push(reader);
    }

    pub(crate) fn lend(&mut self, pages: &[Page<Handle<S>>]) {
        self.pages.extend_from_slice(pages);
    }
}

impl<S> Default for Woken<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Woken<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Woken").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::Readers;

    /// The readers of one topic for each of these numbers.
    fn woken(topics: &[usize]) -> (Woken<usize>, Vec<usize>) {
        let (mut woken, mut all) = (Woken::default(), Vec::new());
        for count in topics {
            let mut readers = Readers::new();
            for reader in all.len()..all.len() + count {
                readers.insert(reader);
                all.push(reader);
            }
            readers.share_into(&mut woken);
        }
        (woken, all)
    }

    fn sorted(woken: &Woken<usize>) -> Vec<usize> {
        let mut all: Vec<_> = woken.iter().copied().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn all_readers_of_all_topics_are_in_it() {
        for topics in [&[][..], &[0], &[1], &[1, 1, 1], &[2], &[200], &[1, 200, 0, 3, 1]] {
            let (mut woken, all) = woken(topics);
            assert_eq!(
                (sorted(&woken), woken.len(), woken.is_empty()),
                (all.clone(), all.len(), all.is_empty())
            );
            woken.clear();
            assert_eq!((woken.len(), woken.is_empty()), (0, true));
        }
    }

    #[test]
    fn portions_are_as_large_as_they_should_be_and_together_all() {
        for topics in [&[][..], &[0], &[1], &[1; 300], &[1000], &[1, 200, 0, 3, 1, 500, 1]] {
            let (mut portion, all) = woken(topics);
            let mut seen = Vec::new();
            loop {
                let rest = portion.split(100);
                seen.extend(portion.iter().copied());
                assert!(portion.len() < 200 && (rest.is_none() || portion.len() >= 100), "{}", portion.len());
                match rest {
                    Some(rest) => portion = rest,
                    None => break,
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, all);
        }
    }
}
