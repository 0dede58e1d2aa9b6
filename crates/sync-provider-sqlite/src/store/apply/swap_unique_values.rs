//! Rows of one slice that block each other on a unique key, such as two swapped values.
//!
//! SQLite checks unique keys statement by statement. So the rows in question first give their unique columns up for values that nobody has, and
//! then take the ones they are meant to have. Rows that still fail are blocked by a row outside; they get back what they had.

use sync_relational::{RowFailure, Write};

use crate::ident::{bound, ident};
use crate::store::apply::row::RowWriter;
use crate::store::apply::savepoint::Savepoint;
use crate::store::apply::write_error::{Refusal, Stop, WriteError, or_stop, write_error};
use crate::types::Affinity;

impl RowWriter<'_> {
    /// Writes rows that another one blocked on a unique key. Gives those that stay blocked.
    pub(super) fn swap_unique_values(
        &mut self,
        mut blocked: Vec<(Write, String)>,
    ) -> Result<Vec<RowFailure>, Stop> {
        let scope = self.scope;
        let fail = |error: rusqlite::Error| scope.fail(&error);
        let mut failures = Vec::new();
        // First without giving anything up: what blocked a row may have moved on since.
        self.retry(&mut blocked)?;
        while !blocked.is_empty() {
            let savepoint = Savepoint::open(scope.db()).map_err(fail)?;
            scope.execute("PRAGMA ignore_check_constraints = ON")?;
            let given_up = (blocked.iter())
                .map(|(write, _)| or_stop(self.give_up_unique_values(write)))
                .collect::<Result<Vec<Result<(), Refusal>>, Stop>>();
            scope.execute("PRAGMA ignore_check_constraints = OFF")?;
            let mut outside = Vec::new();
            let mut inside = Vec::new();
            for ((write, _), given_up) in blocked.iter().zip(given_up?) {
                if let Err(refusal) = given_up {
                    outside.push(refusal.of_row(write.row));
                    continue;
                }
                match or_stop(self.write(write))? {
                    Ok(()) => inside.push((*write, String::new())),
                    Err(refusal) => outside.push(refusal.of_row(write.row)),
                }
            }
            if outside.is_empty() {
                savepoint.release().map_err(fail)?;
                return Ok(failures);
            }
            // Those that nothing helps go; the others are tried again without them.
            savepoint.undo().map_err(fail)?;
            failures.extend(outside);
            blocked = inside;
        }
        Ok(failures)
    }

    /// Tries blocked rows again in their order, as long as one of them goes through.
    fn retry(&mut self, blocked: &mut Vec<(Write, String)>) -> Result<(), Stop> {
        loop {
            let before = blocked.len();
            let mut still = Vec::new();
            for (write, reason) in blocked.drain(..) {
                let written = self.write(&write);
                if or_stop(written)?.is_err() {
                    still.push((write, reason));
                }
            }
            *blocked = still;
            // A long chain in the wrong order goes through in one round once all have given their values up.
            if blocked.is_empty() || before - blocked.len() < before / 2 || before == blocked.len()
            {
                return Ok(());
            }
        }
    }

    /// Gives the unique columns of a live row that are to change values that nobody has. The others stay: rows may refer to them.
    fn give_up_unique_values(&self, write: &Write) -> Result<(), WriteError> {
        let (shape, table) = (self.shape, self.table);
        let row = self.slice.rows.row(write.row);
        let entry = self.local.entries.get(write.row).copied().flatten();
        let Some(cells) = entry
            .and_then(|entry| entry.cells)
            .filter(|_| !self.slice.deleted)
        else {
            return Ok(());
        };
        let here: Vec<_> = self.local.cells.row(cells).values().collect();
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
            self.mark_row(row)?;
        }
        let mut statement = self
            .scope
            .db()
            .prepare_cached(&sql)
            .map_err(|error| self.scope.fail(&error))?;
        self.scope
            .bind_row_key(&mut statement, 1, self.slice, row)?;
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(error) => Err(write_error(self.scope, &error)),
        }
    }
}
