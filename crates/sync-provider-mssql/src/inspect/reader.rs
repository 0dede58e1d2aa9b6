//! Reading a whole replica, for a comparison.

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::{SqlType, TrackingRow, Value, ValueRef, quote};
use sync_provider::{ProviderError, RowRef, RowSet};
use sync_relational::{ReplicaReader, ReplicaRow, Scope, ScopeView, UnreadableRow, UntrackedRow};
use tiberius::{ColumnData, Row};

use crate::answer::Answer;
use crate::connection::{Connection, ConnectionFactory};
use crate::opened::{OpenedScope, OpenedTable, open_scope};
use crate::read;
use crate::sql::{join, object};

/// Reads one replica of a scope in one snapshot; where the database does not allow that, each table as it is when its turn comes.
#[derive(Debug)]
pub struct MssqlReader {
    connection: Connection,
    opened: OpenedScope,
    scope: Scope,
    shapes: Vec<TableShape>,
    view: ScopeView,
    /// Table by table, what its scope leaves out.
    columns_outside: Vec<Vec<String>>,
}

impl MssqlReader {
    /// Opens the snapshot.
    ///
    /// # Errors
    /// The server cannot be reached or fails, or the scope is missing.
    pub async fn open(
        connections: &dyn ConnectionFactory,
        scope: Option<&str>,
    ) -> Result<Self, ProviderError> {
        let mut connection = Connection::open(connections).await?;
        let opened = open_scope(&mut connection, scope).await?;
        if opened.facts.allows_snapshot {
            connection
                .batch("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
                .await?;
            connection.batch("BEGIN TRANSACTION").await?;
        }
        let stored = &opened.scope;
        let tables = opened.tables.iter().zip(&stored.description.tables);
        Ok(MssqlReader {
            columns_outside: tables
                .map(|(table, described)| table.info.columns_outside(described))
                .collect(),
            scope: Scope {
                replica: ReplicaId::from(stored.row.scope_id),
                description: stored.description.clone(),
                attributes: opened.tables.iter().all(|table| table.own_columns),
            },
            shapes: stored
                .description
                .tables
                .iter()
                .map(TableShape::of)
                .collect(),
            view: ScopeView {
                scope_local_id: stored.row.scope_local_id,
                restore_count: stored.row.restore_count,
            },
            connection,
            opened,
        })
    }
}

#[async_trait]
impl ReplicaReader for MssqlReader {
    fn name(&self) -> String {
        self.connection.server().to_owned()
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn shapes(&self) -> &[TableShape] {
        &self.shapes
    }

    fn columns_outside(&self, table: usize) -> &[String] {
        self.columns_outside.get(table).map_or(&[], Vec::as_slice)
    }

    async fn knowledge_bytes(&mut self) -> Result<(Option<Vec<u8>>, Tick), ProviderError> {
        let stored = &self.opened.scope;
        let mut queries = vec![format!(
            "SELECT 'scope' AS kind, scope_sync_knowledge AS knowledge FROM {} WHERE scope_local_id = {}",
            object(&stored.store.scope_info),
            stored.row.scope_local_id
        )];
        queries.extend(self.opened.tables.iter().map(|table| {
            format!(
                "SELECT 'tick' AS kind, MAX(CONVERT(bigint, local_update_peer_timestamp)) AS tick FROM {}",
                object(&table.config.tracking_table)
            )
        }));
        let answer = Answer::to(&mut self.connection, &queries.join(";\n")).await?;
        let mut knowledge = None;
        for record in answer.of_kind("scope") {
            knowledge = record.bytes("knowledge")?;
        }
        let mut tick = 0;
        for record in answer.of_kind("tick") {
            tick = tick.max(record.bigint("tick")?.unwrap_or(0));
        }
        Ok((knowledge, u64::try_from(tick).unwrap_or(0)))
    }

    async fn visit(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(Result<ReplicaRow<'r>, UnreadableRow>) + Send),
    ) -> Result<(), ProviderError> {
        let Some((own, shape)) = self.opened.tables.get(table).zip(self.shapes.get(table)) else {
            return Ok(());
        };
        let (view, keys) = (self.view, shape.key.len());
        let types: Vec<&SqlType> = shape.key.iter().map(|&at| &shape.types[at]).collect();
        let (mut key, mut cells) = (RowSet::new(keys), RowSet::new(shape.columns.len()));
        let sql = tracked(own, shape);
        let show_row = |_, row: Row| -> Result<(), ProviderError> {
            key.clear();
            cells.clear();
            let mut row = row.into_iter();
            if let Err(reason) = push(&mut key, &mut row, types.iter().copied()) {
                show(Err(UnreadableRow { key: None, reason }));
                return Ok(());
            }
            let tracking = tracking_row(&mut row);
            let is_there = number(row.next()) == Some(1);
            let live = is_there && !tracking.tombstone;
            if live && let Err(reason) = push(&mut cells, &mut row, &shape.types) {
                show(Err(unreadable(key.row(0), reason)));
                return Ok(());
            }
            show(Ok(ReplicaRow {
                key: key.row(0),
                facts: view.facts(&tracking),
                cells: live.then(|| cells.row(0)),
            }));
            Ok(())
        };
        self.connection.call_each(&sql, &[], show_row).await
    }

    async fn visit_untracked(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(UntrackedRow<'r>) + Send),
    ) -> Result<(), ProviderError> {
        let Some((own, shape)) = self.opened.tables.get(table).zip(self.shapes.get(table)) else {
            return Ok(());
        };
        let types: Vec<&SqlType> = shape.key.iter().map(|&at| &shape.types[at]).collect();
        let (mut key, mut cells) = (
            RowSet::new(shape.key.len()),
            RowSet::new(shape.columns.len()),
        );
        let sql = untracked(own, shape);
        let show_row = |_, row: Row| -> Result<(), ProviderError> {
            key.clear();
            cells.clear();
            let mut row = row.into_iter();
            if let Err(reason) = push(&mut key, &mut row, types.iter().copied()) {
                show(Err(UnreadableRow { key: None, reason }));
                return Ok(());
            }
            show(match push(&mut cells, &mut row, &shape.types) {
                Ok(()) => Ok((key.row(0), cells.row(0))),
                Err(reason) => Err(unreadable(key.row(0), reason)),
            });
            Ok(())
        };
        self.connection.call_each(&sql, &[], show_row).await
    }
}

/// Key, tracking columns, whether the base row is there, and its cells.
fn tracked(table: &OpenedTable, shape: &TableShape) -> String {
    let first = shape
        .key
        .first()
        .map_or_else(String::new, |&at| quote(&shape.columns[at]));
    format!(
        "SELECT {}, side.update_scope_local_id, side.scope_update_peer_key, side.scope_update_peer_timestamp, side.local_update_peer_key, \
         CONVERT(bigint, side.local_update_peer_timestamp), side.create_scope_local_id, side.scope_create_peer_key, \
         side.scope_create_peer_timestamp, side.local_create_peer_key, side.local_create_peer_timestamp, side.sync_row_is_tombstone, \
         side.restore_timestamp, CASE WHEN base.{first} IS NULL THEN 0 ELSE 1 END, {} FROM {} side LEFT JOIN {} base ON {}",
        key("side", shape),
        // A row is spelled as its tracking row spells it.
        join(0..shape.columns.len(), ", ", |at| {
            cell(
                if shape.key.contains(&at) {
                    "side"
                } else {
                    "base"
                },
                shape,
                at,
            )
        }),
        object(&table.config.tracking_table),
        object(&table.info.name),
        same_key("base", "side", shape)
    )
}

fn untracked(table: &OpenedTable, shape: &TableShape) -> String {
    format!(
        "SELECT {}, {} FROM {} base WHERE NOT EXISTS (SELECT 1 FROM {} side WHERE side.sync_row_is_tombstone = 0 AND {})",
        key("base", shape),
        cells("base", shape),
        object(&table.info.name),
        object(&table.config.tracking_table),
        same_key("base", "side", shape)
    )
}

fn key(alias: &str, shape: &TableShape) -> String {
    join(&shape.key, ", ", |&at| cell(alias, shape, at))
}

fn cells(alias: &str, shape: &TableShape) -> String {
    join(0..shape.columns.len(), ", ", |at| cell(alias, shape, at))
}

fn cell(alias: &str, shape: &TableShape, at: usize) -> String {
    let column = format!("{alias}.{}", quote(&shape.columns[at]));
    read::select(&column, &shape.types[at])
}

fn same_key(left: &str, right: &str, shape: &TableShape) -> String {
    join(&shape.key, " AND ", |&at| {
        let name = quote(&shape.columns[at]);
        format!("{left}.{name} = {right}.{name}")
    })
}

fn push<'t>(
    rows: &mut RowSet,
    row: &mut impl Iterator<Item = ColumnData<'static>>,
    types: impl IntoIterator<Item = &'t SqlType>,
) -> Result<(), String> {
    let mut writer = rows.start_row();
    for _ in types {
        let cell = row.next().unwrap_or(ColumnData::Bit(None));
        let value: Value = read::value(cell)?;
        writer.cell(ValueRef::from(&value));
    }
    Ok(())
}

fn unreadable(key: RowRef<'_>, reason: String) -> UnreadableRow {
    UnreadableRow {
        key: Some(key.values().map(Value::from).collect()),
        reason,
    }
}

fn tracking_row(row: &mut impl Iterator<Item = ColumnData<'static>>) -> TrackingRow {
    let mut next = || number(row.next());
    let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
    TrackingRow {
        update_scope_local_id: small(next()),
        scope_update_peer_key: small(next()),
        scope_update_peer_timestamp: next(),
        local_update_peer_key: small(next()).unwrap_or(0),
        local_update_peer_timestamp: next().unwrap_or(0),
        create_scope_local_id: small(next()),
        scope_create_peer_key: small(next()),
        scope_create_peer_timestamp: next(),
        local_create_peer_key: small(next()).unwrap_or(0),
        local_create_peer_timestamp: next().unwrap_or(0),
        tombstone: next().unwrap_or(0) != 0,
        restore_timestamp: next(),
        last_change: None,
    }
}

fn number(cell: Option<ColumnData<'static>>) -> Option<i64> {
    match cell? {
        ColumnData::U8(number) => number.map(i64::from),
        ColumnData::I16(number) => number.map(i64::from),
        ColumnData::I32(number) => number.map(i64::from),
        ColumnData::I64(number) => number,
        ColumnData::Bit(bit) => bit.map(i64::from),
        _ => None,
    }
}
