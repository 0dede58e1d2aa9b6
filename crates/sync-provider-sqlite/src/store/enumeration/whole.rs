//! Reading a whole replica, for a look that changes nothing.

use sync_knowledge::Tick;
use sync_provider::{ProviderError, RowSet};
use sync_relational::{ReplicaRow, UnreadableRow, UntrackedRow};

use crate::store::enumeration::Snapshot;
use crate::store::readable::{push_cells, push_key};
use crate::store::sql::table::TRACKING_WIDTH;
use crate::store::tracking_row::tracking_row;

impl Snapshot<'_> {
    pub(crate) fn knowledge_and_tick(&self) -> Result<(Option<Vec<u8>>, Tick), ProviderError> {
        let state = self
            .scope
            .row()
            .map_err(|error| self.scope.fail(&error))?
            .state;
        let mut tick = state.mark;
        for table in &self.scope.tables.tables {
            let greatest: Option<i64> = self
                .scope
                .db()
                .query_row(&table.sql.greatest_tick, [], |row| row.get(0))
                .map_err(|error| self.scope.fail(&error))?;
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
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let (shape, own) = (self.scope.shape(table), self.scope.table(table));
        let (keys, width) = (shape.key.len(), shape.columns.len());
        *buffers = [RowSet::new(keys), RowSet::new(width)];
        let [key, cells] = buffers;
        let mut statement = self.scope.db().prepare(&own.sql.everything).map_err(fail)?;
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
                facts: self.scope.tables.view.facts(&tracking),
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
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let shape = self.scope.shape(table);
        let (mut key, mut cells) = (
            RowSet::new(shape.key.len()),
            RowSet::new(shape.columns.len()),
        );
        let mut statement = self
            .scope
            .db()
            .prepare(&self.scope.table(table).sql.untracked)
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
