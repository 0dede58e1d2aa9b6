//! Rows of one slice that block each other on a unique key, such as two swapped values.
//!
//! SQLite checks unique keys statement by statement. So the rows in question first give their unique columns up for values that nobody has, and
//! then take the ones they are meant to have. Rows that still fail are blocked by a row outside; they get back what they had.

use sync_provider::ProviderError;
use sync_relational::{LocalSlice, RowFailure, Slice, Write};

use crate::ident::{bound, ident};
use crate::store::SqliteStore;
use crate::store::write::Written;
use crate::types::Affinity;

impl SqliteStore {
    pub(super) fn write_together(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        mut blocked: Vec<(Write, String)>,
    ) -> Result<Vec<RowFailure>, ProviderError> {
        let mut failures = Vec::new();
        // First without parking: what blocked a row may have moved on since.
        self.retry(slice, local, &mut blocked)?;
        while !blocked.is_empty() {
            self.execute("SAVEPOINT sync_together; PRAGMA ignore_check_constraints = ON")?;
            for (write, _) in &blocked {
                self.park(slice, local, write)?;
            }
            self.execute("PRAGMA ignore_check_constraints = OFF")?;
            let mut statements = self.statements(slice.table);
            let mut outside = Vec::new();
            let mut inside = Vec::new();
            for (write, _) in &blocked {
                match self.write_row(&mut statements, slice, local, write)? {
                    Written::Done => inside.push((*write, String::new())),
                    Written::Refused { reason, .. } => outside.push((write.row, reason)),
                }
            }
            drop(statements);
            if outside.is_empty() {
                self.execute("RELEASE sync_together")?;
                return Ok(failures);
            }
            // Those that no parking helps go; the others are tried again without them.
            self.execute("ROLLBACK TO sync_together; RELEASE sync_together")?;
            failures.extend(
                outside
                    .into_iter()
                    .map(|(row, reason)| RowFailure { row, reason }),
            );
            blocked = inside;
        }
        Ok(failures)
    }

    /// Tries blocked rows again in their order, as long as one of them goes through.
    fn retry(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        blocked: &mut Vec<(Write, String)>,
    ) -> Result<(), ProviderError> {
        let mut statements = self.statements(slice.table);
        loop {
            let before = blocked.len();
            let mut still = Vec::new();
            for (write, reason) in blocked.drain(..) {
                match self.write_row(&mut statements, slice, local, &write)? {
                    Written::Done => {}
                    Written::Refused { .. } => still.push((write, reason)),
                }
            }
            *blocked = still;
            // A long chain in the wrong order goes through in one round once it is parked.
            if blocked.is_empty() || before - blocked.len() < before / 2 || before == blocked.len()
            {
                return Ok(());
            }
        }
    }

    /// Gives the unique columns of a live row values that nobody has.
    fn park(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        write: &Write,
    ) -> Result<(), ProviderError> {
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        let live = local
            .entries
            .get(write.row)
            .copied()
            .flatten()
            .is_some_and(|entry| entry.cells.is_some());
        if !live || slice.deleted || table.unique.is_empty() {
            return Ok(());
        }
        let set: Vec<String> = (table.unique.iter())
            .map(|&column| {
                let value = match table.affinities[column] {
                    _ if !table.not_null[column] => "NULL",
                    Affinity::Integer | Affinity::Numeric => "random()",
                    Affinity::Real => "random() * 1.0",
                    Affinity::Text => "hex(randomblob(16))",
                    Affinity::Blob => "randomblob(16)",
                };
                format!("{} = {value}", ident(&shape.columns[column]))
            })
            .collect();
        let sql = format!(
            "UPDATE {} AS t SET {} WHERE {}",
            table.sql.base,
            set.join(", "),
            bound(&table.sql.keys, "t", 1)
        );
        let fail = |error: rusqlite::Error| self.fail(&error);
        if table.user_triggers {
            self.mark_row(slice, slice.rows.row(write.row))?;
        }
        let mut statement = self.db().prepare_cached(&sql).map_err(fail)?;
        self.bind_row_key(&mut statement, 1, slice, slice.rows.row(write.row))?;
        statement.raw_execute().map_err(fail)?;
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str) -> Result<(), ProviderError> {
        self.db()
            .execute_batch(sql)
            .map_err(|error| self.fail(&error))
    }
}
