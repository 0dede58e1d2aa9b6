//! Opening a database file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{At, SqliteError};

/// How long a lock of somebody else is waited for, unless said otherwise.
pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database file, open.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
}

/// What a connection is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading only: nothing can be changed through it.
    Read,
    /// Reading and writing an existing file.
    Write,
    /// As `Write`; the file is created where it is missing.
    Create,
}

impl Database {
    /// Opens a file; `:memory:` and `file:` URIs are taken as SQLite takes them.
    pub(crate) fn open(
        path: &Path,
        access: Access,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        let is_uri = path
            .to_str()
            .is_some_and(|text| text.starts_with("file:") || text == ":memory:");
        if access != Access::Create && !is_uri && !path.exists() {
            return Err(SqliteError::Missing {
                path: path.to_path_buf(),
            });
        }
        if !is_uri && path.is_dir() {
            return Err(SqliteError::Folder {
                path: path.to_path_buf(),
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let flags = match access {
            Access::Read => flags | OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => flags | OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Create => {
                flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            }
        };
        let connection = Connection::open_with_flags(path, flags).at(path)?;
        connection.busy_timeout(busy_timeout).at(path)?;
        connection.set_prepared_statement_cache_capacity(512);
        // Constraints are enforced while rows are applied, whatever the file's users do. Reading the schema shows whether this is a database.
        connection
            .pragma_update(None, "foreign_keys", true)
            .at(path)?;
        connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            })
            .at(path)?;
        Ok(Database {
            path: path.to_path_buf(),
            connection,
        })
    }

    /// A copy of a file as it is now, which nobody else sees and which goes with its connection. It has the file's name, for messages. Of the
    /// file nothing changes, and who writes to it waits only as long as the copying takes.
    pub(crate) fn copy_of(path: &Path, busy_timeout: Duration) -> Result<Self, SqliteError> {
        let original = Database::open(path, Access::Read, busy_timeout)?;
        // Without a name it is a temporary file of SQLite's own, of which small ones stay in memory.
        let mut copy = Database::open(Path::new(""), Access::Create, busy_timeout)?;
        copy.path = path.to_path_buf();
        let copied = Backup::new(&original.connection, &mut copy.connection)
            .and_then(|backup| backup.step(-1))
            .at(path)?;
        if copied != StepResult::Done {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None)).at(path);
        }
        Ok(copy)
    }

    /// Runs `work` in one write transaction: all of it or nothing.
    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Path) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        let Database { path, connection } = self;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .at(path)?;
        let result = work(&transaction, path)?;
        transaction.commit().at(path)?;
        Ok(result)
    }
}

/// Moves with every change of the schema.
pub(crate) fn schema_version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "schema_version", |row| row.get(0))
}
