//! The in-memory reference provider.

use std::sync::Arc;

use sync_knowledge::{ReplicaId, Version};
use sync_metadata::Value;
use sync_provider::SyncProvider;
use sync_provider::memory::{MemoryProvider, MemoryReplica};
use uuid::Uuid;

use super::engine::{Engine, Layout, TestReplica};
use super::neutral;
use super::state::{Entry, State, entry_key};

/// Makes replicas in memory.
#[derive(Copy, Clone, Debug)]
pub struct Memory;

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn make(&self, _: Layout) -> Box<dyn TestReplica> {
        let id = ReplicaId::from_uuid(Uuid::new_v4());
        Box::new(MemoryProvider::new(MemoryReplica::new(
            id,
            neutral::description(),
        )))
    }

    fn maps_columns(&self) -> bool {
        false
    }
}

impl TestReplica for MemoryProvider {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::new(self.clone())
    }

    fn id(&self) -> ReplicaId {
        self.replica().id().clone()
    }

    fn write(&self, table: usize, row: &[Value], time: i64) {
        self.replica().write(table, row, time);
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        assert!(self.replica().delete(table, key, time), "there was a row");
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        self.replica().reject(table, key, rejected);
    }

    fn state(&self) -> State {
        let replica = self.replica();
        let knowledge = replica.knowledge().clone();
        let global = |version: Version| {
            let id = knowledge.key_map().id(version.replica);
            (id.expect("the key is in the map").clone(), version.tick)
        };
        let entries = replica.keyed_rows().map(|(table, key, row)| {
            let entry = Entry {
                row: row.cells(),
                update: global(row.facts.update),
                create: global(row.facts.create),
            };
            (entry_key(table, &key), entry)
        });
        State {
            entries: entries.collect(),
            waiting: replica.waiting(),
            knowledge: knowledge.clone(),
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        format!("{:?}", *self.replica()).into_bytes()
    }
}
