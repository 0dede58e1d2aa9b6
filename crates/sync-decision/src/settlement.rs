//! Settlement versions: what makes every community become quiet.
//!
//! The outcome of a conflict, whoever wins, is a version of the destination's *settlement replica*, a second replica id derived from its
//! own. Its tick is one more than the greatest settlement tick that either side knows, over all settlement replicas. So settlements are
//! totally ordered by (tick, replica) in a way that agrees with causality, and two that meet need no new one: the greater stays. Why this
//! rule and no simpler one holds is told in `docs/convergence.md`.

use std::cmp::Ordering;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey, Tick, Version};
use uuid::Uuid;

/// Name space of the ids derived here.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_1b0e_55a2_4c55_9d3c_7e11_5e77_1e00);

/// The settlement replica of `replica`: a UUID of version 8 (RFC 9562), the same for the same replica on every machine.
///
/// ```
/// use sync_knowledge::ReplicaId;
/// use sync_decision::{is_settlement, settlement_replica};
/// let replica = ReplicaId::from_uuid(uuid::Uuid::from_u128(1));
/// assert!(is_settlement(&settlement_replica(&replica)) && !is_settlement(&replica));
/// ```
pub fn settlement_replica(replica: &ReplicaId) -> ReplicaId {
    let mut bytes = *Uuid::new_v5(&NAMESPACE, replica.as_bytes()).as_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    ReplicaId::from_uuid(Uuid::from_bytes(bytes))
}

/// Whether an id is that of a settlement replica.
pub fn is_settlement(replica: &ReplicaId) -> bool {
    replica
        .as_uuid()
        .is_some_and(|id| id.get_version_num() == 8)
}

/// The greatest settlement tick in `knowledge`, 0 where there is none.
pub fn greatest_settlement_tick(knowledge: &Knowledge) -> Tick {
    knowledge.max_tick_where(is_settlement)
}

/// Orders two settlement versions of the same key map: by tick, then by replica id, which every replica sees alike.
pub fn settlement_order(knowledge: &Knowledge, a: Version, b: Version) -> Ordering {
    let id = |key: ReplicaKey| knowledge.key_map().id(key);
    a.tick
        .cmp(&b.tick)
        .then_with(|| id(a.replica).cmp(&id(b.replica)))
}
