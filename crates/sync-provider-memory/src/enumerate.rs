//! The source's side of a memory replica.

use std::collections::BTreeMap;

use crate::replica::{MemoryReplica, MemoryRow, RowKey};
use sync_decision::{Selection, check_not_outdated};
use sync_knowledge::Knowledge;
use sync_provider::RowSet;
use sync_provider::{
    BatchKind, Capability, ChangeBatch, ProviderError, ReplicaInfo, RowHead, SyncBatchParameters,
    TableChanges, TableKeys,
};

impl MemoryReplica {
    /// What it says of itself when a session begins.
    pub(super) fn info(&self) -> ReplicaInfo {
        let knowledge = self.parameters().knowledge;
        let mut info = ReplicaInfo::new(self.id().clone(), self.description().clone(), knowledge);
        info.forgotten = self
            .forgotten
            .as_ref()
            .map_or_else(Vec::new, Knowledge::to_bytes);
        info.capabilities = [Capability::RowAttributes, Capability::Rehearsal].into();
        info
    }

    /// As destination: what a source has to know.
    pub(super) fn parameters(&self) -> SyncBatchParameters {
        SyncBatchParameters {
            knowledge: self.knowledge.to_bytes(),
            remembered: self
                .waiting
                .keys()
                .map(|id| id.as_bytes().to_vec())
                .collect(),
        }
    }

    /// As destination: the keys of the rows that earlier sessions left.
    pub(super) fn wanted(&self) -> Vec<TableKeys> {
        let mut tables: BTreeMap<usize, TableKeys> = BTreeMap::new();
        for (table, key) in self.waiting.values() {
            let shape = &self.shapes[*table];
            let keys = tables.entry(*table).or_insert_with(|| TableKeys {
                table: shape.global_name.clone(),
                columns: shape.key_columns(),
                keys: RowSet::new(shape.key.len()),
            });
            keys.keys.push_encoded(key);
        }
        tables.into_values().collect()
    }

    /// As source: what the destination needs, and whether it may be served at all.
    pub(super) fn select(
        &self,
        parameters: SyncBatchParameters,
    ) -> Result<Selection, ProviderError> {
        let selection = Selection::new(
            &self.knowledge,
            &parameters.knowledge,
            parameters.remembered,
        )?;
        check_not_outdated(&self.description.name, &selection, self.forgotten.as_ref())?;
        Ok(selection)
    }

    /// As source: all changes that the destination needs, deletions from the last table to the first, then rows from the first to the last.
    pub(super) fn changes(&mut self, selection: &Selection) -> ChangeBatch {
        self.was_source = true;
        let mut batch = ChangeBatch::new(BatchKind::LastChanges);
        let forgotten = self.forgotten.as_ref();
        batch.made_with = self.knowledge.to_bytes();
        batch.forgotten = forgotten.map_or_else(Vec::new, Knowledge::to_bytes);
        batch.examined = self.rows.len() as u64;
        for table in (0..self.shapes.len()).rev() {
            batch.tables.extend(self.part(table, true, selection));
        }
        for table in 0..self.shapes.len() {
            batch.tables.extend(self.part(table, false, selection));
        }
        batch
    }

    /// As source: the rows with these keys that the destination needs.
    pub(super) fn rows_by_key(
        &self,
        selection: &Selection,
        keys: &[TableKeys],
    ) -> Result<Vec<TableChanges>, ProviderError> {
        let mut found = Vec::new();
        for wanted in keys {
            let Some(table) = self
                .shapes
                .iter()
                .position(|shape| shape.global_name == wanted.table)
            else {
                return Err(ProviderError::malformed(
                    format!("table {}", wanted.table),
                    "rows of a table outside the scope were asked for",
                ));
            };
            let rows: Vec<(RowKey, &MemoryRow)> = (wanted.keys.iter())
                .map(|key| (table, key.as_bytes().to_vec()))
                .filter_map(|key| self.rows.get(&key).map(|row| (key, row)))
                .collect();
            for deleted in [true, false] {
                found.extend(self.pack_changes(
                    table,
                    deleted,
                    selection,
                    rows.iter().map(|(key, row)| (key, *row)),
                ));
            }
        }
        Ok(found)
    }

    fn part(&self, table: usize, deleted: bool, selection: &Selection) -> Option<TableChanges> {
        let floor = selection.floor(&self.shapes[table].global_name);
        let above =
            |row: &MemoryRow| row.facts.update.replica.0 != 0 || row.facts.update.tick > floor;
        let rows = self
            .rows
            .iter()
            .filter(|((of, _), row)| *of == table && above(row));
        self.pack_changes(table, deleted, selection, rows)
    }

    fn pack_changes<'a>(
        &self,
        table: usize,
        deleted: bool,
        selection: &Selection,
        rows: impl Iterator<Item = (&'a RowKey, &'a MemoryRow)>,
    ) -> Option<TableChanges> {
        let shape = &self.shapes[table];
        let columns = if deleted {
            shape.key_columns()
        } else {
            shape.columns.clone()
        };
        let mut packed = RowSet::new(columns.len());
        let mut heads = Vec::new();
        for ((_, key), row) in rows.filter(|(_, row)| row.facts.tombstone == deleted) {
            let mut key_row = RowSet::new(shape.key.len());
            key_row.push_encoded(key);
            let needed = selection.ignores_ids() && selection.needs(&[], row.facts.update)
                || !selection.ignores_ids()
                    && selection.needs(
                        self.row_id(table, key_row.row(0)).as_bytes(),
                        row.facts.update,
                    );
            if needed {
                heads.push(RowHead {
                    create: row.facts.create,
                    update: row.facts.update,
                    time: row.time,
                    writer: row.writer,
                });
                packed.push_row(if deleted {
                    key_row.row(0)
                } else {
                    row.cells.row(0)
                });
            }
        }
        let table = shape.global_name.clone();
        (!heads.is_empty()).then_some(TableChanges {
            table,
            columns,
            deleted,
            heads,
            rows: packed,
        })
    }
}
