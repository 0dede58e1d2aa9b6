//! Which ids two indexes share.

use core::cmp::Ordering;
use core::ops::Range;

use crate::id_index::{IdIndex, Ids};

/// An index and the ids it is of.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) index: &'a IdIndex,
    pub(crate) ids: Ids<'a>,
}

/// How many ids are compared at once where both sides have the same.
const RUN: usize = 8;

/// How many steps are made between two looks at what they found.
const STEPS: usize = 32;

/// Calls `met` with the keys of each id that both have.
#[inline]
pub(crate) fn shared(mine: Indexed<'_>, theirs: Indexed<'_>, mut met: impl FnMut(u32, u32)) {
    let (a, b) = (mine.index, theirs.index);
    if !(a.plain && b.plain) {
        return shared_any(mine, theirs, met);
    }
    let mut begin = 0;
    // As long as both have the same there is nothing to search for.
    while let (Some(x), Some(y)) = (a.run(begin), b.run(begin))
        && x.heads == y.heads
        && x.tails == y.tails
    {
        for (mine, theirs) in x.keys.iter().zip(y.keys) {
            met(*mine, *theirs);
        }
        begin += RUN;
    }
    let mut walk = Walk {
        mine: begin..a.heads.len(),
        theirs: begin..b.heads.len(),
        found: [(0, 0); 2 * STEPS],
    };
    while !walk.mine.is_empty() && !walk.theirs.is_empty() {
        for (at, there) in walk.next(&a.heads, &b.heads) {
            let (at, there) = (*at as usize, *there as usize);
            if a.tails[at] == b.tails[there] {
                met(a.keys[at], b.keys[there]);
            }
        }
    }
}

/// Walking along two ascending arrays from both ends at once: two chains of steps that do not wait
/// for each other.
struct Walk {
    mine: Range<usize>,
    theirs: Range<usize>,
    found: [(u32, u32); 2 * STEPS],
}

impl Walk {
    /// Makes some steps and gives the places where both arrays have the same.
    #[inline]
    fn next(&mut self, mine: &[u64], theirs: &[u64]) -> &[(u32, u32)] {
        let (a, b) = (&mine[..self.mine.end], &theirs[..self.theirs.end]);
        let mut found = 0;
        // The ends cannot meet in so many steps.
        let (mut i, mut j) = (self.mine.start, self.theirs.start);
        let (mut k, mut l) = (a.len(), b.len());
        let steps = ((k - i).min(l - j) / 2).min(STEPS);
        for _ in 0..steps {
            let (x, y) = (a[i], b[j]);
            // Which one is less cannot be predicted, so there is no branch.
            self.found[found % (2 * STEPS)] = (i as u32, j as u32);
            found += usize::from(x == y);
            i += usize::from(x <= y);
            j += usize::from(y <= x);
            let (x, y) = (a[k - 1], b[l - 1]);
            self.found[found % (2 * STEPS)] = (k as u32 - 1, l as u32 - 1);
            found += usize::from(x == y);
            k -= usize::from(x >= y);
            l -= usize::from(y >= x);
        }
        if steps == 0 {
            let (x, y) = (a[i], b[j]);
            self.found[0] = (i as u32, j as u32);
            found = usize::from(x == y);
            i += usize::from(x <= y);
            j += usize::from(y <= x);
        }
        self.mine = i..k;
        self.theirs = j..l;
        &self.found[..found]
    }
}

/// Some entries of an index that follow each other.
struct Run<'a> {
    heads: &'a [u64; RUN],
    tails: &'a [u64; RUN],
    keys: &'a [u32; RUN],
}

impl IdIndex {
    #[inline]
    fn run(&self, begin: usize) -> Option<Run<'_>> {
        Some(Run {
            heads: self.heads.get(begin..)?.first_chunk()?,
            tails: self.tails.get(begin..)?.first_chunk()?,
            keys: self.keys.get(begin..)?.first_chunk()?,
        })
    }
}

/// The same for ids of any length.
#[cold]
fn shared_any(mine: Indexed<'_>, theirs: Indexed<'_>, mut met: impl FnMut(u32, u32)) {
    let (a, b) = (mine.index, theirs.index);
    let (mut at, mut there) = (0, 0);
    while at < a.keys.len() && there < b.keys.len() {
        let (x, y) = (a.keys[at], b.keys[there]);
        let alike = || mine.ids.id(x).cmp(&theirs.ids.id(y));
        let order = a.words(at).cmp(&b.words(there)).then_with(alike);
        if order == Ordering::Equal {
            met(x, y);
        }
        at += usize::from(order.is_le());
        there += usize::from(order.is_ge());
    }
}
