//! A fast hasher for small keys that nobody attacks.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(super) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Folding>>;

/// Folds each word into a 128-bit product, whose halves are added up.
#[derive(Debug, Default)]
pub(super) struct Folding(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Folding {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0.rotate_left(23) ^ word ^ ODD) * u128::from(ODD | 1 << 63);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.fold(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.fold(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.fold(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.fold(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.fold(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
