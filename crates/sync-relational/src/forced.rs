//! Rows that could not be written, and what the handler makes of them.

use std::collections::BTreeMap;

use sync_metadata::Value;
use sync_provider::{
    ApplyAction, ApplyHandler, ConflictRecord, IncomingRow, RowSet, Stamper, TableShape, Winner,
    check_edited,
};

use crate::store::{RowFailure, Slice, Write};

/// A row that the handler wants written in spite of its failure.
#[derive(Debug)]
pub(crate) struct Forced {
    pub(crate) write: Write,
    /// The row in the place of the incoming one.
    pub(crate) edited: Option<Vec<Value>>,
    /// To be kept if it goes through this time.
    pub(crate) record: ConflictRecord,
}

/// Asks the handler about a row that failed for good.
///
/// # Errors
/// The row stays failed; where the handler's answer is of no use, `failure` says that from now on.
pub(crate) fn ask(
    handler: &dyn ApplyHandler,
    shape: &TableShape,
    remote: &IncomingRow<'_>,
    write: Write,
    record: ConflictRecord,
    stamper: &mut Stamper,
    failure: &mut RowFailure,
) -> Option<Forced> {
    let action = match failure.metadata {
        true => handler.apply_metadata_failed(&record),
        false => handler.apply_change_failed(&record),
    };
    let ApplyAction::RetryWithForceWrite(edited) = action else {
        return None;
    };
    let mut write = write;
    if let Some(row) = &edited {
        if let Err(reason) = check_edited(shape, remote, row) {
            failure.reason = format!("{}; {reason}", failure.reason);
            return None;
        }
        // What nobody else has seen needs a version of its own.
        write.outcome.base = true;
        write.outcome.update = stamper.settlement();
    }
    let record = ConflictRecord {
        winner: Some(Winner::Remote),
        ..record
    };
    Some(Forced {
        write,
        edited,
        record,
    })
}

/// The rows of a slice with some of them replaced; `None` where none is.
pub(crate) fn with_edits(slice: Slice<'_>, edits: &BTreeMap<usize, Vec<Value>>) -> Option<RowSet> {
    if edits.is_empty() {
        return None;
    }
    let mut rows = RowSet::new(slice.rows.width());
    for (number, row) in slice.rows.iter().enumerate() {
        match edits.get(&number) {
            Some(edited) => rows.push(edited.iter().map(Value::as_ref)),
            None => rows.push_row(row),
        }
    }
    Some(rows)
}

/// A slice with these rows in the place of its own, if there are any.
pub(crate) fn as_edited<'a>(slice: Slice<'a>, edited: Option<&'a RowSet>) -> Slice<'a> {
    Slice {
        rows: edited.unwrap_or(slice.rows),
        ..slice
    }
}
