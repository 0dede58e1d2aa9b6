//! Taking a scope, or everything, off a database again. The user's tables and rows are never touched.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::catalog;
use crate::connection::{Access, Database};
use crate::error::{At, SqliteError};
use crate::ident::{ident, text};
use crate::metadata::{self, StoredScope};
use crate::names::TableObjects;

/// What to take off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deprovisioning {
    /// One scope; what it shares with others stays until the last of them goes.
    Scope(String),
    /// All metadata of all scopes.
    Store,
}

impl Deprovisioning {
    /// Takes it off, in one transaction, and says which statements did it.
    ///
    /// # Errors
    /// There is no such scope or no store, or the database fails; then nothing is changed.
    pub fn apply(&self, path: &Path, busy_timeout: Duration) -> Result<Vec<String>, SqliteError> {
        let mut db = Database::open(path, Access::Write, busy_timeout)?;
        db.in_transaction(|db, path| {
            let statements = self.plan(db, path)?;
            for statement in &statements {
                db.execute_batch(statement).at(path)?;
            }
            Ok(statements)
        })
    }

    /// The statements that [`apply`](Self::apply) would run.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn script(&self, path: &Path, busy_timeout: Duration) -> Result<Vec<String>, SqliteError> {
        let db = Database::open(path, Access::Read, busy_timeout)?;
        self.plan(&db.connection, path)
    }

    fn plan(&self, db: &Connection, path: &Path) -> Result<Vec<String>, SqliteError> {
        match self {
            Deprovisioning::Scope(name) => {
                scope_statements(db, path, &metadata::find_scope(db, path, Some(name))?)
            }
            Deprovisioning::Store => store_statements(db, path),
        }
    }
}

fn scope_statements(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<Vec<String>, SqliteError> {
    let all = metadata::scopes(db, path, &scope.store)?;
    let others: Vec<&StoredScope> = all
        .iter()
        .filter(|other| other.row.name != scope.row.name)
        .collect();
    let mut statements = Vec::new();
    for table in &scope.description.tables {
        let local = table.local_name.sqlite_name();
        let shared = others.iter().any(|other| {
            other
                .description
                .tables
                .iter()
                .any(|table| table.local_name.sqlite_name().eq_ignore_ascii_case(&local))
        });
        if !shared {
            let objects = TableObjects::of(&local, &scope.store.naming);
            statements.extend(
                objects
                    .all()
                    .map(|(kind, name)| format!("DROP {kind} IF EXISTS {}", ident(name))),
            );
        }
    }
    let store = &scope.store;
    let id = scope.row.scope_local_id;
    // Whoever provisions anew may do so because one of them is lost.
    for table in [&store.waiting, &store.scopes, &store.scope_info] {
        if catalog::exists(db, path, table)? {
            statements.push(format!(
                "DELETE FROM {} WHERE scope_local_id = {id}",
                ident(table)
            ));
        }
    }
    if let Some(config) = scope.row.config_id.filter(|config| {
        others
            .iter()
            .all(|other| other.row.config_id != Some(*config))
    }) {
        statements.push(format!(
            "DELETE FROM {} WHERE config_id = {}",
            ident(&store.scope_config),
            text(&config.to_string())
        ));
    }
    Ok(statements)
}

fn store_statements(db: &Connection, path: &Path) -> Result<Vec<String>, SqliteError> {
    let stores = metadata::stores(db, path)?;
    if stores.is_empty() {
        return Err(SqliteError::refused(
            path.display().to_string(),
            "it holds no synchronisation metadata",
            "name a provisioned database",
        ));
    }
    // What belongs to a store is told by its tracking tables: its configuration may be what is damaged.
    let tracking = catalog::tracking_tables(db, path)?;
    let mut statements: Vec<String> = Vec::new();
    for store in &stores {
        metadata::check_version(db, path, store)?;
        for name in &tracking {
            let Some(objects) = TableObjects::with_tracking_table(name, &store.naming) else {
                continue;
            };
            for (kind, name) in objects.all() {
                let drop = format!("DROP {kind} IF EXISTS {}", ident(name));
                if !statements.contains(&drop) {
                    statements.push(drop);
                }
            }
        }
        for table in store.tables() {
            if catalog::exists(db, path, table)? {
                statements.push(format!("DROP TABLE {}", ident(table)));
            }
        }
    }
    Ok(statements)
}
