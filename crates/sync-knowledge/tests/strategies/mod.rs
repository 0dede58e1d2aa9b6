//! Knowledge made at random, with what it contains.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;
use sync_knowledge::{
    ChangeUnitId, IdFormat, IdFormatGroup, KnowledgeBuilder, ReplicaId, ReplicaKey, ReplicaKeyMap,
};

use crate::model::{
    Change, FIXED, ITEMS, Model, REPLICAS, Sample, TICKS, Universe, VARIABLE, changes, replica,
    unit,
};

type Ranges = BTreeMap<usize, [u64; REPLICAS]>;

/// A universe and some knowledges in it, each over a key map of its own.
pub(crate) fn samples<const N: usize>() -> impl Strategy<Value = [Sample; N]> {
    let universe = prop_oneof![Just(FIXED), Just(VARIABLE)];
    let recipes: [_; N] = std::array::from_fn(|_| recipe());
    (universe, recipes).prop_map(|(universe, recipes)| recipes.map(|recipe| recipe.cook(universe)))
}

/// Some knowledges, each with its own formats of items and change units, over a key map of its own. Of change units the column
/// sets name any two that the format admits; the models are of [`UNITS`](crate::model::UNITS) and say nothing here.
pub(crate) fn samples_of_mixed_units<const N: usize>() -> impl Strategy<Value = [Sample; N]> {
    let recipes: [_; N] = std::array::from_fn(|_| {
        let universe = prop_oneof![Just(FIXED), Just(VARIABLE)];
        let narrow = subsequence(&NARROW_UNITS, 2).prop_map(|units| (IdFormat::fixed(1), units));
        let wide = subsequence(&WIDE_UNITS, 2).prop_map(|units| (IdFormat::variable(2), units));
        (universe, prop_oneof![narrow, wide], recipe())
    });
    recipes.prop_map(|recipes| {
        recipes.map(|(universe, (change_unit, units), recipe)| {
            let formats = IdFormatGroup {
                change_unit,
                ..universe.formats()
            };
            let units: Vec<_> = units.into_iter().map(ChangeUnitId::from_bytes).collect();
            recipe.cook_as(universe, formats, &units)
        })
    })
}

/// Change units of one byte that are named.
pub(crate) const NARROW_UNITS: [&[u8]; 3] = [&[1], &[2], &[9]];

/// Change units of one or two bytes that are named.
pub(crate) const WIDE_UNITS: [&[u8]; 5] = [&[1], &[1, 2], &[2], &[2, 0], &[9]];

/// Some knowledges, each in a universe and over a key map of its own.
pub(crate) fn samples_of_mixed_formats<const N: usize>() -> impl Strategy<Value = [Sample; N]> {
    let universe = || prop_oneof![Just(FIXED), Just(VARIABLE)];
    let recipes: [_; N] = std::array::from_fn(|_| (universe(), recipe()));
    recipes.prop_map(|recipes| recipes.map(|(universe, recipe)| recipe.cook(universe)))
}

/// Some knowledges over the same key map.
pub(crate) fn samples_of_one_owner<const N: usize>() -> impl Strategy<Value = [Sample; N]> {
    let universe = prop_oneof![Just(FIXED), Just(VARIABLE)];
    let recipes: [_; N] = std::array::from_fn(|_| recipe());
    (universe, recipes).prop_map(|(universe, mut recipes)| {
        for at in 1..N {
            recipes[at].replicas = recipes[0].replicas.clone();
        }
        recipes.map(|recipe| recipe.cook(universe))
    })
}

#[derive(Clone, Debug)]
struct Recipe {
    /// The owner first.
    replicas: Vec<usize>,
    scope: Ranges,
    columns: [Option<Ranges>; 2],
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let replicas = subsequence((0..REPLICAS).collect::<Vec<_>>(), 1..=REPLICAS).prop_shuffle();
    let columns = prop_oneof![
        3 => Just([None, None]),
        2 => [proptest::option::of(ranges()), proptest::option::of(ranges())],
    ];
    (replicas, ranges(), columns).prop_map(|(replicas, scope, columns)| Recipe {
        replicas,
        scope,
        columns,
    })
}

/// Vectors by the item with which their range begins.
fn ranges() -> impl Strategy<Value = Ranges> {
    let tick = prop_oneof![1 => Just(0), 2 => 0..=TICKS];
    let vector = vec(tick, REPLICAS).prop_map(|ticks| [ticks[0], ticks[1], ticks[2], ticks[3]]);
    prop_oneof![
        1 => vector.clone().prop_map(|vector| Ranges::from([(0, vector)])),
        3 => btree_map(0..ITEMS, vector, 0..4),
    ]
}

impl Recipe {
    fn cook(&self, universe: Universe) -> Sample {
        self.cook_as(universe, universe.formats(), &[unit(0), unit(1)])
    }

    fn cook_as(
        &self,
        universe: Universe,
        formats: IdFormatGroup,
        units: &[ChangeUnitId],
    ) -> Sample {
        let ids: Vec<ReplicaId> = self
            .replicas
            .iter()
            .map(|number| replica(*number))
            .collect();
        let key_map = ReplicaKeyMap::with_replicas(ids[0].clone(), ids[1..].iter().cloned());
        let mut builder = KnowledgeBuilder::new(formats, key_map);
        builder = self.add(builder, &universe, &self.scope);
        for (unit, ranges) in units.iter().zip(&self.columns) {
            if let Some(ranges) = ranges {
                builder = builder.column_set([unit.clone()]).unwrap();
                builder = self.add(builder, &universe, ranges);
            }
        }
        let known = |(item, unit, replica, tick): Change| {
            let ranges = self
                .columns
                .get(unit)
                .and_then(Option::as_ref)
                .unwrap_or(&self.scope);
            let vector = ranges.range(..=item).next_back();
            self.replicas.contains(&replica)
                && vector.is_some_and(|(_, vector)| tick <= vector[replica])
        };
        let model = Model(changes().filter(|change| known(*change)).collect());
        Sample {
            universe,
            knowledge: builder.build(),
            model,
        }
    }

    fn add(&self, to: KnowledgeBuilder, universe: &Universe, ranges: &Ranges) -> KnowledgeBuilder {
        ranges.iter().fold(to, |builder, (item, ticks)| {
            let keys = self.replicas.iter().zip(0..);
            let vector = keys
                .map(|(number, key)| (ReplicaKey(key), ticks[*number]))
                .collect();
            builder.range(universe.item(*item), vector).unwrap()
        })
    }
}
