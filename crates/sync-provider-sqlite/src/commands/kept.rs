//! Rows that a source selected, kept in temporary tables until the enumeration ends: what is sent is read from there page by page, so a table of
//! any size takes no more memory than a page.

use rusqlite::types::{ToSqlOutput, ValueRef as SqlRef};
use rusqlite::{Connection, Row, ToSql};
use sync_provider_commands::{Cells, Parameter};

use crate::cells::read;

/// The temporary table of a table's deletions or rows.
fn name(table: usize, deleted: bool) -> String {
    let what = if deleted { "deleted" } else { "live" };
    format!("temp.sync_kept_{what}_{table}")
}

/// Makes both, anew.
pub(super) fn make(db: &Connection, table: usize, width: usize) -> rusqlite::Result<()> {
    let columns: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
    for deleted in [true, false] {
        let name = name(table, deleted);
        db.execute_batch(&format!(
            "DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (nr INTEGER PRIMARY KEY, {})",
            columns.join(", ")
        ))?;
    }
    Ok(())
}

/// A cell as it is, whatever is in it.
struct AsItIs<'a>(SqlRef<'a>);

impl ToSql for AsItIs<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// Keeps a row: of the columns at these places the cells, one that is not there as NULL.
pub(super) fn push(
    db: &Connection,
    table: usize,
    deleted: bool,
    row: &Row<'_>,
    places: &[usize],
) -> rusqlite::Result<()> {
    let holders = vec!["?"; places.len()].join(", ");
    let sql = format!(
        "INSERT INTO {} VALUES (NULL, {holders})",
        name(table, deleted)
    );
    let mut insert = db.prepare_cached(&sql)?;
    for (to, from) in places.iter().enumerate() {
        insert.raw_bind_parameter(to + 1, AsItIs(row.get_ref(*from)?))?;
    }
    insert.raw_execute().map(drop)
}

/// Hands rows over.
pub(super) fn page(
    db: &Connection,
    table: usize,
    deleted: bool,
    (after, most): (i64, usize),
    wanted: &[Parameter],
    take: &mut (dyn FnMut(i64, Cells) + Send),
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT * FROM {} WHERE nr > ?1 ORDER BY nr LIMIT ?2",
        name(table, deleted)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query((after, i64::try_from(most).unwrap_or(i64::MAX)))?;
    while let Some(row) = rows.next()? {
        let places: Vec<usize> = (1..=wanted.len()).collect();
        take(row.get(0)?, cells(row, &places, wanted)?);
    }
    Ok(())
}

/// The cells at these places of a row, as values.
pub(super) fn cells(
    row: &Row<'_>,
    places: &[usize],
    wanted: &[Parameter],
) -> rusqlite::Result<Cells> {
    let cells = places.iter().zip(wanted).map(|(&place, column)| {
        let cell = row.get_ref(place)?;
        Ok(match read(cell) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!(
                "column {}: its text is not UTF-8; mend the text",
                column.name
            )),
        })
    });
    cells.collect()
}
