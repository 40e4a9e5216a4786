//! Connection id → SignalR connection, for every connection that this server knows, and for a while those that ended.
//!
//! The living and the dead lie apart: there may be a hundred times as many dead, and who asks for a living one, as nearly everybody does, need
//! not look for it in cold memory among them.
//!
//! Invariant: an id is among the living or among the dead, not in both.
//!
//! Ids are random numbers that come out of a sealed token: no peer can choose one. So they need no hash but themselves.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
struct Shard(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    /// Also those that are over and not buried yet.
    living: HashMap<ConnectionId, Arc<Record>, IdHash>,
    dead: HashMap<ConnectionId, Arc<Tombstone>, IdHash>,
}

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
        let shard = self.lock(id);
        match shard.living.get(&id) {
            Some(record) => Some(Known::Record(noted(record))),
            None => shard.dead.get(&id).map(|tombstone| Known::Tombstone(Arc::clone(tombstone))),
        }
    }

    pub(crate) fn find_or_create(&self, id: ConnectionId, create: impl FnOnce() -> Arc<Record>) -> Known {
        let mut shard = self.lock(id);
        let Connections { living, dead } = &mut *shard;
        let record = match living.entry(id) {
            Entry::Occupied(known) => noted(known.get()),
            Entry::Vacant(free) => match dead.get(&id) {
                Some(tombstone) => return Known::Tombstone(Arc::clone(tombstone)),
                None => noted(free.insert(create())),
            },
        };
        Known::Record(record)
    }

    /// Forgets a record or its tombstone, but not a newer record that has taken its place. Says whether it was there.
    pub(crate) fn remove(&self, record: &Record) -> bool {
        let mut shard = self.lock(record.id);
        shard.take_out(record) || shard.dead.remove(&record.id).is_some()
    }

    /// Forgets the tombstone of this id. Says whether there was one.
    pub(crate) fn remove_tombstone(&self, id: ConnectionId) -> bool {
        self.lock(id).dead.remove(&id).is_some()
    }

    /// Puts a tombstone in the place of a record, unless something else is there. Says whether it did.
    pub(super) fn bury(&self, record: &Record, tombstone: Tombstone) -> bool {
        let tombstone = Arc::new(tombstone);
        let mut shard = self.lock(record.id);
        let is_buried = shard.take_out(record);
        if is_buried {
            shard.dead.insert(record.id, tombstone);
        }
        is_buried
    }

    /// Everyone at this moment. Takes one shard at a time.
    pub(crate) fn all(&self) -> Vec<(ConnectionId, Known)> {
        self.collect(|shard, all| {
            all.extend(shard.living.iter().map(|(id, record)| (*id, Known::Record(Arc::clone(record)))));
            all.extend(shard.dead.iter().map(|(id, dead)| (*id, Known::Tombstone(Arc::clone(dead)))));
        })
    }

    /// The same without tombstones.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        self.collect(|shard, records| records.extend(shard.living.values().cloned()))
    }

    fn collect<T>(&self, take: impl Fn(&Connections, &mut Vec<T>)) -> Vec<T> {
        let mut collected = Vec::new();
        for shard in &self.shards {
            take(&shard.lock(), &mut collected);
        }
        collected
    }

    fn lock(&self, id: ConnectionId) -> MutexGuard<'_, Connections> {
        let hash = IdHash::default().hash_one(id);
        // Not the bits by which a table finds its places.
        let index = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "index < SHARDS, and there are SHARDS shards")]
        self.shards[index].lock()
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Takes this very record from the living. Says whether it was there.
    fn take_out(&mut self, record: &Record) -> bool {
        match self.living.entry(record.id) {
            Entry::Occupied(known) if std::ptr::eq(Arc::as_ptr(known.get()), record) => {
                known.remove();
                true
            }
            Entry::Occupied(_) | Entry::Vacant(_) => false,
        }
    }
}

/// What was found, and will be looked for again.
fn noted(record: &Arc<Record>) -> Arc<Record> {
    ahead::note(Lines::of(record));
    ahead::note(Lines::of(&**record));
    Arc::clone(record)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::Server;

    #[tokio::test]
    async fn a_record_is_removed_and_never_a_newer_one_in_its_place() {
        let server = Server::builder().build().unwrap();
        let (registry, id) = (&server.core.registry, ConnectionId::from_random([1; 16]));
        let old = server.core.record(id).unwrap();
        assert!(!registry.remove_tombstone(id), "it lives");
        assert!(registry.remove(&old));
        assert!(registry.find(id).is_none() && !registry.remove(&old), "it is gone");
        let new = server.core.record(id).unwrap();
        assert!(!registry.remove(&old), "its place is taken");
        assert!(matches!(registry.find(id), Some(Known::Record(found)) if Arc::ptr_eq(&found, &new)));
    }

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
