//! What a SQLite database holds, read with plain statements over a connection of its own.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

/// Every row of every table of the user, ordered, each cell with its storage class: `table: integer 1 | text 'x'`.
///
/// Metadata tables are left out by their columns and names, not by asking the code under test.
pub fn user_rows(path: &Path) -> Vec<String> {
    let db = open(path);
    let mut lines = Vec::new();
    for table in user_tables(&db) {
        lines.extend(
            table_rows(&db, &table)
                .into_iter()
                .map(|row| format!("{table}: {row}")),
        );
    }
    lines
}

/// The rows of one table, ordered.
pub fn rows(path: &Path, table: &str) -> Vec<String> {
    table_rows(&open(path), table)
}

/// The values of a query's first column, spelt as in [`user_rows`].
pub fn query(path: &Path, sql: &str) -> Vec<String> {
    let db = open(path);
    let mut statement = db.prepare(sql).expect("the query is right");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| spell(row, columns)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Opens a file for a look or for an application's writes.
pub fn open(path: &Path) -> Connection {
    let db = Connection::open(path).expect("the file opens");
    db.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    db
}

/// Fails unless SQLite finds the file sound, foreign keys included.
pub fn assert_sound(path: &Path) {
    assert_eq!(query(path, "PRAGMA integrity_check"), ["'ok'"]);
    assert_eq!(query(path, "PRAGMA foreign_key_check"), [""; 0]);
}

fn user_tables(db: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               AND name NOT IN ('scope_info', 'scope_config', 'schema_info') AND name NOT LIKE 'sync\\_%' ESCAPE '\\' \
               AND name NOT LIKE '%\\_tracking' ESCAPE '\\' AND name NOT LIKE '%\\_tracking\\_replaced' ESCAPE '\\' ORDER BY lower(name)";
    let mut statement = db.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

fn table_rows(db: &Connection, table: &str) -> Vec<String> {
    let mut columns: Vec<String> = {
        let sql = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0";
        let mut statement = db.prepare(sql).unwrap();
        let names = statement.query_map([table], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    };
    // Two databases may hold the columns in different orders.
    columns.sort();
    let list: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let sql = format!("SELECT {} FROM \"{table}\"", list.join(", "));
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement
        .query_map([], |row| spell(row, columns.len()))
        .unwrap();
    let mut lines: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
    lines.sort();
    lines
}

fn spell(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<String> {
    let mut cells = Vec::new();
    for column in 0..columns {
        cells.push(match row.get::<_, Value>(column)? {
            Value::Null => "NULL".to_owned(),
            Value::Integer(number) => number.to_string(),
            // The bits tell -0.0 from 0.0.
            Value::Real(number) => format!("{number:?}r"),
            Value::Text(text) => format!("'{text}'"),
            Value::Blob(bytes) => format!("x{bytes:02x?}"),
        });
    }
    Ok(cells.join(" | "))
}
