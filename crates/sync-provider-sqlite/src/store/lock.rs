//! Waiting for the locks of others.
//!
//! Where the journal is a rollback journal, a commit waits for everybody who reads the file, and a writer whose cache is full would wait for
//! them in the middle of its work. Sessions in opposite directions read what the other one writes; so nothing is waited for while a
//! transaction is open, except at its end, and the write lock is not waited for at length by somebody who holds a snapshot elsewhere.

use std::time::Duration;

use rusqlite::ErrorCode;
use sync_relational::Patience;

use crate::store::{SqliteStore, schema_version};

/// The part of the busy time-out that [`Patience::Part`] is on average.
const PART: u32 = 16;

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl SqliteStore {
    /// Opens a transaction with the write lock, in which nothing is waited for.
    pub(super) fn lock(&self, patience: Patience) -> rusqlite::Result<()> {
        self.db().busy_timeout(self.length(patience)?)?;
        let opened = self.db().execute_batch("BEGIN IMMEDIATE");
        match opened {
            // A cache that is full is written to the file as soon as nobody reads that, and grows until then.
            Ok(()) => self.db().busy_timeout(Duration::ZERO),
            Err(error) => {
                self.wait_for_locks()?;
                Err(error)
            }
        }
    }

    /// Opens a snapshot for somebody who holds the write lock elsewhere.
    pub(super) fn snapshot_soon(&self) -> rusqlite::Result<()> {
        self.db().busy_timeout(self.length(Patience::Part)?)?;
        self.db().execute_batch("BEGIN")?;
        // What is read first takes the lock.
        schema_version(self.db()).map(drop)
    }

    /// From now on locks of others are waited for as long as the user allows.
    pub(super) fn wait_for_locks(&self) -> rusqlite::Result<()> {
        self.db().busy_timeout(self.busy_timeout)
    }

    fn length(&self, patience: Patience) -> rusqlite::Result<Duration> {
        if patience == Patience::Full {
            return Ok(self.busy_timeout);
        }
        // Between half of the part and one and a half: two that block each other must not give up together for ever.
        let percent: u32 = self
            .db()
            .query_row("SELECT 50 + abs(random() % 101)", [], |row| row.get(0))?;
        Ok(self.busy_timeout / PART * percent / 100)
    }
}
