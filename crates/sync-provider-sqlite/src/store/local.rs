//! What is there under the keys of a slice.

use sync_decision::TableShape;
use sync_metadata::ValueRef;
use sync_provider::{ProviderError, RowRef, RowSet};
use sync_relational::{LocalEntry, LocalSlice, RowFailure, Slice};

use crate::store::SqliteStore;
use crate::store::readable::push_cells;
use crate::store::scan::{bind_key, tracking_row};

impl SqliteStore {
    pub(super) fn read_local(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        let mut local = LocalSlice {
            entries: Vec::with_capacity(slice.rows.len()),
            cells: RowSet::new(shape.columns.len()),
            unreadable: Vec::new(),
        };
        if self.applying()?.empty[slice.table] && !slice.repeated {
            // Within a direction every key comes once, so what was empty at the start has nothing under these keys.
            local.entries.resize(slice.rows.len(), None);
            return Ok(local);
        }
        let mut tracking = self
            .db()
            .prepare_cached(&table.sql.tracking_row)
            .map_err(fail)?;
        let mut base = self
            .db()
            .prepare_cached(&table.sql.base_row)
            .map_err(fail)?;
        for (index, row) in slice.rows.iter().enumerate() {
            with_key(shape, slice, row, |key| {
                bind_key(&mut tracking, 1, key, shape, &table.affinities)
            })?;
            let mut found = tracking.raw_query();
            let Some(entry) = found.next().map_err(fail)? else {
                local.entries.push(None);
                continue;
            };
            let (tracking, attributes) = tracking_row(entry, 0).map_err(fail)?;
            let mut cells = None;
            if !tracking.tombstone {
                with_key(shape, slice, row, |key| {
                    bind_key(&mut base, 1, key, shape, &table.affinities)
                })?;
                let mut found = base.raw_query();
                if let Some(live) = found.next().map_err(fail)? {
                    match push_cells(live, 0, &mut local.cells, shape) {
                        Ok(()) => cells = Some(local.cells.len() - 1),
                        Err(unreadable) => local.unreadable.push(RowFailure {
                            row: index,
                            reason: format!(
                                "the row that is here cannot be read: {}",
                                unreadable.reason(shape)
                            ),
                            metadata: false,
                        }),
                    }
                }
            }
            let (time, writer) = self.lens.written(&tracking, attributes);
            let local_tick = tracking.local_update_peer_timestamp;
            local.entries.push(Some(LocalEntry {
                facts: self.lens.facts(&tracking),
                time,
                writer,
                local_tick,
                cells,
            }));
        }
        Ok(local)
    }
}

/// Gives the key cells of a row of a slice.
pub(super) fn with_key<T>(
    shape: &TableShape,
    slice: Slice<'_>,
    row: RowRef<'_>,
    take: impl FnOnce(&mut dyn Iterator<Item = ValueRef<'_>>) -> T,
) -> T {
    if slice.deleted {
        return take(&mut row.values());
    }
    if let [only] = shape.key[..] {
        return take(&mut row.values().skip(only).take(1));
    }
    let cells: Vec<ValueRef<'_>> = row.values().collect();
    take(&mut shape.key.iter().map(|&column| cells[column]))
}
