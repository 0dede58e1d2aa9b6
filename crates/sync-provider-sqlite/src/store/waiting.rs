//! The rows that wait for a later session.

use rusqlite::params;
use sync_knowledge::ItemId;
use sync_provider::ProviderError;
use sync_relational::{Learned, Waiting};

use crate::store::open_scope::OpenScope;

pub(super) fn read_waiting(scope: OpenScope<'_>) -> Result<Vec<Waiting>, ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let tables = scope.tables;
    let mut statement = scope
        .db()
        .prepare_cached(&tables.sql.waiting)
        .map_err(fail)?;
    let rows = statement.query_map([tables.scope_local_id], |row| {
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Vec<u8>>(2)?,
            row.get::<_, String>(3)?,
        ))
    });
    let mut waiting = Vec::new();
    for row in rows.map_err(fail)? {
        let (id, name, key, reason) = row.map_err(fail)?;
        // A table that has left the scope has nothing to wait for.
        if let Some(table) = tables
            .shapes
            .iter()
            .position(|shape| shape.global_name == name)
        {
            waiting.push(Waiting {
                id: ItemId::from_bytes(&id),
                table,
                key,
                reason,
            });
        }
    }
    Ok(waiting)
}

pub(super) fn write_waiting(scope: OpenScope<'_>, learned: &Learned) -> rusqlite::Result<()> {
    let tables = scope.tables;
    let mut forget = scope.db().prepare_cached(&tables.sql.forget)?;
    for (id, key) in &learned.forget {
        forget.execute(params![tables.scope_local_id, id.as_bytes(), key])?;
    }
    let mut remember = scope.db().prepare_cached(&tables.sql.remember)?;
    for row in &learned.remember {
        let name = &tables.shapes[row.table].global_name;
        remember.execute(params![
            tables.scope_local_id,
            row.id.as_bytes(),
            name,
            row.key,
            row.reason
        ])?;
    }
    Ok(())
}
