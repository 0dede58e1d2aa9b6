//! The walk-through on SQL Server.
//!
//! A row's tick is the rowversion of its metadata. The walk-through has triggers write `@@DBTS + 1` as the tick of a change, and takes `@@DBTS` for the
//! tick of now: both lose changes, as `docs/custom-providers.md` shows. Here a local change leaves `sync_update_peer_timestamp` NULL, the commands that select
//! give the rowversion in its place, and the tick of now is `MIN_ACTIVE_ROWVERSION() - 1`.

use std::sync::Arc;

use async_trait::async_trait;
use sync_provider::SyncProvider;
use sync_provider_commands::{ChangeTrackingModel, DbSyncAdapter};
use sync_provider_mssql::MssqlCommands;
use sync_tests::support::blocking::value;
use sync_tests::support::sql_server::ServerDatabase;

use super::{Database, Outcome, Texts, provider};

/// A database of the server that `SYNC_TEST_MSSQL` names.
#[derive(Debug)]
pub struct SqlServer {
    name: &'static str,
    pub database: ServerDatabase,
}

impl SqlServer {
    /// Makes one, with snapshot isolation; `None` where no server is named.
    pub async fn new(name: &'static str) -> Outcome<Option<Self>> {
        if std::env::var_os("SYNC_TEST_MSSQL").is_none() {
            return Ok(None);
        }
        let end = format!("_{name}");
        let Some(database) = ServerDatabase::with_name("getting_started", &end).await else {
            return Ok(None);
        };
        let made = SqlServer { name, database };
        let state = "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME() AND snapshot_isolation_state = 1";
        if made.rows(state).await?.is_empty() {
            made.execute("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON")
                .await?;
        }
        Ok(Some(made))
    }

    /// Connections for a provider.
    pub fn commands(&self) -> MssqlCommands {
        MssqlCommands::with_connections(Arc::new(self.database.connections.clone()))
    }
}

pub const TEXTS: Texts = Texts {
    tracking: ChangeTrackingModel::Decoupled,
    schema: &[
        "CREATE TABLE scope_info (
             sync_scope_id uniqueidentifier NOT NULL DEFAULT NEWID(), sync_scope_name nvarchar(100) NOT NULL PRIMARY KEY,
             sync_scope_knowledge varbinary(max) NULL, sync_scope_cleanup_knowledge varbinary(max) NULL, sync_scope_timestamp rowversion
         )",
        "INSERT INTO scope_info (sync_scope_name) VALUES (N'DbSyncDemo')",
        "CREATE TABLE Customer (id int NOT NULL PRIMARY KEY, name nvarchar(100), age int, country nvarchar(100))",
        "CREATE TABLE CustomerMetadata (
             id int NOT NULL PRIMARY KEY, sync_row_is_tombstone int NOT NULL, sync_row_timestamp rowversion,
             sync_create_peer_key int NOT NULL, sync_create_peer_timestamp bigint NOT NULL,
             sync_update_peer_key int NOT NULL, sync_update_peer_timestamp bigint NULL
         )",
        "CREATE INDEX CustomerMetadata_timestamp ON CustomerMetadata (sync_row_timestamp)",
        // A key that was deleted and comes back has metadata already.
        "CREATE TRIGGER customer_insert_trigger ON Customer FOR INSERT AS
         BEGIN
             SET NOCOUNT ON;
             UPDATE m SET sync_row_is_tombstone = 0, sync_update_peer_key = 0, sync_update_peer_timestamp = NULL
                 FROM CustomerMetadata m JOIN inserted i ON m.id = i.id;
             INSERT INTO CustomerMetadata (id, sync_row_is_tombstone, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key)
                 SELECT i.id, 0, 0, CONVERT(bigint, @@DBTS) + 1, 0 FROM inserted i WHERE NOT EXISTS (SELECT 1 FROM CustomerMetadata m WHERE m.id = i.id);
         END",
        "CREATE TRIGGER customer_update_trigger ON Customer FOR UPDATE AS
         BEGIN
             SET NOCOUNT ON;
             UPDATE m SET sync_update_peer_key = 0, sync_update_peer_timestamp = NULL FROM CustomerMetadata m JOIN inserted i ON m.id = i.id;
         END",
        "CREATE TRIGGER customer_delete_trigger ON Customer FOR DELETE AS
         BEGIN
             SET NOCOUNT ON;
             UPDATE m SET sync_row_is_tombstone = 1, sync_update_peer_key = 0, sync_update_peer_timestamp = NULL
                 FROM CustomerMetadata m JOIN deleted d ON m.id = d.id;
         END",
    ],
    select_new_timestamp: "SET @sync_new_timestamp = CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1",
    select_scope_info: "SELECT @sync_scope_id = sync_scope_id, @sync_scope_knowledge = sync_scope_knowledge,
             @sync_scope_cleanup_knowledge = sync_scope_cleanup_knowledge, @sync_scope_timestamp = CONVERT(bigint, sync_scope_timestamp)
         FROM scope_info WHERE sync_scope_name = @sync_scope_name",
    update_scope_info: "UPDATE scope_info SET sync_scope_knowledge = @sync_scope_knowledge, sync_scope_cleanup_knowledge = @sync_scope_cleanup_knowledge
         WHERE sync_scope_name = @sync_scope_name AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_scope_timestamp) = @sync_scope_timestamp);
         SET @sync_row_count = @@ROWCOUNT",
    select_incremental_changes: "SELECT m.id, c.name, c.age, c.country, m.sync_row_is_tombstone, m.sync_row_timestamp, m.sync_create_peer_key,
             m.sync_create_peer_timestamp, m.sync_update_peer_key,
             COALESCE(m.sync_update_peer_timestamp, CONVERT(bigint, m.sync_row_timestamp)) AS sync_update_peer_timestamp
         FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id WHERE CONVERT(bigint, m.sync_row_timestamp) > @sync_min_timestamp",
    select_row: "SELECT m.id, c.name, c.age, c.country, m.sync_row_is_tombstone, m.sync_row_timestamp, m.sync_create_peer_key,
             m.sync_create_peer_timestamp, m.sync_update_peer_key,
             COALESCE(m.sync_update_peer_timestamp, CONVERT(bigint, m.sync_row_timestamp)) AS sync_update_peer_timestamp
         FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id WHERE m.id = @id",
    insert: "INSERT INTO Customer (id, name, age, country) VALUES (@id, @name, @age, @country);
         SET @sync_row_count = @@ROWCOUNT",
    update: "UPDATE c SET name = @name, age = @age, country = @country FROM Customer c JOIN CustomerMetadata m ON m.id = c.id
         WHERE c.id = @id AND (CONVERT(bigint, m.sync_row_timestamp) <= @sync_min_timestamp OR @sync_force_write = 1);
         SET @sync_row_count = @@ROWCOUNT",
    delete: "DELETE c FROM Customer c JOIN CustomerMetadata m ON m.id = c.id
         WHERE c.id = @id AND (CONVERT(bigint, m.sync_row_timestamp) <= @sync_min_timestamp OR @sync_force_write = 1);
         SET @sync_row_count = @@ROWCOUNT",
    insert_metadata: "INSERT INTO CustomerMetadata (id, sync_row_is_tombstone, sync_create_peer_key, sync_create_peer_timestamp,
             sync_update_peer_key, sync_update_peer_timestamp)
         VALUES (@id, @sync_row_is_tombstone, @sync_create_peer_key, @sync_create_peer_timestamp, @sync_update_peer_key, @sync_update_peer_timestamp);
         SET @sync_row_count = @@ROWCOUNT",
    update_metadata: "UPDATE CustomerMetadata SET sync_row_is_tombstone = @sync_row_is_tombstone,
             sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp,
             sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp
         WHERE id = @id AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_row_timestamp) = @sync_row_timestamp);
         SET @sync_row_count = @@ROWCOUNT",
    delete_metadata: "DELETE FROM CustomerMetadata
         WHERE id = @id AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_row_timestamp) = @sync_row_timestamp);
         SET @sync_row_count = @@ROWCOUNT",
};

#[async_trait]
impl Database for SqlServer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn texts(&self) -> &'static Texts {
        &TEXTS
    }

    async fn execute(&self, sql: &str) -> Outcome<()> {
        Ok(self.database.try_execute(sql).await?)
    }

    async fn rows(&self, sql: &str) -> Outcome<Vec<Vec<String>>> {
        let mut client = self.database.client().await;
        let rows = client.simple_query(sql).await?.into_first_result().await?;
        let text = |cell| match value(cell) {
            sync_metadata::Value::Integer(number) => number.to_string(),
            sync_metadata::Value::Text(text) => text,
            sync_metadata::Value::Null => "NULL".to_owned(),
            sync_metadata::Value::Blob(bytes) => super::hex(&bytes),
            other => format!("{other:?}"),
        };
        let rows = rows.into_iter();
        Ok(rows
            .map(|row| row.into_iter().map(text).collect())
            .collect())
    }

    fn provider(&self, customer: DbSyncAdapter) -> Outcome<Arc<dyn SyncProvider>> {
        Ok(provider(self.texts(), self.commands(), customer)?)
    }
}
