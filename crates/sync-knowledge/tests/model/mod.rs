//! Knowledge as what it stands for: a set of changes. Slow, and plain to see that it is right.
//!
//! It takes part in the property tests of this crate and in the fuzz targets of the workspace, so it knows nothing of how cases are made.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod laws;
pub(crate) mod step;

use std::collections::BTreeSet;

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
    let length = [16, 16, 3, 40][number % 4];
    ReplicaId::from_bytes(&[b'A' + number as u8; 40][..length])
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

    /// What is known of all change units of an item alike: what the binary form holds.
    pub(crate) fn common(&self) -> Model {
        let known =
            |(i, _, r, t): Change| (0..UNITS.len()).all(|unit| self.0.contains(&(i, unit, r, t)));
        self.filter(known)
    }

    /// Of every item, for all change units, what is known of one of them: how what was forgotten is counted.
    pub(crate) fn most(&self) -> Model {
        let spread = |(i, _, r, t): Change| (0..UNITS.len()).map(move |unit| (i, unit, r, t));
        Model(self.0.iter().copied().flat_map(spread).collect())
    }

    /// With all changes of a replica up to a tick, for some items.
    pub(crate) fn with(mut self, who: usize, tick: u64, wanted: impl Fn(usize) -> bool) -> Model {
        for item in (0..ITEMS).filter(|item| wanted(*item)) {
            for unit in 0..UNITS.len() {
                let new =
                    changes_of(item, unit).filter(|change| change.2 == who && change.3 <= tick);
                self.0.extend(new);
            }
        }
        self
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
