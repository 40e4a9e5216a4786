//! The handles of a topic's readers: joined and left in constant time, and gone through without holes.
//!
//! Publishing goes through all of them under the topic's lock, so the handles lie side by side. A key stays valid
//! while its reader stays, wherever the handle moves: `places[key]` says where it lies.

#[derive(Debug)]
pub(crate) struct Readers<S> {
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
        Self { handles: Vec::new(), places: Vec::new(), free: None }
    }

    pub(crate) fn insert(&mut self, reader: S) -> ReaderKey {
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

    /// Takes the reader out. `None` is for a key that was used up already, which cannot be written.
    pub(crate) fn remove(&mut self, ReaderKey(key): ReaderKey) -> Option<S> {
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
        if self.handles.is_empty() {
            *self = Self::new();
        }
        Some(reader)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }
}

impl<S: Clone> Readers<S> {
    pub(crate) fn clone_into(&self, wake: &mut Vec<S>) {
        wake.extend(self.handles.iter().map(|handle| handle.reader.clone()));
    }
}
