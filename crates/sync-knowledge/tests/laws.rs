//! Every operation against the model, and the laws of the lattice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod model;

use std::collections::BTreeSet;

use model::{
    Change, ITEMS, Model, REPLICAS, SINGLE, Sample, TICKS, UNITS, Universe, changes_of, number,
    replica, samples, samples_of_one_owner, unit,
};
use proptest::prelude::*;
use proptest::sample::select;
use sync_knowledge::{
    ForgottenKnowledge, ItemId, Knowledge, KnowledgeBlob, KnowledgeInspector, Override, Relation,
    ReplicaKey, Version,
};

/// What is in the knowledge is what is in the model, and in the one form that it can have.
#[track_caller]
fn check(knowledge: &Knowledge, universe: &Universe, expected: &Model) {
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

fn settings() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn builder_and_contains([a] in samples()) {
        check(&a.knowledge, &a.universe, &a.model);
        for item in 0..ITEMS {
            let id = a.universe.ids[item];
            for (key, _) in a.knowledge.key_map().iter() {
                let who = number(&a.knowledge, key);
                let ticks = (0..UNITS.len()).map(|unit| a.model.tick(item, unit, who));
                let least = ticks.min().unwrap();
                prop_assert_eq!(a.knowledge.tick_at(id, key), least);
                for tick in 0..=TICKS {
                    let version = Version::new(key, tick);
                    prop_assert_eq!(a.knowledge.contains(id, version), tick <= least);
                    if let Some(contained) = a.knowledge.contains_uniform(version) {
                        prop_assert_eq!(contained, tick <= least);
                    }
                }
            }
        }
        // A key that nobody has.
        prop_assert!(!a.knowledge.contains(&[1], Version::new(ReplicaKey(99), 1)));
    }

    #[test]
    fn combine_is_union([a, b] in samples()) {
        let mut combined = a.knowledge.clone();
        combined.combine(&b.knowledge);
        check(&combined, &a.universe, &Model(&a.model.0 | &b.model.0));

        prop_assert_eq!(&a.knowledge.combined(&b.knowledge), &combined);

        let mut mapped = a.knowledge.clone();
        let mapping = mapped.mapping_from(b.knowledge.key_map());
        check(&mapped, &a.universe, &a.model);
        prop_assert!(mapping.is_complete());
        let local = mapped.map_remote_with(&b.knowledge, &mapping);
        check(&local, &a.universe, &b.model);
        prop_assert_eq!(&mapped.clone().map_remote_to_local(&b.knowledge), &local);
        prop_assert_eq!(mapped.contains_knowledge_mapped(&b.knowledge, &mapping), b.model.0.is_subset(&a.model.0));
        prop_assert_eq!(mapped.compare_mapped(&b.knowledge, &mapping), relation(&a, &b));
        mapped.combine_mapped(&b.knowledge, &mapping);
        prop_assert_eq!(&mapped, &combined);
        prop_assert_eq!(mapped.to_bytes(), combined.to_bytes());
        local.key_map().iter().for_each(|(key, id)| assert_eq!(combined.key_map().id(key), Some(id)));
    }

    #[test]
    fn combine_is_a_least_upper_bound([a, b, c] in samples_of_one_owner()) {
        let union = |a: &Knowledge, b: &Knowledge| { let mut a = a.clone(); a.combine(b); a };
        let (a, b, c) = (a.knowledge, b.knowledge, c.knowledge);
        prop_assert_eq!(union(&a, &b).to_bytes(), union(&b, &a).to_bytes());
        prop_assert_eq!(union(&union(&a, &b), &c).to_bytes(), union(&a, &union(&b, &c)).to_bytes());
        prop_assert_eq!(&union(&a, &a), &a);
        prop_assert_eq!(&union(&a, &union(&a, &b)), &union(&a, &b));
        prop_assert!(union(&a, &b).contains_knowledge(&a));
        if c.contains_knowledge(&a) && c.contains_knowledge(&b) {
            prop_assert!(c.contains_knowledge(&union(&a, &b)));
        }
        // Absorption ties union and intersection together.
        prop_assert_eq!(&union(&a, &a.intersection(&b)), &a);
        prop_assert_eq!(&a.intersection(&union(&a, &b)), &a);
    }

    #[test]
    fn intersection_and_complement([a, b] in samples()) {
        let both = a.knowledge.intersection(&b.knowledge);
        check(&both, &a.universe, &Model(&a.model.0 & &b.model.0));

        let more = Model(&a.model.0 - &b.model.0);
        let complement = a.knowledge.complement(&b.knowledge);
        check(&complement, &a.universe, &more.closed());
        let mut again = both.clone();
        again.combine(&complement);
        prop_assert_eq!(&again, &a.knowledge);

        let mut gaps = BTreeSet::new();
        for gap in a.knowledge.difference(&b.knowledge) {
            let named = |unit: u8| gap.change_units.iter().any(|named| named.as_bytes() == [unit]);
            let units: Vec<usize> = match gap.change_units[..] {
                [] => {
                    let known = |unit: u8| [&a, &b].into_iter().any(|sample| {
                        KnowledgeInspector::new(&sample.knowledge).column_sets()
                            .any(|set| set.change_units().iter().any(|named| named.as_bytes() == [unit]))
                    });
                    (0..UNITS.len()).filter(|unit| !known(UNITS[*unit])).collect()
                }
                _ => (0..UNITS.len()).filter(|unit| named(UNITS[*unit])).collect(),
            };
            let inside = |item: usize| {
                let id = a.universe.item(item);
                gap.lower_bound <= id && gap.upper_bound.as_ref().is_none_or(|upper| id < *upper)
            };
            prop_assert!(gap.after < gap.up_to);
            let who = number(&a.knowledge, gap.replica);
            for item in (0..ITEMS).filter(|item| inside(*item)) {
                for unit in &units {
                    for tick in gap.after + 1..=gap.up_to {
                        prop_assert!(gaps.insert((item, *unit, who, tick)), "twice: {:?}", gap);
                    }
                }
            }
        }
        prop_assert_eq!(gaps, more.0);
    }

    #[test]
    fn containment([a, b] in samples()) {
        prop_assert_eq!(a.knowledge.contains_knowledge(&b.knowledge), b.model.0.is_subset(&a.model.0));
        prop_assert_eq!(a.knowledge.intersects(&b.knowledge), !a.model.0.is_disjoint(&b.model.0));
        prop_assert_eq!(a.knowledge.compare(&b.knowledge), relation(&a, &b));
        prop_assert_eq!(b.knowledge.compare(&a.knowledge), relation(&a, &b).reversed());
        prop_assert_eq!(a.knowledge == b.knowledge, a.model == b.model);
        prop_assert_eq!(a.knowledge.compare_to_cookie(&b.knowledge.cookie()), relation(&a, &b));
        let lowest = b.model.0.difference(&a.model.0).next().map(|change| a.universe.item(change.0));
        prop_assert_eq!(a.knowledge.lowest_uncontained_id(&b.knowledge), lowest);
    }

    #[test]
    fn containment_of_related([a, b] in samples()) {
        // Random knowledge is mostly concurrent; what comes of combining is not.
        let mut more = b.knowledge.clone();
        more.combine(&a.knowledge);
        prop_assert!(more.contains_knowledge(&a.knowledge));
        let equal = a.model.0.is_superset(&b.model.0);
        prop_assert_eq!(a.knowledge.contains_knowledge(&more), equal);
        let expected = if equal { Relation::Equal } else { Relation::Contains };
        prop_assert_eq!(more.compare(&a.knowledge), expected);
        prop_assert_eq!(a.knowledge == more, equal);
    }

    #[test]
    fn projections([a] in samples(), from in 0..ITEMS, to in 0..=ITEMS, which in 0..5usize, column in 0..2usize) {
        let item = SINGLE[which];
        let id = a.universe.item(item);
        let projected = a.knowledge.project_onto_item(&id);
        check(&projected, &a.universe, &a.model.filter(|change| change.0 == item));
        prop_assert_eq!(&projected.project_onto_item(&id), &projected);

        let (lower, upper) = (a.universe.item(from), (to < ITEMS).then(|| a.universe.item(to)));
        let projected = a.knowledge.project_onto_range(&lower, upper.as_ref());
        check(&projected, &a.universe, &a.model.filter(|change| (from..to).contains(&change.0)));
        prop_assert_eq!(&projected.project_onto_range(&lower, upper.as_ref()), &projected);
        prop_assert!(a.knowledge.contains_knowledge(&projected));

        let projected = a.knowledge.project_onto_change_unit(&id, &unit(column));
        check(&projected, &a.universe, &a.model.filter(|change| (change.0, change.1) == (item, column)));
        let columns = [unit(column), unit(1), unit(column)];
        let projected = a.knowledge.project_onto_columns(&columns);
        check(&projected, &a.universe, &a.model.filter(|change| change.1 == column || change.1 == 1));
        prop_assert_eq!(&projected.project_onto_columns(&columns), &projected);
        check(&a.knowledge.project_onto_columns(&[]), &a.universe, &Model::default());
    }

    #[test]
    fn exclusions([a] in samples(), from in 0..ITEMS, to in 0..=ITEMS, which in 0..5usize, column in 0..2usize) {
        let item = SINGLE[which];
        let id = a.universe.item(item);
        let mut rest = a.knowledge.clone();
        rest.exclude_item(&id);
        check(&rest, &a.universe, &a.model.filter(|change| change.0 != item));
        // The item and the rest are the whole.
        rest.combine(&a.knowledge.project_onto_item(&id));
        prop_assert_eq!(&rest, &a.knowledge);

        let (lower, upper) = (a.universe.item(from), (to < ITEMS).then(|| a.universe.item(to)));
        let mut rest = a.knowledge.clone();
        rest.exclude_range(&lower, upper.as_ref());
        check(&rest, &a.universe, &a.model.filter(|change| !(from..to).contains(&change.0)));

        let mut rest = a.knowledge.clone();
        rest.exclude_change_unit(&id, &unit(column));
        check(&rest, &a.universe, &a.model.filter(|change| (change.0, change.1) != (item, column)));
    }

    #[test]
    fn prerequisites([a, template, prerequisite] in samples()) {
        let projected = a.knowledge
            .project_onto_knowledge_with_prerequisite(&template.knowledge, &prerequisite.knowledge);
        let kept = |change: Change| template.model.covers(&prerequisite.model, change.0, change.1);
        check(&projected, &a.universe, &a.model.filter(kept));
    }

    #[test]
    fn ticks([a] in samples(), who in 0..REPLICAS, tick in 0..=TICKS) {
        let key = a.knowledge.key_map().key(&replica(who));
        let least = (0..ITEMS)
            .flat_map(|item| (0..UNITS.len()).map(move |unit| (item, unit)))
            .map(|(item, unit)| a.model.tick(item, unit, who))
            .min();
        prop_assert_eq!(Some(a.knowledge.find_min_tick_count_for_replica(&replica(who))), least);
        let greatest = |wanted: &dyn Fn(usize) -> bool| {
            a.model.0.iter().filter(|change| wanted(change.2)).map(|change| change.3).max().unwrap_or(0)
        };
        let wanted = |number: usize| number % 2 == who % 2;
        let found = a.knowledge.max_tick_where(|id| wanted((id.as_bytes()[0] - b'A').into()));
        prop_assert_eq!(found, greatest(&wanted));
        let own = number(&a.knowledge, ReplicaKey::LOCAL);
        prop_assert_eq!(a.knowledge.local_tick(), greatest(&|who| who == own));

        let mut set = a.knowledge.clone();
        set.set_local_tick(tick);
        let others = a.model.filter(|change| change.2 != own);
        check(&set, &a.universe, &with(others, own, tick, |_| true));

        let mut raised = a.knowledge.clone();
        raised.raise(key.unwrap_or(ReplicaKey(77)), tick);
        let tick = if key.is_some() { tick } else { 0 };
        check(&raised, &a.universe, &with(a.model.clone(), who, tick, |_| true));
    }

    #[test]
    fn learning([a] in samples(), which in 0..5usize, who in 0..REPLICAS, tick in 0..=TICKS) {
        let item = SINGLE[which];
        let mut learned = a.knowledge.clone();
        let key = learned.find_or_add_replica(&replica(who));
        learned.learn_item(&a.universe.item(item), Version::new(key, tick));
        check(&learned, &a.universe, &with(a.model.clone(), who, tick, |at| at == item));
    }

    #[test]
    fn forgetting([a, b] in samples_of_one_owner(), who in 0..REPLICAS, tick in 1..=TICKS) {
        let key = a.knowledge.key_map().key(&replica(who)).unwrap_or(ReplicaKey(77));
        let mut forgotten = ForgottenKnowledge::from(b.knowledge.clone());
        let before = forgotten.clone();
        forgotten.forget_to(&a.knowledge, Version::new(key, tick));
        prop_assert!(forgotten.knowledge().contains_knowledge(before.knowledge()));
        // Every tombstone that the knowledge contains and whose version is not greater is covered.
        for change in a.model.0.iter().filter(|change| change.2 == who && change.3 <= tick) {
            prop_assert!(model::contains(forgotten.knowledge(), &a.universe, *change));
        }
        // And nothing else; of the change units of an item the most that is known counts.
        let most = |model: &Model, change: Change| {
            (0..UNITS.len()).any(|unit| model.0.contains(&(change.0, unit, change.2, change.3)))
        };
        for change in Model::of(forgotten.knowledge(), &a.universe).0 {
            let now = change.2 == who && change.3 <= tick && most(&a.model, change);
            prop_assert!(now || most(&b.model, change));
        }
        let bytes = forgotten.to_bytes();
        prop_assert_eq!(ForgottenKnowledge::from_bytes(&bytes), Ok(forgotten));
    }

    #[test]
    fn bytes([a] in samples()) {
        // What all change units of an item have in common is written.
        let written = Knowledge::from_bytes(&a.knowledge.to_bytes()).unwrap();
        let common = |change: Change| {
            (0..UNITS.len()).all(|unit| a.model.0.contains(&(change.0, unit, change.2, change.3)))
        };
        check(&written, &a.universe, &a.model.filter(common));
        prop_assert!(a.knowledge.contains_knowledge(&written));
        prop_assert_eq!(written.key_map(), a.knowledge.key_map());
        let blob = KnowledgeBlob::parse(&a.knowledge.to_bytes()).unwrap();
        prop_assert_eq!(&blob, &KnowledgeBlob::from(&a.knowledge));
        prop_assert_eq!(&blob.to_bytes(), &a.knowledge.to_bytes());
        prop_assert_eq!(blob.knowledge(), Ok(written));
    }

    #[test]
    fn ranges([a] in samples(), from in 0..ITEMS, to in 0..=ITEMS) {
        let all: Vec<_> = a.knowledge.ranges().collect();
        prop_assert_eq!(all[0].lower_bound.as_bytes(), a.universe.ids[0]);
        prop_assert_eq!(all.last().unwrap().upper_bound, None);
        for pair in all.windows(2) {
            prop_assert_eq!(pair[0].upper_bound, Some(pair[1].lower_bound));
            prop_assert!(pair[0].lower_bound < pair[1].lower_bound);
            prop_assert!(pair[0].vector != pair[1].vector);
        }
        let (lower, upper) = (a.universe.item(from), (to < ITEMS).then(|| a.universe.item(to)));
        let within: Vec<_> = a.knowledge.ranges_within(&lower, upper.as_ref()).map(|range| range.lower_bound).collect();
        let overlap = all.iter().filter(|range| {
            from < to
                && range.upper_bound.is_none_or(|end| *end > lower)
                && upper.as_ref().is_none_or(|upper| range.lower_bound < upper)
        });
        prop_assert_eq!(within, overlap.map(|range| range.lower_bound).collect::<Vec<_>>());

        let inspector = KnowledgeInspector::new(&a.knowledge);
        let overrides = inspector.overrides();
        prop_assert!(2 * overrides.len() <= 2 * all.len() - 2);
        for part in &overrides {
            let end = |id: &ItemId| all.iter().find(|range| range.lower_bound == id).unwrap().upper_bound;
            let single = |id: &ItemId| end(id).is_some() && end(id) == id.successor(&a.universe.format).as_ref();
            let (id, vector) = match part {
                Override::Item { item, vector } => {
                    prop_assert!(single(item));
                    (*item, *vector)
                }
                Override::Range(range) => {
                    prop_assert!(!single(range.lower_bound));
                    (range.lower_bound, range.vector)
                }
                _ => unreachable!(),
            };
            prop_assert!(vector != inspector.scope_clock_vector());
            prop_assert_eq!(a.knowledge.vector_at(id.as_bytes(), &[UNITS[2]]), vector);
        }
    }

    #[test]
    fn sequences_of_operations([a] in samples(), steps in proptest::collection::vec(step(), 1..12)) {
        let Sample { universe, mut knowledge, mut model } = a;
        for step in steps {
            step.apply(&universe, &mut knowledge, &mut model);
            check(&knowledge, &universe, &model);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Raise(usize, u64),
    LocalTick(u64),
    Learn(usize, usize, u64),
    Exclude(usize),
    ExcludeRange(usize, usize),
    ExcludeUnit(usize, usize),
    ProjectRange(usize, usize),
    Combine(Box<Sample>),
    Intersect(Box<Sample>),
    Complement(Box<Sample>),
}

fn step() -> impl Strategy<Value = Step> {
    let single = || select(&SINGLE);
    let other = || samples().prop_map(|[sample]| Box::new(sample));
    prop_oneof![
        2 => (0..REPLICAS, 0..=TICKS).prop_map(|(who, tick)| Step::Raise(who, tick)),
        1 => (0..=TICKS).prop_map(Step::LocalTick),
        6 => (single(), 0..REPLICAS, 1..=TICKS).prop_map(|(item, who, tick)| Step::Learn(item, who, tick)),
        4 => single().prop_map(Step::Exclude),
        2 => (0..ITEMS, 0..=ITEMS).prop_map(|(from, to)| Step::ExcludeRange(from, to)),
        1 => (single(), 0..2usize).prop_map(|(item, unit)| Step::ExcludeUnit(item, unit)),
        1 => (0..ITEMS, 0..=ITEMS).prop_map(|(from, to)| Step::ProjectRange(from, to)),
        2 => other().prop_map(Step::Combine),
        1 => other().prop_map(Step::Intersect),
        1 => other().prop_map(Step::Complement),
    ]
}

impl Step {
    fn apply(self, universe: &Universe, knowledge: &mut Knowledge, model: &mut Model) {
        let bounds =
            |from: usize, to: usize| (universe.item(from), (to < ITEMS).then(|| universe.item(to)));
        // Knowledge of another universe says the same of items with other ids.
        let moved = |sample: &Sample| sample.model.build(universe, sample.knowledge.key_map());
        match self {
            Step::Raise(who, tick) => {
                let key = knowledge.find_or_add_replica(&replica(who));
                knowledge.raise(key, tick);
                *model = with(model.clone(), who, tick, |_| true);
            }
            Step::LocalTick(tick) => {
                let own = number(knowledge, ReplicaKey::LOCAL);
                knowledge.set_local_tick(tick);
                *model = with(model.filter(|change| change.2 != own), own, tick, |_| true);
            }
            Step::Learn(item, who, tick) => {
                let key = knowledge.find_or_add_replica(&replica(who));
                knowledge.learn_item(&universe.item(item), Version::new(key, tick));
                *model = with(model.clone(), who, tick, |at| at == item);
            }
            Step::Exclude(item) => {
                knowledge.exclude_item(&universe.item(item));
                *model = model.filter(|change| change.0 != item);
            }
            Step::ExcludeRange(from, to) => {
                let (lower, upper) = bounds(from, to);
                knowledge.exclude_range(&lower, upper.as_ref());
                *model = model.filter(|change| !(from..to).contains(&change.0));
            }
            Step::ExcludeUnit(item, column) => {
                knowledge.exclude_change_unit(&universe.item(item), &unit(column));
                *model = model.filter(|change| (change.0, change.1) != (item, column));
            }
            Step::ProjectRange(from, to) => {
                let (lower, upper) = bounds(from, to);
                *knowledge = knowledge.project_onto_range(&lower, upper.as_ref());
                *model = model.filter(|change| (from..to).contains(&change.0));
            }
            Step::Combine(other) => {
                knowledge.combine(&moved(&other));
                *model = Model(&model.0 | &other.model.0);
            }
            Step::Intersect(other) => {
                *knowledge = knowledge.intersection(&moved(&other));
                *model = Model(&model.0 & &other.model.0);
            }
            Step::Complement(other) => {
                *knowledge = knowledge.complement(&moved(&other));
                *model = Model(&model.0 - &other.model.0).closed();
            }
        }
    }
}

/// The model with all changes of a replica up to a tick, for some items.
fn with(mut model: Model, who: usize, tick: u64, wanted: impl Fn(usize) -> bool) -> Model {
    for item in (0..ITEMS).filter(|item| wanted(*item)) {
        for unit in 0..UNITS.len() {
            let new = changes_of(item, unit).filter(|change| change.2 == who && change.3 <= tick);
            model.0.extend(new);
        }
    }
    model
}

fn relation(a: &Sample, b: &Sample) -> Relation {
    Relation::from_containment(
        b.model.0.is_subset(&a.model.0),
        a.model.0.is_subset(&b.model.0),
    )
}
