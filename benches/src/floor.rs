//! The same work by hand: one prepared statement for the base row, one for its tracking row, the same indexes, one transaction.
//!
//! Nobody can do less and end with the same two tables. There is no decision in it, no knowledge, no second connection, no
//! trigger and no error handling.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Statement, params};

use crate::Result;
use crate::sample::COLUMNS;

/// A row of the sample table, read before the clock starts.
pub type Row = Vec<Value>;

/// Where the rows come from.
#[derive(Copy, Clone, Debug)]
pub enum Input<'a> {
    /// They are in memory already.
    Memory(&'a [Row]),
    /// They are read from this database by a plain SELECT, within the time that is measured.
    Database(&'a Path),
    /// As `Database`, in the order of the key, in which indexes grow at their end.
    InKeyOrder(&'a Path),
}

/// Reads all rows of the sample table.
///
/// # Errors
/// The file cannot be read.
pub fn read_all(source: &Path) -> Result<Vec<Row>> {
    let db = Connection::open(source)?;
    let mut select = db.prepare(&format!("SELECT {COLUMNS} FROM Customer"))?;
    let width = select.column_count();
    let rows = select.query_map([], |row| (0..width).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Removes all triggers of a database.
///
/// # Errors
/// The file cannot be written.
pub fn drop_triggers(db: &Connection) -> Result<()> {
    let mut names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")?;
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in names {
        db.execute_batch(&format!("DROP TRIGGER \"{name}\""))?;
    }
    Ok(())
}

/// Writes the rows and their tracking rows into `destination`, which has no triggers, with the pragmas of the provider.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_by_hand(input: Input<'_>, destination: &Path) -> Result<()> {
    let mut db = Connection::open(destination)?;
    db.pragma_update(None, "foreign_keys", true)?;
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut base = transaction.prepare(&format!(
            "INSERT INTO Customer ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ))?;
        let mut tracking = transaction.prepare(TRACKING)?;
        match input {
            Input::Memory(rows) => {
                for row in rows {
                    for (at, cell) in row.iter().enumerate() {
                        base.raw_bind_parameter(at + 1, cell)?;
                    }
                    base.raw_execute()?;
                    tracking.raw_bind_parameter(1, &row[0])?;
                    insert_tracking(&mut tracking)?;
                }
            }
            Input::Database(path) | Input::InKeyOrder(path) => {
                let ordered = matches!(input, Input::InKeyOrder(_));
                let order = if ordered { " ORDER BY id" } else { "" };
                let source = Connection::open(path)?;
                let mut select =
                    source.prepare(&format!("SELECT {COLUMNS} FROM Customer{order}"))?;
                let width = select.column_count();
                let mut rows = select.query([])?;
                while let Some(row) = rows.next()? {
                    for column in 0..width {
                        base.raw_bind_parameter(
                            column + 1,
                            ToSqlOutput::Borrowed(row.get_ref(column)?),
                        )?;
                    }
                    base.raw_execute()?;
                    tracking.raw_bind_parameter(1, ToSqlOutput::Borrowed(row.get_ref(0)?))?;
                    insert_tracking(&mut tracking)?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

const TRACKING: &str = "INSERT INTO Customer_tracking (id, update_scope_local_id, scope_update_peer_key, \
     scope_update_peer_timestamp, local_update_peer_key, local_update_peer_timestamp, create_scope_local_id, \
     scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, \
     sync_row_is_tombstone, last_change_datetime, sync_write_time, sync_writer) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

/// Everything but the key, which is bound already.
fn insert_tracking(tracking: &mut Statement<'_>) -> rusqlite::Result<()> {
    const NOW: i64 = 1_795_000_000_000_000;
    let cells = params![
        1,
        1,
        1,
        0,
        1,
        1,
        1,
        1,
        0,
        1,
        0,
        NOW,
        None::<i64>,
        None::<i64>
    ];
    for (at, cell) in cells.iter().enumerate() {
        tracking.raw_bind_parameter(at + 2, cell)?;
    }
    tracking.raw_execute()?;
    Ok(())
}
