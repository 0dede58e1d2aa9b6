//! What a replica knows.

use alloc::sync::Arc;
use core::fmt;

use crate::fragments::Fragments;
use crate::{
    ClockVector, IdFormat, IdFormatGroup, ItemId, ReplicaId, ReplicaKey, ReplicaKeyMap, Tick,
    Version,
};

/// What a replica knows: for every change unit of every item, up to which tick of each replica its
/// changes have arrived.
///
/// Most items share one clock vector; others, lying in ranges of ids, have vectors of their own
/// because their changes failed to be applied, or came alone. Malkhi and Terry call this a concise
/// version vector with exceptions.
///
/// **Change units.** What is said of an item holds for all its change units unless a
/// [column set](crate::KnowledgeInspector::column_sets) says something else of some. The rest, the
/// *scope*, always counts, even where column sets name every change unit that the format admits: it
/// is what is known of the item as such, that it came or went. An item's version is contained where
/// it is for the scope and for every change unit that is named.
///
/// **One form.** However it came about, equal knowledge over the same key map has one
/// representation, and equal bytes where the replica formats are equal, too. `==` is containment
/// both ways, replicas matched by id, over the same formats of items and change units; key maps and
/// replica formats may differ, and the bytes then do.
///
/// **Total.** No operation fails. A replica key that the key map does not hold has no changes to
/// know. An id that the item format does not admit names no item, and one that the change unit
/// format does not admit no change unit: to learn or forget something about it changes nothing,
/// and a projection onto it contains nothing. Questions do not look at the format: whatever bytes
/// they name lie in some range, whose vector is the answer. As a bound of a range an id that is not
/// admitted stands for the least id above it.
///
/// ```
/// use sync_knowledge::{ItemId, Knowledge, ReplicaId, Version};
///
/// let mut here = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// let there = here.find_or_add_replica(&ReplicaId::from_bytes(b"replica there .."));
/// here.set_local_tick(634);
/// here.raise(there, 2023);
///
/// let row = ItemId::from_text("[t]-1");
/// assert!(here.contains(row.as_bytes(), Version::new(there, 2000)));
/// here.exclude_item(&row);
/// assert!(!here.contains(row.as_bytes(), Version::new(there, 2000)));
/// assert!(here.contains(ItemId::from_text("[t]-2").as_bytes(), Version::new(there, 2000)));
/// ```
#[derive(Clone)]
pub struct Knowledge {
    pub(crate) formats: IdFormatGroup,
    /// Shared by knowledges that stem from one another, which makes it quick to see that their keys
    /// mean the same.
    pub(crate) key_map: Arc<ReplicaKeyMap>,
    pub(crate) fragments: Fragments,
    /// The lowest item id, for whoever asks for the first range's bound.
    pub(crate) lowest: ItemId,
}

/// Items that follow each other, and what is known of them.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Range<'a> {
    /// The first id of the range.
    pub lower_bound: &'a ItemId,
    /// The first id after the range, `None` for the range that reaches to the end.
    pub upper_bound: Option<&'a ItemId>,
    /// What is known of these items.
    pub vector: &'a ClockVector,
}

impl Knowledge {
    /// Knows nothing yet, over the id formats of the database providers.
    pub fn new(own: ReplicaId) -> Self {
        Knowledge::with_formats(IdFormatGroup::DATABASE, ReplicaKeyMap::new(own))
    }

    /// Knows nothing yet. A replica format that does not admit the ids of `key_map` is made
    /// variable and as long as they need; lengths that cannot be written are moved to the nearest
    /// that can.
    pub fn with_formats(formats: IdFormatGroup, key_map: ReplicaKeyMap) -> Self {
        Knowledge::from_parts(
            formats,
            Arc::new(key_map),
            Fragments::uniform(ClockVector::new()),
        )
    }

    pub(crate) fn from_parts(
        formats: IdFormatGroup,
        key_map: Arc<ReplicaKeyMap>,
        fragments: Fragments,
    ) -> Self {
        let formats = formats.admissible();
        let lowest = ItemId::lowest(&formats.item);
        let mut knowledge = Knowledge {
            formats,
            key_map,
            fragments,
            lowest,
        };
        let formats = &mut knowledge.formats;
        knowledge
            .key_map
            .iter()
            .for_each(|(_, id)| widen(&mut formats.replica, id));
        knowledge
    }

    /// How long ids are.
    pub fn formats(&self) -> IdFormatGroup {
        self.formats
    }

    /// The replicas behind the keys, the owner first.
    pub fn key_map(&self) -> &ReplicaKeyMap {
        &self.key_map
    }

    /// The key of a replica, which is added to the key map if it is new. Nothing is known of a new
    /// one. An id that the replica format does not admit makes that format variable.
    pub fn find_or_add_replica(&mut self, id: &ReplicaId) -> ReplicaKey {
        self.key_map.key(id).unwrap_or_else(|| {
            widen(&mut self.formats.replica, id);
            Arc::make_mut(&mut self.key_map).find_or_add(id)
        })
    }

    /// The owner's tick as last set: the greatest over all ranges.
    pub fn local_tick(&self) -> Tick {
        let ticks = self
            .fragments
            .vectors()
            .map(|vector| vector.tick(ReplicaKey::LOCAL));
        ticks.max().unwrap_or(0)
    }

    /// States that the owner knows its own changes up to `tick`, and no others, of every item
    /// (Windows Sync's SetLocalTickCount). To be done before knowledge leaves its replica.
    ///
    /// It holds also for ranges that were excluded before: whatever of others' changes failed to
    /// arrive there, the owner's own are its own. Unlike [`Self::raise`] it can go back.
    pub fn set_local_tick(&mut self, tick: Tick) {
        self.fragments
            .change_all(|vector| vector.set(ReplicaKey::LOCAL, tick));
    }

    /// Adds all changes of one replica up to `tick`, of every item. Never lowers a tick.
    pub fn raise(&mut self, replica: ReplicaKey, tick: Tick) {
        if self.key_map.id(replica).is_some() {
            self.fragments
                .change_all(|vector| vector.raise(replica, tick));
        }
    }

    /// Whether a change of an item is contained, for every change unit of the item.
    ///
    /// Costs the logarithms of the number of ranges and of replicas; a single range is not searched
    /// for. Whoever has many questions where the same is known of all, see [`Self::is_uniform`], asks
    /// [`Self::vector_at`] once and then the vector, which is twice as quick.
    #[inline]
    pub fn contains(&self, item: &[u8], version: Version) -> bool {
        match self.fragments.as_uniform() {
            Some(vector) => vector.contains(version),
            None => self.contains_in_range(item, version),
        }
    }

    fn contains_in_range(&self, item: &[u8], version: Version) -> bool {
        self.fragments.sets().all(|ranges| {
            self.fragments
                .table
                .vector(ranges.slot_of(item))
                .contains(version)
        })
    }

    /// Whether a change of one change unit of an item is contained.
    pub fn contains_change_unit(&self, item: &[u8], unit: &[u8], version: Version) -> bool {
        self.vector_at(item, unit).contains(version)
    }

    /// Whether the same is known of all change units of all items, so that nobody needs to know the
    /// item to ask what is contained.
    #[inline]
    pub fn is_uniform(&self) -> bool {
        self.fragments.as_uniform().is_some()
    }

    /// [`Self::contains`] for whatever item, where the same is known of all.
    #[inline]
    pub fn contains_uniform(&self, version: Version) -> Option<bool> {
        self.fragments
            .as_uniform()
            .map(|vector| vector.contains(version))
    }

    /// The tick up to which the changes of `replica` to an item are contained, for every change
    /// unit.
    pub fn tick_at(&self, item: &[u8], replica: ReplicaKey) -> Tick {
        let slots = self.fragments.sets().map(|ranges| ranges.slot_of(item));
        slots
            .map(|slot| self.fragments.table.vector(slot).tick(replica))
            .min()
            .unwrap_or(0)
    }

    /// What is known of one change unit of an item.
    pub fn vector_at(&self, item: &[u8], unit: &[u8]) -> &ClockVector {
        self.fragments
            .table
            .vector(self.fragments.ranges_of(unit).slot_of(item))
    }

    /// The tick up to which the changes of a replica are contained whatever the item: the least of
    /// all ranges, 0 where one of them has none. A change above it may be unknown, one below never
    /// is.
    pub fn find_min_tick_count_for_replica(&self, id: &ReplicaId) -> Tick {
        let Some(key) = self.key_map.key(id) else {
            return 0;
        };
        self.fragments
            .vectors()
            .map(|vector| vector.tick(key))
            .min()
            .unwrap_or(0)
    }

    /// The greatest tick of any replica that `wanted` picks, over all ranges; 0 if there is none.
    pub fn max_tick_where(&self, wanted: impl Fn(&ReplicaId) -> bool) -> Tick {
        let wanted: alloc::vec::Vec<bool> = self.key_map.iter().map(|(_, id)| wanted(id)).collect();
        let elements = self.fragments.vectors().flat_map(ClockVector::iter);
        let ticks = elements.filter(|(key, _)| wanted.get(key.0 as usize) == Some(&true));
        ticks.map(|(_, tick)| tick).max().unwrap_or(0)
    }

    /// The ranges of all items in ascending order, for the change units that no column set names:
    /// Sync Framework's ScopeRangeSet. The first begins with the lowest id, neighbours differ.
    pub fn ranges(&self) -> impl Iterator<Item = Range<'_>> {
        self.view(self.fragments.scope.parts())
    }

    /// Those of [`Self::ranges`] that hold an id from `lower` up to, not including, `upper` (`None`
    /// for no end). They are given whole: the first may begin before `lower`.
    pub fn ranges_within(
        &self,
        lower: &ItemId,
        upper: Option<&ItemId>,
    ) -> impl Iterator<Item = Range<'_>> {
        let wanted = upper.is_none_or(|upper| lower < upper);
        let upper = upper.map(ItemId::as_bytes);
        let parts = wanted.then(|| self.fragments.scope.parts_within(lower.as_bytes(), upper));
        self.view(parts.into_iter().flatten())
    }

    pub(crate) fn view<'a>(
        &'a self,
        parts: impl Iterator<Item = crate::range_set::Part<'a>>,
    ) -> impl Iterator<Item = Range<'a>> {
        parts.map(|(lower, upper_bound, slot)| Range {
            lower_bound: lower.unwrap_or(&self.lowest),
            upper_bound,
            vector: self.fragments.table.vector(slot),
        })
    }
}

/// Makes a replica format admit an id. Unlike items, replicas may have an id without bytes.
#[inline]
pub(crate) fn widen(format: &mut IdFormat, id: &ReplicaId) {
    let length = id.as_bytes().len();
    if !format.admits(length) {
        let longest = u16::try_from(length).unwrap_or(u16::MAX);
        *format = IdFormat::variable(format.length.max(longest));
    }
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Knowledge");
        out.field(
            "replicas",
            &self
                .key_map
                .iter()
                .map(|(_, id)| id)
                .collect::<alloc::vec::Vec<_>>(),
        );
        for range in self.ranges() {
            out.field("from", range.lower_bound)
                .field("vector", range.vector);
        }
        for column in &self.fragments.columns {
            out.field("change_units", &column.units);
            for range in self.view(column.ranges.parts()) {
                out.field("from", range.lower_bound)
                    .field("vector", range.vector);
            }
        }
        out.finish()
    }
}
