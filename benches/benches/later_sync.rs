//! Sessions after the first: nothing changed, and 100 rows changed in tables of different sizes.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]

use criterion::{Criterion, criterion_group, criterion_main};
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;
use sync_benches::stopwatch::Contestant;

const CHANGED: u64 = 100;

fn later_sync(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("later sync");
    group.sample_size(20);
    for rows in [10_000, 100_000, 1_000_000] {
        let pair = Pair::new(Keys::Integer, rows).expect("a pair of databases");
        pair.empty_destination().expect("a destination");
        pair.synchronize(false).expect("a session");
        group.bench_function(format!("no change in {rows}"), |bencher| {
            bencher.iter(|| pair.synchronize(false).expect("a session"));
        });
        let mut round = 0;
        let change = || {
            round += 1;
            pair.change(CHANGED, rows, round)
        };
        let mut changed = Contestant::new("changed", change, || pair.synchronize(false).map(drop));
        group.bench_function(format!("{CHANGED} changed in {rows}"), |bencher| {
            bencher.iter_custom(|turns| (0..turns).map(|_| changed.turn().expect("a turn")).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, later_sync);
criterion_main!(benches);
