//! All change units of all items: one set of ranges for most change units, others for some.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;

use crate::numbering::Numbering;
use crate::range_set::RangeSet;
use crate::vector_table::{EMPTY, VectorTable};
use crate::{ChangeUnitId, ClockVector, IdFormatGroup, ItemId};

/// What is known of each change unit of each item.
///
/// There is one representation of everything that can be known: vectors are distinct, neighbouring
/// ranges differ, no column set knows the same as another or as the scope, and sets are ordered by
/// their least change unit. Only the numbers of slots are arbitrary.
#[derive(Clone, Debug)]
pub(crate) struct Fragments {
    pub(crate) table: VectorTable,
    /// The change units that no column set names. There always are some.
    pub(crate) scope: RangeSet,
    pub(crate) columns: Vec<Column>,
}

/// Some change units of which something else is known than of the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    /// Ascending, never empty.
    pub(crate) units: Vec<ChangeUnitId>,
    pub(crate) ranges: RangeSet,
}

impl Fragments {
    /// The same is known of everything.
    #[inline]
    pub(crate) fn uniform(vector: ClockVector) -> Self {
        let (table, slot) = VectorTable::single(vector);
        Fragments {
            table,
            scope: RangeSet::uniform(slot),
            columns: Vec::new(),
        }
    }

    /// Ranges whose slots are places in `vectors`, which may repeat itself. No change unit may be
    /// named twice.
    pub(crate) fn assemble(
        vectors: Vec<ClockVector>,
        mut scope: RangeSet,
        mut columns: Vec<Column>,
    ) -> Self {
        let (mut table, slots) = VectorTable::distinct(vectors);
        scope.renumber(&slots);
        for column in &mut columns {
            column.ranges.renumber(&slots);
        }
        let columns = joined(columns, &scope);
        for set in core::iter::once(&scope).chain(columns.iter().map(|column| &column.ranges)) {
            for slot in set.slots() {
                table.retain(slot);
            }
        }
        table.shrink();
        Fragments {
            table,
            scope,
            columns,
        }
    }

    /// The vector of everything, if it is the same everywhere.
    #[inline]
    pub(crate) fn as_uniform(&self) -> Option<&ClockVector> {
        self.uniform_slot().map(|slot| self.table.vector(slot))
    }

    /// Changes every vector.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(&mut ClockVector)) {
        if let Some(slot) = self.uniform_slot() {
            self.table.change(slot, &mut change);
            if self.table.vector(slot).is_empty() {
                // It was empty before, or has become so.
                let mut vector = ClockVector::new();
                if slot == EMPTY {
                    change(&mut vector);
                }
                *self = Fragments::uniform(vector);
            }
            return;
        }
        let Fragments {
            table,
            scope,
            columns,
        } = self.take();
        let mut vectors = table.into_vectors();
        vectors.iter_mut().for_each(change);
        *self = Fragments::assemble(vectors, scope, columns);
    }

    /// The ranges that hold a change unit.
    pub(crate) fn ranges_of(&self, unit: &[u8]) -> &RangeSet {
        let named = self.columns.iter().find(|column| {
            column
                .units
                .binary_search_by(|named| named.as_bytes().cmp(unit))
                .is_ok()
        });
        named.map_or(&self.scope, |column| &column.ranges)
    }

    /// Every set of ranges: the scope's, then those of the column sets.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &RangeSet> {
        core::iter::once(&self.scope).chain(self.columns.iter().map(|column| &column.ranges))
    }

    /// The vector of every range.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = &ClockVector> {
        self.sets()
            .flat_map(RangeSet::slots)
            .map(|slot| self.table.vector(slot))
    }

    /// What `join` makes of both vectors, everywhere.
    pub(crate) fn lift(
        &self,
        other: &Fragments,
        mut join: impl FnMut(&ClockVector, &ClockVector) -> ClockVector,
    ) -> Fragments {
        if let (Some(a), Some(b)) = (self.as_uniform(), other.as_uniform()) {
            return Fragments::uniform(join(a, b));
        }
        let mut vectors = Vec::new();
        let mut known = BTreeMap::new();
        let mut sets = Vec::new();
        for (units, a, b) in self.pairs(other) {
            let mut ranges = RangeSet::uniform(0);
            a.walk(b, |lower, x, y| {
                let place = *known.entry((x, y)).or_insert_with(|| {
                    vectors.push(join(self.table.vector(x), other.table.vector(y)));
                    (vectors.len() - 1) as u32
                });
                ranges.put(lower.cloned(), place);
                true
            });
            sets.push(Column { units, ranges });
        }
        let scope = sets.remove(0).ranges;
        Fragments::assemble(vectors, scope, sets)
    }

    /// Whether `test` holds for both vectors, everywhere.
    pub(crate) fn all(
        &self,
        other: &Fragments,
        mut test: impl FnMut(&ClockVector, &ClockVector) -> bool,
    ) -> bool {
        if let (Some(a), Some(b)) = (self.as_uniform(), other.as_uniform()) {
            return test(a, b);
        }
        let mut tested = BTreeSet::new();
        let mut all = true;
        for (_, a, b) in self.pairs(other) {
            a.walk(b, |_, x, y| {
                if tested.insert((x, y)) {
                    all = all && test(self.table.vector(x), other.table.vector(y));
                }
                all
            });
        }
        all
    }

    /// Without column sets: of every item what `join` makes of what is known of its change units.
    pub(crate) fn folded(
        &self,
        join: impl Fn(&ClockVector, &ClockVector) -> ClockVector,
    ) -> Cow<'_, Fragments> {
        if self.columns.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut numbering = Numbering::of(&self.table);
        let mut parts: Vec<Fragments> = Vec::with_capacity(self.columns.len() + 1);
        for ranges in self.sets() {
            let (vectors, numbered) = numbering.of_ranges(ranges);
            let mut alone = RangeSet::uniform(EMPTY);
            numbered.for_each(|(lower, number)| alone.put(lower.cloned(), number));
            let vectors = vectors.into_iter().cloned().collect();
            parts.push(Fragments::assemble(vectors, alone, Vec::new()));
        }
        // Two and two, then two of these: every range is walked along a few times only.
        while parts.len() > 1 {
            let pairs = parts.chunks(2).map(|pair| match pair {
                [one, other] => one.lift(other, &join),
                rest => rest[0].clone(),
            });
            parts = pairs.collect();
        }
        parts.pop().map_or(Cow::Borrowed(self), Cow::Owned)
    }

    /// The same with all bounds moved up to item ids of the formats, and without change units that
    /// they do not admit.
    pub(crate) fn fitted(&self, formats: &IdFormatGroup) -> Fragments {
        let format = &formats.item;
        let lowest = ItemId::lowest(format);
        let admitted = |unit: &&ChangeUnitId| formats.change_unit.admits(unit.as_bytes().len());
        let fit = |ranges: &RangeSet| {
            let mut fitted = RangeSet::uniform(EMPTY);
            for (lower, _, slot) in ranges.parts() {
                match lower.map(|lower| lower.round_up(format)) {
                    Some(None) => break,
                    lower => fitted.put(lower.flatten().filter(|lower| *lower != lowest), slot),
                }
            }
            fitted
        };
        let columns = self.columns.iter().map(|column| Column {
            units: column.units.iter().filter(admitted).cloned().collect(),
            ranges: fit(&column.ranges),
        });
        let vectors = self.table.clone().into_vectors();
        Fragments::assemble(vectors, fit(&self.scope), columns.collect())
    }

    /// Gives the items from `lower` (`None` for the lowest) up to `upper` another vector. `change`
    /// gives up one use of the old slot and takes one of the new.
    pub(crate) fn edit(
        &mut self,
        lower: Option<&ItemId>,
        upper: Option<&ItemId>,
        mut change: impl FnMut(&mut VectorTable, u32) -> u32,
    ) {
        self.scope.edit(&mut self.table, lower, upper, &mut change);
        if self.columns.is_empty() {
            return;
        }
        for column in &mut self.columns {
            column
                .ranges
                .edit(&mut self.table, lower, upper, &mut change);
        }
        self.reassemble();
    }

    /// Like [`Self::edit`], for one change unit.
    pub(crate) fn edit_unit(
        &mut self,
        unit: &ChangeUnitId,
        lower: Option<&ItemId>,
        upper: Option<&ItemId>,
        mut change: impl FnMut(&mut VectorTable, u32) -> u32,
    ) {
        let mut ranges = self.ranges_of(unit.as_bytes()).clone();
        for slot in ranges.slots() {
            self.table.retain(slot);
        }
        ranges.edit(&mut self.table, lower, upper, &mut change);
        for column in &mut self.columns {
            column.units.retain(|named| named != unit);
        }
        self.columns.push(Column {
            units: [unit.clone()].into(),
            ranges,
        });
        self.reassemble();
    }

    /// Every set of change units between which neither side tells apart, with the ranges of both
    /// sides; the scope comes first, with no units.
    pub(crate) fn pairs<'a>(
        &'a self,
        other: &'a Fragments,
    ) -> Vec<(Vec<ChangeUnitId>, &'a RangeSet, &'a RangeSet)> {
        let mut places: BTreeMap<&ChangeUnitId, [Option<usize>; 2]> = BTreeMap::new();
        for (side, columns) in [&self.columns, &other.columns].into_iter().enumerate() {
            for (place, column) in columns.iter().enumerate() {
                for unit in &column.units {
                    places.entry(unit).or_default()[side] = Some(place);
                }
            }
        }
        let mut units: BTreeMap<[Option<usize>; 2], Vec<ChangeUnitId>> = BTreeMap::new();
        for (unit, places) in places {
            units.entry(places).or_default().push(unit.clone());
        }
        let ranges = |fragments: &'a Fragments, place: Option<usize>| {
            place.map_or(&fragments.scope, |place| &fragments.columns[place].ranges)
        };
        let scope = (Vec::new(), &self.scope, &other.scope);
        let columns = units
            .into_iter()
            .map(|([x, y], units)| (units, ranges(self, x), ranges(other, y)));
        core::iter::once(scope).chain(columns).collect()
    }

    #[inline]
    fn uniform_slot(&self) -> Option<u32> {
        self.scope.as_uniform().filter(|_| self.columns.is_empty())
    }

    fn reassemble(&mut self) {
        let Fragments {
            table,
            scope,
            columns,
        } = self.take();
        *self = Fragments::assemble(table.into_vectors(), scope, columns);
    }

    fn take(&mut self) -> Fragments {
        mem::replace(self, Fragments::uniform(ClockVector::new()))
    }
}

/// The same vectors everywhere, whatever their slots. Since there is one representation, the same
/// bounds follow.
impl PartialEq for Fragments {
    fn eq(&self, other: &Self) -> bool {
        self.all(other, |mine, theirs| mine == theirs)
    }
}

impl Eq for Fragments {}

/// Column sets in the order of their least change units, none like another, none like the scope.
fn joined(columns: Vec<Column>, scope: &RangeSet) -> Vec<Column> {
    let mut units: BTreeMap<RangeSet, Vec<ChangeUnitId>> = BTreeMap::new();
    for mut column in columns {
        if !column.units.is_empty() && column.ranges != *scope {
            units
                .entry(column.ranges)
                .or_default()
                .append(&mut column.units);
        }
    }
    let mut joined: Vec<Column> = units
        .into_iter()
        .map(|(ranges, mut units)| {
            units.sort_unstable();
            Column { units, ranges }
        })
        .collect();
    joined.sort_unstable_by(|a, b| a.units.cmp(&b.units));
    joined
}
