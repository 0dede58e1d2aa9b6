//! Cells that commands return, and values that they are given.

use sync_metadata::{SqlKind, Value, ValueRef};
use sync_provider_commands::{Cells, Parameter};
use tiberius::{ColumnData, Row};

use crate::procedures::returned::counts_replacements;
use crate::read;
use crate::sql::text;

/// A value of the session as a literal.
pub(super) fn literal(value: Option<ValueRef<'_>>) -> String {
    match value {
        Some(ValueRef::Integer(number)) => number.to_string(),
        Some(ValueRef::Text(value)) => text(value),
        _ => "NULL".to_owned(),
    }
}

/// The wanted columns of a row that a statement returned as it is; one that is not there cannot be read.
pub(super) fn by_name(row: Row, wanted: &[Parameter]) -> Cells {
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
            (None, _) => Err(format!("column {} is not returned", column.name)),
        }
    };
    wanted.iter().map(cell).collect()
}

/// The wanted cells of a row, which the count of U+FFFD that the server found in its texts follows. The driver puts that character in the place of
/// half a surrogate pair; where more of them came than are stored, the texts that have one are not what the database holds.
pub(super) fn whole_texts(
    cells: impl Iterator<Item = ColumnData<'static>>,
    wanted: &[Parameter],
) -> Cells {
    let mut all: Vec<ColumnData<'static>> = cells.collect();
    let stored = match counts_replacements(wanted) {
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

pub(super) fn number(cell: Option<ColumnData<'static>>) -> Option<i64> {
    match cell? {
        ColumnData::I32(number) => number.map(i64::from),
        ColumnData::I64(number) => number,
        _ => None,
    }
}
