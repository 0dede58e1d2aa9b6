//! The parts of knowledge against the standard library's collections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sync_knowledge::{
    BuildError, ChangeUnitId, ClockVector, IdFormat, IdFormatGroup, ItemId, KeyMapping, Knowledge,
    KnowledgeBuilder, Relation, ReplicaId, ReplicaKey, ReplicaKeyMap, Tick, Version,
};

type Ticks = BTreeMap<u32, Tick>;

/// Few far keys, or many near ones, so that both representations and all pairs of them come up.
fn ticks() -> impl Strategy<Value = Ticks> {
    prop_oneof![
        btree_map(0..12u32, 1..6u64, 0..12),
        btree_map(0..200u32, 1..6u64, 0..6),
        btree_map(0..150u32, 1..6u64, 70..120),
        btree_map(prop_oneof![0..9u32, u32::MAX - 2..=u32::MAX], 1..6u64, 0..6),
    ]
}

fn vector(ticks: &Ticks) -> ClockVector {
    ticks
        .iter()
        .map(|(key, tick)| (ReplicaKey(*key), *tick))
        .collect()
}

fn contents(vector: &ClockVector) -> Ticks {
    vector.iter().map(|(key, tick)| (key.0, tick)).collect()
}

fn tick(ticks: &Ticks, key: u32) -> Tick {
    ticks.get(&key).copied().unwrap_or(0)
}

/// What `join` makes of both ticks of every key.
fn joint(a: &Ticks, b: &Ticks, join: impl Fn(Tick, Tick) -> Tick) -> Ticks {
    let keys = a.keys().chain(b.keys());
    let joined = keys.map(|key| (*key, join(tick(a, *key), tick(b, *key))));
    joined.filter(|(_, tick)| *tick > 0).collect()
}

fn covers(a: &Ticks, b: &Ticks) -> bool {
    b.iter().all(|(key, theirs)| *theirs <= tick(a, *key))
}

/// The same vector made in one go has the same representation.
#[track_caller]
fn check(vector_found: &ClockVector, expected: &Ticks) {
    assert_eq!(contents(vector_found), *expected);
    assert_eq!(*vector_found, vector(expected));
    assert_eq!(vector_found.len(), expected.len());
    assert_eq!(vector_found.is_empty(), expected.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn clock_vectors(a in ticks(), b in ticks(), key in prop_oneof![0..210u32, Just(u32::MAX)], new in 0..7u64) {
        let (x, y) = (vector(&a), vector(&b));
        check(&x, &a);
        let at = ReplicaKey(key);
        prop_assert_eq!(x.tick(at), tick(&a, key));
        prop_assert_eq!(x.contains(Version::new(at, new)), new <= tick(&a, key));
        prop_assert_eq!(x.contains_vector(&y), covers(&a, &b));
        prop_assert_eq!(x.compare(&y), Relation::from_containment(covers(&a, &b), covers(&b, &a)));
        prop_assert_eq!(x.intersects(&y), a.keys().any(|key| b.contains_key(key)));
        prop_assert_eq!(x == y, a == b);

        check(&x.merged(&y), &joint(&a, &b, Tick::max));
        let mut merged = x.clone();
        merged.merge(&y);
        check(&merged, &joint(&a, &b, Tick::max));
        prop_assert!(merged.contains_vector(&x));
        prop_assert_eq!(merged.compare(&merged.clone()), Relation::Equal);
        let mut met = x.clone();
        met.meet(&y);
        check(&met, &joint(&a, &b, Tick::min));
        check(&x.complement(&y), &joint(&a, &b, |a, b| if a > b { a } else { 0 }));

        let mut raised = x.clone();
        raised.raise(at, new);
        check(&raised, &joint(&a, &Ticks::from([(key, new)]), Tick::max));
    }

    #[test]
    fn raising_one_by_one(pairs in vec((0..40u32, 0..5u64), 0..60)) {
        let mut vector = ClockVector::new();
        let mut expected = Ticks::new();
        for (key, tick) in &pairs {
            vector.raise(ReplicaKey(*key), *tick);
            expected = joint(&expected, &Ticks::from([(*key, *tick)]), Tick::max);
            check(&vector, &expected);
        }
        let collected: ClockVector = pairs.iter().map(|(key, tick)| (ReplicaKey(*key), *tick)).collect();
        prop_assert_eq!(collected, vector);
    }

    #[test]
    fn key_maps(ids in vec(id(), 1..20), others in vec(id(), 1..20)) {
        let mut distinct: Vec<ReplicaId> = Vec::new();
        ids.iter().for_each(|id| if !distinct.contains(id) { distinct.push(id.clone()) });
        let map = ReplicaKeyMap::with_replicas(ids[0].clone(), ids[1..].iter().cloned());
        let found: Vec<_> = map.iter().map(|(_, id)| id.clone()).collect();
        prop_assert_eq!(&found, &distinct);
        prop_assert_eq!(map.own(), &ids[0]);
        let mut one_by_one = ReplicaKeyMap::new(ids[0].clone());
        for id in &ids {
            let key = one_by_one.find_or_add(id);
            prop_assert_eq!(map.key(id), Some(key));
            prop_assert_eq!(map.id(key), Some(id));
        }
        prop_assert_eq!(&one_by_one, &map);
        let unknown = others.iter().filter(|id| !ids.contains(id));
        unknown.for_each(|id| assert_eq!(map.key(id), None));

        let theirs = ReplicaKeyMap::with_replicas(others[0].clone(), others[1..].iter().cloned());
        let mapping = KeyMapping::between(&theirs, &map);
        for (key, id) in theirs.iter() {
            prop_assert_eq!(mapping.key(key), map.key(id));
        }
        prop_assert_eq!(mapping.key(ReplicaKey(theirs.len() as u32)), None);
        let same = theirs.iter().all(|(key, id)| map.id(key) == Some(id));
        prop_assert_eq!(mapping.is_identity(), same);
        prop_assert_eq!(mapping.is_complete(), theirs.iter().all(|(_, id)| map.key(id).is_some()));
        prop_assert!(KeyMapping::between(&map, &map).is_identity());
        let keys = |mapping: &KeyMapping| (0..20).map(|key| mapping.key(ReplicaKey(key))).collect::<Vec<_>>();
        let itself = KeyMapping::between(&map, &map);
        let same = theirs.len() == map.len() && keys(&mapping) == keys(&itself);
        prop_assert_eq!(mapping == itself, same);
    }

    /// Knowledge over many keys, so that vectors of all shapes are translated.
    #[test]
    fn translated_keys(
        a in ticks(),
        b in ticks(),
        order in Just((0..200u8).collect::<Vec<_>>()).prop_shuffle(),
        known in 1..200usize,
    ) {
        let id = |key: u8| ReplicaId::from_bytes(&[key; 16]);
        let near = |mut ticks: Ticks| -> Ticks {
            ticks.retain(|key, _| *key < 200);
            ticks
        };
        let (mut a, b) = (near(a), near(b));
        // By the number of the replica: here key = number, there key = place in `order`.
        let here = ReplicaKeyMap::with_replicas(id(0), (1..known as u8).map(id));
        let there = ReplicaKeyMap::with_replicas(id(order[0]), order[1..].iter().map(|key| id(*key)));
        let build = |map: &ReplicaKeyMap, ticks: &Ticks| {
            let known = |key: &u32| map.key(&id(*key as u8));
            let pairs = ticks.iter().filter_map(|(key, tick)| Some((known(key)?, *tick)));
            let builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, map.clone());
            builder.range(ItemId::zero(), pairs.collect()).unwrap().build()
        };
        a.retain(|key, _| (*key as usize) < known);
        let (x, y) = (build(&here, &a), build(&there, &b));
        let numbered = |knowledge: &Knowledge| -> Ticks {
            let range = knowledge.ranges().next().unwrap();
            let number = |key| knowledge.key_map().id(key).unwrap().as_bytes()[0].into();
            range.vector.iter().map(|(key, tick)| (number(key), tick)).collect()
        };
        prop_assert_eq!(numbered(&x), a.clone());
        prop_assert_eq!(x.contains_knowledge(&y), covers(&a, &b));
        prop_assert_eq!(y.contains_knowledge(&x), covers(&b, &a));
        prop_assert_eq!(x.compare(&y), Relation::from_containment(covers(&a, &b), covers(&b, &a)));
        prop_assert_eq!(x.intersects(&y), a.keys().any(|key| b.contains_key(key)));
        prop_assert_eq!(numbered(&x.intersection(&y)), joint(&a, &b, Tick::min));
        let mut combined = x.clone();
        combined.combine(&y);
        prop_assert_eq!(numbered(&combined), joint(&a, &b, Tick::max));
        prop_assert!(combined.contains_knowledge(&y) && combined.contains_knowledge(&x));
        prop_assert_eq!(combined.compare(&y).reversed(), y.compare(&combined));

        // A mapping made before the maps grew speaks of what it knows, and claims nothing else.
        let old = KeyMapping::between(&there, &here);
        let mut partly = x.clone();
        partly.combine_mapped(&y, &old);
        let shared = b.iter().filter(|(key, _)| (**key as usize) < known);
        let shared: Ticks = shared.map(|(key, tick)| (*key, *tick)).collect();
        prop_assert_eq!(numbered(&partly), joint(&a, &shared, Tick::max));
        prop_assert_eq!(x.contains_knowledge_mapped(&y, &old), covers(&a, &b));
        prop_assert_eq!(x.compare_mapped(&y, &old), x.compare(&y));

        // A mapping that was made for a larger map than this one.
        let own = Knowledge::new(id(0));
        let mut small = own.clone();
        small.combine_mapped(&y, &KeyMapping::between(&there, combined.key_map()));
        prop_assert_eq!(Knowledge::from_bytes(&small.to_bytes()), Ok(small.clone()));
        prop_assert!(y.contains_knowledge(&small));
        // And one for a smaller map than the other's.
        let first = ReplicaKeyMap::new(there.own().clone());
        let mut small = combined.clone();
        let short = KeyMapping::between(&first, combined.key_map());
        small.combine_mapped(&y, &short);
        prop_assert_eq!(&small, &combined);
        let all_met = b.keys().all(|key| id(*key as u8) == *there.own());
        prop_assert_eq!(combined.contains_knowledge_mapped(&y, &short), all_met);
        let relation = combined.compare_mapped(&y, &short);
        prop_assert_eq!(matches!(relation, Relation::Equal | Relation::Contains), all_met);
        prop_assert_eq!(
            own.map_remote_with(&y, &KeyMapping::between(&first, own.key_map())).local_tick(),
            if there.own() == own.key_map().own() { tick(&b, 0) } else { 0 }
        );
    }

    #[test]
    fn bytes_of_any_length_as_bounds(lower in vec(edge(), 0..4), upper in vec(edge(), 0..4), fixed in any::<bool>()) {
        // Ids of one or two bytes; of those with two bytes 0, 1 and 255 are looked at.
        let format = if fixed { IdFormat::fixed(2) } else { IdFormat::variable(2) };
        let formats = IdFormatGroup { item: format, ..IdFormatGroup::DATABASE };
        let mut all = Knowledge::with_formats(formats, ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16])));
        all.set_local_tick(1);
        let edges = [0, 1, 255];
        let mut ids: BTreeSet<Vec<u8>> = edges.iter().flat_map(|a| edges.map(|b| vec![*a, b])).collect();
        if !fixed {
            ids.extend(edges.iter().map(|a| vec![*a]));
        }
        let (low, up) = (ItemId::from_bytes(&lower), ItemId::from_bytes(&upper));
        let known = |knowledge: &Knowledge, id: &[u8]| knowledge.tick_at(id, ReplicaKey::LOCAL) == 1;
        let part = all.project_onto_range(&low, Some(&up));
        let open = all.project_onto_range(&low, None);
        let mut rest = all.clone();
        rest.exclude_range(&low, Some(&up));
        for id in &ids {
            prop_assert_eq!(known(&part, id), lower <= *id && *id < upper);
            prop_assert_eq!(known(&open, id), lower <= *id);
            prop_assert_eq!(known(&rest, id), !(lower <= *id && *id < upper));
        }
        // As an item only what the format admits means anything.
        let (mut excluded, item) = (all.clone(), all.project_onto_item(&low));
        excluded.exclude_item(&low);
        let mut learned = Knowledge::with_formats(formats, all.key_map().clone());
        learned.learn_item(&low, Version::new(ReplicaKey::LOCAL, 1));
        prop_assert_eq!(&learned, &item);
        for id in &ids {
            prop_assert_eq!(known(&item, id), lower == *id);
            prop_assert_eq!(known(&excluded, id), lower != *id);
        }
        for knowledge in [&part, &open, &rest, &item, &excluded] {
            prop_assert_eq!(&Knowledge::from_bytes(&knowledge.to_bytes()), &Ok(knowledge.clone()));
        }
        // Knowledge with another format is cut at the ids of this one.
        let three = IdFormatGroup { item: IdFormat::variable(3), ..formats };
        let mut longer = Knowledge::with_formats(three, all.key_map().clone());
        longer.combine(&part);
        for id in &ids {
            prop_assert_eq!(known(&longer, id), known(&part, id));
        }
        let mut shorter = Knowledge::with_formats(formats, all.key_map().clone());
        shorter.combine(&longer);
        prop_assert_eq!(&shorter, &part);
        // Of an id that this format does not have nothing can be said.
        longer.learn_item(&ItemId::from_bytes(&[1, 0, 7]), Version::new(ReplicaKey::LOCAL, 2));
        longer.exclude_item(&ItemId::from_bytes(&[1, 1, 7]));
        longer.exclude_item(&ItemId::from_bytes(&[255, 255, 255]));
        let mut shorter = Knowledge::with_formats(formats, all.key_map().clone());
        shorter.combine(&longer);
        prop_assert_eq!(&shorter, &part);
        prop_assert_eq!(&Knowledge::from_bytes(&shorter.to_bytes()), &Ok(shorter));
    }
}

/// Ids of all lengths, many of which begin alike.
fn id() -> impl Strategy<Value = ReplicaId> {
    let length = prop_oneof![0..4usize, 14..20usize];
    let bytes =
        length.prop_flat_map(|length| vec(prop_oneof![4 => Just(0u8), 1 => 0..3u8], length));
    bytes.prop_map(|bytes| ReplicaId::from_bytes(&bytes))
}

fn edge() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0u8), Just(1u8), Just(255u8)]
}

/// Long vectors are compared in strides; what a stride has shown holds for the next one.
#[test]
fn differences_far_apart() {
    let id = |key: u32| ReplicaId::from_bytes(&key.to_be_bytes().repeat(4));
    for length in [1, 63, 64, 65, 200] {
        let keys = || (0..length).map(ReplicaKey);
        let here = ReplicaKeyMap::with_replicas(id(0), (1..length).map(id));
        let there = ReplicaKeyMap::with_replicas(id(length - 1), (0..length).rev().map(id));
        let knowledge = |map: &ReplicaKeyMap, vector: &ClockVector| {
            let vector = vector
                .iter()
                .map(|(key, tick)| (map.key(&id(key.0)).unwrap(), tick));
            let builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, map.clone());
            builder
                .range(ItemId::zero(), vector.collect())
                .unwrap()
                .build()
        };
        let even: ClockVector = keys().map(|key| (key, 5)).collect();
        let places = [0, length / 2, length - 1];
        for (more, less) in places
            .iter()
            .flat_map(|more| places.map(|less| (*more, less)))
        {
            let change = |key: ReplicaKey, tick: Tick| match key.0 {
                place if place == more => tick + 1,
                place if place == less => tick - 1,
                _ => tick,
            };
            let other: ClockVector = even
                .iter()
                .map(|(key, tick)| (key, change(key, tick)))
                .collect();
            let expected = if more == less {
                Relation::Contained
            } else {
                Relation::Concurrent
            };
            assert_eq!(even.compare(&other), expected, "{length}: {more} {less}");
            assert_eq!(other.compare(&even), expected.reversed());
            assert_eq!(other.contains_vector(&even), more == less);
            assert!(!even.contains_vector(&other));
            for map in [&here, &there] {
                let (a, b) = (knowledge(&here, &even), knowledge(map, &other));
                assert_eq!(a.compare(&b), expected);
                assert_eq!(b.compare(&a), expected.reversed());
                assert_eq!(b.contains_knowledge(&a), more == less);
                assert!(!a.contains_knowledge(&b));
                assert_eq!(knowledge(&here, &other).compare(&b), Relation::Equal);
            }
        }
    }
}

/// What a mapping does not lead to is not there, however much of it the other side has.
#[test]
fn mappings_of_fewer_keys() {
    let id = |key: u32| ReplicaId::from_bytes(&key.to_be_bytes().repeat(4));
    let even = |map: ReplicaKeyMap| {
        let vector = (0..map.len() as u32).map(|key| (ReplicaKey(key), 5));
        let builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, map);
        let builder = builder.range(ItemId::zero(), vector.collect()).unwrap();
        builder.build()
    };
    for length in [1, 2, 3, 64, 65, 200] {
        let here = even(ReplicaKeyMap::with_replicas(id(0), (1..length).map(id)));
        let theirs: Vec<ReplicaId> = (0..length).rev().map(id).collect();
        let there = |first: usize| {
            ReplicaKeyMap::with_replicas(theirs[0].clone(), theirs[1..first].to_vec())
        };
        let other = even(there(theirs.len()));
        for first in [1, 2, theirs.len() - 1, theirs.len()] {
            if first == 0 || first > theirs.len() {
                continue;
            }
            let mapping = KeyMapping::between(&there(first), here.key_map());
            let all = first == theirs.len();
            assert_eq!(here.contains_knowledge_mapped(&other, &mapping), all);
            let expected = if all {
                Relation::Equal
            } else {
                Relation::Concurrent
            };
            assert_eq!(here.compare_mapped(&other, &mapping), expected);
        }
    }
}

#[test]
fn successors() {
    let check = |id: &[u8], format: IdFormat, expected: Option<&[u8]>| {
        let next = ItemId::from_bytes(id).successor(&format);
        assert_eq!(next.as_ref().map(ItemId::as_bytes), expected, "of {id:?}");
    };
    let variable = IdFormat::variable(3);
    check(&[5], variable, Some(&[5, 0]));
    check(&[0xff, 0xff], variable, Some(&[0xff, 0xff, 0]));
    check(&[1, 2, 3], variable, Some(&[1, 2, 4]));
    check(&[1, 2, 0xff], variable, Some(&[1, 3]));
    check(&[1, 0xff, 0xff], variable, Some(&[2]));
    check(&[0xff, 0xff, 0xff], variable, None);
    let fixed = IdFormat::fixed(3);
    check(&[1, 2, 3], fixed, Some(&[1, 2, 4]));
    check(&[1, 0xff, 0xff], fixed, Some(&[2, 0, 0]));
    check(&[0xff, 0xff, 0xff], fixed, None);
}

#[test]
fn lowest_ids() {
    assert_eq!(ItemId::zero().as_bytes(), [0]);
    assert_eq!(ItemId::lowest(&IdFormat::fixed(24)).as_bytes(), [0; 24]);
    assert_eq!(ItemId::zero(), ItemId::from_bytes(&[0]));
    assert!(ItemId::from_bytes(&[0, 0]) > ItemId::zero());
}

#[test]
fn formats_that_cannot_be_written_are_moved() {
    assert_eq!(IdFormat::fixed(0).length, 1);
    assert_eq!(IdFormat::variable(u16::MAX).length, 65_533);
    let formats = IdFormatGroup {
        item: IdFormat {
            variable: true,
            length: 0,
        },
        ..IdFormatGroup::DATABASE
    };
    let map = ReplicaKeyMap::with_replicas(
        ReplicaId::from_bytes(&[7; 70_000]),
        [ReplicaId::from_bytes(&[]), ReplicaId::from_bytes(&[1; 16])],
    );
    let mut knowledge = Knowledge::with_formats(formats, map);
    knowledge.set_local_tick(3);
    assert_eq!(knowledge.formats().item.length, 1);
    assert_eq!(knowledge.formats().replica, IdFormat::variable(65_533));
    assert_eq!(Knowledge::from_bytes(&knowledge.to_bytes()), Ok(knowledge));

    // A replica id of another length makes the format variable.
    let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    assert_eq!(knowledge.formats(), IdFormatGroup::DATABASE);
    let key = knowledge.find_or_add_replica(&ReplicaId::from_bytes(b"short"));
    knowledge.raise(key, 5);
    assert_eq!(knowledge.formats().replica, IdFormat::variable(16));
    let mut other = Knowledge::new(ReplicaId::from_bytes(&[2; 16]));
    other.combine(&knowledge);
    assert_eq!(other.formats().replica, IdFormat::variable(16));
    assert_eq!(Knowledge::from_bytes(&other.to_bytes()), Ok(other));
}

#[test]
fn what_builders_refuse() {
    let begin = || {
        let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16]));
        KnowledgeBuilder::new(IdFormatGroup::DATABASE, own)
    };
    let nothing = ClockVector::new;
    let some = ItemId::from_bytes(&[1]);
    let range = begin().range(some.clone(), nothing()).unwrap();
    for lower_bound in [some.clone(), ItemId::zero()] {
        let error = range
            .clone()
            .range(lower_bound.clone(), nothing())
            .unwrap_err();
        assert_eq!(error, BuildError::UnorderedRange { lower_bound });
    }
    let lower_bound = ItemId::from_bytes(&[]);
    let error = begin().range(lower_bound.clone(), nothing()).unwrap_err();
    assert_eq!(error, BuildError::InvalidBound { lower_bound });
    let vector: ClockVector = [(ReplicaKey(1), 1)].into_iter().collect();
    let error = begin().range(some, vector).unwrap_err();
    assert_eq!(
        error,
        BuildError::UnknownKey {
            key: ReplicaKey(1),
            replicas: 1
        }
    );
    assert_eq!(
        begin().column_set([]).unwrap_err(),
        BuildError::EmptyColumnSet
    );
    let repeated = BuildError::RepeatedChangeUnit { unit: 3.into() };
    assert_eq!(
        begin().column_set([3.into(), 3.into()]).unwrap_err(),
        repeated
    );
    for bytes in [&[][..], &[1, 2]] {
        let unit = ChangeUnitId::from_bytes(bytes);
        let error = begin().column_set([3.into(), unit.clone()]).unwrap_err();
        assert_eq!(error, BuildError::InvalidChangeUnit { unit });
    }
    let columns = begin().column_set([3.into()]).unwrap();
    assert_eq!(
        columns.column_set([4.into(), 3.into()]).unwrap_err(),
        repeated
    );
}

/// The scope counts even where column sets name every change unit that there can be.
#[test]
fn the_scope_counts_without_change_units() {
    let build = |scope: Tick, units: Tick| {
        let vector = |tick| -> ClockVector { [(ReplicaKey::LOCAL, tick)].into_iter().collect() };
        let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16]));
        let all = (0..=u8::MAX).map(ChangeUnitId::from);
        let builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, own)
            .range(ItemId::zero(), vector(scope))
            .and_then(|builder| builder.column_set(all))
            .and_then(|builder| builder.range(ItemId::zero(), vector(units)));
        builder.unwrap().build()
    };
    let (less, more) = (build(3, 5), build(4, 5));
    let version = |tick| Version::new(ReplicaKey::LOCAL, tick);
    assert!(!less.contains(&[7], version(4)));
    assert!(less.contains_change_unit(&[7], &[7], version(5)));
    assert_eq!(less.compare(&more), Relation::Contained);
    assert_ne!(less, more);
    assert_ne!(less.to_bytes(), more.to_bytes());
    assert_eq!(less.combined(&more), more);
    assert!(!build(5, 5).contains(&[7], version(6)));
    assert!(build(5, 5).is_uniform());
}

/// An id that the format does not admit names nothing: there is nothing to learn, forget or keep.
#[test]
fn ids_that_name_nothing() {
    let formats = IdFormatGroup {
        item: IdFormat::fixed(2),
        ..IdFormatGroup::DATABASE
    };
    let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16]));
    let mut knowledge = Knowledge::with_formats(formats, own);
    knowledge.set_local_tick(7);
    knowledge.exclude_item(&ItemId::from_bytes(&[5, 0]));
    knowledge.exclude_change_unit(&ItemId::from_bytes(&[6, 0]), &3.into());
    let item = ItemId::from_bytes(&[6, 0]);
    let nothing = knowledge.project_onto_columns(&[]);
    for bytes in [&[][..], &[5], &[5, 0, 0], &[6, 0, 0]] {
        let (id, unit) = (ItemId::from_bytes(bytes), ChangeUnitId::from_bytes(bytes));
        let mut changed = knowledge.clone();
        changed.exclude_item(&id);
        changed.exclude_change_unit(&id, &3.into());
        changed.learn_item(&id, Version::new(ReplicaKey::LOCAL, 9));
        assert_eq!(changed, knowledge, "{id}");
        assert_eq!(knowledge.project_onto_item(&id), nothing, "{id}");
        if bytes.len() != 1 {
            changed.exclude_change_unit(&item, &unit);
            assert_eq!(changed, knowledge, "{unit}");
            assert_eq!(knowledge.project_onto_columns(&[unit]), nothing);
        }
    }
}

/// Change units of another community's format are none here: what is said of them is not taken over.
#[test]
fn change_units_of_another_format() {
    let wide = IdFormatGroup {
        change_unit: IdFormat::variable(2),
        ..IdFormatGroup::DATABASE
    };
    let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16]));
    let mut theirs = Knowledge::with_formats(wide, own.clone());
    theirs.set_local_tick(7);
    let item = ItemId::from_bytes(&[5]);
    theirs.exclude_change_unit(&item, &ChangeUnitId::from_bytes(&[1, 2]));
    theirs.exclude_change_unit(&item, &3.into());
    let mut mine = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    mine.combine(&theirs);
    let mut expected = Knowledge::with_formats(IdFormatGroup::DATABASE, own);
    expected.set_local_tick(7);
    expected.exclude_change_unit(&item, &3.into());
    assert_eq!(mine, expected);
    assert_eq!(expected.compare(&theirs), Relation::Equal);
    assert_ne!(expected, theirs);
    assert_eq!(mine.lowest_uncontained_id(&theirs), None);
    assert_eq!(mine.difference(&theirs), []);
}

#[test]
fn a_mesh_without_exceptions_keeps_one_vector() {
    let id = |number: u8| ReplicaId::from_bytes(&[number; 16]);
    let mut mesh: Vec<Knowledge> = (0..20).map(|number| Knowledge::new(id(number))).collect();
    for round in 1..4 {
        for at in 0..mesh.len() {
            mesh[at].set_local_tick(round * 10);
            let other = mesh[(at * 7 + round as usize) % 20].clone();
            mesh[at].combine(&other);
        }
    }
    assert!(mesh.iter().all(|knowledge| knowledge.is_uniform()));
}

/// Whichever way knowledge is combined, its format of replica ids admits those that it learns.
#[test]
fn formats_of_learned_replicas() {
    let of = |ids: &[&[u8]]| {
        let mut ids = ids.iter().map(|id| ReplicaId::from_bytes(id));
        let map = ReplicaKeyMap::with_replicas(ids.next().unwrap(), ids);
        let mut knowledge = Knowledge::with_formats(IdFormatGroup::DATABASE, map);
        knowledge.raise(ReplicaKey::LOCAL, 1);
        knowledge
    };
    let usual: [u8; 16] = [1; 16];
    for theirs in [
        &[&usual[..], &[2; 16]][..],
        &[&usual[..], &[2; 20]],
        &[&[2; 20][..], &usual],
        &[&[2; 4][..]],
    ] {
        let (mine, theirs) = (of(&[&usual]), of(theirs));
        let mut combined = mine.clone();
        combined.combine(&theirs);
        let mut mapped = mine.clone();
        let mapping = mapped.mapping_from(theirs.key_map());
        mapped.combine_mapped(&theirs, &mapping);
        for (_, id) in combined.key_map().iter() {
            let format = combined.formats().replica;
            assert!(format.admits(id.as_bytes().len()), "{format:?} {id:?}");
        }
        for other in [mine.combined(&theirs), mapped] {
            assert_eq!(other.formats(), combined.formats());
            assert_eq!(other.to_bytes(), combined.to_bytes());
        }
        let bytes = combined.to_bytes();
        assert_eq!(Knowledge::from_bytes(&bytes), Ok(combined));
    }
}
