//! The store: what a session asks for, as calls of commands.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sync_decision::{NormalKey, TableShape};
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::{ScopeDescription, SqlKind, SqlType, Value, ValueRef};
use sync_provider::{ProviderError, RowRef, RowSet};
use uuid::Uuid;

use super::connection::{CallError, CommandConnection, Program, Query, Step, Transaction};
use super::program::ChangeTrackingModel;
use super::read::{ReadRow, fitted};
use super::scope::{ScopeCommands, ScopeRow, wanted};
use super::{Command, CommandRole, DbSyncAdapter, Parameter, SessionValue, Signature};
use sync_relational::{
    Attempt, Begun, Commit, Fetch, Fetched, Learned, LocalEntry, LocalSlice, Page, Patience,
    RowFailure, Scan, Scope, ScopeState, Slice, Store, Waiting, Write, Written, scope_row_changed,
};

/// Who a store of commands is.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandScope {
    /// The replica id (`scope_id`).
    pub replica: ReplicaId,
    /// The scope's number in its database, where it has one.
    pub scope_local_id: Option<i32>,
    /// How often the database was restored.
    pub restore_count: i32,
    /// Its tables.
    pub description: ScopeDescription,
}

/// A [`Store`] over named commands.
#[derive(Debug)]
pub struct CommandStore<C> {
    pub(super) connection: C,
    pub(super) scope: Scope,
    pub(super) shapes: Vec<TableShape>,
    pub(super) adapters: Vec<DbSyncAdapter>,
    pub(super) commands: ScopeCommands,
    pub(super) signature: Signature,
    pub(super) tracking: ChangeTrackingModel,
    pub(super) scope_local_id: Option<i32>,
    restore_count: i32,
    /// A snapshot is open.
    reading: bool,
    /// The mark of the transaction under way.
    pub(super) mark: i64,
    /// What the scope row was like when the apply transaction began: what was decided rests on it.
    pub(super) row: ScopeRow,
}

impl<C: CommandConnection> CommandStore<C> {
    /// A store for a scope that is known already; one adapter for each table, in its order.
    pub fn new(
        connection: C,
        scope: CommandScope,
        commands: ScopeCommands,
        adapters: Vec<DbSyncAdapter>,
        tracking: ChangeTrackingModel,
    ) -> Self {
        let tables = scope.description.tables.iter();
        CommandStore {
            connection,
            shapes: tables.map(TableShape::of).collect(),
            adapters,
            commands,
            signature: Signature::of_scope(),
            tracking,
            scope_local_id: scope.scope_local_id,
            restore_count: scope.restore_count,
            reading: false,
            mark: 0,
            row: ScopeRow::default(),
            scope: Scope {
                replica: scope.replica,
                description: scope.description,
                attributes: false,
            },
        }
    }

    /// A store for a scope of which its commands tell who it is.
    ///
    /// # Errors
    /// The database fails; there is no such scope, or it has no id; a command asks for a `sync_scope_local_id` that the scope does not have.
    pub async fn open(
        connection: C,
        description: ScopeDescription,
        commands: ScopeCommands,
        adapters: Vec<DbSyncAdapter>,
        tracking: ChangeTrackingModel,
    ) -> Result<Self, ProviderError> {
        let nobody = CommandScope {
            replica: ReplicaId::from_uuid(Uuid::nil()),
            scope_local_id: None,
            restore_count: 0,
            description,
        };
        let mut store = Self::new(connection, nobody, commands, adapters, tracking);
        let (_, row) = store.read_scope().await?;
        let info = &store.commands.select_scope_info;
        let replica = row.id.ok_or_else(|| {
            info.refused(
                "it gives no sync_scope_id",
                "give the scope a GUID of its own, which says who this replica is",
            )
        })?;
        store.scope.replica = replica;
        store.scope_local_id = row.local_id;
        store.restore_count = row.restore_count.unwrap_or(0);
        if row.local_id.is_none() {
            store.check_without_local_id()?;
        }
        Ok(store)
    }

    /// Nobody asks for a number that the scope does not have.
    fn check_without_local_id(&self) -> Result<(), ProviderError> {
        let asks = |signature: &Signature, command: &Command| {
            command.takes(signature.place(SessionValue::ScopeLocalId))
        };
        let of_tables = self.adapters.iter().flat_map(|adapter| {
            let commands = CommandRole::ALL.into_iter();
            let commands = commands.filter_map(|role| adapter.command(role));
            commands.filter(|command| asks(adapter.signature(), command))
        });
        let of_scope = self.commands.all().skip(2);
        let mut asking = of_tables.chain(of_scope.filter(|command| asks(&self.signature, command)));
        match asking.next() {
            None => Ok(()),
            Some(command) => Err(command.refused(
                "it asks for @sync_scope_local_id, which the SelectScopeInfoCommand does not give",
                "return scope_local_id there",
            )),
        }
    }

    /// What every command may ask for.
    pub(super) fn session_values(&self) -> [(SessionValue, ValueRef<'_>); 6] {
        let local_id = self.scope_local_id.map(i64::from);
        let ScopeDescription { name, .. } = &self.scope.description;
        [
            (
                SessionValue::ScopeLocalId,
                local_id.map_or(ValueRef::Null, ValueRef::Integer),
            ),
            (
                SessionValue::ScopeRestoreCount,
                ValueRef::Integer(self.restore_count.into()),
            ),
            (SessionValue::ScopeName, ValueRef::Text(name)),
            (
                SessionValue::ScopeId,
                (self.scope.replica.as_uuid()).map_or(ValueRef::Null, ValueRef::Guid),
            ),
            (SessionValue::Initialize, ValueRef::Integer(0)),
            (SessionValue::MetadataOnly, ValueRef::Integer(0)),
        ]
    }

    /// The scope row and the mark: one round trip.
    pub(super) async fn read_scope(&mut self) -> Result<(i64, ScopeRow), ProviderError> {
        let mut arguments = self.signature.arguments();
        self.signature
            .push(&mut arguments, [], &self.session_values());
        let query = |command, result| Query {
            command,
            signature: &self.signature,
            arguments: &arguments,
            result,
        };
        let (time, info) = (
            &self.commands.select_new_timestamp,
            &self.commands.select_scope_info,
        );
        let new_timestamp = [Parameter {
            name: SessionValue::NewTimestamp.name().to_owned(),
            sql_type: SqlType::new(SqlKind::Timestamp),
        }];
        let wanted = wanted();
        let queries = [query(time, &new_timestamp), query(info, &wanted)];
        let (mut mark, mut row) = (None, None);
        self.connection
            .query(&queries, &mut |query, _, cells| match query {
                0 => mark = integer(cells.first()),
                _ => row = Some(cells),
            })
            .await?;
        let mark = mark.ok_or_else(|| {
            time.refused(
                "it gave no number as sync_new_timestamp",
                "make the command set this output, or return it in a row",
            )
        })?;
        let no_scope = || {
            info.refused(
                "the database does not hold the scope",
                "insert its row, with a GUID of its own as id and no knowledge",
            )
        };
        let row = ScopeRow::of(info, row.ok_or_else(no_scope)?)?;
        // Outputs that nothing was assigned to look like a row of NULLs.
        if row.id.is_none() && info.gives(SessionValue::ScopeId) {
            return Err(no_scope());
        }
        Ok((mark, row))
    }

    async fn read_state(&mut self) -> Result<(ScopeState, ScopeRow), ProviderError> {
        let (mark, mut row) = self.read_scope().await?;
        let replica = &self.scope.replica;
        if row.id.as_ref().is_some_and(|id| id != replica) {
            return Err(self.commands.select_scope_info.refused(
                "the scope has another id than when the session began",
                "run it again",
            ));
        }
        Ok((row.state(replica, mark)?, row))
    }

    /// Selects the rows under these keys, and hands over what it finds: the number of the key and the row.
    ///
    /// A source that has no command for single rows selects all of its changes, and picks these.
    pub(super) async fn select_rows(
        &mut self,
        table: usize,
        keys: &[(usize, Vec<ValueRef<'_>>)],
    ) -> Result<Vec<(usize, ReadRow)>, ProviderError> {
        let shape = &self.shapes[table];
        let adapter = &self.adapters[table];
        let signature = adapter.signature();
        let mut arguments = signature.arguments();
        let command = match &adapter.select_row {
            Some(command) => {
                for (_, key) in keys {
                    let cells = shape.key.iter().copied().zip(key.iter().copied());
                    signature.push(&mut arguments, cells, &self.session_values());
                }
                command
            }
            None if keys.is_empty() => return Ok(Vec::new()),
            None => {
                let mut values = self.session_values().to_vec();
                values.extend(FROM_THE_BEGINNING);
                signature.push(&mut arguments, [], &values);
                adapter.selecting_changes()?
            }
        };
        let places: BTreeMap<NormalKey, usize> = keys
            .iter()
            .filter(|_| adapter.select_row.is_none())
            .map(|(number, key)| (shape.normal_key(key.iter().copied()), *number))
            .collect();
        let query = Query {
            command,
            signature,
            arguments: &arguments,
            result: &adapter.result,
        };
        let mut found = Vec::new();
        let mut refused = None;
        self.connection
            .query(
                &[query],
                &mut |_, nr, cells| match ReadRow::of(shape, cells) {
                    Ok(row) if adapter.select_row.is_none() => {
                        let key = row.key.as_ref().ok();
                        let key = key.map(|key| shape.normal_key(key.row(0).values()));
                        let number = key.and_then(|key| places.get(&key).copied());
                        found.extend(number.map(|number| (number, row)));
                    }
                    Ok(row) => found.extend(keys.get(nr).map(|(key, _)| (*key, row))),
                    Err(error) => refused = Some(error),
                },
            )
            .await?;
        if let Some(error) = refused {
            return Err(error);
        }
        // Rows are cut into batches in the order of their keys.
        found.sort_by_key(|(number, _)| *number);
        Ok(found)
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

    /// Writes the scope row, if it still is what this transaction found; otherwise gives the error that says so.
    pub(super) async fn store_scope(
        &mut self,
        knowledge: Option<&[u8]>,
        forgotten: Option<&[u8]>,
    ) -> Result<Option<ProviderError>, ProviderError> {
        let mut values = self.session_values().to_vec();
        values.extend([
            (
                SessionValue::ScopeKnowledge,
                knowledge.map_or(ValueRef::Null, ValueRef::Blob),
            ),
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
            return Ok(None);
        };
        match failure.reason {
            Some(reason) => Err(ProviderError::database(object, reason, "run it again")),
            None => Ok(Some(scope_row_changed(object))),
        }
    }
}

/// Arguments with which the command that selects changes gives all rows that there are metadata of.
const FROM_THE_BEGINNING: [(SessionValue, ValueRef<'static>); 2] = [
    (SessionValue::MinTimestamp, ValueRef::Integer(-1)),
    (SessionValue::UpdatePeerKey, ValueRef::Integer(-1)),
];

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

fn integer(cell: Option<&Result<Value, String>>) -> Option<i64> {
    match cell {
        Some(Ok(Value::Integer(number))) => Some(*number),
        _ => None,
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
        for adapter in &self.adapters {
            adapter.selecting_changes()?;
        }
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
        for adapter in &self.adapters {
            adapter.writing()?;
        }
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
            let forgotten = self.row.forgotten.clone();
            let superseded = self.store_scope(Some(knowledge), forgotten.as_deref());
            if let Some(error) = superseded.await? {
                return Ok(Commit::Superseded(error));
            }
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
