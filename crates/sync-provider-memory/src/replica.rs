//! A replica as a plain value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_knowledge::{ItemId, Knowledge, ReplicaId, ReplicaKey, Tick, Version};
use sync_metadata::{KeyEquality, ScopeDescription, Value, ValueRef, row_id};

use sync_decision::{LocalRow, RowFacts, Rules, TableShape, is_alone};
use sync_provider::{RowRef, RowSet};

/// A row of a [`MemoryReplica`], or a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRow {
    /// Versions and kind; replica keys are those of the replica's key map.
    pub facts: RowFacts,
    /// Time of the write.
    pub time: Option<i64>,
    /// Who wrote.
    pub writer: Option<ReplicaKey>,
    /// The cells as one packed row; empty for a tombstone.
    pub(super) cells: RowSet,
}

impl MemoryRow {
    /// The row's cells; `None` for a tombstone.
    pub fn cells(&self) -> Option<Vec<Value>> {
        (!self.facts.tombstone).then(|| {
            self.cells
                .row(0)
                .values()
                .map(|cell| cell.to_owned())
                .collect()
        })
    }

    pub(super) fn local(&self) -> LocalRow<'_> {
        let cells = (!self.facts.tombstone).then(|| self.cells.row(0));
        LocalRow {
            facts: self.facts,
            time: self.time,
            writer: self.writer,
            cells,
        }
    }
}

/// The key of a row: its table and its packed key cells.
pub(super) type RowKey = (usize, Vec<u8>);

/// A replica of a scope, held in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryReplica {
    pub(super) description: Arc<ScopeDescription>,
    pub(super) shapes: Arc<Vec<TableShape>>,
    pub(super) knowledge: Knowledge,
    pub(super) forgotten: Option<Knowledge>,
    pub(super) rows: BTreeMap<RowKey, MemoryRow>,
    pub(super) waiting: BTreeMap<ItemId, RowKey>,
    pub(super) was_source: bool,
    pub(super) rejecting: BTreeSet<RowKey>,
    pub(super) rules: Rules,
}

impl MemoryReplica {
    /// An empty replica of a scope. Keys compare by their bytes, whatever the description says of them.
    pub fn new(replica: ReplicaId, mut description: ScopeDescription) -> Self {
        for table in &mut description.tables {
            for column in &mut table.columns {
                column.key_equality = KeyEquality::Exact;
            }
        }
        let shapes = description.tables.iter().map(TableShape::of).collect();
        MemoryReplica {
            description: description.into(),
            shapes: Arc::new(shapes),
            knowledge: Knowledge::new(replica),
            forgotten: None,
            rows: BTreeMap::new(),
            waiting: BTreeMap::new(),
            was_source: false,
            rejecting: BTreeSet::new(),
            rules: Rules::SOUND,
        }
    }

    /// The same replica under other rules: for proofs that show what a rule is good for.
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The replica's id.
    pub fn id(&self) -> &ReplicaId {
        self.knowledge.key_map().own()
    }

    /// The scope.
    pub fn description(&self) -> &ScopeDescription {
        &self.description
    }

    /// What the replica knows.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// All rows and tombstones: (table, row).
    pub fn rows(&self) -> impl Iterator<Item = (usize, &MemoryRow)> {
        self.rows.iter().map(|((table, _), row)| (*table, row))
    }

    /// All rows and tombstones with their keys: (table, key cells, row).
    pub fn keyed_rows(&self) -> impl Iterator<Item = (usize, Vec<Value>, &MemoryRow)> {
        self.rows
            .iter()
            .map(|(key, row)| (key.0, self.key_cells(key), row))
    }

    /// The live rows of a table, each as its cells, in key order.
    pub fn table(&self, table: usize) -> Vec<Vec<Value>> {
        self.rows
            .iter()
            .filter(|((of, _), _)| *of == table)
            .filter_map(|(_, row)| row.cells())
            .collect()
    }

    /// The keys of rows left for later sessions.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The rows left for later sessions: (table, key cells).
    pub fn waiting_keys(&self) -> impl Iterator<Item = (usize, Vec<Value>)> {
        self.waiting
            .values()
            .map(|key| (key.0, self.key_cells(key)))
    }

    /// Whether the replica knows no other and was never a source: it would adopt rows that it holds already.
    pub fn is_pristine(&self) -> bool {
        !self.was_source && is_alone(&self.knowledge)
    }

    /// Makes every write of this row fail (or lets it succeed again), as a constraint would.
    pub fn reject(&mut self, table: usize, key: &[Value], rejected: bool) {
        let key = (
            table,
            pack(key.iter().map(Value::as_ref))
                .row(0)
                .as_bytes()
                .to_vec(),
        );
        if rejected {
            self.rejecting.insert(key);
        } else {
            self.rejecting.remove(&key);
        }
    }

    /// Writes a row locally, at `time`: an insert or an update. A row that holds these cells already gets no new version.
    pub fn write(&mut self, table: usize, cells: &[Value], time: i64) {
        let packed = pack(cells.iter().map(Value::as_ref));
        let key = self.key_of(table, packed.row(0));
        let before = self.rows.get(&key);
        if before.is_some_and(|row| !row.facts.tombstone && row.cells == packed) {
            return;
        }
        let create = before.map(|row| row.facts.create);
        let update = self.next_version();
        let facts = RowFacts {
            create: create.unwrap_or(update),
            update,
            tombstone: false,
        };
        self.rows.insert(
            key,
            MemoryRow {
                facts,
                time: Some(time),
                writer: Some(ReplicaKey::LOCAL),
                cells: packed,
            },
        );
    }

    /// Deletes a row locally, at `time`. Says whether there was one.
    pub fn delete(&mut self, table: usize, key: &[Value], time: i64) -> bool {
        let key = (
            table,
            pack(key.iter().map(Value::as_ref))
                .row(0)
                .as_bytes()
                .to_vec(),
        );
        if self.rows.get(&key).is_none_or(|row| row.facts.tombstone) {
            return false;
        }
        let update = self.next_version();
        if let Some(row) = self.rows.get_mut(&key) {
            row.facts = RowFacts {
                update,
                tombstone: true,
                ..row.facts
            };
            row.time = Some(time);
            row.writer = Some(ReplicaKey::LOCAL);
            row.cells.clear();
        }
        true
    }

    /// Removes all tombstones and remembers that all that is known by now may have been among them, as a clean-up does. More than the versions of
    /// the tombstones is remembered, so that a replica whose rows were deleted is not taken for a new one.
    pub fn clean_up(&mut self) {
        self.rows.retain(|_, row| !row.facts.tombstone);
        self.forgotten = Some(self.knowledge.clone());
    }

    pub(super) fn next_version(&mut self) -> Version {
        let tick: Tick = self.knowledge.local_tick() + 1;
        self.knowledge.set_local_tick(tick);
        Version::new(ReplicaKey::LOCAL, tick)
    }

    fn key_cells(&self, (table, key): &RowKey) -> Vec<Value> {
        let mut row = RowSet::new(self.shapes[*table].key.len());
        row.push_encoded(key);
        row.row(0).values().map(|cell| cell.to_owned()).collect()
    }

    pub(super) fn key_of(&self, table: usize, row: RowRef<'_>) -> RowKey {
        (
            table,
            self.shapes[table].key_of(row).row(0).as_bytes().to_vec(),
        )
    }

    pub(super) fn row_id(&self, table: usize, key: RowRef<'_>) -> ItemId {
        let shape = &self.shapes[table];
        // The keys of a test are short; an id that is too long would only make the row share the id of its table.
        row_id(
            &shape.global_name,
            shape
                .key
                .iter()
                .map(|&column| &shape.types[column])
                .zip(key.values()),
        )
        .unwrap_or_else(|_| ItemId::from_text(&shape.global_name))
    }
}

pub(super) fn pack<'v>(cells: impl Iterator<Item = ValueRef<'v>>) -> RowSet {
    let cells: Vec<_> = cells.collect();
    let mut row = RowSet::new(cells.len());
    row.push(cells);
    row
}
