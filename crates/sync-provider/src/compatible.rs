//! Whether two sides of a scope describe the same tables.

use sync_metadata::{ScopeDescription, TableDescription};

use crate::error::ProviderError;

/// Checks that both sides synchronise the same tables with the same columns under the same keys. Names are compared without regard to
/// case; tables by their global name; the order of columns does not matter.
///
/// # Errors
/// [`ProviderError::Refused`] names the first table or column that differs, and on which side it is missing.
pub fn check_compatible(local: &ScopeDescription, remote: &ScopeDescription) -> Result<(), ProviderError> {
    let find = |scope: &ScopeDescription, name: &str| scope.tables.iter().position(|table| table.global_name.eq_ignore_ascii_case(name));
    for table in &local.tables {
        match find(remote, &table.global_name) {
            Some(index) => check_table(table, &remote.tables[index])?,
            None => return Err(missing_table(&table.global_name, &local.name, "remote")),
        }
    }
    match remote.tables.iter().find(|table| find(local, &table.global_name).is_none()) {
        Some(table) => Err(missing_table(&table.global_name, &local.name, "local")),
        None => Ok(()),
    }
}

fn check_table(local: &TableDescription, remote: &TableDescription) -> Result<(), ProviderError> {
    for (table, other, side) in [(local, remote, "remote"), (remote, local, "local")] {
        for column in &table.columns {
            let object = || format!("column {} of table {}", column.name, table.global_name);
            let Some(twin) = other.columns.iter().find(|twin| twin.name.eq_ignore_ascii_case(&column.name)) else {
                return Err(ProviderError::refused(
                    object(),
                    format!("it is not in the scope on the {side} side"),
                    "provision both sides with the same columns",
                ));
            };
            if twin.primary_key != column.primary_key {
                return Err(ProviderError::refused(
                    object(),
                    "it is part of the primary key on one side only",
                    "give both tables the same primary key",
                ));
            }
        }
    }
    Ok(())
}

fn missing_table(table: &str, scope: &str, side: &str) -> ProviderError {
    ProviderError::refused(
        format!("table {table}"),
        format!("scope {scope} does not hold it on the {side} side"),
        "provision both sides with the same tables",
    )
}
