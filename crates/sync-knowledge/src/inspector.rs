//! Knowledge taken apart.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::{ChangeUnitId, ClockVector, ItemId, Knowledge, Range};

/// A view of all that a knowledge holds, in the two shapes of Sync Framework.
///
/// That of version 2: sets of ranges, the scope's and those of the column sets
/// (KnowledgeFragmentInspector). That of version 1: one clock vector and overrides of it for ranges
/// and single items (KnowledgeInspector).
///
/// ```
/// use sync_knowledge::{ItemId, Knowledge, KnowledgeInspector, Override, ReplicaId};
///
/// let mut knowledge = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// knowledge.set_local_tick(7);
/// let row = ItemId::from_text("[t]-1");
/// knowledge.exclude_item(&row);
///
/// let inspector = KnowledgeInspector::new(&knowledge);
/// assert_eq!(inspector.scope_clock_vector().len(), 1);
/// let overrides = inspector.overrides();
/// assert!(matches!(overrides[..], [Override::Item { item, .. }] if *item == row));
/// ```
#[derive(Copy, Clone, Debug)]
pub struct KnowledgeInspector<'a> {
    knowledge: &'a Knowledge,
}

/// The change units of which something else is known than of the rest.
#[derive(Copy, Clone, Debug)]
pub struct ColumnSet<'a> {
    knowledge: &'a Knowledge,
    place: usize,
}

/// Items of which something else is known than of most.
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub enum Override<'a> {
    /// A single item.
    Item {
        /// Its id.
        item: &'a ItemId,
        /// What is known of it.
        vector: &'a ClockVector,
    },
    /// A range of items.
    Range(Range<'a>),
}

impl<'a> KnowledgeInspector<'a> {
    /// Looks at a knowledge.
    pub fn new(knowledge: &'a Knowledge) -> Self {
        KnowledgeInspector { knowledge }
    }

    /// The ranges of the change units that no column set names.
    pub fn scope_ranges(&self) -> impl Iterator<Item = Range<'a>> + use<'a> {
        self.knowledge.view(self.knowledge.fragments.scope.parts())
    }

    /// The column sets, by their least change unit.
    pub fn column_sets(&self) -> impl Iterator<Item = ColumnSet<'a>> + use<'a> {
        let knowledge = self.knowledge;
        (0..knowledge.fragments.columns.len()).map(move |place| ColumnSet { knowledge, place })
    }

    /// The clock vector that most of the scope's ranges have; of several the one that comes first.
    pub fn scope_clock_vector(&self) -> &'a ClockVector {
        self.knowledge.fragments.table.vector(self.scope_slot())
    }

    /// The scope's ranges that have another vector than that.
    pub fn overrides(&self) -> Vec<Override<'a>> {
        let format = self.knowledge.formats.item;
        let vector = self.scope_clock_vector();
        let others = self.scope_ranges().filter(|range| range.vector != vector);
        let overrides = others.map(|range| match range.upper_bound {
            Some(upper) if range.lower_bound.successor(&format).as_ref() == Some(upper) => {
                Override::Item {
                    item: range.lower_bound,
                    vector: range.vector,
                }
            }
            _ => Override::Range(range),
        });
        overrides.collect()
    }

    fn scope_slot(&self) -> u32 {
        let mut uses: BTreeMap<u32, usize> = BTreeMap::new();
        let slots = || self.knowledge.fragments.scope.slots();
        slots().for_each(|slot| *uses.entry(slot).or_default() += 1);
        let most = uses.values().copied().max();
        slots()
            .find(|slot| uses.get(slot).copied() == most)
            .unwrap_or_default()
    }
}

impl<'a> ColumnSet<'a> {
    /// The change units, ascending.
    pub fn change_units(&self) -> &'a [ChangeUnitId] {
        &self.knowledge.fragments.columns[self.place].units
    }

    /// What is known of them, range by range.
    pub fn ranges(&self) -> impl Iterator<Item = Range<'a>> + use<'a> {
        self.knowledge
            .view(self.knowledge.fragments.columns[self.place].ranges.parts())
    }
}
