//! Knowledge as what it stands for: a set of changes. Slow, and plain to see that it is right.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;
use sync_knowledge::{
    ChangeUnitId, ClockVector, IdFormat, IdFormatGroup, ItemId, Knowledge, KnowledgeBuilder,
    ReplicaId, ReplicaKey, ReplicaKeyMap, Version,
};

/// Ticks go from 1 up to this.
pub(crate) const TICKS: u64 = 4;
/// Replicas are numbered from 0.
pub(crate) const REPLICAS: usize = 4;
/// The last one stands for all change units that nobody names.
pub(crate) const UNITS: [u8; 3] = [1, 2, 9];
/// How many items a universe has.
pub(crate) const ITEMS: usize = 7;

/// One change: number of item, number of change unit, number of replica, tick.
pub(crate) type Change = (usize, usize, usize, u64);

/// The changes that some knowledge contains.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Model(pub BTreeSet<Change>);

/// The ids of a format, by representatives: of the ids between two of them no operation of the tests
/// speaks, so the lower one stands for all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Universe {
    pub(crate) format: IdFormat,
    pub(crate) ids: [&'static [u8]; ITEMS],
}

/// The items whose successor is the next representative, in every universe.
pub(crate) const SINGLE: [usize; 5] = [0, 1, 3, 5, 6];

pub(crate) const FIXED: Universe = Universe {
    format: IdFormat::fixed(1),
    ids: [&[0], &[1], &[2], &[5], &[6], &[254], &[255]],
};

pub(crate) const VARIABLE: Universe = Universe {
    format: IdFormat::variable(2),
    ids: [
        &[0],
        &[0, 0],
        &[0, 1],
        &[1, 255],
        &[2],
        &[255, 254],
        &[255, 255],
    ],
};

impl Universe {
    pub(crate) fn item(&self, item: usize) -> ItemId {
        ItemId::from_bytes(self.ids[item])
    }

    pub(crate) fn formats(&self) -> IdFormatGroup {
        IdFormatGroup {
            item: self.format,
            ..IdFormatGroup::DATABASE
        }
    }
}

pub(crate) fn replica(number: usize) -> ReplicaId {
    ReplicaId::from_bytes(&[b'A' + number as u8; 16])
}

pub(crate) fn unit(number: usize) -> ChangeUnitId {
    ChangeUnitId::from(UNITS[number])
}

/// The number of the replica behind a key.
pub(crate) fn number(knowledge: &Knowledge, key: ReplicaKey) -> usize {
    knowledge
        .key_map()
        .id(key)
        .map(|id| (id.as_bytes()[0] - b'A').into())
        .unwrap()
}

impl Model {
    pub(crate) fn of(knowledge: &Knowledge, universe: &Universe) -> Model {
        changes()
            .filter(|change| contains(knowledge, universe, *change))
            .collect::<BTreeSet<_>>()
            .into()
    }

    pub(crate) fn filter(&self, wanted: impl Fn(Change) -> bool) -> Model {
        Model(
            self.0
                .iter()
                .copied()
                .filter(|change| wanted(*change))
                .collect(),
        )
    }

    /// Whether it has all changes of one change unit of one item that `other` has.
    pub(crate) fn covers(&self, other: &Model, item: usize, unit: usize) -> bool {
        changes_of(item, unit).all(|change| !other.0.contains(&change) || self.0.contains(&change))
    }

    /// Everything up to the changes that are there.
    pub(crate) fn closed(&self) -> Model {
        let below = |(i, u, r, t): Change| (1..=t).map(move |t| (i, u, r, t));
        Model(self.0.iter().copied().flat_map(below).collect())
    }

    pub(crate) fn tick(&self, item: usize, unit: usize, replica: usize) -> u64 {
        (1..=TICKS)
            .filter(|tick| self.0.contains(&(item, unit, replica, *tick)))
            .max()
            .unwrap_or(0)
    }

    /// The knowledge of these changes over a key map, made range by range.
    pub(crate) fn build(&self, universe: &Universe, key_map: &ReplicaKeyMap) -> Knowledge {
        let vector = |item, unit| -> ClockVector {
            let tick = |id: &ReplicaId| self.tick(item, unit, (id.as_bytes()[0] - b'A').into());
            key_map.iter().map(|(key, id)| (key, tick(id))).collect()
        };
        let mut builder = KnowledgeBuilder::new(universe.formats(), key_map.clone());
        for (place, number) in [2, 0, 1].into_iter().enumerate() {
            if place > 0 {
                builder = builder.column_set([unit(number)]).unwrap();
            }
            for item in 0..ITEMS {
                builder = builder
                    .range(universe.item(item), vector(item, number))
                    .unwrap();
            }
        }
        builder.build()
    }
}

impl From<BTreeSet<Change>> for Model {
    fn from(changes: BTreeSet<Change>) -> Self {
        Model(changes)
    }
}

pub(crate) fn changes() -> impl Iterator<Item = Change> {
    (0..ITEMS).flat_map(|item| (0..UNITS.len()).flat_map(move |unit| changes_of(item, unit)))
}

pub(crate) fn changes_of(item: usize, unit: usize) -> impl Iterator<Item = Change> {
    (0..REPLICAS).flat_map(move |replica| (1..=TICKS).map(move |tick| (item, unit, replica, tick)))
}

pub(crate) fn contains(knowledge: &Knowledge, universe: &Universe, change: Change) -> bool {
    let (item, unit, number, tick) = change;
    let Some(key) = knowledge.key_map().key(&replica(number)) else {
        return false;
    };
    let version = Version::new(key, tick);
    knowledge.contains_change_unit(universe.ids[item], &[UNITS[unit]], version)
}

/// How a knowledge is made, and what it then contains.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) universe: Universe,
    pub(crate) knowledge: Knowledge,
    pub(crate) model: Model,
}

type Ranges = std::collections::BTreeMap<usize, [u64; REPLICAS]>;

/// A universe and some knowledges in it, each over a key map of its own.
pub(crate) fn samples<const N: usize>() -> impl Strategy<Value = [Sample; N]> {
    let universe = prop_oneof![Just(FIXED), Just(VARIABLE)];
    let recipes: [_; N] = std::array::from_fn(|_| recipe());
    (universe, recipes).prop_map(|(universe, recipes)| recipes.map(|recipe| recipe.cook(universe)))
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
        let ids: Vec<ReplicaId> = self
            .replicas
            .iter()
            .map(|number| replica(*number))
            .collect();
        let key_map = ReplicaKeyMap::with_replicas(ids[0].clone(), ids[1..].iter().cloned());
        let mut builder = KnowledgeBuilder::new(universe.formats(), key_map);
        builder = self.add(builder, &universe, &self.scope);
        for (number, ranges) in self.columns.iter().enumerate() {
            if let Some(ranges) = ranges {
                builder = builder.column_set([unit(number)]).unwrap();
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
