//! The rows that wait for a later session.

use rusqlite::params;
use sync_knowledge::ItemId;
use sync_provider::ProviderError;
use sync_relational::{Learned, Waiting};

use crate::ident::ident;
use crate::store::SqliteStore;

impl SqliteStore {
    pub(super) fn read_waiting(&self) -> Result<Vec<Waiting>, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let sql = format!(
            "SELECT row_id, table_name, row_key, reason FROM {} WHERE scope_local_id = ?1",
            ident(&self.names.waiting)
        );
        let mut statement = self.db().prepare_cached(&sql).map_err(fail)?;
        let rows = statement.query_map([self.scope_local_id], |row| {
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
            if let Some(table) = self
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

    pub(super) fn write_waiting(&self, learned: &Learned) -> rusqlite::Result<()> {
        let table = ident(&self.names.waiting);
        let sql = format!(
            "DELETE FROM {table} WHERE scope_local_id = ?1 AND row_id = ?2 AND row_key = ?3"
        );
        let mut forget = self.db().prepare_cached(&sql)?;
        for (id, key) in &learned.forget {
            forget.execute(params![self.scope_local_id, id.as_bytes(), key])?;
        }
        let sql = format!(
            "INSERT OR REPLACE INTO {table} (scope_local_id, row_id, table_name, row_key, reason) VALUES (?1, ?2, ?3, ?4, ?5)"
        );
        let mut remember = self.db().prepare_cached(&sql)?;
        for row in &learned.remember {
            let name = &self.shapes[row.table].global_name;
            remember.execute(params![
                self.scope_local_id,
                row.id.as_bytes(),
                name,
                row.key,
                row.reason
            ])?;
        }
        Ok(())
    }
}
