//! Reading rows that an application wrote. SQLite keeps any bytes as text; only UTF-8 can travel.

use rusqlite::Row;
use rusqlite::types::ValueRef as SqlRef;
use sync_decision::TableShape;
use sync_metadata::{Value, ValueRef};
use sync_provider::RowSet;
use sync_relational::UnreadableRow;

/// The longest excerpt of a key that a message shows, in characters.
const EXCERPT: usize = 60;

/// A column whose text in a row is not valid UTF-8: its position in the table's shape.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(usize);

impl Unreadable {
    /// Why a row that can be named by its key is left alone.
    pub(super) fn reason(self, shape: &TableShape) -> String {
        format!(
            "column {} holds text that is not valid UTF-8; store such values as BLOB",
            shape.columns[self.0]
        )
    }

    /// Why a row is left alone whose key, in the columns of `row` from `at` on, cannot be read.
    pub(super) fn reason_with_key(self, shape: &TableShape, row: &Row<'_>, at: usize) -> String {
        format!("row {}: {}", spell_key(shape, row, at), self.reason(shape))
    }

    /// The row for whoever looks at all of them; its key is in the columns of `row` from `at` on.
    pub(super) fn row(self, shape: &TableShape, row: &Row<'_>, at: usize) -> UnreadableRow {
        match key(row, at, shape) {
            Ok(key) => UnreadableRow {
                key: Some(key.into_iter().map(Value::from).collect()),
                reason: self.reason(shape),
            },
            Err(unreadable) => UnreadableRow {
                key: None,
                reason: unreadable.reason_with_key(shape, row, at),
            },
        }
    }
}

/// Adds the key in the columns of `row` from `at` on, or nothing.
pub(super) fn push_key(
    row: &Row<'_>,
    at: usize,
    rows: &mut RowSet,
    shape: &TableShape,
) -> Result<(), Unreadable> {
    push(row, at, shape.key.iter().copied(), rows)
}

/// Adds all cells of a row, which are in the columns of `row` from `at` on, or nothing.
pub(super) fn push_cells(
    row: &Row<'_>,
    at: usize,
    rows: &mut RowSet,
    shape: &TableShape,
) -> Result<(), Unreadable> {
    push(row, at, 0..shape.columns.len(), rows)
}

/// The key in the columns of `row` from `at` on.
pub(super) fn key<'r>(
    row: &'r Row<'_>,
    at: usize,
    shape: &TableShape,
) -> Result<Vec<ValueRef<'r>>, Unreadable> {
    let columns = shape.key.iter().enumerate();
    columns
        .map(|(n, &column)| cell(row, at + n).ok_or(Unreadable(column)))
        .collect()
}

fn push(
    row: &Row<'_>,
    at: usize,
    columns: impl Iterator<Item = usize>,
    rows: &mut RowSet,
) -> Result<(), Unreadable> {
    let mut writer = rows.start_row();
    for (n, column) in columns.enumerate() {
        let Some(value) = cell(row, at + n) else {
            drop(writer);
            rows.pop();
            return Err(Unreadable(column));
        };
        writer.cell(value);
    }
    Ok(())
}

fn cell<'r>(row: &'r Row<'_>, column: usize) -> Option<ValueRef<'r>> {
    row.get_ref(column).ok().and_then(crate::cells::read)
}

/// A key for people, whatever is in it.
fn spell_key(shape: &TableShape, row: &Row<'_>, at: usize) -> String {
    let cells = (at..at + shape.key.len()).map(|column| match row.get_ref(column) {
        Ok(SqlRef::Integer(number)) => number.to_string(),
        Ok(SqlRef::Real(number)) => number.to_string(),
        Ok(SqlRef::Text(bytes)) => {
            let text = String::from_utf8_lossy(bytes);
            let short: String = text.chars().take(EXCERPT).collect();
            let cut = if short.len() < text.len() { "…" } else { "" };
            format!("'{}{cut}'", short.escape_debug())
        }
        Ok(SqlRef::Blob(bytes)) => format!("a blob of {} bytes", bytes.len()),
        Ok(SqlRef::Null) | Err(_) => "NULL".to_owned(),
    });
    format!("({})", cells.collect::<Vec<_>>().join(", "))
}
