//! Taking the mark of an enumeration: the tick that a session may claim.
//!
//! Changes are stamped with the counter's tick C, which triggers only read. A mark is C − 1: whatever was stamped below C is committed,
//! because C moves only under the write lock, when a session takes its mark and finds changes at C or above. After that, changes are stamped
//! with the new C, which is above the mark. So an open writer's changes, stamped with a C that it saw, can never be at or below a mark
//! that was claimed meanwhile: the session either moved C before the writer began, or could not get the lock.
//!
//! In the latter case the session goes on with the old mark. Changes that are visible in its snapshot but above that mark travel all the
//! same; the destination learns each of them by itself (`Lesson::beyond`), and no more.

use std::time::Duration;

use rusqlite::ErrorCode;
use sync_relational::ScopeState;

use crate::ident::ident;
use crate::store::SqliteStore;

/// How long somebody else's write transaction is waited for, before the old mark has to do.
const PATIENCE: Duration = Duration::from_millis(250);

impl SqliteStore {
    /// Opens the snapshot. Writes only where there are changes that no mark covers yet.
    pub(super) fn take_mark(&mut self) -> rusqlite::Result<ScopeState> {
        if let Some(state) = self.snapshot()? {
            return Ok(state);
        }
        self.db().execute_batch("ROLLBACK")?;
        self.db().busy_timeout(PATIENCE)?;
        let moved = self.move_tick();
        self.locks.wait(self.db())?;
        match moved {
            Ok(()) => {}
            Err(error) if can_wait(&error) => {
                if !self.db().is_autocommit() {
                    self.db().execute_batch("ROLLBACK")?;
                }
                tracing::info!(%error, "the mark could not be moved; the session goes on with the last one");
            }
            Err(error) => return Err(error),
        }
        self.db().execute_batch("BEGIN")?;
        let state = self.marked_state()?;
        self.unnoted = !state.was_source;
        Ok(state)
    }

    /// Makes up for a note that could not be written when the mark was taken, if the write lock can be had now.
    pub(super) fn note_source_late(&mut self) -> rusqlite::Result<()> {
        if !self.unnoted {
            return Ok(());
        }
        self.db().busy_timeout(PATIENCE)?;
        let noted = self
            .db()
            .execute_batch("BEGIN IMMEDIATE")
            .and_then(|()| self.note_source())
            .and_then(|()| self.db().execute_batch("COMMIT"));
        self.locks.wait(self.db())?;
        match noted {
            Ok(()) => self.unnoted = false,
            Err(error) if can_wait(&error) => {
                if !self.db().is_autocommit() {
                    self.db().execute_batch("ROLLBACK")?;
                }
                tracing::info!(%error, "that changes left this replica could not be noted yet");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The same in a transaction that has the write lock and may still be rolled back.
    pub(super) fn note_source_now(&self) -> rusqlite::Result<()> {
        match self.unnoted {
            true => self.note_source(),
            false => Ok(()),
        }
    }

    /// Opens a snapshot in which the last mark covers everything; `None` leaves it open because changes are above.
    fn snapshot(&mut self) -> rusqlite::Result<Option<ScopeState>> {
        self.db().execute_batch("BEGIN")?;
        let state = self.marked_state()?;
        // Before its changes leave it for the first time, a replica notes that, whatever tick they have.
        let from = match state.was_source {
            true => i64::try_from(state.mark)
                .unwrap_or(i64::MAX)
                .saturating_add(1),
            false => 0,
        };
        for table in &self.tables {
            if self
                .db()
                .prepare_cached(&table.sql.any_from_tick)?
                .query_row([from], |row| row.get(0))?
            {
                return Ok(None);
            }
        }
        Ok(Some(state))
    }

    fn marked_state(&self) -> rusqlite::Result<ScopeState> {
        let mut state = self.read_state()?;
        state.mark = state.mark.saturating_sub(1);
        Ok(state)
    }

    /// Moves the counter above every tick in use, under the write lock, and notes that this replica's changes leave it.
    fn move_tick(&mut self) -> rusqlite::Result<()> {
        let db = self.db();
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut greatest: i64 = 0;
        for table in &self.tables {
            let tick: Option<i64> = db.query_row(&table.sql.greatest_tick, [], |row| row.get(0))?;
            greatest = greatest.max(tick.unwrap_or(0));
        }
        db.execute(
            &format!(
                "UPDATE {} SET tick = max(tick, ?1) + 1",
                ident(&self.names.tick)
            ),
            [greatest],
        )?;
        self.note_source()?;
        db.execute_batch("COMMIT")
    }

    /// Notes that changes of this replica leave it.
    fn note_source(&self) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO {0} (scope_local_id, was_source) VALUES (?1, 1) ON CONFLICT (scope_local_id) DO UPDATE SET was_source = 1",
            ident(&self.names.scopes)
        );
        self.db().execute(&sql, [self.scope_local_id])?;
        Ok(())
    }
}

/// Whether the old mark will do: somebody else writes, or the file cannot be written.
fn can_wait(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ReadOnly)
    )
}
