//! What an application does in a database of a SQL Server, whoever synchronises it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sync_metadata::Value;
use sync_provider::SyncProvider;
use tiberius::ColumnData;

use super::engine::Layout;
use super::hooked::{Hooked, Seen};
use super::neutral::{Column, TABLES, TableSpec};
use crate::support::blocking::{BlockingDatabase, value};

/// Databases that nobody uses. Making one and provisioning it costs more than most scenarios; so a database that a scenario is done with is emptied
/// and handed to the next one, under a new replica id.
#[derive(Debug)]
pub(super) struct Databases {
    idle: Mutex<Vec<(Layout, BlockingDatabase)>>,
    /// Whether texts can hold the character NUL.
    holds_nul: bool,
}

impl Databases {
    /// On the server that the environment names; `None` where it names none, after saying so.
    pub(super) fn new(test: &str) -> Option<Self> {
        let probe = BlockingDatabase::new(test)?;
        let holds_nul = probe
            .try_rows("SELECT 1 WHERE LEN(N'a' + NCHAR(0) + N'b') = 3")
            .is_ok_and(|rows| rows.len() == 1);
        Some(Databases {
            idle: Mutex::default(),
            holds_nul,
        })
    }

    /// One with this layout, made where there is none.
    pub(super) fn take(
        &self,
        layout: Layout,
        make: impl FnOnce() -> BlockingDatabase,
    ) -> BlockingDatabase {
        let mut idle = self.idle.lock().unwrap();
        let found = idle.iter().position(|(own, _)| *own == layout);
        let found = found.map(|index| idle.swap_remove(index).1);
        drop(idle);
        found.unwrap_or_else(make)
    }

    /// Takes one back, emptied. What a failing scenario leaves behind is not worth keeping.
    pub(super) fn give_back(
        &self,
        layout: Layout,
        db: Arc<BlockingDatabase>,
        empty: impl FnOnce(&BlockingDatabase),
    ) {
        if let Ok(db) = Arc::try_unwrap(db)
            && !std::thread::panicking()
        {
            empty(&db);
            self.idle.lock().unwrap().push((layout, db));
        }
    }

    /// Whether a column of the neutral schema can hold a value of its kind.
    pub(super) fn hold(&self, value: &Value) -> bool {
        match value {
            // A float is finite, and zero has no sign that anything shows.
            Value::Real(number) => {
                number.is_finite() && !(*number == 0.0 && number.is_sign_negative())
            }
            Value::Text(text) => self.holds_nul || !text.contains('\0'),
            _ => true,
        }
    }
}

/// A provider whose changes travel at once. `ticks` selects what the database gave out so far.
pub(super) fn settled(
    db: &Arc<BlockingDatabase>,
    ticks: String,
    provider: Arc<dyn SyncProvider>,
) -> Arc<dyn SyncProvider> {
    let db = Arc::clone(db);
    Hooked::wrap(provider, move |call| {
        if matches!(call, Seen::Begin | Seen::Parameters | Seen::Changes(_)) {
            settle(&db, &ticks);
        }
        Ok(())
    })
}

/// Waits until the mark is above everything that is there. A server may keep one clock for all its databases, and whoever writes in
/// any of them then holds it back for a moment; the scenarios expect changes to travel at once.
fn settle(db: &BlockingDatabase, ticks: &str) {
    let sql = format!(
        "SELECT 1 WHERE CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) > (SELECT COALESCE(MAX(tick), 0) FROM ({ticks}) ticks)"
    );
    for _ in 0..100 {
        if db.rows(&sql).len() == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The statement that makes a table. `more` are columns behind those of the neutral schema.
pub(super) fn create(table: &TableSpec, layout: Layout, more: &[&str]) -> String {
    let columns = columns(table, layout);
    let columns = columns.iter().map(declared);
    let columns: Vec<String> = columns
        .chain(more.iter().map(|&more| more.to_owned()))
        .collect();
    let clustered = if table.clustered {
        "CLUSTERED"
    } else {
        "NONCLUSTERED"
    };
    format!(
        "CREATE TABLE [{}] ({}, PRIMARY KEY {clustered} ({}))",
        table.name,
        columns.join(", "),
        names(table.key().map(|column| table.columns[column].0)),
    )
}

/// The declarations of a table's key.
pub(super) fn declared_key(table: &TableSpec) -> String {
    let declared = table.key().map(|column| declared(&table.columns[column]));
    declared.collect::<Vec<_>>().join(", ")
}

/// The type of a key column.
pub(super) fn key_type(sql_type: &'static str) -> &'static str {
    match sql_type {
        "nvarchar(max)" => "nvarchar(300) COLLATE Latin1_General_BIN2",
        other => other,
    }
}

/// The columns in the order of a layout.
pub(super) fn columns(table: &TableSpec, layout: Layout) -> Vec<Column> {
    let mut columns = table.columns.to_vec();
    if layout == Layout::OthersFirst {
        // Stable: the key columns keep their order among themselves.
        columns.sort_by_key(|column| column.3);
        let others = columns.len() - table.key().count();
        columns[..others].reverse();
    }
    columns
}

/// The declaration of a column.
fn declared((name, _, sql_type, key): &Column) -> String {
    match key {
        true => format!("{name} {} NOT NULL", key_type(sql_type)),
        false => format!("{name} {sql_type} NULL"),
    }
}

/// Names in a list.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// A cell as T-SQL spells it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("CONVERT(float, N'{number:e}')"),
        Value::Text(text) => {
            let pieces = text.split('\0');
            let pieces = pieces.map(|piece| format!("N'{}'", piece.replace('\'', "''")));
            pieces.collect::<Vec<_>>().join(" + NCHAR(0) + ")
        }
        Value::Blob(bytes) => {
            let mut literal = String::from("0x");
            bytes
                .iter()
                .for_each(|byte| write!(literal, "{byte:02X}").unwrap());
            literal
        }
        other => panic!("the neutral schema holds no {other:?}"),
    }
}

/// The condition that finds a key.
pub(super) fn key_is(table: &TableSpec, key: &[Value]) -> String {
    let terms = table.key().zip(key);
    let terms =
        terms.map(|(column, value)| format!("{} = {}", table.columns[column].0, literal(value)));
    terms.collect::<Vec<_>>().join(" AND ")
}

/// The text of a cell that holds one.
pub(super) fn text_of(cell: ColumnData<'static>) -> String {
    match value(cell) {
        Value::Text(text) => text.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

/// Inserts or updates a row in a transaction, and does something else in it.
pub(super) fn write(db: &BlockingDatabase, spec: &TableSpec, row: &[Value], then: &str) {
    let found = key_is(spec, &spec.key_of(row));
    let others = (0..row.len()).filter(|column| !spec.columns[*column].3);
    let set =
        others.map(|column| format!("{} = {}", spec.columns[column].0, literal(&row[column])));
    let set = set.collect::<Vec<_>>().join(", ");
    let values = row.iter().map(literal).collect::<Vec<_>>().join(", ");
    let columns = names(spec.columns.iter().map(|column| column.0));
    db.rows(&format!(
        "SET XACT_ABORT ON; BEGIN TRANSACTION; UPDATE [{name}] SET {set} WHERE {found}; \
         IF @@ROWCOUNT = 0 INSERT INTO [{name}] ({columns}) VALUES ({values}); \
         {then}COMMIT TRANSACTION",
        name = spec.name
    ));
}

/// Deletes a row that is there, and does something else in the transaction.
pub(super) fn delete(db: &BlockingDatabase, spec: &TableSpec, key: &[Value], then: &str) {
    let (name, found) = (spec.name, key_is(spec, key));
    let there = number(db, &format!("SELECT COUNT(*) FROM [{name}] WHERE {found}"));
    assert_eq!(there, 1, "there was a row");
    db.rows(&format!(
        "SET XACT_ABORT ON; BEGIN TRANSACTION; DELETE FROM [{name}] WHERE {found}; {then}COMMIT TRANSACTION"
    ));
}

/// Gives a row another key and other cells, and does something else in the transaction.
pub(super) fn rekey(
    db: &BlockingDatabase,
    spec: &TableSpec,
    key: &[Value],
    row: &[Value],
    then: &str,
) {
    let set = spec.columns.iter().zip(row);
    let set = set.map(|(column, cell)| format!("{} = {}", column.0, literal(cell)));
    db.rows(&format!(
        "SET XACT_ABORT ON; BEGIN TRANSACTION; UPDATE [{}] SET {} WHERE {}; {then}COMMIT TRANSACTION",
        spec.name,
        set.collect::<Vec<_>>().join(", "),
        key_is(spec, key),
    ));
}

/// Everything that is in these tables.
pub(super) fn fingerprint(db: &BlockingDatabase, tables: impl Iterator<Item = String>) -> Vec<u8> {
    let all = tables.map(|table| {
        let rows = db.rows(&format!("SELECT * FROM {table}"));
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        format!("{table}: {rows:?}")
    });
    all.collect::<Vec<_>>().join("\n").into_bytes()
}

/// The only cell of the only row, a number.
pub(super) fn number(db: &BlockingDatabase, sql: &str) -> i64 {
    let row = db.rows(sql).remove(0);
    match row.into_iter().next().map(value) {
        Some(Value::Integer(number)) => number,
        other => panic!("{sql}: {other:?}"),
    }
}

/// Rows that are rejected at the moment.
#[derive(Debug, Default)]
pub(super) struct Rejections(Mutex<Vec<(usize, Vec<Value>)>>);

impl Rejections {
    /// A CHECK constraint lets the row be only what it is, if it is there at all, and a foreign key keeps it from being deleted.
    pub(super) fn set(&self, db: &BlockingDatabase, table: usize, key: &[Value], rejected: bool) {
        let row = (table, key.to_vec());
        let mut all = self.0.lock().unwrap();
        all.retain(|other| *other != row);
        if rejected {
            all.push(row);
        }
        drop(all);
        reject(db, &TABLES[table], key, rejected);
    }

    /// Lets all of them be written again: the next scenario is not to meet that.
    pub(super) fn release(&self, db: &BlockingDatabase) {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.iter()
            .for_each(|(table, key)| reject(db, &TABLES[*table], key, false));
    }
}

fn reject(db: &BlockingDatabase, spec: &TableSpec, key: &[Value], rejected: bool) {
    let (name, found) = (spec.name, key_is(spec, key));
    let hash = found.bytes().fold(0_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let constraint = format!("rejects_{hash:x}");
    let keys = names(spec.key().map(|column| spec.columns[column].0));
    if !rejected {
        db.rows(&format!(
            "ALTER TABLE [{name}] DROP CONSTRAINT {constraint}; DELETE FROM Held_{name} WHERE {found}"
        ));
        return;
    }
    db.rows(&format!(
        "IF OBJECT_ID(N'Held_{name}') IS NULL CREATE TABLE Held_{name} ({}, FOREIGN KEY ({keys}) REFERENCES [{name}] ({keys}))",
        declared_key(spec)
    ));
    db.rows(&format!(
        "ALTER TABLE [{name}] ADD CONSTRAINT {constraint} CHECK (NOT ({found}){}); \
         INSERT INTO Held_{name} ({keys}) SELECT {keys} FROM [{name}] WHERE {found}",
        as_it_is(db, spec, &found)
    ));
}

/// A condition that holds for the present content of a row; nothing where there is no row.
fn as_it_is(db: &BlockingDatabase, spec: &TableSpec, found: &str) -> String {
    let others: Vec<&Column> = spec.columns.iter().filter(|column| !column.3).collect();
    let list = names(others.iter().map(|column| column.0));
    let rows = db.rows(&format!("SELECT {list} FROM [{}] WHERE {found}", spec.name));
    let Some(row) = rows.into_iter().next() else {
        return String::new();
    };
    let terms = others
        .iter()
        .zip(row)
        .map(|((name, _, sql_type, _), cell)| match value(cell) {
            Value::Null => format!("{name} IS NULL"),
            cell if sql_type.starts_with("nvarchar") => {
                format!(
                    "{name} IS NOT NULL AND {name} COLLATE Latin1_General_BIN2 = {}",
                    literal(&cell)
                )
            }
            cell => format!("{name} IS NOT NULL AND {name} = {}", literal(&cell)),
        });
    format!(" OR ({})", terms.collect::<Vec<_>>().join(" AND "))
}
