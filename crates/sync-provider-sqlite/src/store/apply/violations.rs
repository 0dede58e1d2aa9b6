//! What SQLite says of foreign keys that are broken.

use sync_provider::ProviderError;

use crate::store::open_scope::OpenScope;

/// One violation, as `foreign_key_check` tells of it.
pub(super) struct Violation {
    pub(super) table: String,
    /// `None` in a table without rowids.
    pub(super) row: Option<i64>,
    pub(super) parent: String,
    pub(super) key: i64,
}

/// Some violation there is, if any.
pub(super) fn any_violation(scope: OpenScope<'_>) -> Result<Option<String>, ProviderError> {
    let mut found = None;
    each_violation(scope, |violation| {
        found = Some(violation.to_string());
        Ok(false)
    })?;
    Ok(found)
}

/// Calls `take` with one violation after the other as long as it wants more.
pub(super) fn each_violation(
    scope: OpenScope<'_>,
    mut take: impl FnMut(Violation) -> Result<bool, ProviderError>,
) -> Result<(), ProviderError> {
    let fail = |error: rusqlite::Error| scope.fail(&error);
    let sql = "PRAGMA foreign_key_check";
    let mut statement = scope.db().prepare(sql).map_err(fail)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(fail)? {
        let violation = Violation {
            table: row.get(0).map_err(fail)?,
            row: row.get(1).map_err(fail)?,
            parent: row.get(2).map_err(fail)?,
            key: row.get(3).map_err(fail)?,
        };
        if !take(violation)? {
            return Ok(());
        }
    }
    Ok(())
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}")?,
            None => f.write_str("a row")?,
        }
        write!(
            f,
            " of table {} without its parent in table {}",
            self.table, self.parent
        )
    }
}
