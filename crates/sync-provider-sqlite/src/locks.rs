//! Waiting for the locks of others.
//!
//! Where the journal is a rollback journal, a commit waits for everybody who reads the file, and a writer whose cache is full would wait for
//! them in the middle of its work. Sessions in opposite directions read what the other one writes; so nothing is waited for while a
//! transaction is open, except at its end, and the write lock is not waited for at length by somebody who holds a snapshot elsewhere.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use sync_relational::Patience;

use crate::connection::schema_version;

/// The part of the busy time-out that [`Patience::Part`] is on average.
const PART: u32 = 16;

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// How long locks are waited for on a connection.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Locks {
    /// As long as the user allows.
    pub(crate) busy_timeout: Duration,
}

impl Locks {
    /// Opens a transaction with the write lock, in which nothing is waited for.
    pub(crate) fn lock(self, db: &Connection, patience: Patience) -> rusqlite::Result<()> {
        db.busy_timeout(self.length(db, patience)?)?;
        let opened = db.execute_batch("BEGIN IMMEDIATE");
        match opened {
            // A cache that is full is written to the file as soon as nobody reads that, and grows until then.
            Ok(()) => db.busy_timeout(Duration::ZERO),
            Err(error) => {
                self.wait(db)?;
                Err(error)
            }
        }
    }

    /// Opens a snapshot for somebody who may hold the write lock elsewhere.
    pub(crate) fn snapshot(self, db: &Connection, patience: Patience) -> rusqlite::Result<()> {
        db.busy_timeout(self.length(db, patience)?)?;
        db.execute_batch("BEGIN")?;
        // What is read first takes the lock.
        schema_version(db).map(drop)
    }

    /// From now on locks of others are waited for as long as the user allows.
    pub(crate) fn wait(self, db: &Connection) -> rusqlite::Result<()> {
        db.busy_timeout(self.busy_timeout)
    }

    fn length(self, db: &Connection, patience: Patience) -> rusqlite::Result<Duration> {
        if patience == Patience::Full {
            return Ok(self.busy_timeout);
        }
        // Between half of the part and one and a half: two that block each other must not give up together for ever.
        let percent: u32 = db.query_row("SELECT 50 + abs(random() % 101)", [], |row| row.get(0))?;
        Ok(self.busy_timeout / PART * percent / 100)
    }
}
