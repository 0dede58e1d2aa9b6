//! What serde reads.

use sync_knowledge::{
    ClockVector, ForgottenKnowledge, Knowledge, KnowledgeBlob, KnowledgeCookie, ReplicaKeyMap,
};
use sync_provider::{
    BatchOutcome, ChangeBatch, ChangeBatchRequest, RowSet, SyncBatchParameters, TableKeys,
};

use super::knowledge::keeps_its_promises;
use super::{through_bincode, through_json, verdict};
use crate::Verdict;

/// Knowledge and its parts. The first byte chooses.
pub(super) fn knowledge(bytes: &[u8]) -> Verdict {
    let Some((choice, bytes)) = bytes.split_first() else {
        return Verdict::Refused;
    };
    let whole = match choice {
        0 => through_bincode::<Knowledge>(bytes),
        1 => through_json::<Knowledge>(bytes),
        2 => through_bincode::<ForgottenKnowledge>(bytes)
            .map(|forgotten| forgotten.knowledge().clone()),
        3 => {
            let cookie = through_bincode::<KnowledgeCookie>(bytes);
            return verdict(cookie.is_some());
        }
        4 => return verdict(through_bincode::<ReplicaKeyMap>(bytes).is_some()),
        5 => return verdict(through_json::<ReplicaKeyMap>(bytes).is_some()),
        6 => return verdict(through_bincode::<ClockVector>(bytes).is_some()),
        7 => return verdict(through_json::<ClockVector>(bytes).is_some()),
        _ => return verdict(through_bincode::<KnowledgeBlob>(bytes).is_some()),
    };
    whole.iter().for_each(keeps_its_promises);
    verdict(whole.is_some())
}

/// What providers send each other. The first byte chooses.
pub(super) fn batches(bytes: &[u8]) -> Verdict {
    let Some((choice, bytes)) = bytes.split_first() else {
        return Verdict::Refused;
    };
    let read = match choice {
        0 => through_bincode::<ChangeBatch>(bytes).is_some(),
        1 => through_bincode::<BatchOutcome>(bytes).is_some(),
        2 => through_bincode::<SyncBatchParameters>(bytes).is_some(),
        3 => through_bincode::<ChangeBatchRequest>(bytes).is_some(),
        4 => through_bincode::<TableKeys>(bytes).is_some(),
        _ => through_bincode::<RowSet>(bytes).is_some_and(|rows| {
            assert!(rows.iter().all(|row| row.values().count() == rows.width()));
            true
        }),
    };
    verdict(read)
}
