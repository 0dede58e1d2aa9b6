//! Each distinct clock vector of a knowledge, once.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::ClockVector;

/// The slot of the vector that contains nothing.
pub(crate) const EMPTY: u32 = 0;

/// The clock vectors that the ranges of a knowledge refer to by slot. No two used slots hold equal
/// vectors, so equal vectors are equal slots. Slot 0 is the empty vector.
#[derive(Clone, Debug)]
pub(crate) struct VectorTable {
    /// Slot 1, in place: most knowledge has no other.
    first: Slot,
    /// The slots from 2 on.
    further: Vec<Slot>,
    /// Made when a vector is first looked for: knowledge that is only read or joined never pays for
    /// it.
    index: Option<Box<Index>>,
}

/// Where each vector is.
#[derive(Clone, Default, Debug)]
struct Index {
    /// The fingerprints of the vectors in used slots, with the slots.
    used: BTreeSet<(u64, u32)>,
    free: Vec<u32>,
}

#[derive(Clone, Default, Debug)]
struct Slot {
    vector: ClockVector,
    /// How many ranges refer to it. A slot without uses is free.
    uses: u32,
}

static NOTHING: ClockVector = ClockVector::new();

impl VectorTable {
    /// The table that has no vector but the empty one.
    pub(crate) fn new() -> Self {
        VectorTable {
            first: Slot::default(),
            further: Vec::new(),
            index: None,
        }
    }

    /// The table of one vector, used once, and its slot.
    #[inline]
    pub(crate) fn single(vector: ClockVector) -> (Self, u32) {
        let slot = if vector.is_empty() { EMPTY } else { 1 };
        let first = Slot { vector, uses: slot };
        (
            VectorTable {
                first,
                further: Vec::new(),
                index: None,
            },
            slot,
        )
    }

    /// The table of these vectors, none of them used yet, and the slot of each.
    pub(crate) fn distinct(vectors: Vec<ClockVector>) -> (Self, Vec<u32>) {
        let mut order: Vec<(u64, usize)> = vectors
            .iter()
            .map(ClockVector::fingerprint)
            .zip(0..)
            .collect();
        order.sort_unstable_by(|(a, x), (b, y)| {
            a.cmp(b)
                .then_with(|| vectors[*x].order(&vectors[*y]))
                .then(x.cmp(y))
        });
        // The first of several equal ones stands for all; slots follow the order of first ones.
        let mut first: Vec<usize> = (0..vectors.len()).collect();
        for pair in order.windows(2) {
            let ((a, x), (b, y)) = (pair[0], pair[1]);
            if a == b && vectors[x] == vectors[y] {
                first[y] = first[x];
            }
        }
        let mut table = VectorTable::new();
        let mut slots: Vec<u32> = Vec::with_capacity(vectors.len());
        for (at, vector) in vectors.into_iter().enumerate() {
            let slot = match first[at] {
                _ if vector.is_empty() => EMPTY,
                earlier if earlier < at => slots[earlier],
                _ => table.add(vector),
            };
            slots.push(slot);
        }
        (table, slots)
    }

    /// The vector in a slot.
    #[inline]
    pub(crate) fn vector(&self, slot: u32) -> &ClockVector {
        match slot {
            EMPTY => &NOTHING,
            1 => &self.first.vector,
            _ => &self.further[slot as usize - 2].vector,
        }
    }

    /// Changes the vector of a slot into one that no other used slot holds. The empty vector cannot
    /// be changed.
    pub(crate) fn change(&mut self, slot: u32, change: impl FnOnce(&mut ClockVector)) {
        if let Some(slot) = self.slot(slot) {
            change(&mut slot.vector);
            // It is no longer where the index has it.
            self.index = None;
        }
    }

    /// How many slots there are, the free ones included.
    pub(crate) fn len(&self) -> usize {
        self.further.len() + 2
    }

    /// The vectors by slot.
    pub(crate) fn into_vectors(self) -> Vec<ClockVector> {
        let further = self.further.into_iter().map(|slot| slot.vector);
        [ClockVector::new(), self.first.vector]
            .into_iter()
            .chain(further)
            .collect()
    }

    /// Counts one more use of a slot.
    pub(crate) fn retain(&mut self, slot: u32) -> u32 {
        if let Some(slot) = self.slot(slot) {
            slot.uses += 1;
        }
        slot
    }

    /// Counts one use less; the last one frees the slot.
    pub(crate) fn release(&mut self, slot: u32) {
        let number = slot;
        let Some(slot) = self.slot(number) else {
            return;
        };
        slot.uses -= 1;
        if slot.uses > 0 {
            return;
        }
        let freed = core::mem::take(slot);
        if let Some(index) = &mut self.index {
            index.used.remove(&(freed.vector.fingerprint(), number));
            index.free.push(number);
        }
    }

    /// Frees what has no use.
    pub(crate) fn shrink(&mut self) {
        for (slot, _) in self.slots().filter(|(slot, _)| slot.uses == 0) {
            *slot = Slot::default();
        }
        self.index = None;
    }

    /// The slot of a vector, with one more use; a free or new one if the vector is new.
    pub(crate) fn intern(&mut self, vector: ClockVector) -> u32 {
        if vector.is_empty() {
            return EMPTY;
        }
        let fingerprint = vector.fingerprint();
        let index = self.index.take().unwrap_or_else(|| self.indexed());
        let alike = index.used.range((fingerprint, 0)..=(fingerprint, u32::MAX));
        let known = alike
            .map(|(_, slot)| *slot)
            .find(|slot| *self.vector(*slot) == vector);
        let index = self.index.insert(index);
        if let Some(known) = known {
            return self.retain(known);
        }
        let free = index.free.pop();
        let number = free.unwrap_or_else(|| self.add(ClockVector::new()));
        if let Some(slot) = self.slot(number) {
            *slot = Slot { vector, uses: 1 };
        }
        if let Some(index) = &mut self.index {
            index.used.insert((fingerprint, number));
        }
        number
    }

    fn indexed(&mut self) -> Box<Index> {
        let mut index = Index::default();
        for (slot, number) in self.slots() {
            if slot.uses == 0 {
                index.free.push(number);
            } else {
                index.used.insert((slot.vector.fingerprint(), number));
            }
        }
        Box::new(index)
    }

    /// Puts a vector into a slot that was not there before.
    fn add(&mut self, vector: ClockVector) -> u32 {
        let slot = Slot {
            vector,
            ..Slot::default()
        };
        if self.first.vector.is_empty() && self.further.is_empty() {
            self.first = slot;
            return 1;
        }
        self.further.push(slot);
        self.further.len() as u32 + 1
    }

    /// All slots but that of the empty vector, with their numbers.
    fn slots(&mut self) -> impl Iterator<Item = (&mut Slot, u32)> {
        core::iter::once(&mut self.first)
            .chain(&mut self.further)
            .zip(1..)
    }

    fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        match slot {
            EMPTY => None,
            1 => Some(&mut self.first),
            _ => self.further.get_mut(slot as usize - 2),
        }
    }
}
