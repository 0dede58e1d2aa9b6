//! Knowledge whose item ids or change units have different formats: of every id of the one what both say of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod model;
mod strategies;

use std::collections::BTreeSet;

use model::{FIXED, Sample, VARIABLE, changes_of, number, replica};
use proptest::prelude::*;
use strategies::{WIDE_UNITS, samples_of_mixed_formats, samples_of_mixed_units};
use sync_knowledge::{
    ChangeUnitId, IdFormat, IdFormatGroup, ItemId, Knowledge, KnowledgeInspector, Relation, Version,
};

/// A change of an id: the id, the change unit, the number of the replica, the tick.
type Change = (ItemId, &'static [u8], usize, u64);

/// The ids of a format, by representatives of all that begins anywhere.
fn ids(format: IdFormat) -> BTreeSet<ItemId> {
    if format == FIXED.format {
        // No bound of either universe lies between 8 and 250.
        return (0..=8)
            .chain(250..=u8::MAX)
            .map(|byte| ItemId::from_bytes(&[byte]))
            .collect();
    }
    let all = FIXED
        .ids
        .into_iter()
        .chain(VARIABLE.ids)
        .map(ItemId::from_bytes);
    all.flat_map(|id| [id.successor(&format), Some(id)])
        .flatten()
        .collect()
}

/// The change units of a format, by representatives: the last one nobody names, so it is what the scope says, which always counts.
fn units(format: IdFormat) -> impl Iterator<Item = &'static [u8]> {
    let admitted = move |unit: &&[u8]| format.admits(unit.len());
    WIDE_UNITS.into_iter().chain([&[7][..]]).filter(admitted)
}

/// The changes of ids of these formats that a knowledge contains, asked one by one.
fn contents(knowledge: &Knowledge, formats: IdFormatGroup) -> BTreeSet<Change> {
    let mut contents = BTreeSet::new();
    for id in ids(formats.item) {
        for unit in units(formats.change_unit) {
            for (_, _, who, tick) in changes_of(0, 0) {
                let version = knowledge
                    .key_map()
                    .key(&replica(who))
                    .map(|key| Version::new(key, tick));
                if version.is_some_and(|version| {
                    knowledge.contains_change_unit(id.as_bytes(), unit, version)
                }) {
                    contents.insert((id.clone(), unit, who, tick));
                }
            }
        }
    }
    contents
}

/// The changes that the gaps from one knowledge to another stand for.
fn gaps(a: &Sample, b: &Sample) -> BTreeSet<Change> {
    let mut all = BTreeSet::new();
    let gaps = a.knowledge.difference(&b.knowledge);
    // In another format a column set may say nothing else than the scope.
    let theirs = a.knowledge.clone().map_remote_to_local(&b.knowledge);
    let named: BTreeSet<_> = [&a.knowledge, &theirs]
        .iter()
        .flat_map(|knowledge| KnowledgeInspector::new(knowledge).column_sets())
        .flat_map(|set| set.change_units().to_vec())
        .collect();
    for gap in gaps {
        for unit in units(a.knowledge.formats().change_unit) {
            let id = ChangeUnitId::from_bytes(unit);
            let meant = if gap.change_units.is_empty() {
                !named.contains(&id)
            } else {
                gap.change_units.contains(&id)
            };
            if !meant {
                continue;
            }
            for id in ids(a.universe.format).range(gap.lower_bound.clone()..) {
                if gap.upper_bound.as_ref().is_none_or(|upper| id < upper) {
                    let who = number(&a.knowledge, gap.replica);
                    all.extend(
                        (gap.after + 1..=gap.up_to).map(|tick| (id.clone(), unit, who, tick)),
                    );
                }
            }
        }
    }
    all
}

/// Every operation on two knowledges, in terms of the first one's ids.
#[track_caller]
fn check(a: &Sample, b: &Sample) {
    let formats = a.knowledge.formats();
    let (mine, theirs) = (
        contents(&a.knowledge, formats),
        contents(&b.knowledge, formats),
    );
    let (contains, contained) = (theirs.is_subset(&mine), mine.is_subset(&theirs));
    assert_eq!(a.knowledge.contains_knowledge(&b.knowledge), contains);
    let relation = Relation::from_containment(contains, contained);
    assert_eq!(a.knowledge.compare(&b.knowledge), relation);
    assert_eq!(
        a.knowledge.intersects(&b.knowledge),
        !mine.is_disjoint(&theirs)
    );
    let lowest = theirs
        .difference(&mine)
        .next()
        .map(|change| change.0.clone());
    assert_eq!(a.knowledge.lowest_uncontained_id(&b.knowledge), lowest);
    assert_eq!(gaps(a, b), &mine - &theirs);

    let combined = a.knowledge.combined(&b.knowledge);
    assert_eq!(contents(&combined, formats), &mine | &theirs);
    let fixed = |formats: IdFormatGroup| (formats.item, formats.change_unit);
    assert_eq!(fixed(combined.formats()), fixed(formats));
    let both = a.knowledge.intersection(&b.knowledge);
    assert_eq!(contents(&both, formats), &mine & &theirs);
    // What was made holds only bounds of its own format: it can be written.
    for made in [&combined, &both, &a.knowledge.complement(&b.knowledge)] {
        let read = Knowledge::from_bytes(&made.to_bytes()).unwrap();
        assert!(made.contains_knowledge(&read));
        assert_eq!(read.to_bytes(), made.to_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn mixed_formats([a, b] in samples_of_mixed_formats()) {
        check(&a, &b);
    }

    /// What one says of change units that the other cannot have is nothing to the other.
    #[test]
    fn mixed_change_units([a, b] in samples_of_mixed_units()) {
        check(&a, &b);
    }

    #[test]
    fn prerequisites_of_another_format([a, b, c] in samples_of_mixed_formats()) {
        // The template decides for ids of its own format.
        prop_assume!(a.universe.format == b.universe.format);
        let formats = a.knowledge.formats();
        let projected = a.knowledge.project_onto_knowledge_with_prerequisite(&b.knowledge, &c.knowledge);
        let (template, wanted) = (contents(&b.knowledge, formats), contents(&c.knowledge, formats));
        let missing: BTreeSet<_> = wanted.difference(&template).map(|change| (change.0.clone(), change.1)).collect();
        let kept = contents(&a.knowledge, formats).into_iter();
        let kept: BTreeSet<_> = kept.filter(|change| !missing.contains(&(change.0.clone(), change.1))).collect();
        prop_assert_eq!(contents(&projected, formats), kept);
    }
}
