//! Which columns of a table are synchronised.

use std::collections::BTreeSet;

use sync_metadata::is_tracking_column;

use crate::catalog::{TableInfo, TableKind};
use crate::error::MssqlError;

/// The columns to synchronise, by position: those named and the key, or all that can be.
pub(super) fn synchronised(
    info: &TableInfo,
    names: Option<&[String]>,
) -> Result<Vec<usize>, MssqlError> {
    let refused = |reason: &str, remedy: &str| {
        Err(MssqlError::refused(
            format!("table {}", info.name),
            reason,
            remedy,
        ))
    };
    match info.kind {
        TableKind::View => return refused("it is a view", "name the tables that it shows"),
        TableKind::History => {
            return refused(
                "the server fills it with the history of another table",
                "name that one",
            );
        }
        TableKind::Table => {}
    }
    if info.key.is_empty() {
        return refused(
            "it has no primary key",
            "give it one, or leave the table out",
        );
    }
    let mut positions: BTreeSet<usize> = info.key.iter().copied().collect();
    match names {
        None => positions.extend((0..info.columns.len()).filter(|&at| !info.columns[at].generated)),
        Some(names) => {
            for name in names {
                let at = info
                    .position(name)
                    .filter(|&at| !info.columns[at].generated);
                positions.insert(at.ok_or_else(|| {
                    MssqlError::refused(
                        format!("column {name} of table {}", info.name),
                        "the table has no such column, or the server computes its values",
                        "check its name, or leave it out",
                    )
                })?);
            }
        }
    }
    for &at in &positions {
        let column = &info.columns[at];
        let refused = |reason: String, remedy: &str| {
            Err(MssqlError::refused(
                format!("column {} of table {}", column.name, info.name),
                reason,
                remedy,
            ))
        };
        if column.generated {
            return refused(
                "it is part of the primary key, and the server computes its values".into(),
                "give the table another key",
            );
        }
        if info.key.contains(&at) && is_tracking_column(&column.name) {
            return refused(
                "it is part of the primary key, and tracking tables have a column of this name themselves".into(),
                "rename it, or leave the table out of the scope",
            );
        }
        if let Some(name) = &column.unsupported {
            return refused(
                format!("values of type {name} cannot be synchronised"),
                "name the columns to synchronise without it",
            );
        }
    }
    Ok(positions.into_iter().collect())
}
