//! Connection id → SignalR connection, for every connection that this server knows, and for a while those that ended.

use std::{
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashMap};
use heliostat_proto::id::ConnectionId;

use super::Record;

/// Connections come and go on every core at once; a lock per shard keeps them out of each other's way.
const SHARDS: usize = 64;

/// Ids are random and come out of sealed tokens, so no peer chooses them, and a quick hash will do.
type Records = HashMap<ConnectionId, Arc<Record>>;

/// All records of one server.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Vec<Mutex<Records>>,
    /// Which shard. Another hash than that of the shards' own tables, or each would fill only one place in [`SHARDS`].
    hashes: DefaultHashBuilder,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hashes: DefaultHashBuilder::default(),
        }
    }
}

impl Registry {
    pub(crate) fn find(&self, id: ConnectionId) -> Option<Arc<Record>> {
        self.with(id, |records| records.get(&id).cloned())
    }

    pub(crate) fn find_or_create(
        &self,
        id: ConnectionId,
        create: impl FnOnce() -> Arc<Record>,
    ) -> Arc<Record> {
        self.with(id, |records| records.entry(id).or_insert_with(create).clone())
    }

    /// Forgets a record, but not a newer one that has taken its place. Says whether it was there.
    pub(crate) fn remove(&self, record: &Arc<Record>) -> bool {
        self.with(record.id, |records| {
            let is_it = records.get(&record.id).is_some_and(|found| Arc::ptr_eq(found, record));
            is_it && records.remove(&record.id).is_some()
        })
    }

    /// Everyone at this moment. Takes one shard at a time.
    pub(crate) fn all(&self) -> Vec<Arc<Record>> {
        let lock = |shard: &Mutex<Records>| -> Vec<_> {
            shard.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
        };
        self.shards.iter().flat_map(lock).collect()
    }

    fn with<T>(&self, id: ConnectionId, work: impl FnOnce(&mut Records) -> T) -> T {
        let index = usize::try_from(self.hashes.hash_one(id) % SHARDS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "index < SHARDS, and there are SHARDS shards")]
        let mut records = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut records)
    }
}
