//! Connection id → SignalR connection, for every connection that this server knows, and for a while those that ended.
//!
//! Ids are random numbers that come out of a sealed token: no peer can choose one. So they need no hash but themselves.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use heliostat_proto::id::ConnectionId;

use super::{Known, Record, Tombstone};
use crate::ahead::{self, Lines};

/// Connections come and go on every core at once; a lock per shard keeps them out of each other's way.
const SHARDS: usize = 64;

/// All records of one server.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Vec<Shard>,
}

/// On a cache line of its own, since others are locked by other threads.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Mutex<Records>);

type Records = HashMap<ConnectionId, Known, IdHash>;

/// How tables of connections find an id.
type IdHash = BuildHasherDefault<IdHasher>;

/// A random number's own bits.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write_u128(&mut self, id: u128) {
        let [low, high] = [id & u128::from(u64::MAX), id >> 64].map(|half| u64::try_from(half).unwrap_or(0));
        // Some bits of a GUID are always the same: the other half's lie over them.
        self.0 = low ^ high.rotate_left(29);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }
}

impl Registry {
    pub(crate) fn find(&self, id: ConnectionId) -> Option<Known> {
        self.with(id, |records| records.get(&id).map(noted))
    }

    pub(crate) fn find_or_create(&self, id: ConnectionId, create: impl FnOnce() -> Arc<Record>) -> Known {
        self.with(id, |records| noted(records.entry(id).or_insert_with(|| Known::Record(create()))))
    }

    /// Forgets a record or its tombstone, but not a newer record that has taken its place. Says whether it was there.
    pub(crate) fn remove(&self, record: &Record) -> bool {
        self.remove_if(record.id, |known| known.is(record) || known.is_tombstone())
    }

    /// Forgets the tombstone of this id. Says whether there was one.
    pub(crate) fn remove_tombstone(&self, id: ConnectionId) -> bool {
        self.remove_if(id, Known::is_tombstone)
    }

    /// Puts a tombstone in the place of a record, unless something else is there. Says whether it did.
    pub(super) fn bury(&self, record: &Record, tombstone: Tombstone) -> bool {
        self.with(record.id, |records| {
            let known = records.get_mut(&record.id).filter(|known| known.is(record));
            known.map(|known| *known = Known::Tombstone(Arc::new(tombstone))).is_some()
        })
    }

    /// Everyone at this moment. Takes one shard at a time.
    pub(crate) fn all(&self) -> Vec<(ConnectionId, Known)> {
        self.collect(|(id, known)| Some((*id, known.clone())))
    }

    /// The same without tombstones.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        self.collect(|(_, known)| match known {
            Known::Record(record) => Some(Arc::clone(record)),
            Known::Tombstone(_) => None,
        })
    }

    fn collect<T>(&self, look: impl Fn((&ConnectionId, &Known)) -> Option<T>) -> Vec<T> {
        let lock = |Shard(shard): &Shard| -> Vec<_> {
            shard.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(&look).collect()
        };
        self.shards.iter().flat_map(lock).collect()
    }

    fn remove_if(&self, id: ConnectionId, is_it: impl FnOnce(&Known) -> bool) -> bool {
        self.with(id, |records| records.get(&id).is_some_and(is_it) && records.remove(&id).is_some())
    }

    fn with<T>(&self, id: ConnectionId, work: impl FnOnce(&mut Records) -> T) -> T {
        let hash = IdHash::default().hash_one(id);
        // Not the bits by which a table finds its places.
        let index = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "index < SHARDS, and there are SHARDS shards")]
        let mut records = self.shards[index].0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut records)
    }
}

/// What was found, and will be looked for again.
fn noted(known: &Known) -> Known {
    ahead::note(Lines::of(known));
    if let Known::Record(record) = known {
        ahead::note(Lines::of(&**record));
    }
    known.clone()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_of_all_kinds_are_spread_over_the_shards_and_over_a_table() {
        let random = |number: u64| {
            let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            [scattered.to_be_bytes(), scattered.rotate_left(17).to_be_bytes()].concat().try_into().unwrap()
        };
        let hashes: Vec<u64> = (0..6400)
            .map(|number| ConnectionId::from_random(random(number)))
            .map(|id| IdHash::default().hash_one(id))
            .collect();
        // What a table looks at: the low bits for the place, the high ones for the tag.
        for (what, bits) in [("shard", 32), ("place", 0), ("tag", 57)] {
            let mut counts = [0_usize; 64];
            hashes.iter().for_each(|hash| counts[usize::try_from((hash >> bits) % 64).unwrap()] += 1);
            assert!(counts.iter().all(|&count| (50..200).contains(&count)), "{what}: {counts:?}");
        }
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
    }
}
