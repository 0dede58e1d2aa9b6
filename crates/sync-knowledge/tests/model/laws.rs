//! What holds of any knowledge, and of any two, whatever made them.

use std::collections::BTreeSet;

use sync_knowledge::{Knowledge, KnowledgeBlob, KnowledgeInspector, Relation};

use super::{Change, ITEMS, Model, Sample, UNITS, Universe, number};

/// What is in the knowledge is what is in the model, and in the one form that it can have.
#[track_caller]
pub(crate) fn check(knowledge: &Knowledge, universe: &Universe, expected: &Model) {
    assert_eq!(
        Model::of(knowledge, universe),
        *expected,
        "in {knowledge:?}"
    );
    let rebuilt = expected.build(universe, knowledge.key_map());
    assert_eq!(*knowledge, rebuilt);
    assert_eq!(knowledge.to_bytes(), rebuilt.to_bytes());
    assert_eq!(knowledge.is_uniform(), rebuilt.is_uniform());
    let shape = |knowledge: &Knowledge| {
        let inspector = KnowledgeInspector::new(knowledge);
        let sets = inspector.column_sets();
        let sets = sets.map(|set| (set.change_units().to_vec(), set.ranges().count()));
        (knowledge.ranges().count(), sets.collect::<Vec<_>>())
    };
    assert_eq!(shape(knowledge), shape(&rebuilt));
}

pub(crate) fn relation(a: &Sample, b: &Sample) -> Relation {
    Relation::from_containment(
        b.model.0.is_subset(&a.model.0),
        a.model.0.is_subset(&b.model.0),
    )
}

/// Union, in all the ways in which it is offered, and the mapping of keys that it needs.
#[track_caller]
pub(crate) fn union(a: &Sample, b: &Sample) {
    let mut combined = a.knowledge.clone();
    combined.combine(&b.knowledge);
    check(&combined, &a.universe, &Model(&a.model.0 | &b.model.0));

    let whole = a.knowledge.combined(&b.knowledge);
    assert_eq!(whole.to_bytes(), combined.to_bytes());
    assert_eq!(whole.key_map(), combined.key_map());
    assert_eq!(whole.formats(), combined.formats());
    check(&whole, &a.universe, &Model(&a.model.0 | &b.model.0));
    if KnowledgeInspector::new(&whole)
        .column_sets()
        .next()
        .is_none()
    {
        let entries: usize = KnowledgeBlob::from(&whole).vectors().map(<[_]>::len).sum();
        assert!(entries as u64 <= a.knowledge.combined_entries_at_most(&b.knowledge));
    }

    let mut mapped = a.knowledge.clone();
    let mapping = mapped.mapping_from(b.knowledge.key_map());
    check(&mapped, &a.universe, &a.model);
    assert!(mapping.is_complete());
    let local = mapped.map_remote_with(&b.knowledge, &mapping);
    check(&local, &a.universe, &b.model);
    assert_eq!(&mapped.clone().map_remote_to_local(&b.knowledge), &local);
    assert_eq!(
        mapped.contains_knowledge_mapped(&b.knowledge, &mapping),
        b.model.0.is_subset(&a.model.0)
    );
    assert_eq!(
        mapped.compare_mapped(&b.knowledge, &mapping),
        relation(a, b)
    );
    mapped.combine_mapped(&b.knowledge, &mapping);
    assert_eq!(&mapped, &combined);
    assert_eq!(mapped.to_bytes(), combined.to_bytes());
    for (key, id) in local.key_map().iter() {
        assert_eq!(combined.key_map().id(key), Some(id));
    }
}

/// What both contain, and what one does and the other does not.
#[track_caller]
pub(crate) fn difference(a: &Sample, b: &Sample) {
    let both = a.knowledge.intersection(&b.knowledge);
    check(&both, &a.universe, &Model(&a.model.0 & &b.model.0));

    let more = Model(&a.model.0 - &b.model.0);
    let complement = a.knowledge.complement(&b.knowledge);
    check(&complement, &a.universe, &more.closed());
    let mut again = both;
    again.combine(&complement);
    assert_eq!(&again, &a.knowledge);
    assert_eq!(gaps(a, b), more.0);
}

/// The changes that the gaps from one knowledge to another stand for.
#[track_caller]
fn gaps(a: &Sample, b: &Sample) -> BTreeSet<Change> {
    let mut gaps = BTreeSet::new();
    for gap in a.knowledge.difference(&b.knowledge) {
        let named = |unit: u8| {
            gap.change_units
                .iter()
                .any(|named| named.as_bytes() == [unit])
        };
        let units: Vec<usize> = match gap.change_units[..] {
            [] => (0..UNITS.len())
                .filter(|unit| !names(a, UNITS[*unit]) && !names(b, UNITS[*unit]))
                .collect(),
            _ => (0..UNITS.len())
                .filter(|unit| named(UNITS[*unit]))
                .collect(),
        };
        let inside = |item: usize| {
            let id = a.universe.item(item);
            gap.lower_bound <= id && gap.upper_bound.as_ref().is_none_or(|upper| id < *upper)
        };
        assert!(gap.after < gap.up_to);
        let who = number(&a.knowledge, gap.replica);
        for item in (0..ITEMS).filter(|item| inside(*item)) {
            for unit in &units {
                for tick in gap.after + 1..=gap.up_to {
                    assert!(gaps.insert((item, *unit, who, tick)), "twice: {gap:?}");
                }
            }
        }
    }
    gaps
}

fn names(sample: &Sample, unit: u8) -> bool {
    KnowledgeInspector::new(&sample.knowledge)
        .column_sets()
        .any(|set| {
            set.change_units()
                .iter()
                .any(|named| named.as_bytes() == [unit])
        })
}

/// How two knowledges stand to each other.
#[track_caller]
pub(crate) fn containment(a: &Sample, b: &Sample) {
    assert_eq!(
        a.knowledge.contains_knowledge(&b.knowledge),
        b.model.0.is_subset(&a.model.0)
    );
    assert_eq!(
        a.knowledge.intersects(&b.knowledge),
        !a.model.0.is_disjoint(&b.model.0)
    );
    assert_eq!(a.knowledge.compare(&b.knowledge), relation(a, b));
    assert_eq!(b.knowledge.compare(&a.knowledge), relation(a, b).reversed());
    assert_eq!(a.knowledge == b.knowledge, a.model == b.model);
    assert_eq!(
        a.knowledge.compare_to_cookie(&b.knowledge.cookie()),
        relation(a, b)
    );
    let lowest = b.model.0.difference(&a.model.0).next();
    assert_eq!(
        a.knowledge.lowest_uncontained_id(&b.knowledge),
        lowest.map(|change| a.universe.item(change.0))
    );
}

/// The binary form holds what all change units of an item have in common.
#[track_caller]
pub(crate) fn bytes(a: &Sample) {
    let written = Knowledge::from_bytes(&a.knowledge.to_bytes()).unwrap();
    check(&written, &a.universe, &a.model.common());
    assert!(a.knowledge.contains_knowledge(&written));
    assert_eq!(written.key_map(), a.knowledge.key_map());
    let blob = KnowledgeBlob::parse(&a.knowledge.to_bytes()).unwrap();
    assert_eq!(&blob, &KnowledgeBlob::from(&a.knowledge));
    assert_eq!(&blob.to_bytes(), &a.knowledge.to_bytes());
    assert_eq!(blob.knowledge(), Ok(written));
}
