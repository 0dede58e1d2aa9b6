//! The walk-through on SQLite.
//!
//! In the place of SQL Server's rowversions there is a clock: a table with one row, which every change moves within its own transaction. Whoever
//! changes anything holds the write lock until the commit, so the ticks are committed in their order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::Value;
use sync_provider::SyncProvider;
use sync_provider_commands::{ChangeTrackingModel, DbSyncAdapter};
use sync_provider_sqlite::SqliteCommands;

use super::{Database, Outcome, Texts, provider};

/// A file.
#[derive(Debug)]
pub struct Sqlite {
    name: &'static str,
    path: PathBuf,
}

impl Sqlite {
    /// A file of this name in a folder.
    pub fn new(folder: &Path, name: &'static str) -> Self {
        let path = folder.join(name).with_extension("db");
        Sqlite { name, path }
    }

    /// Connections for a provider.
    pub fn commands(&self) -> SqliteCommands {
        SqliteCommands::new(&self.path)
    }
}

pub const TEXTS: Texts = Texts {
    tracking: ChangeTrackingModel::Decoupled,
    schema: &[
        "CREATE TABLE scope_info (
             sync_scope_id TEXT NOT NULL, sync_scope_name TEXT PRIMARY KEY, sync_scope_knowledge BLOB, sync_scope_cleanup_knowledge BLOB,
             sync_scope_timestamp INTEGER NOT NULL DEFAULT 0
         );
         INSERT INTO scope_info (sync_scope_id, sync_scope_name) VALUES (lower(hex(randomblob(16))), 'DbSyncDemo');
         CREATE TABLE sync_clock (tick INTEGER NOT NULL);
         INSERT INTO sync_clock VALUES (0);",
        "CREATE TABLE Customer (id INTEGER PRIMARY KEY, name TEXT, age INT, country TEXT);
         CREATE TABLE CustomerMetadata (
             id INTEGER PRIMARY KEY, sync_row_is_tombstone INT NOT NULL, sync_row_timestamp INTEGER NOT NULL,
             sync_create_peer_key INT NOT NULL, sync_create_peer_timestamp INTEGER NOT NULL,
             sync_update_peer_key INT NOT NULL, sync_update_peer_timestamp INTEGER NOT NULL
         );
         CREATE INDEX CustomerMetadata_timestamp ON CustomerMetadata (sync_row_timestamp);",
        // A key that was deleted and comes back has metadata already.
        "CREATE TRIGGER customer_insert_trigger AFTER INSERT ON Customer BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             INSERT INTO CustomerMetadata SELECT NEW.id, 0, tick, 0, tick, 0, tick FROM sync_clock WHERE true
             ON CONFLICT (id) DO UPDATE SET sync_row_is_tombstone = 0, sync_row_timestamp = excluded.sync_row_timestamp,
                 sync_update_peer_key = 0, sync_update_peer_timestamp = excluded.sync_update_peer_timestamp;
         END;
         CREATE TRIGGER customer_update_trigger AFTER UPDATE ON Customer BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE CustomerMetadata SET sync_update_peer_key = 0, sync_update_peer_timestamp = (SELECT tick FROM sync_clock),
                 sync_row_timestamp = (SELECT tick FROM sync_clock) WHERE id = NEW.id;
         END;
         CREATE TRIGGER customer_delete_trigger AFTER DELETE ON Customer BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE CustomerMetadata SET sync_row_is_tombstone = 1, sync_update_peer_key = 0,
                 sync_update_peer_timestamp = (SELECT tick FROM sync_clock), sync_row_timestamp = (SELECT tick FROM sync_clock) WHERE id = OLD.id;
         END;",
    ],
    select_new_timestamp: "SELECT tick AS sync_new_timestamp FROM sync_clock",
    select_scope_info: "SELECT sync_scope_id, sync_scope_knowledge, sync_scope_cleanup_knowledge, sync_scope_timestamp FROM scope_info
         WHERE sync_scope_name = @sync_scope_name",
    update_scope_info: "UPDATE scope_info SET sync_scope_knowledge = @sync_scope_knowledge,
             sync_scope_cleanup_knowledge = @sync_scope_cleanup_knowledge, sync_scope_timestamp = sync_scope_timestamp + 1
         WHERE sync_scope_name = @sync_scope_name AND (@sync_check_concurrency = 0 OR sync_scope_timestamp = @sync_scope_timestamp)",
    select_incremental_changes: "SELECT m.*, c.name, c.age, c.country FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id
         WHERE m.sync_row_timestamp > @sync_min_timestamp",
    select_row: "SELECT m.*, c.name, c.age, c.country FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id WHERE m.id = @id",
    insert: "INSERT INTO Customer (id, name, age, country) VALUES (@id, @name, @age, @country)",
    update: "UPDATE Customer SET name = @name, age = @age, country = @country WHERE id = @id AND EXISTS (
             SELECT 1 FROM CustomerMetadata m WHERE m.id = @id AND (m.sync_row_timestamp <= @sync_min_timestamp OR @sync_force_write = 1))",
    delete: "DELETE FROM Customer WHERE id = @id AND EXISTS (
             SELECT 1 FROM CustomerMetadata m WHERE m.id = @id AND (m.sync_row_timestamp <= @sync_min_timestamp OR @sync_force_write = 1))",
    insert_metadata: "UPDATE sync_clock SET tick = tick + 1;
         INSERT INTO CustomerMetadata SELECT @id, @sync_row_is_tombstone, tick, @sync_create_peer_key, @sync_create_peer_timestamp,
             @sync_update_peer_key, @sync_update_peer_timestamp FROM sync_clock",
    update_metadata: "UPDATE sync_clock SET tick = tick + 1;
         UPDATE CustomerMetadata SET sync_row_is_tombstone = @sync_row_is_tombstone, sync_row_timestamp = (SELECT tick FROM sync_clock),
             sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp,
             sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp
         WHERE id = @id AND (@sync_check_concurrency = 0 OR sync_row_timestamp = @sync_row_timestamp)",
    delete_metadata: "DELETE FROM CustomerMetadata WHERE id = @id AND (@sync_check_concurrency = 0 OR sync_row_timestamp = @sync_row_timestamp)",
};

#[async_trait]
impl Database for Sqlite {
    fn name(&self) -> &'static str {
        self.name
    }

    fn texts(&self) -> &'static Texts {
        &TEXTS
    }

    async fn execute(&self, sql: &str) -> Outcome<()> {
        Ok(Connection::open(&self.path)?.execute_batch(sql)?)
    }

    async fn rows(&self, sql: &str) -> Outcome<Vec<Vec<String>>> {
        let connection = Connection::open(&self.path)?;
        let mut statement = connection.prepare(sql)?;
        let width = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..width)
                .map(|column| {
                    Ok(match row.get(column)? {
                        Value::Null => "NULL".to_owned(),
                        Value::Integer(number) => number.to_string(),
                        Value::Real(number) => number.to_string(),
                        Value::Text(text) => text,
                        Value::Blob(bytes) => super::hex(&bytes),
                    })
                })
                .collect()
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn provider(&self, customer: DbSyncAdapter) -> Outcome<Arc<dyn SyncProvider>> {
        Ok(provider(self.texts(), self.commands(), customer)?)
    }
}
