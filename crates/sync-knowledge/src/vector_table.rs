//! Each distinct clock vector of a knowledge, once.

use alloc::vec::Vec;

use crate::ClockVector;

/// The slot of the vector that contains nothing.
pub(crate) const EMPTY: u32 = 0;

/// The clock vectors that the ranges of a knowledge refer to by slot. No two used slots hold equal
/// vectors, so equal vectors are equal slots. Slot 0 is the empty vector.
#[derive(Clone, Debug)]
pub(crate) struct VectorTable {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    vector: ClockVector,
    /// How many ranges refer to it. A slot without uses is free.
    uses: u32,
    /// 0 until somebody asks: a single large vector never pays for it.
    fingerprint: u64,
}

impl VectorTable {
    /// The table of the empty vector alone.
    pub(crate) fn new() -> Self {
        VectorTable {
            slots: [Slot::default()].into(),
        }
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
        if vectors.is_empty() {
            return (table, [EMPTY].into());
        }
        let mut slots: Vec<u32> = Vec::with_capacity(vectors.len());
        for (at, vector) in vectors.into_iter().enumerate() {
            let slot = match first[at] {
                _ if vector.is_empty() => EMPTY,
                earlier if earlier < at => slots[earlier],
                _ => {
                    table.slots.push(Slot {
                        vector,
                        ..Slot::default()
                    });
                    (table.slots.len() - 1) as u32
                }
            };
            slots.push(slot);
        }
        (table, slots)
    }

    /// The vector in a slot.
    pub(crate) fn vector(&self, slot: u32) -> &ClockVector {
        &self.slots[slot as usize].vector
    }

    /// The vector in a slot, to be changed into none that another used slot holds.
    pub(crate) fn vector_mut(&mut self, slot: u32) -> &mut ClockVector {
        let slot = &mut self.slots[slot as usize];
        slot.fingerprint = 0;
        &mut slot.vector
    }

    /// How many slots there are, the free ones included.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The vectors by slot.
    pub(crate) fn into_vectors(self) -> Vec<ClockVector> {
        self.slots.into_iter().map(|slot| slot.vector).collect()
    }

    /// Counts one more use of a slot.
    pub(crate) fn retain(&mut self, slot: u32) -> u32 {
        self.slots[slot as usize].uses += 1;
        slot
    }

    /// Counts one use less; the last one frees the slot.
    pub(crate) fn release(&mut self, slot: u32) {
        let used = &mut self.slots[slot as usize];
        used.uses -= 1;
        if used.uses == 0 {
            *used = Slot::default();
        }
    }

    /// Frees what has no use.
    pub(crate) fn shrink(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.uses == 0) {
            *slot = Slot::default();
        }
    }

    /// The slot of a vector, with one more use; a free or new one if the vector is new.
    pub(crate) fn intern(&mut self, vector: ClockVector) -> u32 {
        if vector.is_empty() {
            return self.retain(EMPTY);
        }
        let wanted = fingerprint(&vector);
        let mut free = None;
        for (at, slot) in self.slots.iter_mut().enumerate().skip(1) {
            if slot.uses == 0 {
                free = Some(at);
                continue;
            }
            if slot.fingerprint == 0 {
                slot.fingerprint = fingerprint(&slot.vector);
            }
            if slot.fingerprint == wanted && slot.vector == vector {
                slot.uses += 1;
                return at as u32;
            }
        }
        let slot = Slot {
            vector,
            uses: 1,
            fingerprint: wanted,
        };
        match free {
            Some(at) => {
                self.slots[at] = slot;
                at as u32
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        }
    }
}

fn fingerprint(vector: &ClockVector) -> u64 {
    vector.fingerprint().max(1)
}
