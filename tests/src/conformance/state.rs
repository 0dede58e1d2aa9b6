//! What a replica holds, as values that can be compared across providers.

use std::collections::BTreeMap;

use sync_knowledge::{Knowledge, ReplicaId, Tick, Version};
use sync_metadata::{Value, row_id};

/// A version with its replica by id, so that replicas can be compared.
pub(super) type GlobalVersion = (ReplicaId, Tick);

/// A row or a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The cells in the neutral order; `None` for a tombstone.
    pub row: Option<Vec<Value>>,
    /// Version of the last change.
    pub update: GlobalVersion,
    /// Version of the creation.
    pub create: GlobalVersion,
}

/// Everything that a replica holds.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Rows and tombstones by table and key, the key as its cells are printed.
    pub entries: BTreeMap<(usize, String), Entry>,
    /// Its knowledge, everything made there included.
    pub knowledge: Knowledge,
    /// Rows that wait for a later session; `None` where they are not remembered apart from the knowledge.
    pub waiting: Option<usize>,
}

/// The key of an entry.
pub(super) fn entry_key(table: usize, key: &[Value]) -> (usize, String) {
    (table, format!("{key:?}"))
}

impl State {
    /// The row under a key; `None` for a tombstone and where there is nothing.
    pub fn row(&self, table: usize, key: &[Value]) -> Option<&Vec<Value>> {
        self.entry(table, key)?.row.as_ref()
    }

    /// The row or tombstone under a key.
    pub fn entry(&self, table: usize, key: &[Value]) -> Option<&Entry> {
        self.entries.get(&entry_key(table, key))
    }

    /// Fails unless so many rows wait.
    pub fn assert_waiting(&self, rows: usize, context: &str) {
        match self.waiting {
            Some(waiting) => assert_eq!(waiting, rows, "{context}: rows wait"),
            None => assert_eq!(
                self.knowledge.is_uniform(),
                rows == 0,
                "{context}: rows that wait are exceptions"
            ),
        }
    }

    /// What a clean-up of all tombstones forgets: everything known, and of what was made here everything up to the last change, for the counter may be
    /// further on and nobody has heard of that.
    pub fn forgettable(&self) -> Knowledge {
        let own = self.knowledge.key_map().own();
        let ticks = self.entries.values().map(|entry| &entry.update);
        let own = ticks.filter(|(replica, _)| replica == own);
        let mut knowledge = self.knowledge.clone();
        knowledge.set_local_tick(own.map(|(_, tick)| *tick).max().unwrap_or(0));
        knowledge
    }

    /// All live rows.
    pub fn rows(&self) -> BTreeMap<&(usize, String), &Vec<Value>> {
        self.entries
            .iter()
            .filter_map(|(key, entry)| Some((key, entry.row.as_ref()?)))
            .collect()
    }

    /// Whether the knowledge, which must have no exceptions, contains a version.
    pub fn knows(&self, (replica, tick): &GlobalVersion) -> bool {
        assert!(
            self.knowledge.is_uniform(),
            "the knowledge has exceptions: {:?}",
            self.knowledge
        );
        self.knowledge
            .key_map()
            .key(replica)
            .is_some_and(|key| self.knowledge.contains(&[], Version::new(key, *tick)))
    }

    /// Whether the knowledge contains a version of one row.
    pub fn knows_of(&self, table: usize, key: &[Value], (replica, tick): &GlobalVersion) -> bool {
        let description = super::neutral::description();
        let table = &description.tables[table];
        let types = table
            .key_positions()
            .map(|column| &table.columns[column].sql_type);
        let id = row_id(&table.global_name, types.zip(key.iter().map(Value::as_ref)));
        let id = id.expect("the key is short");
        self.knowledge.key_map().key(replica).is_some_and(|key| {
            self.knowledge
                .contains(id.as_bytes(), Version::new(key, *tick))
        })
    }
}

/// Fails unless the replicas hold the same rows, tombstones and versions, and each knows all of them without exceptions.
pub(super) fn assert_converged(states: &[State]) {
    for state in states {
        assert_eq!(state.rows(), states[0].rows(), "rows differ");
        assert_eq!(
            state.entries, states[0].entries,
            "tombstones or versions differ"
        );
        state.assert_waiting(0, "in the end");
        for other in states {
            for (key, entry) in &other.entries {
                assert!(
                    state.knows(&entry.update),
                    "a version of {key:?} is not known: {entry:?}"
                );
            }
        }
    }
}
