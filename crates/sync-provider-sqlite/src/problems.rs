//! Whether the tables of a scope still are what it describes: applications change their schemas without asking.

use std::path::Path;

use rusqlite::Connection;
use sync_metadata::TableDescription;

use crate::catalog::{self, TableInfo};
use crate::error::{At, SqliteError, provision_anew, start_anew};
use crate::ident::ident;
use crate::metadata::StoredScope;
use crate::names::TableObjects;

/// What keeps a scope from being synchronised, a sentence each with the way out.
pub(crate) fn of_store(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<Vec<String>, SqliteError> {
    let store = &scope.store;
    let anew = start_anew(path);
    let mut found = Vec::new();
    for name in [&store.tick, &store.scopes, &store.waiting] {
        if !catalog::exists(db, path, name)? {
            found.push(format!("table {name} of the metadata is missing; {anew}"));
        }
    }
    if catalog::exists(db, path, &store.tick)? {
        let sql = format!("SELECT count(*) FROM {}", ident(&store.tick));
        let rows: i64 = db.query_row(&sql, [], |row| row.get(0)).at(path)?;
        if rows == 0 {
            found.push(format!(
                "table {} of the metadata has lost its row, so that its tables cannot be written to; {anew}",
                store.tick
            ));
        }
    }
    Ok(found)
}

/// As [`of_store`], of one of its tables. `info` is the table as it is.
pub(crate) fn of_table(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
    table: &TableDescription,
    info: Option<&TableInfo>,
) -> Result<Vec<String>, SqliteError> {
    let anew = provision_anew(path, &scope.row.name);
    let name = &table.global_name;
    let local = table.local_name.sqlite_name();
    let objects = TableObjects::of(&local, &scope.store.naming);
    let mut found = Vec::new();
    if !catalog::exists(db, path, &objects.tracking)? {
        found.push(format!(
            "table {name}: its tracking table {} is missing; {anew}",
            objects.tracking
        ));
    }
    let Some(info) = info else {
        found.push(format!(
            "table {name}: there is no table {local} any more; if it was renamed, give it its name back, otherwise {anew} without it"
        ));
        return Ok(found);
    };
    for column in columns_missing(table, info) {
        found.push(format!(
            "column {column} of table {name} is not there any more; if it was renamed, give it its name back, otherwise {anew}"
        ));
    }
    let key: Vec<&String> = table.key_columns().map(|column| &column.name).collect();
    let here = info.key_names();
    let same = here.len() == key.len()
        && key
            .iter()
            .all(|name| here.iter().any(|own| own.eq_ignore_ascii_case(name)));
    if !same {
        let list = |names: &[String]| names.join(", ");
        let key: Vec<String> = key.into_iter().cloned().collect();
        found.push(format!(
            "table {name}: its primary key is ({}) now and was ({}); {anew}",
            list(&here),
            list(&key)
        ));
    }
    let present = catalog::triggers(db, path, &info.name)?;
    for trigger in objects.needed_triggers(info) {
        if !present.contains(trigger) {
            let what = objects.tracks(trigger);
            found.push(format!(
                "table {name}: its trigger {trigger} is missing, so that {what} are not tracked; {anew}"
            ));
        }
    }
    Ok(found)
}

/// Columns that the table has and the scope does not hold.
pub(crate) fn columns_outside(table: &TableDescription, info: &TableInfo) -> Vec<String> {
    let held = |name: &str| {
        let mut columns = table.columns.iter();
        columns.any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let columns = info.columns.iter().map(|column| &column.name);
    columns.filter(|name| !held(name)).cloned().collect()
}

fn columns_missing<'t>(
    table: &'t TableDescription,
    info: &'t TableInfo,
) -> impl Iterator<Item = &'t String> {
    let columns = table.columns.iter().map(|column| &column.name);
    columns.filter(|name| {
        let mut own = info.columns.iter();
        !own.any(|column| column.name.eq_ignore_ascii_case(name))
    })
}
