//! The handles of a topic's readers: joined and left in constant time, and gone through without holes.
//!
//! Whoever publishes is lent the handles under the topic's lock and goes through them after it, so they lie side by side
//! in [pages](Pages). A key stays valid while its reader stays, wherever the handle moves: `places[key]` says where it
//! lies. A reader that rests keeps its key and has no handle, so it costs whoever publishes nothing.

use crate::pages::Pages;
use crate::woken::Woken;

/// Most topics are one connection's own, so one reader needs no more than its place in the topic.
#[derive(Debug)]
pub(crate) enum Readers<S> {
    Nobody,
    /// Under the key 0.
    One(S),
    /// The same, at rest.
    OneRests,
    Several(Box<Several<S>>),
}

#[derive(Debug)]
pub(crate) struct Several<S> {
    handles: Pages<Handle<S>>,
    places: Vec<Place>,
    /// The head of the chain of free places.
    free: Option<usize>,
    /// How many have no handle at the moment.
    resting: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Handle<S> {
    pub(crate) reader: S,
    key: usize,
}

#[derive(Debug)]
enum Place {
    Taken { at: usize },
    Rests,
    Free { next: Option<usize> },
}

/// Names one reader of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderKey(u32);

impl ReaderKey {
    #[expect(clippy::cast_possible_truncation, reason = "more readers than that do not fit into any memory")]
    const fn of(place: usize) -> Self {
        Self(place as u32)
    }

    const fn place(self) -> usize {
        self.0 as usize
    }
}

impl<S> Readers<S> {
    pub(crate) const fn new() -> Self {
        Self::Nobody
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Nobody)
    }
}

impl<S: Clone> Readers<S> {
    pub(crate) fn insert(&mut self, reader: S) -> ReaderKey {
        match std::mem::replace(self, Self::Nobody) {
            Self::Nobody => {
                *self = Self::One(reader);
                ReaderKey(0)
            }
            Self::One(first) => {
                let mut several = Box::new(Several::new());
                several.insert(first);
                let key = several.insert(reader);
                *self = Self::Several(several);
                key
            }
            Self::OneRests => {
                let mut several = Box::new(Several::new());
                several.places.push(Place::Rests);
                several.resting = 1;
                let key = several.insert(reader);
                *self = Self::Several(several);
                key
            }
            Self::Several(mut several) => {
                let key = several.insert(reader);
                *self = Self::Several(several);
                key
            }
        }
    }

    /// Takes the reader out. `None` if it rests; or for a key that was used up already, which cannot be written.
    pub(crate) fn remove(&mut self, key: ReaderKey) -> Option<S> {
        match std::mem::replace(self, Self::Nobody) {
            Self::Nobody => None,
            Self::One(reader) if key == ReaderKey(0) => Some(reader),
            Self::One(reader) => {
                *self = Self::One(reader);
                None
            }
            Self::OneRests => {
                if key != ReaderKey(0) {
                    *self = Self::OneRests;
                }
                None
            }
            Self::Several(mut several) => {
                let reader = several.remove(key);
                if !several.is_empty() {
                    *self = Self::Several(several);
                }
                reader
            }
        }
    }

    /// Takes the reader's handle and keeps its key. `None` if it rests already.
    pub(crate) fn rest(&mut self, key: ReaderKey) -> Option<S> {
        match self {
            Self::Nobody | Self::OneRests => None,
            Self::One(_) if key != ReaderKey(0) => None,
            Self::One(_) => match std::mem::replace(self, Self::OneRests) {
                Self::One(reader) => Some(reader),
                Self::Nobody | Self::OneRests | Self::Several(_) => None,
            },
            Self::Several(several) => several.rest(key),
        }
    }

    /// Gives a reader that rests a handle again.
    pub(crate) fn resume(&mut self, key: ReaderKey, reader: S) {
        match self {
            Self::OneRests if key == ReaderKey(0) => *self = Self::One(reader),
            Self::Nobody | Self::One(_) | Self::OneRests => {}
            Self::Several(several) => several.resume(key, reader),
        }
    }

    /// Adds those who do not rest.
    pub(crate) fn share_into(&self, woken: &mut Woken<S>) {
        match self {
            Self::Nobody | Self::OneRests => {}
            Self::One(reader) => woken.push(reader.clone()),
            Self::Several(several) => woken.lend(several.handles.pages()),
        }
    }
}

impl<S: Clone> Several<S> {
    const fn new() -> Self {
        Self { handles: Pages::new(), places: Vec::new(), free: None, resting: 0 }
    }

    const fn is_empty(&self) -> bool {
        self.handles.is_empty() && self.resting == 0
    }

    fn insert(&mut self, reader: S) -> ReaderKey {
        let place = Place::Taken { at: self.handles.len() };
        let key = match self.free {
            Some(key) => {
                if let Some(free) = self.places.get_mut(key) {
                    if let Place::Free { next } = *free {
                        self.free = next;
                    }
                    *free = place;
                }
                key
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        };
        self.handles.push(Handle { reader, key });
        ReaderKey::of(key)
    }

    fn remove(&mut self, key: ReaderKey) -> Option<S> {
        let key = key.place();
        let place = self.places.get_mut(key)?;
        let at = match *place {
            Place::Taken { at } => Some(at),
            Place::Rests => None,
            Place::Free { .. } => return None,
        };
        *place = Place::Free { next: self.free };
        self.free = Some(key);
        match at {
            Some(at) => self.take(at),
            None => {
                self.resting -= 1;
                None
            }
        }
    }

    fn rest(&mut self, key: ReaderKey) -> Option<S> {
        let place = self.places.get_mut(key.place())?;
        let Place::Taken { at } = *place else { return None };
        *place = Place::Rests;
        self.resting += 1;
        self.take(at)
    }

    fn resume(&mut self, key: ReaderKey, reader: S) {
        let key = key.place();
        if let Some(place @ Place::Rests) = self.places.get_mut(key) {
            *place = Place::Taken { at: self.handles.len() };
            self.resting -= 1;
            self.handles.push(Handle { reader, key });
        }
    }

    /// Takes the handle that lies here; the last one takes its place.
    fn take(&mut self, at: usize) -> Option<S> {
        let reader = self.handles.swap_remove(at)?.reader;
        if let Some(moved) = self.handles.get(at)
            && let Some(place) = self.places.get_mut(moved.key)
        {
            *place = Place::Taken { at };
        }
        Some(reader)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn all(readers: &Readers<u32>) -> Vec<u32> {
        let mut woken = Woken::default();
        readers.share_into(&mut woken);
        let mut all: Vec<_> = woken.iter().copied().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_key_outlives_the_moves_of_its_handle() {
        let mut readers = Readers::new();
        let [one, two, three] = [1, 2, 3].map(|reader| readers.insert(reader));
        assert_eq!(readers.remove(one), Some(1));
        assert_eq!(readers.remove(three), Some(3));
        assert_eq!(readers.remove(three), None);
        assert_eq!(all(&readers), [2]);
        assert_eq!(readers.remove(two), Some(2));
        assert!(readers.is_empty());
    }

    #[test]
    fn a_topic_that_everybody_left_keeps_no_memory() {
        let mut readers = Readers::new();
        let keys = (0..100).map(|reader| readers.insert(reader)).collect::<Vec<_>>();
        for key in keys {
            readers.remove(key);
        }
        assert!(matches!(readers, Readers::Nobody));
    }

    #[test]
    fn a_reader_at_rest_keeps_its_place_and_nobody_goes_past_it() {
        let mut readers = Readers::new();
        let one = readers.insert(1);
        assert_eq!(readers.rest(one), Some(1));
        assert_eq!((readers.rest(one), all(&readers), readers.is_empty()), (None, vec![], false));
        let two = readers.insert(2);
        assert_ne!(one, two);
        assert_eq!(all(&readers), [2]);
        readers.resume(one, 3);
        assert_eq!(all(&readers), [2, 3]);
        assert_eq!((readers.rest(two), readers.rest(one)), (Some(2), Some(3)));
        assert_eq!((readers.remove(one), readers.is_empty()), (None, false));
        assert_eq!((readers.remove(two), readers.is_empty()), (None, true));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert,
        Remove,
        Rest,
        Resume,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Insert),
            3 => Just(Step::Remove),
            3 => Just(Step::Rest),
            3 => Just(Step::Resume),
        ]
    }

    proptest! {
        #[test]
        fn readers_agree_with_a_map(steps in vec((step(), any::<prop::sample::Index>()), 0..100)) {
            let mut readers = Readers::new();
            // Who is there, and whether it rests.
            let mut model = BTreeMap::<u32, (ReaderKey, bool)>::new();
            for (number, (step, which)) in (0..).zip(steps) {
                let among: Vec<u32> = model.keys().copied().collect();
                let step = if among.is_empty() { Step::Insert } else { step };
                let reader = if among.is_empty() { number } else { *which.get(&among) };
                let (key, rests) = model.get(&reader).copied().unwrap_or((ReaderKey(u32::MAX), false));
                match step {
                    Step::Insert => _ = model.insert(number, (readers.insert(number), false)),
                    Step::Remove => {
                        model.remove(&reader);
                        prop_assert_eq!(readers.remove(key), Some(reader).filter(|_| !rests));
                    }
                    Step::Rest => {
                        model.insert(reader, (key, true));
                        prop_assert_eq!(readers.rest(key), Some(reader).filter(|_| !rests));
                    }
                    Step::Resume if rests => {
                        model.insert(reader, (key, false));
                        readers.resume(key, reader);
                    }
                    Step::Resume => readers.resume(key, number),
                }
                let awake = model.iter().filter(|(_, (_, rests))| !rests).map(|(reader, _)| reader);
                prop_assert!(all(&readers).iter().eq(awake));
                prop_assert_eq!(readers.is_empty(), model.is_empty());
            }
        }
    }
}
