//! Rows that want each other, and the commit of what was left open for them.

use std::collections::BTreeMap;

use sync_metadata::{Value, ValueRef};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{Breach, Circles, LocalSlice, RowFailure, RowName, Slice, Write, Written};
use tiberius::Row;

use crate::read;
use crate::store::MssqlStore;
use crate::store::enumeration::{integer, values};
use crate::store::open::closing;
use crate::store::sql::TableNames;

/// A row that a commit has to do without: its table, its packed key, and why.
type Offender = (usize, Vec<u8>, String);

/// The circles of a scope's tables.
pub(super) fn circles(tables: &[TableNames]) -> Circles {
    let tables = tables.iter().enumerate();
    Circles::of(
        tables
            .flat_map(|(index, table)| table.circle.links(index))
            .collect(),
    )
}

impl MssqlStore {
    /// Writes those of the rows that failed again which want nobody but each other and can leave a reference open, and gives those that still
    /// fail. Where only rows of another slice can, all of them have to come once more.
    pub(super) async fn write_circle(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
        failures: Vec<RowFailure>,
    ) -> Result<Written, ProviderError> {
        let again = slice.repeated && slice.together && !slice.deleted;
        if failures.is_empty() || !again || !self.circles.have(slice.table) {
            return Ok(Written::AllBut(failures));
        }
        let table = &self.tables[slice.table];
        let missing = table.missing_parents();
        let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in self.connection.batch(&missing).await?.into_iter().flatten() {
            let mut numbers = row
                .into_iter()
                .map(|cell| integer(Some(cell)).and_then(|number| usize::try_from(number).ok()));
            if let (Some(Some(row)), Some(Some(number))) = (numbers.next(), numbers.next()) {
                found.entry(row).or_default().push(number);
            }
        }
        let shape = &self.shapes[slice.table];
        let name = |row: usize| -> RowName {
            let key = shape.key_of(slice.rows.row(row));
            (slice.table, key.row(0).as_bytes().to_vec())
        };
        for RowFailure { row, .. } in &failures {
            let cells: Vec<ValueRef<'_>> = slice.rows.row(*row).values().collect();
            let missing = found.get(row).map_or(&[][..], Vec::as_slice);
            self.circles
                .refuse(&self.shapes, name(*row), &cells, missing);
        }
        let closed = self.circles.closed();
        let (can, mut left): (Vec<RowFailure>, Vec<RowFailure>) = failures
            .into_iter()
            .partition(|failure| !table.circle.is_empty() && closed.contains(&name(failure.row)));
        can.iter()
            .for_each(|failure| self.circles.forget(&name(failure.row)));
        if can.is_empty() {
            self.another_round |= !closed.is_subset(&self.offered);
            self.offered.extend(closed);
            return Ok(Written::AllBut(left));
        }
        let is_one = |write: &&Write| can.iter().any(|failure| failure.row == write.row);
        let writes: Vec<Write> = writes.iter().filter(is_one).copied().collect();
        let plan = self.plan(slice, local, &writes)?;
        self.open = true;
        let opening = self.tables[slice.table].leave_open(false);
        let mut written = self.carry_out(slice, &plan, &opening).await?;
        if let Written::AllBut(failures) = &mut written {
            failures.append(&mut left);
        }
        Ok(written)
    }

    /// What a slice does before it is written, as the beginning of its batch.
    pub(super) fn opening(&mut self, slice: Slice<'_>) -> String {
        let table = &self.tables[slice.table];
        // A row that comes again is first tried as it is. One that is to go may let go of others, as long as no commit has failed.
        let again = slice.repeated && !(slice.deleted && slice.together);
        if again || table.circle.is_empty() {
            return String::new();
        }
        self.open = true;
        table.leave_open(slice.deleted)
    }

    /// A batch that writes what was left open and then does `commit`; where something stands in the way it tells of that instead.
    pub(super) fn closing(&mut self, commit: String) -> String {
        match std::mem::take(&mut self.open) {
            true => closing(&self.tables, &commit),
            false => commit,
        }
    }

    /// What stands in the way of a commit.
    pub(super) fn breach(&self, rows: Vec<Row>) -> Breach {
        let rows = rows.into_iter();
        let offenders: Vec<Offender> = rows.filter_map(|row| self.offender(row)).collect();
        let findings = offenders.first().map(|(table, _, reason)| {
            let table = &self.shapes[*table].global_name;
            format!(": a row of table {table}, for {reason}")
        });
        Breach {
            offenders,
            triggers: false,
            findings: findings.unwrap_or_default(),
        }
    }

    fn offender(&self, row: Row) -> Option<Offender> {
        let mut cells = row.into_iter();
        let table = usize::try_from(integer(cells.next())?).ok()?;
        let reason = match read::value(cells.next()?).ok()? {
            Value::Text(text) => text.to_string(),
            _ => return None,
        };
        let key = values(&mut cells, self.shapes.get(table)?.key.len()).ok()?;
        let mut packed = RowSet::new(key.len());
        packed.push(key.iter().map(Value::as_ref));
        Some((table, packed.row(0).as_bytes().to_vec(), reason))
    }
}
