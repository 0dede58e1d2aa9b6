//! The pieces of work whose cost is watched: fixed inputs, known by name.

use std::hint::black_box;

use sync_knowledge::{Knowledge, Relation, ReplicaId, ReplicaKey, Version};

use crate::sample::{self, Case};

/// A piece of work, its input ready. Gives a number that depends on the result.
pub type Work = Box<dyn FnMut() -> u64>;

/// What makes a piece of work ready.
pub type Make = fn() -> Work;

/// Replicas a side, for what is done with two sides.
const REPLICAS: usize = 1024;

/// All of them: the name, and what makes it ready.
pub const ALL: &[(&str, Make)] = &[
    ("merge-same-map", || merge(Case::SameMap)),
    ("merge-other-order", || merge(Case::OtherOrder)),
    ("merge-half-shared", || merge(Case::HalfShared)),
    ("merge-other-order-reused", || {
        merge_mapped(Case::OtherOrder)
    }),
    ("merge-half-shared-reused", || {
        merge_mapped(Case::HalfShared)
    }),
    ("merge-half-shared-and-ask", merge_and_ask),
    ("merge-eight", || merge_few(Case::HalfShared, 8, 100)),
    ("merge-eight-same-map", || merge_few(Case::SameMap, 8, 100)),
    ("merge-eight-decoded", || merge_few(Case::Decoded, 8, 100)),
    ("merge-eight-other-order", || {
        merge_few(Case::OtherOrder, 8, 100)
    }),
    ("merge-64-other-order", || {
        merge_few(Case::OtherOrder, 64, 10)
    }),
    ("merge-65536-other-order", || {
        merge_few(Case::OtherOrder, 65_536, 1)
    }),
    ("compare-same-map", || compare(Case::SameMap)),
    ("compare-half-shared", || compare(Case::HalfShared)),
    ("compare-eight-other-order", || {
        ask_eight(Case::OtherOrder, is_above)
    }),
    ("compare-eight-half-shared", || {
        ask_eight(Case::HalfShared, is_above)
    }),
    ("contains-eight-other-order", || {
        ask_eight(Case::OtherOrder, Knowledge::contains_knowledge)
    }),
    ("contains-eight-half-shared", || {
        ask_eight(Case::HalfShared, Knowledge::contains_knowledge)
    }),
    ("contains-versions", contains_versions),
    ("contains-in-10000-exceptions", contains_in_exceptions),
    ("combine-100-exceptions", || combine_exceptions(100)),
    ("combine-10000-exceptions", || combine_exceptions(10_000)),
    ("encode-1024-replicas", || encode(wide())),
    ("decode-1024-replicas", || decode(&wide())),
    ("encode-10000-exceptions", || encode(deep())),
    ("decode-10000-exceptions", || decode(&deep())),
];

/// The work of a name, ready.
pub fn ready(name: &str) -> Option<Work> {
    let (_, make) = ALL.iter().find(|(known, _)| *known == name)?;
    Some(make())
}

/// Knowledge of many replicas, the same of all items.
pub fn wide() -> Knowledge {
    sample::knowledge(Case::SameMap, REPLICAS).0
}

/// Knowledge of few replicas with 10 000 items that are exceptions.
pub fn deep() -> Knowledge {
    sample::with_exceptions(10_000, 1)
}

fn merge(case: Case) -> Work {
    let (mine, theirs) = sample::knowledge(case, REPLICAS);
    Box::new(move || size(&black_box(&mine).combined(black_box(&theirs))))
}

fn merge_mapped(case: Case) -> Work {
    let (mut mine, theirs) = sample::knowledge(case, REPLICAS);
    let mapping = mine.mapping_from(theirs.key_map());
    Box::new(move || {
        size(&black_box(&mine).combined_mapped(black_box(&theirs), black_box(&mapping)))
    })
}

/// What merging puts off is paid here: the key of a replica that the merge has added.
fn merge_and_ask() -> Work {
    let (mine, theirs) = sample::knowledge(Case::HalfShared, REPLICAS);
    let (id, _) = sample::last(&sample::sides(Case::HalfShared, REPLICAS).1);
    let id = ReplicaId::from_bytes(&id);
    Box::new(move || {
        let both = black_box(&mine).combined(black_box(&theirs));
        both.key_map()
            .key(black_box(&id))
            .map_or(0, |key| u64::from(key.0))
    })
}

fn merge_few(case: Case, replicas: usize, times: u32) -> Work {
    let (mine, theirs) = sample::knowledge(case, replicas);
    Box::new(move || {
        (0..times)
            .map(|_| size(&black_box(&mine).combined(black_box(&theirs))))
            .sum()
    })
}

fn compare(case: Case) -> Work {
    let (mine, theirs) = sample::knowledge(case, REPLICAS);
    let both = mine.combined(&theirs);
    Box::new(move || black_box(&both).compare(black_box(&theirs)) as u64)
}

/// A hundred times, since once is little.
fn ask_eight(case: Case, question: fn(&Knowledge, &Knowledge) -> bool) -> Work {
    let (mine, theirs) = sample::knowledge(case, 8);
    let both = mine.combined(&theirs);
    Box::new(move || {
        (0..100)
            .map(|_| u64::from(question(black_box(&both), black_box(&theirs))))
            .sum()
    })
}

fn is_above(mine: &Knowledge, theirs: &Knowledge) -> bool {
    mine.compare(theirs) == Relation::Contains
}

fn contains_versions() -> Work {
    let (mine, theirs) = sample::sides(Case::SameMap, REPLICAS);
    let (both, versions) = (mine.knowledge(), sample::versions(&theirs));
    let item = sample::item(7);
    Box::new(move || {
        let contained = versions
            .iter()
            .filter(|version| black_box(&both).contains(item.as_bytes(), **version));
        contained.count() as u64
    })
}

fn contains_in_exceptions() -> Work {
    let (knowledge, items) = (deep(), items());
    let version = Version::new(ReplicaKey(3), 5);
    Box::new(move || {
        let contained = items
            .iter()
            .filter(|item| black_box(&knowledge).contains(item.as_bytes(), version));
        contained.count() as u64
    })
}

fn combine_exceptions(exceptions: usize) -> Work {
    let (mine, theirs) = (
        sample::with_exceptions(exceptions, 1),
        sample::with_exceptions(exceptions, 2),
    );
    Box::new(move || size(&black_box(&mine).combined(black_box(&theirs))))
}

fn encode(knowledge: Knowledge) -> Work {
    Box::new(move || black_box(&knowledge).to_bytes().len() as u64)
}

fn decode(knowledge: &Knowledge) -> Work {
    let bytes = knowledge.to_bytes();
    Box::new(move || {
        Knowledge::from_bytes(black_box(&bytes)).map_or(0, |knowledge| size(&knowledge))
    })
}

/// A thousand items, in no order.
pub fn items() -> Vec<sync_knowledge::ItemId> {
    let mut random = sample::Random::new(3);
    (0..1000).map(|_| sample::item(random.next())).collect()
}

fn size(knowledge: &Knowledge) -> u64 {
    knowledge.key_map().len() as u64 + knowledge.local_tick()
}
