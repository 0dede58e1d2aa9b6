//! What the handler makes of rows: those that met a conflict and are stored as it edited them, and those that could not be written.

use std::collections::BTreeMap;

use sync_decision::{IncomingRow, SettlementClock, TableShape, check_edited};
use sync_metadata::Value;
use sync_provider::{ApplyAction, ApplyHandler, ConflictRecord, ProviderError, RowSet, Winner};

use crate::store::{LocalSlice, RowFailure, Slice, Store, Write, Written};

/// A row that the handler wants written, as it edited it or in spite of a failure.
#[derive(Clone, Debug)]
pub(crate) struct Forced {
    pub(crate) write: Write,
    /// The row in the place of the incoming one.
    pub(crate) edited: Option<Vec<Value>>,
    /// To be kept if it goes through this time.
    pub(crate) record: ConflictRecord,
}

/// Asks the handler about a row that failed for good. `None` leaves it failed; where the handler's answer is of no use, `failure` says so from
/// now on.
pub(crate) fn ask(
    handler: &dyn ApplyHandler,
    shape: &TableShape,
    remote: &IncomingRow<'_>,
    write: Write,
    record: ConflictRecord,
    clock: &mut SettlementClock,
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
        write.outcome.update = clock.settlement();
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

/// How writing rows apart went; rows are named by their places in the slice that they are from.
#[derive(Debug)]
pub(crate) enum Apart {
    /// As [`Written::AllBut`].
    AllBut(BTreeMap<usize, RowFailure>),
    /// As [`Written::Undone`].
    Undone { row: Option<usize>, reason: String },
}

/// Writes rows of a slice apart from it: their contents are others than those that the store was shown, or they were tried before.
pub(crate) async fn write_apart(
    store: &mut dyn Store,
    slice: Slice<'_>,
    local: &LocalSlice,
    forced: &[Forced],
) -> Result<Apart, ProviderError> {
    let mut failures = BTreeMap::new();
    if forced.is_empty() {
        return Ok(Apart::AllBut(failures));
    }
    let mut rows = RowSet::new(slice.rows.width());
    for one in forced {
        match &one.edited {
            Some(edited) => rows.push(edited.iter().map(Value::as_ref)),
            None => rows.push_row(slice.rows.row(one.write.row)),
        }
    }
    let apart = Slice {
        rows: &rows,
        ..slice
    };
    // A store writes what it was shown last.
    let here = store.local_rows(apart).await?;
    let mut fail = |row: usize, reason: &str, metadata| {
        let reason = reason.to_owned();
        failures.insert(
            row,
            RowFailure {
                row,
                reason,
                metadata,
            },
        );
    };
    let mut writes = Vec::new();
    for (place, one) in forced.iter().enumerate() {
        let facts = |slice: &LocalSlice, row| slice.row(row).map(|row| row.facts);
        let unreadable = here.unreadable.iter().find(|failure| failure.row == place);
        match unreadable {
            Some(failure) => fail(one.write.row, &failure.reason, false),
            None if facts(&here, place) != facts(local, one.write.row) => {
                fail(one.write.row, "it was changed here meanwhile", false);
            }
            None => writes.push(Write {
                row: place,
                ..one.write
            }),
        }
    }
    let failed = match store.write(apart, &here, &writes).await? {
        Written::AllBut(failed) => failed,
        Written::Undone { row, reason } => {
            let row = row.and_then(|row| forced.get(row)).map(|one| one.write.row);
            return Ok(Apart::Undone { row, reason });
        }
    };
    for failure in failed {
        if let Some(write) = writes.iter().find(|write| write.row == failure.row) {
            let row = forced[write.row].write.row;
            fail(row, &failure.reason, failure.metadata);
        }
    }
    Ok(Apart::AllBut(failures))
}

#[cfg(test)]
mod tests {
    use sync_decision::{Outcome, RowFacts, Rules, failure_record};
    use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey, Version};
    use uuid::Uuid;

    use super::*;
    use crate::row_key::tests::shape;

    /// Forces rows as they are where their versions failed, and edits them where they failed themselves.
    struct ByEvent;

    impl ApplyHandler for ByEvent {
        fn apply_change_failed(&self, _: &ConflictRecord) -> ApplyAction {
            ApplyAction::RetryWithForceWrite(Some(vec![Value::Integer(7)]))
        }

        fn apply_metadata_failed(&self, _: &ConflictRecord) -> ApplyAction {
            ApplyAction::RetryWithForceWrite(None)
        }
    }

    #[test]
    fn each_failure_has_its_event() {
        let known = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(7)));
        let version = Version::new(ReplicaKey::LOCAL, 3);
        let mut cells = RowSet::new(1);
        cells.push([Value::Integer(7).as_ref()]);
        let remote = IncomingRow {
            facts: RowFacts {
                create: version,
                update: version,
                tombstone: false,
            },
            time: None,
            writer: None,
            cells: cells.row(0),
        };
        let outcome = Outcome {
            base: true,
            tombstone: false,
            create: version,
            update: version,
            time: None,
            writer: None,
        };
        for metadata in [false, true] {
            let mut clock = SettlementClock::new(Rules::SOUND, ReplicaKey(1), &known, &known);
            let mut failure = RowFailure {
                row: 0,
                reason: "no".into(),
                metadata,
            };
            let record = failure_record(&known, &shape(), None, remote, "no");
            let write = Write { row: 0, outcome };
            let forced = ask(
                &ByEvent,
                &shape(),
                &remote,
                write,
                record,
                &mut clock,
                &mut failure,
            );
            let forced = forced.expect("the handler forces it");
            assert_eq!(forced.edited.is_none(), metadata);
            // An edited row is nobody's yet; one that stays as it is keeps its version.
            assert_eq!(forced.write.outcome.update == version, metadata);
            assert_eq!(forced.record.winner, Some(Winner::Remote));
        }
    }
}
