//! A first synchronisation between two SQLite files, against the same work by hand.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sync_benches::floor::{self, Input};
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;
use sync_benches::stopwatch::Contestant;

const ROWS: u64 = 100_000;

fn first_sync(criterion: &mut Criterion) {
    for keys in [Keys::Integer, Keys::Guid] {
        let pair = Pair::new(keys, ROWS).expect("a pair of databases");
        let (source, destination) = (pair.source(), pair.destination());
        let mut group = criterion.benchmark_group(format!("first sync, {}", keys.name()));
        group
            .sample_size(10)
            .measurement_time(Duration::from_secs(10))
            .throughput(Throughput::Elements(ROWS));
        let mut contestants = [
            Contestant::new(
                "floor with read",
                || pair.bare_destination(),
                || floor::copy_by_hand(Input::Database(&source), &destination),
            ),
            Contestant::new(
                "session",
                || pair.empty_destination(),
                || pair.synchronize(false).map(drop),
            ),
        ];
        for contestant in &mut contestants {
            let name = contestant.name.clone();
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|turns| {
                    (0..turns).map(|_| contestant.turn().expect("a turn")).sum()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, first_sync);
criterion_main!(benches);
