//! The store: what a session asks for, as calls of commands.

use std::time::Duration;

use async_trait::async_trait;
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::{ScopeDescription, Size, SqlKind, SqlType, Value, ValueRef};
use sync_provider::{ProviderError, RowRef, RowSet, TableShape};

use super::connection::{CallError, CommandConnection, Program, Query, Step, Transaction};
use super::read::{ReadRow, fitted, result};
use super::{Command, CommandRole, Parameter, SessionValue, Signature, SyncAdapter};
use crate::store::{
    Attempt, Begun, Commit, Fetch, Fetched, Learned, LocalEntry, LocalSlice, Page, Patience,
    RowFailure, Scan, Scope, ScopeState, Slice, Store, Waiting, Write, Written, scope_row_changed,
};

/// Who a store of commands is.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandScope {
    /// The replica id (`scope_id`).
    pub replica: ReplicaId,
    /// The scope's number in its database.
    pub scope_local_id: i32,
    /// How often the database was restored.
    pub restore_count: i32,
    /// Its tables.
    pub description: ScopeDescription,
}

/// The commands about the scope itself, with [`Signature::of_scope`].
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeCommands {
    /// `SelectNewTimestampCommand`: gives `sync_new_timestamp`, a tick at or below which every change is committed.
    pub select_new_timestamp: Command,
    /// `SelectScopeInfoCommand`: returns `scope_sync_knowledge`, `scope_tombstone_cleanup_knowledge` and `scope_timestamp`.
    pub select_scope_info: Command,
    /// `UpdateScopeInfoCommand`: stores knowledge under the guard of `sync_scope_timestamp`.
    pub update_scope_info: Command,
}

/// A [`Store`] over named commands.
#[derive(Debug)]
pub struct CommandStore<C> {
    pub(super) connection: C,
    scope: Scope,
    pub(super) shapes: Vec<TableShape>,
    pub(super) adapters: Vec<SyncAdapter>,
    pub(super) results: Vec<Vec<Parameter>>,
    commands: ScopeCommands,
    signature: Signature,
    pub(super) scope_local_id: i32,
    restore_count: i32,
    /// A snapshot is open.
    reading: bool,
    /// The mark of the transaction under way.
    pub(super) mark: i64,
    /// What the scope row was like when the apply transaction began: what was decided rests on it.
    row: ScopeInfo,
}

/// What a write of the scope row needs of the row as it was.
#[derive(Clone, Debug, Default)]
struct ScopeInfo {
    forgotten: Option<Vec<u8>>,
    stamp: i64,
}

impl<C: CommandConnection> CommandStore<C> {
    /// A store for a scope; one adapter for each table, in its order.
    pub fn new(
        connection: C,
        scope: CommandScope,
        commands: ScopeCommands,
        adapters: Vec<SyncAdapter>,
    ) -> Self {
        let shapes: Vec<TableShape> = scope
            .description
            .tables
            .iter()
            .map(TableShape::of)
            .collect();
        CommandStore {
            connection,
            results: shapes.iter().map(result).collect(),
            shapes,
            adapters,
            commands,
            signature: Signature::of_scope(),
            scope_local_id: scope.scope_local_id,
            restore_count: scope.restore_count,
            reading: false,
            mark: 0,
            row: ScopeInfo::default(),
            scope: Scope {
                replica: scope.replica,
                description: scope.description,
                attributes: false,
            },
        }
    }

    /// What every command may ask for.
    pub(super) fn session_values(&self) -> [(SessionValue, ValueRef<'_>); 3] {
        [
            (
                SessionValue::ScopeLocalId,
                ValueRef::Integer(self.scope_local_id.into()),
            ),
            (
                SessionValue::ScopeRestoreCount,
                ValueRef::Integer(self.restore_count.into()),
            ),
            (
                SessionValue::ScopeName,
                ValueRef::Text(&self.scope.description.name),
            ),
        ]
    }

    /// The scope row and the mark: one round trip.
    async fn read_state(&mut self) -> Result<(ScopeState, ScopeInfo), ProviderError> {
        let mut arguments = self.signature.arguments();
        self.signature
            .push(&mut arguments, [], &self.session_values());
        let info = [
            ("scope_sync_knowledge", blob()),
            ("scope_tombstone_cleanup_knowledge", blob()),
            ("scope_timestamp", SqlType::new(SqlKind::Timestamp)),
        ];
        let info = info.map(|(name, sql_type)| Parameter {
            name: name.to_owned(),
            sql_type,
        });
        let query = |command, result| Query {
            command,
            signature: &self.signature,
            arguments: &arguments,
            result,
        };
        let queries = [
            query(&self.commands.select_new_timestamp, &[]),
            query(&self.commands.select_scope_info, &info),
        ];
        let (mut mark, mut row) = (None, None);
        self.connection
            .query(&queries, &mut |query, _, cells| match query {
                0 => mark = integer(cells.first()),
                _ => row = Some(cells),
            })
            .await?;
        let object = || format!("scope {}", self.scope.description.name);
        let mark = mark.ok_or_else(|| {
            ProviderError::refused(
                object(),
                "its SelectNewTimestampCommand gave no sync_new_timestamp",
                "make the command set this output",
            )
        })?;
        let row = row.ok_or_else(|| {
            ProviderError::refused(
                object(),
                "the database does not hold it any more",
                "provision the database for it again",
            )
        })?;
        let info = ScopeInfo {
            forgotten: bytes(row.get(1))?,
            stamp: integer(row.get(2)).unwrap_or(0),
        };
        let state = ScopeState {
            knowledge: bytes(row.first())?,
            forgotten: info.forgotten.clone(),
            mark: u64::try_from(mark).unwrap_or(0),
            // Nothing says whether it was; one that was and takes itself for a newcomer would strand versions.
            was_source: true,
        };
        Ok((state, info))
    }

    /// Runs the command that selects single rows for these keys, and hands over what it finds: the number of the key and the row.
    pub(super) async fn select_rows(
        &mut self,
        table: usize,
        keys: &[(usize, Vec<ValueRef<'_>>)],
    ) -> Result<Vec<(usize, ReadRow)>, ProviderError> {
        let shape = &self.shapes[table];
        let adapter = &self.adapters[table];
        let mut arguments = adapter.signature().arguments();
        for (_, key) in keys {
            let cells = shape.key.iter().copied().zip(key.iter().copied());
            adapter
                .signature()
                .push(&mut arguments, cells, &self.session_values());
        }
        let query = Query {
            command: adapter.command(CommandRole::SelectRow),
            signature: adapter.signature(),
            arguments: &arguments,
            result: &self.results[table],
        };
        let mut found = Vec::new();
        let mut refused = None;
        self.connection
            .query(
                &[query],
                &mut |_, nr, cells| match ReadRow::of(shape, cells) {
                    Ok(row) => found.extend(keys.get(nr).map(|(key, _)| (*key, row))),
                    Err(error) => refused = Some(error),
                },
            )
            .await?;
        match refused {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    /// Which of these rows, told by their keys, are not in the base table.
    pub(super) async fn gone(
        &mut self,
        table: usize,
        keys: &[RowSet],
    ) -> Result<Vec<bool>, ProviderError> {
        let adapter = &self.adapters[table];
        let Some(exists) = adapter.exists.as_ref().filter(|_| !keys.is_empty()) else {
            return Ok(vec![false; keys.len()]);
        };
        let mut gone = vec![true; keys.len()];
        for (some, gone) in keys.chunks(MOST_KEYS).zip(gone.chunks_mut(MOST_KEYS)) {
            let mut arguments = adapter.signature().arguments();
            for key in some {
                let cells = key.row(0);
                let cells = self.shapes[table].key.iter().copied().zip(cells.values());
                adapter
                    .signature()
                    .push(&mut arguments, cells, &self.session_values());
            }
            let query = Query {
                command: exists,
                signature: adapter.signature(),
                arguments: &arguments,
                result: &[],
            };
            self.connection
                .query(&[query], &mut |_, nr, _| {
                    gone.get_mut(nr).into_iter().for_each(|gone| *gone = false);
                })
                .await?;
        }
        Ok(gone)
    }

    async fn read_local(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        let shape = self.shapes[slice.table].clone();
        let mut local = LocalSlice {
            entries: vec![None; slice.rows.len()],
            cells: RowSet::new(shape.columns.len()),
            unreadable: Vec::new(),
        };
        let (mut spelled, mut keys) = (Vec::new(), Vec::new());
        for (number, row) in slice.rows.iter().enumerate() {
            let key = key_of(&shape, slice, row);
            let cells = match self.connection.unkeepable(&shape, &key) {
                Some(reason) => Err(reason),
                None => fitted_cells(&shape, slice.deleted, row.values()),
            };
            spelled.push(key);
            match cells {
                Ok(cells) => {
                    let key = shape.key.iter().map(|&column| cells[column]).collect();
                    keys.push((number, key));
                }
                Err(reason) => local.unreadable.push(RowFailure {
                    row: number,
                    reason,
                    metadata: false,
                }),
            }
        }
        let found = self.select_rows(slice.table, &keys).await?;
        let suspects: Vec<RowSet> = found
            .iter()
            .filter(|(_, row)| row.may_be_gone(&shape))
            .filter_map(|(_, row)| row.key.clone().ok())
            .collect();
        let mut gone = self.gone(slice.table, &suspects).await?.into_iter();
        for (number, row) in found {
            let suspect = row.may_be_gone(&shape) && row.key.is_ok();
            let is_gone = suspect && gone.next() == Some(true);
            let here = row.cells.as_ref().map_err(Clone::clone);
            let here = here.and_then(|here| {
                match self.connection.mistaken(&shape, &spelled[number], here) {
                    Some(reason) => Err(reason),
                    None => Ok(here),
                }
            });
            let cells = match here {
                Ok(_) if row.facts.tombstone || is_gone => None,
                Ok(cells) => {
                    local.cells.push(cells.iter().map(Value::as_ref));
                    Some(local.cells.len() - 1)
                }
                Err(reason) => {
                    local.unreadable.push(RowFailure {
                        row: number,
                        reason,
                        metadata: false,
                    });
                    continue;
                }
            };
            local.entries[number] = Some(LocalEntry {
                facts: row.facts,
                time: None,
                writer: None,
                local_tick: row.tick,
                cells,
            });
        }
        Ok(local)
    }

    async fn store_knowledge(&mut self, knowledge: &[u8]) -> Result<(), ProviderError> {
        let forgotten = self.row.forgotten.as_deref();
        let mut values = self.session_values().to_vec();
        values.extend([
            (SessionValue::ScopeKnowledge, ValueRef::Blob(knowledge)),
            (
                SessionValue::ScopeCleanupKnowledge,
                forgotten.map_or(ValueRef::Null, ValueRef::Blob),
            ),
            (
                SessionValue::ScopeTimestamp,
                ValueRef::Integer(self.row.stamp),
            ),
            (SessionValue::CheckConcurrency, ValueRef::Integer(1)),
        ]);
        let mut arguments = self.signature.arguments();
        self.signature.push(&mut arguments, [], &values);
        let program = Program {
            steps: vec![Step {
                command: &self.commands.update_scope_info,
                otherwise: None,
            }],
        };
        let failures = self
            .connection
            .run(None, &self.signature, &arguments, &[program], &[0])
            .await;
        let object = format!("scope {}", self.scope.description.name);
        let failures = failures.map_err(|error| error.at(object.clone()))?;
        let Some(failure) = failures.into_iter().next() else {
            return Ok(());
        };
        Err(match failure.reason {
            Some(reason) => ProviderError::database(object, reason, "run it again"),
            None => scope_row_changed(object),
        })
    }
}

/// Keys that are looked up together.
pub(super) const MOST_KEYS: usize = 1_000;

/// The key of a row of a slice, as it is written.
fn key_of(shape: &TableShape, slice: Slice<'_>, row: RowRef<'_>) -> RowSet {
    if !slice.deleted {
        return shape.key_of(row);
    }
    let mut key = RowSet::new(shape.key.len());
    key.push_row(row);
    key
}

/// The cells of an incoming row as their columns hold them; of a deletion, only those of the key.
pub(super) fn fitted_cells<'v>(
    shape: &TableShape,
    deleted: bool,
    cells: impl Iterator<Item = ValueRef<'v>>,
) -> Result<Vec<ValueRef<'v>>, String> {
    let mut row = vec![ValueRef::Null; shape.columns.len()];
    for (nr, value) in cells.enumerate() {
        let column = if deleted { shape.key[nr] } else { nr };
        row[column] = fitted(shape, column, value)?.0;
    }
    Ok(row)
}

fn blob() -> SqlType {
    SqlType::sized(SqlKind::VarBinary, Size::Max)
}

fn integer(cell: Option<&Result<Value, String>>) -> Option<i64> {
    match cell {
        Some(Ok(Value::Integer(number))) => Some(*number),
        _ => None,
    }
}

fn bytes(cell: Option<&Result<Value, String>>) -> Result<Option<Vec<u8>>, ProviderError> {
    match cell {
        Some(Ok(Value::Blob(bytes))) => Ok(Some(bytes.to_vec())),
        Some(Err(reason)) => Err(ProviderError::malformed("scope row", reason.clone())),
        _ => Ok(None),
    }
}

#[async_trait]
impl<C: CommandConnection> Store for CommandStore<C> {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn shapes(&self) -> &[TableShape] {
        &self.shapes
    }

    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError> {
        Ok((self.read_state().await?.0, Vec::new()))
    }

    async fn begin_enumeration(&mut self, floors: &[Tick]) -> Result<Begun, ProviderError> {
        self.rollback().await?;
        // The mark first: whatever was committed then is in a snapshot that begins after it.
        let (state, _) = self.read_state().await?;
        self.mark = i64::try_from(state.mark).unwrap_or(i64::MAX);
        self.connection
            .begin(Transaction::Read, Patience::Full)
            .await?;
        self.reading = true;
        let changed = self.keep(floors).await?;
        Ok(Begun { state, changed })
    }

    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        self.scan_page(scan).await
    }

    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError> {
        if self.reading {
            return Ok(Attempt::Done(self.fetch_rows(fetch).await?));
        }
        // A row and its version have to be of one moment.
        if let Attempt::Busy(error) = self
            .connection
            .begin(Transaction::Read, Patience::Part)
            .await?
        {
            return Ok(Attempt::Busy(error));
        }
        let fetched = self.fetch_rows(fetch).await;
        self.connection.rollback().await?;
        Ok(Attempt::Done(fetched?))
    }

    async fn end_enumeration(&mut self) -> Result<(), ProviderError> {
        self.rollback().await
    }

    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError> {
        self.rollback().await?;
        match self.connection.begin(Transaction::Apply, patience).await? {
            Attempt::Busy(error) => Ok(Attempt::Busy(error)),
            Attempt::Done(()) => {
                let (state, row) = self.read_state().await?;
                self.mark = i64::try_from(state.mark).unwrap_or(i64::MAX);
                self.row = row;
                Ok(Attempt::Done(state))
            }
        }
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
        match self.write_slice(slice, local, writes).await {
            Ok(failures) => Ok(Written::AllBut(failures)),
            Err(CallError::Undone { row, reason }) => {
                self.connection.rollback().await?;
                Ok(Written::Undone { row, reason })
            }
            Err(CallError::Failed(error)) => Err(error),
        }
    }

    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        if let Some(knowledge) = &learned.knowledge {
            self.store_knowledge(knowledge).await?;
        }
        self.connection.commit().await?;
        Ok(Commit::Done)
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        self.reading = false;
        self.connection.rollback().await
    }

    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        self.reading = false;
        self.connection.reconnect().await
    }

    async fn wait(&mut self, time: Duration) {
        self.connection.wait(time).await;
    }
}
