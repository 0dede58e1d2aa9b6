//! Every operation against the model, and the laws of the lattice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod model;
mod strategies;

use model::laws::{self, check};
use model::step::{Step, forgotten};
use model::{Change, ITEMS, Model, REPLICAS, SINGLE, TICKS, UNITS, number, replica, unit};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use strategies::{samples, samples_of_one_owner};
use sync_knowledge::{
    ChangeUnitId, ClockVector, ForgottenKnowledge, ItemId, Knowledge, KnowledgeInspector, Override,
    Relation, ReplicaKey, Version,
};

/// Thousands of cases, unless the environment asks for another number.
fn settings() -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let mut settings = ProptestConfig::default();
    if !chosen {
        settings.cases = 2000;
    }
    settings
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
        laws::union(&a, &b);
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
        laws::difference(&a, &b);
    }

    #[test]
    fn containment([a, b] in samples()) {
        laws::containment(&a, &b);
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
        check(&set, &a.universe, &others.with(own, tick, |_| true));

        let mut raised = a.knowledge.clone();
        raised.raise(key.unwrap_or(ReplicaKey(77)), tick);
        let tick = if key.is_some() { tick } else { 0 };
        check(&raised, &a.universe, &a.model.clone().with(who, tick, |_| true));
    }

    #[test]
    fn learning([a] in samples(), which in 0..5usize, who in 0..REPLICAS, tick in 0..=TICKS) {
        let item = SINGLE[which];
        let mut learned = a.knowledge.clone();
        let key = learned.find_or_add_replica(&replica(who));
        learned.learn_item(&a.universe.item(item), Version::new(key, tick));
        check(&learned, &a.universe, &a.model.clone().with(who, tick, |at| at == item));
    }

    /// Many at once, in any order and some of them twice, is one after the other.
    #[test]
    fn batches(
        [a] in samples(),
        excluded in vec(select(&SINGLE), 0..6),
        units in vec((select(&SINGLE), 0..2usize), 0..6),
        learned in vec((select(&SINGLE), 0..REPLICAS, 1..=TICKS), 0..6),
    ) {
        let item = |number: &usize| a.universe.item(*number);
        // What no format admits, and a replica that nobody knows, change nothing.
        let no_item = ItemId::from_bytes(&[0; 3]);
        let no_unit = ChangeUnitId::from_bytes(&[1, 2]);
        let no_one = ReplicaKey(77);

        let mut rest = a.knowledge.clone();
        let items: Vec<_> = excluded.iter().map(item).chain([no_item.clone()]).collect();
        rest.exclude_items(&items);
        check(&rest, &a.universe, &a.model.filter(|change| !excluded.contains(&change.0)));

        let mut rest = a.knowledge.clone();
        let named: Vec<_> = units.iter().map(|(number, number_of_unit)| (item(number), unit(*number_of_unit)))
            .chain([(no_item.clone(), unit(0)), (item(&0), no_unit)]).collect();
        rest.exclude_change_units(named.iter().map(|(item, unit)| (item, unit)));
        check(&rest, &a.universe, &a.model.filter(|change| !units.contains(&(change.0, change.1))));

        let mut more = a.knowledge.clone();
        let (mut changes, mut model) = (vec![(no_item, Version::new(ReplicaKey::LOCAL, 1)), (item(&0), Version::new(no_one, 1))], a.model.clone());
        for (number, who, tick) in &learned {
            let key = more.find_or_add_replica(&replica(*who));
            changes.push((item(number), Version::new(key, *tick)));
            model = model.with(*who, *tick, |at| at == *number);
        }
        more.learn_items(changes.iter().map(|(item, version)| (item, *version)));
        check(&more, &a.universe, &model);
    }

    #[test]
    fn forgetting([a, b] in samples_of_one_owner(), who in 0..REPLICAS, tick in 1..=TICKS) {
        let forgotten = forgotten(b.knowledge.clone(), &a.knowledge, who, tick);
        // Every tombstone that the knowledge contains and whose version is not greater is covered, and nothing else; of the
        // change units of an item the most that is known counts.
        check(forgotten.knowledge(), &a.universe, &b.model.forgetting(&a.model, who, tick));
        prop_assert!(forgotten.knowledge().contains_knowledge(&b.knowledge));
        let mut both = ForgottenKnowledge::from(a.knowledge.clone());
        both.combine(&forgotten);
        let most = Model(&a.model.most().0 | &b.model.forgetting(&a.model, who, tick).0);
        check(both.knowledge(), &a.universe, &most);
        let bytes = forgotten.to_bytes();
        prop_assert_eq!(ForgottenKnowledge::from_bytes(&bytes), Ok(forgotten));
    }

    #[test]
    fn bytes([a] in samples()) {
        laws::bytes(&a);
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
        // The most frequent one; of several the one that comes first.
        let uses = |vector: &ClockVector| all.iter().filter(|range| range.vector == vector).count();
        let most = all.iter().map(|range| uses(range.vector)).max().unwrap();
        let first = all.iter().find(|range| uses(range.vector) == most).unwrap();
        prop_assert_eq!(inspector.scope_clock_vector(), first.vector);
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

    /// However often one item was learned, forgotten and overtaken, nothing of that is left behind.
    #[test]
    fn one_item_for_long([a] in samples(), which in 0..5usize, steps in vec(step_of_one_item(), 20..60)) {
        let mut sample = a;
        for step in steps {
            let step = match step {
                Step::Learn(_, who, tick) => Step::Learn(SINGLE[which], who, tick),
                Step::Exclude(_) => Step::Exclude(SINGLE[which]),
                other => other,
            };
            step.apply(&mut sample);
            check(&sample.knowledge, &sample.universe, &sample.model);
        }
    }

    #[test]
    fn sequences_of_operations([a] in samples(), steps in vec(step(), 1..12)) {
        let mut sample = a;
        for step in steps {
            step.apply(&mut sample);
            check(&sample.knowledge, &sample.universe, &sample.model);
        }
    }
}

/// Steps whose item is the first one, to be replaced.
fn step_of_one_item() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..REPLICAS, 0..=TICKS).prop_map(|(who, tick)| Step::Raise(who, tick)),
        1 => (0..=TICKS).prop_map(Step::LocalTick),
        8 => (0..REPLICAS, 1..=TICKS).prop_map(|(who, tick)| Step::Learn(SINGLE[0], who, tick)),
        4 => Just(Step::Exclude(SINGLE[0])),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let single = || select(&SINGLE);
    let columns = || 0..2usize;
    let other = || samples().prop_map(|[sample]| Box::new(sample));
    prop_oneof![
        2 => (0..REPLICAS, 0..=TICKS).prop_map(|(who, tick)| Step::Raise(who, tick)),
        1 => (0..=TICKS).prop_map(Step::LocalTick),
        6 => (single(), 0..REPLICAS, 1..=TICKS).prop_map(|(item, who, tick)| Step::Learn(item, who, tick)),
        4 => single().prop_map(Step::Exclude),
        2 => (0..ITEMS, 0..=ITEMS).prop_map(|(from, to)| Step::ExcludeRange(from, to)),
        1 => (single(), columns()).prop_map(|(item, unit)| Step::ExcludeUnit(item, unit)),
        1 => single().prop_map(Step::ProjectItem),
        1 => (0..ITEMS, 0..=ITEMS).prop_map(|(from, to)| Step::ProjectRange(from, to)),
        1 => (single(), columns()).prop_map(|(item, unit)| Step::ProjectUnit(item, unit)),
        1 => subsequence(vec![0, 1], 0..=2).prop_map(Step::ProjectColumns),
        1 => samples().prop_map(|others| Step::Prerequisite(Box::new(others))),
        2 => other().prop_map(Step::Combine),
        2 => other().prop_map(Step::CombineMapped),
        1 => other().prop_map(Step::Intersect),
        1 => other().prop_map(Step::Complement),
        1 => other().prop_map(Step::Map),
        1 => (other(), 0..REPLICAS, 1..=TICKS).prop_map(|(other, who, tick)| Step::Forget(other, who, tick)),
        1 => Just(Step::Reread),
    ]
}
