//! A connection that runs procedures and statements with named values.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_metadata::{TableDescription, TypeFamily, Value, ValueRef};
use sync_provider::{ProviderError, RowSet};
use sync_provider_commands::{
    BulkCall, CallError, CallFailure, Cells, Command, CommandConnection, DbSyncAdapter, Parameter,
    Program, Query, SessionValue, Signature, Transaction,
};
use sync_relational::{Attempt, Patience};
use tiberius::{Row, ToSql};

use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;
use crate::opened::OpenedTable;
use crate::procedures::cells::{by_name, literal, number, whole_texts};
use crate::procedures::describe::{described, preparations, refused_select};
use crate::procedures::returned::{Returned, Selects};
use crate::procedures::sql::{self, BulkTable};
use crate::procedures::staged::Staged;
use crate::server_error::{Kind, kind_of};
use crate::sql::text;
use crate::staging::Packed;
use crate::store::Options;
use crate::store::keys::{respelled, spelled_otherwise};

/// A connection that runs the commands of a store: procedures, and statements with parameters.
#[derive(Debug)]
pub struct ProcedureConnection {
    connections: Arc<dyn ConnectionFactory>,
    connection: Connection,
    settled: Settled,
    tables: Vec<Table>,
    /// What a fresh connection needs.
    preparations: Vec<String>,
    /// A transaction is open.
    busy: bool,
}

/// What holds for all transactions of a session.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Names the lock that keeps other sessions of the scope out.
    pub(crate) lock: String,
    /// What the owner chose; snapshots only where the database allows them.
    pub(crate) options: Options,
    /// The scope's name.
    pub(crate) scope: String,
    /// Where round trips are counted when the session ends.
    pub(crate) counter: Arc<AtomicU64>,
}

/// What a connection knows of a table besides its commands.
#[derive(Debug)]
pub(crate) struct Table {
    shape: TableShape,
    /// The types that its columns have today.
    today: Vec<Parameter>,
    /// Where there are commands that take many rows.
    bulk: Option<BulkTable>,
    selects: Vec<Selects>,
    /// What is kept: how many deletions, how many rows, what is read of each, and which column tells them apart.
    kept: Option<(i64, i64, Returned, String)>,
}

impl Table {
    /// A table that is as it is described.
    pub(crate) fn described(described: &TableDescription) -> Self {
        Table {
            shape: TableShape::of(described),
            today: Vec::new(),
            bulk: None,
            selects: Vec::new(),
            kept: None,
        }
    }

    /// A table of a scope that was provisioned; its columns may have been declared anew since.
    pub(super) fn opened(described: &TableDescription, opened: &OpenedTable) -> Self {
        let today = described.columns.iter().map(|column| Parameter {
            name: column.name.clone(),
            sql_type: opened.type_today(column),
        });
        let key = described.key_positions().map(|at| {
            let column = &described.columns[at];
            let info = opened.info.column(&column.name);
            let collation = info.and_then(|info| info.collation.clone());
            let collation = collation.filter(|_| column.sql_type.family() == TypeFamily::Text);
            (at, collation)
        });
        Table {
            today: today.collect(),
            bulk: Some(BulkTable {
                tracking: opened.config.tracking_table.clone(),
                columns: described
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
                key: key.collect(),
            }),
            ..Self::described(described)
        }
    }

    /// What is wanted of a row, read as what the table holds today: a column may have been declared anew since the scope was provisioned.
    fn as_today(&self, wanted: &[Parameter]) -> Vec<Parameter> {
        let as_today = |column: &Parameter| {
            let mut today = self.today.iter();
            let today = today.find(|today| today.name == column.name);
            today.unwrap_or(column).clone()
        };
        wanted.iter().map(as_today).collect()
    }
}

impl ProcedureConnection {
    /// Asks the commands of all tables what they return: one round trip, and one for each of them that is a statement.
    pub(crate) async fn over(
        (connections, mut connection): (Arc<dyn ConnectionFactory>, Connection),
        settled: Settled,
        mut tables: Vec<Table>,
        adapters: &[DbSyncAdapter],
    ) -> Result<Self, ProviderError> {
        let tag = format!("{:x}", RandomState::new().hash_one(&settled.lock));
        let preparations = preparations(adapters, &tag);
        for batch in &preparations {
            connection.batch(batch).await?;
        }
        let selects = described(&mut connection, adapters, &tag).await?;
        for (table, selects) in tables.iter_mut().zip(selects) {
            table.selects = selects;
        }
        Ok(ProcedureConnection {
            tables,
            connections,
            connection,
            settled,
            preparations,
            busy: false,
        })
    }

    /// What a command returns, and what runs in its place, as far as it is one that selects rows of a table.
    fn returned(
        &self,
        command: &Command,
        wanted: &[Parameter],
    ) -> Result<(Returned, Option<&Command>), ProviderError> {
        let tables = self.tables.iter();
        let mut all = tables.flat_map(|table| table.selects.iter().map(move |one| (table, one)));
        let found = all.find(|(_, selects)| selects.command == *command);
        let Some((table, selects)) = found else {
            return Ok((Returned::new(None, wanted.to_vec()), None));
        };
        let returned = Returned::new(Some(&selects.columns), table.as_today(wanted));
        match returned.missing() {
            Some(column) => Err(refused_select(
                command,
                &format!("it does not return column {column}"),
            )),
            None => Ok((returned, Some(&selects.runs))),
        }
    }

    /// Runs a batch that writes rows of a table, or of the scope itself.
    async fn failures(
        &mut self,
        table: Option<usize>,
        sql: &str,
        packed: Packed,
    ) -> Result<Vec<CallFailure>, CallError> {
        let (text, bytes) = packed.finish();
        let shape = table.and_then(|table| self.tables.get(table));
        let sets = self.connection.call(sql, &[&text, &bytes]).await;
        let sets = sets.map_err(|error| match (error.undone(), shape) {
            (Some((row, reason)), _) => CallError::Undone { row, reason },
            (None, Some(table)) => at_table(&table.shape, error).into(),
            (None, None) => ProviderError::from(error).into(),
        })?;
        let rows = sets.iter().flatten().filter(|row| {
            let first = row.columns().first();
            first.is_some_and(|column| column.name() == sql::FAILED_ROW)
        });
        let failures: Result<Vec<CallFailure>, MssqlError> = rows
            .map(|row| failure(row, self.connection.server()))
            .collect();
        Ok(failures.map_err(ProviderError::from)?)
    }
}

/// Names the table whose procedure is not as it was.
fn at_table(shape: &TableShape, error: MssqlError) -> ProviderError {
    match error {
        MssqlError::Database {
            message, number, ..
        } if kind_of(number) == Kind::Call => ProviderError::refused(
            format!("table {}", shape.global_name),
            format!("{message} (SQL Server error {number})"),
            "restore the procedure with its parameters, or synchronise without procedures",
        ),
        other => other.into(),
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
        self.rollback().await?;
        for batch in &self.preparations {
            self.connection.batch(batch).await?;
        }
        Ok(())
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
        let mut wanted: Vec<Vec<Parameter>> = Vec::new();
        for (nr, query) in queries.iter().enumerate() {
            let (returned, runs) = self.returned(query.command, query.result)?;
            let command = runs.unwrap_or(query.command);
            let staged = Staged::of(nr, query.signature, [command], false);
            batch.push_str(&sql::query(&staged, command, &returned));
            wanted.push(returned.wanted().to_vec());
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
                    let wanted = wanted.get(query).map_or(&[] as &[Parameter], Vec::as_slice);
                    take(query, nr, by_name(row, wanted));
                    return Ok(());
                }
                let numbers_only = row.columns().len() == 2;
                let mut cells = row.into_iter();
                let mut place = || number(cells.next()).and_then(|nr| usize::try_from(nr).ok());
                current = (place().unwrap_or(usize::MAX), place().unwrap_or(usize::MAX));
                if !numbers_only {
                    let wanted = wanted
                        .get(current.0)
                        .map_or(&[] as &[Parameter], Vec::as_slice);
                    take(current.0, current.1, whole_texts(cells, wanted));
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn keep(&mut self, queries: &[(usize, Query<'_>)]) -> Result<Vec<u64>, ProviderError> {
        let mut batch = "SET NOCOUNT ON;\n".to_owned();
        let mut all = Vec::new();
        for (table, query) in queries {
            let given: Vec<ValueRef<'_>> = query.arguments.row(0).values().collect();
            let inputs = query.command.inputs().iter();
            let values: Vec<String> = inputs
                .map(|input| literal(given.get(input.argument).copied()))
                .collect();
            let (returned, runs) = self.returned(query.command, query.result)?;
            let command = (runs.unwrap_or(query.command), query.signature);
            let tombstone = query.result.get(query.signature.columns());
            let tombstone = tombstone.map_or_else(String::new, |column| column.name.clone());
            batch.push_str(&sql::keep(
                *table,
                command,
                &values,
                (&returned, &tombstone),
            ));
            all.push((*table, returned, tombstone));
        }
        let sets = self.connection.batch(&batch).await?;
        let mut counts = Vec::new();
        for ((table, returned, tombstone), row) in all.into_iter().zip(sets.into_iter().flatten()) {
            let mut cells = row.into_iter().map(|cell| number(Some(cell)).unwrap_or(0));
            let (deleted, all) = (cells.next().unwrap_or(0), cells.next().unwrap_or(0));
            self.tables[table].kept = Some((deleted, all - deleted, returned, tombstone));
            counts.push(u64::try_from(all).unwrap_or(0));
        }
        Ok(counts)
    }

    async fn kept(
        &mut self,
        table: usize,
        deleted: bool,
        after: i64,
        most: usize,
        take: &mut (dyn FnMut(i64, Cells) + Send),
    ) -> Result<(), ProviderError> {
        let Some((dead, live, returned, tombstone)) = &self.tables[table].kept else {
            return Ok(());
        };
        if *(if deleted { dead } else { live }) == 0 {
            return Ok(());
        }
        let page = sql::kept(table, deleted, after, most, (returned, tombstone));
        self.connection
            .call_each::<MssqlError>(&page, &[], |_, row| {
                let mut cells = row.into_iter();
                let nr = number(cells.next()).unwrap_or(i64::MAX);
                take(nr, whole_texts(cells, returned.wanted()));
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn run(
        &mut self,
        table: Option<usize>,
        signature: &Signature,
        arguments: &RowSet,
        programs: &[Program<'_>],
        program_of: &[usize],
    ) -> Result<Vec<CallFailure>, CallError> {
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
        self.failures(table, &sql::run(&staged, &programs), packed)
            .await
    }

    async fn run_bulk(
        &mut self,
        table: usize,
        signature: &Signature,
        arguments: &RowSet,
        calls: &[BulkCall<'_>],
    ) -> Result<Vec<CallFailure>, CallError> {
        let Some(bulk) = &self.tables[table].bulk else {
            let all = calls.iter().flat_map(|call| call.rows);
            let unwritten = all.map(|&row| CallFailure {
                row,
                step: 0,
                reason: None,
            });
            return Ok(unwritten.collect());
        };
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
        let sql = sql::bulk(&staged, bulk, signature, calls);
        self.failures(Some(table), &sql, packed).await
    }
}
