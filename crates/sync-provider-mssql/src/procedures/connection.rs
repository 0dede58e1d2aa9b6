//! A connection that runs procedures and statements with named values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_metadata::{ScopeDescription, SqlKind, TypeFamily, Value, ValueRef};
use sync_provider::{ProviderError, RowSet, TableShape};
use sync_relational::commands::{
    BulkCall, CallFailure, Cells, Command, CommandConnection, CommandRole, CommandText, Parameter,
    Program, Query, SessionValue, Signature, SyncAdapter, Transaction,
};
use sync_relational::{Attempt, Patience};
use tiberius::{ColumnData, Row, ToSql};

use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;
use crate::opened::OpenedTable;
use crate::procedures::sql::{self, BulkTable, Returned, Staged};
use crate::read;
use crate::sql::{join, text};
use crate::staging::Packed;
use crate::store::Options;
use crate::store::keys::{respelled, spelled_otherwise};

/// Rows that are asked for at once of those that are kept.
const MOST_ROWS: usize = 5_000;

/// The connection behind a store of procedures.
#[derive(Debug)]
pub(crate) struct ProcedureConnection {
    connections: Arc<dyn ConnectionFactory>,
    connection: Connection,
    settled: Settled,
    tables: Vec<Table>,
    /// A transaction is open.
    busy: bool,
}

/// What holds for all transactions of a session.
#[derive(Debug)]
pub(super) struct Settled {
    /// Names the lock that keeps other sessions of the scope out.
    pub(super) lock: String,
    /// What the owner chose; snapshots only where the database allows them.
    pub(super) options: Options,
    /// The scope's name.
    pub(super) scope: String,
    /// Where round trips are counted when the session ends.
    pub(super) counter: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Table {
    /// Which columns its procedures return, in their order.
    returns: Vec<String>,
    /// The procedures that return them.
    selects: Vec<CommandText>,
    bulk: BulkTable,
    /// What is kept: how many deletions, how many rows, and what is read of each.
    kept: Option<(i64, i64, Vec<Parameter>)>,
}

impl ProcedureConnection {
    /// Asks the procedures of all tables what they return: one round trip.
    pub(super) async fn over(
        (connections, mut connection): (Arc<dyn ConnectionFactory>, Connection),
        settled: Settled,
        scope: &ScopeDescription,
        opened: &[OpenedTable],
        adapters: &[SyncAdapter],
    ) -> Result<Self, ProviderError> {
        let describe = join(adapters, ";\n", |adapter| {
            let command = adapter.command(CommandRole::SelectIncrementalChanges);
            // No row is above the greatest tick.
            let values = command.inputs().iter().map(|input| {
                let greatest = adapter.signature().place(SessionValue::MinTimestamp);
                if input.argument == greatest {
                    i64::MAX
                } else {
                    0
                }
                .to_string()
            });
            sql::execute(command, &values.collect::<Vec<_>>())
        });
        let mut returned = connection.describe(&describe).await?.into_iter();
        let tables = scope.tables.iter().zip(opened).zip(adapters);
        let tables = tables.map(|((table, opened), adapter)| {
            let roles = [
                CommandRole::SelectIncrementalChanges,
                CommandRole::SelectRow,
            ];
            let key = table.key_positions().map(|at| {
                let column = &table.columns[at];
                let collation = opened
                    .info
                    .column(&column.name)
                    .and_then(|info| info.collation.clone());
                let collation = collation.filter(|_| column.sql_type.family() == TypeFamily::Text);
                (at, collation)
            });
            Table {
                returns: returned.next().unwrap_or_default(),
                selects: roles
                    .map(|role| adapter.command(role).text().clone())
                    .to_vec(),
                bulk: BulkTable {
                    tracking: opened.config.tracking_table.clone(),
                    columns: table
                        .columns
                        .iter()
                        .map(|column| column.name.clone())
                        .collect(),
                    key: key.collect(),
                },
                kept: None,
            }
        });
        Ok(ProcedureConnection {
            tables: tables.collect(),
            connections,
            connection,
            settled,
            busy: false,
        })
    }

    /// What a command returns, as far as it is one that selects rows of a table.
    fn returned<'a>(
        &self,
        command: &Command,
        wanted: &'a [Parameter],
    ) -> Result<Returned<'a>, ProviderError> {
        let mut tables = self.tables.iter();
        let table = tables.find(|table| table.selects.contains(command.text()));
        let returned = Returned::new(table.map(|table| table.returns.as_slice()), wanted);
        match (returned.missing(), command.text()) {
            (Some(column), CommandText::Procedure(name)) => Err(ProviderError::refused(
                format!("procedure {name}"),
                format!("it does not return column {column}"),
                "restore it, or synchronise without procedures",
            )),
            _ => Ok(returned),
        }
    }

    async fn failures(
        &mut self,
        sql: &str,
        packed: Packed,
    ) -> Result<Vec<CallFailure>, ProviderError> {
        let (text, bytes) = packed.finish();
        let sets = self.connection.call(sql, &[&text, &bytes]).await?;
        let rows = sets.iter().flatten().filter(|row| {
            let first = row.columns().first();
            first.is_some_and(|column| column.name() == sql::FAILED_ROW)
        });
        let failures: Result<Vec<CallFailure>, MssqlError> = rows
            .map(|row| failure(row, self.connection.server()))
            .collect();
        Ok(failures?)
    }
}

fn failure(row: &Row, server: &str) -> Result<CallFailure, MssqlError> {
    let unreadable = |error: tiberius::error::Error| MssqlError::at(server, &error);
    let number = |column: usize| -> Result<usize, MssqlError> {
        let number: Option<i32> = row.try_get(column).map_err(unreadable)?;
        Ok(number
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usize::MAX))
    };
    let reason: Option<&str> = row.try_get(2).map_err(unreadable)?;
    Ok(CallFailure {
        row: number(0)?,
        step: number(1)?,
        reason: reason.map(str::to_owned),
    })
}

/// The arguments of a batch: of each row those that its commands take, after the number of its program where there is one.
fn packed(staged: &Staged, arguments: &RowSet, program_of: Option<&[Option<usize>]>) -> Packed {
    let mut packed = Packed::default();
    for (nr, row) in arguments.iter().enumerate() {
        let program = program_of.map(|of| of.get(nr).copied().flatten());
        if program == Some(None) {
            continue;
        }
        packed.start_row(nr);
        let mut types = staged.types.iter();
        if let Some(Some(number)) = program
            && let Some(sql_type) = types.next()
        {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            packed.cell(sql_type, ValueRef::Integer(number));
        }
        let mut places = staged.places.iter().peekable();
        for (place, value) in row.values().enumerate() {
            if places.next_if(|wanted| **wanted == place).is_some()
                && let Some(sql_type) = types.next()
            {
                packed.cell(sql_type, value);
            }
        }
    }
    packed
}

impl Drop for ProcedureConnection {
    fn drop(&mut self) {
        let trips = self.connection.round_trips();
        self.settled.counter.fetch_add(trips, Ordering::Relaxed);
    }
}

/// A value of the session as a literal.
fn literal(value: Option<ValueRef<'_>>) -> String {
    match value {
        Some(ValueRef::Integer(number)) => number.to_string(),
        Some(ValueRef::Text(value)) => text(value),
        _ => "NULL".to_owned(),
    }
}

/// The wanted columns of a row that a statement returned as it is; one that is not there is NULL.
fn by_name(row: Row, wanted: &[Parameter]) -> Cells {
    let names: Vec<String> = row
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let found: Cells = row.into_iter().map(read::value).collect();
    let cell = |column: &Parameter| {
        let at = names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(&column.name));
        match (at.and_then(|at| found.get(at)), &column.sql_type.kind) {
            (Some(Ok(Value::Blob(bytes))), SqlKind::Timestamp) => Ok(rowversion(bytes)),
            (Some(cell), _) => cell.clone(),
            (None, _) => Ok(Value::Null),
        }
    };
    wanted.iter().map(cell).collect()
}

/// The wanted cells of a row, which the count of U+FFFD that the server found in its texts follows. The driver puts that character in the place of
/// half a surrogate pair; where more of them came than are stored, the texts that have one are not what the database holds.
fn whole_texts(cells: impl Iterator<Item = ColumnData<'static>>, wanted: &[Parameter]) -> Cells {
    let mut all: Vec<ColumnData<'static>> = cells.collect();
    let stored = match sql::counts_replacements(wanted) {
        true => number(all.pop()).and_then(|count| usize::try_from(count).ok()),
        false => None,
    };
    let mut found: Cells = all.into_iter().map(read::value).collect();
    let replaced = |cell: &Result<Value, String>| {
        cell.as_ref()
            .map_or(0, |value| read::replaced(value.as_ref()))
    };
    let came: usize = found.iter().map(replaced).sum();
    if stored.is_some_and(|stored| stored < came) {
        for (cell, column) in found.iter_mut().zip(wanted) {
            if replaced(cell) > 0 {
                *cell = Err(format!(
                    "column {}: its text holds half of a surrogate pair, which is no character; mend the text",
                    column.name
                ));
            }
        }
    }
    found
}

/// A rowversion is a number of eight bytes, the greatest first.
fn rowversion(bytes: &[u8]) -> Value {
    let bytes = <[u8; 8]>::try_from(bytes);
    bytes.map_or(Value::Null, |bytes| {
        Value::Integer(i64::from_be_bytes(bytes))
    })
}

fn number(cell: Option<ColumnData<'static>>) -> Option<i64> {
    match cell? {
        ColumnData::I32(number) => number.map(i64::from),
        ColumnData::I64(number) => number,
        _ => None,
    }
}

#[async_trait]
impl CommandConnection for ProcedureConnection {
    fn unkeepable(&self, shape: &TableShape, key: &RowSet) -> Option<String> {
        respelled(shape, key)
    }

    fn mistaken(&self, shape: &TableShape, incoming: &RowSet, here: &[Value]) -> Option<String> {
        spelled_otherwise(shape, incoming, here)
    }

    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        let connection = Connection::open(&*self.connections).await;
        let trips = self.connection.round_trips();
        self.settled.counter.fetch_add(trips, Ordering::Relaxed);
        self.connection = connection.map_err(MssqlError::of_known_server)?;
        self.busy = false;
        self.rollback().await
    }

    async fn wait(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn begin(
        &mut self,
        transaction: Transaction,
        patience: Patience,
    ) -> Result<Attempt<()>, ProviderError> {
        let locks = format!(
            "SET LOCK_TIMEOUT {}",
            self.settled.options.milliseconds(Patience::Full)
        );
        let sql = match transaction {
            Transaction::Read => {
                let level = if self.settled.options.snapshot {
                    "SNAPSHOT"
                } else {
                    "REPEATABLE READ"
                };
                format!("SET TRANSACTION ISOLATION LEVEL {level}; {locks}; BEGIN TRANSACTION")
            }
            // Procedures take no hints: what was read is held by the isolation level.
            Transaction::Apply => format!(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET NOCOUNT ON; SET XACT_ABORT OFF; {locks}; BEGIN TRANSACTION; \
                 DECLARE @locked int; EXEC @locked = sp_getapplock @Resource = {}, @LockMode = 'Exclusive', @LockOwner = 'Transaction', \
                 @LockTimeout = {}; IF @locked < 0 ROLLBACK TRANSACTION; SELECT @locked",
                text(&self.settled.lock),
                self.settled.options.milliseconds(patience)
            ),
        };
        self.busy = true;
        let sets = self.connection.batch(&sql).await?;
        let locked = sets.into_iter().flatten().last();
        let locked = locked.and_then(|row| number(row.into_iter().next()));
        if locked.is_some_and(|locked| locked < 0) {
            self.busy = false;
            let (scope, server) = (&self.settled.scope, self.connection.server());
            return Ok(Attempt::Busy(ProviderError::database(
                format!("scope {scope} of {server}"),
                "another session applies changes to it, and did not come to an end in time",
                "run it again when that is done, or allow more time",
            )));
        }
        Ok(Attempt::Done(()))
    }

    async fn commit(&mut self) -> Result<(), ProviderError> {
        self.connection.batch("COMMIT TRANSACTION").await?;
        self.busy = false;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        for table in &mut self.tables {
            table.kept = None;
        }
        let is_open = std::mem::take(&mut self.busy) && self.connection.is_open();
        if !is_open {
            return Ok(());
        }
        self.connection
            .batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
            .await?;
        Ok(())
    }

    async fn query(
        &mut self,
        queries: &[Query<'_>],
        take: &mut (dyn FnMut(usize, usize, Cells) + Send),
    ) -> Result<(), ProviderError> {
        let mut batch = "SET NOCOUNT ON;\n".to_owned();
        let mut parameters: Vec<(String, Vec<u8>)> = Vec::new();
        for (nr, query) in queries.iter().enumerate() {
            let staged = Staged::of(nr, query.signature, [query.command], false);
            let returned = self.returned(query.command, query.result)?;
            batch.push_str(&sql::query(&staged, query.command, &returned));
            parameters.push(packed(&staged, query.arguments, None).finish());
        }
        let parameters: Vec<&dyn ToSql> = parameters
            .iter()
            .flat_map(|(text, bytes)| [text as &dyn ToSql, bytes as &dyn ToSql])
            .collect();
        // The query and the row of arguments that a statement's rows belong to.
        let mut current = (0, 0);
        self.connection
            .call_each::<MssqlError>(&batch, &parameters, |_, row| {
                let ours = row
                    .columns()
                    .first()
                    .is_some_and(|column| column.name() == sql::QUERY);
                if !ours {
                    let (query, nr) = current;
                    let wanted = queries
                        .get(query)
                        .map_or(&[] as &[Parameter], |query| query.result);
                    take(query, nr, by_name(row, wanted));
                    return Ok(());
                }
                let numbers_only = row.columns().len() == 2;
                let mut cells = row.into_iter();
                let mut place = || number(cells.next()).and_then(|nr| usize::try_from(nr).ok());
                current = (place().unwrap_or(usize::MAX), place().unwrap_or(usize::MAX));
                if !numbers_only {
                    let wanted = queries
                        .get(current.0)
                        .map_or(&[] as &[Parameter], |query| query.result);
                    take(current.0, current.1, whole_texts(cells, wanted));
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn keep(&mut self, queries: &[(usize, Query<'_>)]) -> Result<Vec<u64>, ProviderError> {
        let mut batch = "SET NOCOUNT ON;\n".to_owned();
        for (table, query) in queries {
            let given: Vec<ValueRef<'_>> = query.arguments.row(0).values().collect();
            let inputs = query.command.inputs().iter();
            let values: Vec<String> = inputs
                .map(|input| literal(given.get(input.argument).copied()))
                .collect();
            let returned = self.returned(query.command, query.result)?;
            batch.push_str(&sql::keep(*table, query.command, &values, &returned));
        }
        let sets = self.connection.batch(&batch).await?;
        let mut counts = Vec::new();
        for ((table, query), row) in queries.iter().zip(sets.into_iter().flatten()) {
            let mut cells = row.into_iter().map(|cell| number(Some(cell)).unwrap_or(0));
            let (deleted, all) = (cells.next().unwrap_or(0), cells.next().unwrap_or(0));
            self.tables[*table].kept = Some((deleted, all - deleted, query.result.to_vec()));
            counts.push(u64::try_from(all).unwrap_or(0));
        }
        Ok(counts)
    }

    async fn kept(
        &mut self,
        table: usize,
        deleted: bool,
        after: i64,
        take: &mut (dyn FnMut(i64, Cells) -> bool + Send),
    ) -> Result<(), ProviderError> {
        let Some((dead, live, wanted)) = &self.tables[table].kept else {
            return Ok(());
        };
        if *(if deleted { dead } else { live }) == 0 {
            return Ok(());
        }
        let returned = Returned::new(Some(&self.tables[table].returns), wanted);
        let mut after = after;
        loop {
            let page = sql::kept(table, deleted, after, MOST_ROWS, &returned);
            let (mut rows, mut stopped) = (0, false);
            self.connection
                .call_each::<MssqlError>(&page, &[], |_, row| {
                    let mut cells = row.into_iter();
                    let nr = number(cells.next()).unwrap_or(i64::MAX);
                    rows += 1;
                    if !stopped {
                        after = nr;
                        stopped = !take(nr, whole_texts(cells, wanted));
                    }
                    Ok(())
                })
                .await?;
            if stopped || rows < MOST_ROWS {
                return Ok(());
            }
        }
    }

    async fn run(
        &mut self,
        signature: &Signature,
        arguments: &RowSet,
        programs: &[Program<'_>],
        program_of: &[usize],
    ) -> Result<Vec<CallFailure>, ProviderError> {
        // Programs that no row has are left out, and with them the arguments that only they take.
        let programs: Vec<Program<'_>> = programs
            .iter()
            .enumerate()
            .map(|(number, program)| match program_of.contains(&number) {
                true => program.clone(),
                false => Program { steps: Vec::new() },
            })
            .collect();
        let steps = programs.iter().flat_map(|program| &program.steps);
        let commands = steps.flat_map(|step| [Some(step.command), step.otherwise]);
        let staged = Staged::of(0, signature, commands.flatten(), true);
        let program_of: Vec<Option<usize>> = program_of.iter().copied().map(Some).collect();
        let packed = packed(&staged, arguments, Some(&program_of));
        self.failures(&sql::run(&staged, &programs), packed).await
    }

    async fn run_bulk(
        &mut self,
        table: usize,
        signature: &Signature,
        arguments: &RowSet,
        calls: &[BulkCall<'_>],
    ) -> Result<Vec<CallFailure>, ProviderError> {
        let session = [
            SessionValue::MinTimestamp,
            SessionValue::ScopeLocalId,
            SessionValue::UpdatePeerTimestamp,
            SessionValue::UpdatePeerKey,
            SessionValue::CreatePeerTimestamp,
            SessionValue::CreatePeerKey,
        ];
        let session = session.into_iter().map(|value| signature.place(value));
        let staged = Staged::at(
            0,
            signature,
            (0..signature.columns()).chain(session).collect(),
            true,
        );
        let mut call_of = vec![None; arguments.len()];
        for (number, call) in calls.iter().enumerate() {
            for &row in call.rows {
                call_of[row] = Some(number);
            }
        }
        let packed = packed(&staged, arguments, Some(&call_of));
        let sql = sql::bulk(&staged, &self.tables[table].bulk, signature, calls);
        self.failures(&sql, packed).await
    }
}
