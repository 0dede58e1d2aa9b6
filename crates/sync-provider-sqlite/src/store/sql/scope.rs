//! The statements on what a scope has beside its tables: its row, the tick counter, and the rows that wait.

use crate::ident::ident;
use crate::names::Store;

#[derive(Debug)]
pub(in crate::store) struct ScopeSql {
    /// The scope row by the scope's local id: knowledge, forgotten knowledge, tick, whether it was a source, timestamp.
    pub(in crate::store) row: String,
    /// Stores knowledge, a timestamp, by the scope's local id.
    pub(in crate::store) learn: String,
    /// Notes that changes of this replica leave it.
    pub(in crate::store) note_source: String,
    /// Moves the counter above a tick.
    pub(in crate::store) move_tick: String,
    /// Names the tracking table whose rows are applied.
    pub(in crate::store) mark_table: String,
    /// Nothing is applied any more.
    pub(in crate::store) unmark: String,
    pub(in crate::store) waiting: String,
    pub(in crate::store) forget: String,
    pub(in crate::store) remember: String,
}

impl ScopeSql {
    pub(in crate::store) fn new(store: &Store) -> Self {
        let tick = ident(&store.tick);
        let scopes = ident(&store.scopes);
        let scope_info = ident(&store.scope_info);
        let waiting = ident(&store.waiting);
        ScopeSql {
            row: format!(
                "SELECT s.scope_sync_knowledge, s.scope_tombstone_cleanup_knowledge, (SELECT tick FROM {tick}), \
                 coalesce((SELECT was_source FROM {scopes} o WHERE o.scope_local_id = s.scope_local_id), 0), \
                 coalesce(s.scope_timestamp, 0) FROM {scope_info} s WHERE s.scope_local_id = ?1"
            ),
            learn: format!(
                "UPDATE {scope_info} SET scope_sync_knowledge = ?1, scope_timestamp = ?2 WHERE scope_local_id = ?3"
            ),
            note_source: format!(
                "INSERT INTO {scopes} (scope_local_id, was_source) VALUES (?1, 1) ON CONFLICT (scope_local_id) DO UPDATE SET was_source = 1"
            ),
            move_tick: format!("UPDATE {tick} SET tick = max(tick, ?1) + 1"),
            mark_table: format!("UPDATE {tick} SET applying = ?1, applying_key = NULL"),
            unmark: format!("UPDATE {tick} SET applying = NULL, applying_key = NULL"),
            waiting: format!(
                "SELECT row_id, table_name, row_key, reason FROM {waiting} WHERE scope_local_id = ?1"
            ),
            forget: format!(
                "DELETE FROM {waiting} WHERE scope_local_id = ?1 AND row_id = ?2 AND row_key = ?3"
            ),
            remember: format!(
                "INSERT OR REPLACE INTO {waiting} (scope_local_id, row_id, table_name, row_key, reason) VALUES (?1, ?2, ?3, ?4, ?5)"
            ),
        }
    }
}
