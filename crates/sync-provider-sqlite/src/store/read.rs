//! Reading a whole replica, for a look that changes nothing.

use std::path::Path;
use std::time::Duration;

use sync_knowledge::Tick;
use sync_provider::{ProviderError, RowSet};
use sync_relational::{ReplicaRow, UnreadableRow, UntrackedRow};

use crate::connection::Access;
use crate::store::SqliteStore;
use crate::store::readable::{push_cells, push_key};
use crate::store::scan::tracking_row;
use crate::store::sql::TRACKING_WIDTH;

impl SqliteStore {
    /// Opens the store for reading only, in one snapshot.
    pub(crate) fn open_to_read(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, ProviderError> {
        let store = Self::open_as(path, scope, busy_timeout, Access::Read)?;
        store
            .db()
            .execute_batch("BEGIN")
            .map_err(|error| store.fail(&error))?;
        Ok(store)
    }

    pub(crate) fn knowledge_and_tick(&self) -> Result<(Option<Vec<u8>>, Tick), ProviderError> {
        let state = self.read_state().map_err(|error| self.fail(&error))?;
        let mut tick = state.mark;
        for table in &self.tables {
            let greatest: Option<i64> = self
                .db()
                .query_row(&table.sql.greatest_tick, [], |row| row.get(0))
                .map_err(|error| self.fail(&error))?;
            tick = tick.max(
                greatest
                    .and_then(|tick| u64::try_from(tick).ok())
                    .unwrap_or(0),
            );
        }
        Ok((state.knowledge, tick))
    }

    pub(crate) fn visit_rows(
        &self,
        table: usize,
        buffers: &mut [RowSet; 2],
        show: &mut (dyn for<'r> FnMut(Result<ReplicaRow<'r>, UnreadableRow>) + Send),
    ) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let (shape, own) = (&self.shapes[table], &self.tables[table]);
        let (keys, width) = (shape.key.len(), shape.columns.len());
        *buffers = [RowSet::new(keys), RowSet::new(width)];
        let [key, cells] = buffers;
        let mut statement = self.db().prepare(&own.sql.everything).map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            key.clear();
            cells.clear();
            if let Err(unreadable) = push_key(row, 0, key, shape) {
                show(Err(unreadable.row(shape, row, 0)));
                continue;
            }
            let (tracking, _) = tracking_row(row, keys).map_err(fail)?;
            let live = !tracking.tombstone
                && row
                    .get::<_, bool>(keys + TRACKING_WIDTH + width)
                    .map_err(fail)?;
            if live && let Err(unreadable) = push_cells(row, keys + TRACKING_WIDTH, cells, shape) {
                show(Err(unreadable.row(shape, row, 0)));
                continue;
            }
            show(Ok(ReplicaRow {
                key: key.row(0),
                facts: self.lens.facts(&tracking),
                cells: live.then(|| cells.row(0)),
            }));
        }
        Ok(())
    }

    pub(crate) fn visit_untracked_rows(
        &self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(UntrackedRow<'r>) + Send),
    ) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let shape = &self.shapes[table];
        let (mut key, mut cells) = (
            RowSet::new(shape.key.len()),
            RowSet::new(shape.columns.len()),
        );
        let mut statement = self
            .db()
            .prepare(&self.tables[table].sql.untracked)
            .map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            key.clear();
            cells.clear();
            let pushed = push_key(row, 0, &mut key, shape)
                .and_then(|()| push_cells(row, shape.key.len(), &mut cells, shape));
            show(match pushed {
                Ok(()) => Ok((key.row(0), cells.row(0))),
                Err(unreadable) => Err(unreadable.row(shape, row, 0)),
            });
        }
        Ok(())
    }
}
