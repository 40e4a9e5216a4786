//! The handles of a topic's readers: joined and left in constant time, and gone through without holes.
//!
//! Publishing goes through all of them under the topic's lock, so the handles lie side by side. A key stays valid
//! while its reader stays, wherever the handle moves: `places[key]` says where it lies.

/// Most topics are one connection's own, so one reader needs no more than its place in the topic.
#[derive(Debug)]
pub(crate) enum Readers<S> {
    Nobody,
    /// Under the key 0.
    One(S),
    Several(Box<Several<S>>),
}

#[derive(Debug)]
pub(crate) struct Several<S> {
    handles: Vec<Handle<S>>,
    places: Vec<Place>,
    /// The head of the chain of free places.
    free: Option<usize>,
}

#[derive(Debug)]
struct Handle<S> {
    reader: S,
    key: usize,
}

#[derive(Debug)]
enum Place {
    Taken { at: usize },
    Free { next: Option<usize> },
}

/// Names one reader of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderKey(usize);

impl<S> Readers<S> {
    pub(crate) const fn new() -> Self {
        Self::Nobody
    }

    pub(crate) fn insert(&mut self, reader: S) -> ReaderKey {
        match std::mem::replace(self, Self::Nobody) {
            Self::Nobody => {
                *self = Self::One(reader);
                ReaderKey(0)
            }
            Self::One(first) => {
                let mut several = Box::new(Several { handles: Vec::new(), places: Vec::new(), free: None });
                several.insert(first);
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

    /// Takes the reader out. `None` is for a key that was used up already, which cannot be written.
    pub(crate) fn remove(&mut self, key: ReaderKey) -> Option<S> {
        match std::mem::replace(self, Self::Nobody) {
            Self::Nobody => None,
            Self::One(reader) if key == ReaderKey(0) => Some(reader),
            Self::One(reader) => {
                *self = Self::One(reader);
                None
            }
            Self::Several(mut several) => {
                let reader = several.remove(key);
                if !several.handles.is_empty() {
                    *self = Self::Several(several);
                }
                reader
            }
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Nobody)
    }
}

impl<S> Several<S> {
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
        ReaderKey(key)
    }

    fn remove(&mut self, ReaderKey(key): ReaderKey) -> Option<S> {
        let place = self.places.get_mut(key)?;
        let Place::Taken { at } = *place else { return None };
        *place = Place::Free { next: self.free };
        self.free = Some(key);
        let reader = self.handles.swap_remove(at).reader;
        if let Some(moved) = self.handles.get(at)
            && let Some(place) = self.places.get_mut(moved.key)
        {
            *place = Place::Taken { at };
        }
        Some(reader)
    }
}

impl<S: Clone> Readers<S> {
    pub(crate) fn clone_into(&self, wake: &mut Vec<S>) {
        match self {
            Self::Nobody => {}
            Self::One(reader) => wake.push(reader.clone()),
            Self::Several(several) => {
                wake.extend(several.handles.iter().map(|handle| handle.reader.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn all(readers: &Readers<u32>) -> Vec<u32> {
        let mut all = Vec::new();
        readers.clone_into(&mut all);
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

    proptest! {
        #[test]
        fn readers_agree_with_a_map(steps in vec((any::<bool>(), any::<prop::sample::Index>()), 0..100)) {
            let mut readers = Readers::new();
            let mut model = BTreeMap::new();
            for (step, (joins, which)) in (0..).zip(steps) {
                if joins || model.is_empty() {
                    model.insert(step, readers.insert(step));
                } else {
                    let reader = *which.get(&model.keys().copied().collect::<Vec<_>>());
                    prop_assert_eq!(readers.remove(model.remove(&reader).unwrap()), Some(reader));
                }
                prop_assert!(all(&readers).iter().eq(model.keys()));
                prop_assert_eq!(readers.is_empty(), model.is_empty());
            }
        }
    }
}
