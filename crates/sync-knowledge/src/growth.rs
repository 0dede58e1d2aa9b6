//! How large knowledge can become.

use crate::Knowledge;
use crate::fragments::Fragments;
use crate::range_set::RangeSet;

impl Knowledge {
    /// How many clock entries (a replica with its tick) [`Self::combine`] can make of both at most;
    /// each takes 8 to 16 bytes.
    ///
    /// A few ranges that know nearly nothing, joined with one range that knows many replicas, give
    /// as many ranges that know all of them: two small blobs can make something large. Whoever
    /// combines what comes from outside sets a limit to this number first.
    pub fn combined_entries_at_most(&self, other: &Knowledge) -> u64 {
        let (mine, theirs) = (&self.fragments, &other.fragments);
        let pairs = mine.pairs(theirs);
        let cuts = |a: &RangeSet, b: &RangeSet| (a.len() + b.len()) as u64 - 1;
        let ranges: u64 = pairs.iter().map(|(_, a, b)| cuts(a, b)).sum();
        // Ranges that meet in the same two vectors share what these make.
        let vectors = (mine.table.len() as u64).saturating_mul(theirs.table.len() as u64);
        ranges
            .min(vectors)
            .saturating_mul(longest(mine) + longest(theirs))
    }
}

fn longest(fragments: &Fragments) -> u64 {
    let slots = 0..fragments.table.len() as u32;
    let lengths = slots.map(|slot| fragments.table.vector(slot).len());
    lengths.max().unwrap_or(0) as u64
}
