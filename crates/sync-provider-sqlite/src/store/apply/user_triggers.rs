//! Rows of tables on which the user has triggers: what they do to the row that fired them is a change of this replica.

use sync_decision::TableShape;
use sync_metadata::content_eq;
use sync_provider::{ProviderError, RowRef, RowSet};

use crate::store::apply::row::RowWriter;
use crate::store::apply::tracking::tracking_error;
use crate::store::apply::write_error::WriteError;
use crate::store::readable::push_cells;
use crate::store::tracking_row::tracking_row;

impl RowWriter<'_> {
    /// The tick that the tracking row has now. Where the user has triggers of his own, a row of the slice may have changed since it was
    /// decided about.
    pub(super) fn local_tick(&self, row: RowRef<'_>) -> Result<Option<i64>, ProviderError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let sql = &self.table.sql.tracking_row;
        let mut statement = self.scope.db().prepare_cached(sql).map_err(fail)?;
        self.scope
            .bind_row_key(&mut statement, 1, self.slice, row)?;
        let mut rows = statement.raw_query();
        let Some(found) = rows.next().map_err(fail)? else {
            return Ok(None);
        };
        let (tracking, _) = tracking_row(found, 0).map_err(fail)?;
        Ok(Some(tracking.local_update_peer_timestamp))
    }

    /// Where the user has triggers of his own: names the very row that is written, so that what they write elsewhere is tracked.
    pub(super) fn mark_row(&self, row: RowRef<'_>) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let mut statement = self
            .scope
            .db()
            .prepare_cached(&self.table.sql.mark_row)
            .map_err(fail)?;
        self.scope
            .bind_row_key(&mut statement, 1, self.slice, row)?;
        statement.raw_execute().map_err(fail)?;
        Ok(())
    }

    /// If the user's triggers put the very row back that was deleted, that is a change of this replica.
    pub(super) fn note_return(&self, row: RowRef<'_>) -> Result<(), WriteError> {
        if self.is_gone(row)? {
            return Ok(());
        }
        self.change_locally(row, false)
    }

    /// Makes the row a change of this replica, dead or live.
    fn change_locally(&self, row: RowRef<'_>, dead: bool) -> Result<(), WriteError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let sql = &self.table.sql.local_change;
        let mut statement = self.scope.db().prepare_cached(sql).map_err(fail)?;
        statement
            .raw_bind_parameter(1, self.stamp.now)
            .map_err(fail)?;
        statement.raw_bind_parameter(2, dead).map_err(fail)?;
        self.scope
            .bind_row_key(&mut statement, 3, self.slice, row)?;
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(error) => Err(tracking_error(self.scope, &error)),
        }
    }

    /// If the user's triggers changed the very row that was written, that is a change of this replica.
    pub(super) fn note_own_change(&self, row: RowRef<'_>) -> Result<(), WriteError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let (shape, table) = (self.shape, self.table);
        let mut stored = RowSet::new(shape.columns.len());
        let mut is_gone = true;
        {
            let mut statement = self
                .scope
                .db()
                .prepare_cached(&table.sql.base_row)
                .map_err(fail)?;
            self.scope
                .bind_row_key(&mut statement, 1, self.slice, row)?;
            let mut rows = statement.raw_query();
            if let Some(found) = rows.next().map_err(fail)? {
                is_gone = false;
                // What cannot be read is not what was written.
                let _ = push_cells(found, 0, &mut stored, shape);
            }
        }
        if !stored.is_empty() && same_content(shape, stored.row(0), row) {
            return Ok(());
        }
        self.change_locally(row, is_gone)
    }
}

fn same_content(shape: &TableShape, a: RowRef<'_>, b: RowRef<'_>) -> bool {
    shape
        .types
        .iter()
        .zip(a.values().zip(b.values()))
        .all(|(ty, (a, b))| content_eq(ty, a, b))
}
