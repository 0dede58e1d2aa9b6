//! The batches that run commands for many rows of arguments in one round trip: the arguments come as JSON, are unpacked into a table variable,
//! and a loop on the server makes the calls.
//!
//! What a command returns goes through `INSERT … EXEC`, so that it can be selected as everything else is: the driver would round money, and a
//! page cannot be cut out of an answer. That goes by position; the order of the columns was asked for before.

use sync_metadata::{ObjectName, Size, SqlKind, SqlType, TypeFamily, quote};
use sync_relational::commands::{
    BulkCall, Command, CommandText, Parameter, Program, SessionValue, Signature, Step,
};

use crate::ddl::VERSION_COLUMNS;
use crate::sql::{join, object, text};
use crate::{read, staging};

/// Which arguments a batch needs, and how they are called in it.
#[derive(Debug)]
pub(super) struct Staged {
    /// Places in a row of arguments, ascending.
    pub(super) places: Vec<usize>,
    /// Their types; one more in front where rows have numbers of programs.
    pub(super) types: Vec<SqlType>,
    names: Vec<String>,
    /// Keeps the names of several queries in one batch apart.
    nr: usize,
    programs: bool,
}

impl Staged {
    /// The arguments that these commands take.
    pub(super) fn of<'a>(
        nr: usize,
        signature: &Signature,
        commands: impl IntoIterator<Item = &'a Command>,
        programs: bool,
    ) -> Self {
        let inputs = commands.into_iter().flat_map(Command::inputs);
        let places: Vec<usize> = inputs.map(|input| input.argument).collect();
        Self::at(nr, signature, places, programs)
    }

    /// These arguments.
    pub(super) fn at(
        nr: usize,
        signature: &Signature,
        mut places: Vec<usize>,
        programs: bool,
    ) -> Self {
        places.sort_unstable();
        places.dedup();
        let parameters = signature.parameters();
        let types = places
            .iter()
            .map(|&place| parameters[place].sql_type.clone());
        let number = programs.then(|| SqlType::new(SqlKind::Int));
        Staged {
            names: places
                .iter()
                .map(|&place| parameters[place].name.clone())
                .collect(),
            types: number.into_iter().chain(types).collect(),
            places,
            nr,
            programs,
        }
    }

    fn rows(&self) -> String {
        format!("@rows{}", self.nr)
    }

    /// The column of the table variable for a place.
    fn column(&self, place: usize) -> Option<String> {
        let at = self.places.binary_search(&place).ok()?;
        Some(format!("c{}", at + usize::from(self.programs)))
    }

    fn variable(&self, place: usize) -> String {
        let column = self.column(place).unwrap_or_else(|| "none".to_owned());
        format!("@a{}_{column}", self.nr)
    }

    fn variables(&self) -> impl Iterator<Item = (String, String, &SqlType)> {
        self.types
            .iter()
            .enumerate()
            .map(|(at, sql_type)| (format!("c{at}"), format!("@a{}_c{at}", self.nr), sql_type))
    }

    /// Fills the table variable, and declares a variable for each value. The parameters of the batch are two for each query.
    fn declare(&self) -> String {
        let columns = staging::unpack(&self.types);
        let declared = join(self.variables(), "", |(column, _, sql_type)| {
            format!(", {column} {} NULL", held(sql_type))
        });
        let variables = join(self.variables(), "", |(_, variable, sql_type)| {
            format!(", {variable} {}", held(sql_type))
        });
        let packed = match columns.is_empty() {
            true => "SELECT packed.n FROM OPENJSON(@P1) WITH (n int '$[0]') packed".to_owned(),
            false => staging::select(&columns),
        };
        // The text holds nothing but names that are made here.
        let packed = packed
            .replace("@P2", &format!("@P{}", 2 * self.nr + 2))
            .replace("@P1", &format!("@P{}", 2 * self.nr + 1));
        format!(
            "DECLARE {rows} TABLE (n int NOT NULL PRIMARY KEY{declared});\n\
             INSERT INTO {rows} {packed};\n\
             DECLARE @n{nr} int{variables};\n",
            rows = self.rows(),
            nr = self.nr,
        )
    }

    /// Runs `body` for each row, with the row's values in the variables.
    fn each(&self, body: &str) -> String {
        let set = join(self.variables(), "", |(column, variable, _)| {
            format!(", {variable} = {column}")
        });
        format!(
            "SELECT @n{nr} = MIN(n) FROM {rows};\n\
             WHILE @n{nr} IS NOT NULL\nBEGIN\n\
             SELECT @n{nr} = n{set} FROM {rows} WHERE n = @n{nr};\n{body}\n\
             SELECT @n{nr} = MIN(n) FROM {rows} WHERE n > @n{nr};\nEND;\n",
            nr = self.nr,
            rows = self.rows(),
        )
    }

    /// Text that the database's code page does not hold would arrive with question marks in it.
    fn unfit(&self) -> Option<String> {
        let offset = usize::from(self.programs);
        let texts = self.types.iter().enumerate().filter(|(_, sql_type)| {
            matches!(
                sql_type.kind,
                SqlKind::Char | SqlKind::VarChar | SqlKind::Text
            )
        });
        let branches = join(texts, " ", |(at, _)| {
            format!(
                "WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c{at})) COLLATE Latin1_General_BIN2 <> c{at} COLLATE Latin1_General_BIN2 \
                 THEN {}",
                text(&format!("@{}", self.names[at - offset]))
            )
        });
        (!branches.is_empty()).then(|| format!("CASE {branches} END"))
    }

    /// `EXEC` of a command with the variables' values.
    fn call(&self, command: &Command) -> String {
        let mut given = command
            .inputs()
            .iter()
            .map(|input| format!("@{} = {}", input.name, self.variable(input.argument)))
            .collect::<Vec<_>>();
        let outputs = command.outputs().iter().enumerate();
        given.extend(
            outputs.map(|(at, output)| format!("@{} = @o{}_{at} OUTPUT", output.name, self.nr)),
        );
        if command.counts() {
            given.push("@sync_row_count = @count OUTPUT".to_owned());
        }
        let given = given.join(", ");
        match command.text() {
            CommandText::Procedure(name) => format!("EXEC {} {given}", object(name)),
            CommandText::Statement(statement) => {
                let inputs = command.inputs().iter().map(|input| {
                    let at = self.places.binary_search(&input.argument).unwrap_or(0);
                    let sql_type = &self.types[at + usize::from(self.programs)];
                    format!("@{} {}", input.name, held(sql_type))
                });
                let outputs = command.outputs().iter();
                let outputs =
                    outputs.map(|output| format!("@{} {} OUTPUT", output.name, output.sql_type));
                let counts = command
                    .counts()
                    .then(|| "@sync_row_count int OUTPUT".to_owned());
                let declared: Vec<String> = inputs.chain(outputs).chain(counts).collect();
                let separator = if given.is_empty() { "" } else { ", " };
                format!(
                    "EXEC sp_executesql {}, {}{separator}{given}",
                    text(statement),
                    text(&declared.join(", "))
                )
            }
        }
    }
}

/// The type of a variable that holds values of a column's type: old large types cannot be variables, and text stays as it came.
fn held(sql_type: &SqlType) -> String {
    match sql_type.family() {
        TypeFamily::Text => "nvarchar(max)".to_owned(),
        TypeFamily::Binary => "varbinary(max)".to_owned(),
        _ => sql_type.to_string(),
    }
}

/// The columns of what a command returns, in its order; `order` names them.
#[derive(Debug)]
pub(super) struct Returned<'a> {
    order: Vec<String>,
    wanted: &'a [Parameter],
}

impl<'a> Returned<'a> {
    pub(super) fn new(order: Option<&[String]>, wanted: &'a [Parameter]) -> Self {
        let own = || wanted.iter().map(|column| column.name.clone()).collect();
        Returned {
            order: order.map_or_else(own, <[String]>::to_vec),
            wanted,
        }
    }

    /// The wanted column that is not returned, if there is one.
    pub(super) fn missing(&self) -> Option<&str> {
        let mut wanted = self.wanted.iter();
        wanted
            .find(|column| self.place(&column.name).is_none())
            .map(|column| column.name.as_str())
    }

    fn place(&self, name: &str) -> Option<usize> {
        let exact = self.order.iter().position(|column| column == name);
        exact.or_else(|| {
            self.order
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        })
    }

    fn columns(&self) -> String {
        join(0..self.order.len(), ", ", |at| {
            let wanted = self
                .wanted
                .iter()
                .find(|column| self.place(&column.name) == Some(at));
            // What nobody asked for may be anything.
            let sql_type = wanted.map_or("sql_variant".to_owned(), |column| {
                returned(&column.sql_type)
            });
            format!("r{at} {sql_type} NULL")
        })
    }

    fn names(&self) -> String {
        join(0..self.order.len(), ", ", |at| format!("r{at}"))
    }

    /// The wanted columns, as they are read.
    fn selected(&self) -> String {
        let texts = self
            .wanted
            .iter()
            .filter(|column| read::holds_halves(&column.sql_type));
        let counts = join(texts, " + ", |column| {
            let name = format!("r{}", self.place(&column.name).unwrap_or(0));
            format!("COALESCE({}, 0)", read::replacements(&name))
        });
        let counts = match counts.is_empty() {
            true => counts,
            false => format!(", CONVERT(bigint, {counts})"),
        };
        let cells = join(self.wanted, "", |column| {
            let name = format!("r{}", self.place(&column.name).unwrap_or(0));
            match column.sql_type.kind {
                SqlKind::Timestamp => format!(", CONVERT(bigint, {name})"),
                _ => format!(", {}", read::select(&name, &column.sql_type)),
            }
        });
        cells + &counts
    }

    /// The column that holds a name's values.
    fn column(&self, name: &str) -> String {
        format!("r{}", self.place(name).unwrap_or(0))
    }
}

/// Whether rows of these columns end with the count of U+FFFD in their texts.
pub(super) fn counts_replacements(wanted: &[Parameter]) -> bool {
    wanted
        .iter()
        .any(|column| read::holds_halves(&column.sql_type))
}

/// The type of a column that takes in what a command returns. Text of a code page becomes Unicode on the way.
fn returned(sql_type: &SqlType) -> String {
    match (&sql_type.kind, sql_type.size) {
        (SqlKind::Timestamp, _) => "binary(8)".to_owned(),
        (SqlKind::Xml, _) => "xml".to_owned(),
        (
            SqlKind::Char | SqlKind::VarChar | SqlKind::NChar | SqlKind::NVarChar,
            Some(Size::Length(length)),
        ) if length <= 4_000 => {
            format!("nvarchar({length})")
        }
        _ => held(sql_type),
    }
}

/// The name of the first column of what these batches select themselves: the number of the query. The second is the number of the row.
pub(super) const QUERY: &str = "sync_query";

/// Runs a command for each row of arguments. A procedure's columns follow the two numbers in each row, and so do outputs. What a statement
/// returns comes as it is, after a row with the two numbers alone: not every engine takes it in by `INSERT … EXEC`.
pub(super) fn query(staged: &Staged, command: &Command, returned: &Returned<'_>) -> String {
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
pub(super) fn execute(command: &Command, values: &[String]) -> String {
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
                format!("@{} bigint", input.name)
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

/// Keeps what a command returns in a temporary table, and says how many rows are deletions and how many are not. `values` are those of
/// its inputs, as literals.
pub(super) fn keep(
    table: usize,
    command: &Command,
    values: &[String],
    returned: &Returned<'_>,
) -> String {
    let columns = returned.columns();
    let names = returned.names();
    let call = execute(command, values);
    format!(
        "CREATE TABLE #sync_one_{table} ({columns});\n\
         CREATE TABLE #sync_kept_{table} (nr bigint IDENTITY(1,1) NOT NULL PRIMARY KEY, {columns});\n\
         INSERT INTO #sync_one_{table} {call};\n\
         INSERT INTO #sync_kept_{table} ({names}) SELECT {names} FROM #sync_one_{table};\n\
         DROP TABLE #sync_one_{table};\n\
         SELECT COALESCE(SUM(CASE WHEN {tombstone} = 0 THEN 0 ELSE 1 END), 0), COUNT(*) FROM #sync_kept_{table};\n",
        tombstone = returned.column(TOMBSTONE),
    )
}

/// A page of what is kept.
pub(super) fn kept(
    table: usize,
    deleted: bool,
    after: i64,
    most: usize,
    returned: &Returned<'_>,
) -> String {
    format!(
        "SELECT TOP ({most}) nr{} FROM #sync_kept_{table} WHERE nr > {after} AND {} {} 0 ORDER BY nr",
        returned.selected(),
        returned.column(TOMBSTONE),
        if deleted { "<>" } else { "=" },
    )
}

/// The column that tells deletions.
const TOMBSTONE: &str = "sync_row_is_tombstone";

/// Where failures are noted: the row, the step from 0, and the error, if it was one.
const FAILED: &str = "DECLARE @failed TABLE (n int NOT NULL, step int NOT NULL, reason nvarchar(4000) NULL);\n\
     DECLARE @count int, @step int, @reason nvarchar(4000);\n";

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
    let branches = join(programs.iter().enumerate(), "\n", |(number, program)| {
        let steps = join(program.steps.iter().enumerate(), "\n", |(at, step)| {
            format!("IF @count > 0\nBEGIN\n{}\nEND;", one_step(staged, at, step))
        });
        format!("IF @a{}_c0 = {number}\nBEGIN\n{steps}\nEND;", staged.nr)
    });
    let body = format!(
        "SAVE TRANSACTION sync_row;\nBEGIN TRY\nSET @count = 1;\n{branches}\n\
         IF @count <= 0\nBEGIN\nROLLBACK TRANSACTION sync_row;\n\
         INSERT INTO @failed (n, step, reason) VALUES (@n{nr}, @step, NULL);\nEND;\n\
         END TRY\nBEGIN CATCH\nIF XACT_STATE() = -1 THROW;\nSET @reason = ERROR_MESSAGE();\nROLLBACK TRANSACTION sync_row;\n\
         INSERT INTO @failed (n, step, reason) VALUES (@n{nr}, @step, @reason);\nEND CATCH;",
        nr = staged.nr,
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
        let collate = collation
            .as_ref()
            .map_or_else(String::new, |collation| format!(" COLLATE {collation}"));
        let column = staged.column(*at).unwrap_or_default();
        format!(
            "side.{} = given.{column}{collate}",
            quote(&table.columns[*at])
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
             END TRY\nBEGIN CATCH\nIF XACT_STATE() = -1 THROW;\nSET @reason = ERROR_MESSAGE();\nROLLBACK TRANSACTION sync_bulk{number};\n\
             INSERT INTO @failed (n, step, reason) SELECT n, 0, @reason FROM {rows} WHERE c0 = {number};\nEND CATCH;\n",
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
