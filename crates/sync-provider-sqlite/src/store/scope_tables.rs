//! The tables of a scope as a session finds them. None of it changes while the session runs.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use sync_decision::TableShape;
use sync_knowledge::ReplicaId;
use sync_relational::{Circles, Link, Scope, ScopeView};

use crate::catalog;
use crate::connection::{Database, schema_version};
use crate::error::{self, At, SqliteError};
use crate::ident::ident;
use crate::metadata::{self, StoredScope};
use crate::store::sql::scope::ScopeSql;
use crate::store::table::{Table, read_key_equality, table_info};

/// The tables of a scope: what they are, and the statements on them.
#[derive(Debug)]
pub(super) struct ScopeTables {
    pub(super) scope: Scope,
    /// What the decisions know of the tables.
    pub(super) shapes: Vec<TableShape>,
    /// The rest, in the same order.
    pub(super) tables: Vec<Table>,
    pub(super) sql: ScopeSql,
    pub(super) scope_local_id: i32,
    pub(super) view: ScopeView,
    /// Triggers do not fire on this connection: all that there were when it was opened are this store's, and they would leave the
    /// rows alone that it writes.
    pub(super) triggers_off: bool,
    /// What the schema's version was then.
    pub(super) schema_version: i64,
    /// Some table of the file refers to another.
    pub(super) foreign_keys: bool,
    /// The cycles of foreign keys, without rows.
    pub(super) cycles: Circles,
}

impl ScopeTables {
    /// Reads a scope; without a name, the only one there is. Triggers are off from now on where nobody else has any.
    pub(super) fn read(db: &Database, scope: Option<&str>) -> Result<Self, SqliteError> {
        let (path, db) = (&db.path, &db.connection);
        let schema_version = schema_version(db).at(path)?;
        let mut stored = metadata::find_scope(db, path, scope)?;
        check_ours(db, path, &stored)?;
        let keys = catalog::foreign_keys(db, path)?;
        let mut shapes = Vec::new();
        let mut tables = Vec::new();
        for table in &mut stored.description.tables {
            let info = table_info(db, path, &stored.row.name, table)?;
            read_key_equality(&info, table)?;
            let shape = TableShape::of(table);
            let (store, name) = (&stored.store, &stored.row.name);
            tables.push(Table::read(db, path, store, name, &info, &shape, &keys)?);
            shapes.push(shape);
        }
        let triggers_off = tables.iter().all(|table| !table.other_triggers);
        fire_triggers(db, !triggers_off).at(path)?;
        Ok(ScopeTables {
            scope: Scope {
                replica: ReplicaId::from_uuid(stored.row.scope_id),
                description: stored.description,
                attributes: true,
            },
            cycles: cycles(&tables, &shapes),
            shapes,
            tables,
            sql: ScopeSql::new(&stored.store),
            scope_local_id: stored.row.scope_local_id,
            view: ScopeView {
                scope_local_id: stored.row.scope_local_id,
                restore_count: stored.row.restore_count,
            },
            triggers_off,
            schema_version,
            foreign_keys: !keys.is_empty(),
        })
    }

    /// The table of the scope that a quoted name means.
    pub(super) fn position(&self, quoted: &str) -> Option<usize> {
        let mut tables = self.tables.iter();
        tables.position(|table| table.sql.base.eq_ignore_ascii_case(quoted))
    }
}

/// The cycles of foreign keys among a scope's tables.
fn cycles(tables: &[Table], shapes: &[TableShape]) -> Circles {
    let mut links = Vec::new();
    for (child, table) in tables.iter().enumerate() {
        for (number, key) in table.references.missing_parent.iter().enumerate() {
            let name = ident(&key.parent);
            let mut own = tables.iter();
            let parent = own.position(|own| own.sql.base.eq_ignore_ascii_case(&name));
            let Some(parent) = parent else { continue };
            let position = |name: &String| {
                let columns = &shapes[parent].columns;
                columns
                    .iter()
                    .position(|own| own.eq_ignore_ascii_case(name))
            };
            let to: Option<Vec<usize>> = key.to.iter().map(position).collect();
            links.extend(to.map(|to| Link {
                child,
                number,
                parent,
                from: key.from.clone(),
                to,
            }));
        }
    }
    Circles::of(links)
}

/// Only databases provisioned by us have the tick counter that the provider lives on.
fn check_ours(db: &Connection, path: &Path, stored: &StoredScope) -> Result<(), SqliteError> {
    for name in [
        &stored.store.tick,
        &stored.store.scopes,
        &stored.store.waiting,
    ] {
        if !catalog::exists(db, path, name)? {
            return Err(SqliteError::refused(
                format!("table {name}"),
                "it is missing beside the scope's tables",
                error::start_anew(path),
            ));
        }
    }
    let tick = &stored.store.tick;
    let has_row = format!("SELECT EXISTS (SELECT 1 FROM {})", ident(tick));
    if !db.query_row(&has_row, [], |row| row.get(0)).at(path)? {
        return Err(SqliteError::refused(
            format!("table {tick}"),
            "it has lost its row, so that changes cannot be tracked",
            error::start_anew(path),
        ));
    }
    Ok(())
}

fn fire_triggers(db: &Connection, fire: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, fire)?;
    Ok(())
}
