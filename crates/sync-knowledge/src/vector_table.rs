//! Each distinct clock vector of a knowledge, once.

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
}

#[derive(Clone, Default, Debug)]
struct Slot {
    vector: ClockVector,
    /// How many ranges refer to it. A slot without uses is free.
    uses: u32,
    /// 0 until somebody asks: a single large vector never pays for it.
    fingerprint: u64,
}

static NOTHING: ClockVector = ClockVector::new();

impl VectorTable {
    /// The table that has no vector but the empty one.
    pub(crate) fn new() -> Self {
        VectorTable {
            first: Slot::default(),
            further: Vec::new(),
        }
    }

    /// The table of one vector, used once, and its slot.
    #[inline]
    pub(crate) fn single(vector: ClockVector) -> (Self, u32) {
        let slot = if vector.is_empty() { EMPTY } else { 1 };
        let first = Slot {
            vector,
            uses: slot,
            fingerprint: 0,
        };
        (
            VectorTable {
                first,
                further: Vec::new(),
            },
            slot,
        )
    }

    /// The table of these vectors, none of them used yet, and the slot of each.
    pub(crate) fn distinct(vectors: Vec<ClockVector>) -> (Self, Vec<u32>) {
        let mut order: Vec<(u64, usize)> = vectors.iter().map(fingerprint).zip(0..).collect();
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
            slot.fingerprint = 0;
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
        if let Some(slot) = self.slot(slot) {
            slot.uses -= 1;
            if slot.uses == 0 {
                *slot = Slot::default();
            }
        }
    }

    /// Frees what has no use.
    pub(crate) fn shrink(&mut self) {
        for (slot, _) in self.slots().filter(|(slot, _)| slot.uses == 0) {
            *slot = Slot::default();
        }
    }

    /// The slot of a vector, with one more use; a free or new one if the vector is new.
    pub(crate) fn intern(&mut self, vector: ClockVector) -> u32 {
        if vector.is_empty() {
            return EMPTY;
        }
        let wanted = fingerprint(&vector);
        let mut free = None;
        for (slot, number) in self.slots() {
            if slot.uses == 0 {
                free = Some(number);
                continue;
            }
            if slot.fingerprint == 0 {
                slot.fingerprint = fingerprint(&slot.vector);
            }
            if slot.fingerprint == wanted && slot.vector == vector {
                slot.uses += 1;
                return number;
            }
        }
        let number = free.unwrap_or_else(|| self.add(ClockVector::new()));
        if let Some(slot) = self.slot(number) {
            *slot = Slot {
                vector,
                uses: 1,
                fingerprint: wanted,
            };
        }
        number
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

fn fingerprint(vector: &ClockVector) -> u64 {
    vector.fingerprint().max(1)
}
