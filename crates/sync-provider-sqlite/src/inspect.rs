//! A look at a database that changes nothing.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use sync_knowledge::Tick;
use sync_metadata::{ScopeDescription, TableName};
use sync_provider::{ProviderError, RowRef, RowSet, TableShape};
use sync_relational::{
    ProvisionedBy, ReplicaReader, ReplicaRow, Scope, ScopeStatus, TableStatus, WaitingRow,
};

use crate::catalog;
use crate::connection::{Access, Database};
use crate::error::{At, SqliteError};
use crate::ident::ident;
use crate::metadata::{self, StoredScope};
use crate::names::TableObjects;
use crate::provision::TableTemplate;
use crate::store::SqliteStore;

/// All scopes of a database.
///
/// # Errors
/// The file is missing or no database, its metadata cannot be read, or it is locked.
pub fn status(path: &Path, busy_timeout: Duration) -> Result<Vec<ScopeStatus>, SqliteError> {
    let db = Database::open(path, Access::Read, busy_timeout)?;
    let db = &db.connection;
    db.execute_batch("BEGIN").at(path)?;
    let mut found = Vec::new();
    for store in metadata::stores(db, path)? {
        let version = metadata::version(db, path, &store)?;
        let scopes = metadata::scopes(db, path, &store)?;
        for scope in &scopes {
            let mut status = scope_status(db, path, scope)?;
            status.metadata_version = format!("{}.{}", version.major, version.minor);
            found.push(status);
        }
    }
    Ok(found)
}

/// What a scope looks like, for [`crate::Tables::Like`].
///
/// # Errors
/// As [`status`], or there is no such scope.
pub fn describe(
    path: &Path,
    scope: Option<&str>,
    busy_timeout: Duration,
) -> Result<(ScopeDescription, Vec<TableTemplate>), SqliteError> {
    let db = Database::open(path, Access::Read, busy_timeout)?;
    let db = &db.connection;
    let stored = metadata::find_scope(db, path, scope)?;
    let keys = catalog::foreign_keys(db, path)?;
    let mut templates = Vec::new();
    for table in &stored.description.tables {
        if let Some(info) = catalog::table(db, path, &table.local_name.sqlite_name())? {
            let foreign_keys = keys
                .iter()
                .filter(|key| key.child.eq_ignore_ascii_case(&info.name))
                .cloned()
                .collect();
            templates.push(TableTemplate {
                global_name: table.global_name.clone(),
                info,
                foreign_keys,
            });
        }
    }
    let comment = stored.row.user_comment.unwrap_or_default();
    Ok((stored.description.with_comment(comment), templates))
}

/// Reads one replica of a scope in one snapshot.
#[derive(Debug)]
pub struct SqliteReader {
    store: SqliteStore,
}

impl SqliteReader {
    /// Opens the snapshot.
    ///
    /// # Errors
    /// The file or the scope is missing, or the database fails.
    pub fn open(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, ProviderError> {
        let store = SqliteStore::open_to_read(path, scope, busy_timeout)?;
        Ok(SqliteReader { store })
    }
}

#[async_trait]
impl ReplicaReader for SqliteReader {
    fn scope(&self) -> &Scope {
        sync_relational::Store::scope(&self.store)
    }

    fn shapes(&self) -> &[TableShape] {
        sync_relational::Store::shapes(&self.store)
    }

    async fn knowledge_bytes(&mut self) -> Result<(Option<Vec<u8>>, Tick), ProviderError> {
        self.store.knowledge_and_tick()
    }

    async fn visit(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(ReplicaRow<'r>) + Send),
    ) -> Result<(), ProviderError> {
        let mut rows = [RowSet::default(), RowSet::default()];
        self.store.visit_rows(table, &mut rows, show)
    }

    async fn visit_untracked(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(RowRef<'r>, RowRef<'r>) + Send),
    ) -> Result<(), ProviderError> {
        self.store.visit_untracked_rows(table, show)
    }
}

fn scope_status(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<ScopeStatus, SqliteError> {
    let ours = catalog::exists(db, path, &scope.store.tick)?;
    let mut tick: i64 = 0;
    if ours {
        tick = db
            .query_row(
                &format!("SELECT tick - 1 FROM {}", ident(&scope.store.tick)),
                [],
                |row| row.get(0),
            )
            .at(path)?;
    }
    let mut tables = Vec::new();
    for table in &scope.description.tables {
        let objects = TableObjects::of(&table.local_name.sqlite_name(), &scope.store.naming);
        if !catalog::exists(db, path, &objects.tracking)? {
            return Err(SqliteError::refused(
                format!("table {}", table.global_name),
                format!("its tracking table {} is missing", objects.tracking),
                "provision the scope anew",
            ));
        }
        let sql = format!(
            "SELECT count(*) FILTER (WHERE sync_row_is_tombstone = 0), count(*) FILTER (WHERE sync_row_is_tombstone <> 0), \
             coalesce(max(local_update_peer_timestamp), 0) FROM {}",
            ident(&objects.tracking)
        );
        let (rows, tombstones, greatest): (i64, i64, i64) = db
            .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .at(path)?;
        tick = tick.max(greatest);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE scope_local_id = ?1 AND table_name = ?2",
            ident(&scope.store.waiting)
        );
        let deferred: i64 = match ours {
            true => db
                .query_row(
                    &sql,
                    rusqlite::params![scope.row.scope_local_id, table.global_name],
                    |row| row.get(0),
                )
                .at(path)?,
            false => 0,
        };
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        tables.push(TableStatus {
            name: table.global_name.clone(),
            rows: count(rows),
            tombstones: count(tombstones),
            deferred: count(deferred),
        });
    }
    Ok(ScopeStatus {
        name: scope.row.name.clone(),
        metadata_version: String::new(),
        provisioned_by: if ours {
            ProvisionedBy::Syncdb
        } else {
            ProvisionedBy::Msf
        },
        scope_local_id: scope.row.scope_local_id,
        replica_id: scope.row.scope_id,
        restore_count: scope.row.restore_count,
        tick: u64::try_from(tick).unwrap_or(0),
        knowledge: scope.row.knowledge.clone(),
        forgotten: scope.row.forgotten.clone(),
        tables,
        waiting: if ours {
            waiting(db, path, scope)?
        } else {
            Vec::new()
        },
        warnings: shared_tables(db, path, scope)?,
    })
}

fn waiting(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<Vec<WaitingRow>, SqliteError> {
    let sql = format!(
        "SELECT table_name, row_key, reason FROM {} WHERE scope_local_id = ?1 LIMIT {}",
        ident(&scope.store.waiting),
        ScopeStatus::MOST_WAITING
    );
    let mut statement = db.prepare(&sql).at(path)?;
    let mut rows = statement.query([scope.row.scope_local_id]).at(path)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().at(path)? {
        let (table, packed, reason): (String, Vec<u8>, String) = (
            row.get(0).at(path)?,
            row.get(1).at(path)?,
            row.get(2).at(path)?,
        );
        let width = scope
            .description
            .table(&table)
            .map_or(0, |table| table.key_columns().count());
        let mut keys = RowSet::new(width);
        keys.push_encoded(&packed);
        let key = keys.row(0).values().map(|cell| cell.to_owned()).collect();
        found.push(WaitingRow { table, key, reason });
    }
    Ok(found)
}

/// Two databases that share a table through two scopes would send its rows round for ever; only one side of that is visible here.
fn shared_tables(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<Vec<String>, SqliteError> {
    let mut warnings = Vec::new();
    for other in metadata::scopes(db, path, &scope.store)? {
        if other.row.name == scope.row.name {
            continue;
        }
        let same = |name: &TableName| {
            other
                .description
                .tables
                .iter()
                .any(|table| table.local_name.sqlite_name() == name.sqlite_name())
        };
        for table in scope
            .description
            .tables
            .iter()
            .filter(|table| same(&table.local_name))
        {
            warnings.push(format!(
                "table {} is also in scope {}: synchronise it with any one other database through one of the two only, or its rows go round for ever",
                table.global_name, other.row.name
            ));
        }
    }
    Ok(warnings)
}
