//! All items, cut into ranges about each of which the same is known.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::ItemId;
use crate::vector_table::VectorTable;

/// The ranges of all items in ascending order, each with the slot of its clock vector. A range
/// reaches to the beginning of the next; neighbours differ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RangeSet {
    /// The slot of the first range, which begins with the lowest id.
    first: u32,
    /// The further ranges.
    rest: Vec<Bound>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Bound {
    lower: ItemId,
    slot: u32,
}

/// A range: its lower bound (`None` for the lowest id), the next range's (`None` for none), its
/// slot.
pub(crate) type Part<'a> = (Option<&'a ItemId>, Option<&'a ItemId>, u32);

impl RangeSet {
    /// One range of all items.
    pub(crate) const fn uniform(slot: u32) -> Self {
        RangeSet {
            first: slot,
            rest: Vec::new(),
        }
    }

    /// The slot of all items, if they share one.
    #[inline]
    pub(crate) fn as_uniform(&self) -> Option<u32> {
        self.rest.is_empty().then_some(self.first)
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.rest.len() + 1
    }

    /// The slot of an item.
    #[inline]
    pub(crate) fn slot_of(&self, item: &[u8]) -> u32 {
        self.slot_at(self.position(item))
    }

    /// The ranges in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.parts_between(0, self.rest.len())
    }

    /// The ranges that hold an id from `lower` up to `upper`, in order.
    pub(crate) fn parts_within(
        &self,
        lower: &[u8],
        upper: Option<&[u8]>,
    ) -> impl Iterator<Item = Part<'_>> {
        let last = upper.map_or(self.rest.len(), |upper| {
            self.rest
                .partition_point(|bound| bound.lower.as_bytes() < upper)
        });
        self.parts_between(self.position(lower), last)
    }

    /// The slots in order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        core::iter::once(self.first).chain(self.rest.iter().map(|bound| bound.slot))
    }

    /// Adds a range behind the others: from `lower` on (`None` for the lowest id) `slot` counts. Of
    /// ranges with the same lower bound the last one does.
    pub(crate) fn put(&mut self, lower: Option<ItemId>, slot: u32) {
        let Some(lower) = lower else {
            return *self = RangeSet::uniform(slot);
        };
        self.rest.pop_if(|last| last.lower == lower);
        if self.slot_at(self.rest.len()) != slot {
            self.rest.push(Bound { lower, slot });
        }
    }

    /// Renames every slot; neighbours that get the same become one.
    pub(crate) fn renumber(&mut self, slots: &[u32]) {
        self.first = slots[self.first as usize];
        let mut before = self.first;
        self.rest.retain_mut(|bound| {
            bound.slot = slots[bound.slot as usize];
            core::mem::replace(&mut before, bound.slot) != bound.slot
        });
    }

    /// Walks along two sets: `met` gets the beginning (`None` for the lowest id) and both slots of
    /// every range that neither of them cuts. Stops where `met` returns false.
    pub(crate) fn walk<'a>(
        &'a self,
        other: &'a RangeSet,
        mut met: impl FnMut(Option<&'a ItemId>, u32, u32) -> bool,
    ) {
        let (mut a, mut b) = (&self.rest[..], &other.rest[..]);
        let (mut x, mut y) = (self.first, other.first);
        let mut lower = None;
        while met(lower, x, y) {
            let order = match (a.first(), b.first()) {
                (Some(a), Some(b)) => a.lower.cmp(&b.lower),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            if order.is_le() {
                (lower, x) = (Some(&a[0].lower), a[0].slot);
                a = &a[1..];
            }
            if order.is_ge() {
                (lower, y) = (Some(&b[0].lower), b[0].slot);
                b = &b[1..];
            }
        }
    }

    /// Gives every range from `lower` (`None` for the lowest id) up to `upper` another slot,
    /// cutting ranges at the bounds. `change` gives up one use of the old slot and takes one of the
    /// new.
    pub(crate) fn edit(
        &mut self,
        table: &mut VectorTable,
        lower: Option<&ItemId>,
        upper: Option<&ItemId>,
        change: &mut impl FnMut(&mut VectorTable, u32) -> u32,
    ) {
        if let (Some(lower), Some(upper)) = (lower, upper)
            && upper <= lower
        {
            return;
        }
        let begin = lower.map_or(0, |lower| self.cut(table, lower));
        let end = upper.map_or(self.len(), |upper| self.cut(table, upper));
        for at in begin..end {
            let slot = change(table, self.slot_at(at));
            *self.slot_mut(at) = slot;
        }
        self.join(table, begin, end);
    }

    /// Makes a range begin at `id` and returns its place.
    fn cut(&mut self, table: &mut VectorTable, id: &ItemId) -> usize {
        let at = self.position(id.as_bytes());
        if at > 0 && self.rest[at - 1].lower == *id {
            return at;
        }
        let slot = table.retain(self.slot_at(at));
        self.rest.insert(
            at,
            Bound {
                lower: id.clone(),
                slot,
            },
        );
        at + 1
    }

    /// Makes one range of neighbours with the same slot, from the range at `begin` to that at
    /// `end`, both compared with the one before.
    fn join(&mut self, table: &mut VectorTable, begin: usize, end: usize) {
        let window = begin.max(1)..(end + 1).min(self.len());
        let mut kept = window.start;
        for at in window.clone() {
            let slot = self.slot_at(at);
            if slot == self.slot_at(kept - 1) {
                table.release(slot);
            } else {
                self.rest.swap(kept - 1, at - 1);
                kept += 1;
            }
        }
        if kept < window.end {
            self.rest.drain(kept - 1..window.end - 1);
        }
    }

    /// The place of the range that holds an id.
    fn position(&self, item: &[u8]) -> usize {
        self.rest
            .partition_point(|bound| bound.lower.as_bytes() <= item)
    }

    fn slot_at(&self, at: usize) -> u32 {
        if at == 0 {
            self.first
        } else {
            self.rest[at - 1].slot
        }
    }

    fn slot_mut(&mut self, at: usize) -> &mut u32 {
        if at == 0 {
            &mut self.first
        } else {
            &mut self.rest[at - 1].slot
        }
    }

    /// The ranges from one place to another, both included; none where the second comes first.
    fn parts_between(&self, begin: usize, last: usize) -> impl Iterator<Item = Part<'_>> {
        (begin..last + 1).map(move |at| {
            let lower = (at > 0).then(|| &self.rest[at - 1].lower);
            (
                lower,
                self.rest.get(at).map(|bound| &bound.lower),
                self.slot_at(at),
            )
        })
    }
}
