//! Rows whose triggers break foreign keys: what a trigger of the user's own writes is checked together with the row that fired it.
//!
//! Foreign keys are deferred to the commit, where nobody can tell any more which row fired the trigger that broke one. So the rows of a table
//! with such triggers are written in a savepoint, and `foreign_key_check` says whether that broke anything. If it did, each half is
//! tried by itself, until single rows are left. Turning `defer_foreign_keys` off within the savepoint would not do: it forgets the
//! children that wait for a parent of the same transaction, and leaves keys alone that are declared as deferred.
//!
//! It costs a look at all foreign keys of the file twice per slice, so it is done only where an attempt before failed, and for rows that
//! come again by key.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use sync_provider::ProviderError;
use sync_relational::{LocalSlice, RowFailure, Slice, Write};

use crate::ident::{ident, pairs};
use crate::store::SqliteStore;
use crate::store::write_error::Stop;

/// The violations there are, by a digest of each, and how often.
struct Violations {
    counts: HashMap<u64, u64>,
    digest: RandomState,
}

/// One violation, as `foreign_key_check` tells of it.
struct Violation {
    table: String,
    /// `None` in a table without rowids.
    row: Option<i64>,
    parent: String,
    key: i64,
}

impl SqliteStore {
    /// Whether a slice is to be written so that its triggers' effects are checked.
    pub(super) fn is_guarded(&self, slice: Slice<'_>) -> bool {
        slice.guarded && self.foreign_keys && self.tables[slice.table].user_triggers
    }

    /// As [`write_all`](Self::write_all); rows whose triggers break a foreign key are refused.
    pub(super) fn write_guarded(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Vec<RowFailure>, Stop> {
        let before = self.violations()?;
        let (marked, held_back) = {
            let apply = self.applying()?;
            (apply.marked, apply.held_back.clone())
        };
        self.execute("SAVEPOINT sync_guard")?;
        let mut failures = self.write_all(slice, local, writes)?;
        let Some(broken) = self.first_beyond(before)? else {
            self.execute("RELEASE sync_guard")?;
            return Ok(failures);
        };
        self.execute("ROLLBACK TO sync_guard; RELEASE sync_guard")?;
        if let Some(apply) = &mut self.apply {
            (apply.marked, apply.held_back) = (marked, held_back);
        }
        if let [only] = writes {
            return Ok(vec![RowFailure {
                row: only.row,
                reason: format!("a trigger that it fires leaves {broken}"),
                metadata: false,
            }]);
        }
        let (first, second) = writes.split_at(writes.len() / 2);
        failures = self.write_guarded(slice, local, first)?;
        failures.extend(self.write_guarded(slice, local, second)?);
        Ok(failures)
    }

    /// Some violation there is, if any.
    pub(super) fn any_violation(&self) -> Result<Option<String>, ProviderError> {
        let mut found = None;
        self.each_violation(|violation| {
            found = Some(violation.to_string());
            Ok(false)
        })?;
        Ok(found)
    }

    fn violations(&self) -> Result<Violations, ProviderError> {
        let mut violations = Violations {
            counts: HashMap::new(),
            digest: RandomState::new(),
        };
        self.each_violation(|violation| {
            let digest = violations.digest(&violation);
            *violations.counts.entry(digest).or_default() += 1;
            Ok(true)
        })?;
        Ok(violations)
    }

    /// A violation that was not there before, by something that the session did not write itself: what it writes is accounted for otherwise.
    fn first_beyond(&self, mut before: Violations) -> Result<Option<String>, ProviderError> {
        let mut found = None;
        self.each_violation(|violation| {
            let digest = before.digest(&violation);
            match before.counts.get_mut(&digest).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None if self.came_here(&violation)? => {}
                None => found = Some(violation.to_string()),
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// Calls `take` with one violation after the other as long as it wants more.
    fn each_violation(
        &self,
        mut take: impl FnMut(Violation) -> Result<bool, ProviderError>,
    ) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let sql = "PRAGMA foreign_key_check";
        let mut statement = self.db().prepare(sql).map_err(fail)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fail)? {
            let violation = Violation {
                table: row.get(0).map_err(fail)?,
                row: row.get(1).map_err(fail)?,
                parent: row.get(2).map_err(fail)?,
                key: row.get(3).map_err(fail)?,
            };
            if !take(violation)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the row that misses its parent came with this direction.
    fn came_here(&self, violation: &Violation) -> Result<bool, ProviderError> {
        let name = ident(&violation.table);
        let table = self
            .tables
            .iter()
            .find(|table| table.sql.base.eq_ignore_ascii_case(&name));
        let (Some(table), Some(row)) = (table, violation.row) else {
            return Ok(false);
        };
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} b JOIN {} k ON {} WHERE b.rowid = ?1 AND k.update_scope_local_id = ?2 \
             AND k.local_update_peer_timestamp >= ?3)",
            table.sql.base,
            ident(&table.objects.tracking),
            pairs(&table.sql.keys, "k", "b"),
        );
        let tick = self.applying()?.tick;
        self.db()
            .prepare_cached(&sql)
            .and_then(|mut found| {
                found.query_row((row, self.scope_local_id, tick), |row| row.get(0))
            })
            .map_err(|error| self.fail(&error))
    }
}

impl Violations {
    fn digest(&self, violation: &Violation) -> u64 {
        let Violation {
            table,
            row,
            parent,
            key,
        } = violation;
        self.digest.hash_one((table, row, parent, key))
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}")?,
            None => f.write_str("a row")?,
        }
        write!(
            f,
            " of table {} without its parent in table {}",
            self.table, self.parent
        )
    }
}
