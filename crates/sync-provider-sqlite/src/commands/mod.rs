//! Commands that somebody wrote, on SQLite.
//!
//! | Sync Framework | here |
//! |---|---|
//! | a parameter `@name` | the same; SQLite knows named parameters |
//! | several statements in a command | the same; each is prepared once |
//! | an output parameter | a column of that name in the one row that the command returns |
//! | `SET @sync_row_count = @@ROWCOUNT` at the end | nothing: the rows that the last writing statement wrote itself are counted. A command may return a row with a column `sync_row_count` instead |
//! | a procedure | SQLite has none |
//!
//! What triggers write is not counted, as with `@@ROWCOUNT`.

mod connection;
mod kept;
mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sync_provider::ProviderError;
use sync_provider_commands::{CommandConnections, CommandSet};
use sync_relational::Owner;

use crate::connection::{Access, DEFAULT_BUSY_TIMEOUT, Database};
use crate::provider::Thread;

pub use connection::SqliteCommandConnection;

/// Connections to a SQLite database for a [`DbSyncProvider`](sync_provider_commands::DbSyncProvider).
///
/// A command's outputs are columns of the row that it returns, and its row count is what its last writing statement wrote, unless it returns a row with a
/// column `sync_row_count`. Texts are looked at when a session begins: a parameter that was not named, and a column that a command does not return, are
/// errors then.
///
/// ```
/// use std::sync::Arc;
///
/// use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
/// use sync_provider_sqlite::SqliteCommands;
/// use sync_provider_commands::{ChangeTrackingModel, DbCommand, DbSyncAdapter, DbSyncProvider};
///
/// /// A table of notes, versions beside it, a clock that every change moves, and one row that says who this replica is.
/// const SCHEMA: &str = "
///     CREATE TABLE Note (id INTEGER PRIMARY KEY, text TEXT);
///     CREATE TABLE NoteMetadata (id INTEGER PRIMARY KEY, sync_row_is_tombstone, sync_row_timestamp, sync_create_peer_key,
///         sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp);
///     CREATE TABLE Clock (tick INTEGER); INSERT INTO Clock VALUES (0);
///     CREATE TABLE scope_info (scope_id, scope_name, scope_sync_knowledge, scope_tombstone_cleanup_knowledge, scope_timestamp);
///     INSERT INTO scope_info VALUES (lower(hex(randomblob(16))), 'notes', NULL, NULL, 0);
///     CREATE TRIGGER Note_insert AFTER INSERT ON Note BEGIN
///         UPDATE Clock SET tick = tick + 1;
///         INSERT INTO NoteMetadata SELECT NEW.id, 0, tick, 0, tick, 0, tick FROM Clock;
///     END;";
///
/// fn provider(path: &std::path::Path) -> Result<DbSyncProvider<SqliteCommands>, Box<dyn std::error::Error>> {
///     rusqlite::Connection::open(path)?.execute_batch(SCHEMA)?;
///     let select = "SELECT m.*, n.text FROM NoteMetadata m LEFT JOIN Note n USING (id) WHERE ";
///     let version = ["@sync_row_is_tombstone", "@sync_create_peer_key", "@sync_create_peer_timestamp", "@sync_update_peer_key",
///         "@sync_update_peer_timestamp"];
///     let metadata = |text: &str| {
///         let text = format!("UPDATE Clock SET tick = tick + 1; {text}");
///         DbCommand::statement(text).input("@id").inputs(version).output("@sync_row_count")
///     };
///     let note = DbSyncAdapter::builder("Note")
///         .column("id", "bigint")
///         .column("text", "nvarchar(max)")
///         .row_id_columns(["id"])
///         .select_incremental_changes_command(
///             DbCommand::statement(format!("{select} m.sync_row_timestamp > @sync_min_timestamp")).input("@sync_min_timestamp"),
///         )
///         .select_row_command(DbCommand::statement(format!("{select} m.id = @id")).input("@id"))
///         .insert_command(
///             DbCommand::statement("INSERT INTO Note VALUES (@id, @text)").inputs(["@id", "@text"]).output("@sync_row_count"),
///         )
///         .update_command(
///             DbCommand::statement(
///                 "UPDATE Note SET text = @text WHERE id = @id AND EXISTS (SELECT 1 FROM NoteMetadata m WHERE m.id = @id AND \
///                  m.sync_row_timestamp <= @sync_min_timestamp)",
///             )
///             .inputs(["@id", "@text", "@sync_min_timestamp"])
///             .output("@sync_row_count"),
///         )
///         .delete_command(
///             DbCommand::statement(
///                 "DELETE FROM Note WHERE id = @id AND EXISTS (SELECT 1 FROM NoteMetadata m WHERE m.id = @id AND \
///                  m.sync_row_timestamp <= @sync_min_timestamp)",
///             )
///             .inputs(["@id", "@sync_min_timestamp"])
///             .output("@sync_row_count"),
///         )
///         .insert_metadata_command(metadata(
///             "INSERT INTO NoteMetadata SELECT @id, @sync_row_is_tombstone, tick, @sync_create_peer_key, @sync_create_peer_timestamp, \
///              @sync_update_peer_key, @sync_update_peer_timestamp FROM Clock",
///         ))
///         .update_metadata_command(metadata(
///             "UPDATE NoteMetadata SET sync_row_is_tombstone = @sync_row_is_tombstone, sync_row_timestamp = (SELECT tick FROM Clock), \
///              sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp, \
///              sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp WHERE id = @id",
///         ))
///         .delete_metadata_command(
///             DbCommand::statement("DELETE FROM NoteMetadata WHERE id = @id").input("@id").output("@sync_row_count"),
///         )
///         .build()?;
///     Ok(DbSyncProvider::builder("notes", SqliteCommands::new(path))
///         .change_tracking(ChangeTrackingModel::Decoupled)
///         .select_new_timestamp_command(DbCommand::statement("SELECT tick AS sync_new_timestamp FROM Clock"))
///         .select_scope_info_command(
///             DbCommand::statement("SELECT * FROM scope_info WHERE scope_name = @sync_scope_name").input("@sync_scope_name"),
///         )
///         .update_scope_info_command(
///             DbCommand::statement(
///                 "UPDATE scope_info SET scope_sync_knowledge = @sync_scope_knowledge, scope_timestamp = scope_timestamp + 1, \
///                  scope_tombstone_cleanup_knowledge = @sync_scope_cleanup_knowledge \
///                  WHERE scope_name = @sync_scope_name AND scope_timestamp = @sync_scope_timestamp",
///             )
///             .inputs(["@sync_scope_name", "@sync_scope_knowledge", "@sync_scope_cleanup_knowledge", "@sync_scope_timestamp"])
///             .output("@sync_row_count"),
///         )
///         .adapter(note)
///         .build()?)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let (here, there) = (folder.path().join("here.db"), folder.path().join("there.db"));
/// let (local, remote) = (provider(&here)?, provider(&there)?);
/// rusqlite::Connection::open(&there)?.execute("INSERT INTO Note VALUES (1, 'hello')", [])?;
///
/// let session = SyncOrchestrator::new(Arc::new(local), Arc::new(remote)).direction(SyncDirectionOrder::Download);
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let done = runtime.block_on(session.synchronize())?;
/// assert_eq!(done.download.unwrap().changes_applied, 1);
/// let text: String = rusqlite::Connection::open(&here)?.query_row("SELECT text FROM Note WHERE id = 1", [], |row| row.get(0))?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteCommands {
    path: PathBuf,
    busy_timeout: Duration,
}

impl SqliteCommands {
    /// Connections to the file at this path, which has to be there.
    pub fn new(path: impl AsRef<Path>) -> Self {
        SqliteCommands {
            path: path.as_ref().to_path_buf(),
            busy_timeout: DEFAULT_BUSY_TIMEOUT,
        }
    }

    /// Sets how long a lock of somebody else is waited for.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }
}

#[async_trait]
impl CommandConnections for SqliteCommands {
    type Connection = SqliteCommandConnection;

    async fn connect(&self, commands: &CommandSet) -> Result<Self::Connection, ProviderError> {
        let database = Database::open(&self.path, Access::Write, self.busy_timeout)?;
        SqliteCommandConnection::over(database, self.busy_timeout, commands)
    }

    fn owner(&self) -> &dyn Owner {
        &Thread
    }
}
