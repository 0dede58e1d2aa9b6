//! What a store knows of one table of its scope.

use std::path::Path;

use rusqlite::Connection;
use sync_decision::TableShape;
use sync_metadata::TableDescription;

use crate::catalog::{self, TableInfo};
use crate::error::{self, SqliteError};
use crate::metadata;
use crate::names::{self, TableObjects};
use crate::store::sql::references::References;
use crate::store::sql::table::TableSql;
use crate::types::{Affinity, affinity};

/// What the store knows of a table beside its shape.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) sql: TableSql,
    pub(super) objects: TableObjects,
    pub(super) affinities: Vec<Affinity>,
    pub(super) not_null: Vec<bool>,
    /// Positions of the columns that unique indexes other than the primary key are over.
    pub(super) unique: Vec<usize>,
    pub(super) references: References,
    /// The user has triggers of his own on the table.
    pub(super) user_triggers: bool,
    /// Others than this store have triggers on the table or on its tracking table.
    pub(super) other_triggers: bool,
    /// The user's triggers or unique indexes may refuse a tracking row after its base row was written.
    pub(super) tracking_is_open: bool,
}

impl Table {
    pub(super) fn read(
        db: &Connection,
        path: &Path,
        store: &names::Store,
        scope: &str,
        info: &TableInfo,
        shape: &TableShape,
        keys: &[catalog::ForeignKey],
    ) -> Result<Self, SqliteError> {
        let anew = || error::provision_anew(path, scope);
        let object = || format!("table {}", shape.global_name);
        let objects = TableObjects::of(&info.name, &store.naming);
        if !catalog::exists(db, path, &objects.tracking)? {
            return Err(SqliteError::refused(
                object(),
                format!("its tracking table {} is missing", objects.tracking),
                anew(),
            ));
        }
        let mut columns = Vec::new();
        for column in &shape.columns {
            columns.push(
                info.columns
                    .iter()
                    .find(|own| own.name.eq_ignore_ascii_case(column))
                    .ok_or_else(|| {
                        SqliteError::refused(
                            format!("column {column} of table {}", shape.global_name),
                            "the scope holds it, but the table does not have it any more",
                            format!("restore the column, or {}", anew()),
                        )
                    })?,
            );
        }
        let ours = objects.triggers();
        let triggers = catalog::triggers(db, path, &info.name)?;
        let stores = metadata::stores(db, path)?;
        let tracking: Vec<TableObjects> = (stores.iter())
            .map(|other| TableObjects::of(&info.name, &other.naming))
            .collect();
        let foreign = |name: &&String| tracking.iter().all(|own| !own.triggers().contains(name));
        let needed = objects.needed_triggers(info);
        if let Some(missing) = { needed }.find(|name| !triggers.contains(name)) {
            return Err(SqliteError::refused(
                object(),
                format!(
                    "its trigger {missing} is missing, so that {} are not tracked",
                    objects.tracks(missing)
                ),
                anew(),
            ));
        }
        let respells = info
            .key
            .iter()
            .any(|&column| info.columns[column].key_collation.is_some());
        let unique = info.unique.iter().flat_map(|index| &index.columns);
        let unique = unique
            .filter_map(|name| shape.columns.iter().position(|column| column == name))
            .filter(|position| !shape.key.contains(position));
        let user_triggers = triggers.iter().any(|name| foreign(&name));
        let on_tracking = catalog::triggers(db, path, &objects.tracking)?;
        let unique_tracking = catalog::has_other_unique_index(db, path, &objects.tracking)?;
        Ok(Table {
            sql: TableSql::new(
                &info.name,
                &objects,
                &store.tick,
                shape,
                respells,
                user_triggers,
            ),
            affinities: columns
                .iter()
                .map(|column| affinity(&column.declared))
                .collect(),
            not_null: columns.iter().map(|column| column.not_null).collect(),
            unique: unique.collect(),
            references: References::of(info, keys, shape),
            user_triggers,
            other_triggers: !triggers.iter().all(|name| ours.contains(&name))
                || !on_tracking.is_empty(),
            tracking_is_open: user_triggers || !on_tracking.is_empty() || unique_tracking,
            objects,
        })
    }
}

pub(super) fn table_info(
    db: &Connection,
    path: &Path,
    scope: &str,
    table: &TableDescription,
) -> Result<TableInfo, SqliteError> {
    let local = table.local_name.sqlite_name();
    catalog::table(db, path, &local)?.ok_or_else(|| {
        SqliteError::refused(
            format!("table {}", table.global_name),
            format!(
                "the scope holds it, but {} has no table {local}",
                path.display()
            ),
            format!(
                "give the table its name back if it was renamed; otherwise {} without it",
                error::provision_anew(path, scope)
            ),
        )
    })
}

/// Puts into a description how the database compares the texts of key columns, which no configuration says.
pub(super) fn read_key_equality(
    info: &TableInfo,
    table: &mut TableDescription,
) -> Result<(), SqliteError> {
    for column in table.columns.iter_mut().filter(|column| column.primary_key) {
        let own = (info.columns.iter()).position(|own| own.name.eq_ignore_ascii_case(&column.name));
        // A column that is not there any more is missed by name later.
        let Some(own) = own else { continue };
        column.key_equality = info.key_equality(own).ok_or_else(|| {
            SqliteError::refused(
                format!("column {} of table {}", column.name, table.global_name),
                "it is part of the primary key and has a collation that is not SQLite's own",
                "declare it with BINARY, NOCASE or RTRIM, and provision again",
            )
        })?;
    }
    Ok(())
}
