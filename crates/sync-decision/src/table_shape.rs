//! What the layers above a database need to know of a table.

use sync_metadata::{KeyEquality, SqlType, TableDescription, ValueRef};

use sync_provider::{RowRef, RowSet};

/// A table as the decisions see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableShape {
    /// Global name.
    pub global_name: String,
    /// Column names, in the order of the cells.
    pub columns: Vec<String>,
    /// Their types.
    pub types: Vec<SqlType>,
    /// Positions of the key columns, in key order.
    pub key: Vec<usize>,
    /// How the database compares the texts of each of them, in the same order.
    pub key_equality: Vec<KeyEquality>,
}

impl TableShape {
    /// The shape of a table as it is described.
    pub fn of(table: &TableDescription) -> Self {
        TableShape {
            global_name: table.global_name.clone(),
            columns: table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            types: table
                .columns
                .iter()
                .map(|column| column.sql_type.clone())
                .collect(),
            key: table.key_positions().collect(),
            key_equality: table
                .key_columns()
                .map(|column| column.key_equality)
                .collect(),
        }
    }

    /// Names of the key columns.
    pub fn key_columns(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|&column| self.columns[column].clone())
            .collect()
    }

    /// The key cells of a row that has all columns.
    pub fn key_of(&self, row: RowRef<'_>) -> RowSet {
        let cells: Vec<ValueRef<'_>> = row.values().collect();
        let mut key = RowSet::new(self.key.len());
        key.push(
            self.key
                .iter()
                .map(|&column| cells.get(column).copied().unwrap_or(ValueRef::Null)),
        );
        key
    }
}
