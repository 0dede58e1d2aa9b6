//! Telling the triggers which table is written to.

use sync_provider::ProviderError;

use crate::store::open_scope::OpenScope;

/// The table whose rows the triggers leave alone, as the counter's row names it.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct AppliedTable(Option<usize>);

impl AppliedTable {
    /// Names a table, so that the triggers leave the rows alone that are written to it.
    pub(super) fn set(&mut self, scope: OpenScope<'_>, table: usize) -> Result<(), ProviderError> {
        if scope.tables.triggers_off || self.0 == Some(table) {
            return Ok(());
        }
        let tracking = &scope.table(table).objects.tracking;
        scope
            .db()
            .prepare_cached(&scope.tables.sql.mark_table)
            .and_then(|mut mark| mark.execute([tracking]))
            .map_err(|error| scope.fail(&error))?;
        self.0 = Some(table);
        Ok(())
    }
}
