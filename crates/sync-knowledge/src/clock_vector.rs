//! One tick per replica.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::iter::Peekable;

use crate::{Relation, ReplicaKey, Tick, Version};

mod mapped;

/// How many ticks are compared between two looks at whether the answer is already known: enough for
/// the compiler to use vector instructions.
const STRIDE: usize = 64;

/// For each replica the tick up to which everything is contained; 0 where nothing is.
///
/// Vectors form a lattice under containment: [`merge`](Self::merge) is the least vector that
/// contains both, [`meet`](Self::meet) the greatest that both contain.
///
/// ```
/// use sync_knowledge::{ClockVector, Relation, ReplicaKey, Version};
///
/// let a: ClockVector = [(ReplicaKey(0), 634), (ReplicaKey(1), 2023)].into_iter().collect();
/// let mut b = ClockVector::new();
/// b.raise(ReplicaKey(1), 2024);
///
/// assert!(a.contains(Version::new(ReplicaKey(1), 2023)));
/// assert_eq!(a.compare(&b), Relation::Concurrent);
/// b.merge(&a);
/// assert_eq!(b.iter().collect::<Vec<_>>(), [(ReplicaKey(0), 634), (ReplicaKey(1), 2024)]);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ClockVector {
    repr: Repr,
}

/// Equal vectors have equal representations: dense wherever that takes no more memory than sparse.
///
/// So a community whose members all know each other pays for plain arrays, and nobody can make a
/// small message grow by naming a single far key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Repr {
    /// Ticks by key, the last one not 0, at least half of them not 0.
    Dense(Vec<Tick>),
    /// The ticks that are not 0, by ascending key.
    Sparse(Vec<(u32, Tick)>),
}

impl ClockVector {
    /// The vector that contains nothing.
    pub const fn new() -> Self {
        ClockVector {
            repr: Repr::Dense(Vec::new()),
        }
    }

    /// The tick up to which the changes of `replica` are contained, 0 if none is.
    #[inline]
    pub fn tick(&self, replica: ReplicaKey) -> Tick {
        match &self.repr {
            Repr::Dense(ticks) => ticks.get(replica.0 as usize).copied().unwrap_or(0),
            Repr::Sparse(pairs) => match pairs.binary_search_by_key(&replica.0, |pair| pair.0) {
                Ok(at) => pairs[at].1,
                Err(_) => 0,
            },
        }
    }

    /// Adds all changes of `replica` up to `tick`. Never lowers what is there.
    ///
    /// A replica beyond all that are there is added in constant time where the key is the next one;
    /// any other new replica costs a pass over the vector. Many are better collected: an iterator of
    /// pairs in any order is put together at once.
    pub fn raise(&mut self, replica: ReplicaKey, tick: Tick) {
        if tick > self.tick(replica) {
            self.set(replica, tick);
        }
    }

    /// Makes `tick` what is contained of `replica`, be it more or less than before.
    pub(crate) fn set(&mut self, replica: ReplicaKey, tick: Tick) {
        let (key, at) = (replica.0, replica.0 as usize);
        match &mut self.repr {
            // One more tick at the end keeps half of them above 0.
            Repr::Dense(ticks) if at == ticks.len() && tick > 0 => ticks.push(tick),
            Repr::Dense(ticks) if at < ticks.len() && tick > 0 => ticks[at] = tick,
            _ => {
                let mut pairs: Vec<_> = self.pairs().collect();
                match (pairs.binary_search_by_key(&key, |pair| pair.0), tick) {
                    (Ok(at), 0) => drop(pairs.remove(at)),
                    (Ok(at), _) => pairs[at].1 = tick,
                    (Err(_), 0) => return,
                    (Err(at), _) => pairs.insert(at, (key, tick)),
                }
                *self = ClockVector::from_pairs(pairs);
            }
        }
    }

    /// Each replica of which something is contained, with its tick, by ascending key.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaKey, Tick)> {
        self.pairs().map(|(key, tick)| (ReplicaKey(key), tick))
    }

    /// Whether nothing is contained.
    pub fn is_empty(&self) -> bool {
        match &self.repr {
            Repr::Dense(ticks) => ticks.is_empty(),
            Repr::Sparse(pairs) => pairs.is_empty(),
        }
    }

    /// Of how many replicas something is contained.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Dense(ticks) => count(ticks),
            Repr::Sparse(pairs) => pairs.len(),
        }
    }

    /// Whether a version is contained. A tick of 0 always is.
    #[inline]
    pub fn contains(&self, version: Version) -> bool {
        version.tick <= self.tick(version.replica)
    }

    /// Whether all that `other` contains is contained here.
    pub fn contains_vector(&self, other: &ClockVector) -> bool {
        match (&self.repr, &other.repr) {
            (Repr::Dense(mine), Repr::Dense(theirs)) => {
                // The last tick of a dense vector is not 0.
                theirs.len() <= mine.len()
                    && strides(mine, theirs).all(|(mine, theirs)| covers(mine, theirs))
            }
            _ => joint(self, other).all(|(_, mine, theirs)| theirs <= mine),
        }
    }

    /// How this vector stands to another over the same keys.
    pub fn compare(&self, other: &ClockVector) -> Relation {
        let (mut contains, mut contained) = (true, true);
        if let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr) {
            contains = theirs.len() <= mine.len();
            contained = mine.len() <= theirs.len();
            for (mine, theirs) in strides(mine, theirs) {
                contains = contains && covers(mine, theirs);
                contained = contained && covers(theirs, mine);
                if !contains && !contained {
                    break;
                }
            }
        } else {
            for (_, mine, theirs) in joint(self, other) {
                contains &= theirs <= mine;
                contained &= mine <= theirs;
            }
        }
        Relation::from_containment(contains, contained)
    }

    /// Whether some version is contained in both.
    pub fn intersects(&self, other: &ClockVector) -> bool {
        joint(self, other).any(|(_, mine, theirs)| mine > 0 && theirs > 0)
    }

    /// Adds all that `other` contains: the least vector that contains both.
    pub fn merge(&mut self, other: &ClockVector) {
        match (&mut self.repr, &other.repr) {
            (Repr::Dense(mine), Repr::Dense(theirs)) => {
                // Dense stays dense: the longer one has half of its ticks above 0.
                let shared = mine.len().min(theirs.len());
                for (mine, theirs) in mine.iter_mut().zip(&theirs[..shared]) {
                    *mine = (*mine).max(*theirs);
                }
                mine.extend_from_slice(&theirs[shared..]);
            }
            _ => *self = self.merged(other),
        }
    }

    /// The least vector that contains both.
    pub fn merged(&self, other: &ClockVector) -> ClockVector {
        let (Repr::Dense(mine), Repr::Dense(theirs)) = (&self.repr, &other.repr) else {
            let pairs = joint(self, other).map(|(key, mine, theirs)| (key, mine.max(theirs)));
            return ClockVector::from_pairs(pairs.collect());
        };
        let (long, short) = if mine.len() < theirs.len() {
            (theirs, mine)
        } else {
            (mine, theirs)
        };
        if long.len() == short.len() {
            let ticks = long.iter().zip(short).map(|(a, b)| *a.max(b)).collect();
            return ClockVector {
                repr: Repr::Dense(ticks),
            };
        }
        let mut ticks = Vec::with_capacity(long.len());
        ticks.extend(long.iter().zip(short).map(|(a, b)| *a.max(b)));
        ticks.extend_from_slice(&long[short.len()..]);
        ClockVector {
            repr: Repr::Dense(ticks),
        }
    }

    /// Keeps what `other` contains too: the greatest vector that both contain.
    pub fn meet(&mut self, other: &ClockVector) {
        *self = match (&self.repr, &other.repr) {
            (Repr::Dense(mine), Repr::Dense(theirs)) => {
                ClockVector::from_ticks(mine.iter().zip(theirs).map(|(a, b)| *a.min(b)).collect())
            }
            _ => {
                let both = joint(self, other).map(|(key, mine, theirs)| (key, mine.min(theirs)));
                ClockVector::from_pairs(both.filter(|(_, tick)| *tick > 0).collect())
            }
        };
    }

    /// The replicas of which more is contained here than in `other`, with their ticks here: the
    /// least vector that, merged with what both contain, gives this one back.
    ///
    /// Vectors cannot leave out the beginning of a replica's history, so versions that both contain
    /// are in the result wherever this one goes on after them.
    pub fn complement(&self, other: &ClockVector) -> ClockVector {
        let more = joint(self, other).filter(|(_, mine, theirs)| mine > theirs);
        ClockVector::from_pairs(more.map(|(key, mine, _)| (key, mine)).collect())
    }

    /// The vector of these pairs: ascending keys, no tick 0.
    pub(crate) fn from_pairs(pairs: Vec<(u32, Tick)>) -> Self {
        let length = pairs
            .last()
            .map_or(0, |pair| (pair.0 as usize).saturating_add(1));
        if length > 2 * pairs.len() {
            return ClockVector {
                repr: Repr::Sparse(pairs),
            };
        }
        let mut ticks = alloc::vec![0; length];
        for (key, tick) in pairs {
            ticks[key as usize] = tick;
        }
        ClockVector {
            repr: Repr::Dense(ticks),
        }
    }

    /// The vector of these ticks by key.
    fn from_ticks(mut ticks: Vec<Tick>) -> Self {
        ticks.truncate(
            ticks
                .iter()
                .rposition(|tick| *tick > 0)
                .map_or(0, |last| last + 1),
        );
        if ticks.len() <= 2 * count(&ticks) {
            return ClockVector {
                repr: Repr::Dense(ticks),
            };
        }
        let pairs = ticks.into_iter().zip(0..).filter(|(tick, _)| *tick > 0);
        ClockVector {
            repr: Repr::Sparse(pairs.map(|(tick, key)| (key, tick)).collect()),
        }
    }

    /// Some total order, equal only where the vectors are.
    pub(crate) fn order(&self, other: &ClockVector) -> Ordering {
        self.repr.cmp(&other.repr)
    }

    /// A number that differs for most vectors that differ.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mix =
            |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match &self.repr {
            Repr::Dense(ticks) => ticks.iter().fold(0, |hash, tick| mix(hash, *tick)),
            Repr::Sparse(pairs) => pairs.iter().fold(1, |hash, (key, tick)| {
                mix(mix(hash, u64::from(*key)), *tick)
            }),
        }
    }

    fn pairs(&self) -> Pairs<'_> {
        match &self.repr {
            Repr::Dense(ticks) => Pairs::Dense(ticks.iter().enumerate()),
            Repr::Sparse(pairs) => Pairs::Sparse(pairs.iter()),
        }
    }
}

impl Default for Repr {
    fn default() -> Self {
        Repr::Dense(Vec::new())
    }
}

/// Of pairs with the same replica the greatest tick counts; the order does not matter.
impl FromIterator<(ReplicaKey, Tick)> for ClockVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaKey, Tick)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().filter(|pair| pair.1 > 0);
        let mut pairs: Vec<(u32, Tick)> = pairs.map(|(key, tick)| (key.0, tick)).collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        pairs.dedup_by_key(|pair| pair.0);
        ClockVector::from_pairs(pairs)
    }
}

impl core::fmt::Debug for ClockVector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.pairs()).finish()
    }
}

enum Pairs<'a> {
    Dense(core::iter::Enumerate<core::slice::Iter<'a, Tick>>),
    Sparse(core::slice::Iter<'a, (u32, Tick)>),
}

impl Iterator for Pairs<'_> {
    type Item = (u32, Tick);

    fn next(&mut self) -> Option<(u32, Tick)> {
        match self {
            Pairs::Dense(ticks) => ticks
                .find(|(_, tick)| **tick > 0)
                .map(|(key, tick)| (key as u32, *tick)),
            Pairs::Sparse(pairs) => pairs.next().copied(),
        }
    }
}

/// Every key that either vector has, ascending, with both ticks.
fn joint<'a>(
    a: &'a ClockVector,
    b: &'a ClockVector,
) -> impl Iterator<Item = (u32, Tick, Tick)> + 'a {
    let (mut a, mut b): (Peekable<Pairs<'a>>, Peekable<Pairs<'a>>) =
        (a.pairs().peekable(), b.pairs().peekable());
    core::iter::from_fn(move || {
        let key = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) => x.0.min(y.0),
            (Some(x), None) | (None, Some(x)) => x.0,
            (None, None) => return None,
        };
        let x = a.next_if(|pair| pair.0 == key).map_or(0, |pair| pair.1);
        let y = b.next_if(|pair| pair.0 == key).map_or(0, |pair| pair.1);
        Some((key, x, y))
    })
}

/// Both slices in steps of equal length, to the end of the shorter.
fn strides<'a>(a: &'a [Tick], b: &'a [Tick]) -> impl Iterator<Item = (&'a [Tick], &'a [Tick])> {
    let shared = a.len().min(b.len());
    a[..shared].chunks(STRIDE).zip(b[..shared].chunks(STRIDE))
}

/// Whether no tick of `theirs` is greater. Looks at all of them: without a way out of the loop it
/// becomes vector instructions.
fn covers(mine: &[Tick], theirs: &[Tick]) -> bool {
    mine.iter()
        .zip(theirs)
        .fold(true, |all, (mine, theirs)| all & (theirs <= mine))
}

fn count(ticks: &[Tick]) -> usize {
    ticks.iter().map(|tick| usize::from(*tick > 0)).sum()
}
