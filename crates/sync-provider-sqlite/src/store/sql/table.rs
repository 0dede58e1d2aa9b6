//! The statements for one table of a scope.

use sync_decision::TableShape;
use sync_metadata::TRACKING_COLUMNS;

use crate::ident::{bound, holders, ident, join, list, pairs};
use crate::names::TableObjects;

/// Columns read of a tracking row: Microsoft's, then ours.
pub(in crate::store) const TRACKING_WIDTH: usize = TRACKING_COLUMNS.len() + 2;

#[derive(Debug)]
pub(in crate::store) struct TableSql {
    pub(in crate::store) is_empty: String,
    pub(in crate::store) base: String,
    pub(in crate::store) keys: Vec<String>,
    /// Live rows or tombstones above a tick: `[live, deleted]`, each from the start and behind a cursor. Key columns, then the tracking row.
    pub(in crate::store) above: [[String; 2]; 2],
    /// All live rows in key order, with their base cells: from the start and behind a key. Key columns, tracking row, base cells, then
    /// whether there is a base row.
    pub(in crate::store) all: [String; 2],
    /// As `all` from the start, tombstones included.
    pub(in crate::store) everything: String,
    /// Rows that no live tracking row stands for: key columns, then all.
    pub(in crate::store) untracked: String,
    pub(in crate::store) tracking_row: String,
    pub(in crate::store) base_row: String,
    pub(in crate::store) insert_base: String,
    /// The columns by key, key columns left out unless `respells`; `None` where there are none.
    pub(in crate::store) update_base: Option<String>,
    /// Equal keys may be spelt differently, so that an update writes the key too.
    pub(in crate::store) respells: bool,
    pub(in crate::store) delete_base: String,
    pub(in crate::store) insert_tracking: String,
    pub(in crate::store) update_tracking: String,
    pub(in crate::store) update_tracking_and_creation: String,
    pub(in crate::store) local_change: String,
    pub(in crate::store) greatest_tick: String,
    pub(in crate::store) any_from_tick: String,
    /// Names the very row that is written, by its key.
    pub(in crate::store) mark_row: String,
    /// The key as it is spelled here.
    pub(in crate::store) stored_key: String,
}

impl TableSql {
    pub(in crate::store) fn new(
        name: &str,
        objects: &TableObjects,
        tick: &str,
        shape: &TableShape,
        respells: bool,
        user_triggers: bool,
    ) -> Self {
        // The conflict clause of a statement goes before those in the table's declaration, which could replace other rows silently. It also goes
        // before those in the user's triggers, so it is left out where there are such.
        let or_abort = if user_triggers { "" } else { " OR ABORT" };
        let base = ident(name);
        let tracking = ident(&objects.tracking);
        let keys = shape.key_columns();
        let columns = &shape.columns;
        let others: Vec<String> = columns
            .iter()
            .filter(|name| respells || !keys.contains(name))
            .cloned()
            .collect();
        let tkeys = join(&keys, ", ", |name| format!("t.{}", ident(name)));
        let versions: Vec<String> = TRACKING_COLUMNS
            .iter()
            .map(|name| format!("t.{name}"))
            .collect();
        let versions = format!("{}, t.sync_write_time, t.sync_writer", versions.join(", "));
        let n = keys.len();
        let above = |deleted: bool, after: bool| {
            let index = if deleted {
                &objects.tombstone_index
            } else {
                &objects.tick_index
            };
            let range = if after {
                format!(
                    "(t.local_update_peer_timestamp, {tkeys}) > (?1, {})",
                    holders(2, n)
                )
            } else {
                "t.local_update_peer_timestamp > ?1".to_owned()
            };
            format!(
                "SELECT {tkeys}, {versions} FROM {tracking} t INDEXED BY {} WHERE t.sync_row_is_tombstone = {} AND {range} \
                 ORDER BY t.local_update_peer_timestamp, {tkeys}",
                ident(index),
                i32::from(deleted)
            )
        };
        let all = |condition: &str| {
            format!(
                "SELECT {tkeys}, {versions}, {}, b.{} IS NOT NULL FROM {tracking} t LEFT JOIN {base} b ON {} \
                 WHERE {condition} ORDER BY {tkeys}",
                join(columns, ", ", |name| format!("b.{}", ident(name))),
                ident(&keys[0]),
                pairs(&keys, "b", "t"),
            )
        };
        let by_key = |first| bound(&keys, "t", first);
        let creation = "create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_timestamp";
        let update = format!(
            "UPDATE {tracking} AS t SET update_scope_local_id = ?1, scope_update_peer_key = ?2, scope_update_peer_timestamp = ?3, \
             local_update_peer_key = 0, local_update_peer_timestamp = ?4, sync_row_is_tombstone = ?5, restore_timestamp = NULL, \
             last_change_datetime = ?6, sync_write_time = ?7, sync_writer = ?8"
        );
        let key_text: Vec<String> = (1..=n).map(|n| format!("quote(?{n})")).collect();
        let key_text = key_text.join(" || ',' || ");
        TableSql {
            is_empty: format!(
                "SELECT NOT EXISTS (SELECT 1 FROM {tracking}) AND NOT EXISTS (SELECT 1 FROM {base})"
            ),
            above: [
                [above(false, false), above(false, true)],
                [above(true, false), above(true, true)],
            ],
            all: [
                all("t.sync_row_is_tombstone = 0"),
                all(&format!(
                    "t.sync_row_is_tombstone = 0 AND ({tkeys}) > ({})",
                    holders(1, n)
                )),
            ],
            everything: all("true"),
            untracked: format!(
                "SELECT {}, {} FROM {base} b WHERE NOT EXISTS (SELECT 1 FROM {tracking} t WHERE {} AND t.sync_row_is_tombstone = 0)",
                join(&keys, ", ", |name| format!("b.{}", ident(name))),
                join(columns, ", ", |name| format!("b.{}", ident(name))),
                pairs(&keys, "t", "b"),
            ),
            tracking_row: format!("SELECT {versions} FROM {tracking} t WHERE {}", by_key(1)),
            base_row: format!("SELECT {} FROM {base} t WHERE {}", list(columns), by_key(1)),
            insert_base: format!(
                "INSERT{or_abort} INTO {base} ({}) VALUES ({})",
                list(columns),
                holders(1, columns.len())
            ),
            update_base: (!others.is_empty()).then(|| {
                let set: Vec<String> = others
                    .iter()
                    .enumerate()
                    .map(|(n, name)| format!("{} = ?{}", ident(name), n + 1))
                    .collect();
                format!(
                    "UPDATE{or_abort} {base} AS t SET {} WHERE {}",
                    set.join(", "),
                    by_key(others.len() + 1)
                )
            }),
            respells,
            delete_base: format!("DELETE FROM {base} AS t WHERE {}", by_key(1)),
            insert_tracking: format!(
                "INSERT INTO {tracking} (update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_timestamp, \
                 sync_row_is_tombstone, last_change_datetime, sync_write_time, sync_writer, {creation}, local_update_peer_key, \
                 local_create_peer_key, {}) VALUES ({}, 0, 0, {})",
                list(&keys),
                holders(1, 12),
                holders(13, n)
            ),
            update_tracking: format!("{update} WHERE {}", by_key(13)),
            update_tracking_and_creation: format!(
                "{update}, create_scope_local_id = ?9, scope_create_peer_key = ?10, scope_create_peer_timestamp = ?11, local_create_peer_key = 0, \
                 local_create_peer_timestamp = ?12 WHERE {}",
                by_key(13)
            ),
            local_change: format!(
                "UPDATE {tracking} AS t SET update_scope_local_id = NULL, local_update_peer_key = 0, \
                 local_update_peer_timestamp = local_update_peer_timestamp + 1, last_change_datetime = ?1, sync_row_is_tombstone = ?2 WHERE {}",
                by_key(3)
            ),
            greatest_tick: format!("SELECT max(local_update_peer_timestamp) FROM {tracking}"),
            any_from_tick: format!(
                "SELECT EXISTS (SELECT 1 FROM {tracking} WHERE local_update_peer_timestamp >= ?1)"
            ),
            mark_row: format!("UPDATE {} SET applying_key = {key_text}", ident(tick)),
            stored_key: format!("SELECT {tkeys} FROM {base} t WHERE {}", by_key(1)),
            base,
            keys,
        }
    }
}
