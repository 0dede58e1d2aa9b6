//! A look at a database that changes nothing.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};
use sync_decision::TableShape;
use sync_knowledge::Tick;
use sync_metadata::{ScopeDescription, TableName};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{
    ProvisionedBy, ReplicaReader, ReplicaRow, Scope, ScopeStatus, TableStatus, UnreadableRow,
    UntrackedRow, WaitingRow,
};

use crate::catalog;
use crate::connection::{Access, Database};
use crate::error::{At, SqliteError};
use crate::ident::ident;
use crate::metadata::{self, StoredScope};
use crate::names::TableObjects;
use crate::problems;
use crate::store::SqliteStore;
use crate::template::Template;

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
            if scopes.len() > 1 {
                // The counter moves with sessions of the others too.
                status.unread = None;
            }
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
) -> Result<(ScopeDescription, Template), SqliteError> {
    let db = Database::open(path, Access::Read, busy_timeout)?;
    let db = &db.connection;
    let stored = metadata::find_scope(db, path, scope)?;
    let template = Template::read(db, path, &stored)?;
    let comment = stored.row.user_comment.unwrap_or_default();
    Ok((stored.description.with_comment(comment), template))
}

/// Reads one replica of a scope in one snapshot.
#[derive(Debug)]
pub struct SqliteReader {
    name: String,
    store: SqliteStore,
    /// Table by table, what its scope leaves out.
    columns_outside: Vec<Vec<String>>,
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
        let columns_outside = columns_outside(path, scope, busy_timeout)?;
        let store = SqliteStore::open_to_read(path, scope, busy_timeout)?;
        Ok(SqliteReader {
            name: path.display().to_string(),
            store,
            columns_outside,
        })
    }
}

fn columns_outside(
    path: &Path,
    scope: Option<&str>,
    busy_timeout: Duration,
) -> Result<Vec<Vec<String>>, SqliteError> {
    let db = Database::open(path, Access::Read, busy_timeout)?;
    let stored = metadata::find_scope(&db.connection, path, scope)?;
    let tables = stored.description.tables.iter();
    tables
        .map(|table| {
            let info = catalog::table(&db.connection, path, &table.local_name.sqlite_name())?;
            Ok(info.map_or_else(Vec::new, |info| problems::columns_outside(table, &info)))
        })
        .collect()
}

#[async_trait]
impl ReplicaReader for SqliteReader {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn scope(&self) -> &Scope {
        sync_relational::Store::scope(&self.store)
    }

    fn shapes(&self) -> &[TableShape] {
        sync_relational::Store::shapes(&self.store)
    }

    fn columns_outside(&self, table: usize) -> &[String] {
        self.columns_outside.get(table).map_or(&[], Vec::as_slice)
    }

    async fn knowledge_bytes(&mut self) -> Result<(Option<Vec<u8>>, Tick), ProviderError> {
        self.store.snapshot().knowledge_and_tick()
    }

    async fn visit(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(Result<ReplicaRow<'r>, UnreadableRow>) + Send),
    ) -> Result<(), ProviderError> {
        let mut rows = [RowSet::default(), RowSet::default()];
        self.store.snapshot().visit_rows(table, &mut rows, show)
    }

    async fn visit_untracked(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(UntrackedRow<'r>) + Send),
    ) -> Result<(), ProviderError> {
        self.store.snapshot().visit_untracked_rows(table, show)
    }
}

fn scope_status(
    db: &Connection,
    path: &Path,
    scope: &StoredScope,
) -> Result<ScopeStatus, SqliteError> {
    let store = &scope.store;
    let own = [&store.tick, &store.scopes, &store.waiting];
    let own = own.map(|name| catalog::exists(db, path, name));
    let [has_tick, has_scopes, has_waiting] = own;
    let (has_tick, has_scopes, has_waiting) = (has_tick?, has_scopes?, has_waiting?);
    // Microsoft's provider has none of them.
    let ours = has_tick || has_scopes || has_waiting;
    let id = scope.row.scope_local_id;
    let mut mark: Option<i64> = None;
    if has_tick {
        let sql = format!("SELECT tick - 1 FROM {}", ident(&store.tick));
        mark = db
            .query_row(&sql, [], |row| row.get(0))
            .optional()
            .at(path)?;
    }
    let mut was_source = false;
    if has_scopes {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE scope_local_id = ?1 AND was_source <> 0)",
            ident(&store.scopes)
        );
        was_source = db.query_row(&sql, [id], |row| row.get(0)).at(path)?;
    }
    let mut problems = match ours {
        true => problems::of_store(db, path, scope)?,
        false => Vec::new(),
    };
    let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut tick = mark.unwrap_or(0);
    let mut unread = 0;
    let mut tables = Vec::new();
    for table in &scope.description.tables {
        let local = table.local_name.sqlite_name();
        let info = catalog::table(db, path, &local)?;
        if ours {
            let of_table = problems::of_table(db, path, scope, table, info.as_ref())?;
            problems.extend(of_table);
        }
        let tracking = TableObjects::of(&local, &store.naming).tracking;
        let mut counts = (0, 0, 0, 0);
        if catalog::exists(db, path, &tracking)? {
            let sql = format!(
                "SELECT count(*) FILTER (WHERE sync_row_is_tombstone = 0), count(*) FILTER (WHERE sync_row_is_tombstone <> 0), \
                 coalesce(max(local_update_peer_timestamp), 0), \
                 count(*) FILTER (WHERE local_update_peer_timestamp > ?1 AND update_scope_local_id IS NOT ?2) FROM {}",
                ident(&tracking)
            );
            counts = db
                .query_row(&sql, rusqlite::params![mark, id], |row| row.try_into())
                .at(path)?;
        }
        let (rows, tombstones, greatest, changed): (i64, i64, i64, i64) = counts;
        unread += unsigned(changed);
        tick = tick.max(greatest);
        let mut deferred: i64 = 0;
        if has_waiting {
            let sql = format!(
                "SELECT count(*) FROM {} WHERE scope_local_id = ?1 AND table_name = ?2",
                ident(&store.waiting)
            );
            let which = rusqlite::params![id, table.global_name];
            deferred = db.query_row(&sql, which, |row| row.get(0)).at(path)?;
        }
        tables.push(TableStatus {
            name: table.global_name.clone(),
            rows: unsigned(rows),
            tombstones: unsigned(tombstones),
            deferred: unsigned(deferred),
            columns_outside: info
                .map_or_else(Vec::new, |info| problems::columns_outside(table, &info)),
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
        scope_local_id: id,
        replica_id: scope.row.scope_id,
        restore_count: scope.row.restore_count,
        tick: unsigned(tick),
        was_source,
        unread: mark.map(|_| unread),
        knowledge: scope.row.knowledge.clone(),
        forgotten: scope.row.forgotten.clone(),
        tables,
        waiting: if has_waiting {
            waiting(db, path, scope)?
        } else {
            Vec::new()
        },
        warnings: shared_tables(db, path, scope)?,
        problems,
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
