//! What is there under the keys of a slice.

use sync_provider::{ProviderError, RowSet};
use sync_relational::{LocalEntry, LocalSlice, RowFailure, Slice};

use crate::store::keys::{bind_key, with_key};
use crate::store::open_scope::OpenScope;
use crate::store::readable::push_cells;
use crate::store::tracking_row::tracking_row;

/// `was_empty` says of the table that nothing was in it when the transaction began.
pub(super) fn read_local(
    scope: OpenScope<'_>,
    slice: Slice<'_>,
    was_empty: bool,
) -> Result<LocalSlice, ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let (shape, table) = (scope.shape(slice.table), scope.table(slice.table));
    let mut local = LocalSlice {
        entries: Vec::with_capacity(slice.rows.len()),
        cells: RowSet::new(shape.columns.len()),
        unreadable: Vec::new(),
    };
    if was_empty && !slice.repeated {
        // Within a direction every key comes once, so what was empty at the start has nothing under these keys.
        local.entries.resize(slice.rows.len(), None);
        return Ok(local);
    }
    let mut tracking = scope
        .db()
        .prepare_cached(&table.sql.tracking_row)
        .map_err(fail)?;
    let mut base = scope
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
        let (time, writer) = scope.tables.view.written(&tracking, attributes);
        let local_tick = tracking.local_update_peer_timestamp;
        local.entries.push(Some(LocalEntry {
            facts: scope.tables.view.facts(&tracking),
            time,
            writer,
            local_tick,
            cells,
        }));
    }
    Ok(local)
}
