//! Knowledge of this project: replicas named by GUID, the keys of the two sides mapped on the way or before.

use std::hint::black_box;

use sync_knowledge::{
    ClockVector, ItemId, KeyMapping, Knowledge, Relation, ReplicaId, Tick, Version,
};
use sync_knowledge_benches::sample::{self, Case, Side};
use sync_knowledge_benches::stopwatch::Contestant;

use crate::contest::Operation;

/// Knowledge as it comes: its replicas are matched by GUID each time, new ones are added to the result's key map.
pub fn mapped_each_time(operation: Operation, case: Case, theirs: &Side) -> Contestant<'static> {
    let (mine, other) = sample::knowledge(case, theirs.0.len());
    let both = mine.combined(&other);
    assert_eq!(both.compare(&other), Relation::Contains);
    match operation {
        Operation::Merge => {
            Contestant::new(NAME, move || black_box(&mine).combined(black_box(&other)))
        }
        Operation::MergeAgain => {
            Contestant::new(NAME, move || black_box(&both).combined(black_box(&other)))
        }
        Operation::MergeAndAsk => {
            let (id, tick) = sample::last(theirs);
            let (id, item) = (ReplicaId::from_bytes(&id), sample::item(7));
            Contestant::new(NAME, move || {
                let both = black_box(&mine).combined(black_box(&other));
                let known = knows(&both, &item, black_box(&id), tick);
                (both, known)
            })
        }
        Operation::Compare => {
            Contestant::new(NAME, move || black_box(&both).compare(black_box(&other)))
        }
        Operation::Contains => Contestant::new(NAME, move || {
            black_box(&both).contains_knowledge(black_box(&other))
        }),
        Operation::Versions => {
            let versions = sample::versions(theirs);
            Contestant::new(NAME, move || {
                let both = black_box(&both);
                let mapping = (case != Case::SameMap)
                    .then(|| KeyMapping::between(black_box(&other).key_map(), both.key_map()));
                let local = |version| {
                    mapping
                        .as_ref()
                        .map_or(Some(version), |mapping| mapping.version(version))
                };
                let local = black_box(&versions)
                    .iter()
                    .filter_map(|version| local(*version));
                let vector = of_all(both);
                local.filter(|version| vector.contains(*version)).count()
            })
        }
    }
}

/// As in a session: the mapping was computed once, and the key map has the other's replicas.
pub fn mapped_once(operation: Operation, case: Case, theirs: &Side) -> Contestant<'static> {
    let (mut mine, other) = sample::knowledge(case, theirs.0.len());
    let mapping = mine.mapping_from(other.key_map());
    let mut both = mine.clone();
    both.combine_mapped(&other, &mapping);
    assert_eq!(both.compare_mapped(&other, &mapping), Relation::Contains);
    match operation {
        Operation::Merge => Contestant::new(REUSED, move || {
            black_box(&mine).combined_mapped(black_box(&other), black_box(&mapping))
        }),
        Operation::MergeAgain => Contestant::new(REUSED, move || {
            black_box(&both).combined_mapped(black_box(&other), black_box(&mapping))
        }),
        Operation::MergeAndAsk => {
            let (id, tick) = sample::last(theirs);
            let (id, item) = (ReplicaId::from_bytes(&id), sample::item(7));
            Contestant::new(REUSED, move || {
                let both = black_box(&mine).combined_mapped(black_box(&other), black_box(&mapping));
                let known = knows(&both, &item, black_box(&id), tick);
                (both, known)
            })
        }
        Operation::Compare => Contestant::new(REUSED, move || {
            black_box(&both).compare_mapped(black_box(&other), black_box(&mapping))
        }),
        Operation::Contains => Contestant::new(REUSED, move || {
            black_box(&both).contains_knowledge_mapped(black_box(&other), black_box(&mapping))
        }),
        Operation::Versions => {
            let versions = sample::versions(theirs);
            Contestant::new(REUSED, move || {
                let (both, mapping) = (black_box(&both), black_box(&mapping));
                let local = black_box(&versions)
                    .iter()
                    .filter_map(|version| mapping.version(*version));
                let vector = of_all(both);
                local.filter(|version| vector.contains(*version)).count()
            })
        }
    }
}

const NAME: &str = "sync-knowledge";
const REUSED: &str = "sync-knowledge, mapping reused";

/// What is known of all items alike: whoever has many questions asks for it once, and is where a rival is that has no items.
fn of_all(knowledge: &Knowledge) -> &ClockVector {
    assert!(knowledge.is_uniform());
    knowledge.vector_at(&[0], &[])
}

/// The question that a program asks which has the replica's name and not its key.
fn knows(knowledge: &Knowledge, item: &ItemId, replica: &ReplicaId, tick: Tick) -> bool {
    let key = knowledge.key_map().key(replica);
    key.is_some_and(|key| knowledge.contains(item.as_bytes(), Version::new(key, tick)))
}
