//! Keys as they are spelled here.

use rusqlite::Statement;
use sync_provider::{ProviderError, RowRef, RowSet};
use sync_relational::Slice;

use crate::store::open_scope::OpenScope;
use crate::store::readable::push_key;

/// A row by its table and its packed key, as it is stored here.
pub(super) type RowKey = (usize, Vec<u8>);

/// The packed key of a row that is there; `None` where it cannot be read.
pub(super) type ReadKey = Option<Vec<u8>>;

/// The key of the base row of a row of a slice, where there is that row.
pub(super) fn stored_key(
    scope: OpenScope<'_>,
    slice: Slice<'_>,
    row: RowRef<'_>,
) -> Result<Option<ReadKey>, ProviderError> {
    let sql = &scope.table(slice.table).sql.stored_key;
    let keys = keys(scope, slice.table, sql, |statement| {
        scope.bind_row_key(statement, 1, slice, row)
    })?;
    Ok(keys.into_iter().next())
}

/// The keys of a table's rows that a query finds.
pub(super) fn keys(
    scope: OpenScope<'_>,
    table: usize,
    sql: &str,
    bind: impl Fn(&mut Statement<'_>) -> Result<(), ProviderError>,
) -> Result<Vec<ReadKey>, ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let shape = scope.shape(table);
    let mut statement = scope.db().prepare_cached(sql).map_err(fail)?;
    bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let mut key = RowSet::new(shape.key.len());
        let read = push_key(row, 0, &mut key, shape);
        keys.push(read.is_ok().then(|| key.row(0).as_bytes().to_vec()));
    }
    Ok(keys)
}
