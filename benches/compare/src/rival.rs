//! What a rival has to be able to do.

use std::cmp::Ordering;
use std::hint::black_box;

use sync_knowledge_benches::sample::{self, Random, Side};
use sync_knowledge_benches::stopwatch::Contestant;

use crate::contest::Operation;

/// A version vector of somebody else.
pub trait Rival: Sized {
    /// The name in tables.
    const NAME: &'static str;
    /// What it takes for a replica's name.
    type Key: Copy;

    /// The name that stands for a GUID.
    fn key(id: [u8; 16]) -> Self::Key;
    /// The vector of these ticks.
    fn of(ticks: impl Iterator<Item = (Self::Key, u64)>) -> Self;
    /// The least vector that contains both.
    fn merged(&self, other: &Self) -> Self;
    /// How it stands to another.
    fn compare(&self, other: &Self) -> Option<Ordering>;
    /// Whether all of another is contained.
    fn contains_all(&self, other: &Self) -> bool;
    /// Whether one change is contained.
    fn contains(&self, replica: Self::Key, tick: u64) -> bool;
}

/// A rival in an operation on two sides.
pub fn contestant<R: Rival + 'static>(
    operation: Operation,
    mine: &Side,
    theirs: &Side,
) -> Contestant<'static> {
    let of = |side: &Side| R::of(side.0.iter().map(|(id, tick)| (R::key(*id), *tick)));
    let (mine, other) = (of(mine), of(theirs));
    let both = mine.merged(&other);
    assert_eq!(both.compare(&other), Some(Ordering::Greater), "{}", R::NAME);
    assert!(
        both.contains_all(&other) && !other.contains_all(&both),
        "{}",
        R::NAME
    );
    match operation {
        Operation::Merge => {
            Contestant::new(R::NAME, move || black_box(&mine).merged(black_box(&other)))
        }
        Operation::MergeAgain => {
            Contestant::new(R::NAME, move || black_box(&both).merged(black_box(&other)))
        }
        Operation::MergeAndAsk => {
            let (id, tick) = sample::last(theirs);
            let key = R::key(id);
            Contestant::new(R::NAME, move || {
                let both = black_box(&mine).merged(black_box(&other));
                let known = both.contains(black_box(key), tick);
                (both, known)
            })
        }
        Operation::Compare => {
            Contestant::new(R::NAME, move || black_box(&both).compare(black_box(&other)))
        }
        Operation::Contains => Contestant::new(R::NAME, move || {
            black_box(&both).contains_all(black_box(&other))
        }),
        Operation::Versions => {
            let mut versions: Vec<_> = theirs
                .0
                .iter()
                .map(|(id, tick)| (R::key(*id), *tick))
                .collect();
            Random::new(1).shuffle(&mut versions);
            Contestant::new(R::NAME, move || {
                let both = black_box(&both);
                black_box(&versions)
                    .iter()
                    .filter(|(key, tick)| both.contains(*key, *tick))
                    .count()
            })
        }
    }
}
