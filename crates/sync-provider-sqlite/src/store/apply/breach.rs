//! Which rows a commit has to do without, where foreign keys forbid it.

use std::collections::BTreeSet;

use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
use sync_provider::{ProviderError, RowSet};
use sync_relational::Breach;

use crate::store::apply::violations::any_violation;
use crate::store::keys::bind_key;
use crate::store::open_scope::OpenScope;
use crate::store::readable::push_key;
use crate::store::sql::referring_rows::{touched_child_queries, touched_orphan_queries};

pub(in crate::store) fn is_violation(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|failure| failure.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// A row that a commit has to do without: its table, its packed key, and why.
type Offender = (usize, Vec<u8>, String);

/// After a commit that foreign keys forbid, within the transaction that is still open: what can be said of it.
pub(super) fn breach(scope: OpenScope<'_>, tick: i64) -> Result<Breach, ProviderError> {
    let offenders = offenders(scope, tick)?;
    let findings = match offenders.first() {
        Some((table, _, reason)) => {
            let table = &scope.shape(*table).global_name;
            Some(format!("a row of table {table}, for {reason}"))
        }
        None => any_violation(scope)?,
    };
    Ok(Breach {
        offenders,
        triggers: scope.tables.tables.iter().any(|table| table.user_triggers),
        findings: findings.map_or_else(String::new, |found| format!(": {found}")),
    })
}

/// The rows written by the session that miss their parent, and those below them. What triggers wrote is not among them: it cannot
/// be held back.
fn offenders(scope: OpenScope<'_>, tick: i64) -> Result<Vec<Offender>, ProviderError> {
    let mut found: Vec<Offender> = Vec::new();
    for (index, table) in scope.tables.tables.iter().enumerate() {
        for (parent, sql) in touched_orphan_queries(table) {
            let reason = format!("its parent in table {parent} is missing");
            collect(scope, index, &sql, tick, &reason, &mut found)?;
        }
    }
    add_descendants(scope, tick, &mut found)?;
    Ok(found)
}

fn collect(
    scope: OpenScope<'_>,
    table: usize,
    sql: &str,
    tick: i64,
    reason: &str,
    found: &mut Vec<Offender>,
) -> Result<(), ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let shape = scope.shape(table);
    let mut statement = scope.db().prepare(sql).map_err(fail)?;
    let mut rows = statement.query([tick]).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let mut key = RowSet::new(shape.key.len());
        // A row whose key cannot be read did not come through the session.
        if push_key(row, 0, &mut key, shape).is_err() {
            continue;
        }
        found.push((table, key.row(0).as_bytes().to_vec(), reason.to_owned()));
    }
    Ok(())
}

/// Rows that were written below an offender go with it, or the next commit would fail for them.
fn add_descendants(
    scope: OpenScope<'_>,
    tick: i64,
    found: &mut Vec<Offender>,
) -> Result<(), ProviderError> {
    let mut seen: BTreeSet<(usize, Vec<u8>)> = found
        .iter()
        .map(|(table, key, _)| (*table, key.clone()))
        .collect();
    let mut next = 0;
    while let Some((table, key, _)) = found.get(next).cloned() {
        next += 1;
        for (child, reason, sql) in touched_child_queries(scope.tables, table) {
            let shape = scope.shape(child);
            let fail = |error: rusqlite::Error| scope.fail(&error);
            let mut statement = scope.db().prepare_cached(&sql).map_err(fail)?;
            statement.raw_bind_parameter(1, tick).map_err(fail)?;
            let mut parent = RowSet::new(scope.shape(table).key.len());
            parent.push_encoded(&key);
            let parent_shape = scope.shape(table);
            bind_key(
                &mut statement,
                2,
                parent.row(0).values(),
                parent_shape,
                &scope.table(table).affinities,
            )?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(fail)? {
                let mut key = RowSet::new(shape.key.len());
                if push_key(row, 0, &mut key, shape).is_err() {
                    continue;
                }
                let key = key.row(0).as_bytes().to_vec();
                if seen.insert((child, key.clone())) {
                    found.push((child, key, reason.clone()));
                }
            }
        }
    }
    Ok(())
}
