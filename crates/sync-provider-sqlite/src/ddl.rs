//! The statements that make a store's tables.

use crate::catalog::TableInfo;
use crate::ident::{ident, join, list};
use crate::names::{Store, TableObjects};
use crate::types::{Affinity, affinity};

/// The store's own tables, each left alone where it exists: Microsoft's columns first and in their order, in SQLite's types.
pub(crate) fn store_tables(store: &Store) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {} (scope_local_id INTEGER PRIMARY KEY AUTOINCREMENT, scope_id TEXT NOT NULL, \
             sync_scope_name TEXT NOT NULL UNIQUE, scope_sync_knowledge BLOB, scope_tombstone_cleanup_knowledge BLOB, \
             scope_timestamp INTEGER, scope_config_id TEXT, scope_restore_count INTEGER NOT NULL DEFAULT 0, scope_user_comment TEXT)",
            ident(&store.scope_info)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (config_id TEXT NOT NULL PRIMARY KEY, config_data TEXT NOT NULL, scope_status TEXT)",
            ident(&store.scope_config)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (schema_major_version INTEGER NOT NULL, schema_minor_version INTEGER NOT NULL, \
             schema_extended_info TEXT NOT NULL, PRIMARY KEY (schema_major_version, schema_minor_version))",
            ident(&store.schema_info)
        ),
        // `tick` is what changes are stamped with now. While rows are applied, `applying` names the tracking table of the table that is
        // written, and `applying_key` the row where only that row is meant.
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), tick INTEGER NOT NULL, applying TEXT, applying_key TEXT)",
            ident(&store.tick)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (scope_local_id INTEGER NOT NULL PRIMARY KEY, was_source INTEGER NOT NULL DEFAULT 0)",
            ident(&store.scopes)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (scope_local_id INTEGER NOT NULL, row_id BLOB NOT NULL, table_name TEXT NOT NULL, \
             row_key BLOB NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (scope_local_id, row_id, row_key)) WITHOUT ROWID",
            ident(&store.waiting)
        ),
        format!(
            "INSERT OR IGNORE INTO {} (id, tick) VALUES (1, 1)",
            ident(&store.tick)
        ),
        format!(
            "INSERT OR IGNORE INTO {} VALUES (2, 1, '')",
            ident(&store.schema_info)
        ),
    ]
}

/// The tracking table of a table, its indexes, and the helper table where rows can be replaced.
pub(crate) fn tracking_table(table: &TableInfo, objects: &TableObjects) -> Vec<String> {
    let keys = table.key_names();
    let rowid = if table.has_rowid_key() {
        ""
    } else {
        " WITHOUT ROWID"
    };
    let columns = key_columns(table);
    let mut statements = vec![
        format!(
            "CREATE TABLE {} ({columns}, update_scope_local_id INTEGER, scope_update_peer_key INTEGER, scope_update_peer_timestamp INTEGER, \
             local_update_peer_key INTEGER NOT NULL, local_update_peer_timestamp INTEGER NOT NULL, create_scope_local_id INTEGER, \
             scope_create_peer_key INTEGER, scope_create_peer_timestamp INTEGER, local_create_peer_key INTEGER NOT NULL, \
             local_create_peer_timestamp INTEGER NOT NULL, sync_row_is_tombstone INTEGER NOT NULL, restore_timestamp INTEGER, \
             last_change_datetime INTEGER, sync_write_time INTEGER, sync_writer INTEGER, PRIMARY KEY ({})){rowid}",
            ident(&objects.tracking),
            list(&keys)
        ),
        format!(
            "CREATE INDEX {} ON {} (local_update_peer_timestamp, {})",
            ident(&objects.tick_index),
            ident(&objects.tracking),
            list(&keys)
        ),
        format!(
            "CREATE INDEX {} ON {} (local_update_peer_timestamp, {}) WHERE sync_row_is_tombstone = 1",
            ident(&objects.tombstone_index),
            ident(&objects.tracking),
            list(&keys)
        ),
    ];
    if !table.unique.is_empty() {
        statements.push(format!(
            "CREATE TABLE {} ({columns}, PRIMARY KEY ({})) WITHOUT ROWID",
            ident(&objects.replaced),
            list(&keys)
        ));
    }
    statements
}

/// Tracks the rows that are there already, all with the tick of now, as changes of this replica.
pub(crate) fn populate(store: &Store, table: &TableInfo, objects: &TableObjects) -> String {
    let keys = table.key_names();
    format!(
        "INSERT INTO {tracking} ({keys}, local_update_peer_key, local_update_peer_timestamp, local_create_peer_key, \
         local_create_peer_timestamp, sync_row_is_tombstone) SELECT {bkeys}, 0, c.tick, 0, c.tick, 0 FROM {base} b CROSS JOIN {counter} c \
         ORDER BY {bkeys}",
        tracking = ident(&objects.tracking),
        keys = list(&keys),
        bkeys = join(&keys, ", ", |name| format!("b.{}", ident(name))),
        base = ident(&table.name),
        counter = ident(&store.tick),
    )
}

fn key_columns(table: &TableInfo) -> String {
    let columns: Vec<String> = table
        .key
        .iter()
        .map(|&column| {
            let info = &table.columns[column];
            let declared = match affinity(&info.declared) {
                Affinity::Integer => " INTEGER",
                Affinity::Text => " TEXT",
                Affinity::Real => " REAL",
                Affinity::Numeric => " NUMERIC",
                Affinity::Blob => "",
            };
            let collation = info
                .key_collation
                .as_ref()
                .map_or_else(String::new, |name| format!(" COLLATE {}", ident(name)));
            format!("{}{declared} NOT NULL{collation}", ident(&info.name))
        })
        .collect();
    columns.join(", ")
}
