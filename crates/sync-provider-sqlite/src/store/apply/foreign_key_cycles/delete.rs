//! Deletions that hold each other back: rows that refer to each other in a cycle and are all to go.
//!
//! A deletion is refused while other rows refer to the row, because SQLite would take them along or the commit would fail. Where all
//! these rows are to be deleted as well, nothing is lost: they go together. That is looked for when deletions come again at the end of
//! a direction, since by then every deletion that stands alone is done.

use std::collections::BTreeSet;

use rusqlite::ErrorCode;
use sync_provider::{ProviderError, RowSet};
use sync_relational::{RowFailure, Slice, Write};

use crate::ident::ident;
use crate::store::apply::applied_table::AppliedTable;
use crate::store::apply::row::RowWriter;
use crate::store::apply::savepoint::Savepoint;
use crate::store::apply::stored_keys::{RowKey, keys, stored_key};
use crate::store::apply::write_error::{Stop, or_stop};
use crate::store::keys::bind_key;
use crate::store::open_scope::OpenScope;
use crate::store::sql::referring_rows::child_key_queries;

/// Deletions that were refused while other rows referred to the row.
#[derive(Clone, Debug, Default)]
pub(in crate::store::apply) struct HeldBack(BTreeSet<RowKey>);

/// Takes note of refused deletions that other rows hold back and, where they come again, carries out those that only hold back each
/// other. What is left of `failures` is refused for good.
pub(in crate::store::apply) fn delete_cycle(
    held_back: &mut HeldBack,
    applied_table: &mut AppliedTable,
    mut writer: RowWriter<'_>,
    writes: &[Write],
    failures: Vec<RowFailure>,
) -> Result<Vec<RowFailure>, Stop> {
    let (scope, slice) = (writer.scope, writer.slice);
    for failure in &failures {
        if let Some(Some(key)) = stored_key(scope, slice, slice.rows.row(failure.row))? {
            held_back.0.insert((slice.table, key));
        }
    }
    if !slice.repeated {
        return Ok(failures);
    }
    let doomed = closed_cycle(scope, held_back)?;
    if doomed.is_empty() {
        return Ok(failures);
    }
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let applied_before = *applied_table;
    let savepoint = Savepoint::open(scope.db()).map_err(fail)?;
    let left = match delete_all(scope, applied_table, &doomed)? {
        true => {
            applied_table.set(scope, slice.table)?;
            write_tombstones(&mut writer, writes, &failures)?
        }
        false => None,
    };
    if let Some(left) = left {
        savepoint.release().map_err(fail)?;
        held_back.0.retain(|row| !doomed.contains(row));
        return Ok(left);
    }
    savepoint.undo().map_err(fail)?;
    // What names the table was rolled back with the rest.
    *applied_table = applied_before;
    Ok(failures)
}

/// Writes the rows of a slice that failed once more, after others were deleted. Gives those that still fail; `None` where one of them is
/// deleted by now, which must not stay so without its tombstone.
fn write_tombstones(
    writer: &mut RowWriter<'_>,
    writes: &[Write],
    failures: &[RowFailure],
) -> Result<Option<Vec<RowFailure>>, Stop> {
    let mut left = Vec::new();
    for RowFailure { row, .. } in failures {
        let Some(write) = writes.iter().find(|write| write.row == *row) else {
            continue;
        };
        if let Err(refusal) = or_stop(writer.write(write))? {
            if writer.is_gone(writer.slice.rows.row(*row))? {
                return Ok(None);
            }
            left.push(refusal.of_row(*row));
        }
    }
    Ok(Some(left))
}

/// The rows held back to which only such rows refer.
fn closed_cycle(
    scope: OpenScope<'_>,
    held_back: &HeldBack,
) -> Result<BTreeSet<RowKey>, ProviderError> {
    let mut cycle = held_back.0.clone();
    let mut children = Vec::new();
    for row in &cycle {
        children.push((row.clone(), children_of(scope, row)?));
    }
    loop {
        let before = cycle.len();
        for (row, children) in &children {
            let all_go = children
                .as_ref()
                .is_some_and(|children| children.iter().all(|child| cycle.contains(child)));
            if !all_go {
                cycle.remove(row);
            }
        }
        if cycle.len() == before {
            return Ok(cycle);
        }
    }
}

/// The rows that refer to a row; `None` where one of them is in a table outside the scope, or its key cannot be read.
fn children_of(scope: OpenScope<'_>, row: &RowKey) -> Result<Option<Vec<RowKey>>, ProviderError> {
    let (table, shape) = (scope.table(row.0), scope.shape(row.0));
    let mut key = RowSet::new(shape.key.len());
    key.push_encoded(&row.1);
    let bind = |statement: &mut rusqlite::Statement<'_>| {
        bind_key(statement, 1, key.row(0).values(), shape, &table.affinities)
    };
    for (sql, child) in &table.references.children {
        let child = ident(child);
        if scope.tables.position(&child).is_none() && scope.is_true(sql, bind)? {
            return Ok(None);
        }
    }
    let mut found = Vec::new();
    for (child, sql) in child_key_queries(scope.tables, row.0) {
        for key in keys(scope, child, &sql, bind)? {
            // A row whose key cannot be read is not among those that are to go.
            let Some(key) = key else {
                return Ok(None);
            };
            found.push((child, key));
        }
    }
    Ok(Some(found))
}

/// Deletes base rows until one is refused; says whether none was.
fn delete_all(
    scope: OpenScope<'_>,
    applied_table: &mut AppliedTable,
    doomed: &BTreeSet<RowKey>,
) -> Result<bool, ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    for (table, key) in doomed {
        applied_table.set(scope, *table)?;
        let mut row = RowSet::new(scope.shape(*table).key.len());
        row.push_encoded(key);
        let slice = Slice {
            table: *table,
            deleted: true,
            repeated: true,
            together: false,
            guarded: false,
            apart: false,
            rows: &row,
        };
        let deleted = {
            let sql = &scope.table(*table).sql.delete_base;
            let mut statement = scope.db().prepare_cached(sql).map_err(fail)?;
            scope.bind_row_key(&mut statement, 1, slice, row.row(0))?;
            statement.raw_execute()
        };
        let refused = match deleted {
            Ok(_) => stored_key(scope, slice, row.row(0))?.is_some(),
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
                    && !scope.db().is_autocommit() =>
            {
                true
            }
            Err(error) => return Err(scope.fail(&error)),
        };
        if refused {
            return Ok(false);
        }
    }
    Ok(true)
}
