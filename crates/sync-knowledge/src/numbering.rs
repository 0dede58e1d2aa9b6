//! The clock vectors of one set of ranges, numbered as they come.

use alloc::vec::Vec;

use crate::range_set::RangeSet;
use crate::vector_table::{EMPTY, VectorTable};
use crate::{ClockVector, ItemId};

/// Gives the vectors that a set of ranges uses numbers from 1 on, in the order in which its ranges
/// first have them, after the empty one with number 0.
///
/// It serves any number of sets of one table, each at a cost that depends on its ranges and not on
/// the table.
pub(crate) struct Numbering<'a> {
    table: &'a VectorTable,
    /// The number of each slot that the set at hand uses.
    numbers: Vec<Option<u32>>,
}

impl<'a> Numbering<'a> {
    pub(crate) fn of(table: &'a VectorTable) -> Self {
        Numbering {
            table,
            numbers: alloc::vec![None; table.len()],
        }
    }

    /// The vectors by number, and the ranges with the number of the vector of each; a lower bound
    /// is `None` for the lowest id.
    pub(crate) fn of_ranges<'r>(
        &mut self,
        ranges: &'r RangeSet,
    ) -> (
        Vec<&'a ClockVector>,
        impl ExactSizeIterator<Item = (Option<&'r ItemId>, u32)> + use<'r>,
    ) {
        self.numbers[EMPTY as usize] = Some(0);
        let mut vectors = Vec::from([self.table.vector(EMPTY)]);
        let mut numbered = Vec::with_capacity(ranges.len());
        for (lower, _, slot) in ranges.parts() {
            let number = *self.numbers[slot as usize].get_or_insert_with(|| {
                vectors.push(self.table.vector(slot));
                (vectors.len() - 1) as u32
            });
            numbered.push((lower, number));
        }
        for slot in ranges.slots() {
            self.numbers[slot as usize] = None;
        }
        (vectors, numbered.into_iter())
    }
}
