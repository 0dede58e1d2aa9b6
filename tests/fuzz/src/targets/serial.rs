//! What serde reads.

use sync_knowledge::{
    ClockVector, ForgottenKnowledge, Knowledge, KnowledgeBlob, KnowledgeCookie, ReplicaKeyMap,
};
use sync_provider::{
    BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, ConflictRecord, Message,
    ProviderError, ReplicaInfo, RowSet, SyncBatchParameters, TableKeys, decode, encode,
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

/// What providers send each other: the first byte chooses. What follows stands behind a right checksum in one form, and is bincode in the other.
pub(super) fn batches(bytes: &[u8]) -> Verdict {
    let Some((choice, bytes)) = bytes.split_first() else {
        return Verdict::Refused;
    };
    let read = match choice {
        0 => crosses::<ChangeBatch>(bytes),
        1 => crosses::<BatchOutcome>(bytes),
        2 => crosses::<SyncBatchParameters>(bytes),
        3 => crosses::<ChangeBatchRequest>(bytes),
        4 => through_bincode::<TableKeys>(bytes).is_some(),
        6 => crosses::<BeginSession>(bytes),
        7 => crosses::<ReplicaInfo>(bytes),
        8 => crosses::<ProviderError>(bytes),
        9 => crosses::<ConflictRecord>(bytes),
        _ => through_bincode::<RowSet>(bytes).is_some_and(|rows| {
            assert!(rows.iter().all(|row| row.values().count() == rows.width()));
            true
        }),
    };
    verdict(read)
}

/// Reads a message out of its envelope, and what was read once more. Messages are compared as bytes: numbers need not equal themselves.
fn crosses<M: Message>(inside: &[u8]) -> bool {
    let mut bytes = b"SYNM".to_vec();
    bytes.push(M::KIND);
    bytes.extend_from_slice(&M::VERSION.to_be_bytes());
    bytes.extend_from_slice(inside);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    let read = decode::<M>(&bytes);
    if let Ok(message) = &read {
        let written = encode(message).unwrap();
        let again = decode::<M>(&written).unwrap();
        assert_eq!(encode(&again).unwrap(), written);
    }
    read.is_ok() | through_bincode::<M>(inside).is_some()
}
