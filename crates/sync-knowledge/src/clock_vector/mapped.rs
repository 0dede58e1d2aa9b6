//! Clock vectors over another owner's keys.

use super::{ClockVector, Repr, STRIDE, count};
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
        let (Repr::Dense(mine), Repr::Dense(theirs)) = (&mut self.repr, &other.repr) else {
            return self.merge(&other.rekeyed(mapping));
        };
        let bound = mapping.bound();
        if bound <= mine.len() {
            // No key is added, so dense stays dense.
            scatter(mine, theirs, mapping.table());
        } else if bound <= 2 * (count(mine) + count(theirs)) {
            mine.resize(bound, 0);
            scatter(mine, theirs, mapping.table());
            *self = ClockVector::from_ticks(core::mem::take(mine));
        } else {
            self.merge(&other.rekeyed(mapping));
        }
    }

    /// [`ClockVector::contains_vector`] of a vector over the keys of `mapping`.
    pub(crate) fn contains_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> bool {
        let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr) else {
            return other
                .iter()
                .all(|(key, tick)| mapping.key(key).is_some_and(|key| tick <= self.tick(key)));
        };
        let (theirs, table) = match theirs.split_at_checked(mapping.table().len()) {
            Some((_, unknown)) if unknown.iter().any(|tick| *tick > 0) => return false,
            Some((known, _)) => (known, mapping.table()),
            None => (&theirs[..], &mapping.table()[..theirs.len()]),
        };
        theirs
            .chunks(STRIDE)
            .zip(table.chunks(STRIDE))
            .all(|(theirs, table)| {
                theirs.iter().zip(table).fold(true, |all, (theirs, key)| {
                    all & (*theirs <= mine.get(*key as usize).copied().unwrap_or(0))
                })
            })
    }

    /// [`ClockVector::compare`] to a vector over the keys of `mapping`.
    pub(crate) fn compare_mapped(&self, other: &ClockVector, mapping: &KeyMapping) -> Relation {
        let (mut contains, mut contained) = (true, true);
        let mut met = 0;
        for (key, theirs) in other.iter() {
            let mine = mapping.key(key).map_or(0, |key| self.tick(key));
            contains &= theirs <= mine;
            contained &= mine <= theirs;
            met += usize::from(mine > 0);
            if !contains && !contained {
                return Relation::Concurrent;
            }
        }
        // What is here and was not met is not there.
        Relation::from_containment(contains, contained && met == self.len())
    }
}

/// Raises each tick of `mine` to that of `theirs` whose key the table translates into its own. A key
/// that has no translation lies beyond every array.
fn scatter(mine: &mut [Tick], theirs: &[Tick], table: &[u32]) {
    for (tick, key) in theirs.iter().zip(table) {
        if let Some(mine) = mine.get_mut(*key as usize) {
            *mine = (*mine).max(*tick);
        }
    }
}
