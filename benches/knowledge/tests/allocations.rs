//! A small community pays for its results and for nothing else: no operation on 8 replicas allocates beyond what it gives back.

use allocation_counter::measure;
use sync_knowledge::KeyMapping;
use sync_knowledge_benches::sample::{Case, knowledge, sides, versions};

/// How many allocations a result of this many replicas is made of, when its key map is not a new one: its ticks.
const TICKS: u64 = 1;
/// A new key map: the map and its ids.
const KEY_MAP: u64 = 2;

#[track_caller]
fn check<R>(what: &str, expected: u64, work: impl FnOnce() -> R) {
    let mut result = None;
    let info = measure(|| result = Some(work()));
    assert_eq!(info.count_total, expected, "{what}");
    assert_eq!(
        info.count_current,
        expected.cast_signed(),
        "{what} keeps all that it allocates"
    );
    drop(result);
}

#[test]
fn merging_eight_replicas_allocates_the_result_only() {
    for (case, expected) in [
        (Case::SameMap, TICKS),
        (Case::Decoded, TICKS),
        (Case::OtherOrder, TICKS),
        (Case::HalfShared, TICKS + KEY_MAP),
    ] {
        let (mut mine, theirs) = knowledge(case, 8);
        check(case.name(), expected, || mine.combined(&theirs));
        let mapping = mine.mapping_from(theirs.key_map());
        check(case.name(), TICKS, || {
            mine.combined_mapped(&theirs, &mapping)
        });
    }
}

#[test]
fn asking_eight_replicas_allocates_nothing() {
    for case in Case::ALL {
        let (mine, theirs) = knowledge(case, 8);
        let both = mine.combined(&theirs);
        let versions = versions(&sides(case, 8).1);
        check(case.name(), 0, || both.compare(&theirs));
        check(case.name(), 0, || both.contains_knowledge(&theirs));
        check(case.name(), 0, || mine.intersects(&theirs));
        check(case.name(), 0, || {
            KeyMapping::between(theirs.key_map(), both.key_map())
        });
        check(case.name(), 0, || {
            let mapping = KeyMapping::between(theirs.key_map(), both.key_map());
            let local = versions
                .iter()
                .filter_map(|version| mapping.version(*version));
            local
                .filter(|version| both.contains(b"\0", *version))
                .count()
        });
    }
}
