//! Under which names the values of a call are known.

use sync_metadata::{SqlType, TableDescription, ValueRef};
use sync_provider::RowSet;

use super::SessionValue;

/// A named, typed value.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, without the `@`.
    pub name: String,
    /// The type.
    pub sql_type: SqlType,
}

/// The values that commands about a table, or about the scope, can ask for: the table's columns and then what the session knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    parameters: Vec<Parameter>,
    columns: usize,
}

impl Signature {
    /// Of commands about a table; `names` are those of its columns' parameters, in the order of the columns.
    pub fn of_table(table: &TableDescription, names: &[String]) -> Self {
        let columns = table.columns.iter().zip(names);
        let columns = columns.map(|(column, name)| Parameter {
            name: name.trim_start_matches('@').to_owned(),
            sql_type: column.sql_type.clone(),
        });
        Self::after(columns.collect())
    }

    /// Of commands about the scope.
    pub fn of_scope() -> Self {
        Self::after(Vec::new())
    }

    fn after(columns: Vec<Parameter>) -> Self {
        let session = SessionValue::ALL.into_iter().map(|value| Parameter {
            name: value.name().to_owned(),
            sql_type: value.sql_type(),
        });
        Signature {
            columns: columns.len(),
            parameters: columns.into_iter().chain(session).collect(),
        }
    }

    /// The values in the order in which a row of arguments holds them.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many of them are columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The place of a session's value in a row of arguments.
    pub fn place(&self, value: SessionValue) -> usize {
        self.columns + value as usize
    }

    /// The session's value at a place, where it is none of a column.
    pub fn value_at(&self, place: usize) -> Option<SessionValue> {
        let place = place.checked_sub(self.columns)?;
        SessionValue::ALL.get(place).copied()
    }

    /// Where the value of this name is; names are compared as SQL Server compares those of parameters.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim_start_matches('@');
        let same = |parameter: &Parameter| parameter.name.eq_ignore_ascii_case(name);
        self.parameters.iter().position(same)
    }

    /// No rows of arguments yet.
    pub(crate) fn arguments(&self) -> RowSet {
        RowSet::new(self.parameters.len())
    }

    /// Adds a row: cells of the columns in their order, and values by name; everything else is NULL.
    pub(crate) fn push<'v>(
        &self,
        arguments: &mut RowSet,
        cells: impl IntoIterator<Item = (usize, ValueRef<'v>)>,
        values: &[(SessionValue, ValueRef<'v>)],
    ) {
        let mut row = vec![ValueRef::Null; self.parameters.len()];
        for (column, cell) in cells {
            if let Some(place) = row.get_mut(column).filter(|_| column < self.columns) {
                *place = cell;
            }
        }
        for (value, cell) in values {
            row[self.place(*value)] = *cell;
        }
        arguments.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_the_place_of_its_name() {
        let signature = Signature::of_scope();
        for value in SessionValue::ALL {
            assert_eq!(signature.find(value.name()), Some(signature.place(value)));
            assert_eq!(
                signature.find(&format!("@{}", value.name().to_uppercase())),
                Some(signature.place(value))
            );
        }
        assert_eq!(signature.find("@sync_nothing"), None);
    }
}
