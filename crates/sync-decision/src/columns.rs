//! Bringing incoming rows into the destination's order of columns.

use sync_provider::{ProviderError, RowRef, RowSet, TableChanges, Unsent, UnsentRows};

use crate::table_shape::TableShape;

/// Index among the shapes of the table that rows are of which were not sent.
///
/// # Errors
/// [`ProviderError::Malformed`] where the table is not among them or the key is not one of its keys.
pub fn table_of_unsent(unsent: &Unsent, shapes: &[TableShape]) -> Result<usize, ProviderError> {
    let found = shapes
        .iter()
        .position(|shape| shape.global_name.eq_ignore_ascii_case(&unsent.table));
    let fits = |table: &usize| match &unsent.rows {
        UnsentRows::One(key) => key.width() == shapes[*table].key.len() && key.len() == 1,
        UnsentRows::UndecodableKeys(_) => true,
    };
    found.filter(fits).ok_or_else(|| {
        ProviderError::malformed(
            format!("table {}", unsent.table),
            "a batch names rows that were not sent, and they are none of the scope",
        )
    })
}

/// Where each column of a destination's table stands in the incoming rows.
#[derive(Debug)]
pub struct ColumnMap {
    /// `None` when the order is the same and rows can be copied whole.
    positions: Option<Vec<usize>>,
    width: usize,
}

impl ColumnMap {
    /// Finds the table and matches the columns by name, without regard to case. Gives the table's index, too.
    ///
    /// # Errors
    /// [`ProviderError::Malformed`] where the table is not among the shapes, the columns are others, or the rows do not fit their heads.
    pub fn of(
        shapes: &[TableShape],
        changes: &TableChanges,
    ) -> Result<(usize, Self), ProviderError> {
        let object = || format!("table {}", changes.table);
        let table = shapes
            .iter()
            .position(|shape| shape.global_name.eq_ignore_ascii_case(&changes.table));
        let table = table.ok_or_else(|| {
            ProviderError::malformed(object(), "a batch holds rows of a table outside the scope")
        })?;
        let shape = &shapes[table];
        let expected = if changes.deleted {
            shape.key_columns()
        } else {
            shape.columns.clone()
        };
        if changes.rows.width() != changes.columns.len()
            || changes.rows.len() != changes.heads.len()
        {
            return Err(ProviderError::malformed(
                object(),
                "a batch holds rows that do not fit their heads or columns",
            ));
        }
        let find = |name: &String| {
            changes
                .columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        };
        let positions: Option<Vec<usize>> = expected.iter().map(find).collect();
        let Some(positions) = positions.filter(|found| found.len() == changes.columns.len()) else {
            return Err(ProviderError::malformed(
                object(),
                "a batch holds other columns than the scope",
            ));
        };
        let same = positions
            .iter()
            .enumerate()
            .all(|(index, position)| index == *position);
        Ok((
            table,
            ColumnMap {
                positions: (!same).then_some(positions),
                width: expected.len(),
            },
        ))
    }

    /// Cells per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds an incoming row in the destination's order.
    pub fn push(&self, row: RowRef<'_>, rows: &mut RowSet) {
        match &self.positions {
            None => rows.push_row(row),
            Some(positions) => {
                let cells: Vec<_> = row.values().collect();
                rows.push(positions.iter().map(|&position| cells[position]));
            }
        }
    }
}
