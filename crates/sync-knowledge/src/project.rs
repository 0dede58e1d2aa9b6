//! Parts of knowledge: keeping only one, forgetting one, learning one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::fragments::{Column, Fragments};
use crate::range_set::RangeSet;
use crate::vector_table::{EMPTY, VectorTable};
use crate::{ChangeUnitId, ClockVector, ItemId, Knowledge, ReplicaKey, Version};

/// From the first id, `None` for the lowest, up to the second, `None` for no end; never empty.
type Region = (Option<ItemId>, Option<ItemId>);

/// A region and what is said of it.
type Piece = (Region, ClockVector);

impl Knowledge {
    /// What is known of one item, and nothing of any other (GetKnowledgeForItem).
    pub fn project_onto_item(&self, item: &ItemId) -> Knowledge {
        self.projected(self.item_region(item))
    }

    /// What is known of the items from `lower` up to, not including, `upper` (`None` for no end),
    /// and nothing of any other (GetKnowledgeForRange).
    pub fn project_onto_range(&self, lower: &ItemId, upper: Option<&ItemId>) -> Knowledge {
        self.projected(self.region(lower, upper))
    }

    /// What is known of one change unit of one item, and nothing else (GetKnowledgeForChangeUnit).
    pub fn project_onto_change_unit(&self, item: &ItemId, unit: &ChangeUnitId) -> Knowledge {
        self.project_onto_item(item)
            .project_onto_columns(core::slice::from_ref(unit))
    }

    /// What is known of some change units of all items, and nothing of other change units
    /// (ProjectOntoColumnSet). The scope is no change unit: nothing of it is kept.
    pub fn project_onto_columns(&self, units: &[ChangeUnitId]) -> Knowledge {
        let mut units = units.to_vec();
        units.retain(|unit| self.is_unit(unit));
        units.sort_unstable();
        units.dedup();
        let columns = units.into_iter().map(|unit| {
            let ranges = self.fragments.ranges_of(unit.as_bytes()).clone();
            Column {
                units: [unit].into(),
                ranges,
            }
        });
        let vectors = self.fragments.table.clone().into_vectors();
        let scope = RangeSet::uniform(EMPTY);
        self.with_fragments(Fragments::assemble(vectors, scope, columns.collect()))
    }

    /// What is known here of those change units of those items of which `template` contains all
    /// that `prerequisite` does, and nothing of any other.
    ///
    /// Windows Sync decides fragment by fragment of the template; since fragments can be cut at
    /// will without changing what they say, here each change unit of each item is decided for
    /// itself.
    ///
    /// That is how a destination learns from a batch that presupposes other changes: the batch's
    /// knowledge, projected onto the destination's knowledge with the batch's prerequisite.
    pub fn project_onto_knowledge_with_prerequisite(
        &self,
        template: &Knowledge,
        prerequisite: &Knowledge,
    ) -> Knowledge {
        let chosen = anything();
        let mapping = template.mapping_to(prerequisite);
        let wanted = template.fitted(prerequisite);
        let chosen = template.fragments.lift(&wanted, |template, prerequisite| {
            let contained = match &mapping {
                None => template.contains_vector(prerequisite),
                Some(mapping) => template.contains_mapped(prerequisite, mapping),
            };
            if contained {
                chosen.clone()
            } else {
                ClockVector::new()
            }
        });
        let chosen = self.fitted(&template.with_fragments(chosen)).into_owned();
        self.with_fragments(self.fragments.lift(&chosen, kept))
    }

    /// Forgets everything about one item, of no matter which replica, and nothing about any other.
    ///
    /// So a row that could not be applied is offered again: the batch's knowledge without the row
    /// is what was learned.
    pub fn exclude_item(&mut self, item: &ItemId) {
        self.exclude(self.item_region(item));
    }

    /// [`Self::exclude_item`] for many: one pass over the ranges, in whatever order the items come.
    pub fn exclude_items<'a>(&mut self, items: impl IntoIterator<Item = &'a ItemId>) {
        let items = items.into_iter();
        let regions = items.filter_map(|item| self.item_region(item));
        let pieces: Vec<Piece> = regions.map(|region| (region, ClockVector::new())).collect();
        if !pieces.is_empty() {
            let left = patchwork(&anything(), [(None, pieces)]);
            self.fragments = self.fragments.lift(&left, kept);
        }
    }

    /// Forgets everything about the items from `lower` up to, not including, `upper` (`None` for no
    /// end).
    pub fn exclude_range(&mut self, lower: &ItemId, upper: Option<&ItemId>) {
        self.exclude(self.region(lower, upper));
    }

    /// Forgets everything about one change unit of one item.
    pub fn exclude_change_unit(&mut self, item: &ItemId, unit: &ChangeUnitId) {
        if !self.is_unit(unit) {
            return;
        }
        if let Some((lower, upper)) = self.item_region(item) {
            self.fragments
                .edit_unit(unit, lower.as_ref(), upper.as_ref(), forget);
        }
    }

    /// [`Self::exclude_change_unit`] for many: one pass over the ranges, in whatever order they come.
    pub fn exclude_change_units<'a>(
        &mut self,
        units: impl IntoIterator<Item = (&'a ItemId, &'a ChangeUnitId)>,
    ) {
        let mut pieces: BTreeMap<Option<&ChangeUnitId>, Vec<Piece>> = BTreeMap::new();
        for (item, unit) in units.into_iter().filter(|(_, unit)| self.is_unit(unit)) {
            if let Some(region) = self.item_region(item) {
                let of_unit = pieces.entry(Some(unit)).or_default();
                of_unit.push((region, ClockVector::new()));
            }
        }
        if !pieces.is_empty() {
            let left = patchwork(&anything(), pieces);
            self.fragments = self.fragments.lift(&left, kept);
        }
    }

    /// Adds all changes of one replica to one item, up to a version: what a destination learns from
    /// a change that came alone.
    pub fn learn_item(&mut self, item: &ItemId, version: Version) {
        let Some((lower, upper)) = self.item_region(item) else {
            return;
        };
        if self.key_map.id(version.replica).is_none() {
            return;
        }
        self.fragments
            .edit(lower.as_ref(), upper.as_ref(), |table, slot| {
                learn(table, slot, version)
            });
    }

    /// [`Self::learn_item`] for many: one pass over the ranges, in whatever order the changes come.
    pub fn learn_items<'a>(&mut self, changes: impl IntoIterator<Item = (&'a ItemId, Version)>) {
        let changes = changes.into_iter();
        let known = changes.filter(|(_, version)| self.key_map.id(version.replica).is_some());
        let mut pieces: BTreeMap<Region, ClockVector> = BTreeMap::new();
        for (item, version) in known {
            if let Some(region) = self.item_region(item) {
                let vector = pieces.entry(region).or_default();
                vector.raise(version.replica, version.tick);
            }
        }
        if !pieces.is_empty() {
            let learned = patchwork(&ClockVector::new(), [(None, pieces.into_iter().collect())]);
            self.fragments = self.fragments.lift(&learned, ClockVector::merged);
        }
    }

    fn exclude(&mut self, region: Option<Region>) {
        if let Some((lower, upper)) = region {
            self.fragments.edit(lower.as_ref(), upper.as_ref(), forget);
        }
    }

    fn projected(&self, region: Option<Region>) -> Knowledge {
        let Some((lower, upper)) = region else {
            return self.with_fragments(Fragments::uniform(ClockVector::new()));
        };
        let from = lower.as_ref().unwrap_or(&self.lowest);
        let to = upper.as_ref().map(ItemId::as_bytes);
        // Only vectors that are still used are copied.
        let mut vectors = Vec::from([ClockVector::new()]);
        let mut places = BTreeMap::from([(EMPTY, 0)]);
        let mut part = |ranges: &RangeSet| {
            let mut kept = RangeSet::uniform(0);
            for (begin, _, slot) in ranges.parts_within(from.as_bytes(), to) {
                let place = *places.entry(slot).or_insert_with(|| {
                    vectors.push(self.fragments.table.vector(slot).clone());
                    (vectors.len() - 1) as u32
                });
                kept.put(begin.max(lower.as_ref()).cloned(), place);
            }
            if let Some(upper) = &upper {
                kept.put(Some(upper.clone()), 0);
            }
            kept
        };
        let scope = part(&self.fragments.scope);
        let columns = self.fragments.columns.iter();
        let columns = columns
            .map(|column| Column {
                units: column.units.clone(),
                ranges: part(&column.ranges),
            })
            .collect();
        self.with_fragments(Fragments::assemble(vectors, scope, columns))
    }

    fn is_unit(&self, unit: &ChangeUnitId) -> bool {
        self.formats.change_unit.admits(unit.as_bytes().len())
    }

    /// `None` for an id that is no item's.
    fn item_region(&self, item: &ItemId) -> Option<Region> {
        let format = &self.formats.item;
        if !format.admits(item.as_bytes().len()) {
            return None;
        }
        Some((
            Some(item.clone()).filter(|item| *item > self.lowest),
            item.successor(format),
        ))
    }

    /// `None` where there is no id between the bounds.
    fn region(&self, lower: &ItemId, upper: Option<&ItemId>) -> Option<Region> {
        let format = &self.formats.item;
        let lower = lower.round_up(format)?;
        let upper = upper.and_then(|upper| upper.round_up(format));
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return None;
        }
        Some((Some(lower).filter(|lower| *lower > self.lowest), upper))
    }
}

/// The same everywhere but in some regions, of the scope (`None`) or of change units. Regions are
/// alike or do not overlap; of several alike any one counts.
fn patchwork<'a>(
    usual: &ClockVector,
    pieces: impl IntoIterator<Item = (Option<&'a ChangeUnitId>, Vec<Piece>)>,
) -> Fragments {
    const USUAL: u32 = 0;
    let mut vectors = Vec::from([usual.clone()]);
    let mut scope = RangeSet::uniform(USUAL);
    let mut columns = Vec::new();
    for (unit, mut pieces) in pieces {
        pieces.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        pieces.dedup_by(|(a, _), (b, _)| a == b);
        let mut ranges = RangeSet::uniform(USUAL);
        for ((lower, upper), vector) in pieces {
            ranges.put(lower, vectors.len() as u32);
            vectors.push(vector);
            if let Some(upper) = upper {
                ranges.put(Some(upper), USUAL);
            }
        }
        match unit {
            None => scope = ranges,
            Some(unit) => columns.push(Column {
                units: [unit.clone()].into(),
                ranges,
            }),
        }
    }
    Fragments::assemble(vectors, scope, columns)
}

/// Some vector that is not empty.
fn anything() -> ClockVector {
    [(ReplicaKey::LOCAL, 1)].into_iter().collect()
}

/// What is left of a vector where something, or nothing, is to be kept.
fn kept(mine: &ClockVector, chosen: &ClockVector) -> ClockVector {
    if chosen.is_empty() {
        ClockVector::new()
    } else {
        mine.clone()
    }
}

fn forget(table: &mut VectorTable, slot: u32) -> u32 {
    table.release(slot);
    table.retain(EMPTY)
}

fn learn(table: &mut VectorTable, slot: u32, version: Version) -> u32 {
    if table.vector(slot).contains(version) {
        return slot;
    }
    let mut vector = table.vector(slot).clone();
    vector.raise(version.replica, version.tick);
    table.release(slot);
    table.intern(vector)
}
