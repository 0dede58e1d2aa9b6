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

use crate::ident::ident;
use crate::store::apply::ApplyTransaction;
use crate::store::apply::row::Stamp;
use crate::store::apply::savepoint::Savepoint;
use crate::store::apply::slice::write_all;
use crate::store::apply::violations::{Violation, each_violation};
use crate::store::apply::write_error::Stop;
use crate::store::open_scope::OpenScope;
use crate::store::sql::referring_rows::came_by_rowid;

/// The violations there are, by a digest of each, and how often.
struct Violations {
    counts: HashMap<u64, u64>,
    digest: RandomState,
}

/// Whether a slice is to be written so that its triggers' effects are checked.
pub(super) fn is_due(scope: OpenScope<'_>, slice: Slice<'_>) -> bool {
    slice.guarded && scope.tables.foreign_keys && scope.table(slice.table).user_triggers
}

/// As [`write_all`]; rows whose triggers break a foreign key are refused.
pub(super) fn write_checked(
    transaction: &mut ApplyTransaction,
    scope: OpenScope<'_>,
    slice: Slice<'_>,
    local: &LocalSlice,
    writes: &[Write],
) -> Result<Vec<RowFailure>, Stop> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let before = violations(scope)?;
    let (applied_table, held_back) = (transaction.applied_table, transaction.held_back.clone());
    let savepoint = Savepoint::open(scope.db()).map_err(fail)?;
    let mut failures = write_all(transaction, scope, slice, local, writes)?;
    let Some(broken) = first_beyond(scope, transaction.stamp, before)? else {
        savepoint.release().map_err(fail)?;
        return Ok(failures);
    };
    savepoint.undo().map_err(fail)?;
    (transaction.applied_table, transaction.held_back) = (applied_table, held_back);
    if let [only] = writes {
        return Ok(vec![RowFailure {
            row: only.row,
            reason: format!("a trigger that it fires leaves {broken}"),
            metadata: false,
        }]);
    }
    let (first, second) = writes.split_at(writes.len() / 2);
    failures = write_checked(transaction, scope, slice, local, first)?;
    failures.extend(write_checked(transaction, scope, slice, local, second)?);
    Ok(failures)
}

fn violations(scope: OpenScope<'_>) -> Result<Violations, ProviderError> {
    let mut violations = Violations {
        counts: HashMap::new(),
        digest: RandomState::new(),
    };
    each_violation(scope, |violation| {
        let digest = violations.digest(&violation);
        *violations.counts.entry(digest).or_default() += 1;
        Ok(true)
    })?;
    Ok(violations)
}

/// A violation that was not there before, by something that the session did not write itself: what it writes is accounted for otherwise.
fn first_beyond(
    scope: OpenScope<'_>,
    stamp: Stamp,
    mut before: Violations,
) -> Result<Option<String>, ProviderError> {
    let mut found = None;
    each_violation(scope, |violation| {
        let digest = before.digest(&violation);
        match before.counts.get_mut(&digest).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None if came_here(scope, stamp, &violation)? => {}
            None => found = Some(violation.to_string()),
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// Whether the row that misses its parent came with this direction.
fn came_here(
    scope: OpenScope<'_>,
    stamp: Stamp,
    violation: &Violation,
) -> Result<bool, ProviderError> {
    let table = scope.tables.position(&ident(&violation.table));
    let (Some(table), Some(row)) = (table, violation.row) else {
        return Ok(false);
    };
    let sql = came_by_rowid(scope.table(table));
    scope
        .db()
        .prepare_cached(&sql)
        .and_then(|mut found| {
            found.query_row((row, scope.tables.scope_local_id, stamp.tick), |row| {
                row.get(0)
            })
        })
        .map_err(|error| scope.fail(&error))
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
