//! What memory allows: the ticks of both sides as plain arrays in the same order, without names.

use std::hint::black_box;

use sync_knowledge_benches::sample::{Random, Side};
use sync_knowledge_benches::stopwatch::Contestant;

use crate::contest::Operation;

/// The bound of an operation: element by element over two arrays as long as the sides.
pub fn contestant(operation: Operation, mine: &Side, theirs: &Side) -> Contestant<'static> {
    let ticks = |side: &Side| -> Vec<u64> { side.0.iter().map(|(_, tick)| *tick).collect() };
    let (mine, theirs) = (ticks(mine), ticks(theirs));
    let both = maximum(&mine, &theirs);
    match operation {
        Operation::Merge => {
            Contestant::new(NAME, move || maximum(black_box(&mine), black_box(&theirs)))
        }
        Operation::MergeAgain => {
            Contestant::new(NAME, move || maximum(black_box(&both), black_box(&theirs)))
        }
        Operation::MergeAndAsk => Contestant::new(NAME, move || {
            let both = maximum(black_box(&mine), black_box(&theirs));
            let known = both.last() >= theirs.last();
            (both, known)
        }),
        Operation::Compare => Contestant::new(NAME, move || {
            let pairs = black_box(&both).iter().zip(black_box(&theirs));
            pairs.fold((true, true), |(ge, le), (a, b)| {
                (ge & (b <= a), le & (a <= b))
            })
        }),
        Operation::Contains => Contestant::new(NAME, move || {
            let pairs = black_box(&both).iter().zip(black_box(&theirs));
            pairs.fold(true, |all, (a, b)| all & (b <= a))
        }),
        Operation::Versions => {
            let mut versions: Vec<(usize, u64)> = theirs.into_iter().enumerate().collect();
            Random::new(1).shuffle(&mut versions);
            Contestant::new(NAME, move || {
                let both = black_box(&both);
                black_box(&versions)
                    .iter()
                    .filter(|(at, tick)| *tick <= both[*at])
                    .count()
            })
        }
    }
}

const NAME: &str = "bound";

fn maximum(mine: &[u64], theirs: &[u64]) -> Vec<u64> {
    mine.iter().zip(theirs).map(|(a, b)| *a.max(b)).collect()
}
