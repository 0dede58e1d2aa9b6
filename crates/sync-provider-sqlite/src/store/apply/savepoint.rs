//! Part of a transaction that can be undone by itself.

use rusqlite::Connection;

/// A savepoint. What was done since it was opened is undone when it is dropped, unless it was released.
///
/// Savepoints lie within each other, and SQLite takes a name for the innermost of that name. So one name does for all.
#[derive(Debug)]
pub(super) struct Savepoint<'db> {
    db: &'db Connection,
    open: bool,
}

const UNDO: &str = "ROLLBACK TO sync_savepoint; RELEASE sync_savepoint";

impl<'db> Savepoint<'db> {
    pub(super) fn open(db: &'db Connection) -> rusqlite::Result<Self> {
        db.execute_batch("SAVEPOINT sync_savepoint")?;
        Ok(Savepoint { db, open: true })
    }

    /// Keeps what was done.
    pub(super) fn release(mut self) -> rusqlite::Result<()> {
        self.db.execute_batch("RELEASE sync_savepoint")?;
        self.open = false;
        Ok(())
    }

    /// Undoes what was done. As dropping it, for somebody who goes on and has to know that it worked.
    pub(super) fn undo(mut self) -> rusqlite::Result<()> {
        self.open = false;
        self.db.execute_batch(UNDO)
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        // A row may have undone the whole transaction, and its savepoints with it.
        if !self.open || self.db.is_autocommit() {
            return;
        }
        if let Err(error) = self.db.execute_batch(UNDO) {
            // Whoever left it open has an error of its own to tell, with which the transaction ends.
            tracing::debug!(%error, "a savepoint could not be undone");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_released_is_undone() {
        let check = |end: fn(Savepoint<'_>) -> rusqlite::Result<()>, expected: i64| {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch("CREATE TABLE t (a); BEGIN").unwrap();
            let outer = Savepoint::open(&db).unwrap();
            db.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            let inner = Savepoint::open(&db).unwrap();
            db.execute_batch("INSERT INTO t VALUES (2)").unwrap();
            end(inner).unwrap();
            outer.release().unwrap();
            db.execute_batch("COMMIT").unwrap();
            let rows: i64 = db
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .unwrap();
            assert_eq!(rows, expected);
        };
        check(|savepoint| savepoint.release(), 2);
        check(|savepoint| savepoint.undo(), 1);
        check(
            |savepoint| {
                drop(savepoint);
                Ok(())
            },
            1,
        );
    }

    #[test]
    fn a_savepoint_whose_transaction_is_gone_is_left_alone() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("BEGIN").unwrap();
        let savepoint = Savepoint::open(&db).unwrap();
        db.execute_batch("ROLLBACK").unwrap();
        drop(savepoint);
        assert!(db.is_autocommit());
    }
}
