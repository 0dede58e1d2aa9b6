//! Clock vectors over another owner's keys.

use alloc::vec::Vec;

use super::{ClockVector, Repr, STRIDE};
use crate::{KeyMapping, Relation, Tick};

impl ClockVector {
    /// This vector over the keys that `mapping` leads to. Replicas unknown to it are left out.
    pub(crate) fn rekeyed(&self, mapping: &KeyMapping) -> ClockVector {
        let table = mapping.table();
        if let Repr::Dense(theirs) = &self.repr
            && mapping.bound() <= 2 * theirs.len()
        {
            let mut ticks = alloc::vec![0; mapping.bound()];
            scatter(&mut ticks, theirs, table);
            return ClockVector::from_ticks(ticks);
        }
        let known = self
            .iter()
            .filter_map(|(key, tick)| mapping.key(key).map(|key| (key, tick)));
        known.collect()
    }

    /// [`ClockVector::merge`] with a vector over the keys of `mapping`.
    pub(crate) fn merge_mapped(&mut self, other: &ClockVector, mapping: &KeyMapping) {
        match (&mut self.repr, &other.repr) {
            // No key is added, so dense stays dense.
            (Repr::Dense(mine), Repr::Dense(theirs)) if mapping.bound() <= mine.len() => {
                scatter(mine, theirs, mapping.table());
            }
            _ => *self = self.merged_mapped(other, mapping),
        }
    }

    /// [`ClockVector::merged`] with a vector over the keys of `mapping`.
    pub(crate) fn merged_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> ClockVector {
        if let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr)
            && mapping.bound() <= 2 * (mine.len() + theirs.len())
        {
            let length = mine.len().max(mapping.bound());
            let mut ticks = Vec::with_capacity(length);
            ticks.extend_from_slice(mine);
            ticks.resize(length, 0);
            scatter(&mut ticks, theirs, mapping.table());
            return if length == mine.len() {
                ClockVector {
                    repr: Repr::Dense(ticks),
                }
            } else {
                ClockVector::from_ticks(ticks)
            };
        }
        self.merged(&other.rekeyed(mapping))
    }

    /// [`ClockVector::contains_vector`] of a vector over the keys of `mapping`.
    pub(crate) fn contains_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> bool {
        let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr) else {
            return other
                .iter()
                .all(|(key, tick)| mapping.key(key).is_some_and(|key| tick <= self.tick(key)));
        };
        let table = mapping.table();
        let (known, unknown) = theirs.split_at(theirs.len().min(table.len()));
        unknown.iter().all(|tick| *tick == 0)
            && known
                .chunks(STRIDE)
                .zip(table.chunks(STRIDE))
                .all(|(theirs, table)| {
                    theirs.iter().zip(table).fold(true, |all, (theirs, key)| {
                        all & (*theirs <= mine.get(*key as usize).copied().unwrap_or(0))
                    })
                })
    }

    /// [`ClockVector::intersects`] with a vector over the keys of `mapping`.
    pub(crate) fn intersects_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> bool {
        let mut local = other.iter().filter_map(|(key, _)| mapping.key(key));
        local.any(|key| self.tick(key) > 0)
    }

    /// [`ClockVector::compare`] to a vector over the keys of `mapping`.
    pub(crate) fn compare_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> Relation {
        let (mut contains, mut contained) = (true, true);
        // How many ticks above 0 were met on this side.
        let mut met = 0;
        if let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr) {
            let table = mapping.table();
            let (known, unknown) = theirs.split_at(theirs.len().min(table.len()));
            contains = unknown.iter().all(|tick| *tick == 0);
            let tick = |key: &u32| mine.get(*key as usize).copied().unwrap_or(0);
            for (theirs, table) in known.chunks(STRIDE).zip(table.chunks(STRIDE)) {
                // What is settled is not looked at any more, and nothing stops within a stride.
                let ticks = theirs.iter().zip(table.iter().map(tick));
                match (contains, contained) {
                    (true, true) => {
                        for (theirs, mine) in ticks {
                            contains &= *theirs <= mine;
                            contained &= mine <= *theirs;
                            met += usize::from(mine > 0);
                        }
                    }
                    (true, false) => {
                        contains = ticks.fold(true, |all, (theirs, mine)| all & (*theirs <= mine));
                    }
                    (false, true) => {
                        for (theirs, mine) in ticks {
                            contained &= mine <= *theirs;
                            met += usize::from(mine > 0);
                        }
                    }
                    (false, false) => break,
                }
            }
        } else {
            for (key, theirs) in other.iter() {
                let mine = mapping.key(key).map_or(0, |key| self.tick(key));
                contains &= theirs <= mine;
                contained &= mine <= theirs;
                met += usize::from(mine > 0);
            }
        }
        // What is here and was not met is not there.
        Relation::from_containment(contains, contained && met == self.len())
    }
}

/// Raises each tick of `mine` to that of `theirs` whose key the table translates into its own. A
/// key that has no translation lies beyond every array.
fn scatter(mine: &mut [Tick], theirs: &[Tick], table: &[u32]) {
    for (tick, key) in theirs.iter().zip(table) {
        if let Some(mine) = mine.get_mut(*key as usize) {
            *mine = (*mine).max(*tick);
        }
    }
}
