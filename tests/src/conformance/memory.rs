//! The in-memory reference provider.

use std::sync::Arc;

use sync_knowledge::{ReplicaId, Version};
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_memory::{MemoryProvider, MemoryReplica};
use uuid::Uuid;

use super::engine::{Ability, Engine, Layout, TestReplica};
use super::neutral;
use super::state::{Entry, State, entry_key};

/// Makes replicas in memory.
#[derive(Copy, Clone, Debug)]
pub struct Memory;

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn lacks(&self) -> &'static [Ability] {
        &[Ability::LookFromTick]
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        let id = ReplicaId::from_uuid(Uuid::new_v4());
        let mut description = neutral::description().clone();
        let mut orders = Vec::new();
        for table in &mut description.tables {
            let mut order: Vec<usize> = (0..table.columns.len()).collect();
            if layout == Layout::OthersFirst {
                // Stable: the key columns keep their order among themselves.
                order.sort_by_key(|&column| table.columns[column].primary_key);
            }
            table.columns = order
                .iter()
                .map(|&column| table.columns[column].clone())
                .collect();
            orders.push(order);
        }
        let provider = MemoryProvider::new(MemoryReplica::new(id, description));
        Box::new(InMemory { provider, orders })
    }
}

/// A replica whose columns may stand in an order of their own.
struct InMemory {
    provider: MemoryProvider,
    /// Per table: which of the neutral columns stands where.
    orders: Vec<Vec<usize>>,
}

impl InMemory {
    fn replica(&self) -> std::sync::MutexGuard<'_, MemoryReplica> {
        self.provider.replica()
    }

    /// A row as the replica holds it, in the neutral order.
    fn neutral(&self, table: usize, row: Vec<Value>) -> Vec<Value> {
        let mut cells: Vec<(usize, Value)> = self.orders[table].iter().copied().zip(row).collect();
        cells.sort_by_key(|(column, _)| *column);
        cells.into_iter().map(|(_, cell)| cell).collect()
    }
}

impl TestReplica for InMemory {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::new(self.provider.clone())
    }

    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider> {
        Arc::new(self.provider.clone().with_handler(handler))
    }

    fn id(&self) -> ReplicaId {
        self.replica().id().clone()
    }

    fn write(&self, table: usize, row: &[Value], time: i64) {
        let row: Vec<Value> = self.orders[table]
            .iter()
            .map(|&column| row[column].clone())
            .collect();
        self.replica().write(table, &row, time);
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        assert!(self.replica().delete(table, key, time), "there was a row");
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64) {
        self.delete(table, key, time);
        self.write(table, row, time);
    }

    fn copy(&self) -> Option<Box<dyn TestReplica>> {
        Some(Box::new(InMemory {
            provider: MemoryProvider::new(self.replica().clone()),
            orders: self.orders.clone(),
        }))
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
                row: row.cells().map(|row| self.neutral(table, row)),
                update: global(row.facts.update),
                create: global(row.facts.create),
            };
            (entry_key(table, &key), entry)
        });
        State {
            entries: entries.collect(),
            waiting: Some(replica.waiting()),
            knowledge: knowledge.clone(),
        }
    }

    fn clean_up(&self) -> bool {
        self.replica().clean_up();
        true
    }

    fn fingerprint(&self) -> Vec<u8> {
        format!("{:?}", *self.replica()).into_bytes()
    }
}
