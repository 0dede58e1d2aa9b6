//! Taking the mark of an enumeration: the tick that a session may claim.
//!
//! Changes are stamped with the counter's tick C, which triggers only read. A mark is C − 1: whatever was stamped below C is committed,
//! because C moves only under the write lock, when a session takes its mark and finds changes at C or above. After that, changes are stamped
//! with the new C, which is above the mark. So an open writer's changes, stamped with a C that it saw, can never be at or below a mark
//! that was claimed meanwhile: the session either moved C before the writer began, or could not get the lock.
//!
//! In the latter case the session goes on with the old mark. Changes that are visible in its snapshot but above that mark travel all the
//! same; the destination learns each of them by itself (`LearnedDelta::beyond`), and no more.

use std::time::Duration;

use rusqlite::ErrorCode;
use sync_relational::ScopeState;

use crate::locks::Locks;
use crate::store::open_scope::OpenScope;

/// How long somebody else's write transaction is waited for, before the old mark has to do.
const PATIENCE: Duration = Duration::from_millis(250);

/// Opens the snapshot. Writes only where there are changes that no mark covers yet; `unnoted` says whether these leave without a note of it.
pub(in crate::store) fn take_mark(
    scope: OpenScope<'_>,
    locks: Locks,
    unnoted: &mut bool,
) -> rusqlite::Result<ScopeState> {
    if let Some(state) = snapshot(scope)? {
        return Ok(state);
    }
    scope.db().execute_batch("ROLLBACK")?;
    scope.db().busy_timeout(PATIENCE)?;
    let moved = move_tick(scope);
    locks.wait(scope.db())?;
    match moved {
        Ok(()) => {}
        Err(error) if can_wait(&error) => {
            if !scope.db().is_autocommit() {
                scope.db().execute_batch("ROLLBACK")?;
            }
            tracing::info!(%error, "the mark could not be moved; the session goes on with the last one");
        }
        Err(error) => return Err(error),
    }
    scope.db().execute_batch("BEGIN")?;
    let state = marked_state(scope)?;
    *unnoted = !state.was_source;
    Ok(state)
}

/// Makes up for a note that could not be written when the mark was taken, if the write lock can be had now; says whether it is written.
pub(in crate::store) fn note_source_late(
    scope: OpenScope<'_>,
    locks: Locks,
) -> rusqlite::Result<bool> {
    scope.db().busy_timeout(PATIENCE)?;
    let noted = scope
        .db()
        .execute_batch("BEGIN IMMEDIATE")
        .and_then(|()| note_source(scope))
        .and_then(|()| scope.db().execute_batch("COMMIT"));
    locks.wait(scope.db())?;
    match noted {
        Ok(()) => Ok(true),
        Err(error) if can_wait(&error) => {
            if !scope.db().is_autocommit() {
                scope.db().execute_batch("ROLLBACK")?;
            }
            tracing::info!(%error, "that changes left this replica could not be noted yet");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Opens a snapshot in which the last mark covers everything; `None` leaves it open because changes are above.
fn snapshot(scope: OpenScope<'_>) -> rusqlite::Result<Option<ScopeState>> {
    scope.db().execute_batch("BEGIN")?;
    let state = marked_state(scope)?;
    // Before its changes leave it for the first time, a replica notes that, whatever tick they have.
    let from = match state.was_source {
        true => i64::try_from(state.mark)
            .unwrap_or(i64::MAX)
            .saturating_add(1),
        false => 0,
    };
    for table in &scope.tables.tables {
        if scope
            .db()
            .prepare_cached(&table.sql.any_from_tick)?
            .query_row([from], |row| row.get(0))?
        {
            return Ok(None);
        }
    }
    Ok(Some(state))
}

fn marked_state(scope: OpenScope<'_>) -> rusqlite::Result<ScopeState> {
    let mut state = scope.row()?.state;
    state.mark = state.mark.saturating_sub(1);
    Ok(state)
}

/// Moves the counter above every tick in use, under the write lock, and notes that this replica's changes leave it.
fn move_tick(scope: OpenScope<'_>) -> rusqlite::Result<()> {
    let db = scope.db();
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut greatest: i64 = 0;
    for table in &scope.tables.tables {
        let tick: Option<i64> = db.query_row(&table.sql.greatest_tick, [], |row| row.get(0))?;
        greatest = greatest.max(tick.unwrap_or(0));
    }
    db.execute(&scope.tables.sql.move_tick, [greatest])?;
    note_source(scope)?;
    db.execute_batch("COMMIT")
}

/// Notes that changes of this replica leave it.
pub(in crate::store) fn note_source(scope: OpenScope<'_>) -> rusqlite::Result<()> {
    let tables = scope.tables;
    scope
        .db()
        .execute(&tables.sql.note_source, [tables.scope_local_id])?;
    Ok(())
}

/// Whether the old mark will do: somebody else writes, or the file cannot be written.
fn can_wait(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ReadOnly)
    )
}
