//! A connection that runs commands with named values.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, Row};
use sync_metadata::Value;
use sync_provider::{ProviderError, RowRef, RowSet};
use sync_provider_commands::{
    BulkCall, CallError, CallFailure, Cells, Command, CommandConnection, CommandRole, CommandSet,
    Parameter, Program, Query, SessionValue, Signature, Transaction,
};
use sync_relational::{Attempt, Patience};

use crate::commands::kept;
use crate::commands::text::{Counted, Text, bind_all, check};
use crate::connection::Database;
use crate::error::{SqliteError, message};
use crate::locks::{Locks, is_busy};

/// A connection to a SQLite database that runs commands; made by [`SqliteCommands`](super::SqliteCommands).
#[derive(Debug)]
pub struct SqliteCommandConnection {
    database: Database,
    locks: Locks,
    /// The texts of the commands, by whose they are.
    texts: BTreeMap<String, Text>,
    /// What is read of the rows that are kept of each table.
    kept: BTreeMap<usize, Vec<Parameter>>,
}

/// Why a command did not run to its end.
enum Failed {
    /// The database, or a value, refuses the row.
    Row(String),
    /// The session cannot go on.
    Session(ProviderError),
}

impl SqliteCommandConnection {
    pub(super) fn over(
        database: Database,
        busy_timeout: std::time::Duration,
        commands: &CommandSet,
    ) -> Result<Self, ProviderError> {
        let mut texts = BTreeMap::new();
        let db = &database.connection;
        for command in commands.scope.all() {
            texts.insert(command.object().to_owned(), check(db, command)?);
        }
        for adapter in &commands.adapters {
            let roles = CommandRole::ALL.into_iter();
            let of_roles = roles.filter_map(|role| Some((Some(role), adapter.command(role)?)));
            let exists = adapter.existence().map(|command| (None, command));
            for (role, command) in of_roles.chain(exists) {
                let text = check(db, command)?;
                let wanted = role.map_or_else(Vec::new, |role| adapter.returns(role));
                let missing = wanted
                    .iter()
                    .find(|wanted| place(&text.columns, &wanted.name).is_none());
                if let Some(missing) = missing {
                    return Err(command.refused(
                        format!("it does not return column {}", missing.name),
                        "let it return the row and its versions",
                    ));
                }
                texts.insert(command.object().to_owned(), text);
            }
        }
        Ok(SqliteCommandConnection {
            database,
            locks: Locks { busy_timeout },
            texts,
            kept: BTreeMap::new(),
        })
    }

    fn db(&self) -> &Connection {
        &self.database.connection
    }

    fn fail(&self, error: &rusqlite::Error) -> ProviderError {
        SqliteError::at(&self.database.path, error).into()
    }

    fn failed(&self, error: &rusqlite::Error) -> Failed {
        let refused = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)
        );
        match refused {
            true => Failed::Row(message(error)),
            false => Failed::Session(self.fail(error)),
        }
    }

    /// Runs a command once and hands over what its statements return.
    fn execute(
        &self,
        command: &Command,
        signature: &Signature,
        arguments: RowRef<'_>,
        take: &mut dyn FnMut(&Row<'_>, &[String]) -> rusqlite::Result<()>,
    ) -> Result<Counted, Failed> {
        let mut counted = Counted::default();
        let Some(text) = self.texts.get(command.object()) else {
            let error = command.refused("it was not looked at before", "begin a new session");
            return Err(Failed::Session(error));
        };
        for statement in &text.statements {
            let prepared = self.db().prepare_cached(statement);
            let mut prepared = prepared.map_err(|error| self.failed(&error))?;
            bind_all(&mut prepared, command, signature, arguments).map_err(Failed::Row)?;
            let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
            let writes = !prepared.readonly();
            if columns.is_empty() {
                let done = prepared.raw_execute();
                done.map_err(|error| self.failed(&error))?;
            } else {
                let count = place(&columns, SessionValue::RowCount.name());
                let mut rows = prepared.raw_query();
                while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
                    if let Some(count) = count.filter(|_| command.counts()) {
                        counted.tell(row.get(count).map_err(|error| self.failed(&error))?);
                    }
                    take(row, &columns).map_err(|error| self.failed(&error))?;
                }
            }
            if writes {
                counted.written = self.db().changes();
            }
        }
        Ok(counted)
    }

    /// The steps of one row; where one does not write anything, or fails, its number and why. An error about the row is one that undid the transaction.
    fn steps(
        &self,
        program: &Program<'_>,
        signature: &Signature,
        arguments: RowRef<'_>,
    ) -> Result<Option<(usize, Option<String>)>, Failed> {
        for (number, step) in program.steps.iter().enumerate() {
            let commands = [Some(step.command), step.otherwise];
            let mut wrote = false;
            for command in commands.into_iter().flatten() {
                match self.execute(command, signature, arguments, &mut |_, _| Ok(())) {
                    Ok(counted) => wrote = counted.rows() > 0,
                    Err(Failed::Row(reason)) if !self.db().is_autocommit() => {
                        return Ok(Some((number, Some(reason))));
                    }
                    Err(failed) => return Err(failed),
                }
                if wrote {
                    break;
                }
            }
            if !wrote {
                return Ok(Some((number, None)));
            }
        }
        Ok(None)
    }

    fn batch(&self, sql: &str) -> Result<(), ProviderError> {
        let done = self.db().execute_batch(sql);
        done.map_err(|error| self.fail(&error))
    }
}

fn place(columns: &[String], name: &str) -> Option<usize> {
    columns
        .iter()
        .position(|column| column.eq_ignore_ascii_case(name))
}

/// The wanted columns of a row, by name; one that is not there cannot be read.
fn by_name(row: &Row<'_>, columns: &[String], wanted: &[Parameter]) -> rusqlite::Result<Cells> {
    let mut cells = Vec::new();
    for column in wanted {
        cells.push(match place(columns, &column.name) {
            Some(place) => kept::cells(row, &[place], std::slice::from_ref(column))?
                .pop()
                .unwrap_or(Ok(Value::Null)),
            None => Err(format!("column {} is not returned", column.name)),
        });
    }
    Ok(cells)
}

#[async_trait]
impl CommandConnection for SqliteCommandConnection {
    async fn begin(
        &mut self,
        transaction: Transaction,
        patience: Patience,
    ) -> Result<Attempt<()>, ProviderError> {
        let opened = match transaction {
            Transaction::Read => self.locks.snapshot(self.db(), patience),
            Transaction::Apply => self.locks.lock(self.db(), patience),
        };
        match opened {
            Ok(()) => Ok(Attempt::Done(())),
            Err(error) if is_busy(&error) => {
                let busy = self.fail(&error);
                self.rollback().await?;
                Ok(Attempt::Busy(busy))
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    async fn commit(&mut self) -> Result<(), ProviderError> {
        let waiting = self.locks.wait(self.db());
        waiting.map_err(|error| self.fail(&error))?;
        self.batch("COMMIT")
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        self.kept.clear();
        if !self.db().is_autocommit() {
            self.batch("ROLLBACK")?;
        }
        let waiting = self.locks.wait(self.db());
        waiting.map_err(|error| self.fail(&error))
    }

    async fn query(
        &mut self,
        queries: &[Query<'_>],
        take: &mut (dyn FnMut(usize, usize, Cells) + Send),
    ) -> Result<(), ProviderError> {
        for (number, query) in queries.iter().enumerate() {
            let wanted = match query.command.outputs() {
                [] => query.result,
                outputs => outputs,
            };
            for (nr, arguments) in query.arguments.iter().enumerate() {
                let mut hand_over = |row: &Row<'_>, columns: &[String]| {
                    take(number, nr, by_name(row, columns, wanted)?);
                    Ok(())
                };
                let ran = self.execute(query.command, query.signature, arguments, &mut hand_over);
                match ran {
                    Ok(_) => {}
                    // What cannot be stored is not there.
                    Err(Failed::Row(reason)) => tracing::debug!(reason, "looked for nothing"),
                    Err(Failed::Session(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn keep(&mut self, queries: &[(usize, Query<'_>)]) -> Result<Vec<u64>, ProviderError> {
        let mut counts = Vec::new();
        for (table, query) in queries {
            let (table, wanted) = (*table, query.result);
            let made = kept::make(self.db(), table, wanted.len());
            made.map_err(|error| self.fail(&error))?;
            let tombstone = query.signature.columns();
            let mut count = 0;
            for arguments in query.arguments.iter() {
                let mut keep = |row: &Row<'_>, columns: &[String]| {
                    let places = wanted.iter().map(|wanted| place(columns, &wanted.name));
                    // Looked at when the connection was made.
                    let Some(places) = places.collect::<Option<Vec<usize>>>() else {
                        return Ok(());
                    };
                    let deleted = row.get::<_, Option<i64>>(places[tombstone])?;
                    let deleted = deleted.is_some_and(|flag| flag != 0);
                    count += 1;
                    kept::push(self.db(), table, deleted, row, &places)
                };
                match self.execute(query.command, query.signature, arguments, &mut keep) {
                    Ok(_) => {}
                    Err(Failed::Row(reason)) => {
                        return Err(query.command.refused(reason, "mend the command"));
                    }
                    Err(Failed::Session(error)) => return Err(error),
                }
            }
            self.kept.insert(table, wanted.to_vec());
            counts.push(count);
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
        let Some(wanted) = self.kept.get(&table) else {
            return Ok(());
        };
        let page = kept::page(self.db(), table, deleted, (after, most), wanted, take);
        page.map_err(|error| self.fail(&error))
    }

    async fn run(
        &mut self,
        _: Option<usize>,
        signature: &Signature,
        arguments: &RowSet,
        programs: &[Program<'_>],
        program_of: &[usize],
    ) -> Result<Vec<CallFailure>, CallError> {
        let mut failures = Vec::new();
        for (row, (arguments, &program)) in arguments.iter().zip(program_of).enumerate() {
            self.batch("SAVEPOINT sync_row")?;
            let stopped = self.steps(&programs[program], signature, arguments);
            let stopped = stopped.map_err(|failed| match failed {
                // RAISE(ROLLBACK), for example: nothing is left of any row.
                Failed::Row(reason) => CallError::Undone {
                    row: Some(row),
                    reason,
                },
                Failed::Session(error) => CallError::Failed(error),
            })?;
            if let Some((step, reason)) = stopped {
                self.batch("ROLLBACK TO sync_row")?;
                failures.push(CallFailure { row, step, reason });
            }
            self.batch("RELEASE sync_row")?;
        }
        Ok(failures)
    }

    async fn run_bulk(
        &mut self,
        _: usize,
        _: &Signature,
        _: &RowSet,
        calls: &[BulkCall<'_>],
    ) -> Result<Vec<CallFailure>, CallError> {
        let rows = calls.iter().flat_map(|call| call.rows);
        let unwritten = rows.map(|&row| CallFailure {
            row,
            step: 0,
            reason: None,
        });
        Ok(unwritten.collect())
    }
}
