//! Which ids two indexes share.

use core::cmp::Ordering;

use crate::ReplicaId;
use crate::id_index::{IdIndex, Ids};

/// An index and the ids it is of.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) index: &'a IdIndex,
    pub(crate) ids: Ids<'a>,
}

/// A few ids are told apart by so many bits at first sight.
const SLOT_BITS: u32 = 6;

/// How many ids are compared at once where both sides have the same.
const RUN: usize = 64;

/// Puts my key of each id that both have into the place in `table` of their key; the other places
/// hold `unknown`, and keep it.
#[inline]
pub(crate) fn shared(mine: Indexed<'_>, theirs: Indexed<'_>, table: &mut [u32], unknown: u32) {
    let (a, b) = (mine.index, theirs.index);
    if !(a.plain && b.plain) {
        return shared_any(mine, theirs, |mine, theirs| table[theirs as usize] = mine);
    }
    let mut begin = 0;
    // As long as both have the same there is nothing to search for.
    for (x, y) in a.runs().zip(b.runs()) {
        if x.heads != y.heads || x.tails != y.tails {
            break;
        }
        for (mine, theirs) in x.keys.iter().zip(y.keys) {
            table[*theirs as usize] = *mine;
        }
        begin += x.keys.len();
    }
    let (n, m) = (a.keys.len(), b.keys.len());
    // Of the same length, so that one check of bounds serves for all three.
    let x = (&a.heads[..n], &a.tails[..n], &a.keys[..n]);
    let y = (&b.heads[..m], &b.tails[..m], &b.keys[..m]);
    // Which side is less cannot be predicted, so there is no branch: what is written too early is
    // written again.
    let mut look = |at: usize, there: usize| {
        let (head, other) = (x.0[at], y.0[there]);
        let same = (head == other) & (x.1[at] == y.1[there]);
        table[y.2[there] as usize] = if same { x.2[at] } else { unknown };
        (usize::from(head <= other), usize::from(other <= head))
    };
    // From both ends at once: two chains of steps that do not wait for each other.
    let (mut i, mut j, mut k, mut l) = (begin, begin, n, m);
    while i < k && j < l {
        // In so many steps the ends do not meet.
        let steps = (k - i).min(l - j) / 2;
        for _ in 0..steps {
            let (less, more) = look(i, j);
            (i, j) = (i + less, j + more);
            let (less, more) = look(k - 1, l - 1);
            (k, l) = (k - more, l - less);
        }
        if steps == 0 {
            let (less, more) = look(i, j);
            (i, j) = (i + less, j + more);
        }
    }
}

/// The same for so few ids that no index of them is worth keeping.
#[inline]
pub(crate) fn shared_few(mine: &[ReplicaId], theirs: &[ReplicaId], table: &mut [u32]) {
    // Where to look first: of ids that share a slot the last one is there.
    let mut slots = [0_u8; 1 << SLOT_BITS];
    let slot = |id: &ReplicaId| (id.fingerprint() >> (u64::BITS - SLOT_BITS)) as usize;
    for (id, number) in mine.iter().zip(1..) {
        slots[slot(id)] = number;
    }
    for (id, key) in theirs.iter().zip(table) {
        let Some(guess) = slots[slot(id)].checked_sub(1) else {
            continue;
        };
        let guess = usize::from(guess);
        if mine.get(guess) == Some(id) {
            *key = guess as u32;
        } else if let Some(place) = look_through(mine, id) {
            *key = place as u32;
        }
    }
}

/// Out of line, so that the usual way keeps the registers.
#[cold]
fn look_through(ids: &[ReplicaId], id: &ReplicaId) -> Option<usize> {
    ids.iter().position(|known| known == id)
}

/// Some entries of an index that follow each other.
struct Run<'a> {
    heads: &'a [u64],
    tails: &'a [u64],
    keys: &'a [u32],
}

impl IdIndex {
    #[inline]
    fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let words = self.heads.chunks(RUN).zip(self.tails.chunks(RUN));
        words
            .zip(self.keys.chunks(RUN))
            .map(|((heads, tails), keys)| Run { heads, tails, keys })
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
