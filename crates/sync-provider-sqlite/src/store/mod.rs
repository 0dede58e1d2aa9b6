//! One connection to a SQLite database that holds a scope.

mod bury;
mod circle;
mod fetch;
mod foreign_keys;
mod guard;
mod local;
mod mark;
mod orphans;
mod park;
mod read;
mod readable;
mod savepoint;
mod scan;
mod sql;
mod statements;
mod waiting;
mod write;
mod write_error;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use sync_decision::TableShape;
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::TableDescription;
use sync_provider::ProviderError;
use sync_relational::{
    Attempt, Begun, Circles, Commit, Fetch, Fetched, Learned, Lens, LocalSlice, Page, Patience,
    Scan, Scope, ScopeState, Slice, Store, Waiting, Write, Written,
};

use crate::catalog::{self, TableInfo};
use crate::connection::{Access, Database};
use crate::error::{self, At, SqliteError};
use crate::ident::ident;
use crate::locks::{Locks, is_busy};
use crate::metadata::{self, StoredScope};
use crate::names::{self, TableObjects};
use crate::store::foreign_keys::References;
use crate::store::sql::TableSql;
use crate::store::write_error::Stop;
use crate::types::{Affinity, affinity};

/// The store behind a [`crate::SqliteProvider`].
#[derive(Debug)]
pub(crate) struct SqliteStore {
    db: Database,
    scope: Scope,
    shapes: Vec<TableShape>,
    tables: Vec<Table>,
    names: names::Store,
    scope_local_id: i32,
    lens: Lens,
    locks: Locks,
    /// Triggers do not fire on this connection: all that there were when it was opened are this store's, and they would leave the
    /// rows alone that it writes.
    triggers_off: bool,
    /// What the schema's version was then.
    schema_version: i64,
    /// Some table of the file refers to another.
    foreign_keys: bool,
    /// Rows that wait for each other.
    circles: Circles,
    /// Changes of this replica were handed out, and that could not be noted.
    unnoted: bool,
    apply: Option<Apply>,
}

/// What the store knows of a table beside its shape.
#[derive(Debug)]
struct Table {
    sql: TableSql,
    objects: TableObjects,
    affinities: Vec<Affinity>,
    not_null: Vec<bool>,
    /// Positions of the columns that unique indexes other than the primary key are over.
    unique: Vec<usize>,
    references: References,
    /// The user has triggers of his own on the table.
    user_triggers: bool,
    /// Others than this store have triggers on the table or on its tracking table.
    other_triggers: bool,
    /// The user's triggers or unique indexes may refuse a tracking row after its base row was written.
    tracking_is_open: bool,
}

/// An apply transaction.
#[derive(Debug)]
struct Apply {
    /// What written rows are stamped with.
    tick: i64,
    /// The time of the session, as the tracking tables keep it.
    now: i64,
    /// Tables in which nothing was tracked when the transaction began.
    empty: Vec<bool>,
    /// The table that `applying` names.
    marked: Option<usize>,
    knowledge_timestamp: i64,
    /// Deletions that were refused while other rows referred to the row.
    held_back: BTreeSet<bury::RowKey>,
}

impl SqliteStore {
    pub(crate) fn open(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        match Self::open_as(path, scope, busy_timeout, Access::Write) {
            // A file that cannot be written can still be a source.
            Err(SqliteError::Database { .. }) => {
                Self::open_as(path, scope, busy_timeout, Access::Read)
            }
            other => other,
        }
    }

    fn open_as(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
        access: Access,
    ) -> Result<Self, SqliteError> {
        Self::over(
            Database::open(path, access, busy_timeout)?,
            scope,
            busy_timeout,
        )
    }

    /// Opens a scope of a file as it is now; nothing that is done comes into the file.
    pub(crate) fn open_copy(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        let copy = Database::copy_of(path, busy_timeout)?;
        Self::over(copy, scope, busy_timeout)
    }

    fn over(
        db: Database,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        let path = &db.path.clone();
        let schema_version = schema_version(&db.connection).at(path)?;
        let mut stored = metadata::find_scope(&db.connection, path, scope)?;
        check_ours(&db.connection, path, &stored)?;
        let keys = catalog::foreign_keys(&db.connection, path)?;
        let mut shapes = Vec::new();
        let mut tables = Vec::new();
        for table in &mut stored.description.tables {
            let info = table_info(&db.connection, path, &stored.row.name, table)?;
            read_key_equality(&info, table)?;
            let shape = TableShape::of(table);
            tables.push(Table::read(
                &db.connection,
                path,
                &stored.store,
                &stored.row.name,
                &info,
                &shape,
                &keys,
            )?);
            shapes.push(shape);
        }
        let triggers_off = tables.iter().all(|table| !table.other_triggers);
        fire_triggers(&db.connection, !triggers_off).at(path)?;
        Ok(SqliteStore {
            scope: Scope {
                replica: ReplicaId::from_uuid(stored.row.scope_id),
                description: stored.description,
                attributes: true,
            },
            circles: circle::circles(&tables, &shapes),
            shapes,
            tables,
            names: stored.store,
            scope_local_id: stored.row.scope_local_id,
            lens: Lens {
                scope_local_id: stored.row.scope_local_id,
                restore_count: stored.row.restore_count,
            },
            locks: Locks { busy_timeout },
            triggers_off,
            schema_version,
            foreign_keys: !keys.is_empty(),
            unnoted: false,
            apply: None,
            db,
        })
    }

    fn db(&self) -> &Connection {
        &self.db.connection
    }

    fn fail(&self, error: &rusqlite::Error) -> ProviderError {
        SqliteError::at(&self.db.path, error).into()
    }

    fn applying(&self) -> Result<&Apply, ProviderError> {
        self.apply.as_ref().ok_or_else(|| {
            ProviderError::malformed("session", "rows came without an apply transaction")
        })
    }
}

impl Table {
    fn read(
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
            sql: TableSql::new(&info.name, &objects, shape, respells, user_triggers),
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

fn table_info(
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
fn read_key_equality(info: &TableInfo, table: &mut TableDescription) -> Result<(), SqliteError> {
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

fn fire_triggers(db: &Connection, fire: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, fire)?;
    Ok(())
}

/// Moves with every change of the schema.
pub(crate) fn schema_version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "schema_version", |row| row.get(0))
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

#[async_trait]
impl Store for SqliteStore {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn shapes(&self) -> &[TableShape] {
        &self.shapes
    }

    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError> {
        let state = self.read_state().map_err(|error| self.fail(&error))?;
        Ok((state, self.read_waiting()?))
    }

    async fn begin_enumeration(&mut self, _floors: &[Tick]) -> Result<Begun, ProviderError> {
        let state = self.take_mark().map_err(|error| self.fail(&error))?;
        // A scan that finds nothing costs a look into an index.
        let changed = (0..self.shapes.len()).collect();
        Ok(Begun { state, changed })
    }

    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        self.scan_page(scan)
    }

    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError> {
        self.fetch_rows(&fetch)
    }

    async fn end_enumeration(&mut self) -> Result<(), ProviderError> {
        self.undo()?;
        self.note_source_late().map_err(|error| self.fail(&error))
    }

    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError> {
        self.undo()?;
        match self.locks.lock(self.db(), patience) {
            Ok(()) => {}
            Err(error) if is_busy(&error) => return Ok(Attempt::Busy(self.fail(&error))),
            Err(error) => return Err(self.fail(&error)),
        }
        let state = self.open_apply().map_err(|error| self.fail(&error))?;
        if schema_version(self.db()).map_err(|error| self.fail(&error))? != self.schema_version {
            // What was read of tables and triggers when the session began may not hold any more.
            self.undo()?;
            return Err(ProviderError::refused(
                self.db.path.display().to_string(),
                "its schema was changed while the session ran",
                "run it again",
            ));
        }
        Ok(Attempt::Done(state))
    }

    async fn local_rows(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        self.read_local(slice)
    }

    async fn write(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError> {
        match self.write_slice(slice, local, writes) {
            Ok(failures) => Ok(Written::AllBut(failures)),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Undone { row, reason }) => {
                self.undo()?;
                Ok(Written::Undone { row, reason })
            }
        }
    }

    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        self.close_apply(learned)
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        self.undo()?;
        self.note_source_late().map_err(|error| self.fail(&error))
    }
}

impl SqliteStore {
    fn undo(&mut self) -> Result<(), ProviderError> {
        self.apply = None;
        if !self.db().is_autocommit() {
            self.execute("ROLLBACK")?;
        }
        let waiting = self.locks.wait(self.db());
        waiting.map_err(|error| self.fail(&error))
    }

    fn read_state(&self) -> rusqlite::Result<ScopeState> {
        let sql = format!(
            "SELECT s.scope_sync_knowledge, s.scope_tombstone_cleanup_knowledge, (SELECT tick FROM {}), \
             coalesce((SELECT was_source FROM {} o WHERE o.scope_local_id = s.scope_local_id), 0) FROM {} s WHERE s.scope_local_id = ?1",
            ident(&self.names.tick),
            ident(&self.names.scopes),
            ident(&self.names.scope_info)
        );
        self.db()
            .prepare_cached(&sql)?
            .query_row([self.scope_local_id], |row| {
                let tick: i64 = row.get(2)?;
                Ok(ScopeState {
                    knowledge: row.get(0)?,
                    forgotten: row.get(1)?,
                    // As destination: everything made here up to now. As source `take_mark` says more.
                    mark: u64::try_from(tick).unwrap_or(0),
                    was_source: row.get(3)?,
                })
            })
    }

    /// Under the write lock.
    fn open_apply(&mut self) -> rusqlite::Result<ScopeState> {
        self.note_source_now()?;
        let db = self.db();
        db.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        let state = self.read_state()?;
        let now = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";
        let now: i64 = db.query_row(now, [], |row| row.get(0))?;
        let empty = (self.tables.iter())
            .map(|table| db.query_row(&table.sql.is_empty, [], |row| row.get(0)))
            .collect::<rusqlite::Result<Vec<bool>>>()?;
        let sql = format!(
            "SELECT coalesce(scope_timestamp, 0) FROM {} WHERE scope_local_id = ?1",
            ident(&self.names.scope_info)
        );
        let knowledge_timestamp = db.query_row(&sql, [self.scope_local_id], |row| row.get(0))?;
        let tick = i64::try_from(state.mark).unwrap_or(i64::MAX);
        self.circles.begin();
        self.apply = Some(Apply {
            tick,
            now,
            empty,
            marked: None,
            knowledge_timestamp,
            held_back: BTreeSet::new(),
        });
        Ok(state)
    }

    fn close_apply(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        let apply = self.applying()?;
        let timestamp = apply.knowledge_timestamp.saturating_add(1);
        let store = || -> rusqlite::Result<()> {
            // Whatever happened on the way: left behind, it would keep the triggers from tracking.
            if !self.triggers_off {
                self.db().execute(
                    &format!(
                        "UPDATE {} SET applying = NULL, applying_key = NULL",
                        ident(&self.names.tick)
                    ),
                    [],
                )?;
            }
            if let Some(knowledge) = &learned.knowledge {
                let sql = format!(
                    "UPDATE {} SET scope_sync_knowledge = ?1, scope_timestamp = ?2 WHERE scope_local_id = ?3",
                    ident(&self.names.scope_info)
                );
                self.db().execute(
                    &sql,
                    rusqlite::params![knowledge, timestamp, self.scope_local_id],
                )?;
            }
            self.write_waiting(learned)
        };
        store().map_err(|error| self.fail(&error))?;
        let waiting = self.locks.wait(self.db());
        waiting.map_err(|error| self.fail(&error))?;
        match self.db().execute_batch("COMMIT") {
            Ok(()) => {
                self.apply = None;
                self.unnoted = false;
                Ok(Commit::Done)
            }
            Err(error) if foreign_keys::is_violation(&error) => {
                let breach = self.breach()?;
                self.undo()?;
                Ok(Commit::Broken(breach))
            }
            Err(error) => Err(self.fail(&error)),
        }
    }
}
