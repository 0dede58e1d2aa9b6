//! What a direction teaches its destination: the made-with knowledge, minus what was not applied.

use std::collections::{BTreeMap, BTreeSet};

use sync_knowledge::{ItemId, Knowledge, ReplicaKey, Version};

/// What of a direction was not applied, or goes beyond its made-with knowledge.
#[derive(Clone, Debug, Default)]
pub struct LearnedDelta {
    /// Row ids that stay unknown.
    pub rejected: Vec<ItemId>,
    /// Half-open id ranges that stay unknown: tables in which too many rows failed to remember each.
    pub rejected_ranges: Vec<(ItemId, Option<ItemId>)>,
    /// Rows stored under a version that the made-with knowledge does not claim. An id that is rejected, too, stays unknown.
    pub beyond: BTreeMap<ItemId, Version>,
    /// The greatest settlement version of the destination's own under which a row was stored, where any was.
    pub settlement: Option<Version>,
}

impl LearnedDelta {
    /// Takes note of a version under which a row was stored. It counts if it is one of `settlement`, the destination's settlement replica.
    ///
    /// A version that was handed out for a row which then failed must not count: nobody holds it, and a row that fails again in every
    /// session would raise the knowledge in every session.
    pub fn stored(&mut self, settlement: ReplicaKey, version: Version) {
        if version.replica == settlement
            && self.settlement.is_none_or(|last| last.tick < version.tick)
        {
            self.settlement = Some(version);
        }
    }
}

/// Whether a replica knows no other: the first half of being a pristine replica.
pub fn is_alone(knowledge: &Knowledge) -> bool {
    let own = knowledge.key_map().own();
    knowledge.max_tick_where(|id| id != own) == 0
}

/// What the destination knows afterwards. `known` and `made_with` share one key map.
pub fn learn(known: &Knowledge, made_with: &Knowledge, delta: &LearnedDelta) -> Knowledge {
    let mut taught = made_with.clone();
    for (from, to) in &delta.rejected_ranges {
        taught.exclude_range(from, to.as_ref());
    }
    taught.exclude_items(&delta.rejected);
    let mut result = known.clone();
    result.combine(&taught);
    let rejected: BTreeSet<&ItemId> = delta.rejected.iter().collect();
    let stored = delta.beyond.iter();
    let stored = stored.filter(|(item, _)| !rejected.contains(item));
    result.learn_items(stored.map(|(item, version)| (item, *version)));
    if let Some(settlement) = delta.settlement {
        result.raise(settlement.replica, settlement.tick);
    }
    result
}

/// Whether what was learned is worth a write.
///
/// Always where a row moved, for its stored version speaks in keys of the learned key map. Where the source only looked at rows that it need
/// not look at again, if anything was learned. Otherwise only where more was taught than a higher tick of the source itself, whose
/// key is `source`: such ticks go up with every write in its database and spare no work.
pub fn worth_storing(
    known: &Knowledge,
    learned: &Knowledge,
    source: ReplicaKey,
    moved: u64,
    examined: u64,
) -> bool {
    if moved > 0 {
        return true;
    }
    if examined > 0 {
        return !known.contains_knowledge(learned);
    }
    let mut but_for_source = known.clone();
    let source_tick = learned.max_tick_where(|id| learned.key_map().id(source) == Some(id));
    but_for_source.raise(source, source_tick);
    !but_for_source.contains_knowledge(learned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_knowledge::{ReplicaId, Tick};
    use uuid::Uuid;

    fn knowledge(ticks: &[Tick]) -> Knowledge {
        let mut knowledge = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
        for (index, tick) in ticks.iter().enumerate() {
            let key = knowledge
                .find_or_add_replica(&ReplicaId::from_uuid(Uuid::from_u128(index as u128 + 1)));
            if *tick > 0 {
                knowledge.raise(key, *tick);
            }
        }
        knowledge
    }

    #[test]
    fn a_rejected_row_stays_unknown_and_nothing_else_does() {
        let rejected = ItemId::from_text("[t]-1");
        let delta = LearnedDelta {
            rejected: vec![rejected.clone()],
            ..LearnedDelta::default()
        };
        let after = learn(&knowledge(&[5, 2]), &knowledge(&[3, 9]), &delta);
        let version = Version::new(ReplicaKey(1), 9);
        assert!(!after.contains(rejected.as_bytes(), version));
        assert!(
            after.contains(rejected.as_bytes(), Version::new(ReplicaKey(1), 2)),
            "what was known stays known"
        );
        assert!(after.contains(ItemId::from_text("[t]-2").as_bytes(), version));
        let healed = learn(&after, &knowledge(&[3, 9]), &LearnedDelta::default());
        assert!(
            healed.is_uniform(),
            "the exception is gone once the row applied"
        );
    }

    #[test]
    fn a_rejected_row_is_not_learned_beyond_the_mark_either() {
        let [rejected, stored] = ["[t]-1", "[t]-2"].map(ItemId::from_text);
        let version = Version::new(ReplicaKey(1), 12);
        let delta = LearnedDelta {
            rejected: vec![rejected.clone()],
            beyond: [&rejected, &stored].map(|id| (id.clone(), version)).into(),
            ..LearnedDelta::default()
        };
        let after = learn(&knowledge(&[5, 2]), &knowledge(&[3, 9]), &delta);
        assert!(after.contains(stored.as_bytes(), version));
        assert!(!after.contains(rejected.as_bytes(), version));
    }

    #[test]
    fn ticks_alone_are_not_stored() {
        let source = ReplicaKey(1);
        let check = |learned: &[Tick], moved, examined, expected| {
            assert_eq!(
                worth_storing(
                    &knowledge(&[5, 2, 0]),
                    &knowledge(learned),
                    source,
                    moved,
                    examined
                ),
                expected,
                "{learned:?}"
            );
        };
        check(&[5, 2, 0], 0, 0, false);
        check(&[5, 9, 0], 0, 0, false);
        check(&[5, 9, 0], 0, 3, true);
        check(&[5, 9, 0], 1, 0, true);
        check(&[5, 9, 1], 0, 0, true);
        check(&[5, 2, 1], 0, 0, true);
    }
}
