//! Rows of one slice that block each other on a unique key, such as two swapped values.
//!
//! SQLite checks unique keys statement by statement. So the rows in question first give their unique columns up for values that nobody has, and
//! then take the ones they are meant to have. Rows that still fail are blocked by a row outside; they get back what they had.

use sync_provider::ProviderError;
use sync_relational::{LocalSlice, RowFailure, Slice, Write};

use crate::ident::{bound, ident};
use crate::store::SqliteStore;
use crate::store::write_error::{Refusal, Stop, WriteError, or_stop};
use crate::types::Affinity;

impl SqliteStore {
    pub(super) fn write_together(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        mut blocked: Vec<(Write, String)>,
    ) -> Result<Vec<RowFailure>, Stop> {
        let mut failures = Vec::new();
        // First without parking: what blocked a row may have moved on since.
        self.retry(slice, local, &mut blocked)?;
        while !blocked.is_empty() {
            let savepoint = self.savepoint()?;
            self.execute("PRAGMA ignore_check_constraints = ON")?;
            let parked = (blocked.iter())
                .map(|(write, _)| or_stop(self.park(slice, local, write)))
                .collect::<Result<Vec<Result<(), Refusal>>, Stop>>();
            self.execute("PRAGMA ignore_check_constraints = OFF")?;
            let mut statements = self.statements(slice.table);
            let mut outside = Vec::new();
            let mut inside = Vec::new();
            for ((write, _), parked) in blocked.iter().zip(parked?) {
                if let Err(refusal) = parked {
                    outside.push(refusal.of_row(write.row));
                    continue;
                }
                match or_stop(self.write_row(&mut statements, slice, local, write))? {
                    Ok(()) => inside.push((*write, String::new())),
                    Err(refusal) => outside.push(refusal.of_row(write.row)),
                }
            }
            drop(statements);
            if outside.is_empty() {
                savepoint.release().map_err(|error| self.fail(&error))?;
                return Ok(failures);
            }
            // Those that no parking helps go; the others are tried again without them.
            savepoint.undo().map_err(|error| self.fail(&error))?;
            failures.extend(outside);
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
    ) -> Result<(), Stop> {
        let mut statements = self.statements(slice.table);
        loop {
            let before = blocked.len();
            let mut still = Vec::new();
            for (write, reason) in blocked.drain(..) {
                let written = self.write_row(&mut statements, slice, local, &write);
                if or_stop(written)?.is_err() {
                    still.push((write, reason));
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

    /// Gives the unique columns of a live row that are to change values that nobody has. The others stay: rows may refer to them.
    fn park(&self, slice: Slice<'_>, local: &LocalSlice, write: &Write) -> Result<(), WriteError> {
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        let row = slice.rows.row(write.row);
        let entry = local.entries.get(write.row).copied().flatten();
        let Some(cells) = entry
            .and_then(|entry| entry.cells)
            .filter(|_| !slice.deleted)
        else {
            return Ok(());
        };
        let here: Vec<_> = local.cells.row(cells).values().collect();
        let there: Vec<_> = row.values().collect();
        let set: Vec<String> = (table.unique.iter())
            .filter(|&&column| here[column] != there[column])
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
        if set.is_empty() {
            return Ok(());
        }
        let or_abort = if table.user_triggers { "" } else { " OR ABORT" };
        let sql = format!(
            "UPDATE{or_abort} {} AS t SET {} WHERE {}",
            table.sql.base,
            set.join(", "),
            bound(&table.sql.keys, "t", 1)
        );
        if table.user_triggers {
            self.mark_row(slice, row)?;
        }
        let mut statement = self
            .db()
            .prepare_cached(&sql)
            .map_err(|error| self.fail(&error))?;
        self.bind_row_key(&mut statement, 1, slice, row)?;
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(error) => Err(self.write_error(&error)),
        }
    }

    pub(super) fn execute(&self, sql: &str) -> Result<(), ProviderError> {
        self.db()
            .execute_batch(sql)
            .map_err(|error| self.fail(&error))
    }
}
