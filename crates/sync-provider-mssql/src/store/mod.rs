//! One connection to a SQL Server database that holds a scope.

mod applying;
mod circle;
mod enumeration;
#[cfg(test)]
mod golden;
pub(crate) mod keys;
mod open;
mod rehearsal;
mod scope_row;
mod slice;
mod sql;
mod texts;
mod writing;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::TableDescription;
use sync_provider::ProviderError;
use sync_relational::{
    Attempt, Begun, Circles, Commit, Fetch, Fetched, Learned, LocalSlice, Page, Patience, RowName,
    Scan, Scope, ScopeState, ScopeView, Slice, Store, Waiting, Write, Written,
};

use crate::catalog::{DatabaseFacts, ForeignKey};
use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;
use crate::names;
use crate::opened::{OpenedScope, OpenedTable, open_scope};
use crate::store::open::Circle;
use crate::store::rehearsal::Rehearsed;
use crate::store::sql::{Column, TableNames, Taker};

/// What the owner of the provider has chosen.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long the locks of others are waited for.
    pub(crate) lock_timeout: Duration,
    /// Whether a source reads in SNAPSHOT where the database allows it.
    pub(crate) snapshot: bool,
    /// The session is a rehearsal: see [`rehearsal`].
    pub(crate) rehearsal: bool,
}

impl Options {
    /// How long locks are waited for, as `LOCK_TIMEOUT` has it.
    pub(crate) fn milliseconds(self, patience: Patience) -> i32 {
        let full = i32::try_from(self.lock_timeout.as_millis()).unwrap_or(i32::MAX);
        match patience {
            Patience::Full => full,
            // Between a half and one and a half of a sixteenth: two that block each other must not give up together for ever.
            Patience::Part => {
                let percent = RandomState::new().hash_one(full) % 101 + 50;
                full / 16 / 100 * i32::try_from(percent).unwrap_or(100)
            }
        }
    }
}

/// The store behind a [`crate::MssqlProvider`].
#[derive(Debug)]
pub(crate) struct MssqlStore {
    connections: Arc<dyn ConnectionFactory>,
    connection: Connection,
    scope: Scope,
    shapes: Vec<TableShape>,
    tables: Vec<TableNames>,
    names: names::Store,
    facts: DatabaseFacts,
    view: ScopeView,
    /// Our own tables are beside Microsoft's: rows that wait are remembered.
    remembers: bool,
    options: Options,
    /// Where its round trips are counted when it is done.
    round_trips: Arc<AtomicU64>,
    /// The mark of the enumeration, above which nothing is sent.
    limit: i64,
    /// The scope row's `scope_timestamp` when the apply transaction began.
    stamp: i64,
    /// A transaction is open.
    busy: bool,
    /// How far a rehearsal is.
    rehearsed: Rehearsed,
    /// References may have been left open in this transaction.
    open: bool,
    /// Rows that wait for each other.
    circles: Circles,
    /// Such rows that another round was asked for already.
    offered: BTreeSet<RowName>,
    /// They may go through if they come once more.
    another_round: bool,
    /// The temporary tables that slices go through exist.
    staged: bool,
    /// A text came that may not be what the database holds: the server counts from now on.
    counts: bool,
}

impl MssqlStore {
    pub(crate) async fn open(
        connections: Arc<dyn ConnectionFactory>,
        scope: Option<&str>,
        options: Options,
    ) -> Result<Self, MssqlError> {
        let mut connection = Connection::open(&*connections).await?;
        let opened = open_scope(&mut connection, scope).await?;
        Self::of(connections, connection, opened, options)
    }

    fn of(
        connections: Arc<dyn ConnectionFactory>,
        connection: Connection,
        opened: OpenedScope,
        options: Options,
    ) -> Result<Self, MssqlError> {
        let OpenedScope {
            scope,
            facts,
            tables,
            foreign_keys,
        } = opened;
        let shapes: Vec<TableShape> = scope
            .description
            .tables
            .iter()
            .map(TableShape::of)
            .collect();
        if let Some(table) = tables.iter().find(|table| table.is_filtered()) {
            return Err(MssqlError::refused(
                format!("table {}", table.info.name),
                "the scope holds only those of its rows that a filter selects, and slices know nothing of it",
                "synchronise through its procedures, which do",
            ));
        }
        let columns: Vec<Vec<Column>> = tables
            .iter()
            .zip(&scope.description.tables)
            .map(|(table, described)| columns(table, described))
            .collect();
        let parts = tables.iter().zip(&columns).zip(&shapes);
        let parts: Vec<_> = parts
            .map(|((table, columns), shape)| (table, columns.as_slice(), shape.key.as_slice()))
            .collect();
        let circles = Circle::of(&parts, &foreign_keys);
        let parts = tables.iter().zip(columns).zip(&shapes).zip(circles);
        let statements: Vec<TableNames> = parts
            .enumerate()
            .map(|(index, (((table, columns), shape), circle))| TableNames {
                index,
                base: table.info.name.clone(),
                side: table.config.tracking_table.clone(),
                columns,
                key: shape.key.clone(),
                ours: table.own_columns,
                takers: takers(&foreign_keys, table.info.object_id),
                circle,
            })
            .collect();
        let attributes = tables.iter().all(|table| table.own_columns);
        Ok(MssqlStore {
            connections,
            connection,
            view: ScopeView {
                scope_local_id: scope.row.scope_local_id,
                restore_count: scope.row.restore_count,
            },
            scope: Scope {
                replica: ReplicaId::from_uuid(scope.row.scope_id),
                description: scope.description,
                attributes,
            },
            shapes,
            names: scope.store,
            facts,
            remembers: scope.has_own_tables,
            options,
            round_trips: Arc::default(),
            limit: i64::MAX,
            stamp: 0,
            busy: false,
            rehearsed: Rehearsed::default(),
            open: false,
            circles: circle::circles(&statements),
            offered: BTreeSet::new(),
            another_round: false,
            tables: statements,
            staged: false,
            counts: false,
        })
    }
}

impl MssqlStore {
    /// Adds its round trips to a counter when it is dropped.
    pub(crate) fn counting(mut self, counter: &Arc<AtomicU64>) -> Self {
        self.round_trips = Arc::clone(counter);
        self
    }

    fn count(&self) {
        self.round_trips
            .fetch_add(self.connection.round_trips(), Ordering::Relaxed);
    }
}

impl Drop for MssqlStore {
    fn drop(&mut self) {
        self.count();
    }
}

fn columns(table: &OpenedTable, described: &TableDescription) -> Vec<Column> {
    let columns = described.columns.iter().map(|column| Column {
        name: column.name.clone(),
        sql_type: column.sql_type.clone(),
        read_as: table.type_today(column),
        collation: table
            .info
            .column(&column.name)
            .and_then(|info| info.collation.clone()),
        identity: column.identity.is_some(),
    });
    columns.collect()
}

/// The foreign keys by which a deletion in a table would change other rows.
fn takers(foreign_keys: &[ForeignKey], table: i32) -> Vec<Taker> {
    let takers = foreign_keys.iter();
    let takers = takers.filter(|key| key.parent == table && key.actions.contains(" ON DELETE "));
    let taker = |key: &ForeignKey| Taker {
        child: key.child_name.clone(),
        columns: key.columns.clone(),
    };
    takers.map(taker).collect()
}

#[async_trait]
impl Store for MssqlStore {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn shapes(&self) -> &[TableShape] {
        &self.shapes
    }

    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError> {
        Ok(self.read_state().await?)
    }

    async fn begin_enumeration(&mut self, floors: &[Tick]) -> Result<Begun, ProviderError> {
        Ok(self.take_mark(floors).await?)
    }

    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        self.scan_page(scan).await
    }

    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError> {
        Ok(Attempt::Done(self.fetch_rows(fetch).await?))
    }

    async fn end_enumeration(&mut self) -> Result<(), ProviderError> {
        match self.rehearsed.applied {
            true => Ok(()),
            false => Ok(self.undo().await?),
        }
    }

    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError> {
        Ok(self.open_apply(patience).await?)
    }

    async fn local_rows(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        self.read_local(slice).await
    }

    async fn write(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError> {
        self.write_slice(slice, local, writes).await
    }

    fn takes_another_round(&mut self) -> bool {
        std::mem::take(&mut self.another_round)
    }

    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        Ok(self.close_apply(learned).await?)
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        Ok(self.undo().await?)
    }

    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        self.rehearsed.check_nothing_lost(&self.scope)?;
        let connection = Connection::open(&*self.connections).await;
        let connection = connection.map_err(MssqlError::of_known_server)?;
        self.count();
        self.connection = connection;
        self.busy = false;
        self.staged = false;
        Ok(())
    }

    async fn wait(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
