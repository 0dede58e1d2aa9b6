//! The statements that write rows of one table, each looked up once per slice and bound anew for every row.
//!
//! The connection's cache hands a statement out by its text and takes it back with its bindings cleared; for each row of a first
//! synchronisation that would cost as much as half the write itself.

use rusqlite::{CachedStatement, Connection, Statement};

use crate::store::sql::table::TableSql;

/// What a statement does to one row. All but the inserts name it by its key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    InsertBase,
    UpdateBase,
    DeleteBase,
    InsertTracking,
    UpdateTracking,
    /// The tracking row with its creation version.
    ReplaceTracking,
}

/// The statements of one table that were needed so far.
pub(super) struct Statements<'db> {
    db: &'db Connection,
    sql: &'db TableSql,
    prepared: [Option<CachedStatement<'db>>; 6],
}

impl<'db> Statements<'db> {
    pub(super) fn new(db: &'db Connection, sql: &'db TableSql) -> Self {
        Statements {
            db,
            sql,
            prepared: [const { None }; 6],
        }
    }

    /// The statement for a change; `None` where a table has nothing beside its key to update.
    pub(super) fn find(&mut self, change: Change) -> rusqlite::Result<Option<&mut Statement<'db>>> {
        let place = &mut self.prepared[change as usize];
        if place.is_none() {
            let Some(text) = text(self.sql, change) else {
                return Ok(None);
            };
            *place = Some(self.db.prepare_cached(text)?);
        }
        Ok(place.as_deref_mut())
    }
}

fn text(sql: &TableSql, change: Change) -> Option<&str> {
    Some(match change {
        Change::InsertBase => &sql.insert_base,
        Change::UpdateBase => return sql.update_base.as_deref(),
        Change::DeleteBase => &sql.delete_base,
        Change::InsertTracking => &sql.insert_tracking,
        Change::UpdateTracking => &sql.update_tracking,
        Change::ReplaceTracking => &sql.update_tracking_and_creation,
    })
}
