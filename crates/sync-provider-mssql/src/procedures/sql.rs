//! The batches that run commands for many rows of arguments in one round trip.
//!
//! What a command returns goes through `INSERT … EXEC`, so that it can be selected as everything else is: the driver would round money, and a
//! page cannot be cut out of an answer. That goes by position; the order of the columns was asked for before.

use sync_metadata::{ObjectName, quote};
use sync_provider_commands::{
    BulkCall, Command, CommandText, Program, SessionValue, Signature, Step,
};

use crate::ddl::VERSION_COLUMNS;
use crate::procedures::returned::Returned;
use crate::procedures::staged::{Staged, held, passed};
use crate::server_error::{Kind, give_up};
use crate::sql::{join, object, text};

/// The name of the first column of what these batches select themselves: the number of the query. The second is the number of the row.
pub(super) const QUERY: &str = "sync_query";

/// Runs a command for each row of arguments. A procedure's columns follow the two numbers in each row, and so do outputs. What a statement
/// returns comes as it is, after a row with the two numbers alone: not every engine takes it in by `INSERT … EXEC`.
pub(super) fn query(staged: &Staged, command: &Command, returned: &Returned) -> String {
    let nr = staged.nr;
    let mut sql = staged.declare();
    if let Some(unfit) = staged.unfit() {
        sql.push_str(&format!(
            "DELETE FROM {} WHERE {unfit} IS NOT NULL;\n",
            staged.rows()
        ));
    }
    let call = staged.call(command);
    let outputs = command.outputs().iter().enumerate();
    if !command.outputs().is_empty() {
        let declared = join(outputs.clone(), ", ", |(at, output)| {
            format!("@o{nr}_{at} {}", output.sql_type)
        });
        let values = join(outputs, "", |(at, _)| format!(", @o{nr}_{at}"));
        sql.push_str(&format!("DECLARE {declared};\n"));
        sql.push_str(&staged.each(&format!("{call};\nSELECT {nr} AS {QUERY}, @n{nr}{values};")));
        return sql;
    }
    if let CommandText::Statement(_) = command.text() {
        sql.push_str(&staged.each(&format!("SELECT {nr} AS {QUERY}, @n{nr};\n{call};")));
        return sql;
    }
    let (columns, names) = (returned.columns(), returned.names());
    sql.push_str(&format!(
        "DECLARE @one{nr} TABLE ({columns});\nDECLARE @found{nr} TABLE (n int NOT NULL, {columns});\n"
    ));
    sql.push_str(&staged.each(&format!(
        "INSERT INTO @one{nr} {call};\n\
         INSERT INTO @found{nr} (n, {names}) SELECT @n{nr}, {names} FROM @one{nr};\n\
         DELETE FROM @one{nr};"
    )));
    sql.push_str(&format!(
        "SELECT {nr} AS {QUERY}, n{} FROM @found{nr} ORDER BY n;\n",
        returned.selected()
    ));
    sql
}

/// Runs a command once; `values` are those of its inputs, as literals.
pub(super) fn execute(command: &Command, signature: &Signature, values: &[String]) -> String {
    let inputs = command.inputs().iter().zip(values);
    match command.text() {
        CommandText::Procedure(name) => {
            let given = join(inputs, ", ", |(input, value)| {
                format!("@{} = {value}", input.name)
            });
            format!("EXEC {} {given}", object(name))
        }
        CommandText::Statement(statement) => {
            let declared = join(command.inputs(), ", ", |input| {
                let sql_type = &signature.parameters()[input.argument].sql_type;
                format!("@{} {}", input.name, held(sql_type))
            });
            let given = join(inputs, "", |(input, value)| {
                format!(", @{} = {value}", input.name)
            });
            format!(
                "EXEC sp_executesql {}, {}{given}",
                text(statement),
                text(&declared)
            )
        }
    }
}

/// Makes a statement a procedure.
pub(super) fn prepare(
    name: &ObjectName,
    command: &Command,
    signature: &Signature,
    statement: &str,
) -> String {
    let parameters = join(command.inputs(), ", ", |input| {
        let sql_type = &signature.parameters()[input.argument].sql_type;
        format!("@{} {}", input.name, passed(sql_type))
    });
    format!(
        "CREATE PROCEDURE {} {parameters} AS\n{statement}",
        object(name)
    )
}

/// Keeps what a command returns in a temporary table, and says how many rows are deletions, as one of its columns tells, and how many are not.
/// `values` are those of its inputs, as literals.
pub(super) fn keep(
    table: usize,
    (command, signature): (&Command, &Signature),
    values: &[String],
    (returned, tombstone): (&Returned, &str),
) -> String {
    let columns = returned.columns();
    let names = returned.names();
    let call = execute(command, signature, values);
    format!(
        "CREATE TABLE #sync_one_{table} ({columns});\n\
         CREATE TABLE #sync_kept_{table} (nr bigint IDENTITY(1,1) NOT NULL PRIMARY KEY, {columns});\n\
         INSERT INTO #sync_one_{table} {call};\n\
         INSERT INTO #sync_kept_{table} ({names}) SELECT {names} FROM #sync_one_{table};\n\
         DROP TABLE #sync_one_{table};\n\
         SELECT COALESCE(SUM(CASE WHEN {tombstone} = 0 THEN 0 ELSE 1 END), 0), COUNT(*) FROM #sync_kept_{table};\n",
        tombstone = returned.column(tombstone),
    )
}

/// A page of what is kept.
pub(super) fn kept(
    table: usize,
    deleted: bool,
    after: i64,
    most: usize,
    (returned, tombstone): (&Returned, &str),
) -> String {
    format!(
        "SELECT TOP ({most}) nr{} FROM #sync_kept_{table} WHERE nr > {after} AND {} {} 0 ORDER BY nr",
        returned.selected(),
        returned.column(tombstone),
        if deleted { "<>" } else { "=" },
    )
}

/// Where failures are noted: the row, the step from 0, and the error, if it was one.
const FAILED: &str = "DECLARE @failed TABLE (n int NOT NULL, step int NOT NULL, reason nvarchar(4000) NULL);\n\
     DECLARE @count int, @step int, @reason nvarchar(4000), @told nvarchar(2048);\n";

/// The name of the first column of the failures: what procedures return besides is none.
pub(super) const FAILED_ROW: &str = "sync_failed_row";

const SELECT_FAILED: &str = "SELECT n AS sync_failed_row, step, reason FROM @failed ORDER BY n;";

fn drop_unfit(staged: &Staged) -> String {
    staged.unfit().map_or_else(String::new, |unfit| {
        format!(
            "INSERT INTO @failed (n, step, reason) SELECT n, 0, {unfit} + N': the code page of the database lacks a character of it' \
             FROM {rows} WHERE {unfit} IS NOT NULL;\nDELETE FROM {rows} WHERE n IN (SELECT n FROM @failed);\n",
            rows = staged.rows()
        )
    })
}

/// Runs the program of each row, undoing the row where a step fails or writes nothing.
pub(super) fn run(staged: &Staged, programs: &[Program<'_>]) -> String {
    let numbered = programs.iter().enumerate();
    // A block without a statement is none to SQL Server.
    let numbered = numbered.filter(|(_, program)| !program.steps.is_empty());
    let branches = join(numbered, "\n", |(number, program)| {
        let steps = join(program.steps.iter().enumerate(), "\n", |(at, step)| {
            format!("IF @count > 0\nBEGIN\n{}\nEND;", one_step(staged, at, step))
        });
        format!("IF @a{}_c0 = {number}\nBEGIN\n{steps}\nEND;", staged.nr)
    });
    let body = format!(
        "SAVE TRANSACTION sync_row;\nBEGIN TRY\nSET @count = 1;\n{branches}\n\
         IF @count <= 0\nBEGIN\nROLLBACK TRANSACTION sync_row;\n\
         INSERT INTO @failed (n, step, reason) VALUES (@n{nr}, @step, NULL);\nEND;\n\
         END TRY\nBEGIN CATCH\n{give_up}\nSET @reason = ERROR_MESSAGE();\nROLLBACK TRANSACTION sync_row;\n\
         INSERT INTO @failed (n, step, reason) VALUES (@n{nr}, @step, @reason);\nEND CATCH;",
        nr = staged.nr,
        give_up = give_up(&format!("@n{}", staged.nr), &[Kind::Call]),
    );
    format!(
        "SET NOCOUNT ON;\n{FAILED}{}{}{}{SELECT_FAILED}",
        staged.declare(),
        drop_unfit(staged),
        staged.each(&body)
    )
}

fn one_step(staged: &Staged, at: usize, step: &Step<'_>) -> String {
    let call = |command: &Command| {
        format!(
            "SET @count = 0;\n{};\nSET @count = COALESCE(@count, 0);",
            staged.call(command)
        )
    };
    let otherwise = step.otherwise.map_or_else(String::new, |command| {
        format!("\nIF @count <= 0\nBEGIN\n{}\nEND;", call(command))
    });
    format!("SET @step = {at};\n{}{otherwise}", call(step.command))
}

/// A table that takes rows in bulk.
#[derive(Clone, Debug)]
pub(super) struct BulkTable {
    /// Its tracking table.
    pub(super) tracking: ObjectName,
    /// Names of all columns, in the order of the arguments.
    pub(super) columns: Vec<String>,
    /// Place and collation of the key columns.
    pub(super) key: Vec<(usize, Option<String>)>,
}

/// Runs commands for many rows. The number of its call is with each row; where one fails it is undone, and all its rows are noted.
///
/// The keys that a procedure returns are not looked at: a row is written when its version is there.
pub(super) fn bulk(
    staged: &Staged,
    table: &BulkTable,
    signature: &Signature,
    calls: &[BulkCall<'_>],
) -> String {
    let rows = staged.rows();
    let value = |value: SessionValue| {
        let column = staged.column(signature.place(value));
        column.unwrap_or_else(|| "NULL".to_owned())
    };
    let columns = join(&table.columns, ", ", |name| quote(name));
    let values = join(0..table.columns.len(), ", ", |at| {
        staged.column(at).unwrap_or_else(|| "NULL".to_owned())
    });
    let versions = join(VERSION_COLUMNS, ", ", |(name, _)| name.to_owned());
    let version_values = join(
        [
            SessionValue::UpdatePeerTimestamp,
            SessionValue::UpdatePeerKey,
            SessionValue::CreatePeerTimestamp,
            SessionValue::CreatePeerKey,
        ],
        ", ",
        value,
    );
    let (mark, scope) = (
        value(SessionValue::MinTimestamp),
        value(SessionValue::ScopeLocalId),
    );
    let same = join(&table.key, " AND ", |(at, collation)| {
        format!(
            "side.{} = {}",
            quote(&table.columns[*at]),
            staged.as_key("given", *at, collation.as_deref())
        )
    });
    let written = format!(
        "EXISTS (SELECT 1 FROM {} side WHERE {same} AND side.update_scope_local_id = given.{scope} \
         AND side.scope_update_peer_key = given.{} AND side.scope_update_peer_timestamp = given.{})",
        object(&table.tracking),
        value(SessionValue::UpdatePeerKey),
        value(SessionValue::UpdatePeerTimestamp),
    );
    let blocks = join(calls.iter().enumerate(), "", |(number, call)| {
        format!(
            "DECLARE @changes{number} {table_type};\n\
             SAVE TRANSACTION sync_bulk{number};\nBEGIN TRY\n\
             INSERT INTO @changes{number} ({columns}, {versions}) SELECT {values}, {version_values} FROM {rows} WHERE c0 = {number};\n\
             SELECT @mark = MIN({mark}), @scope = MIN({scope}) FROM {rows} WHERE c0 = {number};\n\
             EXEC {procedure} @sync_min_timestamp = @mark, @sync_scope_local_id = @scope, @changeTable = @changes{number};\n\
             INSERT INTO @failed (n, step, reason) SELECT given.n, 0, NULL FROM {rows} given WHERE given.c0 = {number} AND NOT {written};\n\
             END TRY\nBEGIN CATCH\n{give_up}\nSET @reason = ERROR_MESSAGE();\nROLLBACK TRANSACTION sync_bulk{number};\n\
             INSERT INTO @failed (n, step, reason) SELECT n, 0, @reason FROM {rows} WHERE c0 = {number};\nEND CATCH;\n",
            give_up = give_up("-1", &[Kind::Call]),
            table_type = object(&call.command.table_type),
            procedure = object(&call.command.procedure),
        )
    });
    format!(
        "SET NOCOUNT ON;\n{FAILED}DECLARE @mark bigint, @scope int;\n{}{}{blocks}{SELECT_FAILED}",
        staged.declare(),
        drop_unfit(staged),
    )
}
